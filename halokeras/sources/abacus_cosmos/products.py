"""AbacusCosmos products on disk: which folder holds the halos of a simulation at a redshift.

The layout is that of the downloads::

    <set>_products/<simulation>_products/<simulation>_rockstar_halos/{info/, z0.300/}
    <set>_products/<simulation>_products/<simulation>_FoF_halos/{info/, z0.300/}

where a simulation is called ``emulator_1100box_planck_00`` or, in another phase,
``emulator_1100box_planck_00-3``. Any of these folders may be given.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from halokeras.errors import BoxError

FILES = {
    "rockstar": re.compile(r"halos_(\d+)(?:\.(\d+))?\.h5"),
    "fof": re.compile(r"halos_(\d+)"),
}
"""Names of the files of each halo finder."""

_FOLDER = {"rockstar": "_rockstar_halos", "fof": "_fof_halos"}
_PRODUCTS = "_products"
_SIMULATION = re.compile(r".*_(\d\d)(?:-(\d+))?")
_REDSHIFT = re.compile(r"z(\d+\.\d+)")
_DEPTH = 3
_MISSING = 20
SAME_REDSHIFT = 1e-3
"""Largest difference of redshifts that are the same; folders and headers round them."""


@dataclass(frozen=True)
class Slice:
    """Halos of a simulation at a redshift.

    Attributes
    ----------
    folder
        Which has its ``header``.
    files
        Of the halos, by number.
    missing
        The first numbers that the files leave out between their first and last.
    """

    folder: Path
    files: tuple[Path, ...]
    missing: tuple[int, ...]

    @property
    def info(self) -> Path:
        """Parameter file of the simulation, if it was downloaded too."""
        return self.folder.parent / "info" / "abacus.par"


def find_slice(
    directory: Path, finder: str, box: str | None, phase: int | None, redshift: float
) -> Slice:
    """Find the halos of one simulation at one redshift.

    Parameters
    ----------
    directory
        Any folder of the layout, or the one of a redshift alone.
    finder
        ``rockstar`` or ``fof``.
    box, phase
        Numbers in the simulation's name, or None where they are not needed to tell it from others.
    redshift
        Of the slice.

    Raises
    ------
    BoxError
        If there is none or more than one, or its halos are still packed.
    """
    if finder not in FILES:
        raise BoxError(f"there is no halo finder {finder}; choose {' or '.join(FILES)}")
    if not directory.is_dir():
        raise BoxError(f"there is no folder {directory}; check the path")
    directory = directory.absolute()  # of "." neither name nor parent are known
    if directory.name == "halos":
        directory = directory.parent
    if _halo_files(directory, finder) or (directory / "halos.tar.gz").exists():
        return _slice(directory, finder)
    simulations = {
        folder.name[: -len(_FOLDER[finder])]: folder
        for folder in _finder_folders(directory, _FOLDER[finder], _DEPTH)
    }
    folder = _one_simulation(simulations, directory, finder, box, phase)
    slices = {
        float(name[1]): path
        for path in sorted(folder.iterdir())
        if path.is_dir() and (name := _REDSHIFT.fullmatch(path.name))
    }
    for found, path in slices.items():
        if abs(found - redshift) < SAME_REDSHIFT:
            return _slice(path, finder)
    raise BoxError(
        f"{folder} has no folder z{redshift:.3f}; choose one of its redshifts "
        f"({_listed(sorted(slices))}) or download that one"
    )


def simulation_numbers(simulation: str) -> tuple[str | None, int | None]:
    """Box and phase in the name of a simulation, each None where it has none."""
    name = _SIMULATION.fullmatch(simulation)
    if name is None:
        return None, None
    return name[1], None if name[2] is None else int(name[2])


def _finder_folders(directory: Path, ending: str, depth: int) -> Iterator[Path]:
    if directory.name.lower().endswith(ending):
        yield directory
        return
    for path in directory.iterdir() if depth else ():
        if path.is_dir() and path.name.lower().endswith((ending, _PRODUCTS)):
            yield from _finder_folders(path, ending, depth - 1)


def _one_simulation(
    simulations: dict[str, Path], directory: Path, finder: str, box: str | None, phase: int | None
) -> Path:
    chosen = {}
    for name in sorted(simulations):
        its_box, its_phase = simulation_numbers(name)
        if box in (None, its_box) and phase in (None, its_phase):
            chosen[name] = its_phase
    if box is not None and None in chosen.values():  # box 00 is itself beside its phases 00-0, ...
        chosen = {name: its_phase for name, its_phase in chosen.items() if its_phase == phase}
    if len(chosen) == 1:
        return simulations[next(iter(chosen))]
    if not simulations:
        raise BoxError(
            f"{directory} holds no {finder} halos of AbacusCosmos; give the folder that has "
            f"<simulation>{_FOLDER[finder]}, or one of a redshift such as z0.300"
        )
    if not chosen:
        raise BoxError(
            f"{directory} holds no {finder} halos of that box and phase; choose one of "
            f"{_listed(sorted(simulations))}"
        )
    raise BoxError(
        f"{directory} holds {finder} halos of {_listed(chosen)}; name the box and phase, or give "
        "the folder of one"
    )


def _slice(folder: Path, finder: str) -> Slice:
    files = _halo_files(folder, finder)
    if not files:
        if (folder / "halos.tar.gz").exists():
            raise BoxError(
                f"{folder} has only halos.tar.gz; unpack it with tar xzf halos.tar.gz, there"
            )
        raise BoxError(f"{folder} has no files of {finder} halos; download its halos.tar.gz")
    numbers = sorted({number[-1] for number in files})
    missing = tuple(
        number
        for below, above in pairwise(numbers)
        for number in range(below + 1, min(above, below + _MISSING))
    )
    return Slice(folder, tuple(path for _, path in sorted(files.items())), missing[:_MISSING])


def _halo_files(folder: Path, finder: str) -> dict[tuple[int, ...], Path]:
    """Files by their numbers, in the folder or in the one that the archive may unpack to."""
    for place in (folder, folder / "halos"):
        files = {
            tuple(int(number) for number in name.groups() if number is not None): path
            for path in (place.iterdir() if place.is_dir() else ())
            if (name := FILES[finder].fullmatch(path.name))
        }
        if files:
            return files
    return {}


def _listed(names: Iterable[object]) -> str:
    listed = [f"{name}" for name in names]
    return ", ".join(listed[:20]) + (", ..." if len(listed) > 20 else "") if listed else "none"
