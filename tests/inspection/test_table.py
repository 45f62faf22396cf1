from dataclasses import replace

import numpy as np
from rich.console import Console

from halokeras.boxes.box_file import write_box
from halokeras.fields.slab import Slab
from halokeras.inspection.facts import Fact, Inspection, Section
from halokeras.inspection.inspect import inspect
from halokeras.inspection.table import inspection_table


def shown(found, coloured=False, width=80):
    console = Console(
        width=width, force_terminal=coloured, color_system="truecolor" if coloured else None
    )
    with console.capture() as captured:
        console.print(inspection_table(found, coloured))
    return captured.get()


def test_a_box_is_shown_with_units_in_a_narrow_terminal(tiny_box, tmp_path):
    write_box(tiny_box, tmp_path / "box.h5")
    lines = shown(inspect(tmp_path / "box.h5")).splitlines()
    assert lines[0] == "box, 16 x 16 x 16 voxels of 4 Mpc/h at redshift 0.3"
    assert max(map(len, lines)) <= 80
    told = {" ".join(line.split()) for line in lines}
    for line in ("box size 64 x 64 x 64 Mpc/h", "H0 67.26 km/s/Mpc", "omega_m 0.314153"):
        assert line in told
    assert any(line.startswith("mass min") and line.endswith("Msun/h") for line in told)


def test_a_terminal_is_not_obeyed_to_a_hostile_file(tiny_box, tmp_path):
    told = {"box_id": "\x1b[2J[red]gone", "preparation": "one\ntwo\x1b]0;x\x07 [bold]b"}
    write_box(replace(tiny_box, provenance=told), tmp_path / "box.h5")
    text = shown(inspect(tmp_path / "box.h5"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert r"\x1b[2J[red]gone" in text
    assert "one\ntwo\\x1b]0;x\\x07 [bold]b" in text


def pictured(image):
    slab = Slab(4.0, 0, 1, {"halos": image})
    found = Inspection("box", "", "a box", [], slab=slab)
    return shown(found).splitlines()[3:]


def test_x_goes_to_the_right_and_y_up():
    image = np.zeros((8, 6))
    image[7, :2] = 1  # at the right, at the bottom
    picture = [line.rstrip().ljust(8) for line in pictured(image)][:3]
    assert picture == [" " * 8, " " * 8, " " * 7 + "@"]


def test_a_large_picture_is_averaged():
    image = np.zeros((100, 100))
    image[:50] = 4
    lines = [line.rstrip() for line in pictured(image)[:13]]
    assert lines == 13 * ["@" * 12 + "+"]  # columns of four voxels, the middle one half full


def test_colours_show_two_rows_of_pixels_a_line():
    slab = Slab(4.0, 0, 1, {"halos": np.array([[0.0, 1.0], [0.0, 1.0]])})
    text = shown(Inspection("box", "", "a box", [], slab=slab), coloured=True)
    assert text.count("▀") == 2
    assert "38;2;252;253;191;48;2;0;0;4m▀" in text  # y = 1 above, bright; y = 0 below, dark


def test_empty_and_even_fields_have_a_picture():
    for image in (np.zeros((4, 4)), np.full((4, 4), np.nan), np.ones((1, 1))):
        assert pictured(image)


def test_a_fact_of_no_text_is_left_to_json():
    facts = [Fact("kept", 1), Fact("long", {"a": [1.0, float("inf")]}, text="")]
    found = Inspection("box", "", "a box", [Section("some facts", facts)])
    assert "long" not in shown(found)
    assert found.to_json()["some_facts"] == {"kept": 1, "long": {"a": [1.0, None]}}
