"""Checks of Python and the libraries: there, and of versions that halopaint allows."""

import importlib.metadata
import platform
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import halokeras
from halokeras.doctor.finding import Finding, Level


def declared() -> tuple[str, list[Requirement]]:
    """Return the range of Python and the libraries that halopaint asks for, extras included.

    A checkout's own pyproject.toml goes before what was installed, which may be older.
    """
    project = Path(halokeras.__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        fields = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if fields.get("name") == "halopaint":
            extras = fields["optional-dependencies"].items()
            texts = [
                *fields["dependencies"],
                *(f"{text}; extra == '{name}'" for name, listed in extras for text in listed),
            ]
            return fields["requires-python"], [Requirement(text) for text in texts]
    python = importlib.metadata.metadata("halopaint")["Requires-Python"]
    texts = importlib.metadata.requires("halopaint") or []
    return python, [Requirement(text) for text in texts]


def check_python(allowed: str) -> Finding:
    """Check Python's version against the range `allowed`."""
    version = platform.python_version()
    value = f"{version} on {platform.system()} {platform.machine()}"
    details = {"version": version, "allowed": allowed}
    if SpecifierSet(allowed).contains(version, prereleases=True):
        return Finding("Python", value, details=details)
    remedy = f"make a virtual environment with a Python {allowed}"
    return Finding("Python", value, Level.PROBLEM, remedy, details)


def check_halopaint() -> Finding:
    """Tell halopaint's version."""
    version = halokeras.__version__
    if version.startswith("0+"):
        return Finding("halopaint", "a checkout that was not installed")
    return Finding("halopaint", version, details={"version": version})


def check_libraries(requirements: Iterable[Requirement]) -> list[Finding]:
    """Check the library that each requirement names; a missing one of an extra is no problem."""
    wanted = [req for req in requirements if not _is_for_developers(req)]
    return [found for req in wanted if (found := check_library(req)) is not None]


def check_library(requirement: Requirement) -> Finding | None:
    """Check one library; None if nobody needs it here."""
    marker = requirement.marker
    needed = marker is None or marker.evaluate({"extra": ""})
    allowed = str(requirement.specifier)
    remedy = f"pip install '{requirement.name}{allowed}'"
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        if not needed:
            return None
        return Finding(requirement.name, "not installed", Level.PROBLEM, remedy)
    details = {"version": version, "allowed": allowed}
    if requirement.specifier.contains(version, prereleases=True):
        return Finding(requirement.name, version, details=details)
    level = Level.PROBLEM if needed else Level.WARNING
    return Finding(requirement.name, f"{version}, outside {allowed}", level, remedy, details)


def _is_for_developers(requirement: Requirement) -> bool:
    """Whether it is of the extra `test`, or names halopaint's own extras."""
    marker = str(requirement.marker or "")
    of_an_extra = "extra ==" in marker
    return requirement.name == "halopaint" or (of_an_extra and '"test"' in marker.replace("'", '"'))
