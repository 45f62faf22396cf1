import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError
from halokeras.sources.count_pairs import read_count_pair

PARTICLES = np.random.default_rng(6).poisson(8, (4, 4, 4))
HALOS = np.random.default_rng(7).poisson(0.3, (4, 4, 4))


def read(folder, particles=PARTICLES, halos=HALOS, **more):
    np.save(folder / "particle_counts.npy", particles)
    np.save(folder / "halo_counts.npy", halos)
    names = (folder / "particle_counts.npy", folder / "halo_counts.npy")
    return read_count_pair(*names, **{"voxel_size": 4.0, "redshift": 0.0, **more})


@pytest.mark.parametrize("dtype", ["<i8", ">i4", "<u1", "<f4", ">f8"])
def test_counts_become_a_density_and_halos_per_voxel(tmp_path, dtype):
    cosmology = ABACUS_COSMOS["00"]
    source = read(tmp_path, PARTICLES.astype(dtype), HALOS.astype(dtype), cosmology=cosmology)
    np.testing.assert_allclose(source.density, PARTICLES / PARTICLES.mean(), rtol=1e-6)
    np.testing.assert_array_equal(source.counts, HALOS)
    assert (source.box_size, source.redshift, source.cosmology) == (16, 0, cosmology)
    assert source.provenance["density_scheme"] == "unknown"
    assert any("no selection" in said for said in source.assumed)
    assert read(tmp_path, density_scheme="nbody").provenance["density_scheme"] == "nbody"


@pytest.mark.parametrize(
    ("particles", "halos", "words"),
    [
        (PARTICLES - 100, HALOS, "particle_counts.npy holds values"),
        (PARTICLES, HALOS + 0.5, "halo_counts.npy holds values"),
        (PARTICLES, np.where(HALOS > 0, np.nan, 0), "halo_counts.npy holds values"),
        (PARTICLES[:2, :2, :2], HALOS, "same voxels"),
        (PARTICLES[:2], HALOS, "must be a cube"),
        (0 * PARTICLES, HALOS, "no particles"),
        (PARTICLES.astype(complex), HALOS, "grid of real numbers"),
    ],
)
def test_what_are_no_counts_is_refused(tmp_path, particles, halos, words):
    with pytest.raises(BoxError, match=words):
        read(tmp_path, particles, halos)


def test_an_unknown_scheme_and_pickles_are_refused(tmp_path):
    with pytest.raises(BoxError, match="density scheme fast"):
        read(tmp_path, density_scheme="fast")
    with pytest.raises(BoxError, match="plain numeric"):
        read(tmp_path, np.full((4, 4, 4), None))
