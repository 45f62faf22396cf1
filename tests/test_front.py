"""`import halokeras`: what it offers, on arrays as people have them."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import halokeras
from halokeras.boxes.box_file import write_box as write_file
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError, ModelError, OutputError, ParamsError
from halokeras.fields.gridding import count
from halokeras.front import painters
from halokeras.networks.painter import whole_box
from halokeras.painters.model_store import save_painter


def test_the_front_door_is_what_all_says():
    assert halokeras.__all__ == sorted(halokeras.__all__)
    assert set(halokeras.__all__) == {
        "catalogue", "draw", "evaluate", "load_painter", "lpt", "measure", "paint", "read_box",
        "simulate", "snapshots", "train", "write_box",
    }  # fmt: skip
    for name in halokeras.__all__:
        assert callable(getattr(halokeras, name)) and name in dir(halokeras)
        assert getattr(halokeras, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'pain'"):
        halokeras.pain  # noqa: B018


def test_importing_it_imports_nothing_heavy():
    code = (
        "import halokeras, sys\n"
        "heavy = {'numpy', 'tensorflow', 'keras', 'numba', 'h5py', 'matplotlib', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_array_is_painted_as_the_network_paints_it_whole(tiny_box, tiny_painter, tiny_model):
    painted = halokeras.paint(tiny_box.density, voxel_size=4, redshift=0.3, model=tiny_model)
    assert painted.dtype == np.float32
    expected = whole_box(tiny_painter, tiny_box.density, tiny_painter.margin)
    np.testing.assert_allclose(painted, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "contrast"),
    [
        (lambda density: density.astype(np.float64), "1+delta"),
        (lambda density: density.astype(">f4"), "1+delta"),
        (lambda density: density.astype(">f8"), "1+delta"),
        (np.asfortranarray, "1+delta"),
        (lambda density: density[::-1][::-1], "1+delta"),
        (lambda density: density.tolist(), "1+delta"),
        (lambda density: density.astype(np.float64) - 1, "delta"),
        (lambda density: 7.5 * density.astype(np.float64), "rho"),
    ],
    ids=["float64", "big-endian", "big-endian 64", "Fortran", "view", "lists", "delta", "rho"],
)
def test_every_form_of_one_density_is_painted_alike(tiny_box, tiny_model, form, contrast):
    saved = halokeras.load_painter(tiny_model)
    plain = halokeras.paint(tiny_box.density, model=saved)
    given = halokeras.paint(form(tiny_box.density), model=saved, contrast=contrast)
    np.testing.assert_allclose(given, plain, rtol=1e-4, atol=1e-6)
    if contrast == "1+delta":
        np.testing.assert_array_equal(given, plain)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda density: density - 1, "add 1 to an overdensity"),
        (lambda density: 3 * density, "divide density by its mean"),
        (lambda density: density[0], "a grid of real numbers"),
        (lambda density: density.astype(complex), "a grid of real numbers"),
        (lambda density: np.where(density > 5, np.nan, density), "NaN"),
        (lambda density: 1e300 * density.astype(np.float64), "infinite"),
    ],
    ids=["delta", "rho", "2D", "complex", "NaN", "beyond float32"],
)
def test_what_is_no_density_is_refused_in_a_sentence(tiny_box, tiny_model, change, told):
    with pytest.raises(BoxError, match=told):
        halokeras.paint(change(tiny_box.density), model=tiny_model)


def test_an_unknown_contrast_and_a_contrast_that_does_not_fit_are_refused(tiny_box, tiny_model):
    with pytest.raises(BoxError, match="choose one of 1\\+delta, delta, rho"):
        halokeras.paint(tiny_box.density, model=tiny_model, contrast="overdensity")
    with pytest.raises(BoxError, match="mean 1, and an overdensity has 0"):
        halokeras.paint(tiny_box.density, model=tiny_model, contrast="delta")
    with pytest.raises(BoxError, match="positive"):
        halokeras.paint(tiny_box.density - 1.5, model=tiny_model, contrast="rho")


def test_another_voxel_size_is_refused_and_another_redshift_is_a_warning(tiny_box, tiny_model):
    with pytest.raises(ModelError, match="2 Mpc/h"):
        halokeras.paint(tiny_box.density, 2, 0.3, tiny_model)
    with pytest.warns(UserWarning, match="redshift 0.3 and the box has 1") as told:
        halokeras.paint(tiny_box.density, 4, 1, tiny_model)
    assert told[0].filename == __file__


def test_a_name_that_ships_is_a_painter_and_another_is_told():
    with pytest.raises(ModelError, match="did you mean gen"):
        halokeras.load_painter("gne")


def test_draws_become_a_catalogue_whose_halos_are_counted_again(tiny_box, drawing_model):
    saved = halokeras.load_painter(str(drawing_model))
    drawn = halokeras.draw(tiny_box.density, model=saved, seed=5)
    assert drawn.dtype == np.uint16 and drawn.sum() > 0
    assert (drawn != halokeras.draw(tiny_box.density, model=saved, seed=6)).any()
    listed = halokeras.catalogue(drawn, 4.0, seed=5, uniform=True)
    position = np.stack([listed[f"halo_{axis}"] for axis in "xyz"], axis=1)
    np.testing.assert_array_equal(count(position, drawn.shape, 4.0), drawn)
    np.testing.assert_array_equal(
        halokeras.catalogue(drawn.astype(np.int64), 4.0, seed=5, uniform=True)["halo_id"],
        listed["halo_id"],
    )
    with pytest.raises(BoxError, match="as `draw` gives them"):
        halokeras.catalogue(tiny_box.density)
    with pytest.raises(BoxError, match="negative"):
        halokeras.catalogue(drawn.astype(np.int64) - 1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "name the modes of the density .* or say uniform=True"),
        ({"velocity": np.zeros((3, 4, 4, 4))}, "or say uniform=True"),
        ({"modes": 3, "uniform": True}, "leave the other words for them out"),
        ({"voxel_size": float("nan")}, "voxel_size must be positive"),
        ({"voxel_size": 0.0}, "voxel_size must be positive"),
        ({"seed": -1}, "seed -1 must lie between"),
        ({"sub_density": np.full((8, 8, 8), -1.0)}, "sub_density.*negative"),
        ({"sub_density": np.full((8, 8, 8), np.nan)}, "sub_density.*NaN"),
        ({"velocity": np.zeros((3, 5, 5, 5))}, r"velocity has shape \(3, 5, 5, 5\)"),
        ({"velocity": np.zeros((4, 4, 4, 3))}, r"velocity has shape \(4, 4, 4, 3\)"),
    ],
)
def test_a_catalogue_of_what_cannot_be_is_refused(given, told):
    counts = np.ones((4, 4, 4), dtype=np.uint16)
    with pytest.raises(BoxError, match=told):
        halokeras.catalogue(counts, **given)


def test_a_catalogue_of_no_voxels_is_refused():
    with pytest.raises(BoxError, match="shape"):
        halokeras.catalogue(np.zeros((0, 4, 4), dtype=np.uint16))


def test_a_catalogue_is_that_of_the_command_where_the_modes_are_known(run):
    words = ["paint", "--voxels", "16", "--seed", "7", "--draw", "--catalogue", "--no-figure"]
    assert run(*words).exit_code == 0
    (density_file,) = Path("painted").glob("*_density.h5")
    (listed,) = Path("painted").glob("*_halos.hdf5")
    box = halokeras.read_box(density_file)
    drawn = halokeras.draw(box.density, seed=7, by_mass=True)
    found = halokeras.catalogue(drawn, seed=7, modes=box)
    again = halokeras.catalogue(drawn, seed=7, modes=7)
    with h5py.File(listed) as file:
        told = {name: file[name][:] for name in found}
    assert len(told["halo_id"]) > 100 and "halo_vx" in told
    for name, column in told.items():
        np.testing.assert_array_equal(found[name], column)
        np.testing.assert_array_equal(again[name], column)
    with pytest.raises(BoxError, match="not drawn on the density of seed 8"):
        halokeras.catalogue(drawn, seed=7, modes=8)
    with pytest.raises(BoxError, match="leave the other words for them out"):
        halokeras.catalogue(drawn, seed=7, modes=7, sub_density=box.density)


def test_modes_of_another_shape_or_of_others_are_refused(tiny_box, drawing_model):
    drawn = halokeras.draw(tiny_box.density, model=drawing_model)
    with pytest.raises(BoxError, match="modes of this box are not known"):
        halokeras.catalogue(drawn, modes=tiny_box)
    with pytest.raises(BoxError, match="of another shape than the counts"):
        halokeras.catalogue(drawn[:-1], modes=halokeras.read_box("00"))


def test_a_painter_is_loaded_once_and_again_when_it_changed(
    tiny_model, tiny_painter, tiny_provenance
):
    first = halokeras.load_painter(tiny_model)
    assert halokeras.load_painter(str(tiny_model)) is first
    tiny_painter.weights[0].assign(2 * np.asarray(tiny_painter.weights[0]))
    save_painter(tiny_painter, tiny_provenance, tiny_model)
    assert halokeras.load_painter(tiny_model).hash != first.hash


def test_a_painter_that_cannot_draw_says_so(tiny_box, tiny_model):
    with pytest.raises(ModelError, match="no law of counts"):
        halokeras.draw(tiny_box.density, model=tiny_model)


def test_a_box_is_written_read_and_scored(tiny_box, tiny_model, tmp_path):
    path = tmp_path / "mine.h5"
    halokeras.write_box(tiny_box, str(path))
    read = halokeras.read_box(str(path))
    np.testing.assert_array_equal(read.density, tiny_box.density)
    write_file(tiny_box, tmp_path / "again.h5")
    assert path.read_bytes() == (tmp_path / "again.h5").read_bytes()
    with pytest.warns(UserWarning, match="trained or chosen on this box"):
        card = halokeras.evaluate(read, tiny_model)
        assert card.to_json() == halokeras.evaluate(str(path), tiny_model).to_json()
    assert card.to_json()["mass_min"] == 2e12
    for shown in (repr(card), repr(halokeras.load_painter(tiny_model))):  # as a notebook shows them
        assert "array(" not in shown and len(shown) < 8000


def test_a_box_id_is_the_realisation_that_was_held_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "00").mkdir()  # which does not hide it, as it does not from the command
    assert halokeras.read_box("00").provenance["seed"] == 103
    with pytest.raises(BoxError, match="00, 01, 02, 03, 04"):
        halokeras.read_box("07")


def test_a_density_is_made_of_a_seed():
    density = halokeras.lpt((16, 8, 8), seed=7)
    assert density.dtype == np.float32 and density.shape == (16, 8, 8)
    assert density.mean(dtype=float) == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(density, halokeras.lpt((16, 8, 8), seed=7))
    other = halokeras.lpt((16, 8, 8), seed=7, cosmology="03")
    assert np.corrcoef(density.ravel(), other.ravel())[0, 1] > 0.9  # the same phases
    same = halokeras.lpt((16, 8, 8), seed=8)
    assert abs(np.corrcoef(density.ravel(), same.ravel())[0, 1]) < 0.5


def test_a_box_is_simulated(tmp_path):
    box = halokeras.simulate("00", 7, size=32, particles=32)
    assert box.shape == (8, 8, 8) and box.halos is not None
    spectra = halokeras.measure(box.density, box.density, box.voxel_size)
    np.testing.assert_allclose(spectra.cross_correlation, 1)


def test_who_simulates_is_warned_of_a_lattice_that_shows_in_the_density():
    told = "particles 6 a side are 1.5 along the side of a voxel.* choose particles of 8,"
    with pytest.warns(UserWarning, match=told) as caught:
        halokeras.simulate("00", 7, size=16, particles=6)
        halokeras.snapshots([1, 0.3], "00", 7, size=16, particles=6)
    assert [one.filename for one in caught] == [__file__] * 2


def test_snapshots_come_from_the_earliest_to_the_last():
    cosmology = Cosmology(70, 0.3, 0.05, 0.8, 0.96, w0=-0.9)
    early, late = halokeras.snapshots([0.3, 1], cosmology, 7, size=32, particles=32)
    assert (early.redshift, late.redshift) == (1, 0.3)
    assert late.cosmology == cosmology
    assert late.density.std() > early.density.std()


@pytest.mark.slow
def test_a_painter_is_trained_of_plain_fields(tmp_path, tiny_box):
    for name in ("train", "held_out"):
        halokeras.write_box(tiny_box, tmp_path / f"{name}.h5")
    paths = [{"path": str(tmp_path / f"{name}.h5")} for name in ("train", "held_out")]
    fields = {
        "box": {"train": paths[:1], "validate_on": paths[1:]},
        "critic": {"filters": [4], "kernel_sizes": [3], "strides": [1]},
        "painter": {"filters": 2, "kernel_sizes": [3, 1], "head_layers": 1, "output": "softplus"},
        "training": {"steps": 0, "warm_start": {"steps": 3, "crop_size": 8, "batch_size": 1}},
    }
    best = halokeras.train(fields, tmp_path / "run")
    assert halokeras.load_painter(best).draws is not None


@pytest.mark.slow
def test_a_notebook_shows_no_log_lines(tmp_path):
    code = (
        "import halokeras, numpy\n"
        "for side in range(6, 14): halokeras.paint(numpy.ones((side, 8, 8)))\n"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout == "" and found.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (lambda d: (d - 1, d, 4.0), "first field has the mean .* add 1 to an overdensity"),
        (lambda d: (d, d - d.mean(), 4.0), "second field has the mean"),
        (lambda d: (d, d[:-1], 4.0), "must cover the same voxels"),
        (lambda d: (d * np.nan, d, 4.0), "first field holds NaN"),
        (lambda d: (np.ma.masked_array(d, mask=d > 1), d, 4.0), "masked"),
        (lambda d: ([[1.0, 2.0]], d, 4.0), "grid of real numbers"),
        (lambda d: (d, d, 0), "voxel_size must be positive"),
        (lambda d: (d, d, 4.0, [0.3, 0.1]), "ascending"),
        (lambda d: (d, d, 4.0, 0.3), "ascending"),
    ],
)
def test_what_has_no_power_is_refused(tiny_box, arguments, told):
    with pytest.raises(BoxError, match=told):
        halokeras.measure(*arguments(tiny_box.density))


def test_powers_of_lists_and_arrays_are_the_same(tiny_box):
    density = tiny_box.density
    one = halokeras.measure(density, density, 4.0, [0.0, 0.2, 0.5])
    other = halokeras.measure(density.tolist(), density, 4.0, np.array([0.0, 0.2, 0.5]))
    np.testing.assert_allclose(one.cross, other.cross, rtol=1e-6)
    np.testing.assert_allclose(one.cross_correlation, 1)


@pytest.mark.parametrize("voxels", [8.0, (8, 8), "8", None, (8, 8, 8.5)])
def test_voxels_that_are_no_whole_numbers_are_refused(voxels):
    with pytest.raises(BoxError, match="neither a whole number nor three"):
        halokeras.lpt(voxels)


def test_whole_numbers_of_numpy_are_whole_numbers():
    np.testing.assert_array_equal(
        halokeras.lpt(np.int64(8), seed=np.int32(3)), halokeras.lpt((8, 8, 8), seed=3)
    )


def test_seeds_and_realizations_that_no_file_could_tell_are_refused(tiny_box, drawing_model):
    counts = np.zeros((4, 4, 4), np.uint16)
    with pytest.raises(BoxError, match=r"seed 1\.5 is no whole number"):
        halokeras.lpt(8, seed=1.5)
    for realization in (-1, 2**70, 0.5):
        with pytest.raises(BoxError, match="realization"):
            halokeras.catalogue(counts, realization=realization)
        with pytest.raises(BoxError, match="realization"):
            halokeras.draw(tiny_box.density, model=drawing_model, realization=realization)


def test_a_cosmology_that_is_needed_is_asked_for(tiny_box, tiny_model):
    with pytest.raises(BoxError, match="modes of a seed need a cosmology"):
        halokeras.catalogue(np.zeros((4, 4, 4), np.uint16), modes=3, cosmology=None)
    with pytest.raises(BoxError, match="name the cosmology"):
        halokeras.simulate(None)
    with pytest.raises(BoxError, match="neither a box id"):
        halokeras.paint(tiny_box.density, model=tiny_model, cosmology={"H0": 70})


def test_masked_voxels_are_not_painted_as_if_they_were_not(tiny_box, tiny_model):
    masked = np.ma.masked_array(tiny_box.density, mask=tiny_box.density > 3)
    with pytest.raises(BoxError, match="masked voxels"):
        halokeras.paint(masked, model=tiny_model)
    whole = np.ma.masked_array(tiny_box.density)
    assert halokeras.paint(whole, model=tiny_model).shape == tiny_box.shape


def test_params_may_hold_paths_and_numbers_of_numpy(tmp_path):
    named = {"run": {"directory": tmp_path / "runs"}, "training": {"seed": np.int64(3)}}
    found = painters._params(named)
    assert found.run.directory == str(tmp_path / "runs") and found.training.seed == 3
    with pytest.raises(ParamsError, match="neither text nor number"):
        halokeras.train({"training": {"seed": object()}})


def test_a_box_file_has_the_name_of_one(tiny_box, tmp_path):
    with pytest.raises(OutputError, match=r"end in \.h5 or \.zarr"):
        halokeras.write_box(tiny_box, tmp_path / "box.npy")


@pytest.mark.parametrize("wrong", ["4", None, [4, 4]])
def test_a_scale_that_is_no_number_is_told(tiny_box, tiny_model, wrong):
    for make in (
        lambda **scale: halokeras.paint(tiny_box.density, model=tiny_model, **scale),
        lambda **scale: halokeras.lpt(8, **scale),
    ):
        with pytest.raises(BoxError, match="voxel_size must be positive, in Mpc/h, not"):
            make(voxel_size=wrong)
        with pytest.raises(BoxError, match="redshift must be a number of 0 or more, not"):
            make(redshift=wrong)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: halokeras.evaluate(np.ones((4, 4, 4))), BoxError, "the box is a ndarray; name"),
        (lambda: halokeras.load_painter(3), ModelError, "model is a int; name a painter"),
        (lambda: halokeras.train(None), ParamsError, "params are a NoneType; name a params file"),
    ],
    ids=["box", "model", "params"],
)
def test_what_can_be_no_name_is_told(call, error, told):
    with pytest.raises(error, match=told):
        call()
