"""A few faults into every command that writes; `harness.py` injects as many as one asks for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("harness.py")
FAULTS = os.environ.get("HALOPAINT_FAULTS", "6")
"""Into each command; six are one of each kind."""

SLOWEST = ("train", "resume", "evaluate")
QUICK = ("simulate", "lpt", "prepare", "paint", "paint to Zarr", "paint --draw --catalogue")


@pytest.mark.slow
@pytest.mark.parametrize("commands", [QUICK, SLOWEST], ids=["boxes", "runs"])
def test_outputs_are_the_old_or_the_new_ones_whole_whatever_happens(commands):
    words = [sys.executable, HARNESS, "--faults", FAULTS, "--commands", *commands]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("| 0 |") == len(commands)
