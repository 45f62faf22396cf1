"""What a file or folder that halopaint cannot inspect looks like, and the command that takes it."""

import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from halokeras.boxes.suite import INDEX, Suite, read_suite
from halokeras.cosmology.cosmology_file import load_cosmology
from halokeras.errors import HalopaintError
from halokeras.params import load_params
from halokeras.simulation.suites.params import load_suite_params
from halokeras.storage.files import SUFFIXES
from halokeras.storage.grid_file import mapped
from halokeras.storage.store import NUMBERS
from halokeras.storage.stores import is_store, open_store
from halokeras.storage.unreadable import UNREADABLE
from halokeras.training.run_folder import is_run

_HEAD = 4096  # bytes
_POSITIONS = {"halo_x", "x", "pos", "position", "x_l2com"}
_MOST_ENTRIES = 10_000
_NAMED = 6


def describe_unrecognized(path: Path) -> str:
    """Say in one sentence what `path`, which exists, looks like and what to do with it.

    Raises
    ------
    BoxError
        If it is an HDF5 file or Zarr group that cannot be read.
    """
    look = _store if is_store(path) else _folder if path.is_dir() else _file
    looks, remedy = look(path)
    return f"{path} {looks}; {remedy}"


def _folder(folder: Path) -> tuple[str, str]:
    quoted = shlex.quote(str(folder))
    entries = sorted(path for path, _ in zip(folder.iterdir(), range(_MOST_ENTRIES), strict=False))
    names = {path.name for path in entries}
    if not entries:
        return "is an empty folder", "name a box, a run or a saved painter"
    simulation = _simulation(folder, names)
    if simulation is not None:
        return simulation
    if any((path / "attr-v2").exists() for path in (folder, *entries)):
        return "looks like a BigFile catalogue", f"halopaint prepare catalogue {quoted}"
    kinds = {
        "runs": [path for path in entries if is_run(path)],
        "saved painters": [path for path in entries if (path / "architecture.json").is_file()],
        "box files": [path for path in entries if path.suffix in SUFFIXES],
    }
    for kind, found in kinds.items():
        if found:
            shown = ", ".join(path.name for path in found[:_NAMED])
            more = ", ..." if len(found) > _NAMED else ""
            return f"holds {len(found)} {kind} ({shown}{more})", "inspect one of them"
    return "is no box, run or saved painter", "name the folder or file that is one"


def _simulation(folder: Path, names: set[str]) -> tuple[str, str] | None:
    quoted = shlex.quote(str(folder))
    # A simulation of AbacusSummit holds an abacus.par too.
    if {"halos", "halo_info"} & names or any(name.endswith(".asdf") for name in names):
        return "looks like an AbacusSummit simulation", f"halopaint prepare abacus-summit {quoted}"
    if any((folder / below).is_file() for below in ("abacus.par", "info/abacus.par")) or any(
        name.endswith(("_rockstar_halos", "_FoF_halos")) for name in names
    ):
        return "looks like an AbacusCosmos simulation", f"halopaint prepare abacus-cosmos {quoted}"
    return None


def _file(path: Path) -> tuple[str, str]:
    quoted = shlex.quote(str(path))
    prepare = f"halopaint prepare catalogue {quoted}"
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        return f"cannot be read ({error.strerror})", "check the path and its permissions"
    if not head:
        return "is an empty file", "fetch or make it again"
    if head.startswith(b"\x93NUMPY"):
        return _npy(path)
    if head.startswith(b"PK\x03\x04") and (archive := _npz(path)) is not None:
        return archive
    if head.startswith(b"SIMPLE  ="):
        return "is a FITS file", f"if it is a halo catalogue: {prepare}"
    if head.startswith(b"PAR1"):
        return "is a Parquet table", f"if it is a halo catalogue: {prepare}"
    if head.startswith(b"\x89PNG"):
        return "is a picture", "name the box that it shows"
    if b"\0" in head:
        return "is a binary file of no kind that halopaint knows", f"if it is of halos: {prepare}"
    return _text(path, head.decode("utf-8", "replace"), prepare)


