"""Boxes and their densities: made, read and written."""

import warnings
from collections.abc import Iterator, Sequence
from operator import index
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes import box_file
from halokeras.boxes.box import Box, check_scale
from halokeras.cosmology.cosmology import Cosmology, box_cosmology
from halokeras.environment import allotted_cores
from halokeras.errors import BoxError, OutputError
from halokeras.fields.gridding import Shape
from halokeras.resources import or_shipped
from halokeras.storage.files import SUFFIXES


def lpt(
    voxels: int | Shape,
    seed: int = 1,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
    cosmology: str | Cosmology = "00",
) -> NDArray[np.float32]:
    """Make the 2LPT density of a periodic box.

    Parameters
    ----------
    voxels
        Along a side, or along x, y and z.
    seed
        Realisation: equal seeds give equal phases in every cosmology.
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Redshift of the density.
    cosmology
        ``00`` to ``04``, or one of your own.

    Returns
    -------
    ndarray
        rho/mean, cloud-in-cell about voxel centres, (nx, ny, nz) float32.

    Raises
    ------
    BoxError
        If it cannot be made, or there is too little memory.
    """
    from halokeras.simulation.lpt.box import LptBox
    from halokeras.simulation.lpt.density import make_density

    x, y, z = _sides(voxels)
    chosen = cosmology_of(cosmology)
    check_scale(voxel_size, redshift, "the density")
    wanted = LptBox(chosen, seed, (x, y, z), voxel_size, redshift)
    return make_density(wanted, allotted_cores()).astype(np.float32)


def simulate(
    box_id: str = "00",
    seed: int = 1,
    *,
    size: float = 256.0,
    particles: int = 256,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
) -> Box:
    """Make a box: 2LPT density, N-body simulation, friends-of-friends halos.

    Parameters
    ----------
    box_id
        Cosmology, ``00`` to ``04``.
    seed
        Realisation.
    size
        Side of the box [Mpc/h].
    particles
        Particles along a side.
    voxel_size
        Side of the density's voxels [Mpc/h].
    redshift
        Redshift of density and halos.

    Raises
    ------
    BoxError
        If it cannot be made, or there is too little memory.
    """
    return next(_simulated([redshift], box_id, seed, size, particles, voxel_size))


def snapshots(
    redshifts: Sequence[float],
    cosmology: str | Cosmology = "00",
    seed: int = 1,
    *,
    size: float = 256.0,
    particles: int = 256,
    voxel_size: float = 4.0,
) -> Iterator[Box]:
    """Make boxes at several redshifts of one simulation, each as `simulate` makes one.

    Parameters
    ----------
    redshifts
        Of the boxes, in any order; they come from the earliest to the last.
    cosmology
        ``00`` to ``04``, or one of your own.
    seed
        Realisation: equal seeds give equal phases in every cosmology.
    size
        Side of the box [Mpc/h].
    particles
        Particles along a side.
    voxel_size
        Side of the density's voxels [Mpc/h].

    Returns
    -------
    iterator of Box
        Each as soon as it is made; there is memory for one at a time.

    Raises
    ------
    BoxError
        If they cannot be made, or there is too little memory.
    """
    return _simulated(redshifts, cosmology, seed, size, particles, voxel_size)


def read_box(path: str | Path) -> Box:
    """Read a box file, or of a box id, ``00`` to ``04``, the realisation that was held out.

    Raises
    ------
    BoxError
        If there is none, or it is no box.
    """
    if not isinstance(path, str | Path):
        raise BoxError(f"the box is a {type(path).__name__}; name a box file, or an id, 00 to 04")
    return box_file.read_box(or_shipped(box_file.box_path(str(path)), "boxes"))


def write_box(box: Box, path: str | Path) -> None:
    """Check a box and write its file, whole.

    Raises
    ------
    BoxError
        If the box would not be read back.
    OutputError
        If the file cannot be written.
    """
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise OutputError(f"{target}: box files end in {' or '.join(SUFFIXES)}; name it so")
    box_file.write_box(box, target)


def _simulated(
    redshifts: Sequence[float],
    cosmology: str | Cosmology,
    seed: int,
    size: float,
    particles: int,
    voxel_size: float,
) -> Iterator[Box]:
    """Return the boxes of a simulation, after warning of a lattice that shows in their density."""
    from halokeras.simulation.simulate import Simulation, lattice_warning
    from halokeras.simulation.simulate import simulate as simulated

    if cosmology is None:
        raise BoxError("name the cosmology of the simulation, 00 to 04 or one of your own")
    named = cosmology if isinstance(cosmology, str) else None
    chosen = cosmology_of(cosmology)
    wanted = Simulation(chosen, seed, size, particles, voxel_size, tuple(redshifts), box_id=named)
    told = lattice_warning(wanted)
    if told is not None:
        warnings.warn(told, stacklevel=3)
    return simulated(wanted, allotted_cores())


def _sides(voxels: int | Shape) -> Shape:
    """Return the voxels along x, y and z, or refuse what is neither one number nor three."""
    try:
        if np.ndim(voxels) == 0:
            side = index(voxels)  # type: ignore[arg-type]
            return side, side, side
        x, y, z = (index(side) for side in voxels)  # type: ignore[union-attr]
    except (TypeError, ValueError):
        raise BoxError(f"voxels {voxels!r} are neither a whole number nor three of them") from None
    return x, y, z


@overload
def cosmology_of(told: str | Cosmology) -> Cosmology: ...
@overload
def cosmology_of(told: str | Cosmology | None) -> Cosmology | None: ...
def cosmology_of(told: str | Cosmology | None) -> Cosmology | None:
    """Return a cosmology that is given, or that of a box id.

    Raises
    ------
    BoxError
        If it is neither.
    """
    if told is not None and not isinstance(told, str | Cosmology):
        raise BoxError(f"cosmology {told!r} is neither a box id, 00 to 04, nor a Cosmology")
    return box_cosmology(told) if isinstance(told, str) else told
