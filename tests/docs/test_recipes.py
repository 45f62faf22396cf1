"""Code of the docs that hands catalogues to other packages, run as it stands."""

import re
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.cosmology.halo_structure import concentrations, radii
from halokeras.statistics.occupation import ZHENG07

CATALOGUES = Path(__file__).parents[2] / "docs" / "catalogues.md"
SIDE, REDSHIFT, HALOS = 256.0, 0.3, 6000


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Halos in a file of the name that the docs read."""
    monkeypatch.chdir(tmp_path)
    rng, cosmology = np.random.default_rng(3), ABACUS_COSMOS["00"]
    mass = 10 ** rng.uniform(12.2, 15, HALOS)
    columns = {f"halo_{axis}": rng.uniform(0, SIDE, HALOS) for axis in "xyz"}
    columns |= {f"halo_v{axis}": rng.normal(0, 300, HALOS) for axis in "xyz"}
    columns |= {"halo_mass": mass, "halo_r200b": radii(mass, "200b", cosmology, REDSHIFT)}
    columns["halo_nfw_conc"] = concentrations(mass, "200b", cosmology, REDSHIFT)
    Path("painted").mkdir()
    with h5py.File("painted/box00_seed103_draw_halos.hdf5", "w") as file:
        file.attrs.update({"Lbox": [SIDE] * 3, "redshift": REDSHIFT, **cosmology.parameters})
        file["halo_id"] = np.arange(HALOS)
        for name, column in columns.items():
            file[name] = column.astype(np.float32)
    return columns


@pytest.mark.slow
def test_abacus_hod_makes_the_galaxies_of_a_catalogue(listed):
    pytest.importorskip("abacusnbody.hod.GRAND_HOD")
    (code,) = re.findall(r"```python\n([^`]*abacusnbody[^`]*)```", CATALOGUES.read_text("utf-8"))
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its NFW profiles, which it calls unoptimized
        exec(code, found)  # as a reader would
    galaxies, position = found["galaxies"], found["position"]
    occupation, mass = ZHENG07[-21.0], listed["halo_mass"]
    expected = occupation.mean(mass).sum()
    assert len(position) == pytest.approx(expected, abs=4 * np.sqrt(expected))
    central, host = slice(galaxies["Ncent"]), galaxies["id"]
    for axis in (0, 1):  # along the third they are seen in redshift space
        theirs = listed[f"halo_{'xyz'[axis]}"][host]
        away = (position[:, axis] - theirs + SIDE / 2) % SIDE - SIDE / 2
        np.testing.assert_allclose(away[central], 0, atol=1e-3)
        assert (np.abs(away) <= listed["halo_r200b"][host] + 1e-3).all()
    speeds = galaxies["vz"] - listed["halo_vz"][host]
    np.testing.assert_allclose(speeds[central], 0, atol=1e-2)
    heavy = mass[host] > 10**14.5
    assert 300 < speeds[heavy & (np.arange(len(host)) >= galaxies["Ncent"])].std() < 1200
