"""Which columns of a table are positions, masses, ids and parents, by the names in use.

Names are compared without regard to case. Known are those of halotools, Rockstar and
consistent-trees, Gadget and AREPO (friends-of-friends, Subfind, particles), CompaSO, FastPM and
nbodykit, and our own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from halokeras.boxes.box_file import FORMAT
from halokeras.boxes.halos import COLUMNS
from halokeras.errors import BoxError
from halokeras.sources.tables.table import Table, listed

_POSITIONS = (
    ("position",),
    ("halo_x", "halo_y", "halo_z"),
    ("grouppos",),
    ("subhalopos",),
    ("coordinates",),
    ("cmposition",),
    ("x_l2com",),
    ("x_com",),
    ("pos",),
    ("positions",),
    ("halo_position",),
    ("halo_pos",),
    ("x", "y", "z"),
    ("pos_x", "pos_y", "pos_z"),
    ("posx", "posy", "posz"),
    ("position_x", "position_y", "position_z"),
    ("x_com", "y_com", "z_com"),
    ("xc", "yc", "zc"),
)
_MASSES = (
    ("halo_mvir", "mvir", "mass_mvir"),
    ("mass", "halo_mass", "masses", "m", "groupmass", "fofmass", "mfof", "subhalomass"),
    ("halo_m200b", "m200b", "mass_200b", "m_200b", "m200m", "group_m_mean200"),
    ("halo_m200c", "m200c", "mass_200cr", "m_200c", "group_m_crit200"),
    ("group_m_tophat200", "mbound_vir", "halo_mbound_vir"),
    ("halo_m500c", "m500c", "group_m_crit500"),
    ("halo_m2500c", "m2500c"),
)
"""Virial masses first, then those without further name, then 200b, 200c and smaller ones."""
_PARTICLES = (
    "n",
    "np",
    "num_p",
    "halo_num_p",
    "npart",
    "n_particles",
    "nparticles",
    "length",
    "grouplen",
    "subhalolen",
)
_IDS = ("halo_id", "id", "haloid", "halo_ids", "rockstarid", "particleids")
_PARENTS = ("halo_upid", "upid", "halo_pid", "pid", "parent_id", "halo_parent_id", "parentid")
_FURTHER: Mapping[str, Sequence[tuple[str, ...]]] = {
    "velocity": [("vx", "vy", "vz"), ("vel",), ("velocity",)],
    "mass_virial": [("mvir",), ("mass_mvir",)],
    "mass_200b": [("m200b",), ("mass_200b",), ("m_200b",), ("group_m_mean200",)],
    "mass_200c": [("m200c",), ("mass_200cr",), ("m_200c",), ("group_m_crit200",)],
}
"""Names beside halotools' that tell what a column is, though not in which unit."""
MEANINGS = tuple(COLUMNS)


@dataclass(frozen=True)
class Columns:
    """The columns of a table by their meaning.

    Attributes
    ----------
    position
        One of three numbers in a row, or x, y and z.
    mass
        Of the halo or particle; or, where there is no mass,
    particles
        number of particles of a halo.
    id, parent
        Integers: of the halo, and of the halo that it lies in, -1 where it lies in none.
    other_masses
        Further columns that could be the mass.
    further
        What there is of the other columns of halos, by our name of each.
    """

    position: tuple[str, ...]
    mass: str | None = None
    particles: str | None = None
    id: str | None = None
    parent: str | None = None
    other_masses: tuple[str, ...] = ()
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def sentence(self) -> str:
        """Say what was chosen, for the report."""
        chosen = [f"position = {','.join(self.position)}"]
        chosen += [
            f"{meaning} = {name}"
            for meaning in ("mass", "particles", "id", "parent")
            if (name := getattr(self, meaning)) is not None
        ]
        chosen += [f"{meaning} = {','.join(names)}" for meaning, names in self.further.items()]
        others = f" ({listed(self.other_masses)} could be the mass too)" * bool(self.other_masses)
        return f"Columns read: {'; '.join(chosen)}{others}."


