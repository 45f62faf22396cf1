"""AbacusCosmos halo files, Rockstar's HDF5 and friends-of-friends' binary, to one catalogue."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.errors import BoxError
from halokeras.fields.gridding import wrap
from halokeras.sources.abacus_cosmos.parameter_file import Value
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.stores import open_store
from halokeras.storage.unreadable import reading

MASSES: dict[str, tuple[str, int | None]] = {
    "virial": ("m", None),
    "virial_so": ("m_SO", None),
    "200b": ("alt_m", 0),
    "200c": ("alt_m", 1),
    "500c": ("alt_m", 2),
    "2500c": ("alt_m", 3),
}
"""Where Rockstar's records have each mass, and its place where they have several."""

_FURTHER: dict[str, tuple[str, int | None]] = {
    "parent": ("parent_id", None),
    "particles": ("N", None),
    "velocity": ("vel", None),
    "mass_virial": MASSES["virial"],
    "mass_200b": MASSES["200b"],
    "mass_200c": MASSES["200c"],
}
"""Where they have the columns of halos beside position, mass and id, of bound particles."""

FOF_RECORD = np.dtype(
    {
        "names": ["id", "N", "pos", "vel"],
        "formats": ["<i8", "<u4", ("<f4", (3,)), ("<f4", (3,))],
        "offsets": [0, 20, 40, 52],
        "itemsize": 160,
    }
)
"""What is read of a friends-of-friends halo."""

_FOF_HEADER = np.dtype([("groups", "<u8"), ("subhalos", "<u8")])
_SUBHALOS = 4
_BUFFER = 2**26
"""Bytes of records that are read at a time."""
_LARGEST_RECORD = 2**16
_LARGEST_CHUNK = 2**28
_WHOLE = 1e-4
"""Relative difference of a mass from a whole number of particles."""


class _HaloColumns:
    """The columns `names` of as many halos as files have, filled block by block."""

    def __init__(self, names: Sequence[str], halos: int, folder: Path) -> None:
        kinds = {name: np.dtype((COLUMNS[name].dtype, COLUMNS[name].shape)) for name in names}
        need = halos * sum(kind.itemsize for kind in kinds.values()) + 2 * _BUFFER
        refuse_beyond_memory(need, f"{folder}: a list of {halos} halos", "use a larger machine")
        self.columns = {name: np.empty(halos, dtype=kind) for name, kind in kinds.items()}
        self.filled = 0

    def add(self, **columns: NDArray[Any]) -> None:
        """Append halos."""
        into = slice(self.filled, self.filled + len(columns["position"]))
        for name, values in columns.items():
            self.columns[name][into] = values
        self.filled = into.stop

    def halos(self) -> Halos:
        """Return what was filled."""
        return Halos(**{name: values[: self.filled] for name, values in self.columns.items()})


def rockstar_attributes(files: tuple[Path, ...]) -> dict[str, Value]:
    """Return the header that each file repeats as attributes of its halos.

    Raises
    ------
    BoxError
        If the files do not agree: they are not of one slice of one simulation.
    """
    first: dict[str, Value] = {}
    for path in files:
        with _opened(path) as stored:
            attributes = dict(_plain_attributes(stored))
        if path == files[0]:
            first = attributes
        for name in ("SimName", "BoxSize", "Redshift", "ParticleMassHMsun", "H0", "ZD_Seed"):
            if attributes.get(name) != first.get(name):
                raise BoxError(
                    f"{path}: {name} is {attributes.get(name)} but {first.get(name)} in "
                    f"{files[0].name}; keep the files of one simulation in a folder"
                )
    return first


