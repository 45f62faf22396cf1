"""A density from particles on disk, deposited about voxel centres as they are read."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.fields.gridding import add_plane, corners
from halokeras.sources.catalogue.columns import Columns, choose_columns
from halokeras.sources.catalogue.read import Origin, corner_of, place_of
from halokeras.sources.catalogue.units import LENGTHS, check_unit, length_factor
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.stated import (
    check_hubble,
    stated_box_size,
    stated_cosmology,
    stated_redshift,
)
from halokeras.sources.tables.table import CHUNK, Chunk, Options, Table
from halokeras.sources.tables.unit_text import parse_unit
from halokeras.storage.memory import refuse_beyond_memory

_MARGIN = 0.01
"""How far beyond the box, in sides, particles may be that have drifted out of it."""
_LEAST_EXTENT = 0.5
_MANY = 1000
"""Particles that fill more than half a side, unless lengths are in another unit."""
MEANINGS = ("position", "mass")
"""What columns of particles may be named as."""
OF_PARTICLES = Options(
    "--particles-table", "--particles-columns", "--particles-length-unit", "--particles-origin"
)


@dataclass(frozen=True)
class ParticleDensity:
    """A density made of particles.

    Attributes
    ----------
    density
        rho/mean, (n, n, n) float32, cloud-in-cell about voxel centres.
    box_size
        Side of the box [Mpc/h].
    redshift
        Where the file tells it.
    particles
        How many there were.
    assumed
        Sentences on what was assumed, for the report.
    cosmology
        What the file tells of it, as `halokeras.sources.tables.stated.stated_cosmology`.
    """

    density: NDArray[np.float32]
    box_size: float
    redshift: float | None
    particles: int
    assumed: tuple[str, ...]
    cosmology: Mapping[str, float] = field(default_factory=dict)


def read_particles(  # noqa: PLR0913  (what a snapshot does not tell)
    path: Path,
    voxels: int,
    *,
    part: str | None = None,
    columns: Mapping[str, str] | None = None,
    length_unit: str | None = None,
    general_unit: str = "Mpc/h",
    hubble: float | None = None,
    origin: Origin = "corner",
    box_size: float | None = None,
    workers: int = 1,
    progress: Callable[[int], None] = lambda particles: None,
) -> ParticleDensity:
    """Deposit the particles of a table, or of all files of a snapshot, in bounded memory.

    Parameters
    ----------
    path, part
        As `halokeras.sources.tables.formats.open_table`; Gadget's dark matter is
        ``PartType1``, FastPM's ``1``.
    voxels
        Along a side.
    columns
        Names for ``position``, and for ``mass`` where particles weigh differently, that are not
        guessed right.
    length_unit
        Of the positions; by default the one that the file declares, or else `general_unit`.
    general_unit
        Also of an `origin` that is a point.
    hubble, origin, box_size
        As `halokeras.sources.catalogue.read.read_halos`.
    workers
        Threads; the density does not depend on their number.
    progress
        Called with the number of particles that are done, as it grows.

    Raises
    ------
    BoxError
        If the table cannot be read, or particles are not finite, outside the box or in a part of
        it only.
    """
    with open_table(path, part, OF_PARTICLES) as table:
        check_hubble(table.name, table.about, hubble)
        cosmology = stated_cosmology(table.about)
        hubble = hubble or cosmology.get("h")
        # ids and parents are not read, so that none is asked for
        chosen = choose_columns(table, {"id": "", "parent": "", **(columns or {})})
        declared = [_declared(table, name) for name in chosen.position]
        length_unit = length_unit or _unit_of(declared[0]) or general_unit
        per_length = length_factor(length_unit, hubble, OF_PARTICLES.length_unit)
        redshift = stated_redshift(table.about, table.name)
        said = [
            check_unit(table.name, name, own, length_unit, OF_PARTICLES.length_unit, redshift)
            for name, own in zip(chosen.position, declared, strict=True)
        ]
        stated = stated_box_size(table.name, table.about, per_length)
        side = box_size or stated
        if side is None:
            raise BoxError(
                f"{table.name} does not tell the size of its box; give it [Mpc/h] with --box-size"
            )
        _check_total(table)
        per_point = 1.0 if isinstance(origin, str) else length_factor(general_unit, hubble)
        corner = corner_of(origin, side, per_point, table.name, OF_PARTICLES.origin)
        # Beside the sum in double precision there is the density, and two chunks.
        refuse_beyond_memory(12 * voxels**3, f"a density of {voxels}^3 voxels")
        sums = _Sums(table, chosen, voxels, per_length * voxels / side, corner * voxels / side)
        sums.take_all(workers, progress)
    weight = f"weighed by {chosen.mass}" if chosen.mass else "of equal mass"
    by = " by the file's own word" if _unit_of(declared[0]) == length_unit else ""
    assumed = (
        f"The density is {sums.particles:,} particles {weight} by cloud-in-cell about voxel "
        f"centres, positions {','.join(chosen.position)} in {length_unit}{by} from "
        f"{place_of(origin)}.",
        *filter(None, said),
    )
    return ParticleDensity(
        sums.density(), stated or side, redshift, sums.particles, assumed, cosmology
    )


def _declared(table: Table, column: str) -> str | None:
    declared = table.columns[column].unit or table.about.get("length_unit")
    return declared if isinstance(declared, str) else None


def _unit_of(declared: str | None) -> str | None:
    """Return the unit that a file declares, as users state it; None where they have no name."""
    meant = parse_unit(declared or "")
    if meant is None or meant.dimension != "length":
        return None
    name = replace(meant, physical=False).name
    return name if name.removesuffix("/h") in LENGTHS else None


class _Sums:
    """The mass in every voxel, of the particles read so far."""

    def __init__(
        self,
        table: Table,
        columns: Columns,
        voxels: int,
        per_voxel: float,
        corner: NDArray[np.float64],
    ) -> None:
        self._table, self._columns = table, columns
        self._grid = np.zeros((voxels,) * 3)
        self._per_voxel, self._offset = per_voxel, 0.5 + corner
        self._corner = corner
        self._total = 0.0
        self._low, self._high = np.full(3, np.inf), np.full(3, -np.inf)
        self.particles = 0

    def take_all(self, workers: int, progress: Callable[[int], None]) -> None:
        numbers = [*self._columns.position, *filter(None, [self._columns.mass])]
        chunks = self._table.chunks(numbers, rows=CHUNK)
        with ThreadPoolExecutor(workers + 1) as pool:
            for chunk in _read_ahead(chunks, pool):
                self._take(chunk, workers, pool)
                progress(self.particles)
        if self._total == 0:
            raise BoxError(f"{self._table.name} holds no particles; check the path")
        extent = float((self._high - self._low).min()) / len(self._grid)
        if extent < _LEAST_EXTENT and self.particles > _MANY:
            raise BoxError(
                f"{self._table.name}: the particles fill {extent:.3g} of a side of the box; check "
                f"{OF_PARTICLES.length_unit} and --box-size"
            )

    def density(self) -> NDArray[np.float32]:
        self._grid *= self._grid.size / self._total
        return self._grid.astype(np.float32)

    def _take(self, chunk: Chunk, workers: int, pool: ThreadPoolExecutor) -> None:
        parts = [chunk[name] for name in self._columns.position]
        position = parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
        if position.dtype not in (np.float32, np.float64):  # others numba does not know
            position = position.astype(np.float64)
        position = np.ascontiguousarray(position)
        weight = np.ones(1)
        if self._columns.mass is not None:
            weight = chunk[self._columns.mass].astype(np.float64)
        self._check(position, weight)
        rows = np.linspace(0, len(self._grid), workers + 1).astype(int)
        jobs = [
            pool.submit(
                deposit_rows, position, weight, self._grid, self._per_voxel, self._offset, *ends
            )
            for ends in pairwise(rows)
        ]
        for job in jobs:
            job.result()
        self.particles += len(position)
        self._total += float(weight.sum()) if len(weight) > 1 else len(position) * float(weight[0])

    def _check(self, position: NDArray[np.floating], weight: NDArray[np.float64]) -> None:
        low, high = extremes(position)
        low, high = low * self._per_voxel - self._corner, high * self._per_voxel - self._corner
        if not np.isfinite([low, high]).all() or not (weight.min() >= 0 and weight.max() < np.inf):
            raise BoxError(
                f"{self._table.name}: a particle's position or mass is not finite, or its mass "
                "negative; fetch or write the file again"
            )
        voxels = len(self._grid)
        if (low < -_MARGIN * voxels).any() or (high > (1 + _MARGIN) * voxels).any():
            side = f"{low.min() / voxels:.3g} to {high.max() / voxels:.3g} sides of the box"
            raise BoxError(
                f"{self._table.name}: particles lie at {side}; check {OF_PARTICLES.length_unit}, "
                f"--box-size and {OF_PARTICLES.origin}"
            )
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)


def _read_ahead(chunks: Iterator[Chunk], pool: ThreadPoolExecutor) -> Iterator[Chunk]:
    """Return each chunk while a thread reads the next."""
    upcoming = pool.submit(next, chunks, None)
    while (chunk := upcoming.result()) is not None:
        upcoming = pool.submit(next, chunks, None)
        yield chunk


def _check_total(table: Table) -> None:
    """Refuse a snapshot of Gadget's kind that has lost particles."""
    told, high = (
        _whole_numbers(table.about.get(name))
        for name in ("NumPart_Total", "NumPart_Total_HighWord")
    )
    kind = table.part[-1:]
    if not (kind.isdecimal() and int(kind) < len(told)):
        return
    beyond = high[int(kind)] if len(high) == len(told) else 0
    expected = told[int(kind)] + (beyond << 32)
    if table.rows is not None and table.rows != expected:
        raise BoxError(
            f"{table.name} holds {table.rows:,} particles and its header promises {expected:,}; "
            "give the folder of all files"
        )


