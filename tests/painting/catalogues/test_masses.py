"""Draws of a painter of bins of mass: exclusion over bins, files, catalogues, evaluation."""

import zlib
from dataclasses import replace

import h5py
import numpy as np
import pytest

import halokeras
from halokeras.boxes.box import Box, halo_counts
from halokeras.boxes.box_file import Header, read_box, write_box
from halokeras.boxes.masses import own_definition
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.cosmology.halo_structure import concentrations, radii
from halokeras.errors import BoxError, ModelError
from halokeras.evaluation.catalogues import _placed_again, _simulated
from halokeras.fields.gridding import count, voxel_index
from halokeras.inspection.inspect import inspect
from halokeras.networks.painter import whole_box
from halokeras.painters.count_law import CountLaw
from halokeras.painters.exclusion import Exclusion
from halokeras.painters.model_files import read_files
from halokeras.painters.model_store import DrawModel, load_painter, painter_hash, save_painter
from halokeras.painting.catalogues.halos import halos
from halokeras.painting.catalogues.masses import Masses, check_spheres
from halokeras.painting.catalogues.places import Matter
from halokeras.painting.draws.counts import draw, draw_files, draw_from, draw_row
from halokeras.painting.expected import paint as painting
from halokeras.painting.expected import partial
from halokeras.painting.expected.paint import paint, paint_file
from halokeras.painting.inputs.density import density_of
from halokeras.sections import Selection

EDGES = (4e12, 1e13, 4e13)
PROBABILITIES = (
    (1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.36, 0.36, 0.2, 0.08, 0.0, 0.0),
    (0.0, 0.06, 0.24, 0.4, 0.24, 0.06),
)
SHIPPED_DEFINITION = "particle_mass N (1 - N^-0.6) of the N members (Warren et al. 2006)"


@pytest.fixture
def painter(binned_draws):
    return binned_draws.painter


@pytest.fixture
def draws(binned_draws):
    return binned_draws


@pytest.fixture
def folder(painter, draws, tiny_provenance, tmp_path):
    told = {
        **tiny_provenance,
        "mass_definition": SHIPPED_DEFINITION,
        "halo_finder": "friends b=0.2",
    }
    save_painter(painter, told, tmp_path / "models" / "halos", draws)
    return tmp_path / "models" / "halos"


@pytest.fixture
def saved(folder):
    return load_painter(folder)


def one_voxel_law(most=4):
    """Return a law under which voxels of whatever expectation hold exactly `most` halos."""
    return CountLaw(np.array([0.0, 1e-9]), np.eye(most + 1)[[0, most]])


def test_halos_are_shared_out_as_they_are_expected(draws):
    shares = np.array([0.5, 0.0, 0.3, 0.2], np.float32)
    expected = np.tile(0.7 * shares, (20, 20, 20, 1))
    older = replace(draws, count_law=one_voxel_law(), exclusion=None)
    by_mass = draw_from(older, expected, 1, 0)
    assert by_mass.dtype == np.uint8
    assert (by_mass.sum(axis=-1) == 4).all()  # halos exclude each other, whatever their masses
    np.testing.assert_allclose(by_mass.mean(axis=(0, 1, 2)), 4 * shares, atol=0.05)
    # within a voxel each halo chooses for itself: the bins of one voxel are multinomial
    for bin in (0, 2, 3):
        variance = 4 * shares[bin] * (1 - shares[bin])
        assert by_mass[..., bin].var() == pytest.approx(variance, rel=0.06)


def test_painters_that_know_no_exclusion_draw_what_they_always_drew():
    law = CountLaw(np.array([0.0, 1.0, 3.0]), np.array(PROBABILITIES))
    expected = np.linspace(0, 2, 8 * 9 * 10 * 3, dtype=np.float32).reshape(8, 9, 10, 3) / 3
    totals = draw_from(DrawModel(None, law), expected.sum(axis=-1), 5, 2)
    by_mass = draw_from(DrawModel(None, law, "masses"), expected, 5, 2)
    found = [zlib.crc32(drawn.tobytes()) for drawn in (totals, by_mass)]
    assert found == [3075213817, 635542226]  # of halopaint before exclusion was known


