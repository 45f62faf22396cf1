from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halokeras.boxes.box import halo_counts
from halokeras.boxes.box_file import read_box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.fields.gridding import count
from halokeras.fields.orientation import find_orientation, move_positions, read_axes
from halokeras.resources import shipped
from halokeras.sources.checks.checks import check_source
from halokeras.sources.checks.findings import Verdict
from halokeras.sources.source import Source

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
FILES = sorted(shipped("boxes").glob("*.h5"))


def of(path):
    box = read_box(path)
    source = Source(
        path.name,
        box.box_size[0],
        box.redshift,
        box.cosmology,
        Halos(box.halos.position, box.halos.mass),
        provenance=box.provenance,
        assumed=("positions are taken to be comoving",),
    )
    return source, box.density, halo_counts(box), box.voxel_size


@pytest.fixture(scope="module")
def shipped_box():
    return of(FILES[0])


def refusal(*args, **kwargs):
    with pytest.raises(BoxError) as caught:
        check_source(*args, **kwargs)
    return str(caught.value)


# one of them is enough where time is short
SLOW = [pytest.param(path, marks=pytest.mark.slow) for path in FILES[1:]]


@pytest.mark.parametrize("path", [FILES[0], *SLOW], ids=lambda path: path.stem)
def test_shipped_boxes_raise_no_alarm(path):
    assert not check_source(*of(path), density_scheme="2lpt").of(Verdict.WARNING)


def test_the_report_is_a_text_with_a_line_a_finding(shipped_box):
    report = check_source(*shipped_box, density_scheme="2lpt")
    lines = report.text().splitlines()
    assert lines[0].startswith("box00_seed1.h5: ")
    assert len(lines) == 1 + len(report.findings)
    assert lines[1] == "note:     positions are taken to be comoving"


def test_masses_in_msun_are_a_warning_and_in_1e10_a_refusal(shipped_box):
    source, density, counts, voxel_size = shipped_box
    h, mass = source.cosmology.H0 / 100, source.halos.mass
    heavy = replace(source, halos=Halos(source.halos.position, mass / h))
    report = check_source(heavy, density, counts, voxel_size)
    assert any("as if masses were Msun;" in one.text for one in report.of(Verdict.WARNING))
    light = replace(source, halos=Halos(source.halos.position, mass / 1e10))
    assert "multiply by 1e+10" in refusal(light, density, counts, voxel_size)


@pytest.mark.parametrize("change", ["sigma8", "masses 10 % off", "another definition"])
def test_data_that_are_a_little_off_are_not_refused(shipped_box, change):
    source, density, counts, voxel_size = shipped_box
    if change == "sigma8":
        cosmology = Cosmology(68.0, 0.3, 0.048, 0.78, 0.96)
        source = replace(source, cosmology=cosmology)
    elif change == "another definition":
        source = replace(source, provenance={"mass_definition": "200c"})
    else:
        halos = Halos(source.halos.position, source.halos.mass * 1.1)
        source = replace(source, halos=halos)
    check_source(source, density, counts, voxel_size, density_scheme="2lpt")


def test_swapped_axes_are_refused_with_the_option_that_mends_them(shipped_box):
    source, density, _, voxel_size = shipped_box
    turned = move_positions(source.halos.position, read_axes("y,x,-z"), 256.0, voxel_size)
    counts = count(turned, density.shape, voxel_size)
    assert 'use --axes "y,x,-z"' in refusal(source, density, counts, voxel_size)


def test_halos_of_another_realisation_are_refused_unless_forced(shipped_box):
    source, density, _, voxel_size = shipped_box
    other = halo_counts(read_box(FILES[1]))
    assert "same realisation" in refusal(source, density, other, voxel_size)
    report = check_source(source, density, other, voxel_size, force=True)
    assert len(report.of(Verdict.REFUSED)) == 1


def test_a_few_halos_are_a_warning_and_never_told_to_be_moved(shipped_box):
    source, density, _, voxel_size = shipped_box
    position = np.random.default_rng(2).uniform(0, 256, (3, 3)).astype(np.float32)
    few = replace(source, halos=Halos(position, source.halos.mass[:3]))
    report = check_source(few, density, count(position, density.shape, voxel_size), voxel_size)
    assert any("3 voxels hold halos, too few" in one.text for one in report.of(Verdict.WARNING))


