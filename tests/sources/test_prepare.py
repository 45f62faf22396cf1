from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box_file import find_box, read_box, write_box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import box_cosmology
from halokeras.cosmology.power import linear_power
from halokeras.errors import BoxError
from halokeras.fields.orientation import Orientation
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import make_density
from halokeras.simulation.lpt.lpt import linear_modes
from halokeras.sources.prepare import prepare, voxels_of
from halokeras.sources.source import Source

PLANCK = box_cosmology("00")


@pytest.fixture(scope="module")
def real():
    """A simulation as a reader gives it, of a box that ships."""
    box = read_box(find_box("00", 100))
    return Source(
        name="real",
        box_size=256.0,
        redshift=0.3,
        cosmology=PLANCK,
        halos=Halos(box.halos.position.astype(float), box.halos.mass),
        density=box.density,
        provenance={"density_scheme": "2lpt", "halo_finder": "fof", "mass_definition": "fof"},
        assumed=("This is a test.",),
    )


def test_a_sound_source_becomes_its_box_with_the_report_in_it(real, tmp_path):
    box, report = prepare(real, voxels_of(real, None, None))
    write_box(box, tmp_path / "box.h5")
    again = read_box(tmp_path / "box.h5")
    original = read_box(find_box("00", 100))
    np.testing.assert_array_equal(again.density, original.density)
    np.testing.assert_array_equal(again.halos.position, original.halos.position)
    assert again.voxel_size == 4.0
    kept = again.provenance["preparation"]
    assert kept == report.text()
    assert "This is a test." in kept
    assert "0 refused" in kept


def with_columns(source, **columns):
    return replace(source, halos=replace(source.halos, **columns))


def test_further_columns_are_carried_into_the_box_and_leave_its_places_and_masses(real):
    count = len(real.halos)
    rng = np.random.default_rng(3)
    velocity = rng.normal(0, 300, (count, 3))
    parent = np.where(np.arange(count) % 7, -1, 3).astype(np.int32)
    plain, _ = prepare(real, 64)
    box, report = prepare(
        with_columns(real, velocity=velocity, parent=parent, mass_200b=np.full(count, np.nan)), 64
    )
    for name in ("position", "mass"):
        ours, theirs = box.halos.columns()[name], plain.halos.columns()[name]
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
    np.testing.assert_array_equal(box.halos.velocity, velocity.astype(np.float32))
    np.testing.assert_array_equal(box.halos.parent, parent)
    assert box.halos.parent.dtype == np.int64
    # a column that cannot be right does not keep the rest from being used
    assert box.halos.mass_200b is None
    assert "halos/mass_200b must be finite and not negative and was left out" in report.text()


def test_velocities_turn_with_the_halos(real):
    velocity = np.arange(3.0 * len(real.halos)).reshape(-1, 3)
    wrong = with_columns(real, position=real.halos.position[:, [1, 2, 0]], velocity=velocity)
    box, _ = prepare(wrong, 64, orientation=Orientation(axes=(2, 0, 1)))
    np.testing.assert_array_equal(box.halos.velocity, velocity[:, [2, 0, 1]].astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "orientation"),
    [
        (lambda x: (x + 128) % 256, Orientation(shift=(32, 32, 32))),
        (lambda x: (x - [2, 2, 2]) % 256, Orientation(shift=(0.5, 0.5, 0.5))),
        (lambda x: x[:, [1, 2, 0]], Orientation(axes=(2, 0, 1))),
        (lambda x: 256 - x, Orientation(flipped=(True, True, True))),
    ],
)
def test_misplaced_halos_are_refused_and_the_options_that_are_named_restore_them(
    real, mistake, orientation
):
    moved = replace(real, halos=Halos(mistake(real.halos.position), real.halos.mass))
    with pytest.raises(BoxError, match="only once"):
        prepare(moved, 64)
    box, report = prepare(moved, 64, orientation=orientation)
    sound, _ = prepare(real, 64)
    np.testing.assert_allclose(box.halos.position, sound.halos.position, atol=1e-4)
    assert box.provenance["repaired_by"] == orientation.options
    assert orientation.options in report.text()