def _whole_numbers(told: Any) -> list[int]:
    if isinstance(told, np.ndarray) and told.ndim == 1 and told.dtype.kind in "iu":
        return [int(number) for number in told]
    return []


@numba.njit(cache=True, nogil=True)
def deposit_rows(position, weight, grid, per_voxel, offset, first, last):  # type: ignore[no-untyped-def]
    """Add particles as `halokeras.fields.gridding.deposit` to the voxels with first <= x < last.

    Every voxel gets its sum in the order of the particles, so that threads which share out the
    rows of the grid leave the bits that one would.
    """
    nx, ny, nz = grid.shape
    varied = len(weight) > 1
    for p in range(position.shape[0]):
        x = position[p, 0] * per_voxel - offset[0]
        i0, i1, wx = corners(x, nx)
        inside_0 = first <= i0 < last
        inside_1 = first <= i1 < last
        if not (inside_0 or inside_1):
            continue
        j0, j1, wy = corners(position[p, 1] * per_voxel - offset[1], ny)
        k0, k1, wz = corners(position[p, 2] * per_voxel - offset[2], nz)
        mass = weight[p] if varied else weight[0]
        if inside_0:
            add_plane(mass, 1 - wx, i0, j0, j1, wy, k0, k1, wz, grid)
        if inside_1:
            add_plane(mass, wx, i1, j0, j1, wy, k0, k1, wz, grid)


@numba.njit(cache=True, nogil=True)
def extremes(position):  # type: ignore[no-untyped-def]
    """Return the least and largest coordinate along each axis; NaN if one is NaN."""
    low = np.full(3, np.inf)
    high = np.full(3, -np.inf)
    for p in range(position.shape[0]):
        for axis in range(3):
            value = position[p, axis]
            if value < low[axis] or value != value:
                low[axis] = value
            if value > high[axis]:
                high[axis] = value
    return low, high
