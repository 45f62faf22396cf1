import json

import pytest

from halokeras.cosmology.cosmology import Cosmology
from halokeras.cosmology.cosmology_file import load_cosmology
from halokeras.cosmology.power import camb_results
from halokeras.errors import ParamsError

FIELDS = {"H0": 70, "omega_m": 0.3, "omega_b": 0.05, "sigma8": 0.8, "n_s": 0.96}
WITHOUT_SIGMA8 = {name: value for name, value in FIELDS.items() if name != "sigma8"}


def test_a_cosmology_is_read(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(FIELDS))
    assert load_cosmology(tmp_path / "c.json") == Cosmology(**FIELDS)


def test_dark_energy_and_an_amplitude_are_read(tmp_path):
    told = {**FIELDS, "w0": -0.9, "wa": 0.2}
    cosmology = Cosmology(**told)
    results = camb_results(cosmology, k_max=16.0, primordial_amplitude=2.1e-9)
    told["A_s"] = 2.1e-9
    del told["sigma8"]
    (tmp_path / "c.json").write_text(json.dumps(told))
    found = load_cosmology(tmp_path / "c.json")
    assert found.sigma8 == pytest.approx(results.get_sigma8_0(), rel=1e-4)
    assert (found.w0, found.wa) == (-0.9, 0.2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object of H0, omega_m"),
        (json.dumps(FIELDS)[:-1] + ', "n_s": 1}', "'n_s' is given twice"),
        (json.dumps({**FIELDS, "mnu": 0}), "unknown field 'mnu'; there are H0, omega_m"),
        (json.dumps({**FIELDS, "omega_k": 0}), "did you mean omega_b"),
        (json.dumps({**FIELDS, "H0": "70"}), "'H0'"),
        (json.dumps({**FIELDS, "sigma8": float("nan")}), "'sigma8'"),
        (json.dumps({k: v for k, v in FIELDS.items() if k != "omega_b"}), "'omega_b'"),
        (
            json.dumps({**FIELDS, "omega_b": 0.4}),
            "omega_b is 0.4 and must lie between 0 and omega_m, 0.3",
        ),
        (
            json.dumps({**FIELDS, "omega_m": 1.2}),
            "c.json: omega_m is 1.2 and must lie between 0 and 1$",
        ),
        (json.dumps({**FIELDS, "A_s": 2e-9}), "has both of 'sigma8' and 'A_s'"),
        (json.dumps(WITHOUT_SIGMA8), "has neither of 'sigma8' and"),
        (json.dumps({**WITHOUT_SIGMA8, "A_s": 2.1}), "A_s is 2.1, which makes sigma8 .* some 2e-9"),
        (json.dumps({**FIELDS, "wa": 0.9}), "matter never dominated"),
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
