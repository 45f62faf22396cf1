"""What a box file tells: grid, cosmology, density, halos or counts, and provenance."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.boxes.box import check_scale, check_values
from halokeras.boxes.box_file import describe, open_box
from halokeras.boxes.halos import COLUMNS, DATASETS, check_lengths
from halokeras.boxes.hashes import hash_fields
from halokeras.errors import BoxError, DamagedError
from halokeras.fields.gridding import Shape
from halokeras.fields.slab import Slab, middle
from halokeras.inspection.facts import Fact, Inspection, Section, cosmology_section
from halokeras.inspection.fields import Columns, Statistics, look_at_grid, look_at_halos
from halokeras.painters.model_files import read_files
from halokeras.readable import amount_of_bytes
from halokeras.resources import GEN_PAINTER, shipped
from halokeras.storage.grid import Survey, slabs
from halokeras.storage.store import Store

_OF_THE_FIELDS = (
    "density_scheme",
    "halo_finder",
    "mass_min",
    "mass_max",
    "mass_definition",
    "particle_mass",
)
_UNITS = {"mass_min": "Msun/h", "mass_max": "Msun/h", "particle_mass": "Msun/h"}

Progress = Callable[[float], None]


def inspect_box(path: Path, progress: Progress) -> Inspection:
    """Look at every value of a box file, in bounded memory; what is wrong is told, not refused.

    Raises
    ------
    BoxError
        If it cannot be opened as a box, or promises more values than it stores.
    """
    with open_box(path) as store:
        return _Look(path, store, progress).inspection()


class _Look:
    def __init__(self, path: Path, store: Store, progress: Progress) -> None:
        self.path, self.progress, self.source, self.store = path, progress, store.name, store
        self.header, self.fields = describe(store)
        self.has_velocity = store.array("velocity", "f") is not None
        self.problems: list[str] = []
        self.damaged = False
        self.digest = ""
        told = dict(self.header.provenance)
        preparation = told.pop("preparation", None)
        self.preparation = None if preparation is None else str(preparation)
        self.described = {name: told.pop(name) for name in _OF_THE_FIELDS if name in told}
        self.provenance = told

    def inspection(self) -> Inspection:
        header = self.header
        self._allow(lambda: check_scale(header.voxel_size, header.redshift, self.source))
        kind, noun = self._kind()
        shape = self._shape()
        sections = [self._grid(shape), cosmology_section(self._cosmology())]
        slab = None
        if shape is not None:
            found, slab = self._values(shape, noun)
            sections += found
        sections.append(self._provenance(kind == "box" and shape is not None))
        if not self.problems:  # of values without chunks, as painted ones are, nothing else tells
            self._allow(lambda: self.store.check_values(self.fields))
        return Inspection(
            kind=kind,
            path=self.path,
            headline=self._headline(kind, shape),
            sections=sections,
            problems=self.problems,
            damaged=self.damaged,
            preparation=self.preparation,
            slab=slab,
            advice=self._advice(kind),
        )

    def _kind(self) -> tuple[str, str]:
        if "draw_seed" in self.provenance:
            return "drawn box", "drawn halos"
        if "model_hash" in self.provenance:
            return "painted box", "painted halos"
        return "box", "halos"

    def _shape(self) -> Shape | None:
        """Return the shape of the grids, and leave out those that are of another or of none."""
        grids = [name for name in ("density", "counts") if name in self.fields]
        if not grids:
            self.problems.append(
                f"{self.source}: has neither density nor counts; it needs one of them"
            )
        shape: Shape | None = None
        for name in grids:
            sides = tuple(self.fields[name].shape)
            if len(sides) != 3 or 0 in sides or sides != (shape or sides):
                self.problems.append(
                    f"{self.source}: {name} must be a 3D grid{_like(shape)}, not of shape {sides}"
                )
                del self.fields[name]
                continue
            shape = sides[0], sides[1], sides[2]
        return shape

    def _headline(self, kind: str, shape: Shape | None) -> str:
        voxels = "no grid" if shape is None else " x ".join(str(side) for side in shape)
        return (
            f"{kind}, {voxels} voxels of {self.header.voxel_size:g} Mpc/h at redshift "
            f"{self.header.redshift:g}"
        )

    def _advice(self, kind: str) -> str:
        if kind != "box":
            return ""
        if "density" not in self.fields:
            return f"halopaint evaluate --box BOX --painted {self.path}"
        if "halos/position" in self.fields or "counts" in self.fields:
            trained_on = read_files(shipped("saved_models") / GEN_PAINTER).provenance.training_boxes
            seen = " --allow-training-box" if self.digest in trained_on.values() else ""
            return f"halopaint evaluate --box {self.path}{seen}"
        return f"halopaint paint --box {self.path}"

    def _cosmology(self) -> dict[str, float] | None:
        return None if self.header.cosmology is None else self.header.cosmology.parameters

    def _grid(self, shape: Shape | None) -> Section:
        size = _size(self.path)
        facts = [
            Fact("voxel_size", self.header.voxel_size, "Mpc/h"),
            Fact("redshift", self.header.redshift),
            Fact("file_size", size, text=amount_of_bytes(size)),
        ]
        if shape is not None:
            sides = [side * self.header.voxel_size for side in shape]
            facts[:0] = [
                Fact("shape", list(shape), "voxels", " x ".join(str(side) for side in shape)),
                Fact("box_size", sides, "Mpc/h", " x ".join(f"{side:g}" for side in sides)),
            ]
        return Section("grid", facts)

    def _values(self, shape: Shape, noun: str) -> tuple[list[Section], Slab]:
        start, depth = middle(shape[2], self.header.voxel_size)
        layers = slice(start, start + depth)
        shown: dict[str, Columns] = {}
        sections = []
        scheme = self.described.pop("density_scheme", None)
        about = [_described(name, value) for name, value in self.described.items()]
        if "density" in self.fields:
            seen, shown["density"] = self._look("density", layers)
            facts = [Fact("scheme", scheme or "not stated"), *_values_of(seen, "rho/mean")]
            kept = "kept" if self.has_velocity else "not kept"
            facts.append(Fact("velocity", self.has_velocity, text=kept))
            sections.append(Section("density", facts))
        elif scheme is not None:
            about.insert(0, _described("density_scheme", scheme))
        if "halos/position" in self.fields:
            found = self._halos(shape, layers, about)
            if found is not None:
                sections += found[0]
                shown[noun] = found[1]
            about = []
        if "counts" in self.fields:
            seen, columns = self._look("counts", layers)
            shown.setdefault(noun, columns)
            whole = self.fields["counts"].dtype.kind in "iu"
            means = noun == "painted halos" and not whole
            kept = "whole halos" if whole else "means" if means else "real numbers"
            counted = _counts(seen) if whole else _counts(seen, "of at most 0.5")
            facts = [Fact("holds", kept), *counted, *about]
            if "counts_by_mass" in self.fields:
                facts.append(Fact("by_mass", self._halos_by_mass()))
            sections.append(Section("counts", facts))
        return sections, Slab(self.header.voxel_size, start, depth, shown)

    def _halos_by_mass(self) -> list[int]:
        """Return how many halos are in each bin of mass, whose edges the provenance tells."""
        held = sum(slab.sum(axis=(0, 1, 2)) for slab in slabs(self.fields["counts_by_mass"]))
        return [int(number) for number in held]

    def _look(self, name: str, layers: slice) -> tuple[Statistics, Columns]:
        seen, columns = look_at_grid(self.fields[name], layers, self.progress)
        survey = Survey(seen.minimum, seen.mean)
        self._allow(lambda: check_values(survey, name, self.source))
        return seen, columns

    def _halos(
        self, shape: Shape, layers: slice, about: list[Fact]
    ) -> tuple[list[Section], Columns] | None:
        stored = {name: self.fields[name] for name in DATASETS if name in self.fields}
        halos = {DATASETS[name].name: column for name, column in stored.items()}
        size = self.header.voxel_size
        try:
            check_lengths({name: column.shape for name, column in stored.items()}, self.source)
            found, columns = look_at_halos(halos, shape, size, layers, self.source, self.progress)
        except BoxError as error:
            self._note(error)
            return None
        volume = float(np.prod(shape, dtype=np.float64)) * size**3
        facts = [
            Fact("number", found.number, text=f"{found.number:,}"),
            Fact("number_density", found.number / volume, "(h/Mpc)^3"),
        ]
        for name, (least, largest) in found.extent.items():
            unit = COLUMNS[name].unit
            facts += [
                Fact(f"{name}_min", least, unit, _shown(least)),
                Fact(f"{name}_max", largest, unit, _shown(largest)),
            ]
        sections = [Section("halos", [*facts, *about])]
        if "counts" not in self.fields:
            sections.append(Section("counts", _counts(found.counts)))
        return sections, columns

    def _provenance(self, hashed: bool) -> Section:
        facts = [_described(name, value) for name, value in sorted(self.provenance.items())]
        if hashed:
            header = self.header
            self.digest = hash_fields(
                header.voxel_size, header.redshift, header.cosmology, header.provenance, self.fields
            )
            facts.append(Fact("hash", self.digest))
        return Section("provenance", facts)

    def _allow(self, check: Callable[[], None]) -> None:
        try:
            check()
        except BoxError as error:
            self._note(error)

    def _note(self, error: BoxError) -> None:
        self.problems.append(str(error))
        self.damaged |= isinstance(error, DamagedError)


def _shown(value: float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def _like(shape: Shape | None) -> str:
    return "" if shape is None else f" of shape {shape}"


def _described(name: str, value: Any) -> Fact:
    return Fact(name, value, _UNITS.get(name, ""))


def _values_of(seen: Statistics, unit: str) -> list[Fact]:
    return [
        Fact("mean", seen.mean, unit),
        Fact("minimum", seen.minimum, unit),
        Fact("maximum", seen.maximum, unit),
        Fact("variance", seen.variance),
    ]


def _counts(seen: Statistics, below: str = "without a halo") -> list[Fact]:
    return [
        *_values_of(seen, "halos per voxel"),
        Fact("empty_fraction", seen.empty, text=f"{seen.empty:.4f} of the voxels, {below}"),
    ]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
    return path.stat().st_size
