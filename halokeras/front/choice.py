"""The painter that does what is asked, and what messages say of it."""

from pathlib import Path
from typing import TYPE_CHECKING

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import ModelError
from halokeras.front.painters import load_painter

if TYPE_CHECKING:
    from halokeras.painters.model_store import SavedPainter


def painter_for(
    model: "str | Path | SavedPainter | None",
    redshift: float,
    cosmology: Cosmology | None,
    mass_min: float | None,
) -> "SavedPainter":
    """Return the painter that is named, or that ships for an epoch and a cosmology, cut by mass."""
    if model is None:
        from halokeras.painting.inputs.choice import shipped_painter

        model = shipped_painter(redshift, cosmology, mass_min)
    saved = load_painter(model).under(cosmology, redshift)
    return saved if mass_min is None else saved.above(mass_min)


def named(model: "str | Path | SavedPainter | None") -> str:
    """Return what messages call a painter."""
    return str(model) if isinstance(model, str | Path) else "the painter"


def without_masses(name: str) -> ModelError:
    """Return the error of a painter that is asked for masses and tells none."""
    return ModelError(f"{name} draws no masses; choose a painter of the kind halos")
