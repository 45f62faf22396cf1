"""The numbers that a patch brings beside its density, by name."""

from collections.abc import Sequence
from dataclasses import asdict

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import ModelError
from halokeras.sections import Selection


def conditions_of(
    names: Sequence[str], redshift: float, cosmology: Cosmology | None, selection: Selection
) -> tuple[float, ...]:
    """Return the conditions that a kind of painter states, in its order.

    Parameters
    ----------
    names
        ``redshift``, ``mass_min`` [Msun/h], or a parameter of the cosmology (``omega_m``, ...).
    redshift, cosmology
        Of the density.
    selection
        The halos that are counted.

    Raises
    ------
    ModelError
        If the density does not state one of them.
    """
    stated = {"redshift": redshift, "mass_min": selection.mass_min}
    if cosmology is not None:
        stated |= asdict(cosmology)
    lacking = [name for name in names if name not in stated]
    if lacking:
        raise ModelError(
            f"the painter is conditioned by {', '.join(lacking)}, which the density does not "
            "state; give a box whose file tells its cosmology"
        )
    return tuple(float(stated[name]) for name in names)
