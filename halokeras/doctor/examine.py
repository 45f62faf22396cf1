"""Every check in turn."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from halokeras.doctor import libraries, machine
from halokeras.doctor.finding import Finding, Level


def examine(folder: Path, load: Callable[[], None]) -> Iterator[Finding]:
    """Run every check, giving what each found as it is found.

    Parameters
    ----------
    folder
        Where commands would write.
    load
        Imports TensorFlow, or raises what keeps it from being imported.
    """
    python, requirements = libraries.declared()
    yield libraries.check_halopaint()
    yield libraries.check_python(python)
    yield from libraries.check_libraries(requirements)
    yield machine.check_processors()
    yield machine.check_threads(os.environ)
    yield machine.check_variables(os.environ)
    yield machine.check_memory()
    yield machine.check_disk(folder)
    yield machine.check_folder(folder)
    unloadable = check_loading(load)
    if unloadable is not None:
        yield unloadable
        return
    yield _whole("convolutions", _onednn)
    yield _whole("GPU", _gpus)
    yield _whole("self-test", _painting)


def check_loading(load: Callable[[], None]) -> Finding | None:
    """Return what is wrong if TensorFlow cannot be imported."""
    try:
        load()
    except Exception as error:  # a broken library raises anything
        remedy = "install halopaint anew in a fresh virtual environment"
        return Finding("TensorFlow", f"does not load: {_first(error)}", Level.PROBLEM, remedy)
    return None


# Each imports what it looks at: a broken library is its finding, and ends no other check.


def _onednn() -> Finding:
    from halokeras.doctor.convolutions import check_onednn

    return check_onednn()


def _gpus() -> Finding:
    from halokeras.doctor.convolutions import check_gpus

    return check_gpus()


def _painting() -> Finding:
    from halokeras.doctor.self_test import check_painting

    return check_painting()


def _whole(name: str, check: Callable[[], Finding]) -> Finding:
    """Run a check; that it fails, with whatever error, is its finding."""
    try:
        return check()
    except Exception as error:
        remedy = "install halopaint anew in a fresh virtual environment, or report it"
        return Finding(name, f"failed: {_first(error)}", Level.PROBLEM, remedy)


def _first(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
