import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.pyplot import imread

from halokeras.boxes.box import halo_counts
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.evaluation.contenders import (
    DENSITY,
    DRAWS,
    FIELD,
    LOCAL_BIAS,
    WARM_START,
    Contenders,
)
from halokeras.evaluation.figures import new_figure
from halokeras.evaluation.report import compare, report
from halokeras.evaluation.report_figure import draw_report, drawable, report_figures
from halokeras.evaluation.table import report_table
from halokeras.fields.spectra import measure
from halokeras.painters.model_store import load_painter


def some_counts(seed=1, shape=(32, 32, 32)):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.3, 0.7, shape)).astype(np.float32)


@pytest.fixture
def of_the_truth(monkeypatch, tiny_box, drawing_model):
    """A report in which the painted field and the draws are the halos themselves."""
    honest = Contenders.fields

    def fields(self, box, counts, painted):
        return {**honest(self, box, counts, painted), FIELD: [counts], DRAWS: [counts]}

    monkeypatch.setattr(Contenders, "fields", fields)
    mirrored = replace(
        tiny_box,
        density=tiny_box.density[::-1].copy(),
        halos=replace(
            tiny_box.halos, position=(63.99, 0, 0) + tiny_box.halos.position * (-1, 1, 1)
        ),
    )
    return report({"one": tiny_box, "two": mirrored}, load_painter(drawing_model), {}, draws=2)


def test_the_halos_themselves_compare_as_equal():
    counts = some_counts()
    found = compare(counts, counts, 4.0)
    for name in ("transfer_function", "cross_correlation", "histogram", "cell_variance"):
        np.testing.assert_allclose(getattr(found, name), 1)
    np.testing.assert_allclose(found.equilateral, 1)
    np.testing.assert_array_equal(found.reduced_bispectrum, found.reference_bispectrum)
    assert found.mean == found.void_fraction == 1


def test_what_differs_is_told_by_what_measures_it():
    counts = some_counts()
    found = compare(np.where(counts == 2, 3, counts), counts, 4.0)
    assert found.mean > 1.02
    assert found.void_fraction == 1
    assert found.histogram[2] == 0
    assert found.histogram[3] > 1.5
    np.testing.assert_allclose(found.histogram[[0, 1, 4, 5]], 1)


def test_the_truth_meets_every_target(of_the_truth):
    assert of_the_truth.passed
    assert {name for line in of_the_truth.lines for name in line.passed} == {FIELD, DRAWS}
    assert set(of_the_truth.comparisons) == {FIELD, DRAWS, WARM_START, LOCAL_BIAS, DENSITY}
    for line in of_the_truth.lines:
        if "r over" not in line.statistic:
            assert line.worst[FIELD] == pytest.approx(0, abs=1e-9)


def test_a_painter_that_knows_nothing_misses_targets(tiny_box, drawing_model):
    found = report({"one": tiny_box}, load_painter(drawing_model), {}, draws=2)
    assert not found.passed
    misses = {line.statistic for line in found.lines if not line.passed.get(FIELD, True)}
    assert {"T, k <= 0.4", "variance in cells"} <= misses


def test_another_cosmology_has_its_own_targets(tiny_box, drawing_model):
    other = replace(tiny_box, cosmology=ABACUS_COSMOS["03"])
    found = report({"one": other}, load_painter(drawing_model), {}, draws=1)
    assert [line.target for line in found.lines] == ["within 5 %", "within 5 %"]


def test_errors_are_those_of_the_mean_over_realisations(of_the_truth):
    density = of_the_truth.comparisons[DENSITY]
    values = np.array([one.transfer_function for one in density])
    line = next(line for line in of_the_truth.lines if line.statistic == "T, k <= 0.4")
    spread = values.std(axis=0, ddof=1) / np.sqrt(2)
    assert line.error[DENSITY] in spread


def test_a_painter_of_another_name_stands_beside_it(tiny_box, tiny_model):
    saved = load_painter(tiny_model)
    found = report({"one": tiny_box}, saved, {"twin": saved}, draws=1)
    np.testing.assert_array_equal(
        found.comparisons["twin"][0].transfer_function,
        found.comparisons[FIELD][0].transfer_function,
    )
    assert DRAWS not in found.comparisons


def test_json_has_no_nan(of_the_truth):
    told = json.dumps(of_the_truth.to_json(), allow_nan=False)
    assert json.loads(told)["boxes"] == ["one", "two"]


def test_the_table_names_every_contender_and_target(of_the_truth, capsys):
    from rich.console import Console

    Console(width=240).print(report_table(of_the_truth))
    shown = capsys.readouterr().out
    for text in (FIELD, DRAWS, LOCAL_BIAS, DENSITY, "mean counts", "empty voxels", "0.50 pi"):
        assert text in shown
    assert "missed" not in shown


def test_the_figure_is_a_picture_of_something(of_the_truth, tmp_path):
    draw_report(of_the_truth, tmp_path / "new" / "report.png")
    picture = imread(tmp_path / "new" / "report.png")
    assert picture.shape[0] > 700
    assert picture.std() > 0.05


@pytest.mark.parametrize(
    ("name", "drawn"),
    [("a$b$c", r"a\$b\$c"), ("_x", " _x"), ("gen", "gen"), ("halo\u0000\U0001f52d", "halo??")],
)
def test_any_name_can_be_drawn(name, drawn):
    assert drawable(name) == drawn
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.plot([1, 2], label=drawable(name))
    axes.legend()
    figure.canvas.draw()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [drawn]


def test_what_was_painted_before_is_not_painted_again(tiny_box, drawing_model):
    saved = load_painter(drawing_model)
    before = np.full(tiny_box.shape, 0.5, np.float32)
    before[0] = 1.5
    found = report({"one": tiny_box}, saved, {}, 1, {"one": before}).comparisons[FIELD][0]
    counts = halo_counts(tiny_box, 2e12)
    assert found.mean == pytest.approx(before.sum() / counts.sum())


def test_halos_have_their_own_power_and_shot_noise(of_the_truth, tiny_box):
    counts = halo_counts(tiny_box, 2e12)
    spectra = measure(counts, counts, 4.0)
    one = of_the_truth.comparisons[FIELD][0]
    np.testing.assert_array_equal(one.reference_power, spectra.second)
    np.testing.assert_array_equal(of_the_truth.k, spectra.k)
    assert of_the_truth.k_upper[-1] == pytest.approx(np.pi / 4)
    assert of_the_truth.shot_noise == pytest.approx(64 / counts.mean())
    assert one.reference_histogram[0] == np.sum(counts == 0)


@pytest.mark.parametrize(("box_id", "told"), [("00", "within 2 %"), ("03", "within 5 %")])
def test_figures_show_the_target_that_is_asked(tiny_box, drawing_model, box_id, told):
    box = replace(tiny_box, cosmology=ABACUS_COSMOS[box_id])
    found = report({"one": box}, load_painter(drawing_model), {}, draws=1)
    (axes,) = report_figures(found)["transfer"].axes
    assert f"target, {told}" in [text.get_text() for text in axes.get_legend().get_texts()]
    (line,) = (line for line in found.lines if line.statistic == "T, k <= 0.4")
    assert told == f"within {100 * line.threshold:g} %"
