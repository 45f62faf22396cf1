from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import SubFigure
from matplotlib.image import imread

from halokeras.boxes.box_file import write_box
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.evaluation.contenders import Contenders
from halokeras.evaluation.curves import (
    NUMBERS,
    _bars,
    drawable,
    scorecard_figure,
    shade_beyond_nyquist,
    statistic_figures,
)
from halokeras.evaluation.names import (
    DENSITY,
    HALOS,
    LOCAL_BIAS_DRAWS,
    WARM_START,
    WARM_START_DRAWS,
)
from halokeras.evaluation.scorecard import score
from halokeras.evaluation.slices import (
    counts_panel,
    density_title,
    difference_panel,
    slab_panels,
    slices_figure,
)
from halokeras.evaluation.summary import painted_figure
from halokeras.fields.slab import project
from halokeras.painters.model_store import load_painter
from halokeras.painting.expected.paint import paint
from halokeras.painting.inputs.density import open_box_density
from halokeras.painting.request import NamedPainter
from halokeras.statistics import STATISTICS
from halokeras.statistics.statistic import DRAWS, FIELD
from halokeras.storage.figure_file import new_figure, save_figure


@pytest.fixture(scope="module")
def card(two_boxes, tiny_models):
    saved = load_painter(tiny_models / "drawing")
    twin = {"$twin_": saved}
    return score(two_boxes, Contenders(saved, twin, 1))


def named(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_every_statistic_with_a_drawing_is_drawn_and_the_others_share_one(card):
    figures = statistic_figures(card)
    drawn = [one.name for one in STATISTICS if one.drawing is not None]
    assert list(figures) == [*drawn, NUMBERS]
    numbers = figures[NUMBERS].axes[0]
    told = [label.get_text() for label in numbers.get_xticklabels()]
    assert told == [one.symbol for one in STATISTICS if one.axis is None]
    whole = scorecard_figure(card)
    assert len([part for part in whole.get_children() if isinstance(part, SubFigure)]) >= len(
        figures
    )


def test_every_curve_has_its_errors(card):
    for name, figure in statistic_figures(card).items():
        for axes in figure.axes:
            assert axes.containers, name
            for curve in axes.containers:
                assert curve.has_yerr, (name, curve.get_label())


def test_q_has_its_residual_and_the_histogram_its_draws(card):
    figures = statistic_figures(card)
    for name in ("reduced_bispectrum", "histogram"):
        main, residual = figures[name].axes
        assert HALOS in named(main)
        assert residual.get_ylabel() == "over halos"
    shown = set(named(figures["histogram"].axes[0]))
    assert {HALOS, DRAWS, WARM_START_DRAWS, LOCAL_BIAS_DRAWS} == shown
    assert {FIELD, DRAWS, WARM_START} <= set(named(figures["cross_correlation"].axes[0]))


def test_every_target_has_its_band(card, two_boxes, drawing_model):
    figures = statistic_figures(card)
    told = [text for text in named(figures["transfer_function"].axes[0]) if "target" in text]
    assert told == ["target: within 2 %", "target: within 5 %"]
    told = [text for text in named(figures["cross_correlation"].axes[0]) if "target" in text]
    assert told == ["target: above 0", "target: above 0.03"]
    residual = figures["reduced_bispectrum"].axes[1]
    assert residual.collections[-1].get_paths()[0].get_extents().y1 == pytest.approx(1.1)
    others = {name: replace(box, cosmology=ABACUS_COSMOS["03"]) for name, box in two_boxes.items()}
    saved = load_painter(drawing_model)
    found = score(others, Contenders(saved, {}, 1))
    told = named(statistic_figures(found)["transfer_function"].axes[0])
    assert "target: within 4 %" in told and "target: within 2 %" not in told


def test_wavenumbers_beyond_nyquist_are_shaded():
    axes = new_figure(4, 3).subplots()
    axes.plot([0.1, 0.7], [1, 2])
    shade_beyond_nyquist(axes, 4.0, name=True)
    (shade,) = (patch for patch in axes.patches if patch.get_width() > 0)
    assert shade.get_x() == pytest.approx(np.pi / 4)
    assert shade.get_x() + shade.get_width() == pytest.approx(axes.get_xlim()[1])
    assert [text.get_text() for text in axes.texts] == ["Nyquist"]


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
    assert named(axes) == [drawn]


def some_slab(shape=(16, 16, 16)):
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.5, shape).astype(np.float32)
    return project({DENSITY: rng.lognormal(size=shape), HALOS: counts, FIELD: 0.5 * counts}, 4.0)


@pytest.mark.parametrize("shape", [(16, 16, 16), (12, 32, 3), (32, 12, 20)])
def test_slices_are_whole_pictures(shape, tmp_path):
    slab = some_slab(shape)
    panels = [*slab_panels(slab), difference_panel(slab, FIELD, "less")]
    save_figure(slices_figure(panels, slab, "painter x"), tmp_path / "slices.png")
    picture = imread(tmp_path / "slices.png")
    assert min(picture.shape[:2]) > 200
    assert picture.std() > 0.05


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_the_lowest_panel_of_every_column_has_its_scale(number):
    slab = some_slab()
    figure = slices_figure(slab_panels(slab)[:1] * number, slab)
    figure.canvas.draw()
    across = 2 if number in (2, 4) else 3
    for place, axes in enumerate(axes for axes in figure.axes if axes.images):
        lowest = place + across >= number
        assert bool(axes.get_xlabel()) == lowest
        assert (
            any(label.get_visible() and label.get_text() for label in axes.get_xticklabels())
            == lowest
        )
        assert bool(axes.get_ylabel()) == (place % across == 0)


