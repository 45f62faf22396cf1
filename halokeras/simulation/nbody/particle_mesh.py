"""The pull of equal particles on each other by a periodic mesh.

Particles are sorted by the mesh column that they lie in: a few cells wide in x and y and as long as
the box in z, so that the part of the mesh that a column's particles touch stays in a core's cache.
Threads share out columns, planes and rows, each done whole by one thread, and neighbours that add
to the same cells take turns: the result does not depend on the number of threads.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.simulation.nbody import mesh_kernels

Floats = NDArray[np.float32]

SHARPENING = 4
"""Powers of the sinc window that the force undoes: all that deposit and interpolation lose.

The pull of two particles one cell apart is then Newton's, though by a third more or less with where
in a cell they are. With one power less small halos are softer, and fewer are found.
"""

_WIDTH_X, _WIDTH_Y = 4, 8
"""Cells of a column: three forces on its corners, 512 long, fill half of a cache of 512 KiB."""

_CHUNK = 1 << 18
"""Particles that a thread sorts at a time."""

_SHARES = 32
"""In which planes, rows and columns are handed to threads: enough for as many to end together."""


class Sorted(NamedTuple):
    """Positions [Mpc/h] and velocities of particles by column, and each column's first particle."""

    position: Floats
    velocity: Floats
    first: NDArray[np.int64]


