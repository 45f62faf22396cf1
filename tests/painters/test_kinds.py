"""Every kind is what it states, and a kind of two channels that is told of its box goes all ways.

The tiny kind is registered here and nowhere else: two mass bins of softplus counts, scaled by
the redshift and the least mass that are counted.
"""

import dataclasses
import json
from typing import ClassVar, Literal

import numpy as np
import pytest
import tensorflow as tf

import halokeras
from halokeras.boxes.box import halo_counts
from halokeras.boxes.box_file import read_box, write_box
from halokeras.errors import ModelError, ParamsError
from halokeras.inspection.inspect import inspect
from halokeras.networks.conv import Conv3D
from halokeras.networks.painter import LOG_OFFSET, Painter, built_painter, whole_box
from halokeras.networks.patch import Patch, patch_of
from halokeras.painter_params import PAINTER_KINDS, HalosParams, PainterParams
from halokeras.painters.conditions import conditions_of
from halokeras.painters.count_law import fit_count_law
from halokeras.painters.model_files import check_size, read_files
from halokeras.painters.model_store import DrawModel, load_painter, save_painter
from halokeras.painting.draws.counts import draw, draw_files
from halokeras.painting.expected.paint import paint, paint_file
from halokeras.painting.inputs.density import density_of
from halokeras.params import Params, parse_params
from halokeras.sections import Selection
from halokeras.training.build import build_gan
from halokeras.training.run import resume, train


class TwoBinsParams(PainterParams):
    network: ClassVar[str] = f"{__name__}:TwoBinsPainter"
    conditions: ClassVar[tuple[str, ...]] = ("redshift", "mass_min")

    kind: Literal["two_bins"] = "two_bins"
    edge: float = 1e13

    margin: ClassVar[int] = 1
    layers: ClassVar[int] = 3
    weights: ClassVar[int] = 27 * 3 + 3 + 3 * 2 + 2 + 2 * 3
    width: ClassVar[int] = 3

    @property
    def sentence(self):
        return f"one 3^3 convolution, counts below and from {self.edge:g} Msun/h"

    def selections(self, counted):
        low, high = counted.mass_min, counted.mass_max
        return (
            Selection(mass_min=low, mass_max=self.edge),
            Selection(mass_min=self.edge, mass_max=high),
        )


class TwoBinsPainter(Painter):
    def __init__(self, params):
        super().__init__(params)
        self.first = Conv3D(3, 3)
        self.scale = self.add_weight(name="scale", shape=(2, 3), initializer="zeros")
        self.last = Conv3D(2, 1)
        self.activation = tf.nn.softplus

    def raw_counts(self, patch):
        redshift, mass = tf.unstack(patch.conditions, axis=1)
        told = tf.stack([redshift, mass / 1e13], 1) @ self.scale
        fields = self.first(tf.math.log(patch.density + LOG_OFFSET))
        return self.last(tf.nn.leaky_relu(fields * (1 + told[:, None, None, None]), 0.1))


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setitem(PAINTER_KINDS, "two_bins", TwoBinsParams)


@pytest.fixture
def painter():
    painter = built_painter(TwoBinsParams())
    rng = np.random.default_rng(4)
    for variable in painter.weights:
        variable.assign(rng.normal(0, 0.4, variable.shape).astype(np.float32))
    return painter


@pytest.fixture
def saved(painter, tiny_provenance, tiny_box, tmp_path):
    expected = whole_box(painter, tiny_box.density, painter.margin, (0.3, 2e12))
    total = expected.sum(axis=-1)
    law = fit_count_law(total, np.random.default_rng(1).poisson(total))
    folder = tmp_path / "models" / "two"
    save_painter(painter, tiny_provenance, folder, DrawModel(painter.twin(), law))
    return load_painter(folder)


