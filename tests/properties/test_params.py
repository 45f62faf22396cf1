import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from halokeras.errors import ParamsError
from halokeras.painter_params import InceptionParams, PainterParams
from halokeras.params import (
    BoxName,
    BoxParams,
    CriticParams,
    InitialWeightsParams,
    OptimizerParams,
    Params,
    RunParams,
    TrainingParams,
    WarmStartParams,
    parse_params,
)
from halokeras.sections import Selection

counts = st.integers(1, 10**6)
sizes = st.integers(1, 4096)
whole = st.integers(0, 10**9)
positive = st.floats(5e-324, 1e308, exclude_min=False)
not_negative = st.floats(0, 1e308)
fractions = st.floats(0, 1, exclude_max=True)
seeds = st.integers(0, 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
named = st.builds(BoxName, id=texts, seed=seeds) | st.builds(BoxName, path=texts)
optimizers = st.builds(
    OptimizerParams,
    learning_rate=positive,
    final_learning_rate=st.none() | not_negative,
    beta_1=fractions,
    beta_2=fractions,
    epsilon=positive,
)


@st.composite
def selections(draw):
    low = draw(st.floats(0, 1e300))
    return Selection(
        mass_min=low,
        mass_max=draw(st.none() | st.just(low * 2 + 1)),
        mass_definition=draw(st.sampled_from([None, "fof", "virial", "200b", "200c"])),
    )


@st.composite
def boxes(draw):
    names = draw(st.lists(named, min_size=2, max_size=6, unique_by=repr))
    cut = draw(st.integers(1, len(names) - 1))
    return BoxParams(
        train=tuple(names[:cut]),
        validate_on=tuple(names[cut:]),
        selection=draw(selections()),
        size=draw(positive),
        particles=draw(counts),
        redshift=draw(not_negative),
    )


@st.composite
def params(draw):
    layers = draw(st.integers(1, 3))
    sides = st.lists(st.integers(1, 4), min_size=layers, max_size=layers).map(tuple)
    return Params(
        box=draw(boxes()),
        painter=draw(
            st.builds(
                InceptionParams,
                density_transform=st.sampled_from(["none", "log"]),
                blocks=sizes,
                filters=sizes,
                kernel_sizes=st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=4).map(
                    tuple
                ),
                head_layers=sizes,
                head_filters=sizes,
                negative_slope=fractions,
                output=st.sampled_from(["relu", "softplus"]),
            )
        ),
        critic=draw(
            st.builds(
                CriticParams,
                filters=sides,
                kernel_sizes=sides,
                strides=sides,
                negative_slope=fractions,
                sees_density=st.booleans(),
            )
        ),
        training=draw(
            st.builds(
                TrainingParams,
                seed=seeds,
                initial_weights=st.builds(
                    InitialWeightsParams,
                    distribution=st.sampled_from(["glorot", "normal"]),
                    deviation=positive,
                    bias=not_negative,
                ),
                crop_size=st.integers(200, 10**6),
                wrap_crops=st.booleans(),
                reflect_crops=st.booleans(),
                batch_size=counts,
                n_critic=counts,
                gradient_penalty=positive,
                steps=st.integers(1, 10**9),
                critic_warm_steps=whole,
                critic_optimizer=optimizers,
                painter_optimizer=optimizers,
                warm_start=st.builds(
                    WarmStartParams,
                    steps=whole,
                    crop_size=counts,
                    batch_size=counts,
                    learning_rate=positive,
                ),
                likelihood_weight=not_negative,
                spectral_weight=not_negative,
                moving_average=fractions,
                calibrate_mean=st.booleans(),
            )
        ),
        run=draw(
            st.builds(
                RunParams,
                directory=texts,
                name=st.from_regex(r"\A[A-Za-z0-9._-]{1,9}\Z"),
                checkpoint_every=counts,
                log_every=counts,
                validate_every=counts,
                keep=st.sampled_from(["best", "last"]),
            )
        ),
    )


def test_the_strategies_name_every_field():
    drawn = {name: field.annotation for name, field in Params.model_fields.items()}
    assert set(drawn) == {"box", "painter", "critic", "training", "run"}


@given(params())
def test_any_params_come_back_from_json(given_params):
    assert parse_params(given_params.model_dump_json(), "params") == given_params
    assert parse_params(json.dumps(given_params.model_dump(mode="json")), "params") == given_params


def places(section=Params, prefix=""):
    """Dotted paths of every section and field."""
    for name, info in section.model_fields.items():
        inner = InceptionParams if info.annotation is PainterParams else info.annotation
        yield f"{prefix}{name}", info
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from places(inner, f"{prefix}{name}.")


FIELDS = sorted(path for path, _ in places())
NUMBERS = sorted(
    path
    for path, info in places()
    if not isinstance(info.annotation, type) or info.annotation in (int, float)
    if path not in ("box.train", "box.validate_on") and "selection.mass_max" not in path
    if not path.endswith(("kernel_sizes", "filters", "strides", "kind", "transform", "output"))
    if not path.endswith(("final_learning_rate", "distribution", "keep"))
)


def told(text, *words):
    with pytest.raises(ParamsError) as caught:
        parse_params(text, "params")
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith("params")
    for word in words:
        assert word in message


def nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@given(st.sampled_from(FIELDS), st.from_regex(r"\A[a-z_]{1,12}\Z"))
def test_an_unknown_field_is_named_by_its_path(path, name):
    section, _, _ = path.rpartition(".")
    unknown = f"{section}.{name}_x".removeprefix(".")
    told(json.dumps(nested(unknown, 1)), f"unknown field '{unknown}'")


@given(st.sampled_from(FIELDS))
def test_a_field_that_is_there_twice_is_named_by_its_path(path):
    *outer, name = path.split(".")
    text = f'{{"{name}": 1, "{name}": 1}}'
    for section in reversed(outer):
        text = f'{{"{section}": {text}}}'
    told(text, f"field '{path}' is given twice")


@given(st.sampled_from(NUMBERS), st.sampled_from([-1, -0.5, float("nan"), float("-inf"), "1", []]))
def test_a_value_that_is_out_of_range_or_no_number_is_named_by_its_path(path, value):
    told(json.dumps(nested(path, value)), f"'{path}'")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=12,
    )
)
def test_any_json_is_params_or_refused_in_one_line(value):
    try:
        Params.model_validate(value)
        valid = True
    except ValidationError:
        valid = False
    if valid:
        parse_params(json.dumps(value), "params")
    else:
        told(json.dumps(value))


@given(st.text(max_size=30))
def test_any_text_is_refused_in_one_line(text):
    if text.strip() != "{}":
        told(text)