class ParticleMesh:
    """A force mesh and the threads that work on it.

    Parameters
    ----------
    cells
        Cells a side.
    box_size
        Side of the periodic box [Mpc/h].
    pool
        Threads.
    """

    def __init__(self, cells: int, box_size: float, pool: ThreadPoolExecutor) -> None:
        self._cells = cells
        self._box_size = np.float32(box_size)
        self._per_cell = np.float32(cells / box_size)
        self._pool = pool
        self._edges_x, column_x = _columns(cells, _WIDTH_X)
        self._edges_y, column_y = _columns(cells, _WIDTH_Y)
        self._column_x = (column_x * (len(self._edges_y) - 1)).astype(np.int32)
        self._column_y = column_y.astype(np.int32)
        self._modes = np.empty((cells, cells, cells // 2 + 1), dtype=np.complex64)
        # The transforms are in place: a row of cells, and some more, is that of its modes.
        self._grid = self._modes.view(np.float32)

    def sort(self, position: Floats, velocity: Floats, time: float) -> Sorted:
        """Move particles by `time` v into new arrays, by column and otherwise in their order."""
        total = len(position)
        columns = (len(self._edges_x) - 1) * (len(self._edges_y) - 1)
        starts = range(0, total, _CHUNK)
        count = np.zeros((len(starts), columns), dtype=np.int64)
        drift = (np.float32(time), self._box_size)
        place = (self._per_cell, self._column_x, self._column_y)

        def tally(chunk: int) -> None:
            part = slice(starts[chunk], starts[chunk] + _CHUNK)
            mesh_kernels.tally(position[part], velocity[part], drift, place, count[chunk])

        self._all(tally, range(len(starts)))
        first = np.zeros(columns + 1, dtype=np.int64)
        np.cumsum(count.sum(axis=0), out=first[1:])
        slot = np.cumsum(count, axis=0) - count + first[:-1]
        moved = np.empty_like(position), np.empty_like(velocity)

        def copy(chunk: int) -> None:
            part = slice(starts[chunk], starts[chunk] + _CHUNK)
            mesh_kernels.copy(position[part], velocity[part], drift, place, slot[chunk], moved)

        self._all(copy, range(len(starts)))
        return Sorted(*moved, first)

    def attract(self, particles: Sorted, lattice: int, forgotten: float) -> None:
        """Fill the mesh with the potential lap^-1 delta [(Mpc/h)^2] of the particles.

        Parameters
        ----------
        particles
            By `sort`.
        lattice
            Points a side of the lattice that the particles set out from.
        forgotten
            How much of it they have forgotten: 0 if they are still near to it, 1 if they are not.
        """
        self._deposit(particles)
        cells = self._cells
        responses = (
            (*_response(cells), np.float32(forgotten)),
            (*_lattice_response(cells, lattice), np.float32(1 - forgotten)),
        )
        # The scaling of the transforms is that of the mean density: cells^3 cancels.
        scale = np.float32(-((float(self._box_size) / (2 * np.pi)) ** 2) / len(particles.position))
        grid, modes = self._grid, self._modes

        def transform_plane(i: int) -> None:
            modes[i] = fft.rfft2(grid[i, :, :cells])

        def solve_row(j: int) -> None:
            row = fft.fft(modes[:, j], axis=0, overwrite_x=True)
            mesh_kernels.solve_poisson(row, j, responses, scale)
            modes[:, j] = fft.ifft(row, axis=0, norm="forward", overwrite_x=True)

        def transform_back(i: int) -> None:
            grid[i, :, :cells] = fft.irfft2(
                modes[i], s=(cells, cells), norm="forward", overwrite_x=True
            )

        self._all(transform_plane, range(cells))
        self._all(solve_row, range(cells))
        self._all(transform_back, range(cells))

    def kick_and_drift(self, particles: Sorted, keep: float, gain: float, time: float) -> None:
        """Set v to keep v - gain grad potential and move by `time` v."""
        step = np.float32(keep), np.float32(gain * self._per_cell), np.float32(time)
        edges = self._edges_x, self._edges_y
        sides = self._box_size, self._per_cell  # by which `sort` finds columns, to the last bit

        def kick(block: int) -> None:
            mesh_kernels.kick_and_drift(particles, self._grid, block, edges, step, sides)

        self._all(kick, range(len(self._edges_x) - 1))

    def _deposit(self, particles: Sorted) -> None:
        def clear(i: int) -> None:
            self._grid[i] = 0

        def deposit(block: int) -> None:
            columns = len(self._edges_y) - 1
            begin, end = particles.first[block * columns], particles.first[(block + 1) * columns]
            mesh_kernels.deposit(particles.position[begin:end], self._grid, self._per_cell)

        blocks = range(len(self._edges_x) - 1)
        self._all(clear, range(self._cells))
        # A block reaches into the next one's first plane.
        self._all(deposit, blocks[0::2])
        self._all(deposit, blocks[1::2])

    def _all(self, work: Callable[[int], None], items: Sequence[int]) -> None:
        # Handing over items one by one costs a tenth of the time of a small box.
        many = max(len(items) // _SHARES, 1)

        def work_through(begin: int) -> None:
            for item in items[begin : begin + many]:
                work(item)

        for _ in self._pool.map(work_through, range(0, len(items), many)):
            pass


def _response(cells: int) -> tuple[Floats, Floats]:
    """Return what the force undoes of the windows along an axis, and squared wavenumbers."""
    n = np.fft.fftfreq(cells) * cells
    return (np.sinc(n / cells) ** -SHARPENING).astype(np.float32), (n**2).astype(np.float32)


def _lattice_response(cells: int, lattice: int) -> tuple[Floats, Floats]:
    """Return the same of particles near to a lattice, whose modes then grow as they should.

    Such particles have no modes beyond the lattice's Nyquist frequency, only images of those below,
    whose pull makes modes of a few spacings grow too fast or, on a finer mesh, too slowly (Joyce
    et al. 2005). Left out are the images, and undone are both windows and, along the wavevector,
    the derivative by four points.
    """
    n = np.fft.fftfreq(cells) * cells
    window = np.where(2 * abs(n) < lattice, np.sinc(n / cells) ** -4, 0)
    angle = 2 * np.pi * n / cells
    derivative = np.sinc(2 * n / cells) * (4 - np.cos(angle)) / 3
    return window.astype(np.float32), (n**2 * derivative).astype(np.float32)


def _columns(cells: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the edges of an even number of columns along a side, and the column of each cell."""
    number = 2 * max(cells // (2 * width), 1)
    edges = np.arange(number + 1) * cells // number
    return edges, np.repeat(np.arange(number), np.diff(edges))
