"""How good a painter is on boxes held out of its training, judged by fields, not by losses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.spectra import measure
from halokeras.networks.painter import Painter, whole_box
from halokeras.networks.patch import channels_of


@dataclass(frozen=True)
class HeldOut:
    """One held-out box: density (rho/mean) and counts on the same voxels, and its conditions."""

    density: NDArray[np.float32]
    counts: NDArray[np.float32]
    voxel_size: float
    conditions: tuple[float, ...] = ()


@dataclass(frozen=True)
class Validation:
    """Means over the held-out boxes, and the score that picks the best painter.

    Each channel of the painter counts as a box.

    Attributes
    ----------
    k, transfer_function, cross_correlation
        In bins of k [h/Mpc], painted against reference.
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
    """Paint each held-out box in one pass and compare it with its reference."""
    channels = painter.params.channels
    painted = [
        field
        for box in boxes
        for field in channels_of(
            whole_box(painter, box.density, painter.margin, box.conditions), channels
        )
    ]
    reference = [
        (counts, box.voxel_size) for box in boxes for counts in channels_of(box.counts, channels)
    ]
    if any(not np.isfinite(field).all() or field.mean() <= 0 for field in painted):
        return Validation(np.zeros(0), np.zeros(0), np.zeros(0), 0.0, float("inf"))
    spectra = [
        measure(field, counts, voxel_size)
        for field, (counts, voxel_size) in zip(painted, reference, strict=True)
    ]
    transfer = _mean([s.transfer_function for s in spectra])
    correlation = _mean([s.cross_correlation for s in spectra])
    mean_ratio = float(sum(map(np.sum, painted)) / sum(box.counts.sum() for box in boxes))
    score = float(np.mean(np.abs(np.log(transfer)) + 1 - correlation) + abs(np.log(mean_ratio)))
    return Validation(spectra[0].k, transfer, correlation, mean_ratio, score)


def _mean(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(np.mean(values, axis=0))
