"""A painter and a box small enough for any test, with halos where the density is high."""

import gc
import json
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from halokeras.boxes.box import Box, box_hash
from halokeras.boxes.box_file import read_box
from halokeras.boxes.halos import Halos
from halokeras.commands.app import app
from halokeras.cosmology.cosmology import ABACUS_COSMOS

FIRST = (
    "tests/test_front.py",
    "tests/training/test_run.py",
    "tests/painting/expected/test_cluster.py",
)
"""Modules that begin, in this order: long ones, where one of two processes would wait for the other
in the end. Nobody compiles the kernels of simulations a second time while the first does, as those
of the benchmark would, which are next."""


def pytest_collection_modifyitems(items):
    order = {module: place for place, module in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.nodeid.split("::")[0], len(order)))


def pytest_collection_finish():
    """Let the garbage collector leave out what was imported: a pass over it takes half a second."""
    gc.freeze()
    gc.set_threshold(2_000, 20, 100)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def paint_box(tmp_path):
    """Paint a box into a file, and read what it holds."""
    from halokeras.painting.expected.paint import paint_file
    from halokeras.painting.inputs.density import density_of

    def painted(box, saved, model):
        path = Path(tempfile.mkdtemp(dir=tmp_path)) / "painted.h5"
        paint_file(density_of(box), saved, model, path)
        return read_box(path)

    return painted


@pytest.fixture
def undrawn(monkeypatch):
    """Let figures be files without a picture: drawing takes most of an evaluation's time."""
    from matplotlib.figure import Figure

    def save(figure, target, **_):
        if isinstance(target, Path):
            target.write_bytes(b"\x89PNG")
        else:
            target.write("<svg></svg>")

    monkeypatch.setattr(Figure, "savefig", save)


def make_painter():
    import keras

    from halokeras.networks.painter import built_painter
    from halokeras.painter_params import InceptionParams

    keras.utils.set_random_seed(3)
    params = InceptionParams(
        blocks=2, filters=3, kernel_sizes=(3, 1), head_layers=1, head_filters=2, output="softplus"
    )
    painter = built_painter(params)
    for variable in painter.weights:  # more density, more halos
        variable.assign(0.3 * np.abs(variable))
    return painter


def make_box():
    rng = np.random.default_rng(5)
    density = rng.lognormal(sigma=0.8, size=(16, 16, 16)).astype(np.float32)
    density /= density.mean()
    voxels = np.argwhere(rng.poisson(0.3 * density) > 0)
    halos = Halos(
        position=(4 * (voxels + rng.uniform(0, 0.99, voxels.shape))).astype(np.float32),
        mass=(10 ** rng.uniform(12.31, 14, len(voxels))).astype(np.float32),
    )
    return Box(
        voxel_size=4.0,
        redshift=0.3,
        cosmology=ABACUS_COSMOS["00"],
        density=density,
        halos=halos,
        provenance={"box_id": "00", "seed": 7, "density_scheme": "2lpt", "halo_finder": "fof"},
    )


def make_provenance(box):
    from halokeras.painters.provenance import fingerprint

    return {
        "voxel_size": 4.0,
        "redshift": 0.3,
        "cosmology": asdict(ABACUS_COSMOS["00"]),
        "density_scheme": "2lpt",
        "selection": {"mass_min": 2e12, "mass_max": None},
        "training_boxes": {"box00_seed1.h5": box_hash(box)},
        "fingerprint": fingerprint(box.density, 4.0).model_dump(),
        "note": "kept as it is",
    }


def make_draws(painter, box):
    from halokeras.boxes.box import halo_counts
    from halokeras.networks.painter import whole_box
    from halokeras.painters.count_law import fit_count_law
    from halokeras.painters.model_store import DrawModel

    expected = whole_box(painter, box.density, painter.margin)
    return DrawModel(painter.twin(), fit_count_law(expected, halo_counts(box)))


