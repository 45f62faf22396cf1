from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box_file import write_box


@pytest.fixture
def box_file(tiny_box, tmp_path):
    path = tmp_path / "input" / "tiny_box.h5"
    write_box(tiny_box, path)
    return path


@pytest.fixture
def unseen_box(tiny_box, tmp_path):
    """A box that the tiny painter was not trained on: the same fields, seen in a mirror."""
    position = tiny_box.halos.position[:, ::-1]
    write_box(
        replace(
            tiny_box,
            density=np.ascontiguousarray(tiny_box.density.T),
            halos=replace(tiny_box.halos, position=np.ascontiguousarray(position)),
        ),
        tmp_path / "unseen.h5",
    )
    return tmp_path / "unseen.h5"
