"""Reads damaged files with every reader, and tells which do other than read or refuse them.

    python tests/fuzz/fuzz.py --inputs 100000
    python tests/fuzz/fuzz.py --targets params,painter --inputs 5000 --seed 1
    python tests/fuzz/fuzz.py --replay painter:4711 --keep damaged

An input is a function of seed, target and index. A reader must give a value or raise a
`HalopaintError` whose message is one line of text; it must not take more than 5 s of processor
time or a minute in all, nor 512 MiB of memory, nor warn, nor end the process. Each target runs in
a process of its own, which is begun anew behind an input that ends it.
"""

import argparse
import faulthandler
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import mutations
from targets import CANARIES, TARGETS, Target, remove, seal

import halokeras
from halokeras.errors import HalopaintError
from halokeras.randomness import fold_in

SECONDS = 5.0
WALL_SECONDS = 60
MEMORY = 512 * 2**20
ADDRESS_SPACE = 4 * 2**30
"""Beyond what the process has once it read the valid files: no more is given to it."""
_LONGEST_MESSAGE = 2100
_MOST_RESTARTS = 40
_PACKAGE = str(Path(halokeras.__file__).parent)


@dataclass
class Result:
    """What came of the inputs of one target."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)

    def distinct(self) -> Counter[str]:
        """Findings by their kind and place."""
        return Counter(f"{found['kind']}: {found['what']}" for found in self.findings)


class Corpus:
    """The valid files of a target, and how one of them is damaged."""

    def __init__(self, name: str, target: Target, seed: int, folder: Path) -> None:
        self.name, self.target, self.seed, self.folder = name, target, seed, folder
        target.write(folder)
        self.cases = sorted(path for path in folder.iterdir() if path.is_dir())
        self.files = {
            case: {path: path.read_bytes() for path in sorted(case.rglob("*")) if path.is_file()}
            for case in self.cases
        }

    def damage(self, index: int) -> Path:
        """Write input `index`, and give the folder that it is in."""
        rng = fold_in(self.seed, f"fuzz {self.name}", index)
        case = mutations.pick(rng, self.cases)
        paths = list(self.files[case])
        path = mutations.pick(rng, paths)
        if rng.random() < 0.01:
            path.unlink()
        elif rng.random() < 0.03:
            path.write_bytes(self.files[case][mutations.pick(rng, paths)])
        else:
            path.write_bytes(mutations.mutate(path.name, self.files[case][path], rng))
        if self.target.sealed and rng.random() < 0.9 and path.name != "manifest.json":
            seal(path.parent)
        return case

    def restore(self, case: Path) -> None:
        """Make the files of a folder valid again."""
        if self.target.restore:
            remove(case)
        for path, content in self.files[case].items():
            if self.target.restore:
                path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.is_file() and path.stat().st_size == len(content)) or (
                path.read_bytes() != content
            ):
                path.write_bytes(content)


def judge(target: Target, case: Path) -> tuple[str, str]:
    """Read a folder; give what came of it, and of which kind and where it is."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            target.read(case)
            outcome = "accepted"
        except HalopaintError as error:
            outcome = "refused"
            message = str(error)
            if not message.isprintable() or len(message) > _LONGEST_MESSAGE:
                return "message", f"{_place(error)}: {message[:200]!r}, {len(message)} characters"
        except Exception as error:
            return "exception", f"{type(error).__name__} at {_place(error)}: {str(error)[:200]}"
    if warned:
        return "warning", f"{warned[0].category.__name__}: {str(warned[0].message)[:200]}"
    return outcome, ""


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(_PACKAGE)] or frames[-1:]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}"


def work(corpus: Corpus, start: int, stop: int, report: Path) -> None:
    """Read inputs `start` to `stop` in this process; the report tells which is being read."""
    for case in corpus.cases:
        outcome = judge(corpus.target, case)
        if outcome[0] != "accepted":
            raise SystemExit(f"{corpus.name}: {case.name} is valid and is {outcome}")
        corpus.restore(case)
    _limit()
    with report.open("a", buffering=1) as told, (report.parent / "trace").open("w") as trace:
        faulthandler.enable(trace)
        for number in (signal.SIGPROF, signal.SIGALRM):
            faulthandler.register(number, trace, chain=True)
        for index in range(start, stop):
            told.write(f"{index}\n")
            case = corpus.damage(index)
            before = _peak()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            signal.alarm(WALL_SECONDS)
            outcome, what = judge(corpus.target, case)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
            if _peak() - before > MEMORY:
                grown = (_peak() - before) / 2**20
                outcome, what = "memory", f"{grown:.0f} MiB, {outcome} {what}"
                Path("/proc/self/clear_refs").write_text("5")
            told.write(json.dumps([outcome, what]) + "\n")
            corpus.restore(case)
    os._exit(0)


