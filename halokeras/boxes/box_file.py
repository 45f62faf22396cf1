"""The file of a Box: written whole, read with suspicion, found by id and seed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, Provenance, box_arrays, check_box
from halokeras.boxes.halos import DATASETS, check_placed, halos_of
from halokeras.cosmology.cosmology import (
    ABACUS_COSMOS,
    PARAMETERS,
    Cosmology,
    box_cosmology,
    whole_parameters,
)
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.resources import can_be_seen, shipped
from halokeras.storage.checksums import SEALED_VERSION
from halokeras.storage.store import Layout, Store, StoredArray, packed
from halokeras.storage.stores import new_store, open_store
from halokeras.storage.unreadable import reading
from halokeras.suggestions import beside

PLAIN_REDSHIFT = 0.3
"""Redshift of boxes whose names tell none, that of AbacusCosmos."""

FORMAT = "halopaint box"
FORMAT_VERSION = 1
"""Of a file without checksums; with them it is `checksums.SEALED_VERSION`."""

_GRID = ("format", "format_version", "box_size", "voxel_size", "redshift", "checksums")
_HALOS = {name: column.kinds for name, column in DATASETS.items()}
_FIELDS = {"density": "f", **_HALOS, "counts": "fiu", "counts_by_mass": "u"}
"""Arrays of a box by name, and the kinds of numpy types that each may have."""


@dataclass(frozen=True)
class Header:
    """What a box file tells of its grids: the attributes of `Box`."""

    voxel_size: float
    redshift: float
    cosmology: Cosmology | None
    provenance: Provenance = field(default_factory=dict)


def read_box(path: Path) -> Box:
    """Read and check a box file.

    Raises
    ------
    BoxError
        If the file is missing, truncated or not a box, or if a field is not what the format says:
        shapes that do not fit the box, NaN, negative density, a mean density far from 1, positions
        outside the box, links to other files, more data than memory.
    """
    with open_box(path) as store:
        header, fields = describe(store)
        arrays = {name: stored.load() for name, stored in fields.items()}
        box = Box(
            voxel_size=header.voxel_size,
            redshift=header.redshift,
            cosmology=header.cosmology,
            density=_single(arrays.get("density")),
            halos=halos_of(arrays),
            counts=arrays.get("counts"),
            counts_by_mass=arrays.get("counts_by_mass"),
            provenance=header.provenance,
        )
        check_box(box, store.name)
        store.check_values(arrays)
    return box


@contextmanager
def open_box_file(path: Path) -> Iterator[tuple[Header, dict[str, StoredArray]]]:
    """Open a box file and give its header and its arrays by name, values not yet read.

    Raises
    ------
    BoxError
        As `read_box` but for what only the values tell.
    """
    with open_box(path) as store:
        yield describe(store)


@contextmanager
def open_box(path: Path) -> Iterator[Store]:
    """Open the store that a box file is, or raise `BoxError`."""
    if not path.exists():
        meant = beside(path, Path("boxes"), pattern="*.h5")
        raise BoxError(
            f"box file {path} does not exist{meant}; make one "
            "with `halopaint simulate` or `halopaint prepare`"
        )
    with open_store(path, f"box file {path}") as store:
        yield store


def describe(store: Store) -> tuple[Header, dict[str, StoredArray]]:
    """Return the header of a box's store and its arrays by name, as `open_box_file`."""
    found = {name: store.array(name, kinds) for name, kinds in _FIELDS.items()}
    fields = {name: stored for name, stored in found.items() if stored is not None}
    check_placed(fields, store.name)
    with reading(store.name):
        header = _read_header(store.attributes, fields, store.name)
    store.check_attributes()
    store.check_present(set(_FIELDS), fields)
    return header, fields


def write_box(box: Box, path: Path) -> None:
    """Check `box` and write it to `path`, whole, chunked and compressed.

    Raises
    ------
    BoxError
        If the box would not be read back.
    OutputError
        If the file cannot be written.
    """
    check_box(box, f"box for {path}")
    header = Header(box.voxel_size, box.redshift, box.cosmology, box.provenance)
    arrays = box_arrays(box)
    layouts = {name: packed(Layout(one.shape, one.dtype)) for name, one in arrays.items()}
    with new_store(path, header_attributes(header, box.shape), layouts) as create:
        for name, array in arrays.items():
            create(name)[...] = array


def header_attributes(header: Header, shape: Shape) -> dict[str, Any]:
    """Return the attributes of the file of a box of `shape` voxels, in the order they are written.

    Raises
    ------
    BoxError
        If the provenance names one of them.
    """
    reserved = {*_GRID, *PARAMETERS} & set(header.provenance)
    if reserved:
        raise BoxError(f"box provenance may not name {sorted(reserved)}")
    sides = [length * header.voxel_size for length in shape]
    told = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "box_size": sides[0] if len(set(shape)) == 1 else sides,
        "voxel_size": float(header.voxel_size),
        "redshift": float(header.redshift),
    }
    if header.cosmology is not None:
        told |= {name: float(value) for name, value in header.cosmology.parameters.items()}
    return told | dict(sorted(header.provenance.items()))  # same data, same bits


def box_name(box_id: str, seed: int, redshift: float = PLAIN_REDSHIFT) -> str:
    """File name of realisation `seed` of box `box_id`, which tells any redshift but 0.3."""
    return f"box{box_id}_seed{seed}{told_redshift(redshift)}.h5"


