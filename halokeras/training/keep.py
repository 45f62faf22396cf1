"""The painter that a run keeps: validated, the best so far or the last, with its provenance."""

import math
import os
import platform
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras import __version__
from halokeras.networks.painter import Painter, whole_box
from halokeras.networks.patch import Patch
from halokeras.painters.count_law import fit_count_law
from halokeras.painters.exclusion_fit import fit_exclusion
from halokeras.painters.mass_law import fit_mass_law
from halokeras.painters.model_store import DrawModel, load_painter, save_painter
from halokeras.painters.peaks import fit_peaks
from halokeras.painters.surroundings import fit_correlations, fit_surroundings
from halokeras.params import Params
from halokeras.training.calibration import calibrate_mean
from halokeras.training.callback import Callback, Progress
from halokeras.training.data import TrainingData
from halokeras.training.schedule import WARM_START
from halokeras.training.validation import Validation, validate
from halokeras.training.wgan import HaloPaintingGAN

_AMPLITUDE = f"log_variance_{3e13:g}"
"""Condition that tells how the halos of one voxel exclude each other."""


class KeptPainter(Callback):
    """Validates the painter on held-out boxes, and saves it where it is to be kept.

    Parameters
    ----------
    params
        Params of the run.
    gan
        The averaged painter is validated; the expected painter comes with it, for draws.
    data
        Held-out boxes, and training boxes for the mean and for the law of counts.
    best_score
        Best score so far, which checkpoints hold.
    folder
        Folder of the painter.
    """

    def __init__(
        self,
        params: Params,
        gan: HaloPaintingGAN,
        data: TrainingData,
        best_score: tf.Variable,
        folder: Path,
    ) -> None:
        self._params, self._gan, self._data = params, gan, data
        self._best_score, self._folder = best_score, folder

    def after_step(self, progress: Progress) -> None:
        """Validate if it is due, and save what is the best so far or, if asked for, the last."""
        if not progress.is_due(self._params.run.validate_every):
            return
        painter = self._calibrated(self._gan.averaged_painter)
        progress.validation = validation = validate(painter, self._data.held_out)
        is_best = validation.score < float(self._best_score)
        if is_best:
            self._best_score.assign(validation.score)
        if is_best or (self._params.run.keep == "last" and math.isfinite(validation.score)):
            self._save(painter, progress, validation)

    def begin_stage(self, progress: Progress) -> None:
        """Let the painter that is kept draw, once the warm start is over."""
        if progress.stage.name != WARM_START:
            self._let_draw()

    def end(self, progress: Progress) -> None:
        """Let it draw after a warm start that nothing follows."""
        if progress.step == progress.total:
            self._let_draw()

    def _let_draw(self) -> None:
        """Add what draws are made with, as the warm start left it, to a painter kept before."""
        if not self._folder.exists():
            return
        kept = load_painter(self._folder)
        if kept.draws is None and self._draw_model is not None:
            provenance = kept.provenance.model_dump()
            save_painter(kept.painter, provenance, self._folder, self._draw_model)

    def _calibrated(self, painter: Painter) -> Painter:
        """Return a copy that paints, if that is asked for, the mean counts of the training boxes.

        The expected counts of rare channels are a percent off after a warm start.
        """
        if not self._params.training.calibrate_mean:
            return painter.twin()
        data = self._data
        return calibrate_mean(painter, data.boxes, data.conditions)

    def _save(self, painter: Painter, progress: Progress, validation: Validation) -> None:
        provenance = {
            **self._data.provenance,
            "params": self._params.model_dump(mode="json"),
            "step": progress.step,
            "training_seconds": round(progress.seconds, 1),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "software": {
                "halopaint": __version__,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "numpy": np.__version__,
            },
            "validation": {
                name: np.round(value, 5).tolist() for name, value in vars(validation).items()
            },
        }
        draws = None if progress.stage.name == WARM_START else self._draw_model
        save_painter(painter, provenance, self._folder, draws)

    @cached_property
    def _draw_model(self) -> DrawModel | None:
        """What draws are made with, as the warm start left it, if there was one.

        The expected painter learns in the warm start alone, and to measure laws on training boxes
        takes a minute.
        """
        if not self._params.training.warm_start.steps:
            return None
        painter = self._calibrated(self._gan.expected_painter)
        boxes, conditions = self._data.boxes.sample(), self._data.conditions
        means = np.stack(
            [
                whole_box(
                    painter,
                    box.density,
                    painter.margin,
                    () if conditions is None else conditions[number],
                )
                for number, box in boxes.items()
            ]
        )
        counts: NDArray[Any] = np.stack([box.counts for box in boxes.values()])
        if painter.params.channels == 1:
            return DrawModel(painter, fit_count_law(means, counts))
        law = fit_count_law(means.sum(axis=-1), counts.sum(axis=-1))
        found = [box.masses for box in boxes.values() if box.masses is not None]
        if len(found) < len(boxes):
            return DrawModel(painter, law)
        bins = painter.params.selections(self._params.box.selection)
        masses = fit_mass_law(np.concatenate(found), bins)
        features = None
        if painter.params.told and conditions is not None:
            features = np.asarray(painter.features(Patch(None, conditions[list(boxes)])))
        peaks = fit_peaks(means, counts, features)
        of_boxes = [peaks] * len(means) if features is None else map(peaks.under, features)
        corrected = np.stack(
            [one.corrected_box(box) for one, box in zip(of_boxes, means, strict=True)]
        )
        totals = means.sum(axis=-1), counts.sum(axis=-1)
        surroundings = fit_surroundings(*totals)
        of_voxels = surroundings.law_of_boxes(totals[0])
        exclusion = fit_exclusion(
            corrected,
            counts,
            of_voxels,
            masses.means(),
            counts_apart=True,
            features=features,
            feature=0 if features is None else painter.params.told.index(_AMPLITUDE),
        )
        with_rank = float(exclusion.neighbors[0, 1])
        surroundings = fit_correlations(surroundings, *totals, with_rank)
        return DrawModel(painter, law, masses, exclusion, peaks=peaks, surroundings=surroundings)
