"""Boxes that a run trains and validates on, read together."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halokeras.boxes.box_file import write_box
from halokeras.errors import BoxError, RunError
from halokeras.params import BoxName, Params
from halokeras.training.data import load_data


def params_of(suite, train, validate_on):
    named = [{"suite": str(suite), **chosen} for chosen in (train, validate_on)]
    return Params.model_validate(
        {
            "box": {"train": named[:1], "validate_on": named[1:]},
            "training": {"crop_size": 4, "warm_start": {"crop_size": 4}},
            "painter": {"kernel_sizes": [3, 1], "blocks": 1},
            "critic": {"filters": [4], "kernel_sizes": [3], "strides": [1]},
        }
    )


def test_boxes_of_a_suite_train_and_validate(tiny_suite):
    first = {"last_member": 0, "redshifts": [0.3]}
    data = load_data(params_of(tiny_suite, first, {"first_member": 1, "redshifts": [0.3]}))
    assert [box.density.shape for box in data.boxes] == [(16, 16, 16)]
    assert list(data.provenance["training_boxes"]) == ["tiny_000_z0.3.h5"]
    assert list(data.provenance["validation_boxes"]) == ["tiny_001_z0.3.h5"]
    assert data.provenance["redshift"] == 0.3


def test_a_painter_is_of_the_redshift_of_its_training_boxes_whatever_is_held_out(
    tmp_path, tiny_box
):
    paths = {name: str(tmp_path / f"{name}.h5") for name in ("train", "held_out")}
    for path, redshift in zip(paths.values(), (0.3006, 0.3), strict=True):
        write_box(replace(tiny_box, redshift=redshift), Path(path))
    fields = {
        "box": {
            "train": [{"path": paths["train"]}],
            "validate_on": [{"path": paths["held_out"]}],
            "redshift": 0.3,
        },
        "training": {"crop_size": 4, "warm_start": {"crop_size": 4}},
        "painter": {"kernel_sizes": [3, 1], "blocks": 1},
        "critic": {"filters": [4], "kernel_sizes": [3], "strides": [1]},
    }
    assert load_data(Params.model_validate(fields)).provenance["redshift"] == 0.3006


def test_what_a_painter_cannot_learn_together_is_one_sentence(tiny_suite):
    with pytest.raises(RunError, match=r"redshift 0\.3.*at 1; .*painter knows one"):
        load_data(params_of(tiny_suite, {"last_member": 0}, {"first_member": 1}))


def test_boxes_of_one_name_in_two_folders_are_both_remembered(tiny_suite, tiny_box, tmp_path):
    """Or the first would pass for one that was never trained on."""
    paths = [tmp_path / part / "box.h5" for part in ("one", "two")]
    for path, name in zip(paths, ("tiny_000_z0.3.h5", "tiny_001_z0.3.h5"), strict=True):
        path.parent.mkdir()
        shutil.copy(tiny_suite / name, path)
    write_box(tiny_box, tmp_path / "held_out.h5")
    train, held_out = paths, [tmp_path / "held_out.h5"]
    params = params_of(tiny_suite, {"last_member": 0}, {"first_member": 1})
    box = params.box.model_copy(
        update={
            name: tuple(BoxName(path=str(path)) for path in some)
            for name, some in (("train", train), ("validate_on", held_out))
        }
    )
    told = load_data(params.model_copy(update={"box": box})).provenance["training_boxes"]
    assert set(told) == {str(path) for path in paths}
    assert len(set(told.values())) == 2


def test_bins_of_mass_without_halos_are_refused_before_the_training(tmp_path, tiny_box):
    for name, factor in (("train", 1.0), ("held_out", 1.01)):
        mass = (factor * tiny_box.halos.mass).astype(np.float32)
        halos = replace(tiny_box.halos, mass=mass)
        write_box(replace(tiny_box, halos=halos), tmp_path / f"{name}.h5")
    named = [{"path": str(tmp_path / f"{name}.h5")} for name in ("train", "held_out")]

    def read(*edges, steps=2):
        fields = {
            "box": {"train": named[:1], "validate_on": named[1:]},
            "painter": {"kind": "halos", "mass_edges": edges, "blocks": 1, "kernel_sizes": [3, 1]},
            "critic": {"filters": [4], "kernel_sizes": [3], "strides": [1]},
            "training": {"crop_size": 4, "warm_start": {"crop_size": 4, "steps": steps}},
        }
        return load_data(Params.model_validate(fields))

    half = float(np.median(tiny_box.halos.mass))
    assert len(read(half).mean_counts) == 2
    with pytest.raises(RunError, match=r"0 halos of 1e\+17 Msun/h up, too few .*mass_edges"):
        read(half, 1e17)
    read(half, 1e17, steps=0)  # which measures no law


def test_boxes_whose_masses_are_of_two_definitions_are_refused_where_masses_choose(
    tmp_path, tiny_box
):
    paths = {name: str(tmp_path / f"{name}.h5") for name in ("fof", "virial")}
    for definition, path in paths.items():
        told = {**tiny_box.provenance, "mass_definition": definition}
        write_box(replace(tiny_box, provenance=told), Path(path))

    def params(**selection):
        return Params.model_validate(
            {
                "box": {
                    "train": [{"path": paths["fof"]}],
                    "validate_on": [{"path": paths["virial"]}],
                    "selection": selection,
                },
                "training": {"steps": 0, "warm_start": {"steps": 1, "crop_size": 4}},
                "painter": {"kernel_sizes": [3, 1], "blocks": 1},
                "critic": {"filters": [4], "kernel_sizes": [3], "strides": [1]},
            }
        )

    assert load_data(params()).provenance["mass_definition"] == "fof"
    with pytest.raises(RunError, match=r"virial\.h5 has masses defined as virial, .* as fof"):
        load_data(params(mass_min=2e12))
    with pytest.raises(BoxError, match=r"virial\.h5: the halos have no masses of .* fof"):
        load_data(params(mass_min=2e12, mass_definition="fof"))


def trained_on(paths, tiny_box):
    held_out = paths[0].with_name("held_out.h5")
    write_box(replace(tiny_box, redshift=tiny_box.redshift + 1e-4), held_out)
    return Params.model_validate(
        {
            "box": {
                "train": [{"path": str(path)} for path in paths],
                "validate_on": [{"path": str(held_out)}],
            },
            "training": {"steps": 0, "warm_start": {"steps": 1, "crop_size": 4}},
            "painter": {"kernel_sizes": [3, 1], "blocks": 1},
            "critic": {"filters": [4], "kernel_sizes": [3], "strides": [1]},
        }
    )


def test_densities_that_were_not_made_alike_are_refused(tmp_path, tiny_box):
    paths = [tmp_path / f"{scheme}.h5" for scheme in ("2lpt", "zeldovich")]
    for path in paths:
        told = {**tiny_box.provenance, "density_scheme": path.stem}
        write_box(replace(tiny_box, provenance=told), path)
    with pytest.raises(RunError, match=r"zeldovich\.h5 has a zeldovich density, .* a 2lpt one"):
        load_data(trained_on(paths, tiny_box))


def test_a_painter_of_several_cosmologies_is_of_none(tmp_path, tiny_box):
    paths = [tmp_path / f"{omega_m}.h5" for omega_m in (0.3, 0.300001, 0.32)]
    for path in paths:
        cosmology = replace(tiny_box.cosmology, omega_m=float(path.stem))
        write_box(replace(tiny_box, cosmology=cosmology), path)
    for alike in (paths[:1], paths[:2]):
        assert load_data(trained_on(alike, tiny_box)).provenance["cosmology"]["omega_m"] == 0.3
    assert load_data(trained_on(paths, tiny_box)).provenance["cosmology"] is None
