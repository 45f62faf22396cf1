"""Commands that are killed, meet a full disk or a read-only folder, or run twice at once.

    python tests/faults/harness.py --faults 40 --seed 1

injects 40 faults into every command of `COMMANDS` and prints a table. After each fault every
output must be the old one or that of an undisturbed run, whole; after the next run it must be that
of an undisturbed run, bit for bit, with nothing else in the folder.

Importing TensorFlow takes seconds, so it is imported once and every run is a fork of that process,
in which TensorFlow has not run anything yet. Half of the kills come at a random time, half at a
random one of the calls by which Python opens, locks, syncs, renames or removes something in the
folder, where the dangerous moments are.
"""

import argparse
import csv
import ctypes
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
TIMEOUT = 300  # seconds
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}
FAULTS = (*SIGNALS, "full disk", "read-only folder", "twice at once")
WATCHED = {
    *("open", "fcntl.flock", "shutil.rmtree"),
    *(f"os.{name}" for name in ("rename", "remove", "mkdir", "rmdir", "truncate", "scandir")),
}
REFUSALS = ("another process", "exists; remove it", "holds a run already", "is finished")


@dataclass(frozen=True)
class Command:
    """A command that writes, run in a folder with `input` beside its output folder `out`.

    Attributes
    ----------
    words
        Of the command line.
    after
        Of the next run, given the folder; by default the same.
    begin
        Input folder whose content is there before the command runs.
    replaces
        Whether it replaces an older output, which is there in half of the trials.
    """

    words: str
    after: Callable[[Path], str] | None = None
    begin: str | None = None
    replaces: bool = False


def go_on(folder: Path) -> str:
    begun = (folder / "out" / "run" / "params.json").exists()
    return RESUME if begun else TRAIN


TRAIN = "train --params input/params.json --run out/run"
RESUME = "resume --run out/run"
PAINT = "paint --box input/box.h5 --model input/model --no-figure --overwrite"
COMMANDS = {
    "simulate": Command("simulate --box 00 --size 64 --particles 16 --output out/box.h5"),
    "lpt": Command("lpt --voxels 16 --velocity --output out/density.h5"),
    "prepare": Command(
        "prepare catalogue input/halos.npz --density input/density.npy --box 00 --box-size 64 "
        "--redshift 0.3 --force --output out/prepared.h5"
    ),
    "paint": Command(f"{PAINT} --output out/painted.h5", replaces=True),
    "paint to Zarr": Command(f"{PAINT} --output out/painted.zarr", replaces=True),
    "paint --draw --catalogue": Command(
        f"{PAINT} --draw --realizations 2 --catalogue --places uniform --output out/drawn.h5",
        replaces=True,
    ),
    "train": Command(TRAIN, after=go_on),
    "resume": Command(RESUME, after=go_on, begin="half"),
    "evaluate": Command(
        "evaluate --box input/box.h5 --model input/model --against input/model --draws 1 "
        "--output out --overwrite",
        replaces=True,
    ),
}
"""What is put to the test; a new command needs a line here, and its input in `make_inputs`."""


@dataclass
class Result:
    """How a command fared."""

    faults: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0


# ---------------------------------------------------------------- one run, in a fork