def test_fields_of_other_sizes_or_redshifts_are_refused(shipped_box):
    source, density, counts, voxel_size = shipped_box
    wrong = refusal(source, density, counts[:32, :32, :32], voxel_size)
    assert "64x64x64 voxels and counts 32x32x32" in wrong
    assert "box_size" in refusal(source, density, counts, 2 * voxel_size)
    early = replace(source, density_redshift=49.0)
    at_start = refusal(early, density, counts, voxel_size)
    assert "redshift 49" in at_start
    wide = replace(source, density_box_size=256e3)
    in_kpc = refusal(wide, density, counts, voxel_size)
    assert "256000 Mpc/h" in in_kpc


def test_an_initial_density_that_was_not_scaled_is_refused(shipped_box):
    source, density, counts, voxel_size = shipped_box
    start = 1 + 0.025 * (density - 1)
    assert "scale it to that redshift" in refusal(source, start, counts, voxel_size)


def test_a_wrong_label_is_refused_and_an_unknown_one_is_not(shipped_box):
    wrong = refusal(*shipped_box, density_scheme="zeldovich")
    assert "labelled zeldovich and looks like 2lpt" in wrong
    check_source(*shipped_box, density_scheme="unknown")


def test_grids_that_are_no_fields_are_refused(shipped_box):
    source, density, counts, voxel_size = shipped_box
    assert "NaN" in refusal(source, np.full_like(density, np.nan), counts, voxel_size)
    assert "no halo is in the box" in refusal(source, density, 0 * counts, voxel_size)


def test_a_source_of_counts_without_cosmology_is_checked_for_what_it_has(shipped_box):
    source, density, counts, voxel_size = shipped_box
    grids = replace(source, halos=None, counts=counts, cosmology=None)
    assert not check_source(grids, density, counts, voxel_size).of(Verdict.WARNING)
    half = count((source.halos.position - 2) % 256, density.shape, voxel_size)
    grids = replace(grids, counts=half)
    wrong = refusal(grids, density, half, voxel_size)
    assert "whole counts cannot be moved" in wrong
    rolled = np.roll(counts, 32, (0, 1, 2))
    grids = replace(grids, counts=rolled)
    assert 'use --shift "' in refusal(grids, density, rolled, voxel_size)


@pytest.mark.parametrize("name", ["fastpm_L128_N128_s42_z0.3", "fastpm_L256_N256_s2024_z0.3"])
def test_a_real_density_that_is_half_a_voxel_off_is_named_and_mended(name):
    path = DATA / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with np.load(path, allow_pickle=False) as data:
        fields = {key: data[key] for key in ("density_2lpt", "density_nbody")}
        position, mass = data["halo_pos"], data["halo_mass"]
        box_size, voxel_size = float(data["L"]), float(data["voxel"])
        cosmology = Cosmology(67.26, 0.3142, 0.04911683, 0.83, 0.9652)
        provenance = {"halo_finder": "FoF", "particle_mass": float(data["particle_mass"])}
    table = Halos(position, mass)
    source = Source(name, box_size, 0.3, cosmology, table, provenance=provenance)
    density = fields["density_2lpt"]
    counts = count(position % box_size, density.shape, voxel_size)
    wrong = refusal(source, density, counts, voxel_size, density_scheme="2lpt")
    assert 'use --shift "0.5,0.5,0.5"' in wrong
    repair = find_orientation(density, counts).orientation
    moved = Halos(move_positions(position, repair, box_size, voxel_size), mass)
    counts = count(moved.position, density.shape, voxel_size)
    source = replace(source, halos=moved)
    arguments = (source, density, counts, voxel_size)
    assert not check_source(*arguments, density_scheme="2lpt").of(Verdict.WARNING)
    arguments = (source, fields["density_nbody"], counts, voxel_size)
    wrong = refusal(*arguments, density_scheme="2lpt")
    assert "looks like nbody" in wrong


def test_masses_of_no_known_unit_are_refused_where_the_factor_is_large(shipped_box):
    source, density, counts, voxel_size = shipped_box
    logarithms = 1e10 * np.log10(source.halos.mass.astype(float))
    lost = replace(source, halos=Halos(source.halos.position, logarithms))
    told = refusal(lost, density, counts, voxel_size)
    assert "times their mass" in told and "no known unit" in told
    some = slice(None, None, 10)  # a tenth of a catalogue is still one
    halos = Halos(source.halos.position[some], source.halos.mass[some])
    few = count(halos.position, density.shape, voxel_size)
    report = check_source(replace(source, halos=halos), density, few, voxel_size)
    assert any("no known unit" in one.text for one in report.of(Verdict.WARNING))
