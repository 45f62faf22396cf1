"""How a box is cut into slabs, and what making its density slab by slab takes."""

from collections.abc import Sequence
from math import ceil, prod
from typing import NamedTuple

from halokeras.simulation.lpt.along_x import REACH
from halokeras.simulation.lpt.box import LptBox, LptEstimate
from halokeras.simulation.lpt.density import estimate, seconds_at_best
from halokeras.simulation.lpt.density_file import SLAB
from halokeras.simulation.lpt.ordered import POTENTIALS
from halokeras.simulation.lpt.recipe import PARTICLES, products_lattice
from halokeras.simulation.lpt.streamed import GRADIENT, HESSIAN
from halokeras.simulation.slabs.sixteen_bits import SHARE

BUDGET = 2**31
"""Bytes of arrays that a task may hold, if its slab can be as thin."""
_SLABS = 32
"""As many slabs at least, where there are as many columns, to be shared out to workers."""
_THICK = 16
"""Voxels along x of a slab of particles, at least: of thinner ones most would be margin."""
_MARGIN = 10
"""Voxels on either side that particles are taken to reach, for the estimate alone: 8 in 256^3."""
BYTES_AT_REST = 600_000_000
"""Bytes of libraries and of what is small."""
_BYTES_OF_SMALL_SCALES = 21_234_000
"""On disk, of whatever box."""
SLOWER = 1.6
"""Time over that in memory, measured at 128^3 and 256^3 voxels."""
_PASS, _PART = 0.12, 0.27
"""What each further pass and part adds to it."""
_SECOND_ORDER = 0.65
"""What the second order's products are of it."""
_MOST = 32
"""Passes, or parts, at most."""


class Cuts(NamedTuple):
    """How thick slabs are, and how much of the box lies on disk at a time.

    Attributes
    ----------
    columns
        Wavenumbers along y of a slab of modes.
    planes
        Planes of a slab of the second order's products.
    voxels
        Voxels along x of a slab of particles.
    read
        Planes of its particles that are read at a time.
    passes
        Times that modes are transformed for the products, each for every so many planes.
    parts
        Parts of the slabs of particles whose rows are on disk one after the other.
    sixteen_bits
        Whether rows and products are kept as 16-bit numbers, but for potentials.
    """

    columns: int
    planes: int
    voxels: int
    read: int
    passes: int = 1
    parts: int = 1
    sixteen_bits: bool = False


def pieces(total: int, width: int) -> list[range]:
    """Cut the numbers below `total` into ranges of a width, the last narrower."""
    return [range(start, min(start + width, total)) for start in range(0, total, width)]


def row_fields(box: LptBox) -> int:
    """Return how many fields of rows the particles of a box are moved by.

    With velocities planes are made in order, of two potentials. Else they have the bits of those in
    memory.
    """
    return POTENTIALS if box.velocity else GRADIENT + 1


def are_rows_rounded(box: LptBox, cuts: Cuts) -> bool:
    """Say whether the rows that particles are moved by are kept as 16-bit numbers.

    Rounded potentials would lose the short waves that their derivatives are to have.
    """
    return cuts.sixteen_bits and not box.velocity


