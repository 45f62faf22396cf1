"""Normal numbers of voxels that are correlated with those of the voxels beside and around them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate
from scipy.special import ndtri

from halokeras.fields.gridding import Shape
from halokeras.painters.exclusion import MOST_CORRELATED
from halokeras.painters.surroundings import FACES_TOGETHER, SMOOTH_WEIGHTS
from halokeras.painting.ids import global_index
from halokeras.painting.tiles import Place
from halokeras.randomness import uniform_at

_LEAST_SIDE = 3
"""Voxels along an axis, along which else a voxel would have itself or one other on both sides."""
_LEAST_VARIANCE = 1e-12
"""Least variance of a number less the mean of those around, which rounding could bring below 0."""
_WINDOW = (1.0, 2.0, 0.5, 0.1)
"""What a voxel, and those that share a face, an edge and a corner with it, count around a peak."""


class CountNoise(NamedTuple):
    """How the first numbers of voxels go together; (x, y, z) each.

    Attributes
    ----------
    beside
        Correlation with those of voxels that share a face.
    smooth
        Share of their variance that is smooth: the sum of white numbers in a voxel and the 26
        around it, by `SMOOTH_WEIGHTS`.
    """

    beside: NDArray[np.float64]
    smooth: NDArray[np.float64]


def neighbor_noise(
    correlations: NDArray[np.float64],
    place: Place,
    shape: Shape,
    seed: int,
    purpose: str,
    mass: NDArray[np.float64] | None = None,
    counts: CountNoise | None = None,
) -> NDArray[np.float64]:
    """Return standard normal numbers, as many in each voxel as there are rows of `correlations`.

    With `mass` the last number of a voxel is less the mean of those around, each counted as the
    mass that is expected there: of the voxels of a peak that are each likely to hold its halo the
    others have low numbers where one has a high one. All stay normal, and those of one voxel
    independent.

    Parameters
    ----------
    correlations
        (N, N), symmetric: of the numbers of a voxel with those of a voxel that shares a face with
        it, the last before `mass` is counted. Those of one voxel are independent of each other.
    place, shape
        Voxels whose numbers are wanted, and those of the periodic box.
    seed, purpose
        With the index of a voxel in the box, and the masses around, they fix its numbers, whatever
        `place` is.
    mass
        (x + 2, y + 2, z + 2) expected in those voxels and one more on all sides, in units of what
        is too little to matter.
    counts
        How the first numbers of voxels go together, in place of ``correlations[0, 0]``, which is
        then 0.

    Returns
    -------
    ndarray
        (N, x, y, z).
    """
    axes = tuple(axis for axis, side in enumerate(shape) if side >= _LEAST_SIDE)
    index = _index_around(place, shape)
    white = [
        ndtri(uniform_at(seed, f"{purpose} {number}", index) + 2.0**-54)
        for number in range(len(correlations))
    ]
    inner = (slice(1, -1),) * 3
    own, beside = _mixing(correlations, 2 * len(axes))
    if counts is not None:
        white.append(ndtri(uniform_at(seed, f"{purpose} smooth", index) + 2.0**-54))
    noise = np.zeros((len(correlations), *white[0][inner].shape))
    # Number by number: a product of matrices would round as its shape has it.
    for number, field in enumerate(white[: len(correlations)]):
        around = _around(field, axes)
        for made, one, other in zip(noise, own[number], beside[number], strict=True):
            made += one * field[inner] + other * around
    coupled: NDArray[np.float64] | float = 0.0
    if counts is not None:
        with_beside = _go_together(noise, white[0], white[-1], counts, own[0, 0], axes)
        coupled = with_beside * beside[0, -1]
    if mass is not None:
        rank = white[len(correlations) - 1]
        _keep_apart(noise, rank, mass, own[-1], beside[-1], axes, coupled)
    return noise


def _go_together(
    noise: NDArray[np.float64],
    white: NDArray[np.float64],
    smooth: NDArray[np.float64],
    counts: CountNoise,
    own: float,
    axes: tuple[int, ...],
) -> NDArray[np.float64]:
    """Have the first numbers of voxels go together, in place of `own` times their white ones.

    Returns the products of these numbers with the sum of the white ones beside.
    """
    inner = (slice(1, -1),) * 3
    faces = 2 * len(axes)
    left = own**2 - counts.smooth
    wanted = (counts.beside - FACES_TOGETHER * counts.smooth) / left
    wanted = np.clip(wanted, -MOST_CORRELATED, MOST_CORRELATED)
    beside = np.sign(wanted) * np.sqrt((1 - np.sqrt(1 - faces * wanted**2)) / (2 * max(faces, 1)))
    scale = np.sqrt(left)
    window = np.ones((1, 1, 1))
    for axis in range(3):
        weights = SMOOTH_WEIGHTS if axis in axes else (0, 1, 0)
        window = window * np.expand_dims(weights, [other for other in range(3) if other != axis])
    noise[0] += (scale * np.sqrt(1 - faces * beside**2) - own) * white[inner]
    noise[0] += scale * beside * _around(white, axes)
    noise[0] += np.sqrt(counts.smooth / (window**2).sum()) * correlate(smooth, window)[inner]
    with_beside: NDArray[np.float64] = faces * scale * beside
    return with_beside


def _keep_apart(
    noise: NDArray[np.float64],
    white: NDArray[np.float64],
    mass: NDArray[np.float64],
    own: NDArray[np.float64],
    beside: NDArray[np.float64],
    axes: tuple[int, ...],
    coupled: NDArray[np.float64] | float,
) -> None:
    """Take from the last numbers the mean of the white ones around, weighted with the mass.

    `own` and `beside` are what the white number of a voxel counts in all its numbers, and in those
    of each of its neighbours; `coupled` is the correlation that the last number has with the first.
    """
    inner = (slice(1, -1),) * 3
    window = _window(axes)
    whole = 1 + correlate(mass, window)[inner]
    last = noise[-1]
    last -= correlate(mass * white, window)[inner] / whole
    own_share, shares = mass[inner] / whole, _WINDOW[1] * _around(mass, axes) / whole
    variance = 1 - 2 * (own[-1] * own_share + beside[-1] * shares)
    variance += correlate(mass**2, window**2)[inner] / whole**2
    for number, one, other in zip(noise[:-1], own, beside, strict=False):
        with_number = coupled - (one * own_share + other * shares)
        last -= with_number * number
        variance -= with_number**2
    last /= np.sqrt(np.maximum(variance, _LEAST_VARIANCE))


def _window(axes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the weights of a voxel and of the 26 around it, (3, 3, 3).

    Voxels beside along an axis that is not in `axes`, where a box has too few, have none.
    """
    steps = np.abs(np.indices((3, 3, 3)) - 1)
    within = [axis for axis in range(3) if axis not in axes]
    weights: NDArray[np.float64] = np.array(_WINDOW)[steps.sum(axis=0)]
    weights[steps[within].any(axis=0)] = 0
    return weights


