import subprocess
import sys

import pytest

from halokeras.errors import ModelError
from halokeras.inspection.inspect import inspect
from halokeras.resources import shipped


@pytest.mark.parametrize("name", ["tiny_model", "drawing_model"])
def test_a_painter_is_told_as_it_is_loaded(request, name):
    from halokeras.painters.model_store import load_painter

    folder = request.getfixturevalue(name)
    loaded = load_painter(folder)
    told = inspect(folder).to_json()
    assert told["kind"] == "painter"
    assert told["network"]["hash"] == loaded.hash
    assert told["network"]["weights"] == loaded.painter.count_params()
    assert told["network"]["sees"] == 2 * loaded.painter.margin + 1
    assert told["network"]["draws"] == (name == "drawing_model")
    assert told["network"]["architecture"]["filters"] == 3
    assert told["trained_on"]["selection"] == {
        "mass_min": 2e12,
        "mass_max": None,
        "mass_definition": None,
    }
    assert list(told["trained_on"]["boxes"]) == ["box00_seed1.h5"]
    assert told["cosmology"]["omega_m"] == 0.314153
    assert told["validation"] is None
    assert told["provenance"]["note"] == "kept as it is"


@pytest.mark.parametrize("name", ["gen", "any", "paper"])
def test_the_shipped_painters_are_told_with_their_validation(name):
    folder = shipped("saved_models") / name
    told = inspect(folder).to_json()
    assert told["validation"]["score"] > 0
    assert len(told["validation"]["k"]) == len(told["validation"]["transfer_function"])
    assert told["provenance"]["params"]["run"]["name"]


def test_the_halos_that_are_counted_are_told_in_the_words_of_a_scorecard(tiny_model):
    facts = [fact for section in inspect(tiny_model).sections for fact in section.facts]
    told = next(fact.text for fact in facts if fact.name == "selection")
    assert told == "of 2 × 10¹² Msun/h and more"


def test_a_damaged_painter_is_refused(tiny_model):
    path = tiny_model / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError, match="damaged"):
        inspect(tiny_model)


def test_no_tensorflow_is_loaded(tiny_model):
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from halokeras.inspection.inspect import inspect\n"
        f"inspect(Path({str(tiny_model)!r}))\n"
        "print(sorted({'tensorflow', 'keras', 'camb'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
