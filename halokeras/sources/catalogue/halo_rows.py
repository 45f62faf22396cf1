"""Rows of a table that are halos, gathered chunk by chunk in our units."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import Columns
from halokeras.sources.tables.table import Chunk, Table
from halokeras.storage.memory import refuse_beyond_memory


class HaloRows:
    """The rows that are halos, in arrays that grow where a file does not tell how many it has.

    Parameters
    ----------
    columns
        What is read.
    factors
        What the values of each column of halos are multiplied by to be in its unit.
    corner
        Of the box, in the file's coordinates [Mpc/h].
    hosts_only, drop_invalid
        As `halokeras.sources.catalogue.read.read_halos`.
    """

    def __init__(
        self,
        columns: Columns,
        factors: Mapping[str, float],
        corner: NDArray[np.float64],
        hosts_only: bool,
        drop_invalid: bool,
    ) -> None:
        self._columns = columns
        self._factors, self._corner = factors, corner
        self._hosts_only, self._drop_invalid = hosts_only, drop_invalid
        self._moved = factors["position"] != 1 or bool(corner.any())
        self._further = dict(columns.further)
        if columns.particles is not None:
            self._further["particles"] = (columns.particles,)
        self._arrays: dict[str, NDArray[Any]] = {}
        self._rows = self._seen = self._subhalos = self._invalid = 0

    def read(self, table: Table) -> None:
        """Take the rows of a table, or raise `BoxError` if some are no halos."""
        columns = self._columns
        mass = columns.mass or columns.particles
        further = [name for names in self._further.values() for name in names]
        numbers = [*dict.fromkeys([*columns.position, *filter(None, [mass]), *further])]
        integers = [*filter(None, [columns.id, columns.parent])]
        for chunk in table.chunks(numbers, integers):
            self._take(chunk, table)
        if self._invalid and not self._drop_invalid:
            raise BoxError(
                f"{table.name}: {self._invalid} of {self._seen} rows have a mass of 0 or less, or "
                "a position or mass that is not finite; --drop-invalid leaves them out"
            )
        if self._subhalos == self._seen > 0:
            raise BoxError(
                f"{table.name}: every row of {columns.parent} is another halo's id, and hosts "
                "should have -1; name another with --columns parent=NAME, or none with parent="
            )

    def halos(self) -> Halos:
        """Return what was taken."""
        if not self._arrays:
            return Halos(np.empty((0, 3), np.float32), np.empty(0, np.float32))
        return Halos(**{name: array[: self._rows] for name, array in self._arrays.items()})

    def sentences(self) -> list[str]:
        """Say how many rows were left out, and why."""
        said = []
        if self._columns.parent is not None:
            what = "left out" if self._hosts_only else "kept (--hosts-only leaves them out)"
            said.append(f"{self._subhalos:,} of {self._seen:,} halos are subhalos and were {what}.")
        if self._invalid:
            said.append(
                f"{self._invalid:,} of {self._seen:,} rows without a positive mass and a finite "
                "position were left out."
            )
        return said

    def _take(self, chunk: Chunk, table: Table) -> None:
        columns = self._columns
        mass = chunk[columns.mass or columns.particles or ""]
        parts = [chunk[name] for name in columns.position]
        valid = np.isfinite(mass) & (mass > 0)
        for part in parts:
            finite = np.isfinite(part)
            valid &= finite if finite.ndim == 1 else finite.all(axis=1)
        keep = valid
        self._invalid += int(len(valid) - np.count_nonzero(valid))
        if columns.parent is not None:
            hosts = chunk[columns.parent].astype(np.int64, copy=False) == -1
            self._subhalos += int(len(hosts) - np.count_nonzero(hosts))
            keep = valid & hosts if self._hosts_only else valid
        first, count = self._rows, int(np.count_nonzero(keep))
        self._make_room(chunk, table, first + count)
        rows = slice(first, first + count)
        some = slice(None) if count == len(keep) else keep
        position = self._arrays["position"]
        if len(parts) == 1:
            position[rows] = self._placed(parts[0][some], self._corner)
        else:
            for axis, part in enumerate(parts):
                position[rows, axis] = self._placed(part[some], self._corner[axis])
        self._arrays["mass"][rows] = self._scaled(mass[some], "mass")
        for name, of_file in (("id", columns.id), ("parent", columns.parent)):
            if of_file is not None:
                self._arrays[name][rows] = chunk[of_file][some]
        for name, names in self._further.items():
            array = self._arrays[name]
            if len(names) == 1:
                array[rows] = self._scaled(chunk[names[0]][some], name)
            else:
                for axis, component in enumerate(names):
                    array[rows, axis] = self._scaled(chunk[component][some], name)
        self._rows += count
        self._seen += len(keep)

    def _placed(self, part: NDArray[Any], corner: Any) -> NDArray[Any]:
        """Positions [Mpc/h] from the corner, computed in double precision where they change."""
        per_length = self._factors["position"]
        return part.astype(np.float64) * per_length - corner if self._moved else part

    def _scaled(self, values: NDArray[Any], name: str) -> NDArray[Any]:
        """Values in the unit of the column `name`, as they are where that is the file's."""
        factor = self._factors[name]
        as_they_are = values.dtype.kind == "f" and factor == 1
        return values if as_they_are else values.astype(np.float64) * factor

    def _make_room(self, chunk: Chunk, table: Table, rows: int) -> None:
        room = len(self._arrays["mass"]) if self._arrays else -1
        if rows <= room:
            return
        columns = self._columns
        parts = [chunk[name].dtype for name in columns.position]
        mass = chunk[columns.mass or columns.particles or ""].dtype
        dtypes: dict[str, np.dtype[Any]] = {
            "position": np.result_type(*parts, np.float32),
            "mass": np.result_type(mass, np.float32),
        }
        for name, of_file in (("id", columns.id), ("parent", columns.parent)):
            if of_file is not None:
                dtypes[name] = chunk[of_file].dtype
        for name, names in self._further.items():
            dtypes[name] = np.result_type(*(chunk[part].dtype for part in names), np.float32)
        needed = max(rows, 2 * room) if table.rows is None else table.rows
        sizes = [dtype.itemsize * prod(COLUMNS[name].shape) for name, dtype in dtypes.items()]
        refuse_beyond_memory(needed * sum(sizes), table.name)
        before, self._arrays = self._arrays, {}
        for name, dtype in dtypes.items():
            grown = np.empty((needed, *COLUMNS[name].shape), dtype)
            if before:
                grown[: self._rows] = before[name][: self._rows]
            self._arrays[name] = grown
