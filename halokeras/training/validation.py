"""How good a painter is on boxes held out of its training, judged by fields, not by losses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import total_counts
from halokeras.networks.painter import Painter, whole_box
from halokeras.statistics.spectra import CROSS_CORRELATION, TRANSFER_FUNCTION, WAVENUMBER
from halokeras.statistics.statistic import Sample


@dataclass(frozen=True)
class HeldOut:
    """One held-out box: density (rho/mean) and all its halos per voxel, and its conditions."""

    density: NDArray[np.float32]
    counts: NDArray[np.float32]
    voxel_size: float
    conditions: tuple[float, ...] = ()


@dataclass(frozen=True)
class Validation:
    """Means over the held-out boxes, and the score that picks the best painter.

    Attributes
    ----------
    k, transfer_function, cross_correlation
        Bins of k [h/Mpc], and T and r of painted against reference in them.
    mean_ratio
        Painted halos over reference halos.
    score
        Mean over bins of |ln T| + 1 - r, plus |ln mean_ratio|; 0 is perfect.
    """

    k: NDArray[np.float64]
    transfer_function: NDArray[np.float64]
    cross_correlation: NDArray[np.float64]
    mean_ratio: float
    score: float


def validate(painter: Painter, boxes: Sequence[HeldOut]) -> Validation:
    """Paint each held-out box in one pass and compare all its halos with its reference."""
    painted = [
        total_counts(whole_box(painter, box.density, painter.margin, box.conditions))
        for box in boxes
    ]
    if any(not np.isfinite(field).all() or field.mean() <= 0 for field in painted):
        return Validation(np.zeros(0), np.zeros(0), np.zeros(0), 0.0, float("inf"))
    samples = [
        [Sample(values, box.voxel_size) for values in (field, box.counts, box.density)]
        for field, box in zip(painted, boxes, strict=True)
    ]
    transfer, correlation = (
        np.mean([statistic.measure(*sample).value for sample in samples], axis=0)
        for statistic in (TRANSFER_FUNCTION, CROSS_CORRELATION)
    )
    mean_ratio = float(sum(map(np.sum, painted)) / sum(box.counts.sum() for box in boxes))
    score = float(np.mean(np.abs(np.log(transfer)) + 1 - correlation) + abs(np.log(mean_ratio)))
    k = WAVENUMBER.places(samples[0][1])
    return Validation(k, transfer, correlation, mean_ratio, score)
