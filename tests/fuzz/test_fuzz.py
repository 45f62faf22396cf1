"""The fuzzer finds faults, and none in the readers; docs/fuzzing.md tells of more inputs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).with_name("fuzz.py")
# Of those that import TensorFlow a few are enough here: it takes as long as a thousand others.
QUICK = (
    "params,cosmology,run_folder,box_hdf5,density,initial_modes,abacus_parameters,abacus_rockstar,"
    "abacus_fof,zeldovich,abacus_summit,tables,tables_of_libraries,particles,density_grid,"
    "count_pairs,box_zarr,density_zarr"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits and peaks are Linux's"),
]


def fuzz(*arguments):
    root = str(FUZZER.parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, str(FUZZER), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_no_reader_fails_on_damaged_files():
    done = fuzz("--targets", QUICK, "--inputs", "4000")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_saved_painter_or_task_fails():
    done = fuzz("--targets", "painter,task_config", "--inputs", "150")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_reader_with_a_fault_is_found():
    kinds = {
        "crash": "crash: SIGABRT",
        "hang": "hang: SIGPROF",
        "allocation": "memory: ",
        "exception": "exception: ValueError",
    }
    done = fuzz("--targets", ",".join(f"canary_{name}" for name in kinds), "--inputs", "5")
    assert done.returncode == 1
    for name, kind in kinds.items():
        told = done.stdout.partition(f"canary_{name} ")[2].partition("canary_")[0]
        assert kind in told


def test_an_input_can_be_made_again(tmp_path):
    made = []
    for number in range(2):
        kept = tmp_path / f"{number}"
        kept.mkdir()
        fuzz("--replay", "params:29", "--keep", str(kept))
        made.append({p.relative_to(kept): p.read_bytes() for p in kept.rglob("*.json")})
    assert made[0] == made[1] != {}