@pytest.fixture(scope="session")
def binned_draws(shared_box):
    """What a painter of four bins of mass draws from; never to be changed."""
    import keras

    from halokeras.networks.painter import built_painter, whole_box
    from halokeras.painter_params import HalosParams
    from halokeras.painters.count_law import fit_count_law
    from halokeras.painters.exclusion import Exclusion
    from halokeras.painters.mass_law import fit_mass_law
    from halokeras.painters.model_store import DrawModel
    from halokeras.painters.peaks import Peaks
    from halokeras.painters.surroundings import Surroundings
    from halokeras.sections import Selection

    keras.utils.set_random_seed(5)
    sizes = {"filters": 2, "blocks": 1, "kernel_sizes": (3, 1), "head_layers": 1, "head_filters": 3}
    painter = built_painter(HalosParams(**sizes, mass_edges=(4e12, 1e13, 4e13)))
    for variable in painter.weights:  # more density, more halos
        variable.assign(0.4 * np.abs(variable))
    painter.last.bias.assign([-2.0, -2.5, -3.0, -4.0])
    expected = whole_box(painter, shared_box.density, painter.margin).sum(axis=-1)
    law = fit_count_law(expected, np.random.default_rng(1).poisson(expected))
    bins = painter.params.selections(Selection(mass_min=2e12))
    further = np.array([1.0, 0.8, 0.4, 0.0])
    masses = fit_mass_law(shared_box.halos.mass, bins)
    neighbors = np.array([[0.0, -0.12], [-0.12, 0.0]])
    exclusion = Exclusion(further, neighbors, masses.means())
    coefficients = np.tile([0.1, -0.3, 0.0, 0.0, 0.02], (3, 1))
    peaks = Peaks(coefficients, np.full((3, 2), -3.0), np.full((3, 2), 9.0))
    surroundings = Surroundings(
        np.array([[-9.0, 0.0], [-6.0, 3.0]]),
        np.array([-0.5, 0.5]),
        (law, fit_count_law(expected, np.random.default_rng(2).binomial(4, expected / 4))),
        2.0,
        0.6,
        np.array([-0.07, 0.05, 0.0]),
        np.array([0.02, 0.02, 0.0]),
    )
    return DrawModel(painter, law, masses, exclusion, peaks=peaks, surroundings=surroundings)


@pytest.fixture(scope="session")
def made_painter():
    """The tiny painter and its weights, as building it takes longer than most tests."""
    painter = make_painter()
    return painter, painter.get_weights()


@pytest.fixture
def tiny_painter(made_painter):
    """The same one for all, whose weights a test may change."""
    painter, weights = made_painter
    painter.set_weights(weights)
    return painter


@pytest.fixture
def tiny_box():
    return make_box()


@pytest.fixture(scope="session")
def shared_box():
    """Another `tiny_box`, for what is made once of it; never to be changed."""
    return make_box()


@pytest.fixture
def tiny_provenance(tiny_box):
    return make_provenance(tiny_box)


@pytest.fixture(scope="session")
def made_draws(made_painter, shared_box):
    painter, weights = made_painter
    painter.set_weights(weights)
    return make_draws(painter, shared_box)


@pytest.fixture
def tiny_draws(made_draws, made_painter):
    """The same for all, the weights of whose painter a test may change."""
    made_draws.painter.set_weights(made_painter[1])
    return made_draws


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory, shared_box):
    """The folder of both painters below, made once and never to be changed."""
    from halokeras.painters.model_store import save_painter

    folder, painter = tmp_path_factory.mktemp("models"), make_painter()
    for name, draws in (("tiny", None), ("drawing", make_draws(painter, shared_box))):
        save_painter(painter, make_provenance(shared_box), folder / name, draws)
    return folder


@pytest.fixture
def tiny_suite(tmp_path, tiny_box):
    """A suite of two cosmologies at two redshifts, its boxes the tiny one rolled."""
    from halokeras.boxes.box_file import write_box
    from halokeras.boxes.suite import Member, Suite, write_index

    cosmologies = (ABACUS_COSMOS["00"], replace(ABACUS_COSMOS["03"], w0=-0.9))
    members = tuple(
        Member(f"{seed:03}", cosmology, seed, {z: f"tiny_{seed:03}_z{z:g}.h5" for z in (1.0, 0.3)})
        for seed, cosmology in enumerate(cosmologies)
    )
    suite = Suite(tmp_path / "boxes" / "tiny", 64.0, 64, 4.0, members, {})
    for number, box in enumerate(suite.boxes()):
        moved = tiny_box.halos.position + np.float32(4 * (number + 1)) * np.array([1, 0, 0], "f4")
        made = replace(
            tiny_box,
            redshift=box.redshift,
            cosmology=box.member.cosmology,
            density=np.roll(tiny_box.density, number + 1, axis=0),
            halos=replace(tiny_box.halos, position=moved % np.float32(64)),
            provenance={"seed": box.member.seed, "density_scheme": "2lpt", "halo_finder": "fof"},
        )
        write_box(made, box.path)
    write_index(suite)
    return suite.folder


@pytest.fixture
def rewrite():
    """Change a JSON file of a saved painter, whose manifest then fits it."""
    from halokeras.painters.model_files import sha256

    def rewritten(path, change):
        manifest = path.parent / "manifest.json"
        told, sums = (json.loads(file.read_text()) for file in (path, manifest))
        change(told)
        path.write_text(json.dumps(told))
        sums["sha256"][path.name] = sha256(path.read_bytes())
        manifest.write_text(json.dumps(sums))

    return rewritten


@pytest.fixture
def tiny_model(tmp_path, tiny_models):
    return shutil.copytree(tiny_models / "tiny", tmp_path / "models" / "tiny")


@pytest.fixture
def drawing_model(tmp_path, tiny_models):
    return shutil.copytree(tiny_models / "drawing", tmp_path / "models" / "drawing")
