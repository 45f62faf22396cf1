"""Halos placed in the voxels that drawn counts put them in: ids, positions, velocities.

Halo n of the voxel of global index v has the id v x 65536 + n, and its position is a function of
(seed, realisation, id). The rows of a catalogue are in the order of their ids, so neither the tiles
that were painted nor the pieces that are read leave a trace in it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box_file import Header
from halokeras.boxes.halos import COLUMNS
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.painting.catalogue_formats import About, Columns, catalogue_file
from halokeras.randomness import uniform_at
from halokeras.sections import Selection
from halokeras.storage.grid import Grid, slabs

IDS_PER_VOXEL = 2**16
"""More than a count, uint16, can be."""
LARGEST_PIECE = 2**23
"""Voxels, or sub-voxels, that are in memory at a time."""

_AXES = ("x", "y", "z")
_ID, _POSITION, _VELOCITY = (
    tuple(COLUMNS[name].parts()) for name in ("id", "position", "velocity")
)
"""Their names in a catalogue."""


def halos(  # noqa: PLR0913  (counts, which draw, and what places its halos)
    counts: Grid,
    voxel_size: float,
    seed: int,
    realization: int = 0,
    sub_density: Grid | None = None,
    velocity: Grid | None = None,
    largest_piece: int = LARGEST_PIECE,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Iterator[Columns]:
    """Place the halos of drawn counts; give the catalogue piece by piece, in the order of its ids.

    Parameters
    ----------
    counts
        Halos per voxel, (nx, ny, nz) uint16.
    voxel_size
        Side of a voxel [Mpc/h].
    seed, realization
        With the id of a halo they fix its place.
    sub_density
        rho/mean on a grid finer by a whole number: a halo is put into a sub-voxel of its voxel
        with a probability proportional to the density there. Without one, or where all of it is
        0, any place in the voxel is as likely.
    velocity
        [km/s], (3, nx, ny, nz): that of its voxel is given to a halo.
    largest_piece
        Voxels in memory at a time; the catalogue does not depend on it.
    progress
        Called with the fraction that is placed, as it grows.

    Yields
    ------
    dict
        ``halo_id`` int64; ``halo_x``, ``halo_y``, ``halo_z`` [Mpc/h] float32 in [0, box_size),
        in the voxel they are counted in by `halokeras.fields.gridding.count`; and if `velocity`
        is given ``halo_vx``, ``halo_vy``, ``halo_vz`` [km/s] float32.

    Raises
    ------
    BoxError
        If the sub-density does not fit the counts or a velocity is not finite.
    """
    x, y, z = counts.shape
    finer = 1 if sub_density is None else finer_by(sub_density, (x, y, z))
    pieces = _pieces((x, y, z), largest_piece // finer**3)
    for done, (along_x, along_y) in enumerate(pieces, start=1):
        start = (along_x.start * y + along_y.start) * z
        ids = _ids(np.asarray(counts[along_x, along_y]).ravel(), start)
        voxel = np.stack(np.unravel_index(ids // IDS_PER_VOXEL, (x, y, z)))
        inside = np.stack(
            [uniform_at(seed, f"halo {axis} {realization}", ids.view(np.uint64)) for axis in _AXES]
        )
        local = voxel - np.array([[along_x.start], [along_y.start], [0]])
        if sub_density is not None:
            fine = np.asarray(
                sub_density[_scaled(along_x, finer), _scaled(along_y, finer)], dtype=np.float32
            )
            chance = uniform_at(seed, f"halo sub-voxel {realization}", ids.view(np.uint64))
            inside = (_sub_voxels(fine, finer, local, chance) + inside) / finer
        position = _placed(voxel, inside, voxel_size)
        columns = dict(zip(_POSITION, position, strict=True))
        if velocity is not None:
            moving = np.asarray(velocity[:, along_x, along_y], dtype=np.float32)
            moving = moving[:, local[0], local[1], local[2]]
            if not np.isfinite(moving).all():
                raise BoxError("velocity holds NaN or infinite values; make the box again")
            columns |= zip(_VELOCITY, moving, strict=True)
        yield {_ID[0]: ids, **columns}
        progress(done / len(pieces))


@contextmanager
def listed(  # noqa: PLR0913  (counts, which draw, and what places its halos)
    header: Header,
    counts: Grid,
    target: Path,
    format: str = "hdf5",
    selection: Selection | None = None,
    sub_density: Grid | None = None,
    velocity: Grid | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Iterator[None]:
    """Write the catalogue of drawn counts; it takes its name at the end of the block.

    Parameters
    ----------
    header
        What the file of the counts tells.
    counts
        Halos per voxel, (nx, ny, nz) uint16.
    target, format
        As in `catalogue_file`.
    selection
        The halos that the painter paints, told in the file.
    sub_density, velocity, progress
        As in `halos`.

    Raises
    ------
    BoxError
        As `halos`, or if the counts have several channels.
    OutputError
        If the file cannot be written, or the package for its format is not installed.
    """
    if len(counts.shape) > 3:
        raise BoxError(
            f"{target}: draws of several channels have no catalogue yet; draw with a painter of one"
        )
    x, y, z = counts.shape
    names = [*_ID, *_POSITION, *(() if velocity is None else _VELOCITY)]
    size = sum(int(slab.sum(dtype=np.int64)) for slab in slabs(counts))
    about = _about(header, (x, y, z), selection, sub_density is not None)
    with catalogue_file(target, format, names, size, about) as append:
        for piece in halos(
            counts,
            header.voxel_size,
            int(header.provenance["draw_seed"]),
            int(header.provenance["draw_realization"]),
            sub_density,
            velocity,
            progress=progress,
        ):
            append(piece)
        yield


def finer_by(sub_density: Grid, shape: Shape) -> int:
    """Return how many sub-voxels lie along a side of a voxel of a grid of `shape`.

    Raises
    ------
    BoxError
        If that is no whole number, or differs between the axes.
    """
    finer = sub_density.shape[0] // shape[0]
    if finer < 1 or tuple(sub_density.shape) != tuple(finer * length for length in shape):
        raise BoxError(
            f"the sub-density has shape {tuple(sub_density.shape)}; it must be a whole multiple of "
            f"the {shape} voxels of the density, the same along every axis"
        )
    return finer


def _about(header: Header, shape: Shape, selection: Selection | None, biased: bool) -> About:
    """Return what is known of a catalogue, and no more."""
    told: About = {
        "Lbox": [length * header.voxel_size for length in shape],
        "voxel_size": header.voxel_size,
        "redshift": header.redshift,
        "placed": "by the sub-voxel density" if biased else "uniformly in the voxel",
    }
    if header.cosmology is not None:
        told |= asdict(header.cosmology)
    if selection is not None and selection.mass_min > 0:
        told["mass_min"] = selection.mass_min
    if selection is not None and selection.mass_max is not None:
        told["mass_max"] = selection.mass_max
    return told | dict(header.provenance)


def _pieces(shape: Shape, largest: int) -> list[tuple[slice, slice]]:
    """Cut a grid into runs of at most `largest` voxels, or one column, in the order of indices."""
    x, y, z = shape
    depth = max(1, largest // (y * z))
    width = y if depth > 1 else min(y, max(1, largest // z))
    return [
        (slice(i, min(i + depth, x)), slice(j, min(j + width, y)))
        for i, j in product(range(0, x, depth), range(0, y, width))
    ]


def _scaled(part: slice, finer: int) -> slice:
    return slice(part.start * finer, part.stop * finer)


def _ids(counts: NDArray[np.uint16], start: int) -> NDArray[np.int64]:
    """Return the ids of the halos of the voxels from global index `start` on."""
    occupied = np.flatnonzero(counts)
    several = counts[occupied].astype(np.int64)
    before = np.cumsum(several) - several
    number = np.arange(several.sum()) - np.repeat(before, several)
    ids: NDArray[np.int64] = np.repeat((start + occupied) * IDS_PER_VOXEL, several) + number
    return ids


def _sub_voxels(
    fine: NDArray[np.float32],
    finer: int,
    voxel: NDArray[np.int64],
    chance: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Choose for each halo, (3, N) in the voxels of `fine`, the sub-voxel at `chance`, (3, N)."""
    x, y, z = (length // finer for length in fine.shape)
    blocks = fine.reshape(x, finer, y, finer, z, finer)
    weight = blocks[voxel[0], :, voxel[1], :, voxel[2], :].reshape(-1, finer**3)
    weight = np.where(weight.any(axis=1, keepdims=True), weight, np.float32(1))
    upper = np.cumsum(weight, axis=1, dtype=np.float64)
    passed = (upper <= (chance * upper[:, -1])[:, np.newaxis]).sum(axis=1)
    # A product that rounds up to the whole sum would pass the last one.
    chosen = np.minimum(passed, finer**3 - 1)
    return np.stack(np.unravel_index(chosen, (finer, finer, finer)))


def _placed(
    voxel: NDArray[np.int64], inside: NDArray[np.float64], voxel_size: float
) -> NDArray[np.float32]:
    """Return positions [Mpc/h] at the fractions `inside` of voxels, there even when rounded."""
    position = ((voxel + inside) * voxel_size).astype(np.float32)
    upper = (voxel + 1) * voxel_size
    while True:
        exact = position.astype(np.float64)
        away = np.sign(voxel - np.floor(exact / voxel_size))
        # Of a box whose side is rounded, the side itself can be counted in the last voxel.
        away[exact >= upper] = -1
        if not away.any():
            return position
        towards = np.where(away > 0, np.float32(np.inf), np.float32(-np.inf))
        position = np.where(away == 0, position, np.nextafter(position, towards))