@pytest.mark.parametrize("kind", [*PAINTER_KINDS, "two_bins"])
def test_a_kind_is_what_it_states(kind):
    params = PAINTER_KINDS[kind]()
    check_size(params)
    painter = built_painter(params)
    side = 2 * params.margin + 3
    patch = patch_of(tf.ones((2, side, side, side, 1)), [1.0] * len(params.conditions))
    assert painter(patch).shape == (2, 3, 3, 3, params.channels)
    assert painter.count_params() == params.weights
    assert len(painter.weights) <= 2 * params.layers
    assert painter.last.bias.shape == (params.channels,)
    assert "\n" not in params.sentence
    assert parse_params(f'{{"painter": {{"kind": "{kind}"}}}}', "p").painter == params


def test_a_batch_of_patches_is_painted_each_under_its_conditions(painter):
    density = np.random.default_rng(2).lognormal(size=(2, 6, 6, 6, 1)).astype(np.float32)
    told = np.array([[0.3, 2e12], [1.5, 4e13]], np.float32)
    both = painter(Patch(tf.constant(density), tf.constant(told)))
    for i in range(2):
        alone = painter(patch_of(tf.constant(density[i : i + 1]), told[i]))
        np.testing.assert_allclose(both[i], alone[0], rtol=1e-6)
    assert np.abs(both[1] - painter(patch_of(tf.constant(density[1:]), told[0]))[0]).max() > 0.01


@pytest.mark.parametrize("shape", [(16, 16, 16), (9, 4, 5), (1, 1, 1)])
def test_tiles_equal_one_whole_box_pass(painter, shape):
    density = np.random.default_rng(3).lognormal(size=shape).astype(np.float32)
    density /= density.mean()
    whole = whole_box(painter, density, painter.margin, (0.5, 1e13))
    tiled = paint(painter, density, largest_tile=4, conditions=(0.5, 1e13))
    assert tiled.shape == (*shape, 2)
    np.testing.assert_allclose(tiled, whole, rtol=1e-5)
    assert not np.allclose(tiled, paint(painter, density, conditions=(1.5, 1e13)), rtol=1e-2)


def test_too_few_conditions_are_refused_by_name(painter, tiny_box):
    with pytest.raises(ModelError, match=r"redshift, mass_min and was told 0 numbers"):
        paint(painter, tiny_box.density)


