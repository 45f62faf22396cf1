"""Which of the painters that ship paints what is asked."""

from functools import lru_cache
from pathlib import Path

from halokeras.cosmology.cosmology import ABACUS_COSMOS, Cosmology, other_parameters
from halokeras.painters.model_files import read_files
from halokeras.painters.provenance import Provenance
from halokeras.painting.inputs.check import SAME_REDSHIFT
from halokeras.readable import differences_told
from halokeras.resources import ANY_PAINTER, GEN_PAINTER, shipped

OWN, ANY = Path("saved_models", GEN_PAINTER), Path("saved_models", ANY_PAINTER)
"""The painter of one epoch and cosmology, and the one that is told them."""

_NEARLY = 0.01
"""Relative difference of parameters up to which one was perhaps meant for another."""
_SCORED = tuple(ABACUS_COSMOS[box_id].parameters for box_id in ("00", "03", "04"))


def shipped_painter(
    redshift: float | None, cosmology: Cosmology | None, mass_min: float | None = None
) -> Path:
    """Return `OWN` where it learned the redshift and was scored on the cosmology, or `ANY`.

    What is not known, None, is taken for what `OWN` learned: the other must be told a cosmology.
    In another cosmology than its own `OWN` paints halos of as many particles, from another mass on,
    so those from a stated mass on are `ANY`'s.
    """
    if cosmology is None:
        return OWN
    known = redshift is None or abs(redshift - _learned().redshift) <= SAME_REDSHIFT
    scored = _SCORED if mass_min is None else _SCORED[:1]
    same = any(not other_parameters(cosmology, one) for one in scored)
    return OWN if known and same else ANY


def nearly_own(cosmology: Cosmology) -> str:
    """Say in what a cosmology differs from that which `OWN` learned, if by a percent at most."""
    own = _SCORED[0]
    names = other_parameters(cosmology, own)
    if not names or other_parameters(cosmology, own, _NEARLY):
        return ""
    return differences_told(names, vars(cosmology), own)


@lru_cache(maxsize=1)
def _learned() -> Provenance:
    return read_files(shipped("saved_models") / OWN.name).provenance
