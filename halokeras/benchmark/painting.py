"""How fast and in how much memory a box is painted, and how both grow with its volume."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from halokeras.benchmark.timing import interleave, multiply_rate
from halokeras.benchmark.updates import Contender, Fields, Problem
from halokeras.networks.painter import Painter, built_painter
from halokeras.painting.paint import LARGEST_TILE, TilePainter, paint_into
from halokeras.painting.tiles import Shape, cover, read_row, tile_shape, tiles
from halokeras.params import Params, load_params
from halokeras.randomness import fold_in
from halokeras.resources import shipped

PRESETS = ("published", "box00")
"""Whose painters and crops are timed."""

_SIDE = 128
"""Of the box that everyone paints [voxels]."""


def preset(name: str) -> Params:
    """Return the params of one of `PRESETS`, of which the published are the defaults."""
    return Params() if name == "published" else load_params(shipped("params") / f"{name}.json")


def useful_flops(painter: Painter) -> int:
    """Count the floating-point operations that one painted voxel needs.

    A multiplication and an addition for each weight that it meets, with the linear branches of
    the first block as the one convolution that they compose to. Margins, activations and biases
    do not count.
    """
    multiplications, channels = 0, 1
    for block in painter.inception_blocks:
        filters = sum(branch[-1].filters for branch in block.branches)
        if channels == 1:
            multiplications += (2 * block.margin + 1) ** 3 * filters
        else:
            for branch in block.branches:
                reads = channels
                for layer in branch:
                    multiplications += layer.kernel_size**3 * reads * layer.filters
                    reads = layer.filters
        channels = filters
    for layer in (*painter.head, painter.last):
        multiplications += channels * layer.filters
        channels = layer.filters
    return 2 * multiplications


def compare(problem: Problem, everyone: dict[str, Contender], repeats: int) -> dict[str, float]:
    """Paint a box of 128^3 voxels with everyone's published painter, in turn.

    Returns
    -------
    dict
        Voxels per second: ours as `paint` does it, the others' the better of one pass over the
        whole box and of our tiles.
    """
    margin = problem.gan.painter.margin
    box = fold_in(0, "benchmark box").lognormal(-0.3, 0.8, (_SIDE,) * 3).astype(np.float32)
    whole = np.pad(box, margin, mode="wrap")[np.newaxis, ..., np.newaxis]
    tile = (LARGEST_TILE,) * 3
    ours = TilePainter(problem.gan.painter, tile)
    counts = np.empty_like(box)
    tasks: dict[tuple[str, str], Callable[[], Any]] = {
        ("halopaint", "tiles"): partial(paint_into, counts, ours, box)
    }
    for name, one in everyone.items():
        if name != "halopaint":
            tasks[name, "tiles"] = partial(_paint_tiles, one.paint, box, tile, margin)
            tasks[name, "whole"] = partial(one.paint, whole)
    found: dict[str, float] = {}
    for (name, _), seconds in interleave(tasks, repeats).items():
        rate = box.size / float(np.median(seconds))
        found[name] = max(rate, found.get(name, 0.0))
    return found


def growth(name: str, sides: list[int], told: Callable[[str], None]) -> list[dict[str, float]]:
    """Paint boxes of several sides [voxels] from file to file, each in a process of its own."""
    found = []
    for side in sides:
        told(f"painting {side}^3 voxels, {name}")
        command = [sys.executable, "-m", "halokeras.benchmark.painting", name, str(side)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    return found


def start_up() -> float:
    """Seconds that `halopaint paint` takes on the shipped box, from a cold start."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "halokeras", "paint"]
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        return time.perf_counter() - start


def main() -> None:
    """Paint one box from file to file and print seconds, memory [bytes] and rates, as JSON."""
    name, side = sys.argv[1], int(sys.argv[2])
    loaded = _peak_memory()
    painter = built_painter(**preset(name).painter.model_dump())
    tile_painter = TilePainter(painter, tile_shape((side,) * 3, LARGEST_TILE))
    tile_painter(np.ones([length + 2 * painter.margin for length in tile_painter.tile], np.float32))
    with (
        tempfile.TemporaryDirectory() as folder,
        h5py.File(Path(folder) / "box.h5", "w") as file,
    ):
        layout = {"dtype": np.float32, "chunks": (32, 32, 32)}
        density = file.create_dataset("density", (side,) * 3, **layout)
        counts = file.create_dataset("counts", (side,) * 3, **layout)
        for layer in range(0, side, 32):
            draw = fold_in(0, f"benchmark layer {layer}")
            depth = min(32, side - layer)
            density[layer : layer + depth] = draw.lognormal(-0.3, 0.8, (depth, side, side))
        start = time.perf_counter()
        paint_into(counts, tile_painter, density)
        seconds = time.perf_counter() - start
    peak = _peak_memory()
    found = {
        "side": side,
        "seconds": seconds,
        "voxels_per_second": side**3 / seconds,
        "loaded_memory": loaded,
        "peak_memory": peak,
        "flops_per_voxel": useful_flops(painter),
        "multiply_rate": multiply_rate(),
    }
    sys.stdout.write(json.dumps(found))


def _paint_tiles(
    forward: Callable[[Fields], Fields], box: Fields, tile: Shape, margin: int
) -> None:
    for row in cover((_SIDE,) * 3, tile):
        for density in tiles(read_row(box, row, tile, margin), tile, margin):
            forward(density[np.newaxis, ..., np.newaxis])


def _peak_memory() -> int:
    """Bytes; on Linux of this program alone, without the one that it was started from."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
