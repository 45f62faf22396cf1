"""The painter that a run keeps: validated, the best so far or the last, with its provenance."""

import math
import os
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from halokeras import __version__
from halokeras.networks.painter import Painter, whole_box
from halokeras.painters.count_law import fit_count_law
from halokeras.painters.exclusion import fit_exclusion
from halokeras.painters.mass_law import fit_mass_law
from halokeras.painters.model_store import DrawModel, save_painter
from halokeras.params import Params
from halokeras.training.calibration import calibrate_mean
from halokeras.training.callback import Callback, Progress
from halokeras.training.data import TrainingData
from halokeras.training.validation import Validation, validate
from halokeras.training.wgan import HaloPaintingGAN

_MOST_VOXELS = 2**22
"""Of the training boxes, that are read for what is told of neighbours: more only fill memory."""


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

    def _calibrated(self, painter: Painter) -> Painter:
        """Return a copy that paints, if that is asked for, the mean counts of the training boxes.

        The expected counts of rare channels are a percent off after a warm start.
        """
        if not self._params.training.calibrate_mean:
            return painter.twin()
        data = self._data
        return calibrate_mean(painter, data.density, data.counts, data.conditions)

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
        save_painter(painter, provenance, self._folder, self._draw_model())

    def _draw_model(self) -> DrawModel | None:
        """Measure the laws of draws on the training boxes, if a warm start tells what to expect."""
        if not self._params.training.warm_start.steps:
            return None
        painter = self._calibrated(self._gan.expected_painter)
        density, conditions = self._data.density, self._data.conditions
        told = np.zeros((len(density), 0)) if conditions is None else conditions
        expected = [
            whole_box(painter, box, painter.margin, row)
            for box, row in zip(density, told, strict=True)
        ]
        means, counts = np.stack(expected), self._data.counts
        if painter.params.channels == 1:
            return DrawModel(painter, fit_count_law(means, counts))
        law = fit_count_law(means.sum(axis=-1), counts.sum(axis=-1))
        if self._data.masses is None:
            return DrawModel(painter, law)
        bins = painter.params.selections(self._params.box.selection)
        masses = fit_mass_law(self._data.masses, bins)
        most = max(1, _MOST_VOXELS // density[0].size)
        some = np.unique(np.linspace(0, len(means) - 1, min(most, len(means))).astype(int))
        return DrawModel(painter, law, masses, fit_exclusion(means[some], counts[some], law))
