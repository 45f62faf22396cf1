"""The mass definition that the name of a column states, such as M500c."""

from collections.abc import Mapping

from halokeras.cosmology.definition_words import stated_definition
from halokeras.errors import BoxError


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
    stated = stated_definition(column)
    if column is None or stated is None:
        return {}, ()
    if "mass_definition" not in provenance:
        return {"mass_definition": stated}, (
            f"Masses are defined as {stated}, by the name of {column}.",
        )
    given = str(provenance["mass_definition"])
    if stated_definition(given) in (stated, None):
        return {}, (f"The name of {column} states its definition {stated}, as --mass-definition.",)
    if stated in ("vir", "fof"):  # catalogues of other masses are kept under these names
        return {}, (f"Masses are {given}, as stated, though the name of {column} says {stated}.",)
    raise BoxError(
        f"{name}: {column} states masses of {stated} and --mass-definition is {given}; leave it "
        "out, or choose another column with --columns mass=NAME"
    )