def test_a_voxel_has_one_heavy_halo_and_its_neighbors_keep_away():
    """A peak of three voxels, each of which may have the one heavy halo, in many boxes."""
    law = CountLaw(np.array([0.0, 1.0, 3.0]), np.array(PROBABILITIES))
    exclusion = Exclusion(np.array([1.0, 0.0]), np.array([[-0.06, -0.12], [-0.12, -0.15]]))
    draws = DrawModel(None, law, "masses", exclusion)
    expected = np.tile(np.array([1.0, 0.4], np.float32), (64, 64, 64, 1))
    drawn, older = (
        draw_from(one, expected, 1, 0).astype(int)
        for one in (draws, replace(draws, exclusion=None))
    )
    for by_mass in (drawn, older):  # the means are kept
        shares = law.mean(np.array(1.4)) * np.array([1.0, 0.4]) / 1.4
        np.testing.assert_allclose(by_mass.mean(axis=(0, 1, 2)), shares, rtol=0.01)
    assert drawn[..., 1].max() == 1 < older[..., 1].max()
    np.testing.assert_allclose(  # the law of all halos is kept
        *(np.bincount(by_mass.sum(axis=-1).ravel()) / 64**3 for by_mass in (drawn, older)),
        atol=4e-3,
    )
    heavy, before = drawn[..., 1], older[..., 1]
    peak, peak_before = (
        one + sum(np.roll(one, 1, axis) for axis in range(2)) for one in (heavy, before)
    )
    assert peak.var() < 0.6 * peak_before.var()
    beside, alone = np.roll(drawn.sum(axis=-1), 1, 0)[heavy == 1], drawn.sum(axis=-1)
    assert beside.mean() < 0.96 * alone.mean()


def test_of_the_voxels_of_a_peak_one_has_the_heavy_halo():
    """Pairs of voxels that are each as likely as not to hold a heavy halo, in many boxes."""
    law = CountLaw(np.array([0.0, 1.0, 3.0]), np.array(PROBABILITIES))
    neighbors, masses = np.zeros((2, 2)), np.array([1e12, 1e14])
    older = Exclusion(np.array([1.0, 0.0]), neighbors)
    known = replace(older, masses=masses)
    expected = np.tile(np.array([1.0, 1e-6], np.float32), (60, 60, 60, 1))
    for step in (0, 1):
        expected[step::5, ::5, ::5] = [1.0, 0.4]
    pairs = []
    for exclusion in (older, known):
        drawn = draw_from(DrawModel(None, law, "masses", exclusion), expected, 1, 0)[..., 1]
        first, second = drawn[::5, ::5, ::5], drawn[1::5, ::5, ::5]
        mean = law.mean(np.array(1.4)) / 1.4 * 0.4
        for one in (first, second):  # the means are kept
            np.testing.assert_allclose(one.mean(), mean, rtol=0.08)
        pairs.append((first * second).mean() / mean**2)
    assert pairs[0] == pytest.approx(1, abs=0.15)
    assert pairs[1] < 0.55  # light halos around count too


def test_a_row_draws_what_the_whole_box_does(draws, shared_box):
    expected = whole_box(draws.painter, shared_box.density, draws.painter.margin)
    whole = draw_from(draws, expected, 2, 1)
    for place in (
        (slice(0, 5), slice(9, 16), slice(0, 16)),
        (slice(15, 16), slice(0, 1), slice(0, 16)),
    ):
        around = np.ix_(*(np.arange(part.start - 1, part.stop + 1) % 16 for part in place[:2]))
        row = draw_row(draws, expected[around], place, (16, 16, 16), 2, 1)
        np.testing.assert_array_equal(row, whole[place])


def test_the_total_follows_the_law_of_all_and_bins_keep_their_means(draws, shared_box):
    expected = whole_box(draws.painter, shared_box.density, draws.painter.margin)
    several = [draw_from(draws, expected, 2, number) for number in range(30)]
    drawn = np.mean([by_mass.mean(axis=(0, 1, 2)) for by_mass in several], axis=0)
    lawful = draws.count_law.mean(expected.sum(axis=-1))[..., None]
    shares = draws.peaks.corrected_box(expected) / expected.sum(axis=-1, keepdims=True)
    means = (lawful * shares).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(drawn, means, rtol=0.05)


def test_the_tiles_leave_no_trace_and_seed_and_realization_do(draws, shared_box):
    whole = draw(draws, shared_box.density, 3)
    tiled = draw(draws, shared_box.density, 3, largest_tile=5)
    assert (whole != tiled).mean() < 1e-3  # a mean that rounds otherwise may cross a draw
    for seed, realization in ((4, 0), (3, 1)):
        assert (draw(draws, shared_box.density, seed, realization) != whole).any()


