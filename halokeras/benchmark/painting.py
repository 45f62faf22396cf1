"""How fast and in how much memory a box is painted, and how both grow with its volume.

Run as a module it paints one box and prints what that took.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from halokeras.params import Params, load_params
from halokeras.randomness import fold_in
from halokeras.resources import shipped

PRESETS = ("published", "box00")
"""Whose painters and crops are timed."""


def preset(name: str) -> Params:
    """Return the params of one of `PRESETS`, of which the published are the defaults."""
    return Params() if name == "published" else load_params(shipped("params") / f"{name}.json")


def growth(name: str, side: int) -> dict[str, float]:
    """Paint a box of `side` voxels a side from file to file, in a process of its own."""
    command = [sys.executable, "-m", "halokeras.benchmark.painting", name, str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
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
    from halokeras.benchmark.timing import multiply_rate
    from halokeras.boxes.box import total_counts
    from halokeras.networks.painter import built_painter
    from halokeras.painting.expected.paint import LARGEST_TILE, painted_rows
    from halokeras.painting.expected.tile_painter import TilePainter
    from halokeras.painting.tiles import cover, tile_shape

    loaded = _peak_memory()
    name, side = sys.argv[1], int(sys.argv[2])
    params = preset(name).painter
    painter = built_painter(params)
    tile = tile_shape((side,) * 3, LARGEST_TILE)
    tile_painter = TilePainter(painter, tile, [1.0] * len(params.conditions))
    tile_painter(np.ones([length + 2 * params.margin for length in tile], np.float32))
    with (
        tempfile.TemporaryDirectory() as folder,
        h5py.File(Path(folder) / "box.h5", "w") as file,
    ):
        density, counts = (
            file.create_dataset(name, (side,) * 3, np.float32, chunks=(32, 32, 32))
            for name in ("density", "counts")
        )
        for layer in range(0, side, 32):
            draw = fold_in(0, f"benchmark layer {layer}")
            depth = min(32, side - layer)
            density[layer : layer + depth] = draw.lognormal(-0.3, 0.8, (depth, side, side))
        start = time.perf_counter()
        rows = cover((side, side, side), tile_painter.tile)
        for place, painted in painted_rows(tile_painter, density, rows):
            counts[place] = total_counts(painted)
        seconds = time.perf_counter() - start
    peak = _peak_memory()
    found = {
        "side": side,
        "seconds": seconds,
        "voxels_per_second": side**3 / seconds,
        "loaded_memory": loaded,
        "peak_memory": peak,
        "flops_per_voxel": 2 * params.multiplications,
        "multiply_rate": multiply_rate(),
    }
    sys.stdout.write(json.dumps(found))


def _peak_memory() -> int:
    """Bytes; on Linux of this program alone, without the one that it was started from."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
