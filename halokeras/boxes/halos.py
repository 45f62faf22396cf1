"""Halos: a table whose columns are declared here, each once.

A column that is a field of `Halos` is written to box files under ``halos/`` and read from them,
sealed by their checksums, hashed, checked, selected row by row, turned with the box and inspected;
``--columns`` knows it, and so do the catalogues that are read and painted, by its halotools name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, get_type_hints

import numpy as np

from halokeras.boxes.columns import NOT_NEGATIVE, POSITIVE, Array, Column
from halokeras.errors import BoxError


@dataclass(frozen=True)
class Halos:
    """A halo catalogue: the position of every halo, and any of the further columns.

    In a box the columns have their declared types and positions lie in [0, box_size). What a
    source gives, before it is checked, has real numbers of any type and positions that are not
    yet wrapped into the box.
    """

    position: Annotated[
        Array, Column("f4", "Mpc/h", "comoving position", shape=(3,), halotools="halo_")
    ]
    mass: Annotated[
        Array | None, Column("f4", "Msun/h", "mass, by the mass_definition of the box", POSITIVE)
    ] = None
    id: Annotated[Array | None, Column("i8", "", "number that names the halo")] = None
    parent: Annotated[
        Array | None, Column("i8", "", "id of the halo around it or -1", halotools="halo_upid")
    ] = None
    particles: Annotated[Array | None, Column("i8", "", "number of particles", POSITIVE)] = None
    velocity: Annotated[
        Array | None, Column("f4", "km/s", "peculiar velocity", shape=(3,), halotools="halo_v")
    ] = None
    velocity_dispersion: Annotated[
        Array | None, Column("f4", "km/s", "rms velocity of members along one axis", NOT_NEGATIVE)
    ] = None
    radius: Annotated[
        Array | None, Column("f4", "Mpc/h", "comoving radius within which mass lies", NOT_NEGATIVE)
    ] = None
    concentration: Annotated[
        Array | None,
        Column("f4", "", "radius over scale radius", NOT_NEGATIVE, halotools="halo_nfw_conc"),
    ] = None
    mass_virial: Annotated[
        Array | None,
        Column("f4", "Msun/h", "mass within the virial density", NOT_NEGATIVE, (), "halo_mvir"),
    ] = None
    mass_200b: Annotated[
        Array | None,
        Column("f4", "Msun/h", "mass within 200 x mean density", NOT_NEGATIVE, (), "halo_m200b"),
    ] = None
    mass_200c: Annotated[
        Array | None,
        Column(
            "f4", "Msun/h", "mass within 200 x critical density", NOT_NEGATIVE, (), "halo_m200c"
        ),
    ] = None
    radius_virial: Annotated[
        Array | None,
        Column("f4", "Mpc/h", "comoving radius of mass_virial", NOT_NEGATIVE, (), "halo_rvir"),
    ] = None
    radius_200b: Annotated[
        Array | None,
        Column("f4", "Mpc/h", "comoving radius of mass_200b", NOT_NEGATIVE, (), "halo_r200b"),
    ] = None
    radius_200c: Annotated[
        Array | None,
        Column("f4", "Mpc/h", "comoving radius of mass_200c", NOT_NEGATIVE, (), "halo_r200c"),
    ] = None

    def __len__(self) -> int:
        return len(self.position)

    def __repr__(self) -> str:
        """Tell how many there are and what is known of them, as columns would fill a page."""
        return f"<Halos: {len(self):,} with {', '.join(self.columns())}>"

    def __getitem__(self, rows: Any) -> "Halos":
        """Return the halos of some rows: a slice, their indices or a truth for each."""
        return Halos(**{name: column[rows] for name, column in self.columns().items()})

    def columns(self) -> dict[str, Array]:
        """Return the columns that there are, in the order of their declaration."""
        found = {name: getattr(self, name) for name in COLUMNS}
        return {name: column for name, column in found.items() if column is not None}


COLUMNS: Mapping[str, Column] = {
    name: replace(declared.__metadata__[0], name=name)
    for name, declared in get_type_hints(Halos, include_extras=True).items()
}
DATASETS: Mapping[str, Column] = {f"halos/{name}": column for name, column in COLUMNS.items()}
"""The columns by the names of their datasets in a box file."""

_IN_A_BOX: Mapping[str, str] = {column.name: dataset for dataset, column in DATASETS.items()}
"""The names of their datasets by those of the columns."""


def halos_of(arrays: Mapping[str, Array]) -> Halos | None:
    """Return the halos among the arrays of a box file, or None where it has none."""
    found = {
        column.name: column.stored(arrays[dataset])
        for dataset, column in DATASETS.items()
        if dataset in arrays
    }
    return Halos(**found) if found else None


def stored_columns(halos: Halos) -> dict[str, Array]:
    """Return the columns as a box file has them, by the names of their datasets."""
    return {
        f"halos/{name}": COLUMNS[name].stored(values) for name, values in halos.columns().items()
    }


def check_placed(datasets: Iterable[str], source: str) -> None:
    """Refuse columns of halos, by the names of their datasets, that come without positions."""
    columns = [name for name in datasets if name in DATASETS]
    if columns and "halos/position" not in columns:
        raise BoxError(f"{source} has {columns[0]} and no halos/position; halos need both")


def check_lengths(shapes: Mapping[str, tuple[int, ...]], source: str) -> None:
    """Refuse columns whose shapes, by the names of their datasets, do not match."""
    rows = shapes["halos/position"][:1]
    for name, shape in shapes.items():
        wanted = DATASETS[name].shape
        if shape != (*rows, *wanted) or not rows:
            told = ", ".join(["N", *(str(side) for side in wanted)]) + "," * (not wanted)
            raise BoxError(
                f"{source}: {name} {shape} and halos/position {shapes['halos/position']} do not "
                f"match; {name} must be ({told})"
            )


def check_halos(
    halos: Halos,
    box_size: tuple[float, float, float],
    source: str,
    called: Mapping[str, str] = _IN_A_BOX,
) -> None:
    """Refuse a catalogue, or a part of one, whose values are not what their columns may have.

    Parameters
    ----------
    halos
        With positions in the box.
    box_size
        Sides [Mpc/h].
    source, called
        The file, and what it calls each column, for messages.

    Raises
    ------
    BoxError
        If a value is not, or a position lies outside [0, box_size) [Mpc/h].
    """
    for name, values in halos.columns().items():
        if not COLUMNS[name].fits(values):
            refusal = COLUMNS[name].check.refusal
            raise BoxError(f"{source}: {called[name]} {refusal}; drop those halos")
    position = COLUMNS["position"].stored(halos.position)
    outside = ((position < 0) | (position >= np.array(box_size))).any(axis=1)
    if outside.any():
        raise BoxError(
            f"{source}: {outside.sum()} of {called['position']} lie outside [0, box_size) "
            f"{box_size} Mpc/h; check the units and wrap them into the box"
        )