def _text(path: Path, head: str, prepare: str) -> tuple[str, str]:
    if head.lstrip().startswith("{"):
        return _json(path)
    if re.search(r"^\s*(BoxSize|SimName|ICFormat|NP)\s*=", head, re.MULTILINE):
        parent = path.resolve().parent
        folder = parent.parent if parent.name == "info" else parent
        found = _simulation(folder, {entry.name for entry in folder.iterdir()})
        return "holds the parameters of an Abacus run", found[1] if found else prepare
    if head.startswith("# %ECSV"):
        return "is an ECSV table", f"if it is a halo catalogue: {prepare}"
    return "is text", f"if it is a table of halos: {prepare}"


def _json(path: Path) -> tuple[str, str]:
    quoted = shlex.quote(str(path))
    kinds: list[tuple[Callable[[Path], object], str, str]] = [
        (load_params, "is a params file", f"halopaint train --params {quoted}"),
        (load_suite_params, "plans a suite", f"halopaint simulate --suite {quoted}"),
        (load_cosmology, "tells a cosmology", f"halopaint simulate --cosmology {quoted}"),
    ]
    if path.name == INDEX:
        folder = shlex.quote(str(path.parent))
        kinds.append((_indexed, "is the index of a suite", f"halopaint inspect {folder}"))
    for load, looks, remedy in kinds:
        with suppress(HalopaintError):
            load(path)
            return looks, remedy
    return "is JSON, but no params file", "name a box, a run or a saved painter"


def _indexed(index: Path) -> Suite:
    return read_suite(index.parent)


def _npz(path: Path) -> tuple[str, str] | None:
    """Say what an archive of arrays looks like; None of any other archive."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            names = list(held.files)
    except UNREADABLE:
        return None
    if {"power", "k", "paintings"} <= {*names}:
        return "holds the power spectra of painted boxes", "read it with numpy.load"
    quoted, shown = shlex.quote(str(path)), ", ".join(names[:_NAMED]) or "none"
    return (
        f"is an archive of arrays ({shown})",
        f"if one is a density: halopaint paint --density {quoted} --dataset NAME --voxel-size SIZE "
        f"--redshift Z; if they are columns of halos: halopaint prepare catalogue {quoted}",
    )


def _npy(path: Path) -> tuple[str, str]:
    try:
        array = mapped(path)
    except HalopaintError:
        return "is a .npy file that cannot be read as numbers", "write it again without objects"
    if array.ndim == 3:
        return _grid(path, None, array.shape)
    return (
        f"is an array of shape {array.shape}",
        f"if it is a table of halos: halopaint prepare catalogue {shlex.quote(str(path))}",
    )


def _store(path: Path) -> tuple[str, str]:
    quoted = shlex.quote(str(path))
    with open_store(path, str(path)) as store:
        found = store.contents()
    columns = {name.rsplit("/", 1)[-1].lower() for name in found}
    for one in found.values():
        columns |= {field.lower() for field in np.dtype(one.dtype).names or ()}
    if columns & _POSITIONS:
        rows = max((one.shape[0] for one in found.values() if one.shape), default=0)
        return (
            f"is a halo catalogue of {rows:,} rows, not a box",
            f"to make a box of it: halopaint prepare catalogue {quoted}",
        )
    for name, one in found.items():
        if len(one.shape) == 3 and np.dtype(one.dtype).kind in NUMBERS:
            return _grid(path, name or None, one.shape)
    kind = "a Zarr group" if path.is_dir() else "an HDF5 file"
    names = ", ".join(list(found)[:_NAMED]) or "no dataset"
    return f"is {kind} of {names}", f"if it is of halos: halopaint prepare catalogue {quoted}"


def _grid(path: Path, dataset: str | None, sides: tuple[int, ...]) -> tuple[str, str]:
    option = "" if dataset is None else f" --dataset {shlex.quote(dataset)}"
    what = "" if dataset is None else f" {dataset}"
    shape = " x ".join(str(side) for side in sides)
    return (
        f"holds a grid{what} of {shape} numbers, not a box",
        f"if it is a density: halopaint paint --density {shlex.quote(str(path))}{option} "
        "--voxel-size SIZE --redshift Z",
    )
