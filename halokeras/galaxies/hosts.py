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
from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.boxes.masses import BY_DENSITY, column_of, masses_of, own_definition
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.galaxies.listed_halos import (
    ROWS,
    check_ids,
    check_listed_ids,
    halo_columns,
    listed_halos,
    sides_of,
)
from halokeras.sections import MassDefinition
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.own import cosmology_told, is_number, told
from halokeras.sources.tables.table import OF_OURS, Table
from halokeras.storage.stores import is_store, open_store

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
    least_group
        Least mass of the groups in which spheres were measured [Msun/h], below which spheres lack;
        0 where masses are those of the halos themselves.
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
    least_group: float
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
    with open_table(path, options=OF_OURS) as table:
        yield _of_table(table, path, definition)


def _of_box(box: Box, path: Path, definition: MassDefinition | None) -> Hosts:
    halos = box.halos
    if halos is None:
        raise BoxError(
            f"{path} has no halos; name a box with halos, or a catalogue of "
            "`halopaint paint --draw --catalogue`"
        )
    if halos.id is not None:
        ids = halos.id
        check_ids(
            lambda: [ids],
            f"{path}: halos/id",
            "galaxies are drawn by the id of their halo: make the box again with an id of its own "
            "for each, or without ids",
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
        least_group=_least_group(halos, stated, box.provenance),
        moving=halos.velocity is not None,
        about=box.provenance,
        pieces=pieces,
    )


def _of_table(table: Table, path: Path, definition: MassDefinition | None) -> Hosts:
    about = told(table.about)
    found = {name: parts for name, parts in halo_columns(table).items() if name in _READ}
    told_sides = about.pop("box_size")
    unknown = None in told_sides if isinstance(told_sides, list) else told_sides is None
    if "redshift" not in about or unknown or "position" not in found:
        raise BoxError(
            f"{path} is no catalogue of `halopaint paint --draw --catalogue`; make a box of it "
            "with `halopaint prepare catalogue`, and name that"
        )
    sides = sides_of(told_sides, str(path))
    redshift = about.pop("redshift")
    if not is_number(redshift) or redshift < 0:
        raise BoxError(f"{path}: redshift is {redshift!r}; it must be a number of 0 or more")
    cosmology = cosmology_told(about, path)
    if "id" not in found:
        raise BoxError(f"{path} has no halo_id; draw the catalogue again")
    wanted, stated = _definition(found, definition, about, path)
    (ids,) = found["id"]
    check_listed_ids(
        table,
        ids,
        str(path),
        "galaxies are drawn by the id of their halo: draw the catalogue again, or give every halo "
        "its own",
    )

    def pieces() -> Iterator[tuple[Halos, NDArray[np.floating]]]:
        for halos in listed_halos(table, found, sides, str(path)):
            yield _hosting(halos, wanted, about, str(path))

    return Hosts(
        name=str(path),
        box_size=sides,
        redshift=float(redshift),
        cosmology=cosmology,
        definition=stated,
        column=_column(wanted, found),
        least_group=0.0,
        moving="velocity" in found,
        about=about,
        pieces=pieces,
    )


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


def _least_group(
    halos: Halos, definition: MassDefinition | None, about: Mapping[str, Any]
) -> float:
    """Return the least mass of groups, where masses are of spheres about their centres."""
    if halos.mass is None or definition == own_definition(about):
        return 0.0
    return float(halos.mass.min(initial=np.inf))


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
