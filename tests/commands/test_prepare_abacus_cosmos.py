"""A real simulation in AbacusCosmos's files: halos of a box that ships, and its initial modes."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from halokeras.boxes.box_file import find_box, read_box
from halokeras.commands.app import app
from halokeras.cosmology.cosmology import box_cosmology
from halokeras.cosmology.power import linear_power
from halokeras.simulation.lpt.lpt import first_order, linear_modes

PLANCK = box_cosmology("00")
SIDE, POINTS, PARTICLE = 256.0, 128, 8.7e10
PAR = f"""BoxSize = {SIDE}
CPD = 5
H0 = 67.26
ICFormat = "ZelSimple"
InitialRedshift = 49.0
NP = {POINTS**3}
Omega_M = 0.314153
SimName = "emulator_1100box_planck_00"
ZD_NumBlock = 2
ZD_Seed = 12321
ns = 0.9652
ombh2 = 0.02222
sigma_8 = 0.83
"""


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    folder = tmp_path_factory.mktemp("abacus")
    box = read_box(find_box("00", 100))
    record = [("id", "i8"), ("pos", "f4", (3,)), ("m", "f4"), ("N", "i4"), ("parent_id", "i8")]
    halos = np.zeros(len(box.halos.mass), dtype=record)
    halos["id"], halos["parent_id"] = np.arange(len(halos)), -1
    halos["pos"], halos["N"] = box.halos.position, np.rint(box.halos.mass / PARTICLE)
    halos["m"] = halos["N"] * PARTICLE
    place = folder / "emulator_1100box_planck_00_products"
    place /= "emulator_1100box_planck_00_rockstar_halos/z0.300"
    place.mkdir(parents=True)
    (place / "header").write_text(f"{PAR}ParticleMassHMsun = {PARTICLE}\nRedshift = 0.3\n")
    with h5py.File(place / "halos_0.0.h5", "w") as file:
        stored = file.create_dataset("halos", data=halos)
        told = {"BoxSize": SIDE, "ParticleMassHMsun": PARTICLE, "Redshift": 0.3}
        stored.attrs.update(told | {"SimName": "emulator_1100box_planck_00"})
    modes = linear_modes(100, POINTS, SIDE, linear_power(PLANCK, 49.0))
    # Abacus's particle i lies half a box from where Rockstar's halos count it.
    moved = np.roll(first_order(modes, SIDE), (POINTS // 2,) * 3, axis=(0, 1, 2))
    conditions = folder / "ic"
    conditions.mkdir()
    (conditions / "abacus.par").write_text(PAR)
    for i, plane in enumerate(moved):
        with (conditions / f"ic_{i * 5 // POINTS}").open("ab") as file:
            file.write(plane.astype("<f4").tobytes())
    return folder


@pytest.mark.slow
def test_halos_and_initial_conditions_become_the_box_that_they_are_of(
    products, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["prepare", "abacus-cosmos", str(products), "--box", "00"]
    result = CliRunner().invoke(
        app, [*words, "--initial-conditions", str(products / "ic"), "--voxels", "64"]
    )
    assert result.exit_code == 0, result.output
    assert "0 refused" in result.stdout
    assert "counts follow the density where they are" in result.stdout
    made, own = read_box(Path("boxes/abacus_cosmos_00.h5")), read_box(find_box("00", 100))
    np.testing.assert_array_equal(made.halos.position, own.halos.position)
    np.testing.assert_allclose(made.halos.mass, own.halos.mass, rtol=0.05)
    # The scales below a particle spacing are drawn, and only blur the voxels.
    assert np.corrcoef(made.density.ravel(), own.density.ravel())[0, 1] > 0.98
    assert made.provenance["density_scheme"] == "2lpt"
