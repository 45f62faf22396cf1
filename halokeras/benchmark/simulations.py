"""How right simulated boxes are: runs that write their boxes, measured, beside theory.

    python -m halokeras.benchmark.simulations FOLDER --box 00 --seed 1 2 3 --redshift 1 0.3

writes to FOLDER the boxes that `halopaint simulate` makes, of the same bits, and beside those of
each run what `halokeras.benchmark.simulation_measures` finds, as JSON; at the end it prints the
table of all measurements in FOLDER. What is there is not made again, and several such commands
share the work.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.benchmark.simulation_measures import (
    BIAS_MEMBERS,
    MEMBERS,
    POWER_EDGES,
    measure_snapshot,
    shells,
)
from halokeras.boxes.box import Box
from halokeras.boxes.box_file import write_box
from halokeras.cosmology.cosmology import ABACUS_COSMOS, box_cosmology
from halokeras.environment import allotted_cores
from halokeras.errors import HalopaintError
from halokeras.simulation.files.boxes import box_paths
from halokeras.simulation.files.claims import claimed
from halokeras.simulation.nbody.engine import Snapshot
from halokeras.simulation.simulate import Simulation, simulate
from halokeras.storage.files import Locked, write_text

Array = NDArray[np.float64]


def measure_run(wanted: Simulation, folder: Path, threads: int) -> Path | None:
    """Run a simulation, write its boxes and what they are measured for; return the latter's file.

    Nothing is run again whose file is there; None if another process is at it.
    """
    paths = {redshift: folder / path.name for redshift, path in box_paths(wanted).items()}
    target = folder / f"box{wanted.box_id}_seed{wanted.seed}_measured.json"
    try:
        with claimed(target):
            if target.exists():
                return target
            found: dict[str, Any] = {
                "box_id": wanted.box_id,
                "seed": wanted.seed,
                "size": wanted.size,
                "particles": wanted.particles,
                "snapshots": [],
            }
            modes = shells(wanted)
            spent, began = 0.0, time.process_time()

            def look(particles: Snapshot, box: Box) -> None:
                nonlocal spent
                start = time.process_time()
                found["snapshots"].append(measure_snapshot(particles, box, wanted, modes))
                spent += time.process_time() - start

            for box in simulate(wanted, threads, look=look):
                write_box(box, paths[box.redshift])
            found["processor_seconds"] = time.process_time() - began - spent
            write_text(target, json.dumps(found, indent=1) + "\n")
            return target
    except Locked:
        return None


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the ratios of found to expected, means and standard errors over boxes, as text."""
    groups: dict[tuple[str, float], list[Mapping[str, Any]]] = defaultdict(list)
    for run in runs:
        for snapshot in run["snapshots"]:
            groups[run["box_id"], snapshot["redshift"]].append(snapshot)
    lines = []
    for (box_id, redshift), snapshots in sorted(groups.items(), key=lambda item: item[0]):
        lines.append(f"cosmology {box_id}, z = {redshift:g}, {len(snapshots)} boxes")
        for title, of in _ROWS:
            lines.append(f"  {title}")
            rows = np.array([of(snapshot) for snapshot in snapshots], dtype=np.float64)
            mean = rows.mean(axis=0)
            error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else 0 * mean
            lines.append("    " + " ".join(f"{value:7.3f}" for value in mean))
            lines.append("    " + " ".join(f"{value:7.3f}" for value in error))
    return "\n".join(lines)


def _power(snapshot: Mapping[str, Any]) -> Array:
    power = snapshot["matter_power"]
    ratio: Array = _ratio(power) / np.array(power["draw"])
    return ratio


def _abundance(kind: str) -> Callable[[Mapping[str, Any]], Array]:
    return lambda snapshot: _ratio(snapshot["abundance"][kind])


def _bias(snapshot: Mapping[str, Any]) -> Array:
    names = [*map(str, BIAS_MEMBERS), "all"]
    return np.concatenate([_ratio(snapshot["bias"][name]) for name in names])


def _approach(snapshot: Mapping[str, Any]) -> Array:
    """Ratios by separation, and of the mean over all pairs."""
    pairs = snapshot["pairwise_velocity"]
    mean = {name: np.dot(pairs["pairs"], pairs[name]) for name in ("found", "expected")}
    return np.append(_ratio(pairs), _ratio(mean))


def _ratio(measured: Mapping[str, Any]) -> Array:
    found = np.atleast_1d(np.array(measured["found"], dtype=np.float64))
    with np.errstate(invalid="ignore"):  # of boxes without such halos, or too small for pairs
        ratio: Array = found / np.array(measured["expected"], dtype=np.float64)
    return ratio


_ROWS: tuple[tuple[str, Callable[[Mapping[str, Any]], Array]], ...] = (
    (f"matter power over HMcode 2020 and the draw, k from {POWER_EDGES}", _power),
    (
        f"friends of friends over Watson et al. 2013, N from {MEMBERS}",
        _abundance("friends_of_friends"),
    ),
    (f"M200b over Tinker et al. 2008, particles from {MEMBERS}", _abundance("mass_200b")),
    (f"bias over Tinker et al. 2010, N from {BIAS_MEMBERS} and all", _bias),
    ("approach of pairs over linear theory, 30 to 60 Mpc/h by 5 and all", _approach),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the runs that are asked for, and print the table of all that are in the folder."""
    parser = argparse.ArgumentParser(prog="python -m halokeras.benchmark.simulations")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--box", choices=ABACUS_COSMOS, default="00")
    parser.add_argument("--seed", type=int, nargs="*", default=[])
    parser.add_argument("--redshift", type=float, nargs="+", default=[1.0, 0.3])
    parser.add_argument("--size", type=float, default=256.0)
    parser.add_argument("--particles", type=int, default=256)
    parser.add_argument("--threads", type=int, default=allotted_cores())
    asked = parser.parse_args(arguments)
    try:
        for seed in asked.seed:
            wanted = Simulation(
                box_cosmology(asked.box),
                seed,
                asked.size,
                asked.particles,
                redshifts=tuple(asked.redshift),
                box_id=asked.box,
            )
            made = measure_run(wanted, asked.folder, asked.threads)
            sys.stdout.write(f"{made or f'Another process measures seed {seed}'}\n")
            sys.stdout.flush()
    except HalopaintError as error:
        parser.exit(1, f"{error}\n")
    measured = sorted(asked.folder.glob("*_measured.json"))
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in measured]
    sys.stdout.write(f"{table(runs)}\n")


if __name__ == "__main__":
    main()