def test_a_saved_painter_comes_back_and_is_told_as_its_kind_says(saved, painter, tmp_path):
    folder = tmp_path / "models" / "two"
    files = read_files(folder)
    assert files.params == saved.painter.params == painter.params
    assert files.hash == saved.hash
    for ours, theirs in zip(saved.painter.weights, painter.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    told = inspect(folder).to_json()
    assert told["network"]["architecture"]["kind"] == "two_bins"
    assert told["network"]["weights"] == painter.count_params()
    assert told["network"]["sees"] == 3


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_a_box_is_painted_and_drawn_under_its_own_conditions(saved, tiny_box, tmp_path, suffix):
    given = density_of(tiny_box)
    conditions = (tiny_box.redshift, 2e12)
    means = paint(saved.painter, tiny_box.density, conditions=conditions)
    by_hand = halokeras.paint(tiny_box.density, 4.0, tiny_box.redshift, saved)
    np.testing.assert_array_equal(by_hand, means.sum(-1))
    paint_file(given, saved, "two", tmp_path / f"p{suffix}")
    np.testing.assert_array_equal(read_box(tmp_path / f"p{suffix}").counts, by_hand)
    draw_files(given, saved, "two", [tmp_path / f"d{suffix}"], seed=5)
    drawn = draw(saved.draws, tiny_box.density, 5, conditions=conditions)
    found = read_box(tmp_path / f"d{suffix}")
    np.testing.assert_array_equal(found.counts, drawn)
    assert found.counts_by_mass is None  # the painter has no law of masses
    by_hand = halokeras.draw(tiny_box.density, 4.0, tiny_box.redshift, saved, seed=5)
    np.testing.assert_array_equal(by_hand, drawn)


def test_a_box_that_does_not_state_a_condition_is_refused(tiny_box):
    names = ("redshift", "omega_m")
    cosmology = tiny_box.cosmology
    assert conditions_of(names, 0.3, cosmology, (Selection(),), 4.0) == (0.3, cosmology.omega_m)
    with pytest.raises(ModelError, match="cosmology, which the density does not state"):
        conditions_of(names, 0.3, None, (Selection(),), 4.0)


@pytest.mark.usefixtures("undrawn")
def test_training_goes_all_its_stages_and_what_it_saves_paints_each_bin(tiny_box, tmp_path):
    paths = []
    for seed, redshift in ((1, 0.3), (2, 0.3)):
        density = np.roll(tiny_box.density, seed, axis=0)
        position = tiny_box.halos.position + np.float32([4 * seed, 0, 0])
        halos = dataclasses.replace(tiny_box.halos, position=position % 64)
        box = dataclasses.replace(tiny_box, density=density, halos=halos, redshift=redshift)
        paths.append(tmp_path / f"box{seed}.h5")
        write_box(box, paths[-1])
    fields = {
        "box": {
            "train": [{"path": str(paths[0])}],
            "validate_on": [{"path": str(paths[1])}],
            "selection": {"mass_min": 2e12},
        },
        "painter": {"kind": "two_bins"},
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [1], "sees_density": True},
        "training": {
            "crop_size": 6,
            "n_critic": 2,
            "steps": 3,
            "critic_warm_steps": 1,
            "spectral_weight": 1.0,
            "likelihood_weight": 1.0,
            "warm_start": {"steps": 150, "crop_size": 8, "batch_size": 2, "learning_rate": 0.03},
        },
        "run": {"validate_every": 100, "checkpoint_every": 50},
    }
    best = train(Params.model_validate(fields), tmp_path / "run")
    saved = load_painter(best)
    trained = read_box(paths[0])
    conditions = (trained.redshift, 2e12)
    painted = paint(saved.painter, trained.density, conditions=conditions).mean(axis=(0, 1, 2))
    bins = [halo_counts(trained, *edges).mean() for edges in ((2e12, 1e13), (1e13, None))]
    np.testing.assert_allclose(painted, bins, rtol=1e-3)  # each bin has a calibration of its own
    masses = np.sort(trained.halos.mass[trained.halos.mass >= 2e12])
    law = saved.draws.mass_law.masses
    assert (law[0, 0], law[1, -1]) == (masses[0], masses[-1])
    assert law[0, -1] < 1e13 <= law[1, 0]
    assert inspect(tmp_path / "run").to_json()
    with pytest.raises(Exception, match="finished"):
        resume(tmp_path / "run")


def test_bins_of_mass_part_the_halos_that_are_counted():
    counted = Selection(mass_min=2e12, mass_max=9e13, mass_definition="200b")
    bins = HalosParams(mass_edges=(4e12, 1e13)).selections(counted)
    edges = [(one.mass_min, one.mass_max) for one in bins]
    assert edges == [(2e12, 4e12), (4e12, 1e13), (1e13, 9e13)]
    assert {one.mass_definition for one in bins} == {"200b"}


@pytest.mark.parametrize("edges", [[2e12], [1e13, 9e13], [1e13, 4e12]])
def test_edges_that_part_nothing_are_refused_by_name(edges):
    fields = {
        "box": {"selection": {"mass_min": 2e12, "mass_max": 9e13}},
        "painter": {"kind": "halos", "mass_edges": edges},
    }
    with pytest.raises(ParamsError, match="mass_edges"):
        parse_params(json.dumps(fields), "p.json")


def test_a_painter_of_bins_begins_with_the_mean_counts_of_training():
    fields = {
        "painter": {"kind": "halos", "filters": 2, "mass_edges": [4e12, 1e13]},
        "training": {"crop_size": 32, "initial_weights": {"deviation": 1e-4}},
    }
    fields["training"]["initial_weights"]["distribution"] = "normal"
    means = [0.2, 0.05, 1e-5]
    gan = build_gan(Params.model_validate(fields), means)
    side = 2 * gan.painter.margin + 1
    painted = gan.painter(tf.ones((1, side, side, side, 1)))
    np.testing.assert_allclose(painted[0, 0, 0, 0], means, rtol=1e-3)
