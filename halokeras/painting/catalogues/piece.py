"""Parts of a box that halos are placed in, one after another, each with voxels around it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.gridding import Shape
from halokeras.painting.tiles import wrapped_runs
from halokeras.storage.grid import Grid


@dataclass(frozen=True)
class Piece:
    """Part of a box along x and y, whole along z, with voxels around it.

    Attributes
    ----------
    shape
        Voxels of the box.
    x, y
        First voxel and the one after the last; below 0 or beyond the box they wrap.
    """

    shape: Shape
    x: tuple[int, int]
    y: tuple[int, int]

    def widened(self, margin: int) -> "Piece":
        """Return the piece with `margin` voxels around it, or with a whole axis."""
        spans = []
        for (start, stop), length in ((self.x, self.shape[0]), (self.y, self.shape[1])):
            whole = stop - start + 2 * margin >= length
            spans.append((0, length) if whole else (start - margin, stop + margin))
        return Piece(self.shape, *spans)

    def read(
        self, grid: Grid, finer: int = 1, beyond: int = 0, lead: int | None = None
    ) -> NDArray[np.generic]:
        """Return a part of a grid, `finer` along each side, and `beyond` of its points around.

        Around an axis that the piece goes around, as `periods` tells, there is nothing more. Before
        x there are `lead` axes, by default all but three.
        """
        before = (slice(None),) * (len(grid.shape) - 3 if lead is None else lead)
        along_x, along_y = (
            _runs(span, length, finer, 0 if period else beyond)
            for span, length, period in zip(
                (self.x, self.y), self.shape, self.periods, strict=False
            )
        )
        return _joined(
            [
                _joined([grid[(*before, one, other)] for other in along_y], len(before) + 1)
                for one in along_x
            ],
            len(before),
        )

    def index(self) -> NDArray[np.int64]:
        """Return the global index of each voxel, flat."""
        x, y = np.arange(*self.x) % self.shape[0], np.arange(*self.y) % self.shape[1]
        columns = x[:, np.newaxis] * self.shape[1] + y
        return (columns[..., np.newaxis] * self.shape[2] + np.arange(self.shape[2])).ravel()

    def local(self, voxel: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places in this piece of voxels, (3, N) in the box."""
        x, y, z = voxel
        return np.stack([(x - self.x[0]) % self.shape[0], (y - self.y[0]) % self.shape[1], z])

    def holds(self, voxel: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which voxels, (3, N) in the box, are in this piece."""
        x, y, _ = self.local(voxel)
        inside: NDArray[np.bool_] = (x < self.x[1] - self.x[0]) & (y < self.y[1] - self.y[0])
        return inside

    @property
    def periods(self) -> list[int]:
        """Voxels after which an axis is periodic, or 0 where the piece does not go around."""
        sides = zip(self.sides, self.shape, strict=True)
        return [side if side == length else 0 for side, length in sides]

    @property
    def sides(self) -> Shape:
        """Voxels along each axis."""
        return self.x[1] - self.x[0], self.y[1] - self.y[0], self.shape[2]


def _runs(span: tuple[int, int], length: int, finer: int, beyond: int) -> list[slice]:
    """Return the parts of an axis of `length` voxels that a span of them is in, and points more."""
    start, stop = span
    points = (stop - start) * finer + 2 * beyond
    return [run for _, run in wrapped_runs(start * finer - beyond, points, length * finer)]


def _joined(parts: list[NDArray[np.generic]], axis: int) -> NDArray[np.generic]:
    """Return parts of a grid as one, without a copy of a single one."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)
