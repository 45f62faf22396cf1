"""2LPT against monofonIC's, in a few of its modes, which `make_monofonic_modes.py` took."""

from pathlib import Path

import numpy as np
import pytest
from scipy import fft

from halokeras.simulation.lpt.lpt import first_order, second_order
from halokeras.simulation.lpt.streamed import second_order_source

BOX_SIZE = 100.0  # Mpc/h
LATTICE = 12  # whose Nyquist mode has one wave more than the finest that is kept


@pytest.fixture(scope="module")
def reference():
    with np.load(Path(__file__).with_name("monofonic_modes.npz")) as file:
        return {
            name: np.stack([part.astype(np.float32).view(np.complex64)[..., 0] * rms
                            for part, rms in zip(file[name], file[f"{name}_rms"], strict=True)])
            for name in ("linear", "first", "second")
        }  # fmt: skip


@pytest.fixture(scope="module")
def linear(reference):
    """Linear modes of the overdensity on a lattice, zero where none are kept."""
    modes = np.zeros((LATTICE, LATTICE, LATTICE // 2 + 1), dtype=np.complex64)
    modes[up_to(5)] = reference["linear"][0]
    return modes


def up_to(waves):
    kept = np.r_[0 : waves + 1, -waves:0]
    return np.ix_(kept, kept, range(waves + 1))


def displaced(field):
    """Modes of up to two waves of a displacement on the lattice, by axis."""
    return np.stack([fft.rfftn(field[..., axis], norm="forward")[up_to(2)] for axis in range(3)])


def test_the_first_order_is_that_of_monofonic(linear, reference):
    ours = displaced(first_order(linear, BOX_SIZE))
    np.testing.assert_allclose(ours, reference["first"], atol=2e-3 * np.abs(ours).max())


def streamed(delta, box_size):
    return -first_order(second_order_source(delta), box_size)


@pytest.mark.parametrize("second", [second_order, streamed], ids=["in memory", "streamed"])
def test_the_second_order_is_that_of_monofonic(second, linear, reference):
    ours, theirs = displaced(second(linear, BOX_SIZE)), reference["second"]
    both = np.vdot(ours, theirs).real
    own = np.vdot(ours, ours).real
    assert both / own == pytest.approx(1, abs=5e-3)
    assert both / np.sqrt(own * np.vdot(theirs, theirs).real) > 0.998
