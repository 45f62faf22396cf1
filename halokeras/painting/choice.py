"""Which of the painters that ship paints what is asked."""

from functools import lru_cache
from pathlib import Path

from halokeras.cosmology.cosmology import Cosmology
from halokeras.painters.model_files import read_files
from halokeras.painters.provenance import Provenance
from halokeras.painting.check import SAME_REDSHIFT, cosmology_differences
from halokeras.resources import shipped

OWN, ANY = Path("saved_models/gen"), Path("saved_models/any")
"""The painter of one epoch and cosmology, and the one that is told them."""


def shipped_painter(redshift: float | None, cosmology: Cosmology | None) -> Path:
    """Return `OWN` where it learned the redshift and the cosmology that are asked, or `ANY`.

    What is not known, None, is taken for what `OWN` learned.
    """
    learned = _learned()
    if redshift is not None and abs(redshift - learned.redshift) > SAME_REDSHIFT:
        # without a cosmology there is nothing that the other could be told
        return OWN if cosmology is None else ANY
    return ANY if cosmology_differences(learned, cosmology) else OWN


@lru_cache(maxsize=1)
def _learned() -> Provenance:
    return read_files(shipped("saved_models") / OWN.name).provenance
