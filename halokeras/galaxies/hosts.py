"""The halos that galaxies are put in: those of a box file, or of a catalogue that was painted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box
from halokeras.boxes.box_file import FORMAT, read_box
from halokeras.boxes.columns import Column
from halokeras.boxes.halos import COLUMNS, Halos, check_halos
from halokeras.boxes.masses import BY_DENSITY, column_of, masses_of, own_definition
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.sections import MassDefinition
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.own import cosmology_told, is_number, told
from halokeras.sources.tables.table import Table
from halokeras.storage.stores import is_store, open_store

ROWS = 2**18
"""Halos at a time."""

Pieces = Callable[[], Iterator[tuple[Halos, NDArray[np.floating]]]]

_READ = ("position", "mass", "id", "parent", "velocity", *BY_DENSITY.values())


@dataclass(frozen=True)
class Hosts:
    """Halos with masses.

    Attributes
    ----------
    name
        Their file.
    box_size
        Sides [Mpc/h].
    redshift, cosmology
        None where the file tells no cosmology.
    definition
        Of their masses; None where none is stated.
    column
        The name of the masses in a catalogue.
    moving
        Whether velocities are known.
    about
        What else the file tells.
    pieces
        Gives the halos that lie in no other and have a mass, with ids, and their masses, `ROWS` or
        fewer at a time.
    """

    name: str
    box_size: tuple[float, float, float]
    redshift: float
    cosmology: Cosmology | None
    definition: MassDefinition | None
    column: str
    moving: bool
    about: Mapping[str, Any]
    pieces: Pieces


@contextmanager
def open_hosts(path: Path, definition: MassDefinition | None = None) -> Iterator[Hosts]:
    """Open the halos of a box file or a painted catalogue.

    Parameters
    ----------
    path
        Of any format.
    definition
        By which masses; None takes `mass`, or where there is none virial, 200b or 200c ones.

    Raises
    ------
    BoxError
        If it is neither, or has no halos, no masses or none of that definition.
    """
    if not path.exists():
        raise BoxError(f"there is no file or folder {path}; check the path")
    if is_store(path):
        with open_store(path, str(path)) as store:
            is_box = store.attributes.get("format") == FORMAT
        if is_box:
            yield _of_box(read_box(path), path, definition)
            return
    with open_table(path) as table:
        yield _of_table(table, path, definition)


def _of_box(box: Box, path: Path, definition: MassDefinition | None) -> Hosts:
    halos = box.halos
    if halos is None:
        raise BoxError(
            f"{path} has no halos; name a box with halos, or a catalogue of "
            "`halopaint paint --draw --catalogue`"
        )
    named = halos if halos.id is not None else _numbered(halos)
    wanted, stated = _definition(halos.columns(), definition, box.provenance, path)

    def pieces() -> Iterator[tuple[Halos, NDArray[np.floating]]]:
        for start in range(0, len(named), ROWS):
            yield _hosting(named[start : start + ROWS], wanted, box.provenance, str(path))

    return Hosts(
        name=str(path),
        box_size=box.box_size,
        redshift=box.redshift,
        cosmology=box.cosmology,
        definition=stated,
        column=_column(wanted, halos.columns()),
        moving=halos.velocity is not None,
        about=box.provenance,
        pieces=pieces,
    )


def _of_table(table: Table, path: Path, definition: MassDefinition | None) -> Hosts:
    about = told(table.about)
    names = {name: _names(table, COLUMNS[name]) for name in _READ}
    found = {name: columns for name, columns in names.items() if columns}
    sides = about.pop("box_size")
    if "redshift" not in about or None in (sizes := _sides(sides)) or "position" not in found:
        raise BoxError(
            f"{path} is no catalogue of `halopaint paint --draw --catalogue`; make a box of it "
            "with `halopaint prepare catalogue`, and name that"
        )
    if len(sizes) != 3 or not all(is_number(side) and side > 0 for side in sizes):
        raise BoxError(f"{path}: Lbox is {sides!r}; it must be one side or three, in Mpc/h")
    redshift = about.pop("redshift")
    if not is_number(redshift) or redshift < 0:
        raise BoxError(f"{path}: redshift is {redshift!r}; it must be a number of 0 or more")
    cosmology = cosmology_told(about, path)
    if "id" not in found:
        raise BoxError(f"{path} has no halo_id; draw the catalogue again")
    wanted, stated = _definition(found, definition, about, path)
    whole = [column for name in ("id", "parent") for column in found.get(name, ())]
    real = [column for names in found.values() for column in names if column not in whole]

    def pieces() -> Iterator[tuple[Halos, NDArray[np.floating]]]:
        for chunk in table.chunks(real, whole, ROWS):
            halos = Halos(
                **{
                    name: COLUMNS[name].stored(chunk[names[0]])
                    if len(names) == 1
                    else np.stack([chunk[one] for one in names], axis=1)
                    for name, names in found.items()
                }
            )
            check_halos(halos, sizes, str(path))
            yield _hosting(halos, wanted, about, str(path))

    return Hosts(
        name=str(path),
        box_size=sizes,
        redshift=float(redshift),
        cosmology=cosmology,
        definition=stated,
        column=_column(wanted, found),
        moving="velocity" in found,
        about=about,
        pieces=pieces,
    )


def _sides(told: Any) -> Any:
    """Return the three sides of a box of which a catalogue tells one or three."""
    return tuple(told) if isinstance(told, list) else (told,) * 3


def _names(table: Table, column: Column) -> tuple[str, ...]:
    """Return the columns of a table that are one of ours, or none."""
    parts = tuple(column.parts())
    if all(part in table.columns for part in parts):
        return parts
    bigfile = "ID" if column.name == "id" else column.name.title().replace("_", "")
    return (bigfile,) if bigfile in table.columns else ()


def _numbered(halos: Halos) -> Halos:
    return Halos(**{**halos.columns(), "id": np.arange(len(halos))})


def _definition(
    columns: Mapping[str, Any],
    asked: MassDefinition | None,
    about: Mapping[str, Any],
    path: Path,
) -> tuple[MassDefinition | None, MassDefinition | None]:
    """Return the definition that masses are read by, and the one that they are of."""
    alone = [definition for definition, name in BY_DENSITY.items() if name in columns]
    if asked is None and "mass" not in columns:
        if not alone:
            raise BoxError(
                f"{path} tells no masses of its halos, which an occupation asks for; paint with a "
                "painter that draws masses, or name a box with halos/mass"
            )
        return alone[0], alone[0]
    return asked, asked or own_definition(about)


def _column(definition: MassDefinition | None, columns: Mapping[str, Any]) -> str:
    """Return the halotools name of the masses that are read."""
    own = column_of(definition)
    (name,) = COLUMNS[own if own in columns else "mass"].parts()
    return name


def _hosting(
    halos: Halos, definition: MassDefinition | None, about: Mapping[str, Any], name: str
) -> tuple[Halos, NDArray[np.floating]]:
    """Return the halos that lie in no other and have a mass, and their masses.

    Where no sphere about a halo is as dense as its definition asks for, its mass is 0.
    """
    kept = halos if halos.parent is None else halos[halos.parent < 0]
    try:
        mass = masses_of(kept, definition, about)
    except BoxError as error:
        raise BoxError(f"{name}: {error}") from None
    assert mass is not None  # or it was refused
    return kept[mass > 0], mass[mass > 0]
