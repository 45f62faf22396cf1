"""Axes that are permuted or flipped and origins that are off: found, named and put right.

The options that repair a halo catalogue, and what they mean. ``--axes "-z,x,y"`` names, for the
new x, y and z in turn, the old axis that it is; a minus flips that axis about the middle of the
box, p -> L - p. ``--shift "0.5,0,-2"`` is then added along the new x, y and z, in voxels. All is
periodic.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.errors import BoxError
from halokeras.fields.alignment import Coherence, CoherenceWith, measure_coherence
from halokeras.fields.gridding import wrap
from halokeras.fields.modes import up_to

Vector = tuple[float, float, float]
Indices = tuple[int, int, int]

_NAMES = "xyz"
_COARSE = 64
"""Points a side of the grids on which the 48 orientations are tried."""
_MARGIN = 2.0
"""Deviations by which a coherence must exceed the largest expected of unrelated fields."""
FEWEST = 30
"""Voxels with halos, below which no turn or shift is believed: a few lie as well on any peaks."""
_ALONE = 5.0
"""Deviations at which counts are believed to be in place, as they are: one trial, not many."""


@dataclass(frozen=True)
class Orientation:
    """How a catalogue must be turned and moved to lie on its density.

    Attributes
    ----------
    axes
        The old axis, 0 to 2, that becomes the new x, y and z.
    flipped
        Whether the new x, y and z run against the old axis.
    shift
        Added along the new x, y and z, after that [voxels].
    """

    axes: Indices = (0, 1, 2)
    flipped: tuple[bool, bool, bool] = (False, False, False)
    shift: Vector = (0.0, 0.0, 0.0)

    @property
    def turns(self) -> bool:
        """Whether axes are permuted or flipped."""
        return self.axes != (0, 1, 2) or any(self.flipped)

    @property
    def options(self) -> str:
        """The options of the command line that say it, none for what is as it should be."""
        parts = []
        if self.turns:
            signs = zip(self.flipped, self.axes, strict=True)
            named = ",".join("-" * flip + _NAMES[axis] for flip, axis in signs)
            parts.append(f'--axes "{named}"')
        if any(self.shift):
            parts.append(f'--shift "{",".join(f"{step:g}" for step in self.shift)}"')
        return " ".join(parts)


@dataclass(frozen=True)
class Match:
    """How well counts follow a density, as they are and once restored.

    Attributes
    ----------
    unmoved
        Coherence of the grids as they are, as `halokeras.fields.alignment.check_alignment` has it.
    noise
        Standard deviation of the coherence of unrelated grids.
    restored
        Coherence under `orientation`; equal to `unmoved` where that is the identity.
    orientation
        What restores the counts: the identity where they are in place already, None where the
        two are unrelated however they are turned.
    """

    unmoved: float
    noise: float
    restored: float
    orientation: Orientation | None


def read_axes(text: str) -> Orientation:
    """Read the value of ``--axes``.

    Raises
    ------
    BoxError
        If it is not x, y and z in some order, each with or without a minus.
    """
    parts = [part.strip().lower() for part in text.split(",")]
    letters = [part.removeprefix("-") for part in parts]
    if sorted(letters) != list(_NAMES):
        raise BoxError(
            f"--axes '{text}' must be x, y and z in some order, with a minus where an axis is "
            'flipped, such as "-z,x,y"'
        )
    first, second, third = (_NAMES.index(letter) for letter in letters)
    flips = [part.startswith("-") for part in parts]
    return Orientation((first, second, third), (flips[0], flips[1], flips[2]))


def read_shift(text: str) -> Vector:
    """Read the value of ``--shift`` [voxels].

    Raises
    ------
    BoxError
        If it is not three finite numbers.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        x = y = z = np.nan
    if not np.isfinite([x, y, z]).all():
        raise BoxError(
            f"--shift '{text}' must be three numbers of voxels, along x, y and z, such as "
            '"0.5,0.5,0.5"'
        )
    return x, y, z


def move_positions(
    position: NDArray[np.floating], orientation: Orientation, box_size: float, voxel_size: float
) -> NDArray[np.float32]:
    """Turn and move positions (N, 3) [Mpc/h] as `orientation` says, and wrap them into the box."""
    moved = np.empty(position.shape, dtype=np.float32)
    for new, old in enumerate(orientation.axes):
        along = position[:, old].astype(np.float64)
        if orientation.flipped[new]:
            np.subtract(box_size, along, out=along)
        along += orientation.shift[new] * voxel_size
        moved[:, new] = wrap(along, box_size)
    return moved