def test_a_law_of_masses_comes_back_and_names_the_painter(saved, folder, painter, draws):
    for name in ("masses", "tails"):
        ours, theirs = (getattr(one.mass_law, name) for one in (saved.draws, draws))
        np.testing.assert_array_equal(ours, theirs)
    for name in ("further", "neighbors", "masses"):
        ours, theirs = (getattr(one.exclusion, name) for one in (saved.draws, draws))
        np.testing.assert_array_equal(ours, theirs)
    without = [replace(draws, exclusion=None), replace(draws, mass_law=None, exclusion=None)]
    hashes = {painter_hash(painter, one) for one in without}
    assert saved.hash == read_files(folder).hash == painter_hash(painter, draws)
    assert len(hashes) == 2 and saved.hash not in hashes


BROKEN = {
    "negative": (lambda law: law["masses"][0].__setitem__(0, -1.0), "masses.0.0"),
    "infinite": (lambda law: law["masses"][3].__setitem__(-1, 1e300), "masses.3"),
    "descending": (lambda law: law["masses"][1].reverse(), "ascend"),
    "ragged": (lambda law: law["masses"][0].pop(), "equally long"),
    "a tail less": (lambda law: law["tails"].pop(), "equally many"),
    "a bin less": (lambda law: (law["masses"].pop(), law["tails"].pop()), "4 channels"),
    "foreign": (lambda law: law.update(code="import os"), "code"),
}


@pytest.mark.parametrize(("change", "word"), BROKEN.values(), ids=BROKEN)
def test_a_malformed_law_of_masses_is_refused(folder, rewrite, change, word):
    rewrite(folder / "mass_law.json", change)
    with pytest.raises(ModelError, match=word) as caught:
        load_painter(folder)
    assert "mass_law.json" in str(caught.value)


def test_bins_that_do_not_part_the_halos_it_learned_are_refused(
    painter, draws, tiny_provenance, tmp_path
):
    told = {**tiny_provenance, "selection": {"mass_min": 5e12, "mass_max": None}}
    save_painter(painter, told, tmp_path / "m", draws)
    with pytest.raises(ModelError, match=r"cannot part by mass: painter\.mass_edges"):
        load_painter(tmp_path / "m")


def test_an_edited_law_of_masses_is_named(folder):
    path = folder / "mass_law.json"
    path.write_text(path.read_text().replace("0.0", "1.0", 1))
    with pytest.raises(ModelError, match=r"mass_law\.json is damaged or edited"):
        load_painter(folder)


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_files_hold_totals_and_draws_the_bins_too(saved, tiny_box, tmp_path, suffix):
    given = density_of(tiny_box)
    outputs = [tmp_path / f"{number}{suffix}" for number in range(2)]
    draw_files(given, saved, "halos", outputs, seed=5)
    for number, output in enumerate(outputs):
        box = read_box(output)
        by_mass = draw(saved.draws, tiny_box.density, 5, number)
        np.testing.assert_array_equal(box.counts_by_mass, by_mass)
        np.testing.assert_array_equal(box.counts, by_mass.sum(axis=-1))
        assert (box.counts.dtype, box.counts_by_mass.dtype) == (np.uint16, np.uint8)
        assert box.provenance["mass_edges"] == "2e+12, 4e+12, 1e+13, 4e+13, inf"
    assert list(tmp_path.glob(f".*{suffix}*")) == []
    paint_file(given, saved, "halos", tmp_path / f"field{suffix}")
    field = read_box(tmp_path / f"field{suffix}")
    means = paint(saved.painter, tiny_box.density).sum(axis=-1)
    np.testing.assert_array_equal(field.counts, means)
    assert (field.counts.dtype, field.counts_by_mass) == (np.float32, None)
    told = inspect(outputs[1]).to_json()["counts"]
    assert told["by_mass"] == by_mass.sum(axis=(0, 1, 2)).tolist()


def test_rows_of_tiles_draw_what_the_whole_box_does(saved, tiny_box, tmp_path, monkeypatch):
    monkeypatch.setattr(painting, "LARGEST_TILE", 5)  # 16 voxels: the last tiles are partial
    draw_files(density_of(tiny_box), saved, "halos", [tmp_path / "d.h5"], seed=5)
    drawn = read_box(tmp_path / "d.h5").counts_by_mass
    # a mean that rounds otherwise may cross a draw
    assert (drawn != draw(saved.draws, tiny_box.density, 5)).mean() < 1e-3


