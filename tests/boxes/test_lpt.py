from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import fft

from halokeras.boxes.cosmology import growth
from halokeras.boxes.lpt import (
    first_order,
    lattice_positions,
    linear_modes,
    lpt_density,
    second_order,
)

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "lpt_reference"
FLAT = (np.array([1e-4, 1e2]), np.array([7.0, 7.0]))


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="monofonIC's outputs are not beside the checkout")
def test_both_orders_agree_with_monofonic():
    with h5py.File(REFERENCE / "test_1lpt_sc_generic.hdf5") as file:
        overdensity = file["DM_delta"][()]
        displaced = np.stack([file[f"DM_d{axis}"][()] for axis in "xyz"], axis=-1) * 100
        omega_m, a = file["Header"].attrs["Omega_m"], file["Header"].attrs["astart"]
    with h5py.File(REFERENCE / "test_2lpt_sc_gadget.hdf5") as file:
        order = np.argsort(file["PartType1/ParticleIDs"][()])
        position = file["PartType1/Coordinates"][()][order].reshape(32, 32, 32, 3)
    delta = fft.rfftn(overdensity, norm="forward").astype(np.complex64)
    first = first_order(delta, 100.0)
    np.testing.assert_allclose(first, displaced, atol=2e-3 * displaced.std())

    lattice = lattice_positions(32, 100.0)
    reference = (position - lattice - displaced + 50) % 100 - 50
    reference -= reference.mean(axis=(0, 1, 2))
    at = growth(a, omega_m)
    ours = at.second[0] / at.first[0] ** 2 * second_order(delta, 100.0)
    slope = (ours * reference).sum() / (ours * ours).sum()
    assert slope == pytest.approx(1, abs=5e-3)
    assert np.std(reference - ours) < 0.01 * np.std(reference)