def turn_vectors(vectors: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """Turn vectors (N, 3), such as velocities, as `move_positions` turns the halos they are of."""
    turned = vectors[:, orientation.axes].copy()
    turned[:, orientation.flipped] *= -1
    return turned


def move_counts(counts: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """Turn and move a cube of counts as `move_positions` does the halos in it.

    Raises
    ------
    BoxError
        If the shift is not of whole voxels: where in its voxel a counted halo lay is not known.
    """
    steps = [round(step) for step in orientation.shift]
    if any(step != wanted for step, wanted in zip(steps, orientation.shift, strict=True)):
        raise BoxError(
            f"counts cannot be moved by {orientation.options}, as they are whole halos in whole "
            "voxels; shift the halo positions, or make the density again with its cloud-in-cell "
            "about voxel centres"
        )
    moved = counts.transpose(orientation.axes)
    against = tuple(axis for axis in range(3) if orientation.flipped[axis])
    return np.roll(np.flip(moved, against), steps, (0, 1, 2))


def find_orientation(density: NDArray[np.floating], counts: NDArray[np.floating]) -> Match:
    """Find how counts must be turned and moved to follow the density.

    All 48 orders and directions of the axes are tried with every shift by half or whole voxels,
    on grids of at most 64 points a side, as a flipped box still follows some shift a little: the
    modes across the flip are in place. The best is then measured on the grids themselves. A
    coherence counts only if it exceeds the largest that as many trials of unrelated fields are
    expected to give by two deviations; of counts as they are, if it exceeds five. Counts of fewer
    than `FEWEST` voxels are looked at as they are only.

    Parameters
    ----------
    density, counts
        Periodic cubes of one shape.

    Raises
    ------
    BoxError
        If the shapes differ, are no cubes, or there are no halos.
    """
    if density.shape != counts.shape:
        raise BoxError(
            f"density has shape {density.shape} and counts {counts.shape}; "
            "both must cover the same voxels"
        )
    if density.ndim != 3 or len(set(density.shape)) != 1:
        raise BoxError(f"density has shape {density.shape}; its axes are compared in cubes only")
    if not counts.any():
        raise BoxError(
            "counts are all zero; lower the least mass, mass_min, or give a box with halos"
        )
    as_it_is = measure_coherence(density, counts)
    if np.count_nonzero(counts) < FEWEST:
        return _unmoved(as_it_is)
    coarse, coarse_counts = CoherenceWith(_coarse(density)), _coarse(counts)
    turned = max(_turns(), key=lambda turn: coarse.best(move_counts(coarse_counts, turn)))
    # Eight half-voxel shifts around every whole one.
    trials = 8 * density.size
    found = measure_coherence(density, move_counts(counts, turned)) if turned.turns else as_it_is
    if found.best > _significant(found.noise, 48 * trials):
        return _matched(as_it_is, found, turned)
    if as_it_is.best > _significant(as_it_is.noise, trials):
        return _matched(as_it_is, as_it_is, Orientation())
    return _unmoved(as_it_is)


def _unmoved(found: Coherence) -> Match:
    """Return whether counts follow the density as they are, or it is not known how they would."""
    believed = found.unmoved > _ALONE * found.noise
    orientation = Orientation() if believed else None
    return Match(found.unmoved, found.noise, found.unmoved, orientation)


def _turns() -> Iterator[Orientation]:
    for (x, y, z), flipped in product(permutations(range(3)), product((False, True), repeat=3)):
        yield Orientation((x, y, z), (flipped[0], flipped[1], flipped[2]))


def _significant(noise: float, trials: int) -> float:
    return noise * (float(np.sqrt(2 * np.log(trials))) + _MARGIN)


def _matched(as_it_is: Coherence, found: Coherence, turned: Orientation) -> Match:
    if not found.is_shifted:
        return Match(as_it_is.unmoved, as_it_is.noise, found.unmoved, turned)
    x, y, z = (0.0 - step for step in found.shift)
    restoring = Orientation(turned.axes, turned.flipped, (x, y, z))
    return Match(as_it_is.unmoved, as_it_is.noise, found.best, restoring)


def _coarse(grid: NDArray[np.floating]) -> NDArray[np.float32]:
    """The large scales of a cube on at most 64 points a side, or the cube itself."""
    if grid.shape[0] <= _COARSE:
        return grid.astype(np.float32)
    modes = fft.rfftn(grid.astype(np.float32))
    kept = np.zeros((_COARSE, _COARSE, _COARSE // 2 + 1), dtype=np.complex64)
    for part in up_to((_COARSE // 2 - 1,) * 3):
        kept[part] = modes[part]
    large: NDArray[np.float32] = fft.irfftn(kept, s=(_COARSE,) * 3, overwrite_x=True)
    return large