def test_errors_as_large_as_their_values_do_not_stretch_a_logarithmic_axis(card):
    for name in ("power", "histogram"):
        axes = statistic_figures(card)[name].axes[0]
        axes.figure.canvas.draw()
        drawn = np.concatenate([drawn.lines[0].get_ydata() for drawn in axes.containers])
        assert axes.get_ylim()[0] == pytest.approx(0.5 * drawn[drawn > 0].min())


def test_a_statistic_that_is_nowhere_above_zero_is_drawn(card):
    """As the correlation function of a few halos."""
    nothing = {
        name: [
            {**box, "power": replace(box["power"], value=-np.abs(box["power"].value))}
            for box in boxes
        ]
        for name, boxes in card.comparisons.items()
    }
    figures = statistic_figures(replace(card, comparisons=nothing))
    figures["power"].canvas.draw()


def test_a_field_and_draws_of_one_colour_are_told_apart(card):
    (axes,) = statistic_figures(card)[NUMBERS].axes
    filled = {drawn.get_label(): drawn.lines[0].get_markerfacecolor() for drawn in axes.containers}
    assert filled[WARM_START_DRAWS] == filled[LOCAL_BIAS_DRAWS] == "white" != filled[WARM_START]


def test_colour_bars_are_as_tall_as_their_panels():
    slab = some_slab()
    figure = slices_figure(slab_panels(slab), slab)
    figure.canvas.draw()
    images = [axes for axes in figure.axes if axes.images]
    assert len(images) == 3
    for axes in images:
        (bar,) = axes.child_axes
        inside, whole = bar.get_window_extent(), axes.get_window_extent()
        assert inside.y0 == pytest.approx(whole.y0)
        # the triangle for what is beyond the scale is the rest
        assert 0.95 * whole.height < inside.height <= 1.001 * whole.height


def test_an_endless_error_has_no_bar():
    np.testing.assert_array_equal(_bars(np.array([0.5, np.inf, np.nan])), [0.5, 0, 0])


@pytest.mark.parametrize("width", [0.2, 1.0])
def test_a_colour_bar_has_labels_that_do_not_lie_on_each_other(width):
    density = np.exp(width * np.random.default_rng(1).normal(size=(16, 16, 16)))
    slab = project({DENSITY: density, FIELD: density}, 4.0)
    figure = slices_figure(slab_panels(slab), slab)
    figure.canvas.draw()
    (bar,) = next(axes for axes in figure.axes if axes.images).child_axes
    low, high = bar.get_ylim()
    shown = [
        label.get_window_extent()
        for place, label in zip(bar.get_yticks(), bar.get_yticklabels(), strict=True)
        if low <= place <= high and label.get_text()
    ]
    assert len(shown) >= 2
    assert not any(one.overlaps(other) for one, other in pairwise(shown))
    name = bar.yaxis.label.get_window_extent()
    assert not any(name.overlaps(one) for one in shown)


def test_a_density_of_which_no_scheme_is_told_is_called_no_2lpt():
    assert density_title("2lpt") == "2LPT density"
    assert density_title("unknown") == density_title(None) == "density"


def test_empty_counts_and_an_even_density_can_be_drawn(tmp_path):
    slab = project({DENSITY: np.ones((8, 8, 8)), FIELD: np.zeros((8, 8, 8))}, 4.0)
    save_figure(slices_figure(slab_panels(slab), slab), tmp_path / "empty.png")
    assert imread(tmp_path / "empty.png").std() > 0.05


def test_counts_share_the_colours_of_the_halos():
    slab = some_slab()
    halos, painted = slab_panels(slab)[1:]
    assert halos.colours == painted.colours
    assert counts_panel(slab, FIELD, "", slab.columns[FIELD]).colours != painted.colours


@pytest.mark.parametrize("has_halos", [True, False])
def test_a_painted_picture_shows_the_halos_where_there_are_any(
    tiny_box, tiny_model, tmp_path, monkeypatch, has_halos
):
    drawn = []
    monkeypatch.setattr(
        "halokeras.evaluation.summary.slices_figure",
        lambda *words: drawn.append(words) or slices_figure(*words),
    )
    box = tmp_path / "box.h5"
    write_box(tiny_box if has_halos else replace(tiny_box, halos=None), box)
    painter = NamedPainter(load_painter(tiny_model), tiny_model)
    with open_box_density(box) as given:
        counts = paint(painter.saved.painter, given.grid)
        save_figure(painted_figure(given, counts, box, painter, drawn=False), tmp_path / "p.png")
    ((panels, _, title),) = drawn
    halos = ["halos of the simulation"] if has_halos else []
    assert [panel.title for panel in panels] == ["2LPT density", *halos, "painted field"]
    assert title == "painter tiny, box 00, seed 7, z = 0.3, halos of 2 × 10¹² Msun/h and more"
    assert imread(tmp_path / "p.png").std() > 0.05
