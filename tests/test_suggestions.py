from halokeras.suggestions import beside, did_you_mean


def test_the_nearest_known_name_is_suggested_and_a_far_one_is_not():
    assert did_you_mean("quik.json", ["quick.json", "paper.json"]) == " (did you mean quick.json?)"
    assert did_you_mean("zzz", ["quick.json", "paper.json"]) == ""
    assert did_you_mean("a", []) == ""
    assert did_you_mean("omega_M", ["omega_b", "omega_m"]) == " (did you mean omega_m?)"


def test_files_beside_a_missing_one_are_suggested(tmp_path):
    (tmp_path / "box00_seed7.h5").touch()
    (tmp_path / "box00_seed7.png").touch()
    missing = tmp_path / "box00_sed7.h5"
    assert beside(missing, pattern="*.h5") == " (did you mean box00_seed7.h5?)"
    assert beside(tmp_path / "no" / "box00_sed7.h5", pattern="*.h5") == ""
    (tmp_path / "my.json").touch()  # shares nothing but the ending
    assert beside(tmp_path / "our.json", pattern="*.json") == ""
    assert "box00_seed7" in beside(tmp_path / "no" / "box00_sed7.h5", tmp_path)
