"""How a box is cut into slabs, and what making its density slab by slab takes."""

from math import ceil, prod
from typing import NamedTuple

from halokeras.simulation.lpt.box import LptBox, LptEstimate
from halokeras.simulation.lpt.density import estimate
from halokeras.simulation.lpt.density_file import SLAB
from halokeras.simulation.lpt.recipe import PARTICLES, products_lattice
from halokeras.simulation.lpt.streamed import GRADIENT, HESSIAN

BUDGET = 2**31
"""Bytes of arrays that a task may hold, if its slab can be as thin."""
_SLABS = 32
"""As many slabs at least, where there are as many columns, to be shared out to workers."""
_THICK = 16
"""Voxels along x of a slab of particles, at least: of thinner ones most would be margin."""
_MARGIN = 16
"""Voxels on either side that particles are taken to reach, for the estimate alone."""
BYTES_AT_REST = 600_000_000
"""Bytes of libraries and of what is small."""
SLOWER = 1.6
"""Time over that in memory, measured at 128^3 and 256^3 voxels."""


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


def row_fields(box: LptBox) -> int:
    """Return how many fields of rows the particles of a box are moved by."""
    return GRADIENT * (1 + box.velocity) + 1


def cuts_of(box: LptBox) -> Cuts:
    """Cut a box into slabs that keep to the budget, whatever the machine has: a run can go on."""

    def width(bytes_of_one: int, total: int) -> int:
        return max(1, min(BUDGET // bytes_of_one, ceil(total / _SLABS)))

    plane, x = _bytes_of_plane(box), box.voxels[0]
    room = BUDGET // 4 // _bytes_of_sums(box) - 2 * _MARGIN
    thick = max(_THICK, min(room, ceil(x / _SLABS)))
    return Cuts(
        columns=width(_bytes_of_column(box), box.lattice[1]),
        planes=width(HESSIAN * plane, products_lattice(box.lattice)[0]),
        voxels=min(thick, x),
        # whole voxels, so that files of columns are not opened for single planes
        read=max(PARTICLES, width(8 * row_fields(box) * plane, x * PARTICLES)),
    )


def slab_estimate(box: LptBox) -> LptEstimate:
    """Say what making a density slab by slab takes of each process, and of the disk."""
    in_memory, rows = estimate(box), rows_need(box)
    cuts, sums = cuts_of(box), _bytes_of_sums(box)
    x = box.voxels[0]
    added = (x + 2 * _MARGIN * len(pieces(x, cuts.voxels))) * sums
    return LptEstimate(
        memory=BYTES_AT_REST
        + max(
            rows.memory,
            # twice the sums, which move where margins are widened
            2 * (cuts.voxels + 2 * _MARGIN) * sums + planes_bytes(box, cuts.read),
            2 * SLAB * sums,
        ),
        disk=in_memory.disk,
        seconds=SLOWER * in_memory.seconds,
        work=max(rows.work, rows.kept + added, added + in_memory.disk),
    )


class RowsNeed(NamedTuple):
    """What the steps up to the rows of planes of particles take [bytes].

    Attributes
    ----------
    memory
        Most that a task holds.
    work
        Most that lies on disk.
    kept
        The rows themselves.
    """

    memory: int
    work: int
    kept: int


def rows_need(box: LptBox) -> RowsNeed:
    """Return what the rows of planes of particles take."""
    cuts, plane, fine = cuts_of(box), _bytes_of_plane(box), products_lattice(box.lattice)
    hessian, product = HESSIAN * fine[0] * plane, fine[0] * plane
    kept = row_fields(box) * box.voxels[0] * PARTICLES * plane
    return RowsNeed(
        memory=max(
            cuts.columns * _bytes_of_column(box),
            cuts.planes * HESSIAN * plane + 8 * 4 * prod(fine[1:]),
        ),
        work=max(hessian + product, product + kept),
        kept=kept,
    )


def planes_bytes(box: LptBox, read: int, added: int = 1) -> int:
    """Return the memory of planes of particles, some read and some `added` at a time."""
    real, fields = 4 * PARTICLES**2 * prod(box.voxels[1:]), 3 * (1 + box.velocity)
    # planes that are made while those before are added, and the room for their transforms
    return read * row_fields(box) * _bytes_of_plane(box) + (2 * added * fields + 4) * real


def _bytes_of_plane(box: LptBox) -> int:
    """Bytes of the modes along y and z of a plane of constant x."""
    return 8 * box.lattice[1] * (box.lattice[2] // 2 + 1)


def _bytes_of_sums(box: LptBox) -> int:
    """Bytes of what is summed in a plane of voxels."""
    return 8 * (4 if box.velocity else 1) * prod(box.voxels[1:])


def _bytes_of_column(box: LptBox) -> int:
    """Bytes that a task on columns of modes takes for each wavenumber along y."""
    points, fine = box.lattice[0], products_lattice(box.lattice)[0]
    motion = row_fields(box) * box.voxels[0] * PARTICLES
    along_x = max(points + HESSIAN * fine, 2 * points + max(fine, motion))
    return 8 * (box.lattice[2] // 2 + 1) * along_x