def _mixing(
    correlations: NDArray[np.float64], neighbors: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a voxel's own white numbers count, and those of each of its neighbours.

    The sum of own^2 + neighbors beside^2 is 1, and 2 own beside are the correlations.
    """
    values, vectors = np.linalg.eigh(correlations)
    six = 6  # faces of a voxel: what is possible with them is possible with fewer
    beside = np.sign(values) * np.sqrt((1 - np.sqrt(1 - six * values**2)) / (2 * six))
    own = np.sqrt(1 - neighbors * beside**2)
    return (vectors * own) @ vectors.T, (vectors * beside) @ vectors.T


def _around(field: NDArray[np.float64], axes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the sum over the face neighbours of all voxels but the outermost."""
    total = np.zeros(tuple(side - 2 for side in field.shape))
    for axis in axes:
        for part in (slice(None, -2), slice(2, None)):
            total += field[tuple(part if other == axis else slice(1, -1) for other in range(3))]
    return total


def _index_around(place: Place, shape: Shape) -> NDArray[np.uint64]:
    """Return the global index of the voxels at `place` and of one more on all sides."""
    x, y, z = (
        (np.arange(part.start - 1, part.stop + 1) % side).astype(np.uint64)
        for part, side in zip(place, shape, strict=True)
    )
    return global_index(x, y, z, shape)
