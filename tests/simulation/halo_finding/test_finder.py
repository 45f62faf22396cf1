import numpy as np
import pytest

from halokeras.cosmology.cosmology import box_cosmology
from halokeras.cosmology.halo_structure import overdensities
from halokeras.simulation.halo_finding.finder import corrected_members, find_halos

COSMOLOGY = box_cosmology("00")
REDSHIFT = 0.3
SIDE = 10.0
PARTICLE_MASS = 1e10
EXTENT = 2.0


def find(position, velocity=None, linking_length=0.126, **options):
    position = np.asarray(position, dtype=np.float32) % np.float32(SIDE)
    velocity = np.zeros_like(position) if velocity is None else velocity.astype(np.float32)
    return find_halos(
        position,
        velocity,
        SIDE,
        PARTICLE_MASS,
        COSMOLOGY,
        REDSHIFT,
        linking_length,
        **options,
    )


def sphere(profile, number=4000, seed=1):
    """Particles about the origin whose k-th is at the radius that encloses k of them."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(number, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    return direction * profile((np.arange(number) + 0.5) / number)[:, None]


def isothermal(fraction):
    return EXTENT * fraction


def nfw(fraction, scale=0.3):
    x = np.linspace(1e-3, EXTENT / scale, 4000)
    enclosed = np.log1p(x) - x / (1 + x)
    return scale * np.interp(fraction, enclosed / enclosed[-1], x)


def radius_of(profile, overdensity, number=4000):
    """Where the mean density within a radius is `overdensity` times that of the box."""
    fraction = np.linspace(1e-4, 1, 100_000)
    density = fraction / (4 / 3 * np.pi * profile(fraction) ** 3) * SIDE**3
    return profile(fraction[density >= overdensity][-1])


@pytest.mark.parametrize("profile", [isothermal, nfw])
@pytest.mark.parametrize("place", [(5, 5, 5), (0, 9.99, 0.02)], ids=["inside", "across faces"])
def test_masses_and_radii_are_those_of_a_known_sphere(profile, place):
    halos = find(sphere(profile) + place)[:1]
    np.testing.assert_allclose((halos.position[0] - place + 5) % SIDE - 5, 0, atol=0.03)
    assert (halos.position >= 0).all()
    assert (halos.position < SIDE).all()
    density = 4000 * PARTICLE_MASS / SIDE**3
    for name, overdensity in overdensities(COSMOLOGY, REDSHIFT).items():
        radius = radius_of(profile, overdensity)
        mass = 4 / 3 * np.pi * radius**3 * overdensity * density
        assert getattr(halos, f"radius_{name}")[0] == pytest.approx(radius, rel=0.01)
        assert getattr(halos, f"mass_{name}")[0] == pytest.approx(mass, rel=0.025)


def test_an_isothermal_sphere_has_the_radius_of_its_formula():
    # n r / R = 200 (4 pi / 3) r^3 n / L^3
    wanted = np.sqrt(3 * SIDE**3 / (4 * np.pi * 200 * EXTENT))
    assert radius_of(isothermal, 200.0) == pytest.approx(wanted, rel=1e-3)


def test_particles_that_are_no_members_count_in_spheres():
    dense = np.random.default_rng(2).normal(5, 0.01, (50, 3))
    around = sphere(isothermal, 200) / EXTENT * 0.5 + 5
    around = around[np.linalg.norm(around - 5, axis=1) > 0.2]
    halos = find(np.concatenate([dense, around]), linking_length=0.05, least=50)
    assert halos.particles.tolist() == [50]
    assert halos.mass_200b[0] == pytest.approx((50 + len(around)) * PARTICLE_MASS)


def test_velocity_and_dispersion_are_those_of_the_members():
    rng = np.random.default_rng(3)
    position = np.concatenate([rng.normal(3, 0.02, (40, 3)), rng.normal(7, 0.02, (30, 3))])
    velocity = rng.normal((300, -200, 50), 100, (70, 3))
    order = rng.permutation(70)
    halos = find(position[order], velocity[order], least=30)
    assert halos.particles.tolist() == [40, 30]
    for halo, of_halo in enumerate((velocity[:40], velocity[40:])):
        np.testing.assert_allclose(halos.velocity[halo], of_halo.mean(axis=0), rtol=1e-4)
        spread = np.sqrt(of_halo.var(axis=0).mean())
        assert halos.velocity_dispersion[halo] == pytest.approx(spread, rel=1e-4)


def test_masses_are_corrected_as_warren_et_al_correct_them():
    np.testing.assert_allclose(
        corrected_members(np.array([20, 100, 1000])), [16.68555, 93.69043, 984.15107], rtol=1e-5
    )
    rng = np.random.default_rng(4)
    halos = find(np.concatenate([rng.normal(3, 0.02, (100, 3)), rng.normal(7, 0.02, (20, 3))]))
    np.testing.assert_allclose(halos.mass, [93.69043e10, 16.68555e10], rtol=1e-5)


def test_threads_change_nothing_and_the_order_of_particles_only_rounding():
    rng = np.random.default_rng(5)
    clumps = rng.random((30, 3)) * SIDE
    position = np.concatenate([clumps[rng.integers(0, 30, 3000)] + rng.normal(0, 0.1, (3000, 3))])
    velocity = rng.normal(0, 100, (3000, 3))
    one, two = (find(position, velocity, workers=workers) for workers in (1, 2))
    shuffled = rng.permutation(3000)
    other = find(position[shuffled], velocity[shuffled])
    assert len(one) > 20
    for name, column in one.columns().items():
        np.testing.assert_array_equal(getattr(two, name), column)
        np.testing.assert_allclose(getattr(other, name), column, rtol=1e-5, atol=1e-3)


def test_no_halos_have_all_columns():
    halos = find(np.random.default_rng(6).random((50, 3)) * SIDE)
    assert len(halos) == 0
    assert {"mass", "velocity", "mass_200b", "radius_200c"} <= set(halos.columns())