def test_counts_by_mass_are_packed_and_sealed(saved, tiny_box, tmp_path):
    path = tmp_path / "d.h5"
    draw_files(density_of(tiny_box), saved, "halos", [path], seed=5)
    with h5py.File(path, "r+") as file:
        stored = file["counts_by_mass"]
        assert stored.id.get_storage_size() < stored.nbytes / 3
        stored[3, 3, 3] = stored[3, 3, 3][::-1] + np.array([1, 0, 0, 0], np.uint8)
    with pytest.raises(BoxError, match="counts_by_mass"):
        read_box(path)


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_a_draw_that_was_stopped_goes_on_to_the_same_bits(
    saved, tiny_box, tmp_path, monkeypatch, suffix
):
    monkeypatch.setattr(partial, "_SECONDS_BETWEEN_COMMITS", 0.0)
    monkeypatch.setattr(painting, "LARGEST_TILE", 8)
    given, whole, cut = density_of(tiny_box), tmp_path / f"w{suffix}", tmp_path / f"c{suffix}"

    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    draw_files(given, saved, "halos", [whole], seed=5)
    with pytest.raises(KeyboardInterrupt):
        draw_files(given, saved, "halos", [cut], seed=5, progress=stop)
    fractions = []
    draw_files(given, saved, "halos", [cut], seed=5, progress=fractions.append)
    assert 0 < len(fractions) < 4  # the box has four rows of tiles, and some were done
    for name in ("counts", "counts_by_mass"):
        ours, theirs = (getattr(read_box(path), name) for path in (cut, whole))
        np.testing.assert_array_equal(ours, theirs)
    if suffix == ".h5":
        assert cut.read_bytes() == whole.read_bytes()


def test_counts_by_mass_that_do_not_fit_are_refused(tmp_path):
    counts = np.ones((4, 4, 4), np.uint16)
    box = Box(4.0, 0.3, None, counts=counts, counts_by_mass=np.ones((4, 4, 4, 2), np.uint8))
    with pytest.raises(BoxError, match="do not add up"):
        write_box(box, tmp_path / "b.h5")
    with pytest.raises(BoxError, match="same voxels"):
        write_box(replace(box, counts_by_mass=np.ones((4, 4), np.uint8)), tmp_path / "b.h5")


def listed(saved, by_mass, definition=None, spheres=None, **options):
    learned = saved.provenance
    if definition is not None:
        selection = learned.selection.model_copy(update={"mass_definition": definition})
        learned = learned.model_copy(update={"selection": selection})
    header = Header(4.0, 0.3, ABACUS_COSMOS["00"])
    masses = Masses(by_mass, saved.draws.mass_law, learned, header, spheres)
    counts = by_mass.sum(axis=-1).astype(np.uint16)
    pieces = list(halos(counts, 4.0, 7, 0, masses=masses, **options))
    assert masses.names == [name for name in pieces[0] if name in masses.names]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}, masses


def test_masses_lie_in_the_bins_they_were_drawn_in_the_heaviest_first(saved, shared_box):
    by_mass = draw(saved.draws, shared_box.density, 7)
    columns, _ = listed(saved, by_mass)
    position = np.stack([columns[f"halo_{axis}"] for axis in "xyz"], axis=1)
    edges = (2e12, *EDGES, np.inf)
    for bin in range(4):
        inside = (columns["halo_mass"] >= edges[bin]) & (columns["halo_mass"] < edges[bin + 1])
        np.testing.assert_array_equal(count(position[inside], (16,) * 3, 4.0), by_mass[..., bin])
    voxel = voxel_index(position, (16,) * 3, 4.0)
    falling = np.diff(columns["halo_mass"]) <= 0
    assert falling[np.diff(voxel) == 0].all()
    assert (np.diff(voxel) == 0).sum() > 50
    assert (columns["halo_upid"] == -1).all()
    np.testing.assert_array_equal(columns["halo_hostid"], columns["halo_id"])


