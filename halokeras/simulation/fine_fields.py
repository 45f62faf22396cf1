"""The 2LPT matter of a box below its voxels: a finer density, and how halos move there.

All is made of the same particles as the density on the voxels, so of the same modes: it tells where
in its voxel a halo may lie and how fast it moves there. 2LPT particles stream through each other
where halos fall together, so halos get a part of their velocity from the density instead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.boxes.box import Provenance
from halokeras.boxes.box_file import Header, header_attributes
from halokeras.cosmology.cosmology import growth
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.simulation.density import (
    POINTS,
    Flow,
    LptBox,
    LptEstimate,
    Progress,
    estimate,
    flow,
)
from halokeras.simulation.streamed_lpt import deposit_displaced, deposit_momentum
from halokeras.simulation.threads import numba_threads
from halokeras.storage.grid import Grid
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.store import Layout
from halokeras.storage.stores import new_store, open_store

_LPT_SHARE, _INFALL_SHARE, _NEAR_INFALL = 0.6, 0.4, 2.15
"""How halos move: a part of the 2LPT velocity, the linear velocity that their density has beyond
2 Mpc/h, and more of what it has between 1 and 2."""
_SMOOTHED, _NEAR = 2.0, 1.0
"""Gaussian radii of that density [Mpc/h]."""
_SCATTER = 60.0
"""Scatter about it [km/s] at the mean density; it grows as the root of the smoothed density.

All fitted on the N-body halos of seed 1 of box 00, z = 0.3, put again into their voxels: infall,
dispersion and multipoles in redshift space of `docs/catalogues.md`.
"""
_LARGE = 256**3
"""Voxels of the largest box whose sub-voxels are as small as the particles' separation."""


_PARTICLES = 4
"""Particles along the side of a voxel."""

_SEALED = ("format_version", "checksums")


@dataclass(frozen=True)
class FineFields:
    """The matter of a box below its voxels.

    Attributes
    ----------
    density
        rho/mean, on `finer` sub-voxels along the side of a voxel.
    velocity
        Mean velocity of halos [km/s], (3, nx, ny, nz), on half as many points.
    scatter
        Standard deviation of a halo's velocity about it, along one axis [km/s], on the same points.
    """

    density: Grid
    velocity: Grid
    scatter: Grid


def finer(voxels: Shape) -> int:
    """Return the sub-voxels along the side of a voxel."""
    return _PARTICLES if prod(voxels) <= _LARGE else _PARTICLES // 2


