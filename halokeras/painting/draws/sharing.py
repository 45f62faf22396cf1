"""Drawn halos shared out to the bins of mass that are expected in their voxels."""

import numpy as np
from numpy.typing import NDArray

from halokeras.painters.count_law import VoxelLaw
from halokeras.painters.exclusion import Exclusion
from halokeras.painting.ids import Draw, halo_ids

_PIECE = 2**16
"""Voxels with halos whose shares are in memory at a time."""


def shared_alike(
    counts: NDArray[np.uint16],
    expected: NDArray[np.float32],
    index: NDArray[np.uint64],
    draw: Draw,
) -> NDArray[np.uint8]:
    """Share out the halos of each voxel as painters without a known exclusion do, all alike.

    Parameters
    ----------
    counts, expected
        (x, y, z) halos drawn, and (x, y, z, channels) halos expected.
    index
        (x, y, z) indices of the voxels in the box.
    draw
        The draw, which with the ids of halos fixes their channels.

    Returns
    -------
    ndarray
        (x, y, z, channels) halos of each channel.
    """
    channels = expected.shape[-1]
    occupied = np.flatnonzero(counts)
    shared = np.zeros((counts.size, channels), dtype=np.uint8)
    shares = expected.reshape(-1, channels)[occupied]
    several = counts.ravel()[occupied]
    ids = halo_ids(several, index.ravel()[occupied])
    halo = np.repeat(np.arange(occupied.size), several)
    channel = _channels(shares, halo, draw.uniform("channel", ids))
    np.add.at(shared, (occupied[halo], channel), 1)
    return shared.reshape(expected.shape)


def shared_by_rank(
    counts: NDArray[np.uint16],
    expected: NDArray[np.floating],
    index: NDArray[np.uint64],
    draw: Draw,
    rank: NDArray[np.float64],
    exclusion: Exclusion,
    law: VoxelLaw,
) -> NDArray[np.uint8]:
    """Share out the halos of each voxel so that heavy ones exclude each other.

    Parameters
    ----------
    counts, index, draw
        As in `shared_alike`.
    expected
        (N, channels) halos expected of each voxel where `counts` has any, in their order.
    rank
        (N,) in [0, 1): where the first halos of these voxels stand among the masses that are
        expected of them, the heaviest last.
    exclusion, law
        What the first and the further halos of a voxel share; the law of the same voxels.
    """
    channels = expected.shape[-1]
    occupied = np.flatnonzero(counts)
    shared = np.zeros((counts.size, channels), dtype=np.uint8)
    for start in range(0, occupied.size, _PIECE):
        voxel = occupied[start : start + _PIECE]
        of_first, of_further = exclusion.channel_shares(
            expected[start : start + _PIECE], law.of(slice(start, start + _PIECE))
        )
        first = np.arange(voxel.size)
        shared[voxel, _channels(of_first, first, rank[start : start + _PIECE])] = 1
        several = counts.ravel()[voxel]
        ids = halo_ids(several, index.ravel()[voxel])
        halo = np.repeat(first, several)
        further = np.diff(halo, prepend=-1) == 0
        ids, halo = ids[further], halo[further]
        channel = _channels(of_further, halo, draw.uniform("channel", ids))
        np.add.at(shared, (voxel[halo], channel), 1)
    return shared.reshape(*counts.shape, channels)


def _channels(
    shares: NDArray[np.floating], halo: NDArray[np.int64], chance: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the channel of each halo: the first whose cumulative share is above its chance.

    Parameters
    ----------
    shares
        (voxels, channels) shares of the channels among the halos of a voxel, of any sum.
    halo
        (N,) row of `shares` of the voxel that each halo is in.
    chance
        (N,) in [0, 1), in units of that sum.
    """
    upper = shares.cumsum(axis=1, dtype=np.float64)
    limit = chance * upper[halo, -1]
    channel: NDArray[np.int64] = (upper[halo, :-1] <= limit[:, np.newaxis]).sum(axis=1)
    return channel