def test_another_redshift_or_size_of_the_density_is_refused(real):
    for other in ({"density_redshift": 0.5}, {"density_box_size": 250.0}):
        with pytest.raises(BoxError, match="real"):
            prepare(replace(real, **other), 64)


def test_force_makes_the_box_and_keeps_what_was_refused(real):
    wrong = replace(real, density_redshift=0.5)
    box, _ = prepare(wrong, 64, force=True)
    assert "refused:" in box.provenance["preparation"]


def test_initial_modes_and_our_own_seed_give_the_2lpt_density_of_them():
    modes = linear_modes(100, 64, 64.0, linear_power(PLANCK, 0.3, 60.0))
    halos = Halos(np.random.default_rng(1).uniform(0, 64, (50, 3)), np.full(50, 1e13))
    source = Source("tiny", 64.0, 0.3, PLANCK, halos)
    given = replace(source, initial_modes=lambda lattice, workers: modes)
    with_modes, _ = prepare(given, 16, force=True)  # the halos follow nothing
    with_seed, _ = prepare(replace(source, own_seed=100), 16, force=True)
    exact = make_density(LptBox(PLANCK, 100, (16, 16, 16)))
    np.testing.assert_allclose(with_seed.density, exact, rtol=1e-6)
    # scales below those of the modes are drawn by the seed of `prepare`, which is another
    assert np.std(with_modes.density - exact) < 0.05 * np.std(exact)
    assert with_seed.provenance["density_scheme"] == "2lpt"
    assert with_seed.provenance["seed"] == 100
    # so that nobody takes its modes for those of the seed
    assert with_modes.provenance["initial_modes"] == "tiny"
    named = replace(given, provenance={"initial_modes": "delta.npy"})
    assert prepare(named, 16, force=True)[0].provenance["initial_modes"] == "delta.npy"
    assert "initial_modes" not in with_seed.provenance


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"density": None}, "no density and no initial conditions"),
        ({"density": None, "own_seed": 1, "cosmology": None}, "--cosmology FILE"),
        ({"halos": None}, "no halos"),
        ({"redshift": -1.0}, "redshift"),
    ],
)
def test_what_is_missing_is_named(real, change, told):
    with pytest.raises(BoxError, match=told):
        prepare(replace(real, **change), 64)


def test_positions_that_are_not_finite_are_refused(real):
    position = real.halos.position.copy()
    position[3, 1] = np.nan
    with pytest.raises(BoxError, match=r"NaN|finite"):
        prepare(replace(real, halos=Halos(position, real.halos.mass)), 64)


@pytest.mark.parametrize(
    ("box_size", "voxels", "voxel_size", "expected"),
    [(1100, None, None, 275), (500, 64, None, 64), (256, None, 2.0, 128), (721, None, None, 180)],
)
def test_voxels_are_those_asked_for_or_the_nearest_to_four(box_size, voxels, voxel_size, expected):
    source = Source("s", box_size, 0.3, PLANCK)
    assert voxels_of(source, voxels, voxel_size) == expected


@pytest.mark.parametrize(
    ("box_size", "voxel_size", "told"),
    [(1e6, None, r"s: a box of 1e\+06 Mpc/h"), (256, 1e-3, r"s: a voxel of 0\.001 Mpc/h")],
)
def test_sizes_that_no_box_or_voxel_has_are_refused_before_they_are_divided(
    box_size, voxel_size, told
):
    with pytest.raises(BoxError, match=rf"{told} .* between 0\.01 and 60,000 Mpc/h"):
        voxels_of(Source("s", box_size, 0.3, PLANCK), None, voxel_size)


def test_voxels_that_do_not_fit_are_refused(real):
    with pytest.raises(BoxError, match=r"--voxels 67, of 3\.8209"):
        voxels_of(replace(real, density=None), None, 3.8)
    with pytest.raises(BoxError, match="has 64 voxels a side and 128 were asked for"):
        voxels_of(real, 128, None)
