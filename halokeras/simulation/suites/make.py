"""Suites of simulations: made member by member, by any number of processes on one folder.

A process claims a member before it makes it, and the system frees the claim of a process that
dies, so that several commands, processes or Dask workers share the work without knowing each
other, and none makes a member twice.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halokeras.boxes.suite import Suite
from halokeras.environment import allotted_cores
from halokeras.errors import BoxError, HalopaintError
from halokeras.listener import Listener
from halokeras.readable import amount_of_bytes, duration
from halokeras.simulation import simulate
from halokeras.simulation.files.boxes import make_files, warn_of_lattice
from halokeras.simulation.files.claims import claimed, state_of
from halokeras.simulation.files.found_boxes import found_boxes
from halokeras.simulation.nbody.checkpoint import check_room
from halokeras.simulation.suites.params import SuiteParams
from halokeras.simulation.suites.planned import (
    simulation_of,
    suite_of_plan,
    targets_of,
    write_longer_index,
)
from halokeras.storage.files import Locked, made_again
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.workers import RETRIES, connected, result_of, start_undisturbed, worker_alone

if TYPE_CHECKING:
    from distributed import Client

_PAUSE = 1.0
"""Seconds between two looks at what others have made."""

Report = Callable[[int, float], None]
"""Called with the number of a member and the fraction of it that is done."""


def make_suite(
    planned: SuiteParams,
    folder: Path,
    listener: Listener,
    processes: int = 1,
    scheduler: str | None = None,
) -> Suite:
    """Make what is missing of a suite, or damaged, and return when all of it is there.

    Members that others are making are waited for, and taken over if their makers die.

    Parameters
    ----------
    planned
        What the suite is to hold.
    folder
        Folder of the suite; one that is there must be the same, or the beginning of it.
    listener
        Who is told.
    processes
        Processes of this machine that make members.
    scheduler
        Dask workers instead: ``local``, or the address of a scheduler.

    Raises
    ------
    BoxError
        If there is too little memory, a simulation fails or a process dies.
    OutputError
        If the folder holds another suite or other boxes, cannot be written, or there
        is too little disk.
    ClusterError
        If the scheduler does not answer, or its workers vanish.
    """
    suite = suite_of_plan(planned, folder)
    simulations = [simulation_of(suite, member) for member in suite.members]
    targets = [targets_of(suite, member) for member in suite.members]
    found = [found_boxes(wanted, files) for wanted, files in zip(simulations, targets, strict=True)]
    to_make = [
        (state_of(next(iter(files.values()))), left)
        for files, states in zip(targets, found, strict=True)
        if (left := tuple(one for one, state in states.items() if state != "whole"))
    ]
    processes = max(1, min(processes, len(to_make)))
    boxes = sum(len(member.files) for member in suite.members)
    seconds = sum(simulate.estimate(suite.particles, left).seconds for _, left in to_make)
    need = simulate.estimate(suite.particles)
    if scheduler in (None, "local") and to_make:
        # local Dask workers are one for each core, whoever may use them
        at_once = processes if scheduler is None else min(len(to_make), os.cpu_count() or 1)
        what = f"{at_once} simulations at a time" if at_once > 1 else "a simulation"
        less = "choose fewer --processes or a larger machine"
        refuse_beyond_memory(at_once * need.memory, what, less)
        check_room(suite.particles, [state for state, _ in to_make[:at_once]], folder)
    write_longer_index(suite)
    for wanted, files, states in zip(simulations, targets, found, strict=True):
        if "damaged" in states.values():
            _remove_damaged(wanted, files, listener)
    listener.announce(
        "Simulating",
        f"{folder}: {len(to_make)} of {len(suite.members)} simulations are to be made, {boxes} "
        f"boxes in all; about {duration(seconds)} of processor time and "
        f"{amount_of_bytes(need.memory)} of memory and {amount_of_bytes(need.work)} of disk "
        "meanwhile for each at a time",
    )
    if to_make:
        warn_of_lattice(simulations[0], listener)
    tally = _Tally(suite, listener)
    if scheduler is not None:
        with connected(scheduler) as client:
            _make_by_workers(suite, client, tally)
    elif processes > 1:
        _make_by_processes(suite, processes, tally)
    else:
        make_members(suite, allotted_cores(), tally.report, _PAUSE)
    tally.show()
    return suite


def make_members(suite: Suite, workers: int, report: Report, pause: float) -> None:
    """Make every member that no other process has made or is making, until all are there.

    Parameters
    ----------
    suite
        The suite.
    workers
        Threads.
    report
        Told of each member.
    pause
        Seconds to wait for members that others are making.
    """
    left = list(range(len(suite.members)))
    while left:
        busy = [number for number in left if not make_member(suite, number, workers, report)]
        if busy == left:
            time.sleep(pause)
            report(busy[0], 0.0)
        left = busy


def make_member(suite: Suite, number: int, workers: int, report: Report) -> bool:
    """Make what is missing of a member; return False if another process is making it.

    Raises
    ------
    BoxError
        If it cannot be made.
    OutputError
        If a file is there and is of another simulation, or cannot be written.
    """
    member = suite.members[number]
    wanted, targets = simulation_of(suite, member), targets_of(suite, member)

    def progress(stage: str, fraction: float) -> None:
        if stage == "N-body":
            report(number, fraction)

    if _missing(wanted, targets):
        try:
            with claimed(next(iter(targets.values()))) as state:
                left = _missing(wanted, targets)  # others may have made it just before the claim
                for _ in make_files(wanted, left, state, workers, progress) if left else ():
                    pass
        except Locked:
            return False
    report(number, 1.0)
    return True


def _missing(wanted: simulate.Simulation, targets: Mapping[float, Path]) -> dict[float, Path]:
    """Return those of the files of a member that are not there."""
    found = found_boxes(wanted, targets, read=False)
    return {one: path for one, path in targets.items() if found[one] != "whole"}


def _remove_damaged(
    wanted: simulate.Simulation, targets: Mapping[float, Path], listener: Listener
) -> None:
    """Remove the damaged files of a member, so that whoever makes it makes them again."""
    with suppress(Locked), claimed(next(iter(targets.values()))):  # or another is at it
        for redshift, state in found_boxes(wanted, targets).items():
            if state == "damaged":
                listener.warn(made_again(targets[redshift]))
                targets[redshift].unlink()


class _Tally:
    """Tells how much of a suite is made, by this command and by others, and what time is left."""

    def __init__(self, suite: Suite, listener: Listener) -> None:
        self._files = [list(targets_of(suite, member).values()) for member in suite.members]
        self._listener = listener
        self._parts = [0.0] * len(self._files)
        self._began = time.monotonic()
        self._first = sum(self._made()) / len(self._files)

    def report(self, number: int, fraction: float) -> None:
        """Take note of the fraction of a member that is done."""
        self._parts[number] = fraction
        self.show()

    def show(self, parts: Sequence[float] | None = None) -> None:
        """Tell what is done, of the parts of members that are known here, and what files say."""
        made = self._made()
        known = self._parts if parts is None else parts
        done = sum(map(max, known, made)) / len(made)
        gained = done - self._first
        told = f"{sum(made)} of {len(made)} simulations"
        if gained > 0 and done < 1:
            seconds = (time.monotonic() - self._began) * (1 - done) / gained
            told += f", {duration(seconds)} left"
        self._listener.progress(told, done)

    def _made(self) -> list[bool]:
        return [all(path.exists() for path in paths) for paths in self._files]


def _make_by_processes(suite: Suite, processes: int, tally: _Tally) -> None:
    context = multiprocessing.get_context("spawn")
    # Nothing with a lock, whose name in the system a command that is killed would leave behind;
    # of a member only the process that makes it writes the part that is done.
    parts = context.RawArray("d", len(suite.members))
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    threads = max(1, allotted_cores() // processes)
    crew = [
        context.Process(target=_process, args=(suite, threads, parts, problem), daemon=True)
        for _, problem in pipes
    ]
    try:
        start_undisturbed(crew)
        while any(one.is_alive() for one in crew):
            tally.show(parts[:])
            time.sleep(_PAUSE)
            if any(one.exitcode for one in crew):
                break
        for told, _ in pipes:
            if told.poll():
                raise told.recv()
        for one in crew:
            if one.exitcode:
                raise BoxError(
                    f"a process that made {suite.folder} ended with code {one.exitcode}, as when "
                    "there is too little memory; choose fewer --processes: what is made is kept, "
                    "and the same command goes on with it"
                )
    finally:
        for one in crew:
            if one.is_alive():
                one.terminate()
                one.join()


def _process(suite: Suite, threads: int, parts: Any, problem: Connection) -> None:
    """Work as one of several processes, until all is made or the command is gone."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # of CAMB, which is not loaded yet
    command = multiprocessing.parent_process()

    def report(number: int, fraction: float) -> None:
        if command is not None and not command.is_alive():
            os._exit(1)
        parts[number] = max(parts[number], fraction)

    try:
        make_members(suite, threads, report, _PAUSE)
    except HalopaintError as error:
        problem.send(error)
        raise SystemExit(1) from None


def _make_by_workers(suite: Suite, client: "Client", tally: _Tally) -> None:
    seen = Suite(**{**vars(suite), "folder": suite.folder.resolve()})
    left = list(range(len(suite.members)))
    while left:
        tasks = [client.submit(_task, seen, number, retries=RETRIES, pure=False) for number in left]
        while not all(task.done() for task in tasks):
            tally.show()
            time.sleep(_PAUSE)
        made = [result_of(task, "simulating", "what is made") for task in tasks]
        left = [number for number, done in zip(left, made, strict=True) if not done]


def _task(suite: Suite, number: int) -> bool:
    """Make a member on a Dask worker, alone; return False if others are making it."""
    with worker_alone() as threads:
        return make_member(suite, number, threads, lambda number, fraction: None)
