"""The mass definition that the name of a column states, such as M500c."""

import re
from collections.abc import Mapping

from halokeras.errors import BoxError

_OVERDENSITY = re.compile(r"(?<![\d.])(\d{2,4})_?(b|m|c|mean|crit|cr)(?![a-z])")
_REVERSED = re.compile(r"(mean|crit)_?(\d{2,4})(?!\d)")
_VIRIAL = re.compile(r"vir(?!go)|tophat")
_FRIENDS = re.compile(r"fof|groupmass|friends")


def named_definition(text: str | None) -> str | None:
    """Return the definition that a name or a description states.

    Returns
    -------
    str or None
        An overdensity over the mean (``200b``) or critical density (``500c``), ``vir`` or ``fof``.
    """
    words = (text or "").lower()
    if found := _OVERDENSITY.search(words):
        return f"{found[1]}{'c' if found[2].startswith('c') else 'b'}"
    if found := _REVERSED.search(words):
        return f"{found[2]}{'c' if found[1] == 'crit' else 'b'}"
    if _VIRIAL.search(words):
        return "vir"
    return "fof" if _FRIENDS.search(words) else None


def defined_by(
    name: str, column: str | None, provenance: Mapping[str, str | int | float]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Compare the definition that a column's name states with what the user says.

    Parameters
    ----------
    name, column
        Of the file and of the column of masses.
    provenance
        With ``mass_definition`` where the user states it.

    Returns
    -------
    dict, tuple of str
        What the provenance takes from the name, and sentences for the report.

    Raises
    ------
    BoxError
        If both state an overdensity, and not the same.
    """
    stated = named_definition(column)
    if column is None or stated is None:
        return {}, ()
    if "mass_definition" not in provenance:
        return {"mass_definition": stated}, (
            f"Masses are defined as {stated}, by the name of {column}.",
        )
    given = str(provenance["mass_definition"])
    if named_definition(given) in (stated, None):
        return {}, (f"The name of {column} states its definition {stated}, as --mass-definition.",)
    if stated in ("vir", "fof"):  # catalogues of other masses are kept under these names
        return {}, (f"Masses are {given}, as stated, though the name of {column} says {stated}.",)
    raise BoxError(
        f"{name}: {column} states masses of {stated} and --mass-definition is {given}; leave it "
        "out, or choose another column with --columns mass=NAME"
    )
