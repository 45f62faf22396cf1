import numpy as np

from halokeras.cosmology.cosmology import box_cosmology
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import lpt_particles
from halokeras.simulation.lpt.ordered import POTENTIALS, OrderedPlanes, potential_rows
from halokeras.simulation.lpt.planes import Columns, Planes, PlaneSet
from halokeras.simulation.lpt.recipe import PARTICLES, small_scales
from halokeras.simulation.lpt.streamed import ParticlePlanes


def test_planes_in_order_are_those_made_of_all_derivatives():
    box = LptBox(box_cosmology("00"), 7, (16, 12, 10))
    particles = lpt_particles(box)
    modes, columns = particles.displacement, Columns(box.lattice)
    small = small_scales(particles.small, PARTICLES, 1)
    x, y, z = (side * PARTICLES for side in box.voxels)
    planes, kept = PlaneSet(x), modes.potential.shape[1:]

    made = ParticlePlanes((x, y, z), True, small)
    rows = np.empty((made.fields, x, *kept), np.complex64)
    made.rows(modes, columns, planes, rows, 1)
    to_plane = Planes((x, y, z), box.lattice, (x, y, z), 1)

    two = np.empty((POTENTIALS, x, *kept), np.complex64)
    potential_rows(modes, columns, (x, y, z), planes, two, 1)
    ordered = OrderedPlanes(
        lambda some: two[:, np.array(some) % x], box.lattice, (x, y, z), modes.share, small, 3, 1
    )
    for plane in (x - 1, 0, 1, 17):
        ours, theirs = ordered.plane(plane), made.plane(plane, rows[:, plane], to_plane)
        assert len(ours) == 6
        for one, other in zip(ours, theirs, strict=True):
            assert other.std() > 0.5  # separations of particles
            np.testing.assert_allclose(one, other, atol=3e-5)
