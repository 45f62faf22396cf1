"""The whole benchmark: every measurement in one run, as numbers, tables and a figure."""

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.table import Table

from halokeras import __version__
from halokeras.benchmark import painting, stream, updates, without_onednn
from halokeras.benchmark.painting import PRESETS, preset
from halokeras.benchmark.timing import multiply_rate
from halokeras.storage.figure_file import new_figure, save_figure

Told = Callable[[str], None]


def benchmark(repeats: int, sides: list[int], onednn_off: bool, told: Told) -> dict[str, Any]:
    """Measure updates, painting and the crop stream.

    Parameters
    ----------
    repeats
        Timed runs of each contender, in turn.
    sides
        Of the boxes that are painted [voxels].
    onednn_off
        Whether to time updates with TensorFlow's other CPU kernels too: minutes.
    told
        Called with what is measured next.

    Returns
    -------
    dict
        Plain JSON values; times in seconds, memory in bytes.
    """
    told("one weight update of the published networks")
    problem = updates.published_problem()
    everyone = updates.contenders(problem)
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "gpus": len(tf.config.list_logical_devices("GPU")),
        "halopaint": __version__,
        "tensorflow": tf.__version__,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0",
        "multiply_rate": multiply_rate(),
        "differences": updates.differences(problem, everyone),
        "update_seconds": updates.time_updates(everyone, repeats),
    }
    told("the forward pass of the published painter")
    found["painted_voxels_per_second"] = painting.compare(problem, everyone, repeats)
    found["growth"] = {name: painting.growth(name, sides, told) for name in PRESETS}
    told("the crop stream")
    found["stream"] = {
        "published": stream.measure(preset("published"), 10),
        "box00": stream.measure(preset("box00"), 30),
    }
    told("halopaint paint from a cold start")
    found["start_up_seconds"] = painting.start_up()
    if onednn_off:
        told("updates and painting without oneDNN")
        found["without_onednn"] = without_onednn.measure(max(1, repeats // 3))
    return found


def tables(found: dict[str, Any]) -> list[Table]:
    """Return the measurements for a terminal."""
    return [_updates(found), _painting(found), _growth(found), _stream(found)]


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw seconds per voxel and memory over the volume painted, as PNG.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    figure = new_figure(9, 3.6)
    time, memory = figure.subplots(1, 2)
    for (name, rows), colour in zip(found["growth"].items(), ("#0072B2", "#E69F00"), strict=True):
        voxels = [row["side"] ** 3 for row in rows]
        style = {"marker": "o", "label": name, "color": colour}
        time.plot(voxels, [1e9 / row["voxels_per_second"] for row in rows], **style)
        memory.plot(voxels, [row["peak_memory"] / 2**30 for row in rows], **style)
    memory.axhline(
        np.mean([row["loaded_memory"] / 2**30 for row in rows]), color="black", linestyle=":"
    )
    memory.text(voxels[0], rows[0]["loaded_memory"] / 2**30, "libraries alone", va="bottom")
    for axes, label in ((time, "time per voxel [ns]"), (memory, "peak memory [GiB]")):
        axes.set_xscale("log")
        axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
        axes.set_xlabel("voxels painted")
        axes.set_ylabel(label)
        axes.legend(frameon=False)
    save_figure(figure, path)


def _updates(found: dict[str, Any]) -> Table:
    table = Table(
        "implementation",
        "seconds",
        "times halopaint's",
        "largest difference",
        title="one weight update, published networks (5 critic + 1 painter, 58^3 to 50^3)",
    )
    ours = float(np.median(found["update_seconds"]["halopaint"]))
    for where, suffix in _places(found):
        for name, runs in where["update_seconds"].items():
            seconds = float(np.median(runs))
            difference = max(where["differences"].get(name, {"ours": 0.0}).values())
            equal = difference < updates.TOLERANCE
            ratio = f"{seconds / ours:.2f}" if equal else "not equal"
            table.add_row(f"{name}{suffix}", f"{seconds:.3f}", ratio, f"{difference:.0e}")
    return table


def _painting(found: dict[str, Any]) -> Table:
    table = Table(
        "implementation", "voxels/s", "halopaint's over it", title="published painter, 128^3 voxels"
    )
    ours = found["painted_voxels_per_second"]["halopaint"]
    for where, suffix in _places(found):
        for name, rate in where["painted_voxels_per_second"].items():
            table.add_row(f"{name}{suffix}", f"{rate:,.0f}", f"{ours / rate:.2f}")
    return table


def _places(found: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    if "without_onednn" not in found:
        return [(found, "")]
    return [(found, ""), (found["without_onednn"], ", oneDNN off")]


def _growth(found: dict[str, Any]) -> Table:
    table = Table(
        "painter", "voxels", "seconds", "voxels/s", "of the GEMM rate", "peak memory",
        "of that libraries", title="painting from file to file",
    )  # fmt: skip
    for name, rows in found["growth"].items():
        for row in rows:
            share = row["voxels_per_second"] * row["flops_per_voxel"] / row["multiply_rate"]
            table.add_row(
                name,
                f"{row['side']:.0f}^3",
                f"{row['seconds']:.2f}",
                f"{row['voxels_per_second']:,.0f}",
                f"{100 * share:.0f} %",
                f"{row['peak_memory'] / 2**20:,.0f} MiB",
                f"{row['loaded_memory'] / 2**20:,.0f} MiB",
            )
    return table


def _stream(found: dict[str, Any]) -> Table:
    table = Table(
        "params", "crops/s alone", "training step", "waits for crops", title="crop stream"
    )
    for name, row in found["stream"].items():
        table.add_row(
            name,
            f"{row['crops_per_second']:,.0f}",
            f"{row['step_seconds']:.3f} s",
            f"{100 * row['waiting_share']:.1f} %",
        )
    table.caption = f"halopaint paint from a cold start: {found['start_up_seconds']:.1f} s"
    return table