@pytest.mark.parametrize("largest_piece", [1, 16 * 40, 10**9])
def test_the_pieces_leave_no_trace_in_the_masses(saved, shared_box, largest_piece):
    by_mass = draw(saved.draws, shared_box.density, 7)
    whole, parts = (
        listed(saved, by_mass, largest_piece=largest)[0] for largest in (10**9, largest_piece)
    )
    for name, column in whole.items():
        np.testing.assert_array_equal(parts[name], column)


HALOTOOLS = {
    "virial": ("halo_mvir", "halo_rvir"),
    "200b": ("halo_m200b", "halo_r200b"),
    "200c": ("halo_m200c", "halo_r200c"),
}


@pytest.mark.parametrize("definition", HALOTOOLS)
def test_masses_within_spheres_have_radii_and_concentrations(saved, shared_box, definition):
    columns, masses = listed(saved, draw(saved.draws, shared_box.density, 7), definition)
    mass, radius = HALOTOOLS[definition]
    assert "halo_mass" not in columns
    known = columns[mass], definition, ABACUS_COSMOS["00"], 0.3
    np.testing.assert_allclose(columns[radius], radii(*known), rtol=1e-6)
    np.testing.assert_allclose(columns["halo_nfw_conc"], concentrations(*known), rtol=1e-6)
    assert masses.about["mass_definition"] == definition
    assert "diemer19" in masses.about["concentration_relation"]


def test_masses_of_friends_have_no_radius_unless_they_are_taken_for_others(saved, shared_box):
    by_mass = draw(saved.draws, shared_box.density, 7)
    columns, masses = listed(saved, by_mass)
    assert own_definition(saved.provenance.model_extra) == "fof" == masses.about["mass_definition"]
    assert set(columns) == {"halo_id", "halo_mass", "halo_upid", "halo_hostid"} | {
        f"halo_{axis}" for axis in "xyz"
    }
    taken, masses = listed(saved, by_mass, spheres="200b")
    np.testing.assert_array_equal(taken["halo_mass"], columns["halo_mass"])
    expected = radii(columns["halo_mass"], "200b", ABACUS_COSMOS["00"], 0.3)
    np.testing.assert_allclose(taken["halo_r200b"], expected, rtol=1e-6)
    assert "taken as 200b" in masses.about["radius_definition"]


def test_radii_that_cannot_be_had_are_refused(saved):
    header = Header(4.0, 0.3, ABACUS_COSMOS["00"])
    check_spheres("200c", saved.draws.mass_law, saved.provenance, header)
    with pytest.raises(ModelError, match="no masses"):
        check_spheres("200c", None, saved.provenance, header)
    with pytest.raises(BoxError, match="cosmology"):
        check_spheres(
            "200c", saved.draws.mass_law, saved.provenance, replace(header, cosmology=None)
        )
    virial = Selection(mass_min=2e12, mass_definition="virial")
    learned = saved.provenance.model_copy(update={"selection": virial})
    with pytest.raises(ModelError, match="masses are virial"):
        check_spheres("200c", saved.draws.mass_law, learned, header)


@pytest.mark.parametrize("largest_piece", [1, 8 * 60, 8 * 1000, 8 * 3000])
def test_the_pieces_leave_no_trace_where_halos_give_way_to_heavier_ones(
    saved, shared_box, largest_piece
):
    by_mass = draw(saved.draws, shared_box.density, 7)
    fine = np.random.default_rng(4).lognormal(size=(32,) * 3)
    matter = Matter(fine, sharpness=1.5, exclusion=0.1, reach=0.5, reach_by_mass=1.2)
    expected, _ = listed(saved, by_mass, matter=matter)
    found, _ = listed(saved, by_mass, matter=matter, largest_piece=largest_piece)
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name], column)
    without, _ = listed(saved, by_mass, matter=replace(matter, reach=0.0, reach_by_mass=0.0))
    assert (without["halo_x"] != expected["halo_x"]).any()


def test_counts_that_are_not_those_of_the_bins_are_refused(saved, shared_box):
    by_mass = draw(saved.draws, shared_box.density, 7)
    masses = Masses(by_mass, saved.draws.mass_law, saved.provenance, Header(4.0, 0.3, None))
    with pytest.raises(BoxError, match="add up"):
        list(halos(np.ones((16,) * 3, np.uint16), 4.0, 7, masses=masses))


