from pathlib import Path

from halokeras.painters.folders import painter_folder, painter_name
from halokeras.resources import shipped


def test_a_painter_is_found_by_its_folder_its_run_and_the_name_it_ships_by(tiny_model, tmp_path):
    run = tmp_path / "runs" / "quick"
    run.mkdir(parents=True)
    tiny_model.rename(run / "best")
    assert painter_folder(run) == painter_folder(run / "best") == run / "best"
    assert painter_folder(Path("gen")) == shipped("saved_models") / "gen"
    for none in ("nowhere", "runs/gen", "../saved_models/gen", "gen/gen"):
        assert painter_folder(Path(none)) == Path(none)


def test_a_run_gives_its_painter_its_name():
    assert painter_name(Path("runs/quick")) == painter_name(Path("runs/quick/best")) == "quick"
    assert painter_name(Path("saved_models/gen")) == "gen"


def test_paint_takes_a_run_and_calls_the_painter_by_its_name(run, tiny_model, tiny_box, tmp_path):
    from halokeras.boxes.box_file import read_box, write_box

    trained = tmp_path / "runs" / "quick"
    trained.mkdir(parents=True)
    tiny_model.rename(trained / "best")
    write_box(tiny_box, tmp_path / "box.h5")
    for number, model in enumerate((trained, trained / "best")):
        words = ["--box", "box.h5", "--model", model, "--output", f"{number}.h5", "--no-figure"]
        result = run("paint", *words, "--force")
        assert result.exit_code == 0, result.stderr
        assert "quick" in read_box(tmp_path / f"{number}.h5").provenance.values()
