import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from halokeras.cosmology.cosmology_file import load_cosmology
from halokeras.errors import ParamsError
from halokeras.painter_params import PainterParams
from halokeras.params import (
    CriticParams,
    InceptionParams,
    InitialWeightsParams,
    OptimizerParams,
    Params,
    TrainingParams,
    load_params,
    parse_params,
)

FOLDER = Path(__file__).parents[1] / "params"


def dotted_fields(section=Params, prefix=""):
    for name, field in section.model_fields.items():
        inner = InceptionParams if field.annotation is PainterParams else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from dotted_fields(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.name)
def test_shipped_params_are_valid(path):
    assert load_params(path).run.name == path.stem


def test_paper_states_what_the_published_notebook_states():
    paper = load_params(FOLDER / "paper.json")
    architecture = InceptionParams(
        density_transform="none",
        blocks=2,
        filters=10,
        kernel_sizes=(5, 3, 1),
        head_layers=4,
        head_filters=10,
        negative_slope=0.1,
        output="relu",
    )
    assert paper.painter == architecture
    assert paper.critic == CriticParams(sees_density=False)
    adam = OptimizerParams(learning_rate=1e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-8)
    normal = InitialWeightsParams(distribution="normal", deviation=0.1, bias=0.1)
    assert paper.training == TrainingParams(
        seed=1,
        initial_weights=normal,
        crop_size=50,
        wrap_crops=False,
        reflect_crops=False,
        batch_size=1,
        n_critic=5,
        gradient_penalty=10.0,
        steps=10_000,
        critic_optimizer=adam,
        painter_optimizer=adam,
        calibrate_mean=False,
    )
    assert len(paper.box.train) == 1
    assert paper.run.keep == "last"


def test_every_field_is_documented_once_and_no_other():
    text = (FOLDER / "README.md").read_text()
    documented = re.findall(r"^\| `([a-z_0-9.]+)` \| `", text, re.M)
    assert sorted(documented) == sorted(dotted_fields())


def test_documented_defaults_are_the_defaults():
    text = (FOLDER / "README.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z_0-9.]+)` \| `([^`]*)` \|", text, re.M))
    defaults = json.loads(Params().model_dump_json())
    for path in dotted_fields():
        value = defaults
        for name in path.split("."):
            value = value[name]
        if path in ("box.train", "box.validate_on"):
            value = [{k: v for k, v in box.items() if v is not None} for box in value]
        assert json.loads(rows[path]) == value, path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"training": {"n_critics": 5}}', "unknown field 'training.n_critics'"),
        ('{"training": {"n_critic": 0}}', "'training.n_critic'"),
        ('{"training": {"n_critic": 1, "n_critic": 2}}', "'training.n_critic' is given twice"),
        ('{"box": {"train": [{"id": "00", "id": "01"}]}}', "'box.train.0.id' is given twice"),
        ('{"training": {"n_critic": 2.5}}', "'training.n_critic'"),
        ('{"training": {"gradient_penalty": NaN}}', "'training.gradient_penalty'"),
        ('{"training": {"crop_size": 8}}', "training.crop_size 8 is too small"),
        (
            '{"training": {"crop_size": 8, "steps": 0, "warm_start": {"steps": 3}}}',
            "training.crop_size 8 is too small",
        ),
        ('{"run": {"name": ".."}}', "run.name .. is no name of a folder"),
        ('{"run": {"name": "."}}', "run.name . is no name of a folder"),
        ('{"painter": {"kernel_sizes": [4]}}', "kernel_sizes must be odd"),
        ('{"box": {"selection": {"mass_min": 2, "mass_max": 1}}}', "mass_max must be above"),
        ('{"box": {"train": [{"id": "00"}]}}', "'box.train.0'"),
        ('{"box": {"train": []}}', "field 'box.train' must have 1 or more in it"),
        ("{", "not valid JSON"),
        ('{"training": {"seed": 1' + "0" * 5000 + "}}", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"run": {"directory": "\\ud800"}}', "'run.directory' holds half a character"),
        ('{"run": {"\\u001b[31m\\n": 1}}', "unknown field 'run. [31m '"),
        ("[]", "params"),
    ],
)
def test_bad_fields_are_named(text, told):
    with pytest.raises(ParamsError, match=re.escape(told)) as error:
        parse_params(text, "params")
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("params")


def test_what_is_wrong_within_a_list_is_told_once():
    with pytest.raises(ParamsError) as caught:
        parse_params('{"box": {"train": [{"id": "00", "seed": 1, "suite": "s"}]}}', "p.json")
    assert str(caught.value) == (
        "p.json: field 'box.train.0': name a box by id and seed or by path or by suite, one of them"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_file_is_read_in_whatever_unicode_an_editor_saved_it(tmp_path, encoding):
    (tmp_path / "p.json").write_text('{"run": {"name": "own"}}', encoding=encoding)
    assert load_params(tmp_path / "p.json").run.name == "own"


def test_a_file_that_is_no_text_is_told_so(tmp_path):
    (tmp_path / "p.json").write_bytes(b'{"run": {"name": "\xe9"}}')
    with pytest.raises(ParamsError, match=r"p\.json is not text in UTF-8; save it as that"):
        load_params(tmp_path / "p.json")


def test_a_missing_file_is_told_in_one_sentence(tmp_path):
    with pytest.raises(ParamsError, match="does not exist"):
        load_params(tmp_path / "none.json")
    with pytest.raises(ParamsError, match="is a folder; give --params a JSON file"):
        load_params(tmp_path)
    with pytest.raises(ParamsError, match=r"did you mean box00\.json"):
        load_params(tmp_path / "boxx00.json")
    with pytest.raises(ParamsError, match=r"paper\.json does not exist; give"):  # of another kind
        load_cosmology(tmp_path / "paper.json")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"trainin": {}}, ["'trainin'", "did you mean training?"]),
        ({"training": {"stps": 3}}, ["'training.stps'", "did you mean steps?"]),
        ({"training": {"warm_start": {"step": 3}}}, ["did you mean steps?"]),
        ({"painter": {"filter": 3}}, ["did you mean filters?"]),
        ({"box": {"train": [{"id": "00", "sed": 1}]}}, ["did you mean seed?"]),
        ({"run": {"xyzzy": 1}}, ["'run.xyzzy'", "directory", "validate_every"]),
    ],
)
def test_an_unknown_field_gets_the_one_that_was_meant_or_all_there_are(fields, told):
    with pytest.raises(ParamsError) as error:
        parse_params(json.dumps(fields), "mine.json")
    for words in told:
        assert words in str(error.value)


def test_halos_whose_spectra_are_compared_begin_where_a_bin_does():
    def named(*masses, kind="halos"):
        return Params.model_validate(
            {
                "painter": {"kind": kind},
                "training": {"spectral_mass_mins": masses},
            }
        )

    assert named().spectral_channels == ()
    assert named(4.8e12, 2e13).spectral_channels == (4, 8)
    with pytest.raises(ValueError, match=r"names 5e\+12 Msun/h, .* 2\.2e\+12, 2\.8e\+12"):
        named(5e12)
    with pytest.raises(ValueError, match="it has one bin"):
        named(5e12, kind="inception")


def test_a_file_without_an_end_is_refused():
    with pytest.raises(ParamsError, match=r"/dev/zero has more than 16777216 bytes; give --params"):
        load_params(Path("/dev/zero"))
