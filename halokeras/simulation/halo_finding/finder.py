"""Halos of simulated particles: friends-of-friends groups and what their particles tell."""

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import Cosmology
from halokeras.cosmology.halo_structure import overdensities
from halokeras.fields.gridding import wrap
from halokeras.simulation.halo_finding.friends_of_friends import find_groups
from halokeras.simulation.halo_finding.spherical_overdensity import particles_within
from halokeras.simulation.threads import numba_threads


def find_halos(  # noqa: PLR0913  (a catalogue in the field's words)
    position: NDArray[np.float32],
    velocity: NDArray[np.float32],
    box_size: float,
    particle_mass: float,
    cosmology: Cosmology,
    redshift: float,
    linking_length: float,
    least: int = 20,
    workers: int = 1,
) -> Halos:
    """Find the friends-of-friends halos of equal particles in a periodic box.

    Results do not depend on the number of threads. The order of the particles enters by rounding
    alone.

    Parameters
    ----------
    position
        (N, 3) [Mpc/h] in [0, box_size], in any order.
    velocity
        (N, 3) peculiar [km/s], in the same order.
    box_size
        Side [Mpc/h].
    particle_mass
        Mass of a particle [Msun/h].
    cosmology, redshift
        Cosmology and redshift of the particles.
    linking_length
        Largest distance between friends [Mpc/h].
    least
        Members that a halo has at least.
    workers
        Threads.

    Returns
    -------
    Halos
        The one of most members first. `position` is the densest point on the scale of the linking
        length; `mass` is m_p N (1 - N^-0.6) of N members, the correction of Warren et al. (2006)
        for groups of few particles; `particles` is N; `velocity` the mean of the members and
        `velocity_dispersion` their rms along one axis about it. `mass_virial`, `mass_200b` and
        `mass_200c`, and their radii, are of spheres about `position` and of all particles in
        them; 0 where there is no such sphere.

    Raises
    ------
    BoxError
        If the linking length is not below half the box.
    """
    with numba_threads(workers):
        groups = find_groups(position, box_size, linking_length, least)
        mean, dispersion = _motion(groups.rows.order, groups.group, groups.members, velocity)
        spheres = particles_within(
            groups.rows,
            groups.centre,
            groups.members,
            linking_length,
            overdensities(cosmology, redshift),
        )
    further = {f"radius_{name}": _single(radius) for name, (_, radius) in spheres.items()} | {
        f"mass_{name}": _single(number * particle_mass) for name, (number, _) in spheres.items()
    }
    return Halos(
        position=wrap(groups.centre, box_size),
        mass=_single(corrected_members(groups.members) * particle_mass),
        particles=groups.members,
        velocity=_single(mean),
        velocity_dispersion=_single(dispersion),
        **further,
    )


def corrected_members(members: NDArray[np.integer | np.floating]) -> NDArray[np.float64]:
    """Return N (1 - N^-0.6) of N members (Warren et al. 2006).

    Groups of few particles are found too large: chance links more particles to them than it cuts.
    """
    corrected: NDArray[np.float64] = members * (1 - members**-0.6)
    return corrected


def _single(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return values.astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _motion(order, group, members, velocity):  # type: ignore[no-untyped-def]
    """Mean velocities of the groups, and the rms along one axis of their members about them."""
    mean = np.zeros((len(members), 3))
    square = np.zeros(len(members))
    for p in range(len(group)):
        g = group[p]
        if g >= 0:
            for axis in range(3):
                value = float(velocity[order[p], axis])
                mean[g, axis] += value
                square[g] += value * value
    for g in range(len(members)):
        for axis in range(3):
            mean[g, axis] /= members[g]
            square[g] -= members[g] * mean[g, axis] ** 2
        square[g] = np.sqrt(max(square[g], 0.0) / (3 * members[g]))
    return mean, square
