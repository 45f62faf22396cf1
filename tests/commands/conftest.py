import pytest

from halokeras.boxes.box_file import write_box


@pytest.fixture
def box_file(tiny_box, tmp_path):
    path = tmp_path / "input" / "tiny_box.h5"
    write_box(tiny_box, path)
    return path