def read_rockstar(
    files: tuple[Path, ...], particle_mass: float, mass: str, hosts_only: bool
) -> tuple[Halos, int]:
    """Read Rockstar halos.

    Parameters
    ----------
    files
        ``halos_M.N.h5``.
    particle_mass
        [Msun/h], of which the bound virial mass must be a whole multiple.
    mass
        One of `MASSES`.
    hosts_only
        Leave out halos within halos.

    Returns
    -------
    Halos, int
        The halos, with the further columns that all files have, and how many halos within halos
        there are, left out or not.

    Raises
    ------
    BoxError
        If a file is damaged or of another layout, or masses are not whole multiples.
    """
    name, _ = MASSES[mass]
    places = {"position": ("pos", None), "mass": MASSES[mass], "id": ("id", None), **_FURTHER}
    rows = []
    for path in files:
        with _opened(path) as stored:
            _check_fields(stored.dtype, name, path)
            rows.append(len(stored))
            places = {
                column: place
                for column, place in places.items()
                if _holds(stored.dtype, *place, COLUMNS[column].shape)
            }
    catalogue = _HaloColumns(list(places), sum(rows), files[0].parent)
    subhalos = 0
    for path in files:
        for block in _blocks(path):
            _check_masses(block, particle_mass, path)
            within = block["parent_id"] != -1
            subhalos += int(within.sum())
            if hosts_only:
                block = block[~within]
            catalogue.add(
                **{
                    column: block[field] if place is None else block[field][:, place]
                    for column, (field, place) in places.items()
                }
            )
    return catalogue.halos(), subhalos


