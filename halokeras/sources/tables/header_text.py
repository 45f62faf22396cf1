"""What the comments above a table of text tell of its simulation."""

import re
from collections.abc import Sequence
from typing import Any

from halokeras.sources.tables.unit_text import is_unit

_LONGEST_COMMENT = 500
_PAIR = re.compile(
    r"(?:^|[;,])\s*([A-Za-z][\w ]{0,40}?)\s*[=:]\s*"
    r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])\s*([^;,]*)"
)
_UNITS = (
    ("mass_unit", re.compile(r"units:.*\bmass\w* in ([^,;()]+)|^mvir: halo mass \((.+?)\)", re.I)),
    (
        "velocity_unit",
        re.compile(r"units:.*\bvelocit\w* in ([^,;()]+)|^vx/vy/vz: halo velocity \((.+?)\)", re.I),
    ),
    (
        "length_unit",
        re.compile(r"units:.*\bpositions? in ([^,;()]+)|^x/y/z: halo position \((.+?)\)", re.I),
    ),
)
"""Of Rockstar's comments, and of consistent-trees', which describe every column."""
_NAMES = {
    "a": "scale_factor",
    "om": "omega_m",
    "ol": "omega_lambda",
    "omega_l": "omega_lambda",
    "particle mass": "particle_mass",
    "box size": "BoxSize",
    "full box size": "BoxSize",
    "scale factor": "scale_factor",
}
_MPC_PER_H = re.compile(r"c?mpc\s*/\s*h", re.IGNORECASE)


def stated_in_comments(comments: Sequence[str]) -> dict[str, Any]:
    """Read pairs such as ``a = 0.5``, and the units that Rockstar and consistent-trees tell.

    Names are Rockstar's (``Box size: 250.0 Mpc/h``, ``Particle mass``, ``Om``, ``h``),
    consistent-trees' (``Full box size = 250.0 Mpc/h``, ``Omega_M``, ``h0``), or anyone's. The
    first statement of a name holds.
    """
    about: dict[str, Any] = {}
    for comment in comments:
        short = comment[:_LONGEST_COMMENT]
        for found in _PAIR.finditer(short):
            told, value, unit = found[1].strip(), float(found[2]), found[3].strip()
            name = _NAMES.get(told.lower(), told)
            if name == "BoxSize" and _MPC_PER_H.fullmatch(unit):
                name = "Lbox"
            elif unit and not is_unit(unit):
                continue
            about.setdefault(name, value)
        for name, pattern in _UNITS:
            if unit_found := pattern.search(short):
                about.setdefault(name, (unit_found[1] or unit_found[2]).strip())
    return about
