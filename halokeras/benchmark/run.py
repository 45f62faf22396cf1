"""The whole benchmark: every measurement in one run, as numbers, tables and a figure."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.table import Table

from halokeras import __version__
from halokeras.benchmark import painting, stream, updates
from halokeras.benchmark.crew import Build, crew
from halokeras.benchmark.painting import PRESETS, preset
from halokeras.benchmark.problem import BOX_SIDE, published_problem
from halokeras.benchmark.timing import multiply_rate
from halokeras.errors import HalopaintError
from halokeras.readable import duration
from halokeras.storage.figure_file import new_figure, save_figure

Tell = Callable[[str], None]
Found = dict[str, Any]

_REFERENCE_RATE = 8.5e10
"""FLOP/s of the machine whose seconds the plan scales: two cores with AVX2."""
_WITHOUT_ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "0"}


@dataclass(frozen=True)
class Part:
    """A measurement.

    Attributes
    ----------
    what
        It measures, for the terminal.
    seconds
        That it takes where matrices multiply at `_REFERENCE_RATE`.
    measure
        Adds what it finds to the plain JSON values of a benchmark.
    """

    what: str
    seconds: float
    measure: Callable[[Found], None]


def plan(repeats: int, sides: list[int], onednn_off: bool, tell: Tell) -> list[Part]:
    """List the parts of the benchmark: updates, painting and the crop stream.

    Parameters
    ----------
    repeats
        Timed runs of each contender, in turn.
    sides
        Of the boxes that are painted [voxels].
    onednn_off
        Whether to time updates with TensorFlow's other CPU kernels too: minutes.
    tell
        Called with a line for each contender that dies.
    """
    everyone, fewer = updates.contenders(), max(1, repeats // 3)
    parts = [
        Part(
            f"one weight update and the forward pass of {', '.join(everyone)}",
            len(everyone) * (20 + 6 * (repeats + 1)),
            partial(_contend, builds=everyone, repeats=repeats, tell=tell, environment={}),
        )
    ]
    parts += [
        Part(
            f"painting {side}^3 voxels, {name}",
            15 + 1e-6 * side**3,
            partial(_grow, name=name, side=side),
        )
        for name in PRESETS
        for side in sides
    ]
    parts += [
        Part(f"the crop stream, {name}", 45, partial(_cut_crops, name=name, steps=steps))
        for name, steps in (("published", 10), ("box00", 30))
    ]
    parts.append(Part("halopaint paint from a cold start", 15, _start))
    if onednn_off:
        parts.append(
            Part(
                "updates and painting without oneDNN",
                100 * (fewer + 1),
                lambda found: _contend(
                    found.setdefault("without_onednn", {}),
                    updates.contenders(with_torch=False),
                    fewer,
                    tell,
                    _WITHOUT_ONEDNN,
                ),
            )
        )
    return parts


def benchmark(parts: list[Part], found: Found, tell: Tell) -> None:
    """Measure part by part into `found`, which holds what is done whenever it is stopped.

    Plain JSON values; times in seconds, memory in bytes. `tell` is called with how long all will
    take, and with each part and its share before it begins.
    """
    rate = multiply_rate()
    scale = _REFERENCE_RATE / rate
    whole = scale * sum(part.seconds for part in parts)
    tell(f"{len(parts)} parts, about {duration(whole)} on this machine; Ctrl-C keeps what is done")
    found |= {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "gpus": len(tf.config.list_logical_devices("GPU")),
        "halopaint": __version__,
        "tensorflow": tf.__version__,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0",
        "multiply_rate": rate,
        "done": [],
    }
    for number, part in enumerate(parts, start=1):
        tell(f"{number} of {len(parts)}, about {duration(scale * part.seconds)}: {part.what}")
        part.measure(found)
        found["done"].append(part.what)


def _contend(
    found: Found,
    builds: dict[str, Build],
    repeats: int,
    tell: Tell,
    environment: dict[str, str],
) -> None:
    with crew(builds, published_problem(), tell, environment) as contenders:
        if updates.OURS not in contenders.workers:
            raise HalopaintError("halopaint's own networks cannot be timed; run `halopaint doctor`")
        found["differences"] = updates.differences(contenders)
        found["update_seconds"] = updates.time_updates(contenders, repeats)
        found["painted_voxels_per_second"] = {
            name: BOX_SIDE**3 / seconds
            for name, seconds in updates.time_painting(contenders, repeats).items()
        }


def _grow(found: Found, name: str, side: int) -> None:
    found.setdefault("growth", {}).setdefault(name, []).append(painting.growth(name, side))


def _cut_crops(found: Found, name: str, steps: int) -> None:
    found.setdefault("stream", {})[name] = stream.measure(preset(name), steps)


def _start(found: Found) -> None:
    found["start_up_seconds"] = painting.start_up()


def tables(found: dict[str, Any]) -> list[Table]:
    """Return the measurements that are done for a terminal."""
    known = {
        "update_seconds": _updates,
        "painted_voxels_per_second": _painting,
        "growth": _growth,
        "stream": _stream,
    }
    return [table(found) for name, table in known.items() if name in found]


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw seconds per voxel and memory over the volumes that were painted, as PNG.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    figure = new_figure(9, 3.6)
    time, memory = figure.subplots(1, 2)
    for (name, rows), colour in zip(found["growth"].items(), ("#0072B2", "#E69F00"), strict=False):
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
    if "painted_voxels_per_second" not in found.get("without_onednn", {}):
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
    if "start_up_seconds" in found:
        table.caption = f"halopaint paint from a cold start: {found['start_up_seconds']:.1f} s"
    return table