def fine_estimate(box: LptBox) -> LptEstimate:
    """Say what making and keeping the fields of a box will take."""
    points = finer(box.voxels)
    density, coarser = points**3 * prod(box.voxels), (points // 2) ** 3 * prod(box.voxels)
    made = estimate(replace(box, velocity=True))
    return LptEstimate(
        memory=made.memory + 4 * (density + 8 * coarser),
        disk=4 * (density + 4 * coarser),
        seconds=made.seconds,
    )


def check_fine_memory(box: LptBox) -> None:
    """Raise `BoxError` if the machine has too little memory for the fields of a box."""
    refuse_beyond_memory(
        fine_estimate(box).memory,
        "the 2LPT density below the voxels",
        "place halos by a --sub-density of your own or choose --places uniform",
    )


def make_fine_fields(
    box: LptBox, workers: int = 1, progress: Progress = lambda stage, fraction: None
) -> FineFields:
    """Make the density of a box below its voxels, and the velocities of halos there.

    Parameters
    ----------
    box
        The box whose density on the voxels is known.
    workers
        Threads.
    progress
        Called with the stage's name and the fraction of it that is done.

    Returns
    -------
    FineFields
        All float32.

    Raises
    ------
    BoxError
        If there is too little memory.
    """
    check_fine_memory(box)
    with numba_threads(workers):
        made = flow(replace(box, velocity=True), workers, progress)
        return fine_fields_of(made, box, workers)


def fine_fields_of(made: Flow, box: LptBox, workers: int = 1) -> FineFields:
    """Return the fields as `make_fine_fields`, of particles whose flow and rate are made."""
    points = finer(box.voxels)
    density = _deposited(made, box.voxels, points, workers)
    velocity = _velocity(made, box.voxels, points // 2, workers)
    scatter = _add_infall(velocity, _paired(density), box, workers)
    return FineFields(density, velocity, scatter)


def write_fine_fields(
    box: LptBox,
    path: Path,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
) -> None:
    """Make the fields of a box and write them, whole.

    Raises
    ------
    BoxError
        As `make_fine_fields`.
    OutputError
        If the file cannot be written.
    """
    made = make_fine_fields(box, workers, progress)
    layouts = {
        "sub_density": Layout(made.density.shape, np.float32),
        "velocity": Layout(made.velocity.shape, np.float32),
        "scatter": Layout(made.scatter.shape, np.float32),
    }
    header = Header(box.voxel_size, box.redshift, box.cosmology, _told(box))
    with new_store(path, header_attributes(header, box.voxels), layouts) as create:
        create("sub_density")[...] = made.density
        create("velocity")[...] = made.velocity
        create("scatter")[...] = made.scatter


@contextmanager
def open_fine_fields(path: Path, box: LptBox) -> Iterator[FineFields]:
    """Open what `write_fine_fields` wrote for a box.

    Raises
    ------
    BoxError
        If the file cannot be read, or is of another box.
    """
    header = Header(box.voxel_size, box.redshift, box.cosmology, _told(box))
    wanted = header_attributes(header, box.voxels)
    with open_store(path, f"file {path}") as store:
        store.check_attributes()
        names = ("sub_density", "velocity", "scatter")
        fields = [field for name in names if (field := store.array(name, "f")) is not None]
        told = store.attributes
        other = [
            name
            for name, value in wanted.items()
            if name not in _SEALED and not np.array_equal(told.get(name, ""), value)
        ]
        if other or len(fields) < len(names):
            raise BoxError(
                f"{path} holds no 2LPT matter of this box below its voxels "
                f"({', '.join(other) or 'a field is missing'}); remove it"
            )
        yield FineFields(*fields)


def _told(box: LptBox) -> Provenance:
    return {
        "seed": box.seed,
        "fields": "2lpt below the voxels",
        "sub_voxels": finer(box.voxels),
        "modes_per_voxel": POINTS**3,
    }


def _deposited(made: Flow, voxels: Shape, points: int, workers: int) -> NDArray[np.float32]:
    """Density over its mean on `points` sub-voxels along the side of a voxel."""
    small = made.small_scales(_PARTICLES, points, workers)
    particles = _PARTICLES // points
    density = np.zeros(_times(voxels, points), dtype=np.float32)
    deposit_displaced(made.potential, density, particles, small, workers)
    density /= np.float32(particles**3)
    return density


def _velocity(made: Flow, voxels: Shape, points: int, workers: int) -> NDArray[np.float32]:
    """Velocity [km/s] on `points` along the side of a voxel, (3, nx, ny, nz)."""
    assert made.rate is not None  # it was asked for
    small = made.small_scales(_PARTICLES, points, workers)
    particles, shape = _PARTICLES // points, _times(voxels, points)
    density = np.zeros(shape, dtype=np.float32)
    velocity = np.zeros((3, *shape), dtype=np.float32)
    deposit_displaced(made.potential, density, particles, small, workers)
    deposit_momentum(made.potential, made.rate, velocity, particles, small, workers)
    np.divide(velocity, density, out=velocity, where=density > 0)
    velocity *= np.float32(made.speed / points)
    return velocity


def _add_infall(
    velocity: NDArray[np.float32], density: NDArray[np.float32], box: LptBox, workers: int
) -> NDArray[np.float32]:
    """Turn the 2LPT velocity into that of halos, in place, and return their scatter about it."""
    points = velocity.shape[1] // box.voxels[0]
    shape, side = density.shape, box.voxel_size / points
    now = growth(1 / (1 + box.redshift), box.cosmology)
    rate = 100 * float(now.a[0] * now.expansion[0] * now.first_rate[0])
    waves = []
    for axis, length in enumerate(shape):
        wave = 2 * np.pi * fft.fftfreq(length, side)
        wave[length // 2] = 0  # the Nyquist frequency has no direction
        kept = wave[: length // 2 + 1] if axis == 2 else wave
        waves.append(kept.astype(np.float32).reshape([-1 if axis == i else 1 for i in range(3)]))
    square = waves[0] ** 2 + waves[1] ** 2 + waves[2] ** 2
    modes = fft.rfftn(density, workers=workers)
    smooth = np.exp(-square * np.float32(_SMOOTHED**2 / 2))
    smoothed = fft.irfftn(modes * smooth, s=shape, workers=workers)
    near = np.exp(-square * np.float32(_NEAR**2 / 2)) - smooth
    share = np.float32(_INFALL_SHARE) * smooth + np.float32(_NEAR_INFALL) * near
    square[square == 0] = 1
    modes *= np.float32(rate) * share / square
    velocity *= np.float32(_LPT_SHARE)
    for component, wave in zip(velocity, waves, strict=True):
        component += fft.irfftn(np.complex64(1j) * wave * modes, s=shape, workers=workers)
    scatter: NDArray[np.float32] = np.float32(_SCATTER) * np.sqrt(np.maximum(smoothed, 0))
    return scatter


def _paired(density: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average a density in cubes of two points a side."""
    x, y, z = (side // 2 for side in density.shape)
    coarse: NDArray[np.float32] = density.reshape(x, 2, y, 2, z, 2).mean(axis=(1, 3, 5))
    return coarse


def _times(voxels: Shape, points: int) -> Shape:
    x, y, z = (points * side for side in voxels)
    return x, y, z
