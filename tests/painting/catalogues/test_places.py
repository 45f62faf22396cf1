"""Which halos give way to which: known places, masses and chances."""

import numpy as np
import pytest

from halokeras.painting.catalogues import places as rules
from halokeras.painting.catalogues.piece import Piece
from halokeras.painting.catalogues.places import Matter, places, velocities
from halokeras.painting.ids import Draw, halo_ids
from halokeras.simulation.fine_matter.halo_motion import HaloMotion

DRAW = Draw(5, 0)
APART = 20
"""Voxels from one pair of halos to the next, none of which knows of another."""


def pairs_of(number, shared=False):
    """Return a piece with pairs of halos, of one voxel or of two that share a face along z."""
    piece = Piece((number, 3, APART), (0, number), (0, 3))
    counts = np.zeros((number, 3, APART), np.uint16)
    counts[:, 1, 5] = 2 if shared else 1
    counts[:, 1, 6] = 0 if shared else 1
    # Every third plane: pairs at neighbouring x are three voxels apart.
    counts[1::3] = counts[2::3] = 0
    ids = halo_ids(counts.ravel(), np.arange(counts.size))
    voxel = np.stack(np.unravel_index(ids // 2**16, counts.shape))
    return piece, voxel, ids


def distance_of(voxel, inside):
    place = voxel + inside
    return np.sqrt(((place[:, 0::2] - place[:, 1::2]) ** 2).sum(axis=0))


@pytest.fixture
def one_round(monkeypatch):
    monkeypatch.setattr(rules, "_ROUNDS", 1)


@pytest.mark.parametrize("mass", [1e13, 3e13])
def test_the_lighter_gives_way_with_a_chance_that_falls_linearly(one_round, mass):
    piece, voxel, ids = pairs_of(12000)
    masses = np.where(voxel[2] == 5, mass, 0.1 * mass)
    free = places(piece, voxel, ids, DRAW, Matter(), masses)
    found = places(piece, voxel, ids, DRAW, Matter(reach=0.4, reach_by_mass=1.2), masses)
    moved = (found != free).any(axis=0)
    assert not moved[voxel[2] == 5].any()
    reach = 0.4 + 1.2 * 0.5 * (mass + 0.1 * mass) / 1e13
    distance = distance_of(voxel, free)
    chance = np.where(distance <= 1.25, np.clip(1 - distance / reach, 0, 1), 0)
    scatter = np.sqrt((chance * (1 - chance)).sum())
    assert chance.sum() > 10 * scatter
    assert moved.sum() == pytest.approx(chance.sum(), abs=4 * scatter)


def test_halos_of_one_voxel_were_drawn_together_and_stay():
    piece, voxel, ids = pairs_of(200, shared=True)
    masses = np.full(len(ids), 1e15)
    free = places(piece, voxel, ids, DRAW, Matter(), masses)
    np.testing.assert_array_equal(places(piece, voxel, ids, DRAW, Matter(reach=2.0), masses), free)


def test_without_masses_nothing_reaches_further_than_friends_do():
    piece, voxel, ids = pairs_of(200)
    free = places(piece, voxel, ids, DRAW, Matter(exclusion=0.2))
    found = places(piece, voxel, ids, DRAW, Matter(exclusion=0.2, reach=2.0))
    np.testing.assert_array_equal(found, free)


def test_heavy_halos_lie_where_they_do_without_the_light_ones():
    rng = np.random.default_rng(3)
    shape = (6, 7, 8)
    piece = Piece(shape, (0, 6), (0, 7))
    counts = rng.poisson(2, shape)
    ids = halo_ids(counts.ravel(), np.arange(counts.size))
    voxel = np.stack(np.unravel_index(ids // 2**16, shape))
    mass = 10 ** rng.uniform(12, 15, len(ids))
    matter = Matter(
        rng.lognormal(size=(12, 14, 16)), 2.0, exclusion=0.1, reach=0.5, reach_by_mass=1.2
    )
    every = places(piece, voxel, ids, DRAW, matter, mass)
    heavy = mass > 1e14
    alone = places(piece, voxel[:, heavy], ids[heavy], DRAW, matter, mass[heavy])
    np.testing.assert_array_equal(alone, every[:, heavy])
    unmoved = places(piece, voxel, ids, DRAW, Matter(matter.density, 2.0), mass)
    assert (every != unmoved).any(axis=0).mean() > 0.2


def test_a_place_depends_on_no_voxel_beyond_the_margin():
    # rows of three halos two voxels apart: the first meets the second where the third drove it to
    rows = 60000
    shape = (12, 6 * rows, 3)
    x, y = np.tile([0, 2, 4], rows), np.repeat(6 * np.arange(rows) + 2, 3)
    voxel = np.stack([x, y, np.ones_like(x)])
    ids = np.ravel_multi_index(tuple(voxel), shape) * 2**16
    mass = np.tile([1e12, 1e13, 1e14], rows)
    matter = Matter(exclusion=0.1, reach=3.0)
    draw = Draw(1, 0)
    whole = places(Piece(shape, (0, 12), (0, 6 * rows)), voxel, ids, draw, matter, mass)
    near = Piece(shape, (0, 1), (0, 6 * rows)).widened(rules.MARGIN)
    inside = near.holds(voxel)
    found = places(near, voxel[:, inside], ids[inside], draw, matter, mass[inside])
    first = x[inside] == 0
    np.testing.assert_array_equal(found[:, first], whole[:, inside][:, first])


def test_halos_scatter_about_the_velocity_by_their_masses_where_these_are_known():
    piece, voxel, ids = pairs_of(600)
    motion = HaloMotion(amplitude=1.0, rate=60.0, mean_density=9e10)
    still = np.zeros((3, *piece.shape))
    matter = Matter(velocity=still, smoothed=np.full(piece.shape, 4.0), motion=motion)
    inside = places(piece, voxel, ids, DRAW, matter)
    mass = np.where(voxel[2] == 5, 1e12, 1e14)
    unknown = velocities(piece, voxel, ids, inside, DRAW, matter)
    moving = velocities(piece, voxel, ids, inside, DRAW, matter, mass)
    for one in (1e12, 1e14):
        ours = mass == one
        expected = motion.scatter(np.array([4.0]), np.array([one]))[0]
        found = np.sqrt((moving[:, ours].astype(float) ** 2).mean())
        assert found == pytest.approx(expected, rel=5 / np.sqrt(2 * 3 * ours.sum()))
    # the same numbers, only wider or narrower: masses change no other halo's velocity
    heavy = moving[:, mass == 1e14] / unknown[:, mass == 1e14]
    np.testing.assert_allclose(heavy, heavy[0, 0], rtol=1e-5)
