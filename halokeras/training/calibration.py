"""The mean count, set by the training boxes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.networks.painter import Painter, whole_box
from halokeras.networks.patch import Patch, channels_of
from halokeras.training.boxes import TrainingBox, TrainingBoxes

_WIDEST_SHIFT = 2.0
_ROUNDS = 2
"""Times that the regression is done: means are exponential in the shift only of rare halos."""
_STEP = 0.01
"""Shift of raw counts over which the response of their mean is taken."""
_PRIOR = 0.1
"""Width of the prior on the shift that one standard deviation of a condition makes."""


def calibrate_mean(
    painter: Painter,
    boxes: TrainingBoxes,
    conditions: NDArray[np.float32] | None = None,
) -> Painter:
    """Return a copy of `painter` that paints as many halos on the training boxes as they have.

    The bias of the last layer is shifted, nothing else: where halos are rare that scales the
    counts, so power and correlations stay. The adversarial stage fixes the mean only
    through small crops and the critic, and was measured to leave it 1 to 2 % high.

    Parameters
    ----------
    painter
        The painter, which has its weights already.
    boxes
        The training boxes. Without `conditions` a sample of them is painted, if they are many.
    conditions
        (boxes, conditions) of the training boxes, for a painter that is told conditions: the shift
        is then a linear function of them.

    Returns
    -------
    Painter
        The copy, in which each channel has a shift of its own. A channel that no shift brings to
        its mean, as before a painter has learned to paint anything, stays as it was.
    """
    copy = painter.twin()
    if conditions is not None:
        for _ in range(_ROUNDS):
            _shift_by_conditions(copy, boxes, conditions)
        return copy
    channels, chosen = painter.params.channels, boxes.sample().values()
    raw = np.stack([whole_box(painter.raw_counts, box.density, painter.margin) for box in chosen])
    held = np.sum([_held(box, channels) for box in chosen], axis=0)
    wanted = held / (raw.size // channels)
    shifts = [
        _shift(painter.activation, raw_counts, float(mean))
        for raw_counts, mean in zip(channels_of(raw, channels), wanted, strict=True)
    ]
    copy.shift(np.array(shifts), np.zeros((0, channels)))
    return copy


def _shift_by_conditions(
    painter: Painter, boxes: TrainingBoxes, conditions: NDArray[np.float32]
) -> None:
    """Shift each channel so that the halos of all boxes are most likely (a Poisson regression)."""
    channels = painter.params.channels
    raw_counts = tf.function(painter.raw_counts, autograph=False)
    painted, response, held = np.empty((3, len(boxes), channels))
    for box, (fields, row) in enumerate(zip(boxes, conditions, strict=True)):
        raw = whole_box(raw_counts, fields.density, painter.margin, row)
        raw = raw.reshape(-1, channels)
        held[box] = _held(fields, channels)
        painted[box] = _total(painter, raw)
        response[box] = (_total(painter, raw + _STEP) / painted[box] - 1) / _STEP
    features = np.asarray(painter.features(Patch(None, conditions)))
    design = np.column_stack([np.ones(len(boxes)), features])
    shifts = np.column_stack(
        [_regress(design * response[:, [c]], painted[:, c], held[:, c]) for c in range(channels)]
    )
    painter.shift(shifts[0], shifts[1:])


def _held(box: TrainingBox, channels: int) -> NDArray[np.float64]:
    """Return the halos of a box in each channel."""
    held: NDArray[np.float64] = box.counts.reshape(-1, channels).sum(axis=0, dtype=np.float64)
    return held


def _total(painter: Painter, raw: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the counts of all voxels in each channel."""
    total: NDArray[np.float64] = painter.activation(raw).numpy().sum(axis=0, dtype=np.float64)
    return total


def _regress(
    design: NDArray[np.float64], painted: NDArray[np.float64], held: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return b of the means painted exp(design b) under which what is held is most likely.

    A normal prior of width `_PRIOR` on all but the first keeps few halos from bending a channel.
    """
    precision = np.full(design.shape[1], _PRIOR**-2)
    precision[0] = 0

    def loss(b: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logs = design @ b
        means = painted * np.exp(logs)
        return (
            float(means.sum() - held @ logs + 0.5 * precision @ b**2),
            design.T @ (means - held) + precision * b,
        )

    def curvature(b: NDArray[np.float64]) -> NDArray[np.float64]:
        return (design.T * (painted * np.exp(design @ b))) @ design + np.diag(precision)

    start = np.zeros(design.shape[1])
    if not (painted > 0).all() or held.sum() == 0:
        return start
    found = scipy.optimize.minimize(loss, start, jac=True, hess=curvature, method="trust-exact")
    shifts: NDArray[np.float64] = np.clip(found.x, -_WIDEST_SHIFT, _WIDEST_SHIFT)
    return shifts


def _shift(activation: Callable[[Any], Any], raw: NDArray[np.float32], wanted: float) -> float:
    """Return what, added to raw counts, makes their mean the wanted one; 0 if nothing does."""

    def excess(shift: float) -> float:
        painted = activation(raw + np.float32(shift)).numpy()
        return float(painted.mean(dtype=np.float64)) - wanted

    if not excess(-_WIDEST_SHIFT) < 0 < excess(_WIDEST_SHIFT):
        return 0.0
    return float(scipy.optimize.brentq(excess, -_WIDEST_SHIFT, _WIDEST_SHIFT, xtol=1e-6))
