import itertools

import numpy as np
import pytest
from scipy import fft

from halokeras.errors import BoxError
from halokeras.fields.gridding import cloud_in_cell, count
from halokeras.fields.orientation import (
    Orientation,
    find_orientation,
    move_counts,
    move_positions,
    read_axes,
    read_shift,
    turn_vectors,
)

SIDE, VOXEL = 16, 4.0
BOX = SIDE * VOXEL


def clustered(side):
    """A density and halos that follow it, both from one smooth random field."""
    rng = np.random.default_rng(1)
    fine = 4 * side
    axes = np.meshgrid(*[fft.fftfreq(fine)] * 2, fft.rfftfreq(fine), indexing="ij", sparse=True)
    square = sum(axis**2 for axis in axes)
    noise = fft.rfftn(rng.normal(size=(fine,) * 3).astype(np.float32))
    field = fft.irfftn(noise * np.exp(-square / 0.08**2))
    chance = np.cumsum(np.exp(1.5 * field / field.std()))
    places = np.searchsorted(chance / chance[-1], rng.random(15 * side**3))
    index = np.stack(np.unravel_index(places, (fine,) * 3), axis=-1)
    position = ((index + rng.random(index.shape)) * VOXEL / 4) % (side * VOXEL)
    return cloud_in_cell(position, (side,) * 3, VOXEL), position[: side**3]


@pytest.fixture(scope="module")
def small():
    return clustered(SIDE)


def counted(position, side=SIDE):
    return count(position, (side,) * 3, VOXEL)


MISTAKES = {
    "half a box, corner for centre": Orientation(shift=(8, 8, 8)),
    "half a voxel": Orientation(shift=(0.5, 0.5, 0.5)),
    "half a voxel along one axis": Orientation(shift=(0, 0, -0.5)),
    "x and z swapped": read_axes("z,y,x"),
    "axes turned round": read_axes("y,z,x"),
    "y flipped": read_axes("x,-y,z"),
    "all flipped": read_axes("-x,-y,-z"),
    "swapped, flipped and half a box off": Orientation((2, 0, 1), (True, False, False), (8, 8, 8)),
    "flipped and half a voxel off": Orientation((0, 1, 2), (True, False, True), (0.5, 0, -1.5)),
}


@pytest.mark.parametrize("repair", MISTAKES.values(), ids=MISTAKES)
def test_the_repair_of_a_mistake_is_found_and_restores_the_halos(small, repair):
    density, position = small
    undone = undo(position, repair)
    found = find_orientation(density, counted(undone))
    same = [(a - b) % SIDE for a, b in zip(found.orientation.shift, repair.shift, strict=True)]
    assert same == [0, 0, 0]
    assert found.orientation.axes == repair.axes
    assert found.orientation.flipped == repair.flipped
    back = move_positions(undone, found.orientation, BOX, VOXEL)
    np.testing.assert_allclose((back - position + BOX / 2) % BOX, BOX / 2, atol=2e-5)
    assert find_orientation(density, counted(back)).orientation == Orientation()


def undo(position, repair):
    """Positions that `repair` brings back, by the definition of the options."""
    mistaken = np.empty_like(position)
    for new, old in enumerate(repair.axes):
        along = position[:, new] - repair.shift[new] * VOXEL
        mistaken[:, old] = -along if repair.flipped[new] else along
    return mistaken % BOX


def test_velocities_turn_as_the_steps_between_places_do():
    rng = np.random.default_rng(2)
    place, step = rng.uniform(20, 40, (9, 3)), rng.uniform(-9, 9, (9, 3))
    orientation = Orientation((2, 0, 1), (True, False, True), (0.5, 1.0, -2.0))
    begin, end = (
        move_positions(position, orientation, BOX, VOXEL).astype(float)
        for position in (place, place + step)
    )
    stepped = (end - begin + BOX / 2) % BOX - BOX / 2
    np.testing.assert_allclose(turn_vectors(step, orientation), stepped, atol=1e-4)


