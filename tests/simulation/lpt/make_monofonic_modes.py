"""Make `monofonic_modes.npz` of monofonIC's outputs: ``python make_monofonic_modes.py FOLDER``.

The folder holds the outputs that monofonIC's own tests compare with, 1LPT and 2LPT of the same
modes (32^3 particles, 100 Mpc/h, z = 50). Kept are monofonIC's linear modes of up to 5 waves along
each axis, and both orders of its displacement in modes of up to 2 waves, to which the modes left
out add almost nothing: with all modes the slope of `test_monofonic.py` is 1.0000, with these
0.9995 (2nd order).
"""

import sys
from pathlib import Path

import h5py
import numpy as np
from scipy import fft

from halokeras.cosmology.cosmology import Background, growth
from halokeras.simulation.lpt.lpt import lattice_positions

LATTICE, BOX_SIZE = 32, 100.0
LINEAR, DISPLACED = 5, 2


def coarse(field, waves):
    """Modes of up to so many waves along each axis, real and imaginary parts over their rms."""
    kept = np.r_[0 : waves + 1, -waves:0]
    modes = fft.rfftn(field, norm="forward")[np.ix_(kept, kept, range(waves + 1))]
    rms = np.sqrt(np.mean(np.abs(modes) ** 2))
    return np.stack([modes.real, modes.imag], axis=-1).astype(np.float64) / rms, rms


def main(folder, target):
    """Write the modes as 16-bit numbers, and what scales them."""
    with h5py.File(folder / "test_1lpt_sc_generic.hdf5") as file:
        overdensity = file["DM_delta"][()]
        first = np.stack([file[f"DM_d{axis}"][()] for axis in "xyz"]) * BOX_SIZE
        at = growth(file["Header"].attrs["astart"], Background(file["Header"].attrs["Omega_m"]))
    with h5py.File(folder / "test_2lpt_sc_gadget.hdf5") as file:
        order = np.argsort(file["PartType1/ParticleIDs"][()])
        position = file["PartType1/Coordinates"][()][order].reshape(LATTICE, LATTICE, LATTICE, 3)
    moved = np.moveaxis(position - lattice_positions(LATTICE, BOX_SIZE), -1, 0) - first
    second = (moved + BOX_SIZE / 2) % BOX_SIZE - BOX_SIZE / 2
    second -= second.mean(axis=(1, 2, 3), keepdims=True)
    # as of linear modes with a growth of one: what `second_order` returns
    second *= at.first[0] ** 2 / at.second[0]
    told = {}
    for name, fields, waves in (
        ("linear", overdensity[None], LINEAR),
        ("first", first, DISPLACED),
        ("second", second, DISPLACED),
    ):
        modes, rms = zip(*(coarse(field, waves) for field in fields), strict=True)
        told[name], told[f"{name}_rms"] = np.stack(modes).astype(np.float16), np.array(rms)
    np.savez_compressed(target, **told)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("monofonic_modes.npz"))
