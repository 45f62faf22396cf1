"""The signatures of `import halokeras`, held by mypy, which CI runs on this file; it is never run.

An ignored error that mypy does not find is an error too: what must not be accepted stands here so.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import halokeras
from halokeras.boxes.box import Box
from halokeras.evaluation.scorecard import Scorecard
from halokeras.fields.spectra import Spectra
from halokeras.painters.model_store import SavedPainter

density: NDArray[np.float64] = np.ones((8, 8, 8))
painter = halokeras.load_painter()
box = halokeras.read_box("00")
assert_type(halokeras.__version__, str)
assert_type(halokeras.__all__, list[str])

assert_type(halokeras.paint(density), NDArray[np.float32])
assert_type(halokeras.paint(density, 4, 0.3, "gen", contrast="delta"), NDArray[np.float32])
assert_type(
    halokeras.paint(density, voxel_size=4, redshift=0.3, model=painter), NDArray[np.float32]
)
assert_type(halokeras.paint([[[1.0]]], model=Path("runs/mine/best")), NDArray[np.float32])
halokeras.paint(density, contrast="overdensity")  # type: ignore[arg-type]
halokeras.paint(density, 4, 0.3, "gen", "delta")  # type: ignore[call-arg]
halokeras.paint(density, model=7)  # type: ignore[arg-type]

drawn = halokeras.draw(density, seed=5, realization=1)
assert_type(drawn, NDArray[np.uint16])
assert_type(halokeras.catalogue(drawn, 4.0, seed=5, uniform=True), dict[str, NDArray[Any]])
assert_type(halokeras.catalogue(drawn, seed=5, modes=box), dict[str, NDArray[Any]])
assert_type(halokeras.catalogue(drawn, seed=5, modes=7), dict[str, NDArray[Any]])
halokeras.catalogue(density)  # type: ignore[arg-type]

assert_type(halokeras.lpt(64, seed=7), NDArray[np.float32])
assert_type(halokeras.lpt((64, 32, 32), cosmology="03"), NDArray[np.float32])
assert_type(halokeras.simulate("00", 7, particles=128), Box)
assert_type(halokeras.snapshots([1, 0.3], "00", 7), Iterator[Box])
assert_type(halokeras.train("params/quick.json", "runs/mine"), Path)
assert_type(halokeras.train({"run": {"name": "mine"}}), Path)
assert_type(halokeras.evaluate("00"), Scorecard)
assert_type(halokeras.evaluate(box, painter, painted=box), Scorecard)

assert_type(box, Box)
halokeras.write_box(box, "mine.h5")
assert_type(painter, SavedPainter)
assert_type(halokeras.measure(density, density, 4.0), Spectra)

halokeras.nonsense  # type: ignore[attr-defined]  # noqa: B018
