import numpy as np
import pytest

from halokeras.boxes.halos import Halos
from halokeras.sources.checks.findings import Verdict
from halokeras.sources.checks.halo_checks import check_planes, check_table

BOX, H = 128.0, 0.7
POSITION = (np.random.default_rng(1).random((1000, 3)) * BOX).astype(np.float32)
MASS = np.linspace(1e12, 1e14, 1000)


def verdicts(position=POSITION, mass=MASS, id=None):
    return list(check_table(Halos(position, mass, id), BOX, H))


def only(findings, verdict):
    (found,) = [one for one in findings if one.verdict is verdict]
    return found.text


def test_a_sound_catalogue_passes():
    found = verdicts(id=np.arange(1000))
    assert {one.verdict for one in found} == {Verdict.PASSED}


def test_nan_positions_and_masses_without_mass_are_counted():
    position, mass = POSITION.copy(), MASS.copy()
    position[3, 1] = np.nan
    mass[[5, 7]] = 0, np.inf
    refusals = [one.text for one in verdicts(position, mass) if one.verdict is Verdict.REFUSED]
    assert [text.split(" ")[0] for text in refusals] == ["1", "2"]


@pytest.mark.parametrize(
    ("factor", "unit"),
    [
        (1e3, "kpc/h"),
        (1 / H, "Mpc"),
        (1e3 / H, "kpc"),
        (1 / BOX, "units of the box"),
        (H, "Mpc/h beside a box_size in Mpc"),
        (1e-3, "Mpc/h beside a box_size in kpc/h"),
    ],
)
def test_positions_in_a_wrong_unit_are_named(factor, unit):
    text = only(verdicts(POSITION * factor), Verdict.REFUSED)
    assert f"as if in {unit}; multiply them by {1 / factor:.6g}" in text


def test_positions_about_the_middle_are_only_noted():
    text = only(verdicts(POSITION - BOX / 2), Verdict.NOTE)
    assert "middle" in text


def test_a_few_strays_are_wrapped_and_many_are_refused():
    position = POSITION.copy()
    position[:5, 0] = BOX + 1
    assert "5 of 1000" in only(verdicts(position), Verdict.WARNING)
    position[:400, 0] += 2.5 * BOX
    assert "400 of 1000" in only(verdicts(position), Verdict.REFUSED)


def test_a_halo_on_the_far_face_is_inside():
    position = POSITION.copy()
    position[0, 2] = BOX
    assert {one.verdict for one in verdicts(position)} == {Verdict.PASSED}


def test_halos_listed_twice_are_counted():
    index = np.append(np.arange(1000), np.arange(100))
    assert "100 of 1100 halos are listed again" in only(
        verdicts(POSITION[index], MASS[index]), Verdict.REFUSED
    )
    few = np.append(np.arange(1000), [3, 4])
    assert "2 of 1002" in only(verdicts(POSITION[few], MASS[few]), Verdict.WARNING)


def test_a_subhalo_on_its_host_is_told_from_a_halo_listed_twice():
    position = POSITION.copy()
    position[1] = position[0]
    assert "subhalos" in only(verdicts(position), Verdict.WARNING)


def test_repeated_ids_are_counted():
    assert "500 of 1000 halo ids" in only(verdicts(id=np.arange(1000) % 500), Verdict.WARNING)


def test_no_halos_are_refused():
    assert "no halos" in only(verdicts(POSITION[:0], MASS[:0]), Verdict.REFUSED)


def test_an_empty_slab_is_placed():
    counts = np.ones((16, 16, 16), dtype=np.float32)
    counts[:, 12:14] = 0
    text = only(check_planes(counts, "counts", 8.0), Verdict.REFUSED)
    assert "2 of the 16 planes along y, between 96 and 112 Mpc/h" in text


def test_planes_with_few_halos_may_be_empty():
    counts = np.zeros((16, 16, 16))
    counts[::2, ::4, ::4] = 1
    assert [one.verdict for one in check_planes(counts, "counts", 8.0)] == [Verdict.NOTE]
    counts[...] = 1
    assert [one.verdict for one in check_planes(counts, "density", 8.0)] == [Verdict.PASSED]
