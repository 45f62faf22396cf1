"""How a box is cut into slabs, and what making its density slab by slab takes."""

from math import ceil, prod
from typing import NamedTuple

from halokeras.simulation.density import (
    PARTICLES,
    SLAB,
    LptBox,
    LptEstimate,
    estimate,
    products,
)
from halokeras.simulation.streamed_lpt import GRADIENT, HESSIAN

BUDGET = 2**31
"""Bytes of arrays that a task may hold, if its slab can be as thin."""
_SLABS = 32
"""As many slabs at least, where there are as many columns, to be shared out to workers."""
_THICK = 16
"""Voxels along x of a slab of particles, at least: of thinner ones most would be margin."""
_MARGIN = 16
"""Voxels on either side that particles are taken to reach, for the estimate alone."""
_BYTES_AT_REST = 900_000_000
_SLOWER = 1.5
"""Seconds over those in memory."""


class Cuts(NamedTuple):
    """How thick slabs are.

    Attributes
    ----------
    columns
        Wavenumbers along y of a slab of modes.
    planes
        Planes of a slab of the second order's products.
    voxels
        Voxels along x of a slab of particles.
    read
        Planes of its particles that are in memory at a time.
    """

    columns: int
    planes: int
    voxels: int
    read: int


def pieces(total: int, width: int) -> list[range]:
    """Cut the numbers below `total` into ranges of a width, the last narrower."""
    return [range(start, min(start + width, total)) for start in range(0, total, width)]


def fields_of_motion(box: LptBox) -> int:
    """Return how many fields of rows the particles of a box are moved by."""
    return GRADIENT * (1 + box.velocity) + 1


def cuts_of(box: LptBox) -> Cuts:
    """Cut a box into slabs that keep to the budget, whatever the machine has: a run can go on."""

    def width(bytes_of_one: int, total: int) -> int:
        return max(1, min(BUDGET // bytes_of_one, ceil(total / _SLABS)))

    sums = _bytes_of_sums(box)
    room = BUDGET // 2 // sums // 2 - 2 * _MARGIN
    thick = max(_THICK, min(room, ceil(box.voxels[0] / _SLABS)))
    return Cuts(
        columns=width(_bytes_of_column(box), box.lattice[1]),
        planes=width(HESSIAN * _bytes_of_plane(box), products(box.lattice)[0]),
        voxels=min(thick, box.voxels[0]),
        read=width(2 * fields_of_motion(box) * _bytes_of_plane(box), box.voxels[0] * PARTICLES),
    )


def slab_estimate(box: LptBox) -> LptEstimate:
    """Say what making a density slab by slab takes of each process, and of the disk."""
    cuts, plane, sums = cuts_of(box), _bytes_of_plane(box), _bytes_of_sums(box)
    x = box.voxels[0]
    fields, fine = fields_of_motion(box), products(box.lattice)
    hessian, product = HESSIAN * fine[0] * plane, fine[0] * plane
    motion = fields * x * PARTICLES * plane
    in_memory = estimate(box)
    slabs = len(pieces(x, cuts.voxels))
    particles = (x + 2 * _MARGIN * slabs) * sums
    return LptEstimate(
        memory=_BYTES_AT_REST
        + max(
            cuts.columns * _bytes_of_column(box),
            cuts.planes * HESSIAN * plane + 8 * 4 * prod(fine[1:]),
            # twice the sums, which move where margins are widened
            2 * (cuts.voxels + 2 * _MARGIN) * sums
            + cuts.read * fields * plane
            + 10 * 4 * PARTICLES**2 * prod(box.voxels[1:]),
            2 * SLAB * sums,
        ),
        disk=in_memory.disk,
        seconds=_SLOWER * in_memory.seconds,
        work=max(
            hessian + product, product + motion, motion + particles, particles + in_memory.disk
        ),
    )


def _bytes_of_plane(box: LptBox) -> int:
    """Bytes of the modes along y and z of a plane of constant x."""
    return 8 * box.lattice[1] * (box.lattice[2] // 2 + 1)


def _bytes_of_sums(box: LptBox) -> int:
    """Bytes of what is summed in a plane of voxels."""
    return 8 * (4 if box.velocity else 1) * prod(box.voxels[1:])


def _bytes_of_column(box: LptBox) -> int:
    """Bytes that a task on columns of modes takes for each wavenumber along y."""
    points, fine = box.lattice[0], products(box.lattice)[0]
    motion = fields_of_motion(box) * box.voxels[0] * PARTICLES
    along_x = max(points + HESSIAN * fine, 2 * points + max(fine, motion))
    return 8 * (box.lattice[2] // 2 + 1) * along_x
