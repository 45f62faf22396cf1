"""Contenders at work, each in a process of its own, one at a time.

Two frameworks in one process share libraries that may not suit both, to the point of a
segmentation fault. A contender that dies is told of in one line, and the others go on.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from halokeras.benchmark.problem import Contender, Problem
from halokeras.errors import HalopaintError
from halokeras.workers import start_undisturbed

Build = Callable[[Problem], Contender]


class Died(HalopaintError):
    """A contender that cannot go on."""


@dataclass(frozen=True)
class _Failure:
    """What a contender raised."""

    reason: str


class Worker:
    """A contender in a process of its own.

    Parameters
    ----------
    name
        Of the contender.
    build
        Makes it; a function of a module that imports no framework.
    problem
        What it computes.
    environment
        Variables that its process has beside those of this one.
    """

    def __init__(
        self, name: str, build: Build, problem: Problem, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")  # a fork would inherit the frameworks
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, build, problem), daemon=True)
        with _with_environment(environment):
            start_undisturbed([self._process])
        theirs.close()

    def wait(self) -> None:
        """Wait until it is made.

        Raises
        ------
        Died
            If it cannot be made.
        """
        self._receive()

    def ask(self, method: str) -> tuple[float, Any]:
        """Call a method of the contender; return the seconds that it took and what it returned.

        Raises
        ------
        Died
            If it cannot go on.
        """
        try:
            self._connection.send(method)
        except OSError as error:
            raise self._death() from error
        return self._receive()

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _receive(self) -> tuple[float, Any]:
        try:
            seconds, result = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._death() from error
        if isinstance(result, _Failure):
            raise Died(f"{self.name} is left out: {' '.join(result.reason.split())}")
        return seconds, result

    def _death(self) -> Died:
        self._process.join()
        code = self._process.exitcode or 0
        how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return Died(f"{self.name} is left out: its process died ({how})")


class Crew:
    """The contenders that are alive.

    Parameters
    ----------
    workers
        By name.
    tell
        Called with a line for each contender that dies.
    """

    def __init__(self, workers: dict[str, Worker], tell: Callable[[str], None]) -> None:
        self.workers, self._tell = workers, tell

    def ask(self, name: str, method: str) -> tuple[float, Any] | None:
        """Ask a contender as `Worker.ask`; None if it is dead, or dies of it."""
        if name not in self.workers:
            return None
        try:
            return self.workers[name].ask(method)
        except Died as death:
            del self.workers[name]
            self._tell(str(death))
            return None

    def take_turns(self, methods: list[str], repeats: int) -> dict[tuple[str, str], list[float]]:
        """Time each method of each contender `repeats` times, in turn, after one run of each.

        Returns
        -------
        dict
            Seconds of every run, by contender and method, of those that lived through all.
        """
        tasks = [(name, method) for name in self.workers for method in methods]
        seconds: dict[tuple[str, str], list[float]] = {task: [] for task in tasks}
        for turn in range(repeats + 1):
            for task in tasks:
                answer = self.ask(*task)
                if answer is not None and turn:
                    seconds[task].append(answer[0])
        return {task: runs for task, runs in seconds.items() if task[0] in self.workers}


@contextmanager
def crew(
    builds: Mapping[str, Build],
    problem: Problem,
    tell: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
) -> Iterator[Crew]:
    """Start the contenders; those that cannot be made are told of and left out."""
    with ExitStack() as ending:
        started = {}
        for name, build in builds.items():
            started[name] = Worker(name, build, problem, environment or {})
            ending.callback(started[name].end)
        alive = {}
        for name, worker in started.items():
            try:
                worker.wait()
            except Died as death:
                tell(str(death))
                continue
            alive[name] = worker
        yield Crew(alive, tell)


def _serve(connection: Connection, build: Build, problem: Problem) -> None:
    try:
        contender = build(problem)
        connection.send((0.0, None))
        while True:
            method = getattr(contender, connection.recv())
            start = time.perf_counter()
            result = method()
            connection.send((time.perf_counter() - start, result))
    except EOFError:
        return
    except Exception as error:  # told by the benchmark in its own line
        connection.send((0.0, _Failure(f"{type(error).__name__}: {error}")))


@contextmanager
def _with_environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
