"""The self-test: a tile of a known density, painted and compared with stored counts.

Run as a module it stores the counts anew, which a new shipped painter asks for.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import total_counts
from halokeras.doctor.finding import Finding, Level
from halokeras.painters.model_store import SavedPainter, load_painter
from halokeras.randomness import fold_in, uniform_at
from halokeras.resources import GEN_PAINTER, shipped
from halokeras.storage.files import write_text

KNOWN = Path(__file__).with_name("known_tile.json")
_SEED = 1
_SIDE = 48
_VALUES = 128
TOLERANCE = 2e-3
"""Of a count, relative to it or to the mean count: float32 rounds to 1e-5 in any order of sums,
and the TF32 of GPUs to 1e-3."""
_SECONDS = 3.0
_MOST_PAINTINGS = 50


def known_density() -> NDArray[np.float32]:
    """Return a lognormal periodic density, rho/mean, a function of the seed alone."""
    index = np.arange(_SIDE**3, dtype=np.uint64).reshape((_SIDE,) * 3)
    field = uniform_at(_SEED, "self-test density", index) - 0.5
    for axis in range(3):  # sums of rolled copies: no transform whose rounding could differ
        rolled = [np.roll(field, shift, axis) for shift in (-2, -1, 0, 1, 2)]
        field = np.asarray(np.sum(rolled, axis=0))
    density = np.exp(1.2 * field / field.std())
    return np.asarray(density / density.mean(), dtype=np.float32)


def describe(counts: NDArray[np.float32]) -> dict[str, Any]:
    """Return the mean and variance of painted counts, and their values at some voxels."""
    places = fold_in(_SEED, "self-test voxels").choice(counts.size, _VALUES, replace=False)
    return {
        "mean": float(counts.mean(dtype=np.float64)),
        "variance": float(counts.var(dtype=np.float64)),
        "counts": [float(f"{value:.7g}") for value in counts.ravel()[places].tolist()],
    }


def largest_difference(found: dict[str, Any], known: dict[str, Any]) -> float:
    """Return the largest difference between two descriptions, relative to the count or the mean."""
    mine, theirs = (
        np.array([each["mean"], each["variance"], *each["counts"]]) for each in (found, known)
    )
    largest = np.max(np.abs(mine - theirs) / np.maximum(np.abs(theirs), known["mean"]))
    return float(largest) if np.isfinite(largest) else float("inf")


def check_painting() -> Finding:
    """Paint the known tile with the shipped painter, several times over, and compare."""
    from halokeras.painting.expected.tile_painter import TilePainter

    known = json.loads(KNOWN.read_text(encoding="utf-8"))
    saved = load_painter(shipped("saved_models") / GEN_PAINTER)
    if saved.hash != known["painter"]:
        remedy = "install halopaint anew: its painter and its self-test are of two versions"
        return Finding("self-test", "another painter than expected", Level.PROBLEM, remedy)
    paint = TilePainter(saved.painter, (_SIDE,) * 3)
    margin = saved.painter.margin
    wide = np.pad(known_density(), margin, mode="wrap")
    counts = total_counts(paint(wide))
    seconds = min(_timed(lambda: paint(wide)))
    difference = largest_difference(describe(counts), known)
    per_voxel = 1e9 * seconds / counts.size
    details = {
        "largest_relative_difference": difference,
        "tolerance": TOLERANCE,
        "nanoseconds_per_voxel": per_voxel,
    }
    speed = f"{per_voxel:.0f} ns a voxel ({1e3 / per_voxel:.2g} million voxels/s)"
    if not difference <= TOLERANCE:
        remedy = (
            "do not trust what is painted here: install the allowed versions of TensorFlow and "
            "Keras, try TF_ENABLE_ONEDNN_OPTS=0 and CUDA_VISIBLE_DEVICES=-1, and report it"
        )
        value = f"painted counts are off by {difference:.2g}, {TOLERANCE:g} is allowed; {speed}"
        return Finding("self-test", value, Level.PROBLEM, remedy, details)
    return Finding("self-test", f"painted as known, to {difference:.1g}; {speed}", details=details)


def store() -> None:
    """Store what the shipped painter paints here as what is known."""
    saved = load_painter(shipped("saved_models") / GEN_PAINTER)
    write_text(KNOWN, json.dumps({"painter": saved.hash, **painted(saved)}, indent=1) + "\n")


def painted(saved: SavedPainter) -> dict[str, Any]:
    """Describe what a painter paints on the known density."""
    from halokeras.painting.expected.paint import paint

    return describe(total_counts(paint(saved.painter, known_density())))


def _timed(work: Any) -> list[float]:
    seconds: list[float] = []
    while len(seconds) < _MOST_PAINTINGS and sum(seconds) < _SECONDS:
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    store()
