from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from scipy.ndimage import gaussian_filter

from halokeras.boxes.box import Box
from halokeras.errors import OutputError
from halokeras.evaluation.figures import (
    FigureFormat,
    new_figure,
    painted_slices,
    scorecard_figures,
    shade_beyond_nyquist,
)
from halokeras.evaluation.scorecard import score
from halokeras.fields.slab import project

VOXEL = 4.0
NAMES = ("slices", "spectra", "histogram")


def slab_of(density, counts):
    return project({"density": density, "painted": counts}, VOXEL)


def fields(shape):
    smooth = gaussian_filter(np.random.default_rng(1).normal(size=shape), 1.2, mode="wrap")
    density = np.exp(smooth / smooth.std())
    density = (density / density.mean()).astype(np.float32)
    return density, np.random.default_rng(2).poisson(0.5 * density).astype(np.float32)


def draw(shape, folder, format=FigureFormat.PNG):
    density, counts = fields(shape)
    painted = 0.5 * density
    box = Box(voxel_size=VOXEL, redshift=0.3, cosmology=None, density=density, counts=counts)
    card = score(box, replace(box, density=None, counts=painted))
    return scorecard_figures(density, counts, painted, card, VOXEL, folder, format)


@pytest.mark.parametrize("shape", [(16, 16, 16), (12, 32, 3), (32, 12, 20)])
def test_every_figure_is_a_whole_picture(shape, tmp_path):
    folder = tmp_path / "not" / "there"
    written = draw(shape, folder)
    assert [path.name for path in written] == ["slices.png", "spectra.png", "histogram.png"]
    assert sorted(folder.iterdir()) == sorted(written)
    for path in written:
        picture = imread(path)
        assert min(picture.shape[:2]) > 200
        assert picture.std() > 0.05


def test_the_same_fields_draw_the_same_picture(tmp_path):
    first, second = (draw((16, 16, 16), tmp_path / name) for name in "ab")
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(imread(one), imread(other))


@pytest.mark.parametrize(("format", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_vector_figures_are_of_their_format_and_the_same_each_time(format, start, tmp_path):
    first, second = (draw((8, 8, 8), tmp_path / name, FigureFormat(format)) for name in "ab")
    assert [path.name for path in first] == [f"{n}.{format}" for n in NAMES]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes().startswith(start)
        assert one.read_bytes() == other.read_bytes()


def test_wavenumbers_beyond_nyquist_are_shaded():
    axes = new_figure(4, 3).subplots()
    axes.plot([0.1, 0.7], [1, 2])
    shade_beyond_nyquist(axes, VOXEL, name=True)
    (shade,) = (patch for patch in axes.patches if patch.get_width() > 0)
    assert shade.get_x() == pytest.approx(np.pi / VOXEL)
    assert shade.get_x() + shade.get_width() == pytest.approx(axes.get_xlim()[1])
    assert [text.get_text() for text in axes.texts] == ["Nyquist"]


def test_a_painted_box_needs_no_reference(tmp_path):
    density, counts = fields((16, 12, 10))
    painted_slices(slab_of(density, counts), tmp_path / "paint.png")
    wide = imread(tmp_path / "paint.png").shape
    assert wide[1] > wide[0]


def test_empty_counts_and_an_even_density_can_be_drawn(tmp_path):
    painted_slices(slab_of(np.ones((8, 8, 8)), np.zeros((8, 8, 8))), tmp_path / "empty.png")
    assert imread(tmp_path / "empty.png").std() > 0.05


def test_only_the_slab_in_the_middle_is_drawn(tmp_path):
    density, counts = fields((12, 12, 12))
    inside, outside = counts.copy(), counts.copy()
    inside[:, :, 5] += 1 + np.arange(12)
    outside[:, :, 0] += 1 + np.arange(12)
    pictures = []
    for number, field in enumerate((counts, outside, inside)):
        path = tmp_path / f"{number}.png"
        painted_slices(slab_of(density, field), path)
        pictures.append(imread(path))
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert pictures[0].shape != pictures[2].shape or (pictures[0] != pictures[2]).any()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    density, counts = fields((8, 8, 8))
    with pytest.raises(OutputError, match="cannot write"):
        painted_slices(slab_of(density, counts), tmp_path / "file" / "paint.png")