def test_the_front_door_gives_totals_and_catalogues_with_masses(saved, tiny_box):
    density = tiny_box.density
    total = halokeras.draw(density, model=saved, seed=7)
    by_mass = halokeras.draw(density, model=saved, seed=7, by_mass=True)
    assert total.shape == (16,) * 3
    np.testing.assert_array_equal(by_mass.sum(axis=-1), total)
    assert halokeras.paint(density, model=saved).shape == (16,) * 3
    columns = halokeras.catalogue(by_mass, seed=7, uniform=True, model=saved)
    expected, _ = listed(saved, by_mass)
    np.testing.assert_array_equal(columns["halo_mass"], expected["halo_mass"])
    assert "halo_mass" not in halokeras.catalogue(total, seed=7, uniform=True)
    with pytest.raises(ModelError, match="4 bins of mass and the counts 3"):
        halokeras.catalogue(by_mass[..., :3], uniform=True, model=saved)


def test_a_painter_without_masses_is_refused_by_name(drawing_model, tiny_box):
    with pytest.raises(ModelError, match="draws no masses"):
        halokeras.draw(tiny_box.density, model=drawing_model, by_mass=True)


@pytest.mark.parametrize("format", ["hdf5", "fits", "ecsv", "parquet"])
def test_the_command_lists_masses_in_every_format(run, folder, tiny_box, tmp_path, format):
    write_box(tiny_box, tmp_path / "box.h5")
    made = run(
        "paint", "--box", tmp_path / "box.h5", "--model", folder, "--draw", "--catalogue",
        "--catalogue-format", format, "--places", "uniform", "--no-figure", "--output",
        tmp_path / "d.h5",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    path = tmp_path / f"d_halos.{format}"
    by_mass = read_box(tmp_path / "d.h5").counts_by_mass
    mass = read_mass(path, format)
    edges = (2e12, *EDGES, 1e20)
    np.testing.assert_array_equal(np.histogram(mass, edges)[0], by_mass.sum(axis=(0, 1, 2)))
    assert inspect(path).to_json()["halos"]["mass_definition"] == "fof"
    again = run(
        "paint", "--box", tmp_path / "box.h5", "--model", folder, "--draw", "--no-figure",
        "--output", tmp_path / "d.h5",
    )  # fmt: skip
    assert again.exit_code == 0, again.output  # the same painting replaces itself


def read_mass(path, format):
    if format == "hdf5":
        with h5py.File(path) as file:
            assert file["halo_mass"].attrs["unit"] == "Msun/h"
            return file["halo_mass"][:]
    if format == "parquet":
        from pyarrow import parquet

        return parquet.read_table(path)["halo_mass"].to_numpy()
    from astropy.table import Table

    return Table.read(path, format="ascii.ecsv" if format == "ecsv" else format)["halo_mass"]


def test_the_true_counts_of_an_evaluation_keep_the_true_masses(saved, tiny_box):
    selection = saved.provenance.selection
    chosen = _simulated(tiny_box.halos, selection, tiny_box, 0.01)
    placed = _placed_again(chosen, tiny_box, Matter(), 0.01)
    for low, high in ((2e12, 1e13), (1e13, 1e15)):
        grids = [
            count(one.position[(one.mass >= low) & (one.mass < high)], (16,) * 3, 4.0)
            for one in (placed, chosen)
        ]
        np.testing.assert_array_equal(*grids)
    assert halo_counts(tiny_box, **selection.model_dump()).sum() == len(placed.position)


IMPOSSIBLE = {
    "too few weights": (lambda told: told["further"].pop(), "do not fit a painter of 4 channels"),
    "no weight": (lambda told: told.update(further=[0.0] * 4), "all weights"),
    "weight above one": (lambda told: told.update(further=[2.0] * 4), "must be 1 or less"),
    "not symmetric": (lambda told: told["neighbors"][0].reverse(), "not symmetric"),
    "too strong": (
        lambda told: told.update(neighbors=[[-0.28, -0.28], [-0.28, -0.28]]),
        "correlated more than",
    ),
    "masses in disorder": (lambda told: told["masses"].reverse(), "ascend"),
    "too few masses": (lambda told: told["masses"].pop(), "3 masses do not fit"),
    "no mass": (lambda told: told["masses"].__setitem__(0, 0.0), "masses.0"),
}


@pytest.mark.parametrize(("change", "word"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_malformed_exclusion_is_refused(folder, rewrite, change, word):
    rewrite(folder / "exclusion.json", change)
    with pytest.raises(ModelError, match=word) as caught:
        load_painter(folder)
    assert "exclusion.json" in str(caught.value)