def read_friends_of_friends(
    files: tuple[Path, ...], particle_mass: float, box_size: float
) -> Halos:
    """Read friends-of-friends halos, whose mass is that of their particles.

    Parameters
    ----------
    files
        ``halos_N``.
    particle_mass
        [Msun/h].
    box_size
        Side of the box [Mpc/h], into which positions are wrapped: the files have it about 0.

    Raises
    ------
    BoxError
        If a file is not as long as it says, or of another version.
    """
    halos = [_friends_of_friends_halos(path) for path in files]
    names = ("position", "mass", "id", "particles", "velocity")
    catalogue = _HaloColumns(names, sum(halos), files[0].parent)
    records = np.empty(min(max(halos), _BUFFER // FOF_RECORD.itemsize), dtype=FOF_RECORD)
    for path, count in zip(files, halos, strict=True):
        with path.open("rb") as file:
            file.seek(_FOF_HEADER.itemsize)
            for start in range(0, count, max(1, len(records))):
                block = records[: count - start]
                if file.readinto(block.view(np.uint8).data) != block.nbytes:
                    raise BoxError(f"{path} became shorter while it was read; start again")
                with np.errstate(invalid="ignore", over="ignore"):
                    position = wrap(block["pos"], box_size)
                if not np.isfinite(position).all():
                    raise BoxError(f"{path} holds positions that are not finite; unpack it again")
                catalogue.add(
                    position=position,
                    mass=block["N"] * particle_mass,
                    id=block["id"],
                    particles=block["N"],
                    velocity=block["vel"],
                )
    return catalogue.halos()


def _friends_of_friends_halos(path: Path) -> int:
    """How many halos a file has, once its length agrees."""
    try:
        with path.open("rb") as file:
            header = np.frombuffer(file.read(_FOF_HEADER.itemsize), dtype=np.uint8)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise BoxError(f"{path} cannot be read ({error.strerror}); check the disk") from error
    if len(header) < _FOF_HEADER.itemsize:
        raise BoxError(f"{path} has {size} bytes and no header; unpack halos.tar.gz again")
    groups, subhalos = (int(value) for value in header.view(_FOF_HEADER)[0])
    if subhalos != _SUBHALOS:
        order = " as of a big-endian machine" if subhalos == _SUBHALOS << 56 else ""
        raise BoxError(
            f"{path} has records of {subhalos} subhalos{order}; AbacusCosmos's have {_SUBHALOS}, "
            "so give files of that layout"
        )
    expected = _FOF_HEADER.itemsize + groups * FOF_RECORD.itemsize
    if size != expected:
        raise BoxError(
            f"{path} has {size} bytes but {groups} halos have {expected}; unpack halos.tar.gz again"
        )
    return groups


@contextmanager
def _opened(path: Path) -> Iterator[h5py.Dataset]:
    """Open the halos of a file; whatever is found damaged in the block is told as the file's."""
    with open_store(path, str(path)) as store:
        found = store.array("halos", "V")
        if found is None or found.dtype.names is None or found.ndim != 1:
            raise BoxError(f"{path} has no table halos; give files that Rockstar wrote for Abacus")
        with reading(str(path)):
            yield _checked(store.root["halos"], path)


def _checked(stored: h5py.Dataset, path: Path) -> h5py.Dataset:
    if stored.dtype.hasobject or stored.dtype.itemsize > _LARGEST_RECORD:
        raise BoxError(f"{path}: halos have fields that are no numbers; give Rockstar's own files")
    chunk = prod(stored.chunks or ()) * stored.dtype.itemsize
    if chunk > _LARGEST_CHUNK:
        raise BoxError(f"{path}: halos are in chunks of {chunk} bytes; unpack halos.tar.gz again")
    return stored


def _plain_attributes(stored: h5py.Dataset) -> Iterator[tuple[str, Value]]:
    """Attributes that are one number or text, which all of a header that is used here are."""
    for name in stored.attrs:
        kind = stored.attrs.get_id(name)
        text = h5py.check_string_dtype(kind.dtype) is not None
        if kind.shape not in ((), (1,)) or not (text or kind.dtype.kind in "fiu"):
            continue
        value = np.ravel(stored.attrs[name])[0]
        if isinstance(value, bytes):
            yield name, value.decode("utf-8", "replace")
        else:
            yield name, value.item() if isinstance(value, np.generic) else value


def _check_fields(record: np.dtype[Any], name: str, path: Path) -> None:
    needed = {"id": "iu", "parent_id": "i", "pos": "f", "N": "iu", "m": "f", name: "f"}
    shapes = {"pos": (3,), "alt_m": (4,)}
    for field, kinds in needed.items():
        stored = record[field] if field in (record.names or ()) else None
        shape = shapes.get(field, ())
        if stored is None or stored.shape != shape or stored.base.kind not in kinds:
            found = "is missing" if stored is None else f"is {stored}"
            raise BoxError(
                f"{path}: field {field} of halos {found}; give files that Rockstar wrote for Abacus"
            )


def _holds(record: np.dtype[Any], field: str, place: int | None, shape: tuple[int, ...]) -> bool:
    """Whether records have a field of real numbers, and in it the place of a column's value."""
    stored = record[field] if field in (record.names or ()) else None
    if stored is None or stored.base.kind not in "fiu":
        return False
    if place is None:
        return bool(stored.shape == shape)
    return len(stored.shape) == 1 and place < stored.shape[0]


def _blocks(path: Path) -> Iterator[NDArray[Any]]:
    """Records a buffer at a time, whole: HDF5 is slower at picking fields than the disk."""
    with _opened(path) as stored:
        rows = len(stored)
        step = _BUFFER // stored.dtype.itemsize
        records = np.empty(min(step, rows), dtype=stored.dtype)
        for start in range(0, rows, step):
            block = records[: rows - start]
            stored.read_direct(block, np.s_[start : start + len(block)])
            yield block


def _check_masses(block: NDArray[Any], particle_mass: float, path: Path) -> None:
    whole = block["N"] * particle_mass
    wrong = np.flatnonzero(~(np.abs(block["m"] - whole) <= _WHOLE * whole))
    if len(wrong):
        halo = block[wrong[0]]
        raise BoxError(
            f"{path}: halo {halo['id']} has m = {halo['m']:.6g} Msun/h but N = {halo['N']} "
            f"particles of ParticleMassHMsun = {particle_mass:.6g}; give the header of the same "
            "simulation"
        )
