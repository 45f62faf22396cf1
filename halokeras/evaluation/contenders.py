"""The fields that are compared with halos: a painter's, and those of its alternatives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, total_counts
from halokeras.evaluation.baselines import fit_local_bias
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.draws import draw_from
from halokeras.painting.paint import box_conditions, paint
from halokeras.randomness import fold_in
from halokeras.statistics.statistic import DRAWS, FIELD, Statistic

HALOS = "halos"
"""Name of what all are compared with."""

WARM_START, LOCAL_BIAS, DENSITY = "warm start", "local bias", "2LPT density"
WARM_START_DRAWS, LOCAL_BIAS_DRAWS = "warm start, Poisson", "local bias, Poisson"
TRUE_COUNTS, UNIFORM = "true counts", "uniform places"
"""What stands beside a catalogue."""

ALTERNATIVES = {
    FIELD: (WARM_START, LOCAL_BIAS, DENSITY),
    DRAWS: (WARM_START_DRAWS, LOCAL_BIAS_DRAWS, TRUE_COUNTS, UNIFORM),
}
"""What stands fairly beside a field, and beside a draw; other painters stand beside fields."""

MEANINGS = {
    FIELD: "What the painter paints: a smooth field with the halos' amplitude.",
    DRAWS: "Whole numbers of halos drawn from the counts that the painter expects.",
    WARM_START: "The painter before its adversarial training: the counts it expects.",
    WARM_START_DRAWS: "Poisson draws from the warm start.",
    LOCAL_BIAS: "The mean count at each density, fitted on the tested box itself.",
    LOCAL_BIAS_DRAWS: "Poisson draws from the local bias.",
    DENSITY: "The density that was painted on.",
    TRUE_COUNTS: "The halos' own counts in voxels, placed and moved as those of draws.",
    UNIFORM: "A draw placed anywhere in its voxels, with the velocity of the 2LPT matter there.",
}

SEED = 0
"""Seed of all that is drawn; realisations count from 0."""

Fields = dict[str, list[NDArray[Any]]]


@dataclass(frozen=True)
class Contenders:
    """What paints and draws on one box after another.

    Attributes
    ----------
    saved
        The painter.
    others
        Painters to show beside it, by name.
    draws
        Realisations drawn for each box, if the painter can.
    """

    saved: SavedPainter
    others: Mapping[str, SavedPainter]
    draws: int

    def fields(
        self,
        box: Box,
        counts: NDArray[np.float32],
        painted: Mapping[str, NDArray[Any]] = MappingProxyType({}),
    ) -> Fields:
        """Return the fields by name; several where they are drawn.

        Parameters
        ----------
        box
            Box with a density.
        counts
            Its halos per voxel, which the local bias is fitted to.
        painted
            The field or the draw that was made before, by `FIELD` or `DRAWS`; the painter then
            makes nothing itself.
        """
        assert box.density is not None  # a box without one was refused
        found: Fields = {name: [field] for name, field in painted.items()}
        if not painted:
            found |= self._made(box)
        local = fit_local_bias(box.density, counts).paint(box.density)
        found[LOCAL_BIAS] = [local]
        found[LOCAL_BIAS_DRAWS] = self._poisson("local bias draw", local)
        found[DENSITY] = [box.density]
        for name, other in self.others.items():
            found[name] = [total_counts(_painted(other, box))]
        return found

    def _made(self, box: Box) -> Fields:
        saved = self.saved
        found: Fields = {FIELD: [total_counts(_painted(saved, box))]}
        if saved.draws is not None:
            law, expected = saved.draws.law, _painted(saved, box, expected=True)
            drawn = (draw_from(law, expected, SEED, number) for number in range(self.draws))
            found[DRAWS] = [total_counts(one) for one in drawn]
            total = total_counts(expected)
            found[WARM_START] = [total]
            found[WARM_START_DRAWS] = self._poisson("warm start draw", total.astype(np.float64))
        return found

    def _poisson(self, purpose: str, expected: NDArray[np.floating]) -> list[NDArray[Any]]:
        return [fold_in(SEED, purpose, number).poisson(expected) for number in range(self.draws)]


def beside(leader: str, names: Sequence[str]) -> list[str]:
    """Return which of the contenders `names` stand fairly beside `FIELD` or `DRAWS`, it first."""
    ours = (leader, *ALTERNATIVES[leader])
    others = [name for name in names if name not in MEANINGS] if leader == FIELD else []
    return [name for name in (*ours, *others) if name in names]


def shown(statistic: Statistic, names: Sequence[str]) -> list[str]:
    """Return which of the contenders `names` figures and tables of one statistic show."""
    fields = [] if statistic.of_whole_numbers else beside(FIELD, names)
    draws = beside(DRAWS, names) if statistic.of_whole_numbers else [DRAWS]
    found = [name for name in (*fields[:1], *draws, *fields[1:]) if name in names]
    return [name for name in found if not (statistic.of_counts and name == DENSITY)]


def _painted(saved: SavedPainter, box: Box, expected: bool = False) -> NDArray[np.float32]:
    """Paint a box with a painter, or with the one beside it that paints what to draw from."""
    assert box.density is not None
    painter = saved.draws.painter if expected and saved.draws else saved.painter
    return paint(painter, box.density, conditions=box_conditions(box, saved))
