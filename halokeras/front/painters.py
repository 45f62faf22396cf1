"""Painters: trained, loaded and scored."""

import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from halokeras.boxes.box import Box
from halokeras.environment import load_tensorflow
from halokeras.errors import ModelError, ParamsError
from halokeras.front.boxes import read_box
from halokeras.resources import GEN_PAINTER, or_shipped

if TYPE_CHECKING:
    from halokeras.evaluation.scorecard import Scorecard
    from halokeras.painters.model_store import SavedPainter
    from halokeras.params import Params


def train(
    params: "str | Path | Mapping[str, Any] | Params",
    run: str | Path | None = None,
    *,
    movie: bool = False,
    tensorboard: bool = False,
) -> Path:
    """Train a painter in a new folder; `halopaint resume` goes on with what was interrupted.

    Parameters
    ----------
    params
        A params file, one that ships (``params/quick.json``), its fields, or parsed params.
    run
        The run's folder, by default where the params say.
    movie, tensorboard
        Whether the run keeps up a GIF of a slice and TensorBoard's events.

    Returns
    -------
    Path
        The folder of its best painter.

    Raises
    ------
    ParamsError
        If the params cannot be read or used.
    RunError
        If the folder holds a run already, or the run cannot go on.
    """
    load_tensorflow()
    from halokeras.training.run import train as trained

    folder = None if run is None else Path(run)
    return trained(_params(params), folder, (), movie=movie, tensorboard=tensorboard)


def evaluate(
    box: str | Path | Box,
    model: "str | Path | SavedPainter" = GEN_PAINTER,
    painted: Box | None = None,
    draws: int = 4,
) -> "Scorecard":
    """Score painted halos against those of a box, without catalogues and the published painter.

    Parameters
    ----------
    box
        With a density and halos, or what `read_box` takes.
    model
        The painter.
    painted
        What it painted on the box, if it did so before.
    draws
        Realisations that are drawn, if the painter can.

    Raises
    ------
    BoxError
        If the box has no halos, or what was painted was painted on another.
    ModelError
        As `paint`.
    """
    saved = load_painter(model)
    from halokeras.boxes.box import box_hash
    from halokeras.evaluation.boxes import (
        check_reference,
        lacks_light_halos,
        painted_counts,
        seen_hashes,
    )
    from halokeras.evaluation.contenders import Contenders
    from halokeras.evaluation.scorecard import score
    from halokeras.painting.inputs.check import check_input
    from halokeras.painting.inputs.density import density_of
    from halokeras.statistics.statistic import DRAWS, FIELD

    reference = box if isinstance(box, Box) else read_box(box)
    boxes = {"box": reference}
    check_reference(reference, "box", saved.provenance)
    if box_hash(reference) in seen_hashes(saved):
        warnings.warn("the painter was trained or chosen on this box", stacklevel=2)
    counts = {}
    if painted is None:
        for told in check_input(saved.provenance, density_of(reference)):
            warnings.warn(told, stacklevel=2)
    else:
        found = painted_counts(painted, "the painted box", boxes, saved)[1]
        counts["box"] = {DRAWS if found.dtype.kind in "iu" else FIELD: found}
    light = lacks_light_halos(reference, "the box", saved)
    if light:
        warnings.warn(light, stacklevel=2)
    return score(boxes, Contenders(saved, {}, draws), counts)


def load_painter(model: "str | Path | SavedPainter" = GEN_PAINTER) -> "SavedPainter":
    """Load a saved painter by the path of its folder, or by its name one that ships.

    Raises
    ------
    ModelError
        If there is none, or it cannot be used.
    """
    load_tensorflow()
    from halokeras.painters.folders import painter_folder
    from halokeras.painters.model_store import SavedPainter

    if isinstance(model, SavedPainter):
        return model
    if not isinstance(model, str | Path):
        raise ModelError(
            f"model is a {type(model).__name__}; name a painter that ships or the folder of one, "
            "or give one that was loaded"
        )
    folder = painter_folder(Path(model)).resolve()
    return _loaded(folder, folder.stat().st_mtime_ns if folder.is_dir() else 0)


@lru_cache(maxsize=4)
def _loaded(folder: Path, changed: int) -> "SavedPainter":
    """Load a painter once, with what was compiled of it, as long as its folder does not change."""
    from halokeras.painters.model_store import load_painter as loaded

    return loaded(folder)


def _plain(value: object) -> object:
    """Return as JSON has it what people put into params beside that."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} is neither text nor number, list nor mapping")


def _params(params: "str | Path | Mapping[str, Any] | Params") -> "Params":
    import json

    from halokeras.params import Params, load_params, parse_params

    if isinstance(params, Params):
        return params
    if isinstance(params, Mapping):
        try:
            return parse_params(json.dumps(params, default=_plain), "params")
        except TypeError as error:
            raise ParamsError(f"params: {error}; write it as JSON would") from None
    if not isinstance(params, str | Path):
        raise ParamsError(
            f"params are a {type(params).__name__}; name a params file, or give their fields"
        )
    return load_params(or_shipped(Path(params), "params"))
