import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.cosmology.cosmology import box_cosmology
from halokeras.errors import BoxError, HalopaintError, OutputError
from halokeras.listener import Listener
from halokeras.painting.inputs import open_box_density
from halokeras.simulation import out_of_core as module
from halokeras.simulation import slab_plan, slabs
from halokeras.simulation.density import LptBox, make_density, make_fields
from halokeras.simulation.files import make_density_file
from halokeras.simulation.out_of_core import by_slabs, expected, slabs_folder, write_by_slabs

BOX = LptBox(box_cosmology("00"), 7, (16, 16, 16), box_id="00")


@pytest.fixture(params=[(1, 16), (3, 5), (5, 2)], ids=["whole", "few", "thin"])
def cut(request, monkeypatch):
    """As few slabs as there can be, or more, of other thickness than divides the box."""
    number, thick = request.param
    monkeypatch.setattr(slab_plan, "_SLABS", number)
    monkeypatch.setattr(slab_plan, "_THICK", thick)
    monkeypatch.setattr(slab_plan, "BUDGET", 0 if thick < 16 else 2**31)
    monkeypatch.setattr(slab_plan, "cuts_of", module.cuts_of)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(slab_plan, "_SLABS", 2)
    monkeypatch.setattr(slab_plan, "_THICK", 8)


def made(box, path, told=Listener(), scheduler=None):  # noqa: B008  (it is frozen)
    write_by_slabs(box, path, 1, told, scheduler)
    return read_box(path).density


def stopping_after(number, monkeypatch):
    """Let a run be killed in the midst of a task, before its file is whole."""
    done = []
    save = slabs.np.save

    def kill(file, array):
        if len(done) == number:
            file.write(b"a part")
            raise KeyboardInterrupt
        done.append(file)
        save(file, array)

    monkeypatch.setattr(slabs.np, "save", kill)
    return done
