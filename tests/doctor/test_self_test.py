import json

import numpy as np
import pytest

from halokeras.doctor import self_test
from halokeras.doctor.finding import Level
from halokeras.painters.model_store import load_painter
from halokeras.resources import shipped


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(self_test, "_SECONDS", 1e-9)


def test_the_density_is_a_periodic_one_of_mean_1_and_of_the_seed_alone():
    density = self_test.known_density()
    np.testing.assert_array_equal(density, self_test.known_density())
    assert density.min() > 0
    np.testing.assert_allclose(density.mean(dtype=float), 1, rtol=1e-6)
    inside, across = np.diff(density, axis=0), density[0] - density[-1]
    assert np.abs(across).mean() < 1.2 * np.abs(inside).mean()


def test_the_shipped_painter_paints_what_is_stored():
    """After a new painter ships, `python -m halokeras.doctor.self_test` stores its counts."""
    known = json.loads(self_test.KNOWN.read_text())
    saved = load_painter(shipped("saved_models") / "gen")
    assert saved.hash == known["painter"]
    assert self_test.largest_difference(self_test.painted(saved), known) < 1e-4
    assert len(known["counts"]) == 128 and max(known["counts"]) > 1


def test_a_difference_is_relative_to_the_count_or_where_there_are_few_to_the_mean():
    known = {"mean": 0.5, "variance": 1.0, "counts": [10.0, 0.0]}
    assert self_test.largest_difference(known, known) == 0
    found = {**known, "counts": [10.1, 0.0]}
    assert self_test.largest_difference(found, known) == pytest.approx(0.01)
    found = {**known, "counts": [10.0, 0.01]}
    assert self_test.largest_difference(found, known) == pytest.approx(0.02)
    found = {**known, "counts": [10.0, float("nan")]}
    assert self_test.largest_difference(found, known) == float("inf")


def test_counts_that_are_off_another_painter_or_an_error_are_problems(tmp_path, monkeypatch):
    from halokeras.doctor import examine

    known = json.loads(self_test.KNOWN.read_text())
    path = tmp_path / "known.json"
    monkeypatch.setattr(self_test, "KNOWN", path)

    path.write_text(json.dumps({**known, "counts": [1.01 * c for c in known["counts"]]}))
    found = self_test.check_painting()
    assert found.level == Level.PROBLEM and "are off by 0.0099" in found.value
    assert "TF_ENABLE_ONEDNN_OPTS=0" in found.remedy

    path.write_text(json.dumps({**known, "painter": "another"}))
    assert "another painter" in self_test.check_painting().value

    path.unlink()
    found = examine._whole("self-test", self_test.check_painting)
    assert found.level == Level.PROBLEM and "known.json" in found.value
