import re

import pytest
from matplotlib.image import imread

from halokeras.errors import OutputError
from halokeras.storage.figure_file import new_figure, save_figure


def some_figure():
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.plot([0, 1], [1, 2], label="r(k)")
    axes.legend()
    return figure


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_bytes(suffix, tmp_path):
    paths = [tmp_path / name / f"a.{suffix}" for name in "ab"]
    for path in paths:
        save_figure(some_figure(), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert paths[0].read_bytes().startswith(starts[suffix])


def test_a_picture_shows_something(tmp_path):
    save_figure(some_figure(), tmp_path / "a.png")
    assert imread(tmp_path / "a.png").std() > 0.05


def test_fonts_of_a_pdf_are_those_that_journals_take(tmp_path):
    save_figure(some_figure(), tmp_path / "a.pdf")
    kinds = set(re.findall(rb"/Subtype /(Type3|Type0|TrueType)", (tmp_path / "a.pdf").read_bytes()))
    assert kinds and b"Type3" not in kinds


@pytest.mark.parametrize("name", ["a.jpg", "a"])
def test_another_format_is_refused(name, tmp_path):
    with pytest.raises(OutputError, match=r"figures end in \.png, \.svg or \.pdf"):
        save_figure(some_figure(), tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save_figure(some_figure(), tmp_path / "file" / "a.png")