def start(words: str, folder: Path, before: Callable[[], None] = lambda: None) -> int:
    """Fork a process that runs a command in `folder`, after `before`; give its id."""
    identity = os.fork()
    if identity:
        return identity
    code = 70
    try:
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(folder)
        sys.argv = ["halopaint", *words.split()]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        before()
        main_of_halopaint()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(identity: int) -> int:
    """Wait for a process; give its exit code, or minus the signal that ended it."""
    limit = time.monotonic() + TIMEOUT
    while time.monotonic() < limit:
        found, status = os.waitpid(identity, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(identity, signal.SIGKILL)
    os.waitpid(identity, 0)
    raise AssertionError(f"still running after {TIMEOUT} s")


def run(words: str, folder: Path, before: Callable[[], None] = lambda: None) -> int:
    return ended(start(words, folder, before))


def watch(folder: Path, moment: int, strike: Callable[[int], None]) -> None:
    """Call `strike` with the number of each call of `WATCHED` in `folder`, from `moment` on."""
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in WATCHED:
            return
        named = str(arguments[0]) if arguments else ""
        if event == "fcntl.flock" or "out" in Path(named).parts or named.startswith(str(folder)):
            seen += 1
            if seen >= moment:
                strike(seen)

    sys.addaudithook(hook)


def strike_at(folder: Path, moment: int, number: int) -> Callable[[], None]:
    """Return what sends this process signal `number` at its call `moment`."""
    done = False

    def strike(seen: int) -> None:
        nonlocal done
        if not done:
            done = True
            os.kill(os.getpid(), number)

    return lambda: watch(folder, moment, strike)


def undrawn(figure: object, target: Any, **_: object) -> None:
    """Save a figure as a file without a picture: drawing takes most of a tiny evaluation."""
    if isinstance(target, Path):
        target.write_bytes(b"\x89PNG")
    else:
        target.write("<svg></svg>")


def small_tiles() -> None:
    """Cut the tiny box into rows, each of which is committed."""
    from matplotlib.figure import Figure

    from halokeras.painting.draws import counts as draws
    from halokeras.painting.expected import paint, partial

    Figure.savefig = undrawn
    paint.LARGEST_TILE = draws.LARGEST_TILE = 8
    partial._SECONDS_BETWEEN_COMMITS = 0.0


def obey_permissions() -> None:
    """Return up root's right to write where the permissions of a file forbid it."""
    if os.getuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: capabilities 0-31, 32-63
    assert libc.capget(header, sets) == 0
    for index in (0, 1):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
        sets[index] &= ~0b1110
    assert libc.capset(header, sets) == 0, "permissions cannot be tried as root here"


# ---------------------------------------------------------------- what outputs are


def outputs(folder: Path) -> dict[str, object]:
    """Return the content of all below `out`, without the times that it tells."""
    found: dict[str, object] = {}
    for path in sorted((folder / "out").rglob("*")):
        name = str(path.relative_to(folder / "out"))
        if not path.is_file():
            found[name + "/"] = None
        elif path.name == "history.csv":
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            found[name] = [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
        elif path.name in ("provenance.json", "manifest.json"):
            fields = json.loads(path.read_text())
            fields.pop("training_seconds", None)
            fields.get("sha256", {}).pop("provenance.json", None)
            found[name] = fields
        elif path.suffix == ".svg":  # matplotlib names clip paths after addresses in memory
            found[name] = re.sub(rb"\bp[0-9a-f]{10}\b", b"", path.read_bytes())
        else:
            found[name] = path.read_bytes()
    return found


def is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in Path(name).parts)


def check_whole(found: dict[str, object], *allowed: dict[str, object]) -> None:
    """Assert that every output, hidden ones aside, is that of one of `allowed`."""
    for name, content in found.items():
        if is_hidden(name) or name.endswith("/"):
            continue
        assert any(name in other and other[name] == content for other in allowed), (
            f"{name} is neither the old one nor the new one"
        )
    groups = {name.split("/")[0] for name in found if ".zarr/" in name and not is_hidden(name)}
    for group in groups:  # a Zarr group is replaced whole
        mine = {name: found[name] for name in found if name.startswith(group)}
        theirs = [{n: o[n] for n in o if n.startswith(group)} for o in allowed]
        assert mine in theirs, f"{group} is half the old one"


def check_run(folder: Path) -> None:
    """Assert that what a run left can be read, whole."""
    out = folder / "out" / "run"
    for manifest in out.rglob("manifest.json"):
        if is_hidden(str(manifest.relative_to(out))):
            continue
        for name, stated in json.loads(manifest.read_text())["sha256"].items():
            assert hashlib.sha256((manifest.parent / name).read_bytes()).hexdigest() == stated
    if (out / "params.json").exists():
        json.loads((out / "params.json").read_text())


def check_equal(found: dict[str, object], clean: dict[str, object]) -> None:
    """Assert that outputs are those of an undisturbed run, and nothing else is there."""
    kept = {n for n in clean if "checkpoints/step-" in n and n != last_checkpoint(clean)}
    extra, lacking = set(found) - set(clean), set(clean) - set(found) - kept
    # Ctrl-C saves at its step, so the last checkpoint but one may be another.
    extra -= {n for n in extra if "checkpoints/step-" in n}
    assert not extra, f"litter: {sorted(extra)[:3]}"
    assert not lacking, f"lacks {sorted(lacking)[:3]}"
    for name in set(found) & set(clean) - kept:
        assert found[name] == clean[name], f"{name} differs from an undisturbed run's"


def last_checkpoint(clean: dict[str, object]) -> str:
    steps = [name for name in clean if "checkpoints/step-" in name]
    return max(steps, default="")


# ---------------------------------------------------------------- trials


class Trials:
    """The trials of one command."""

    def __init__(self, name: str, root: Path, chance: random.Random) -> None:
        self.name, self.command = name, COMMANDS[name]
        self.root, self.chance = root, chance
        self.trains = name in ("train", "resume")
        self.result = Result()
        folder = self.fresh("clean")
        code = self.go(folder)
        assert code == 0, f"{name} exits {code}: {(folder / 'log').read_text()[-600:]}"
        self.clean = outputs(folder)
        self.size = max(len(c) for c in self.clean.values() if isinstance(c, bytes))
        self.total = sum(len(c) for c in self.clean.values() if isinstance(c, bytes))
        counting = self.fresh("counting")
        tally = self.root / "tally"  # beside what is watched
        tally.write_bytes(b"")
        began = time.monotonic()  # what the first run compiled is there now
        self.go(counting, lambda: watch(counting, 1, lambda n: os.truncate(tally, n)))
        self.duration = time.monotonic() - began
        self.moments = tally.stat().st_size
        self.old: dict[str, object] = {}
        if self.command.replaces:
            older = self.fresh("older")
            words = self.command.words.replace("input/box.h5", "input/other.h5")
            assert run(words, older, small_tiles) == 0, (older / "log").read_text()[-600:]
            self.old = outputs(older)

    def fresh(self, name: str, older: bool = False) -> Path:
        folder = self.root / name
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        (folder / "input").symlink_to(self.root / "input")
        if older:
            shutil.copytree(self.root / "older" / "out", folder / "out")
        elif self.command.begin:
            shutil.copytree(self.root / "input" / self.command.begin, folder / "out")
        else:
            (folder / "out").mkdir()
        return folder

    def go(self, folder: Path, before: Callable[[], None] = lambda: None) -> int:
        return ended(self.start(folder, before))

    def start(self, folder: Path, before: Callable[[], None] = lambda: None) -> int:
        def all_before() -> None:
            small_tiles()
            before()

        return start(self.command.words, folder, all_before)

    def trial(self, number: int, fault: str) -> None:
        older = self.command.replaces and self.chance.random() < 0.5
        folder = self.fresh("trial", older)
        self.result.faults[fault] += 1
        began = time.monotonic()
        try:
            if fault in SIGNALS:
                self.kill(folder, fault)
            elif fault == "full disk":
                self.fill(folder)
            elif fault == "read-only folder":
                self.forbid(folder)
            else:
                self.race(folder)
            self.check_after(folder, older)
            self.next_run(folder)
        except Exception as error:
            log = folder / "log"
            told = log.read_text(errors="replace")[-1500:] if log.exists() else ""
            self.result.failures.append(f"{self.name}, {fault}, trial {number}: {error}\n{told}")
        self.result.seconds += time.monotonic() - began

    def kill(self, folder: Path, fault: str) -> None:
        number = SIGNALS[fault]
        if self.chance.random() < 0.5:
            identity = self.start(folder)
            time.sleep(self.chance.uniform(0, self.duration))
            os.kill(identity, number)
            code = ended(identity)
        else:
            moment = self.chance.randint(1, self.moments)
            code = self.go(folder, strike_at(folder, moment, number))
        self.result.struck[fault] += code != 0
        expected = {
            "SIGKILL": {-signal.SIGKILL, 0},
            "SIGTERM": {143, 130, 0, -signal.SIGTERM},
            "Ctrl-C": {130, 0},
        }
        assert code in expected[fault], f"exits {code}"

    def fill(self, folder: Path) -> None:
        mounted = os.getuid() == 0 and not self.command.begin and self.chance.random() < 0.5
        if mounted:
            mounted = self.mount(folder, int(self.chance.uniform(0, 1) * self.total))
        if mounted:
            try:
                code = self.go(folder)
                self.check_after(folder, False)
                kept = self.root / "kept"
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder / "out", kept)
            finally:
                subprocess.run(["umount", folder / "out"], check=True)
            shutil.copytree(kept, folder / "out", dirs_exist_ok=True)
        else:
            # the log, which the child writes too, must hold its message
            limit = int(self.chance.uniform(600, max(700, 1.05 * self.size)))
            limits = (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
            code = self.go(folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
        self.result.struck["full disk"] += code != 0
        self.check_told(folder, code, "cannot write")

    def mount(self, folder: Path, size: int) -> bool:
        if any((folder / "out").iterdir()):
            return False
        pages = max(1, size // 4096)
        options = f"size={4096 * pages}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder / "out"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def forbid(self, folder: Path) -> None:
        places = [folder / "out", *(p for p in (folder / "out").rglob("*") if p.is_dir())]
        for place in places:
            place.chmod(0o555)
        try:
            code = self.go(folder, obey_permissions)
        finally:
            for place in places:
                place.chmod(0o755)
        self.result.struck["read-only folder"] += code != 0
        assert code != 0, "wrote into a read-only folder"
        self.check_told(folder, code, "cannot write")

    def race(self, folder: Path) -> None:
        first = self.start(folder)
        time.sleep(self.chance.choice([0, 0, self.chance.uniform(0, self.duration)]))
        second = self.start(folder)
        codes = [ended(first), ended(second)]
        assert 0 in codes, f"both fail, {codes}"
        if 1 in codes:
            log = (folder / "log").read_text()
            assert any(words in log for words in REFUSALS), "a refusal without its reason"
        assert set(codes) <= {0, 1}, f"exit {codes}"
        self.result.struck["twice at once"] += 1
        check_equal(outputs(folder), self.clean)

    def check_told(self, folder: Path, code: int, words: str) -> None:
        """Assert that trouble was told in one line, without a traceback."""
        log = (folder / "log").read_text(errors="replace")
        assert "Traceback" not in log, "a traceback"
        assert code in (0, 1), f"exits {code}"
        if code == 1:
            lines = [line for line in log.splitlines() if line.startswith("Error: ")]
            assert len(lines) == 1 and words in lines[0], "no line that tells the trouble"

    def check_after(self, folder: Path, older: bool) -> None:
        if self.trains:
            check_run(folder)
        else:
            check_whole(outputs(folder), self.clean, self.old if older else {})
        log = (folder / "log").read_text(errors="replace") if (folder / "log").exists() else ""
        assert "Traceback" not in log, "a traceback"

    def next_run(self, folder: Path) -> None:
        words = self.command.after(folder) if self.command.after else self.command.words
        (folder / "log").unlink(missing_ok=True)
        code = run(words, folder, small_tiles)
        log = (folder / "log").read_text(errors="replace")
        refused = code == 1 and any(words in log for words in REFUSALS)
        assert code == 0 or refused, f"the next run exits {code}"
        check_equal(outputs(folder), self.clean)


# ---------------------------------------------------------------- inputs


def make_inputs(folder: Path, half: bool) -> None:
    """Make boxes, a painter and maybe a run stopped half-way, in a process of its own."""
    identity = os.fork()
    if not identity:
        code = 1
        try:
            _make_inputs(folder, half)
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    assert ended(identity) == 0, "the inputs could not be made"


def _make_inputs(folder: Path, half: bool) -> None:
    import numpy as np

    from halokeras.boxes.box import Box
    from halokeras.boxes.box_file import write_box
    from halokeras.boxes.halos import Halos
    from halokeras.cosmology.cosmology import ABACUS_COSMOS
    from halokeras.params import load_params
    from halokeras.training.callback import Callback, Progress
    from halokeras.training.run import Interrupted, train

    folder.mkdir()
    for name, seed in (("train", 1), ("held_out", 2), ("box", 3), ("other", 4)):
        rng = np.random.default_rng(seed)
        density = rng.gamma(0.5, 2.0, (16, 16, 16)).astype(np.float32)
        density /= density.mean()
        counts = rng.poisson(0.5 * density)
        voxels = np.repeat(np.argwhere(counts), counts[counts > 0], axis=0)
        position = 4 * (voxels + rng.uniform(0, 0.99, voxels.shape))
        halos = Halos(position.astype(np.float32), np.full(len(voxels), 1e13, np.float32))
        known = {"density_scheme": "2lpt", "seed": seed}
        write_box(
            Box(4.0, 0.3, ABACUS_COSMOS["00"], density, halos, provenance=known),
            folder / f"{name}.h5",
        )
        np.savez(folder / "halos.npz", position=halos.position, mass=halos.mass)
        np.save(folder / "density.npy", density)
    params = {
        "box": {
            "train": [{"path": "input/train.h5"}],
            "validate_on": [{"path": "input/held_out.h5"}],
        },
        "painter": {"filters": 2, "blocks": 1, "kernel_sizes": [3, 1], "head_layers": 1},
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [2]},
        "training": {
            "seed": 3,
            "crop_size": 6,
            "batch_size": 2,
            "n_critic": 1,
            "steps": 8,
            "warm_start": {"steps": 12, "crop_size": 6, "batch_size": 2},
        },
        "run": {"name": "tiny", "checkpoint_every": 2, "log_every": 1, "validate_every": 4},
    }
    (folder / "params.json").write_text(json.dumps(params))
    os.chdir(folder.parent)
    checked = load_params(folder / "params.json")
    train(checked, folder / "whole")
    shutil.move(folder / "whole" / "best", folder / "model")

    if not half:
        return

    class Stop(Callback):
        def after_step(self, progress: Progress) -> None:
            if progress.step == 9:
                os.kill(os.getpid(), signal.SIGTERM)

    try:
        train(checked, folder / "half" / "run", [Stop()])
    except Interrupted:
        return
    raise AssertionError("the run was not stopped")


# ---------------------------------------------------------------- all of them


def harness(names: list[str], count: int, seed: int, share: bool = False) -> dict[str, Result]:
    """Inject `count` faults into each command; give how each fared.

    Those of `FAULTS` in turn; commands that `share` them take every other one by turns.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="faults") as place:
        root = Path(place)
        root.chmod(0o755)
        os.umask(0o022)
        make_inputs(root / "input", "resume" in names)
        for turn, name in enumerate(names):
            kinds = FAULTS[turn % 2 :: 2] if share else FAULTS
            chance = random.Random(f"{name} {seed}")
            trials = Trials(name, root, chance)
            for number in range(count):
                trials.trial(number, kinds[number % len(kinds)])
            found[name] = trials.result
            told = trials.result
            print(
                f"{name}: {count} faults, {len(told.failures)} failures, "
                f"{trials.moments} moments, {trials.duration:.1f} s a run, {told.seconds:.0f} s",
                file=sys.stderr,
                flush=True,
            )
            for failure in told.failures:
                print(failure, file=sys.stderr, flush=True)
    return found


def main() -> int:
    reader = argparse.ArgumentParser()
    reader.add_argument("--faults", type=int, default=36, help="into each command")
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    reader.add_argument("--share", action="store_true", help="every other kind to each by turns")
    wanted = reader.parse_args()
    found = harness(wanted.commands, wanted.faults, wanted.seed, wanted.share)
    print("| command |", " | ".join(FAULTS), "| failures |")
    print("|---" * (len(FAULTS) + 2) + "|")
    for name, told in found.items():
        cells = [f"{told.faults[fault]} ({told.struck[fault]})" for fault in FAULTS]
        print(f"| {name} |", " | ".join(cells), f"| {len(told.failures)} |")
    return 1 if any(told.failures for told in found.values()) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    for threads in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(threads, "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

    from halokeras.commands.app import main as main_of_halopaint
    from halokeras.commands.terminal import load_tensorflow

    load_tensorflow()
    import halokeras.evaluation.evaluate
    import halokeras.evaluation.summary
    import halokeras.painting.catalogues.halos
    import halokeras.painting.draws.counts
    import halokeras.simulation.simulate
    import halokeras.training.display
    import halokeras.training.run  # noqa: F401

    sys.exit(main())
