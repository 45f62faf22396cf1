"""Halos placed in the voxels that drawn counts put them in: ids, positions, velocities, masses.

Halo n of the voxel of global index v has the id v x 65536 + n, and its position is a function of
(seed, realisation, id). The rows of a catalogue are in the order of their ids, so neither the tiles
that were painted nor the pieces that are read leave a trace in it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box_file import Header
from halokeras.boxes.halos import COLUMNS
from halokeras.cosmology.cosmology import Cosmology, expansion_rate
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape, shape_of, wrap
from halokeras.painting.catalogues.formats import About, Columns, catalogue_file
from halokeras.painting.catalogues.kept import KeptPieces
from halokeras.painting.catalogues.masses import Masses
from halokeras.painting.catalogues.piece import Piece
from halokeras.painting.catalogues.places import Matter, places, velocities
from halokeras.painting.ids import IDS_PER_VOXEL, Draw, halo_ids
from halokeras.sections import Selection
from halokeras.storage.grid import Grid, slabs

LARGEST_PIECE = 2**27
"""Voxels, or sub-voxels, that are in memory at a time."""

NOTHING_KNOWN = Matter()
"""Any place in a voxel is as likely, and nobody knows how fast."""

_ID, _POSITION, _VELOCITY = (
    tuple(COLUMNS[name].parts()) for name in ("id", "position", "velocity")
)
"""Their names in a catalogue."""


def halos(  # noqa: PLR0913  (counts, which draw, and what places its halos)
    counts: Grid,
    voxel_size: float,
    seed: int,
    realization: int = 0,
    matter: Matter = NOTHING_KNOWN,
    masses: Masses | None = None,
    largest_piece: int = LARGEST_PIECE,
    progress: Callable[[float], None] = lambda fraction: None,
    workers: int = 1,
    kept: KeptPieces | None = None,
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
    matter
        What halos are placed by, and move with.
    masses
        What their masses are drawn from; None draws none.
    largest_piece
        Voxels, or sub-voxels, in memory at a time, but for what is read around them; the catalogue
        does not depend on it.
    progress
        Called with the fraction that is placed, as it grows.
    workers
        Threads.
    kept
        Where pieces are kept as they are placed, and found.

    Yields
    ------
    dict
        ``halo_id`` int64; ``halo_x``, ``halo_y``, ``halo_z`` [Mpc/h] float32 in [0, box_size),
        in the voxel they are counted in by `halokeras.fields.gridding.count`; and if the matter
        moves ``halo_vx``, ``halo_vy``, ``halo_vz`` [km/s] float32; and the columns of `masses`.

    Raises
    ------
    BoxError
        If a grid does not fit the counts or a velocity is not finite.
    """
    x, y, z = shape_of(counts)
    finer = 1 if matter.density is None else finer_by(matter.density, (x, y, z))
    draw = Draw(seed, realization)
    values = max(finer**3, 1 if masses is None else masses.bins)
    pieces = _pieces((x, y, z), largest_piece // values, matter.layers or x)
    for done, piece in enumerate(pieces, start=1):
        placed = None if kept is None else kept.found(piece)
        if placed is None:
            placed = _placed(piece, counts, voxel_size, draw, matter, masses, workers)
            if kept is not None:
                kept.keep(piece, placed)
        yield placed
        progress(done / len(pieces))


def _placed(
    piece: Piece,
    counts: Grid,
    voxel_size: float,
    draw: Draw,
    matter: Matter,
    masses: Masses | None,
    workers: int,
) -> Columns:
    """Place the halos of a piece."""
    wide = piece.widened(matter.margin)
    ids = _ids(np.asarray(wide.read(counts)).ravel(), wide.index())
    voxel = np.stack(np.unravel_index(ids // IDS_PER_VOXEL, piece.shape))
    mass = None if masses is None else masses.drawn(wide, ids, draw)
    inside = places(wide, voxel, ids, draw, matter, mass, workers)
    kept = piece.holds(voxel)
    ids, voxel, inside = ids[kept], voxel[:, kept], inside[:, kept]
    mass = None if mass is None else mass[kept]
    position = positions(voxel, inside, voxel_size)
    columns = dict(zip(_POSITION, position, strict=True))
    if matter.velocity is not None:
        moving = velocities(piece, voxel, ids, inside, draw, matter, mass, workers)
        columns |= zip(_VELOCITY, moving, strict=True)
    if masses is not None and mass is not None:
        columns |= masses.columns(mass, ids)
    return {_ID[0]: ids, **columns}


def whole_catalogue(
    counts: Grid,
    voxel_size: float,
    seed: int,
    realization: int = 0,
    matter: Matter = NOTHING_KNOWN,
    masses: Masses | None = None,
    workers: int = 1,
) -> Columns:
    """Place the halos as `halos`, and return all of them at once."""
    placed = halos(counts, voxel_size, seed, realization, matter, masses, workers=workers)
    pieces = list(placed)
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


@contextmanager
def listed(  # noqa: PLR0913  (counts, which draw, and what places its halos)
    header: Header,
    counts: Grid,
    target: Path,
    format: str = "hdf5",
    selection: Selection | None = None,
    matter: Matter = NOTHING_KNOWN,
    masses: Masses | None = None,
    seen_along: str | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
    workers: int = 1,
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
    matter, masses, progress, workers
        As in `halos`.
    seen_along
        ``x``, ``y`` or ``z``: the positions that are seen along it are listed too.

    Raises
    ------
    BoxError
        As `halos`, or if positions in redshift space need what is not known.
    OutputError
        If the file cannot be written, or the package for its format is not installed.
    """
    check_listed(seen_along, header)
    names = [*_ID, *_POSITION, *(() if matter.velocity is None else _VELOCITY)]
    names += [] if seen_along is None else [f"halo_{seen_along}_rsd"]
    names += [] if masses is None else masses.names
    size = sum(int(slab.sum(dtype=np.int64)) for slab in slabs(counts))
    about = _about(header, shape_of(counts), selection)
    about["placed"] = _placed_by(matter, masses is not None)
    about |= {} if masses is None else masses.about
    kept = None
    if matter.layers is not None:  # it is made as it is read, which takes long
        kept = KeptPieces(target, {**about, "names": names, "halos": size, "matter": matter.told})
    with catalogue_file(target, format, names, size, about) as append:
        for piece in halos(
            counts,
            header.voxel_size,
            int(header.provenance["draw_seed"]),
            int(header.provenance["draw_realization"]),
            matter,
            masses,
            progress=progress,
            workers=workers,
            kept=kept,
        ):
            if seen_along is not None:
                piece |= _seen(piece, header, seen_along, counts.shape["xyz".index(seen_along)])
            append(piece)
        yield
        if kept is not None:
            kept.remove()


def check_listed(seen_along: str | None, header: Header) -> None:
    """Refuse positions in redshift space where they cannot be had, before anything is painted.

    Raises
    ------
    BoxError
        If positions in redshift space are asked for and the cosmology is not known.
    """
    if seen_along is not None and header.cosmology is None:
        raise BoxError(
            "the density tells no cosmology, which --redshift-space needs; name it with "
            "--cosmology, or paint on a box file"
        )


def hubble_distance(redshift: float, cosmology: Cosmology) -> float:
    """Return the distance 1 / (a H) that a velocity of 1 km/s shifts a halo by [Mpc/h]."""
    a = 1 / (1 + redshift)
    return float(1 / (100 * a * expansion_rate(np.asarray(a), cosmology)))


def positions(
    voxel: NDArray[np.int64], inside: NDArray[np.float64], voxel_size: float
) -> NDArray[np.float32]:
    """Return where halos lie, so that they are counted in their voxels even when rounded.

    Parameters
    ----------
    voxel
        (3, N).
    inside
        (3, N) in [0, 1), where in their voxels.
    voxel_size
        [Mpc/h].

    Returns
    -------
    ndarray
        (3, N) [Mpc/h].
    """
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


def _seen(piece: Columns, header: Header, axis: str, voxels: int) -> Columns:
    """Return where halos seem to lie along an axis that they are seen along from afar."""
    assert header.cosmology is not None  # or it was refused
    side = voxels * header.voxel_size
    shift = hubble_distance(header.redshift, header.cosmology) * piece[f"halo_v{axis}"]
    return {f"halo_{axis}_rsd": wrap(piece[f"halo_{axis}"].astype(np.float64) + shift, side)}


def _about(header: Header, shape: Shape, selection: Selection | None) -> About:
    """Return what is known of a catalogue, and no more."""
    told: About = {
        "Lbox": [length * header.voxel_size for length in shape],
        "voxel_size": header.voxel_size,
        "redshift": header.redshift,
    }
    if header.cosmology is not None:
        told |= header.cosmology.parameters
    if selection is not None:
        told |= selection.told
    return told | dict(header.provenance)


def _placed_by(matter: Matter, with_masses: bool) -> str:
    if matter.density is None:
        return "uniformly in the voxel"
    if matter.sharpness == 1:
        return "by the sub-voxel density"
    power = f"{matter.sharpness:.3g}"
    by = f"by the 2LPT density of the same modes below the voxels, to the power {power}"
    return f"{by}, and away from heavier halos in voxels beside" if with_masses else by


def _pieces(shape: Shape, largest: int, layers: int) -> list[Piece]:
    """Cut a grid into runs of at most `largest` voxels, or one column, in the order of indices.

    They are no thicker than some `layers`.
    """
    x, y, z = shape
    depth = max(1, min(layers, largest // (y * z)))
    width = y if depth > 1 else min(y, max(1, largest // z))
    return [
        Piece(shape, (i, min(i + depth, x)), (j, min(j + width, y)))
        for i, j in product(range(0, x, depth), range(0, y, width))
    ]


def _ids(counts: NDArray[np.uint16], index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ids of the halos of the voxels of global `index`, of which most hold none."""
    occupied = np.flatnonzero(counts)
    return halo_ids(counts[occupied], index[occupied])
