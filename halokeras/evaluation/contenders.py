"""The fields that are compared with halos: a painter's, and those of its alternatives."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, box_hash
from halokeras.environment import allotted_cores
from halokeras.evaluation.baselines import fit_local_bias
from halokeras.evaluation.names import (
    DENSITY,
    LOCAL_BIAS,
    LOCAL_BIAS_DRAWS,
    WARM_START,
    WARM_START_DRAWS,
)
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.draws.counts import draw_from
from halokeras.painting.expected.paint import box_conditions, paint
from halokeras.randomness import fold_in
from halokeras.seeds import LARGEST_SEED
from halokeras.statistics.statistic import DRAWS, FIELD

Fields = dict[str, list[NDArray[Any]]]
"""Grids (nx, ny, nz) by name; draws of halos with masses have the bins of mass last."""


def draw_seed(box: Box) -> int:
    """Return the seed of all that is drawn on a box; realisations count from 0.

    Draws of one seed have the same random numbers in the voxels of every box, and boxes that are
    averaged must not share them. It is therefore the seed of the box's modes where that is known,
    so that boxes of the same modes in other cosmologies, which are compared in pairs, do share
    them, and otherwise follows from its fields.
    """
    told = box.provenance.get("seed")
    if isinstance(told, int) and 0 <= told <= LARGEST_SEED:
        return told
    return int(box_hash(box)[:12], 16)


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
        seed = draw_seed(box)
        found: Fields = {name: [field] for name, field in painted.items()}
        if not painted:
            found |= self._made(box, seed)
        local = fit_local_bias(box.density, counts).paint(box.density)
        found[LOCAL_BIAS] = [local]
        found[LOCAL_BIAS_DRAWS] = self._poisson("local bias draw", local, seed)
        found[DENSITY] = [box.density]
        for name, other in self.others.items():
            beside = other.under(box.cosmology, box.redshift)
            found[name] = [beside.total(_painted(beside, box))]
        return found

    def _made(self, box: Box, seed: int) -> Fields:
        saved = self.saved.under(box.cosmology, box.redshift)
        found: Fields = {FIELD: [saved.total(_painted(saved, box))]}
        if saved.draws is not None:
            expected = _painted(saved, box, for_draws=True)
            numbers, cores = range(self.draws), allotted_cores()
            found[DRAWS] = [draw_from(saved.draws, expected, seed, one, cores) for one in numbers]
            total = saved.total(expected)
            found[WARM_START] = [total]
            poisson = self._poisson("warm start draw", total.astype(np.float64), seed)
            found[WARM_START_DRAWS] = poisson
        return found

    def _poisson(
        self, purpose: str, expected: NDArray[np.floating], seed: int
    ) -> list[NDArray[Any]]:
        return [fold_in(seed, purpose, number).poisson(expected) for number in range(self.draws)]


def _painted(saved: SavedPainter, box: Box, for_draws: bool = False) -> NDArray[np.float32]:
    """Paint a box with a painter, or with the one beside it that paints what to draw from."""
    assert box.density is not None
    return paint(saved.network(for_draws), box.density, conditions=box_conditions(box, saved))