def test_halos_in_their_place_are_left_there(small):
    density, position = small
    found = find_orientation(density, counted(position))
    assert found.orientation == Orientation()
    assert found.orientation.options == ""
    assert found.restored == found.unmoved > 10 * found.noise


def test_halos_of_a_tiny_box_are_left_in_their_place():
    density, position = clustered(8)
    assert find_orientation(density, counted(position, 8)).orientation == Orientation()


@pytest.mark.slow
def test_a_larger_grid_is_searched_on_a_coarse_one():
    density, position = clustered(72)
    repair = Orientation((1, 0, 2), (False, True, False), (36, 0.5, 3))
    mistaken = np.stack([-(position[:, 1] - 2), position[:, 0] - 144, position[:, 2] - 12], axis=-1)
    found = find_orientation(density, counted(mistaken % 288, 72))
    assert found.orientation.axes == repair.axes
    assert found.orientation.flipped == repair.flipped
    assert found.orientation.shift == repair.shift
    assert found.restored > 10 * found.noise


@pytest.mark.parametrize("seed", range(8))
def test_unrelated_halos_are_never_given_an_orientation(small, seed):
    density, _ = small
    strangers = np.random.default_rng(seed).random((3000, 3)) * BOX
    assert find_orientation(density, counted(strangers)).orientation is None


def test_positions_and_counts_are_moved_alike(small):
    _, position = small
    for axes in itertools.permutations((0, 1, 2)):
        for flipped in itertools.product((False, True), repeat=3):
            turn = Orientation(axes, flipped, (3, -1, 0))
            moved = counted(move_positions(position, turn, BOX, VOXEL))
            np.testing.assert_array_equal(moved, move_counts(counted(position), turn))


def test_an_axis_is_flipped_about_the_middle_of_the_box():
    turned = move_positions(np.array([[1.0, 2.0, 60.0]]), read_axes("-z,x,y"), BOX, VOXEL)
    np.testing.assert_array_equal(turned, [[4.0, 1.0, 2.0]])


def test_the_options_of_an_orientation_are_read_back():
    turn = Orientation((2, 0, 1), (True, False, False), (0.5, 0, -8))
    assert turn.options == '--axes "-z,x,y" --shift "0.5,0,-8"'
    assert read_axes("-z,x,y") == Orientation(turn.axes, turn.flipped)
    assert read_shift("0.5,0,-8") == turn.shift


def test_counts_are_not_moved_by_half_voxels(small):
    with pytest.raises(BoxError, match="shift the halo positions"):
        move_counts(np.ones((4, 4, 4)), Orientation(shift=(0.5, 0, 0)))


@pytest.mark.parametrize("text", ["x,y", "x,y,y", "+x,y,z", "--x,y,z", "x y z", ""])
def test_axes_that_are_none_are_refused(text):
    with pytest.raises(BoxError, match="--axes"):
        read_axes(text)


@pytest.mark.parametrize("text", ["1,2", "1,2,nan", "1,2,x", "1,2,3,4", ""])
def test_shifts_that_are_none_are_refused(text):
    with pytest.raises(BoxError, match="--shift"):
        read_shift(text)


def test_grids_that_do_not_compare_are_refused():
    grid = np.ones((4, 4, 4))
    with pytest.raises(BoxError, match="same voxels"):
        find_orientation(grid, np.ones((5, 5, 5)))
    with pytest.raises(BoxError, match="cubes"):
        find_orientation(np.ones((4, 4, 5)), np.ones((4, 4, 5)))
    with pytest.raises(BoxError, match="all zero"):
        find_orientation(grid, 0 * grid)


@pytest.mark.parametrize("halos", [1, 3, 10])
def test_a_few_halos_are_never_turned_or_moved_onto_peaks(halos):
    density, position = clustered(32)
    anywhere = np.random.default_rng(2).uniform(0, 32 * VOXEL, (halos, 3))
    assert find_orientation(density, counted(anywhere, 32)).orientation is None
    heights = density[tuple((position // VOXEL).astype(int).T)]
    highest = position[np.argsort(-heights)[: 5 * halos : 5]]
    assert find_orientation(density, counted(highest, 32)).orientation in (None, Orientation())
