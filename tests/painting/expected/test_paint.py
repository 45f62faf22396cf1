import dataclasses

import h5py
import numpy as np
import pytest

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import Header, read_box
from halokeras.errors import BoxError, ModelError
from halokeras.painters.model_store import load_painter
from halokeras.painting.draws.counts import draw
from halokeras.painting.expected.paint import paint, paint_file
from halokeras.painting.expected.tile_painter import TilePainter
from halokeras.painting.inputs.density import Density, density_of
from halokeras.painting.tiles import cover, joined, read_row, tiles


def random_density(shape, seed=11):
    density = np.random.default_rng(seed).lognormal(sigma=0.8, size=shape).astype(np.float32)
    return density / density.mean()


def whole_box_pass(painter, density):
    padded = np.pad(density, painter.margin, mode="wrap")
    return np.asarray(painter(padded[np.newaxis, ..., np.newaxis]))[0, ..., 0]


@pytest.mark.parametrize("shape", [(16, 16, 16), (20, 9, 13), (8, 8, 8), (3, 2, 5), (1, 1, 1)])
def test_tiles_equal_one_whole_box_pass(tiny_painter, shape):
    density = random_density(shape)
    np.testing.assert_allclose(
        paint(tiny_painter, density, largest_tile=8),
        whole_box_pass(tiny_painter, density),
        rtol=1e-5,
    )


@pytest.mark.parametrize("shift", [(8, 0, 0), (0, 8, 16), (3, -5, 1)])
def test_painting_a_shifted_box_shifts_the_counts(tiny_painter, shift):
    density = random_density((16, 12, 20))
    axes = (0, 1, 2)
    np.testing.assert_allclose(
        paint(tiny_painter, np.roll(density, shift, axes), largest_tile=8),
        np.roll(paint(tiny_painter, density, largest_tile=8), shift, axes),
        rtol=1e-5,
    )


def test_the_order_of_the_tiles_does_not_matter_bitwise(tiny_painter):
    density = random_density((20, 9, 13))
    painter = TilePainter(tiny_painter, (7, 5, 7))
    backwards = np.empty_like(density)
    for row in reversed(cover(density.shape, painter.tile)):
        cut = tiles(read_row(density, row, painter.tile, painter.margin), (7, 5, 7), painter.margin)
        place, kept = joined([painter(tile) for tile in cut], row, density.shape)
        backwards[place] = kept
    np.testing.assert_array_equal(backwards, paint(tiny_painter, density, largest_tile=8))


def test_progress_ends_at_one(tiny_painter):
    told = []
    paint(tiny_painter, random_density((20, 9, 13)), largest_tile=8, progress=told.append)
    assert told == pytest.approx(np.arange(1, 7) / 6)


def test_a_painted_box_tells_where_it_comes_from(tiny_model, tiny_box, paint_box):
    saved = load_painter(tiny_model)
    painted = paint_box(tiny_box, saved, "tiny")
    np.testing.assert_array_equal(painted.counts, paint(saved.painter, tiny_box.density))
    assert painted.counts.dtype == np.float32
    assert painted.halos is None
    assert (painted.redshift, painted.cosmology) == (tiny_box.redshift, tiny_box.cosmology)
    assert painted.provenance["model"] == "tiny"
    assert painted.provenance["model_hash"] == saved.hash
    assert painted.provenance["source_box_hash"] == box_hash(tiny_box)


NO_DENSITIES = {
    "masses": (
        lambda d: 3e12 * d,
        r"mean density is 3e\+12 instead of 1; divide density by its mean, .*--contrast rho",
    ),
    "overdensity": (lambda d: d - 1, "add 1 to an overdensity .*--contrast delta"),
    "a logarithm": (lambda d: np.log(d + 0.01), "no overdensity either; of a logarithm take"),
    "a negative voxel": (lambda d: np.where(d == d.max(), -1, d), "density is negative"),
    "NaN": (lambda d: np.where(d == d.max(), np.nan, d), "density holds NaN or infinite"),
    "infinite": (lambda d: np.where(d == d.max(), np.inf, d), "density holds NaN or infinite"),
    "counts": (lambda d: np.rint(8 * d).astype(int), r"mean density is 8\S* instead of 1"),
    "truth": (lambda d: d > 1, "must be an array of real numbers .*, not bool"),
    "complex": (lambda d: d.astype(complex), "not complex128"),
    "text": (lambda d: d.astype(str), "real numbers"),
    "a list": (lambda d: d.tolist(), "not list; convert it to float32"),
    "a slice": (lambda d: d[0], r"must be a 3D grid, not of shape \(16, 16\)"),
    "a batch": (lambda d: d[None, ..., None], "must be a 3D grid"),
    "nothing": (lambda d: d[:0], "must be a 3D grid"),
}


@pytest.mark.parametrize(("spoil", "told"), NO_DENSITIES.values(), ids=NO_DENSITIES)
def test_what_is_no_density_is_refused_with_the_remedy(
    tiny_painter, tiny_draws, tiny_box, spoil, told
):
    density = spoil(tiny_box.density.astype(np.float64))
    with pytest.raises(BoxError, match=told):
        paint(tiny_painter, density)
    with pytest.raises(BoxError, match=told):
        draw(tiny_draws, density, seed=1)
    if isinstance(density, np.ndarray):
        with pytest.raises(BoxError, match=told):
            density_of(dataclasses.replace(tiny_box, density=density))


@pytest.mark.parametrize("dtype", ["f8", ">f4", ">f8", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_real_numbers_in_any_order_are_painted_alike(tiny_painter, tiny_box, dtype, order):
    density = tiny_box.density.astype("f2").astype("f4")
    given = np.array(density, dtype=dtype, order=order)
    np.testing.assert_array_equal(paint(tiny_painter, given), paint(tiny_painter, density))


def test_counts_that_are_not_finite_are_refused(tiny_painter, tiny_box):
    tiny_painter.weights[0].assign(np.nan * np.asarray(tiny_painter.weights[0]))
    with pytest.raises(ModelError, match="not finite"):
        paint(tiny_painter, tiny_box.density)


@pytest.mark.parametrize("layout", [{}, {"chunks": (5, 3, 7), "compression": "gzip"}])
def test_any_layout_of_a_file_is_painted_alike(tiny_model, tiny_box, paint_box, tmp_path, layout):
    saved = load_painter(tiny_model)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.create_dataset("density", data=tiny_box.density, **layout)
        header = Header(4.0, 0.3, tiny_box.cosmology, tiny_box.provenance)
        given = Density(file["density"], header, box_hash(tiny_box))
        paint_file(given, saved, "tiny", tmp_path / "painted.h5")
    in_file = read_box(tmp_path / "painted.h5")
    of_an_array = paint_box(tiny_box, saved, "tiny")
    np.testing.assert_array_equal(in_file.counts, of_an_array.counts)
    np.testing.assert_array_equal(in_file.counts, paint(saved.painter, tiny_box.density))
    assert in_file.provenance == of_an_array.provenance
    assert in_file.cosmology == of_an_array.cosmology


def test_a_failed_painting_leaves_no_file(tiny_model, tiny_box, tmp_path):
    saved = load_painter(tiny_model)
    saved.painter.weights[0].assign(np.nan * np.asarray(saved.painter.weights[0]))
    with pytest.raises(ModelError, match="not finite"):
        paint_file(density_of(tiny_box), saved, "tiny", tmp_path / "out" / "painted.h5")
    assert not list((tmp_path / "out").iterdir())
