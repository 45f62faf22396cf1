"""Tell what a file or folder is, and have the reader of its kind look at it."""

from collections.abc import Callable
from pathlib import Path

from halokeras.boxes.box_file import FORMAT
from halokeras.boxes.suite import is_suite
from halokeras.errors import BoxError
from halokeras.inspection.boxes import inspect_box
from halokeras.inspection.catalogues import inspect_catalogue
from halokeras.inspection.facts import Inspection
from halokeras.inspection.painters import inspect_painter
from halokeras.inspection.runs import inspect_run
from halokeras.inspection.suites import inspect_suite
from halokeras.inspection.unrecognized import describe_unrecognized
from halokeras.painters.model_files import ARCHITECTURE, MANIFEST
from halokeras.storage.stores import is_store, open_store
from halokeras.storage.unreadable import refuse_pipe
from halokeras.training.run_folder import is_run


def inspect(path: Path, progress: Callable[[float], None] = lambda fraction: None) -> Inspection:
    """Tell what `path` is: a box, a catalogue of draws, a suite, a run, or a painter.

    Parameters
    ----------
    path
        A file or folder.
    progress
        Called with the fraction of a field of a box that was looked at.

    Raises
    ------
    HalopaintError
        In one sentence: if there is nothing at `path`, if it is none of these (what it looks like
        and which command takes it), or if it is one that cannot be read.
    """
    if not path.exists():
        raise BoxError(f"{path} does not exist; check the path")
    refuse_pipe(path)
    if path.is_dir():
        if is_run(path):
            return inspect_run(path)
        if is_suite(path):
            return inspect_suite(path)
        if (path / ARCHITECTURE).is_file() or (path / MANIFEST).is_file():
            return inspect_painter(path)
    if is_store(path):
        with open_store(path, str(path)) as store:
            is_box = store.attributes.get("format") == FORMAT
        if is_box:
            return inspect_box(path, progress)
    catalogue = inspect_catalogue(path)
    if catalogue is not None:
        return catalogue
    raise BoxError(describe_unrecognized(path))