def cuts_of(box: LptBox) -> Cuts:
    """Cut a box into slabs that keep to the budget, whatever the machine has."""
    # rows of parts are made beside a sweep
    budget = BUDGET // 2 if box.velocity else BUDGET

    def width(bytes_of_one: int, total: int) -> int:
        return max(1, min(budget // bytes_of_one, ceil(total / _SLABS)))

    plane, x = _bytes_of_plane(box), box.voxels[0]
    room = BUDGET // 4 // _bytes_of_sums(box) - 2 * _MARGIN
    thick = max(_THICK, min(room, ceil(x / _SLABS)))
    # whole voxels, so that files of columns are not opened for single planes
    read = width(8 * row_fields(box) * plane, x * PARTICLES)
    return Cuts(
        columns=width(_bytes_of_column(box), box.lattice[1]),
        planes=width(HESSIAN * plane, products_lattice(box.lattice)[0]),
        voxels=min(thick, x),
        read=PARTICLES if box.velocity else max(PARTICLES, read),
    )


def fitted(box: LptBox, cuts: Cuts, beside: int, room: float) -> Cuts:
    """Cut a box so that its rows keep to some room on disk, in as few passes and parts as do.

    Each costs the time of drawing and transforming modes once more, and 16-bit numbers hardly any.

    Parameters
    ----------
    box
        The box.
    cuts
        How it is cut otherwise.
    beside
        Bytes that lie beside its rows.
    room
        Bytes that there are. Where they do not suffice, passes and parts are as many as may be.
    """
    fine = products_lattice(box.lattice)[0]
    if max(_work_of_products(box, cuts), _work_of_rows(box, cuts) + beside) <= room:
        return cuts
    many = [passes for passes in range(1, _MOST + 1) if fine % passes == 0]
    by_passes = [cuts._replace(passes=passes, sixteen_bits=True) for passes in many]
    cuts = next((one for one in by_passes if _work_of_products(box, one) <= room), by_passes[-1])
    return in_parts(box, cuts, beside, room)


def in_parts(box: LptBox, cuts: Cuts, beside: int, room: float) -> Cuts:
    """Cut a box into as few parts as keep to some room on disk, its products made, as `fitted`."""
    slabs = len(pieces(box.voxels[0], cuts.voxels))
    by_parts = [cuts._replace(parts=parts) for parts in range(1, min(_MOST, slabs) + 1)]
    return next((one for one in by_parts if _work_of_rows(box, one) + beside <= room), by_parts[-1])


def parts_of(box: LptBox, cuts: Cuts) -> list[range]:
    """Return which slabs of particles each part of them has."""
    slabs, parts = len(pieces(box.voxels[0], cuts.voxels)), cuts.parts
    return [range(part * slabs // parts, (part + 1) * slabs // parts) for part in range(parts)]


def part_planes(box: LptBox, cuts: Cuts, part: int) -> range:
    """Return the planes of particles whose rows are there with a part; beyond the box they wrap."""
    side = box.voxels[0] * PARTICLES
    own = parts_of(box, cuts)[part]
    start, stop = (min(slab * cuts.voxels * PARTICLES, side) for slab in (own.start, own.stop))
    # derivatives need those around, and are read some at a time
    around = REACH + cuts.read - 1 if box.velocity else 0
    if cuts.parts == 1 or stop - start + 2 * around >= side:
        return range(side)
    return range(start - around, stop + around)


def slab_estimate(box: LptBox, cuts: Cuts, products_stay: bool = False) -> LptEstimate:
    """Say what making a density slab by slab takes of each process, and of the disk.

    The products of the second order may stay to the end.
    """
    rows, sums, disk = rows_need(box, cuts), _bytes_of_sums(box), estimate(box).disk
    added, products = bytes_added(box, cuts), _bytes_of_products(box, cuts) if products_stay else 0
    beside_rows = products if cuts.parts == 1 else 0  # of further parts they are kept anyway
    return LptEstimate(
        memory=BYTES_AT_REST
        + max(
            rows.memory,
            # twice the sums, which move where margins are widened
            2 * (cuts.voxels + 2 * _MARGIN) * sums + planes_bytes(box, cuts),
            2 * SLAB * sums,
        ),
        disk=disk,
        seconds=slower(cuts) * seconds_at_best(box),
        work=max(
            rows.work,
            rows.kept + beside_rows + added,
            _BYTES_OF_SMALL_SCALES + products + added + disk,
        ),
    )


def bytes_added(box: LptBox, cuts: Cuts) -> int:
    """Return what the sums of all slabs of particles take on disk, with their margins."""
    x = box.voxels[0]
    return (x + 2 * _MARGIN * len(pieces(x, cuts.voxels))) * _bytes_of_sums(box)


def slower(cuts: Cuts, products_there: bool = False) -> float:
    """Return the time that slabs take over that in memory, measured at 256^3 voxels.

    It is less where the products of the second order are there.
    """
    products = _SECOND_ORDER + _PASS * (cuts.passes - 1)
    rest = SLOWER - _SECOND_ORDER + _PART * (cuts.parts - 1)
    return rest if products_there else rest + products


class RowsNeed(NamedTuple):
    """What the steps up to the rows of planes of particles take [bytes].

    Attributes
    ----------
    memory
        Most that a task holds.
    work
        Most that lies on disk.
    kept
        What stays of it: the rows, or what those of further parts are made of, and small scales.
    """

    memory: int
    work: int
    kept: int


def rows_need(box: LptBox, cuts: Cuts) -> RowsNeed:
    """Return what the rows of planes of particles take."""
    plane, fine = _bytes_of_plane(box), products_lattice(box.lattice)
    part, columns = _bytes_of_part(box, cuts), len(range(0, box.lattice[1], cuts.columns))
    # what is written, where that is made beside the rows that a task makes
    rounded = SHARE if cuts.sixteen_bits else 0
    taken_out = part if cuts.parts > 1 or cuts.sixteen_bits else 0
    written = max(rounded * HESSIAN * fine[0] * plane / cuts.passes, taken_out) / columns
    return RowsNeed(
        memory=max(
            cuts.columns * _bytes_of_column(box) + int(written),
            int(cuts.planes * (HESSIAN + rounded) * plane) + 8 * 4 * prod(fine[1:]),
        ),
        work=_BYTES_OF_SMALL_SCALES + max(_work_of_products(box, cuts), _work_of_rows(box, cuts)),
        kept=_BYTES_OF_SMALL_SCALES
        + part
        + (_bytes_of_products(box, cuts) if cuts.parts > 1 else 0),
    )


def planes_bytes(box: LptBox, cuts: Cuts, added: int = 1, rows: int = 0) -> int:
    """Return the memory of planes of particles, some read and some `added` at a time.

    What making further `rows` takes counts, if it is more than those that are read: rows of a part
    are made while nothing is read.
    """
    real, fields = 4 * PARTICLES**2 * prod(box.voxels[1:]), 3 * (1 + box.velocity)
    read = cuts.read * row_fields(box)
    if box.velocity:  # kept with those around, read beside them, and as many as made
        read = POTENTIALS * (2 * REACH + 2 * cuts.read) + 2 * GRADIENT + 4
    # planes that are made while those before are added, and the room for their transforms
    return max(read * _bytes_of_plane(box), rows) + (2 * added * fields + 4) * real


def _work_of_products(box: LptBox, cuts: Cuts) -> int:
    """Bytes on disk while the second order's products are made."""
    planes = products_lattice(box.lattice)[0] // cuts.passes
    hessian = HESSIAN * _bytes_on_disk(box, [planes], cuts.sixteen_bits)
    return hessian + _bytes_of_products(box, cuts)


def _work_of_rows(box: LptBox, cuts: Cuts) -> int:
    """Bytes on disk while rows of planes of particles are made of the products."""
    return _bytes_of_products(box, cuts) + _bytes_of_part(box, cuts)


def _bytes_of_products(box: LptBox, cuts: Cuts) -> int:
    """Bytes on disk of the second order's products."""
    planes = products_lattice(box.lattice)[0] // cuts.passes
    slabs = [len(slab) for slab in pieces(planes, cuts.planes)]
    return cuts.passes * _bytes_on_disk(box, slabs, cuts.sixteen_bits)


def _bytes_of_part(box: LptBox, cuts: Cuts) -> int:
    """Bytes on disk of the rows of the largest part."""
    most = max(len(part_planes(box, cuts, part)) for part in range(len(parts_of(box, cuts))))
    return row_fields(box) * _bytes_on_disk(box, [most], are_rows_rounded(box, cuts))


def _bytes_on_disk(box: LptBox, planes: Sequence[int], sixteen_bits: bool) -> int:
    """Bytes of files of some planes each, with the scales of each."""
    if not sixteen_bits:
        return sum(planes) * _bytes_of_plane(box)
    return int(SHARE * (sum(planes) + len(planes)) * _bytes_of_plane(box))


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
    modes = 3 * points  # drawn, of the second order, and of a potential
    along_x = max(points + HESSIAN * fine, modes + max(fine, motion))
    return 8 * (box.lattice[2] // 2 + 1) * along_x
