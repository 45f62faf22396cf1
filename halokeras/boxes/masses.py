"""Which masses of halos are of which definition, and the halos that a selection by mass keeps."""

from collections.abc import Mapping
from typing import Any

from halokeras.boxes.columns import Array
from halokeras.boxes.halos import Halos
from halokeras.cosmology.definition_words import stated_definition
from halokeras.errors import BoxError
from halokeras.sections import MassDefinition, Selection

BY_DENSITY: Mapping[MassDefinition, str] = {
    "virial": "mass_virial",
    "200b": "mass_200b",
    "200c": "mass_200c",
}
"""Columns of the definitions that have one of their own."""
_STATED: Mapping[str | None, MassDefinition] = {
    "200b": "200b",
    "200c": "200c",
    "vir": "virial",
    "fof": "fof",
}
"""Our name of what words state."""


def column_of(definition: MassDefinition | None) -> str:
    """Return the name of the column of masses of a definition: `mass` where it has none."""
    return "mass" if definition is None else BY_DENSITY.get(definition, "mass")


def own_definition(provenance: Mapping[str, Any]) -> MassDefinition | None:
    """Return the definition of `mass` that a box states, or None for another or none.

    A box says it in `mass_definition`; without that only friends of friends are known by the
    `halo_finder`, as other finders have several masses.
    """
    words = str(provenance.get("mass_definition", ""))
    if words:
        return _STATED.get(stated_definition(words))
    finder = stated_definition(str(provenance.get("halo_finder", "")))
    return "fof" if finder == "fof" else None


def at_odds(
    selection: Selection, one: Mapping[str, Any], other: Mapping[str, Any]
) -> tuple[MassDefinition, MassDefinition] | None:
    """Return how two boxes state that `mass` is defined, where a cut by it means two things.

    Parameters
    ----------
    selection
        The halos that are counted.
    one, other
        Provenance of the boxes.
    """
    if selection.mass_definition is not None or not selection.cuts:
        return None
    ours, theirs = own_definition(one), own_definition(other)
    return None if ours is None or theirs is None or ours == theirs else (ours, theirs)


def masses_of(
    halos: Halos, definition: MassDefinition | None, provenance: Mapping[str, Any]
) -> Array | None:
    """Return the masses of halos by one definition, or by None their `mass`, which may lack.

    Raises
    ------
    BoxError
        If the box has no masses of that definition; the message says which it has.
    """
    if definition is None:
        return halos.mass
    column = BY_DENSITY.get(definition)
    own = own_definition(provenance)
    if column is not None and getattr(halos, column) is not None:
        found: Array = getattr(halos, column)
        return found
    if own == definition and halos.mass is not None:
        return halos.mass
    raise BoxError(
        f"the halos have no masses of the definition {definition}, which is asked for: they have "
        f"{_told(halos, own, provenance)}; choose another mass definition, or a box with "
        + (f"halos/{column}" if column else "friends-of-friends masses")
    )


def _told(halos: Halos, own: MassDefinition | None, provenance: Mapping[str, Any]) -> str:
    """Say which masses there are."""
    stated = own or provenance.get("mass_definition", "no stated definition")
    there = [f"mass ({stated})"] if halos.mass is not None else []
    there += [column for column in BY_DENSITY.values() if getattr(halos, column) is not None]
    return ", ".join(there) or "no masses"


def select(
    halos: Halos,
    mass_min: float = 0.0,
    mass_max: float | None = None,
    mass_definition: MassDefinition | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Halos:
    """Return the halos with masses in [mass_min, mass_max) [Msun/h].

    Parameters
    ----------
    halos
        Of a box.
    mass_min, mass_max, mass_definition
        As `halokeras.sections.Selection` has them.
    provenance
        Of the box, which states the definition of `mass`.

    Raises
    ------
    BoxError
        If a selection is asked of halos without masses, or without those of the definition.
    """
    mass = masses_of(halos, mass_definition, provenance or {})
    if mass is None:
        if mass_min > 0 or mass_max is not None:
            raise BoxError(
                "the halos have no masses, so mass_min and mass_max cannot be applied; drop the "
                "selection or give a box with halos/mass"
            )
        return halos
    chosen = mass >= mass_min
    if mass_max is not None:
        chosen &= mass < mass_max
    return halos[chosen]
