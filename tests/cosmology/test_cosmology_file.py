import json

import pytest

from halokeras.cosmology.cosmology import Cosmology
from halokeras.cosmology.cosmology_file import load_cosmology
from halokeras.errors import ParamsError

FIELDS = {"H0": 70, "omega_m": 0.3, "omega_b": 0.05, "sigma8": 0.8, "n_s": 0.96}


def test_a_cosmology_is_read(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(FIELDS))
    assert load_cosmology(tmp_path / "c.json") == Cosmology(**FIELDS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("[]", "valid dictionary"),
        (json.dumps(FIELDS)[:-1] + ', "n_s": 1}', "'n_s' is given twice"),
        (json.dumps({**FIELDS, "wa": 0}), "unknown field 'wa'; there are H0, omega_m"),
        (json.dumps({**FIELDS, "omega_k": 0}), "did you mean omega_b"),
        (json.dumps({**FIELDS, "H0": "70"}), "'H0'"),
        (json.dumps({**FIELDS, "sigma8": float("nan")}), "'sigma8'"),
        (json.dumps({k: v for k, v in FIELDS.items() if k != "omega_b"}), "'omega_b'"),
        (json.dumps({**FIELDS, "omega_b": 0.4}), "omega_b < omega_m"),
    ],
)
def test_what_is_no_cosmology_is_refused_by_name(tmp_path, text, told):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(ParamsError, match=told) as caught:
        load_cosmology(path)
    assert "c.json" in str(caught.value)


def test_a_missing_file_names_the_option(tmp_path):
    with pytest.raises(ParamsError, match="--cosmology"):
        load_cosmology(tmp_path / "none.json")
