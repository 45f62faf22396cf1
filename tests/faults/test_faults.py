"""A few faults into every command that writes; `harness.py` injects as many as one asks for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("harness.py")
TIMES = int(os.environ.get("HALOPAINT_FAULTS", "1"))
"""How often each kind of fault strikes."""

BOXES = "simulate,lpt,prepare,paint,paint to Zarr,paint --draw --catalogue,evaluate"
# These take long, and are one function once the folder of the run is there: each kind of fault
# strikes one of them, `train` those that can spoil a folder which is not there yet.
RUNS = "resume,train"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("commands", "faults"),
    [(BOXES, ["--faults", str(6 * TIMES)]), (RUNS, ["--share", "--faults", str(3 * TIMES)])],
    ids=["boxes", "runs"],
)
def test_outputs_are_the_old_or_the_new_ones_whole_whatever_happens(commands, faults):
    words = [sys.executable, HARNESS, *faults, "--commands", *commands.split(",")]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("| 0 |") == commands.count(",") + 1