def choose_columns(table: Table, given: Mapping[str, str] | None = None) -> Columns:
    """Guess the columns of a table by their names.

    Parameters
    ----------
    table
        Opened.
    given
        Columns that the user names, by meaning: ``{"mass": "m200c", "position": "x,y,z"}``. An
        empty name leaves the meaning out.

    Returns
    -------
    Columns
        Of several masses the first in the order virial, unspecified, 200b, 200c, others; the mass
        is None where there is none, which is for the caller to judge.

    Raises
    ------
    BoxError
        If a named column is not there, or no column is known to be a position.
    """
    named = _named(table, given or {})
    ours = table.about.get("format") == FORMAT
    known = {name.lower(): name for name in reversed(list(table.columns))}
    position = named.pop("position", None) or _position(table, known)
    single = {name: one for name, one in known.items() if table.columns[one].width == 1}
    # What text holds is told when it is read; a real number is no id.
    whole = {name: one for name, one in single.items() if table.columns[one].kind in ("", "i", "u")}
    masses = _present([name for names in _MASSES for name in names], single)
    found = {
        "mass": masses,
        "particles": [] if masses else _present(_PARTICLES, whole),
        "id": _present(_IDS, whole),
        "parent": _present(("parent",) * ours + _PARENTS, whole),
    }
    found |= {meaning: names for meaning, names in named.items() if meaning in found}
    if named.get("particles") and "mass" not in named:
        found["mass"] = []
    chosen = {meaning: names[0] if names else None for meaning, names in found.items()}
    others = tuple(name for name in masses if chosen["mass"] and name != chosen["mass"])
    further = _further(table, known, named, ours)
    if chosen["particles"]:
        further.pop("particles", None)
    return Columns(tuple(position), **chosen, other_masses=others, further=further)


def parse_columns(given: Sequence[str]) -> dict[str, str]:
    """Read what `--columns` names, such as ``mass=m200c`` and ``position=x,y,z``.

    Raises
    ------
    BoxError
        If a meaning is unknown or named twice.
    """
    columns: dict[str, str] = {}
    for one in given:
        meaning, equals, name = one.partition("=")
        if not equals or meaning not in MEANINGS or meaning in columns:
            raise BoxError(
                f"--columns {one!r} does not name a column; write MEANING=NAME, each of "
                f"{', '.join(MEANINGS)} at most once, such as mass=m200c or position=x,y,z"
            )
        columns[meaning] = name
    return columns


def _named(table: Table, given: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names of the file for those of the user."""
    named: dict[str, list[str]] = {}
    for meaning, names in given.items():
        parts = [name.strip() for name in names.split(",") if name.strip()]
        vector = bool(COLUMNS[meaning].shape)
        none = not parts and meaning != "position"
        if len(parts) not in ((1, 3) if vector else (1,)) and not none:
            wanted = "one of three numbers or three of one" if vector else "one"
            raise BoxError(
                f"--columns {meaning}={names} names {len(parts)} columns; a {meaning} has {wanted}"
            )
        named[meaning] = [_as_written(table, part) for part in parts]
    _check_widths(table, named)
    return named


def _as_written(table: Table, name: str) -> str:
    if name in table.columns:
        return name
    alike = [one for one in table.columns if one.lower() == name.lower()]
    if len(alike) != 1:
        table.check(name)
    return alike[0]


def _check_widths(table: Table, named: Mapping[str, Sequence[str]]) -> None:
    for meaning, names in named.items():
        wanted = 3 if COLUMNS[meaning].shape and len(names) == 1 else 1
        for name in names:
            width = table.columns[name].width
            if width != wanted:
                raise BoxError(
                    f"{table.name}: column {name} has {width} numbers in a row and a {meaning} "
                    f"needs {wanted}; choose another with --columns"
                )


def _position(table: Table, known: Mapping[str, str]) -> list[str]:
    for names in _POSITIONS:
        width = 3 if len(names) == 1 else 1
        if all(name in known and table.columns[known[name]].width == width for name in names):
            return [known[name] for name in names]
    refused = "".join(f"; {name} {reason}" for name, reason in _known_unusable(table))
    raise BoxError(
        f"{table.name} has no column that is known to be a position{refused}; name it with "
        f"--columns position=x,y,z (there are {listed(table.columns)})"
    )


def _further(
    table: Table, known: Mapping[str, str], named: Mapping[str, Sequence[str]], ours: bool
) -> dict[str, tuple[str, ...]]:
    """Find the columns of halos that no rule of its own finds, by name; ours are known by ours."""
    found: dict[str, tuple[str, ...]] = {}
    for meaning, column in COLUMNS.items():
        if meaning in ("position", "mass", "id", "parent"):
            continue
        alike = [tuple(column.parts()), *_FURTHER.get(meaning, ()), *[(meaning,)] * ours]
        there = (
            tuple(known[name] for name in names)
            for names in alike
            if _are_columns(table, known, names, 3 if column.shape else 1)
        )
        chosen = tuple(named[meaning]) if meaning in named else next(there, ())
        if chosen:
            found[meaning] = chosen
    return found


def _are_columns(
    table: Table, known: Mapping[str, str], names: Sequence[str], numbers: int
) -> bool:
    """Whether there are columns of these names with so many numbers in a row together."""
    widths = [table.columns[known[name]].width for name in names if name in known]
    return len(widths) == len(names) and sum(widths) == numbers


def _known_unusable(table: Table) -> Iterator[tuple[str, str]]:
    positions = {name for names in _POSITIONS for name in names}
    return ((name, why) for name, why in table.unusable.items() if name.lower() in positions)


def _present(names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    return [known[name] for name in names if name in known]
