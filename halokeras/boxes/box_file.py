"""The HDF5 file of a Box: written whole, read with suspicion, found by id and seed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, Provenance, box_arrays, check_box
from halokeras.boxes.halos import DATASETS, check_placed, halos_of
from halokeras.cosmology.cosmology import Cosmology, box_cosmology
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.resources import shipped
from halokeras.storage import checksums, zarr_store
from halokeras.storage.files import whole_file
from halokeras.storage.hdf5 import dataset, load, number, plain
from halokeras.storage.unreadable import UNREADABLE, unreadable
from halokeras.suggestions import beside

FORMAT = "halopaint box"
FORMAT_VERSION = 1
"""Of a file without checksums; with them it is `checksums.SEALED_VERSION`."""

_COSMOLOGY = ("H0", "omega_m", "omega_b", "sigma8", "n_s")
_GRID = ("format", "format_version", "box_size", "voxel_size", "redshift", "checksums")
_HALOS = {name: column.kinds for name, column in DATASETS.items()}
_FIELDS = {"density": "f", **_HALOS, "counts": "fiu"}


@dataclass(frozen=True)
class Header:
    """What a box file tells of its grids: the attributes of `Box`, and checksums of datasets."""

    voxel_size: float
    redshift: float
    cosmology: Cosmology | None
    provenance: Provenance = field(default_factory=dict)
    checksums: Mapping[str, str] | None = None


def read_box(path: Path) -> Box:
    """Read and check a box file.

    Raises
    ------
    BoxError
        If the file is missing, truncated, not HDF5 or not a box, or if a field is not what the
        format says: shapes that do not fit the box, NaN, negative density, a mean density far
        from 1, positions outside the box, links to other files, more data than memory.
    """
    with open_box_file(path) as (header, fields):
        arrays = {name: load(stored, path) for name, stored in fields.items()}
        sums = header.checksums
    box = Box(
        voxel_size=header.voxel_size,
        redshift=header.redshift,
        cosmology=header.cosmology,
        density=_single(arrays.get("density")),
        halos=halos_of(arrays),
        counts=arrays.get("counts"),
        provenance=header.provenance,
    )
    check_box(box, f"box file {path}")
    if sums is not None:
        checksums.check_datasets(sums, arrays, path)
    return box


@contextmanager
def open_box_file(path: Path) -> Iterator[tuple[Header, dict[str, Any]]]:
    """Open a box file and give its header and its datasets by name, values not yet read.

    Raises
    ------
    BoxError
        As `read_box` but for what only the values tell; also for errors of HDF5 in the block.
    """
    if not (path.is_file() or (path.suffix == zarr_store.SUFFIX and path.is_dir())):
        meant = beside(path, Path("boxes"), pattern="*.h5")
        raise BoxError(
            f"box file {path} does not exist{meant}; make one "
            "with `halopaint simulate` or `halopaint prepare`"
        )
    if path.suffix == zarr_store.SUFFIX:
        yield _opened_zarr(path)
        return
    with ExitStack() as opened:
        try:
            file = opened.enter_context(h5py.File(path, "r"))
            fields = _fields(file, path)
            header = _read_header(dict(file.attrs), fields, path)
        except UNREADABLE as error:
            raise _unreadable(path, error) from error
        try:
            yield header, fields
        except OSError as error:
            raise _unreadable(path, error) from error


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
    room = sum(checksums.stored_bytes(array.shape, array.dtype) for array in arrays.values())
    with whole_file(path) as temporary, checksums.new_file(temporary, room) as file:
        write_header(file, header, box.shape)
        if box.halos is not None:
            checksums.new_group(file, "halos")
        for name, array in arrays.items():
            # A file without halos still has the two empty datasets, which cannot be chunked.
            file.create_dataset(name, data=array, **(checksums.PACKED if array.size else {}))
        checksums.seal(file, arrays)


def write_header(file: Any, header: Header, shape: Shape) -> None:
    """Write the attributes of a box of `shape` voxels to an HDF5 file or Zarr group.

    Raises
    ------
    BoxError
        If the provenance names one of them.
    """
    reserved = {*_GRID, *_COSMOLOGY} & set(header.provenance)
    if reserved:
        raise BoxError(f"box provenance may not name {sorted(reserved)}")
    sides = [length * header.voxel_size for length in shape]
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["box_size"] = sides[0] if len(set(shape)) == 1 else sides
    file.attrs["voxel_size"] = float(header.voxel_size)
    file.attrs["redshift"] = float(header.redshift)
    if header.cosmology is not None:
        for name in _COSMOLOGY:
            file.attrs[name] = float(getattr(header.cosmology, name))
    for name, value in sorted(header.provenance.items()):  # same data, same bits
        file.attrs[name] = value


def box_name(box_id: str, seed: int) -> str:
    """File name of realisation `seed` of box `box_id`."""
    return f"box{box_id}_seed{seed}.h5"


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
            for path in folder.glob(f"box{id}_seed*.h5")
            if (name := wanted.fullmatch(path.name))
        }
        for folder in (shipped("boxes"), Path("boxes"))
    )
    return shipped_ones, own


def _read_header(stored: dict[str, Any], fields: dict[str, Any], path: Path) -> Header:
    attributes = {name: plain(value, name, path) for name, value in stored.items()}
    if attributes.get("format") != FORMAT:
        raise BoxError(
            f"{path} can be read but is not a halopaint box (no format attribute); "
            "convert it with `halopaint prepare`"
        )
    version = attributes.get("format_version")
    if version not in (FORMAT_VERSION, checksums.SEALED_VERSION):
        raise BoxError(
            f"box file {path} has format_version {version}, this halopaint reads "
            f"{FORMAT_VERSION} and {checksums.SEALED_VERSION}; update halopaint"
        )
    voxel_size = number(attributes, "voxel_size", path)
    redshift = number(attributes, "redshift", path)
    cosmology = None
    if any(name in attributes for name in _COSMOLOGY):
        parameters = {name: number(attributes, name, path) for name in _COSMOLOGY}
        try:
            cosmology = Cosmology(**parameters)
        except BoxError as error:
            raise BoxError(f"box file {path}: {error}") from None
    known = {*_GRID, *_COSMOLOGY}
    provenance = {name: value for name, value in attributes.items() if name not in known}
    check_placed(fields, f"box file {path}")
    _check_size(fields, attributes.get("box_size", np.nan), voxel_size, path)
    sums = checksums.checked(attributes, path) if version == checksums.SEALED_VERSION else None
    for name in sums or ():
        if name in _FIELDS and name not in fields:
            raise BoxError(
                f"box file {path} is damaged or was edited: {name} is missing; fetch or make it "
                "again"
            )
    return Header(voxel_size, redshift, cosmology, provenance, sums)


def _opened_zarr(path: Path) -> tuple[Header, dict[str, Any]]:
    group = zarr_store.open_group(path)
    found = {name: zarr_store.open_array(group, name, path) for name in _FIELDS}
    fields = {name: stored for name, stored in found.items() if stored is not None}
    try:
        return _read_header(dict(group.attrs), fields, path), fields
    except UNREADABLE as error:
        raise unreadable(f"box file {path}", error) from error


def _fields(file: h5py.File, path: Path) -> dict[str, h5py.Dataset]:
    found = {name: dataset(file, name, path, kinds) for name, kinds in _FIELDS.items()}
    return {name: stored for name, stored in found.items() if stored is not None}


def _check_size(fields: dict[str, Any], stated: Any, voxel_size: float, path: Path) -> None:
    for grid in (fields[name] for name in ("density", "counts") if name in fields):
        box_size = np.asarray(stated, dtype=np.float64)
        if not np.allclose(box_size, np.array(grid.shape) * voxel_size, rtol=1e-5):
            raise BoxError(
                f"box file {path}: box_size {box_size.tolist()} is not shape {grid.shape} x "
                f"voxel_size {voxel_size} Mpc/h; correct the attributes"
            )


def _single(array: NDArray[Any] | None) -> NDArray[np.float32] | None:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        return None if array is None else array.astype(np.float32, copy=False)


def _unreadable(path: Path, error: Exception) -> BoxError:
    return BoxError(
        f"box file {path} cannot be read as HDF5 ({_first_line(error)}); it may be truncated "
        "or of another kind: fetch or simulate it again"
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