def told_redshift(redshift: float) -> str:
    """Return what the name of a box's file says of its redshift: nothing of 0.3."""
    return "" if redshift == PLAIN_REDSHIFT else f"_z{redshift:g}"


def is_box_id(name: str) -> bool:
    """Whether `name` is taken for a box id and not for a path; no file named as an id hides it."""
    path = Path(name)
    return not path.suffix and (name in ABACUS_COSMOS or not can_be_seen(path))


def box_path(name: str) -> Path:
    """Return the box file `name`, or of box id `name` the realisation that was held out.

    Raises
    ------
    BoxError
        If there is no box of the id.
    """
    return find_box(name) if is_box_id(name) else Path(name)


def find_box(id: str, seed: int | None = None) -> Path:
    """Find the box file of a cosmology and realisation, in ./boxes or among the shipped ones.

    Parameters
    ----------
    id
        Cosmology, ``00`` to ``04``.
    seed
        Realisation; by default the highest seed that ships, or else that lies in ./boxes. The
        shipped params train on low seeds, so that this is a box they never saw.

    Raises
    ------
    BoxError
        If there is none; the message says how to make it.
    """
    for found in _realisations(id):
        if found and (seed is None or seed in found):
            return found[max(found) if seed is None else seed]
    raise BoxError(
        f"there is no box {id}" + ("" if seed is None else f" with seed {seed}") + "; make it with "
        f"`halopaint simulate --box {id} --seed {1 if seed is None else seed}`"
    )


def find_boxes(id: str) -> list[Path]:
    """Find every realisation of a cosmology in ./boxes and among the shipped ones, by seed.

    Raises
    ------
    BoxError
        If the cosmology is unknown or there is none of it.
    """
    shipped_ones, own = _realisations(id)
    found = {**own, **shipped_ones}
    return [found[seed] for seed in sorted(found)] or [find_box(id)]


def _realisations(id: str) -> tuple[dict[int, Path], dict[int, Path]]:
    """Return the shipped box files of a cosmology by seed, and those in ./boxes."""
    box_cosmology(id)  # refuses an unknown one
    wanted = re.compile(rf"box{id}_seed(\d+)\.h5")
    shipped_ones, own = (
        {
            int(name[1]): path
            for path in (folder.glob(f"box{id}_seed*.h5") if can_be_seen(folder) else ())
            if (name := wanted.fullmatch(path.name))
        }
        for folder in (shipped("boxes"), Path("boxes"))
    )
    return shipped_ones, own


def _read_header(attributes: Mapping[str, Any], fields: Mapping[str, Any], name: str) -> Header:
    if attributes.get("format") != FORMAT:
        raise BoxError(
            f"{name.removeprefix('box file ')} can be read but is not a halopaint box (no format "
            "attribute); convert it with `halopaint prepare`"
        )
    version = attributes.get("format_version")
    if version not in (FORMAT_VERSION, SEALED_VERSION):
        raise BoxError(
            f"{name} has format_version {version}, this halopaint reads {FORMAT_VERSION} and "
            f"{SEALED_VERSION}; update halopaint"
        )
    _refuse_odd(attributes, name)
    voxel_size = _number(attributes, "voxel_size", name)
    redshift = _number(attributes, "redshift", name)
    cosmology = None
    if any(parameter in attributes for parameter in PARAMETERS):
        told_ones = whole_parameters(attributes)
        parameters = {known: _number(told_ones, known, name) for known in PARAMETERS}
        try:
            cosmology = Cosmology(**parameters)
        except BoxError as error:
            raise BoxError(f"{name}: {error}") from None
    known = {*_GRID, *PARAMETERS}
    provenance = {told: value for told, value in attributes.items() if told not in known}
    _check_size(fields, attributes.get("box_size", np.nan), voxel_size, name)
    return Header(voxel_size, redshift, cosmology, provenance)


def _refuse_odd(attributes: Mapping[str, Any], name: str) -> None:
    for told, value in attributes.items():
        sides = told == "box_size" and isinstance(value, list | np.ndarray)
        if sides and np.asarray(value).dtype.kind in "fiu":
            continue
        if not isinstance(value, str | int | float):
            raise BoxError(f"{name}: attribute {told} is neither text nor number; remove it")


def _number(attributes: Mapping[str, Any], told: str, name: str) -> float:
    value = attributes.get(told)
    if not isinstance(value, int | float):
        raise BoxError(f"{name}: attribute {told} is missing or not a number; add it")
    return float(value)


def _check_size(fields: Mapping[str, Any], stated: Any, voxel_size: float, name: str) -> None:
    for grid in (fields[grid] for grid in ("density", "counts") if grid in fields):
        box_size = np.asarray(stated, dtype=np.float64)
        if not np.allclose(box_size, np.array(grid.shape[:3]) * voxel_size, rtol=1e-5):
            raise BoxError(
                f"{name}: box_size {box_size.tolist()} is not shape {grid.shape} x voxel_size "
                f"{voxel_size} Mpc/h; correct the attributes"
            )


def _single(array: NDArray[Any] | None) -> NDArray[np.float32] | None:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        return None if array is None else array.astype(np.float32, copy=False)
