import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from halokeras.commands.app import COMMANDS, app
from halokeras.resources import shipped
from tests.commands.outcomes import fails


def test_help_answers_at_once_and_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from halokeras.commands.app import app\n"
        "from typer.testing import CliRunner\n"
        "result = CliRunner().invoke(app, ['--help'])\n"
        "assert result.exit_code == 0 and 'paint' in result.output\n"
        "heavy = {'tensorflow', 'keras', 'numba', 'numpy', 'h5py', 'matplotlib', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    start = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    assert time.perf_counter() - start < 5  # half a second on an idle machine


@pytest.mark.parametrize("command", ["simulate", "lpt", "train", "resume", "paint", "evaluate"])
def test_every_command_has_help(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_version(run):
    assert re.fullmatch(r"halopaint \S+\n", run("--version").stdout)


@pytest.mark.parametrize(
    "words",
    [
        ["pain"],
        ["paint", "--nonsense"],
        ["paint", "--box", "00", "--density", "d.npy"],
        ["paint", "--voxel-size", "4"],
        ["paint", "--output", "painted.png"],
        ["paint", "--catalogue"],
        ["paint", "--draw", "--catalogue-format", "fits"],
        ["paint", "--draw", "--catalogue", "--catalogue-format", "csv"],
        ["paint", "--draw", "--sub-density", "fine.npy"],
        ["paint", "--draw", "--catalogue", "--sub-dataset", "fine"],
        ["paint", "--voxels", "16x16"],
        ["paint", "--voxels", "0"],
        ["paint", "--voxels", "16", "--density", "d.npy"],
        ["paint", "--voxels", "16", "--voxel-size", "0"],
        ["paint", "--voxels", "16", "--voxel-size", "-1"],
        ["paint", "--density", "d.npy", "--redshift", "0.3", "--voxel-size", "nan"],
        ["paint", "--redshift", "0.3"],
        ["paint", "--density", "d.npy", "--redshift", "0.3"],
        ["paint", "--density", "d.npy", "--voxel-size", "4"],
        ["paint", "--contrast", "delta"],
        ["paint", "--voxels", "16", "--realizations", "2"],
        ["lpt"],
        ["lpt", "--voxels", "16"],
        ["lpt", "--voxels", "16", "--output", "d.npy"],
        ["lpt", "--voxels", "16", "--output", "d.h5", "--size", "0"],
        ["lpt", "--voxels", "16", "--output", "d.h5", "--box", "00", "--cosmology", "c.json"],
        ["train"],
        ["simulate"],
        ["simulate", "--box", "00", "--params", "p.json"],
        ["simulate", "--box", "00", "--particles", "0"],
        ["simulate", "--box", "00", "--size", "0"],
        ["simulate", "--box", "00", "--voxel-size", "nan"],
        ["simulate", "--box", "00", "--cosmology", "c.json"],
        ["simulate", "--box", "00", "--suite", "s.json"],
        ["simulate", "--box", "00", "--processes", "2"],
        ["simulate", "--suite", "s.json", "--redshift", "1"],
        ["simulate", "--suite", "s.json", "--overwrite"],
        ["simulate", "--suite", "s.json", "--processes", "2", "--scheduler", "local"],
        ["evaluate", "--box", "00", "--suite", "boxes/s"],
        ["evaluate", "--suite", "boxes/s", "--painted", "p.h5"],
        ["evaluate"],
    ],
)
def test_wrong_usage_exits_2_and_writes_nothing(run, tmp_path, words):
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "told"),
    [("{", "not valid JSON"), ('{"trainin": {}}', "trainin"), ('{"run": {}, "run": {}}', "run")],
)
@pytest.mark.parametrize("command", ["train", "simulate"])
def test_bad_params_are_one_line(run, tmp_path, command, content, told):
    (tmp_path / "params.json").write_text(content)
    fails(run(command, "--params", "params.json"), "params.json", told)


def test_missing_params_are_named(run):
    fails(run("train", "--params", "nowhere.json"), "nowhere.json")


def test_nothing_to_resume(run, tmp_path):
    fails(run("resume"))
    fails(run("resume", "--run", "runs/none"), "runs/none")


@pytest.mark.parametrize("example", [line for lines in COMMANDS.values() for line in lines])
def test_every_example_of_the_help_is_a_command_with_options_that_exist(example):
    _, name, *words = example.split()
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert example in shown.output
    for word in words:
        if word.startswith("--"):
            assert re.search(rf"{word}\b", shown.output.split("Examples:")[0])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "--params", "params/quik.json"], "did you mean quick.json?"),
        (["paint", "--model", "saved_models/gne"], "did you mean gen?"),
        (["paint", "--box", "0"], "did you mean 00?"),
        (["paint", "--box", "7"], "00, 01, 02, 03, 04"),
    ],
)
def test_a_name_that_is_nearly_right_is_suggested(run, words, told):
    fails(run(*words), told)


def test_json_names_what_was_written_and_quiet_says_nothing_else(run, tmp_path):
    result = run("lpt", "--voxels", "8", "--output", "a.h5", "--json", "--quiet")
    assert json.loads(result.stdout) == {"wrote": ["a.h5"], "found": []}
    assert result.stderr == ""
    loud = run("lpt", "--voxels", "8", "--output", "b.h5")
    assert loud.stdout == "wrote b.h5\n"
    assert loud.stderr.startswith("Making: b.h5")
    other = ("lpt", "--voxels", "8", "--seed", "2", "--output", "a.h5")
    assert "Traceback" not in run(*other).stderr
    assert "Traceback" in run(*other, "-v").stderr
    assert run("-q", "lpt", "-v", "--voxels", "8", "--output", "c.h5").exit_code == 2


def test_output_that_is_no_terminal_or_asked_to_be_plain_has_no_escape_codes(run, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[3" not in run("lpt", "--voxels", "8", "--output", "a.h5").stderr
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.delenv("FORCE_COLOR")
    result = run("lpt", "--voxels", "8", "--output", "a.h5")
    assert "\x1b" not in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_commands(shell):
    script = subprocess.run(
        [sys.executable, "-m", "halokeras", "--show-completion", shell],
        capture_output=True,
        text=True,
        check=True,
        cwd=shipped("params").parent,
        # a test need not be run from a shell, which Typer looks for otherwise
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )
    assert "_COMPLETE" in script.stdout


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["evaluate", "--box", "no.h5"], marks=pytest.mark.slow),
        ["paint", "--model", "no"],
        ["train", "--params", "no.json"],
    ],
)
def test_stderr_holds_what_we_say_and_nothing_of_the_libraries(words):
    found = subprocess.run(
        [sys.executable, "-m", "halokeras", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=shipped("params").parent,
    )
    assert found.returncode == 1
    assert found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert line.startswith("Error: ")


@pytest.mark.slow
def test_workers_of_this_machine_say_nothing_of_the_libraries_either(tiny_model, tmp_path):
    pytest.importorskip("distributed")
    words = ["--voxels", "32", "--model", tiny_model, "--scheduler", "local", "--no-figure"]
    with socket.socket() as taken:
        with suppress(OSError):  # of another scheduler, as here
            taken.bind(("", 8787))
            taken.listen()
        found = subprocess.run(
            [sys.executable, "-m", "halokeras", "paint", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
    ours = ("Making: ", "Warning: percentile ", "Warning: its power ")
    assert all(line.startswith(ours) for line in found.stderr.splitlines()), found.stderr
