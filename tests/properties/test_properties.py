"""What must hold for any grid, particles, params and box, tried on what hypothesis thinks of."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from halokeras.boxes.box import Box, Halos, box_hash
from halokeras.boxes.box_file import read_box, write_box
from halokeras.boxes.cosmology import ABACUS_COSMOS
from halokeras.boxes.gridding import cloud_in_cell, count, wrap
from halokeras.boxes.orientation import Orientation, move_counts, move_positions
from halokeras.painting.tiles import cover, joined, read_row, tile_shape, tiles
from halokeras.params import Params, parse_params

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("suite")

SHAPES = st.tuples(*[st.integers(1, 13)] * 3)
SEEDS = st.integers(0, 2**32 - 1)
VOXEL_SIZES = st.sampled_from([0.1, 1.0, 1.7, 3.90625, 4.0, 1000 / 3])
ORDERS = st.sampled_from(list(permutations(range(3))))


def grid_of(seed, shape):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@given(SHAPES, st.integers(1, 8), st.integers(0, 5), SEEDS)
def test_tiles_cover_every_voxel_once_with_the_margin_of_the_periodic_box(
    shape, largest, margin, seed
):
    grid = grid_of(seed, shape)
    padded = np.pad(grid, margin, mode="wrap")
    tile = tile_shape(shape, largest)
    assert max(tile) <= largest
    times = np.zeros(shape, int)
    for row in cover(shape, tile):
        cut = list(tiles(read_row(grid, row, tile, margin), tile, margin))
        assert all(piece.shape == tuple(side + 2 * margin for side in tile) for piece in cut)
        whole = np.concatenate([cut[0], *(piece[:, :, 2 * margin :] for piece in cut[1:])], axis=2)
        known = padded[row.x :, row.y :][: whole.shape[0], : whole.shape[1], : whole.shape[2]]
        np.testing.assert_array_equal(whole[tuple(slice(0, n) for n in known.shape)], known)
        inner = [piece[tuple(slice(margin, n - margin) for n in piece.shape)] for piece in cut]
        place, kept = joined(inner, row, shape)
        np.testing.assert_array_equal(kept, grid[place])
        times[place] += 1
    assert (times == 1).all()


@given(arrays.arrays(np.float64, (7, 3), elements=st.floats(-1e6, 1e6)), st.floats(0.01, 1e4))
def test_wrapped_positions_lie_in_the_box_a_whole_number_of_boxes_away(position, side):
    inside = wrap(position, side)
    assert (inside >= 0).all()
    assert (inside < side).all()
    boxes = (position - inside) / side
    error = 1e-6 + 1e-15 * np.abs(position) / side
    assert (np.abs(boxes - np.round(boxes)) < error).all()


@given(SHAPES, VOXEL_SIZES, SEEDS, st.tuples(*[st.integers(-20, 20)] * 3), ORDERS)
def test_gridding_moves_and_turns_with_the_particles(shape, voxel_size, seed, steps, order):
    rng = np.random.default_rng(seed)
    # away from the faces of voxels and cells, where rounding may decide
    fraction = rng.uniform(0.05, 0.45, (40, 3)) + 0.5 * rng.integers(0, 2, (40, 3))
    voxel = rng.integers(0, shape, (40, 3))
    position = (voxel + fraction) * voxel_size
    moved = ((voxel + steps) % shape + fraction) * voxel_size
    counts, density = (f(position, shape, voxel_size) for f in (count, cloud_in_cell))
    assert counts.sum() == 40
    assert density.mean(dtype=np.float64) == pytest.approx(1, rel=1e-5)
    turned_shape = tuple(shape[axis] for axis in order)
    for grid, gridded in ((counts, count), (density, cloud_in_cell)):
        np.testing.assert_allclose(
            gridded(moved, shape, voxel_size), np.roll(grid, steps, (0, 1, 2)), atol=2e-3
        )
        np.testing.assert_allclose(
            gridded(position[:, order], turned_shape, voxel_size), grid.transpose(order), atol=2e-3
        )


@given(
    st.integers(2, 9),
    VOXEL_SIZES,
    SEEDS,
    ORDERS,
    st.tuples(*[st.booleans()] * 3),
    st.tuples(*[st.integers(-3, 3)] * 3),
)
def test_counts_turn_as_the_halos_do(side, voxel_size, seed, axes, flipped, shift):
    rng = np.random.default_rng(seed)
    voxel = rng.integers(0, side, (30, 3))
    position = ((voxel + rng.uniform(0.1, 0.9, (30, 3))) * voxel_size).astype(np.float32)
    turned = Orientation(axes, flipped, tuple(float(step) for step in shift))
    shape = (side,) * 3
    ours = count(move_positions(position, turned, side * voxel_size, voxel_size), shape, voxel_size)
    np.testing.assert_array_equal(ours, move_counts(count(position, shape, voxel_size), turned))


@st.composite
def valid_params(draw):
    side = st.integers(1, 64)
    kernels = draw(st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3))
    layers = draw(st.integers(1, 3))
    small = st.lists(st.integers(1, 8), min_size=layers, max_size=layers)
    return Params.model_validate(
        {
            "box": {
                "train": [{"id": "00", "seed": draw(st.integers(0, 2**31 - 1))}],
                "validate_on": [{"path": draw(st.text(min_size=1, max_size=20))}],
                "selection": {"mass_min": draw(st.floats(0, 1e15))},
                "redshift": draw(st.floats(0, 20)),
            },
            "painter": {
                "kernel_sizes": kernels,
                "filters": draw(side),
                "blocks": draw(side),
                "output": draw(st.sampled_from(["relu", "softplus"])),
            },
            "critic": {
                "filters": draw(small),
                "kernel_sizes": [1] * layers,
                "strides": draw(small),
                "sees_density": draw(st.booleans()),
            },
            "training": {
                "crop_size": draw(st.integers(1000, 2000)),
                "steps": draw(st.integers(1, 10**6)),
                "painter_optimizer": {"learning_rate": draw(st.floats(1e-12, 1))},
            },
        }
    )


@given(valid_params())
def test_params_come_back_from_their_json(params):
    text = params.model_dump_json(exclude_none=True)
    assert parse_params(text, "text") == params


NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12).map("note_{}".format)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)


@given(
    SHAPES,
    SEEDS,
    VOXEL_SIZES,
    st.floats(0, 100),
    st.sampled_from([np.float32, np.float64, np.uint16, np.int64]),
    st.integers(0, 50),
    st.dictionaries(NAMES, TEXTS | NUMBERS, max_size=4),
)
def test_a_box_comes_back_from_its_file(
    shape, seed, voxel_size, redshift, dtype, halos, provenance
):
    rng = np.random.default_rng(seed)
    density = grid_of(seed, shape) + np.float32(0.1)
    density /= density.mean(dtype=np.float64).astype(np.float32)
    sides = np.array(shape) * voxel_size
    position = (rng.uniform(0, 0.999, (halos, 3)) * sides).astype(np.float32)
    box = Box(
        voxel_size=voxel_size,
        redshift=redshift,
        cosmology=ABACUS_COSMOS["00"],
        density=density,
        halos=Halos(position, rng.uniform(1e11, 1e15, halos).astype(np.float32)),
        counts=rng.poisson(2, shape).astype(dtype),
        provenance=provenance,
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "box.h5"
        write_box(box, path)
        first = path.read_bytes()
        back = read_box(path)
        write_box(back, path)
        assert path.read_bytes() == first
    assert box_hash(back) == box_hash(box)
    assert back.counts.dtype == dtype
    assert replace(back, density=None, halos=None, counts=None) == replace(
        box, density=None, halos=None, counts=None
    )