def _limit() -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESS_SPACE,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _peak() -> int:
    """Largest resident memory of this process so far [bytes]."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def fuzz(name: str, inputs: int, seed: int, start: int = 0) -> Result:
    """Read `inputs` damaged files with one reader."""
    target = {**TARGETS, **CANARIES}[name]
    result = Result()
    began = time.monotonic()
    stop = start + inputs
    for restarts in range(_MOST_RESTARTS + 1):
        with tempfile.TemporaryDirectory(prefix="fuzz") as scratch:
            report = Path(scratch) / "report"
            ended = _in_a_process(name, target, seed, start, stop, report)
            lines = report.read_text().splitlines() if report.exists() else []
            trace = (Path(scratch) / "trace").read_text() if lines else ""
        for index, line in zip(lines[::2], lines[1::2], strict=False):
            _note(result, int(index), *json.loads(line))
        if ended == 0:
            break
        if len(lines) % 2 == 0:
            _note(result, start, "fuzzer", "its own files cannot be read, see above")
            break
        number = -ended
        kind = "hang" if number in (signal.SIGPROF, signal.SIGALRM) else "crash"
        _note(result, int(lines[-1]), kind, f"{signal.Signals(number).name} at {_innermost(trace)}")
        start = int(lines[-1]) + 1
        if start == stop or restarts == _MOST_RESTARTS:
            break
    result.seconds = time.monotonic() - began
    return result


def _innermost(trace: str) -> str:
    own = [line for line in trace.splitlines() if _PACKAGE in line] or trace.splitlines()[:2]
    return own[0].strip().removeprefix(f'File "{_PACKAGE}/') if own else "an unknown place"


def _note(result: Result, index: int, outcome: str, what: str) -> None:
    result.inputs += 1
    if outcome in ("accepted", "refused"):
        setattr(result, outcome, getattr(result, outcome) + 1)
    else:
        result.findings.append({"index": index, "kind": outcome, "what": what})


def _in_a_process(name: str, target: Target, seed: int, start: int, stop: int, report: Path) -> int:
    """Run `work` in a child; give its exit status, or minus the signal that ended it."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    stderr = os.dup(2)
    with (report.parent / "noise").open("w") as noise:
        os.dup2(noise.fileno(), 2)  # what libraries say of damaged files
    try:
        folder = report.parent / "files"
        folder.mkdir()
        os.chdir(folder)
        work(Corpus(name, target, seed, folder), start, stop, report)
    except BaseException:
        os.dup2(stderr, 2)
        traceback.print_exc()
    os._exit(1)


def replay(name: str, index: int, seed: int, keep: Path | None) -> tuple[str, str]:
    """Read one input in this process, and keep its files where they can be looked at."""
    target = {**TARGETS, **CANARIES}[name]
    with tempfile.TemporaryDirectory(prefix="fuzz") as scratch:
        case = Corpus(name, target, seed, keep or Path(scratch)).damage(index)
        try:
            target.read(case)
        except Exception:
            traceback.print_exc()
        return judge(target, case)


def main() -> None:
    """Parse the command line, fuzz and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", help="names divided by commas; all by default")
    parser.add_argument("--inputs", type=int, default=3000, help="of all targets together")
    parser.add_argument("--first", type=int, default=0, help="index of each target's first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", metavar="TARGET:INDEX", help="read one input and show a trace")
    parser.add_argument("--keep", type=Path, help="an empty folder for the files of --replay")
    asked = parser.parse_args()
    if asked.replay:
        name, _, index = asked.replay.partition(":")
        print(*replay(name, int(index), asked.seed, asked.keep))
        return
    names = asked.targets.split(",") if asked.targets else list(TARGETS)
    known = {**TARGETS, **CANARIES}
    shares = sum(known[name].share for name in names)
    total = Result()
    print("target               inputs  accepted  refused  findings  seconds")
    for name in names:
        inputs = max(1, round(asked.inputs * known[name].share / shares))
        result = fuzz(name, inputs, asked.seed, asked.first)
        print(
            f"{name:<20}{result.inputs:>7}{result.accepted:>10}{result.refused:>9}"
            f"{len(result.findings):>10}{result.seconds:>9.1f}",
            flush=True,
        )
        for what, times in result.distinct().most_common():
            first = next(f for f in result.findings if f"{f['kind']}: {f['what']}" == what)
            print(f"    {times} x {what}; --replay {name}:{first['index']}", flush=True)
        total.inputs += result.inputs
        total.findings += result.findings
    print(f"{total.inputs} inputs, {len(total.findings)} findings")
    raise SystemExit(bool(total.findings))


if __name__ == "__main__":
    main()
