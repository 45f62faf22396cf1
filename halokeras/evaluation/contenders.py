"""The fields that a report compares with halos: a painter's, and those of its alternatives."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, total_counts
from halokeras.evaluation.baselines import fit_local_bias
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.draws import draw_from
from halokeras.painting.paint import box_conditions, paint
from halokeras.randomness import fold_in

FIELD, DRAWS = "painted field", "draws"
DENSITY, LOCAL_BIAS, WARM_START = "2LPT density", "local bias, Poisson", "warm start, Poisson"

SEED = 0
"""Of all that is drawn; realisations count from 0."""


class Contenders:
    """Paints and draws on one box after another.

    Parameters
    ----------
    saved
        The painter.
    others
        Painters to show beside it, by name.
    draws
        Realisations drawn for each box, if the painter can.
    """

    def __init__(self, saved: SavedPainter, others: dict[str, SavedPainter], draws: int) -> None:
        self._saved = saved
        self._others = others
        self._numbers = range(draws)

    def fields(
        self, box: Box, counts: NDArray[np.float32], painted: NDArray[np.float32] | None = None
    ) -> dict[str, list[NDArray[Any]]]:
        """Return the fields by name; several where they are drawn.

        Parameters
        ----------
        box
            With a density.
        counts
            Its halos per voxel, which the local bias is fitted to.
        painted
            What the painter painted on it, if it has.
        """
        density, saved = box.density, self._saved
        assert density is not None  # a box without one was refused
        conditions = box_conditions(box, saved)
        if painted is None:
            painted = total_counts(paint(saved.painter, density, conditions=conditions))
        field = painted
        found: dict[str, list[NDArray[Any]]] = {FIELD: [field]}
        if saved.draws is not None:
            law = saved.draws.law
            expected = paint(saved.draws.painter, density, conditions=conditions)
            found[DRAWS] = [
                total_counts(draw_from(law, expected, SEED, number)) for number in self._numbers
            ]
            total = total_counts(expected).astype(np.float64)
            found[WARM_START] = self._poisson("warm start draw", total)
        local = fit_local_bias(density, counts).paint(density)
        found[LOCAL_BIAS] = self._poisson("local bias draw", local)
        found[DENSITY] = [density]
        for name, other in self._others.items():
            conditions = box_conditions(box, other)
            found[name] = [total_counts(paint(other.painter, density, conditions=conditions))]
        return found

    def _poisson(self, purpose: str, expected: NDArray[np.floating]) -> list[NDArray[Any]]:
        return [fold_in(SEED, purpose, number).poisson(expected) for number in self._numbers]
