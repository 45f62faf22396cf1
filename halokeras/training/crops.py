"""Crops of training boxes as a tf.data stream, each a pure function of (seed, crop index)."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from halokeras.networks.patch import Patch

Fields = npt.NDArray[np.float32]

_PERMUTATIONS = np.array(list(itertools.permutations(range(3))), dtype=np.int32)
_IS_ODD = np.array([np.linalg.det(np.eye(3)[order]) < 0 for order in _PERMUTATIONS])


@dataclass(frozen=True)
class CropStream:
    """What to cut: periodic boxes of one shape, and the geometry of a crop.

    Parameters
    ----------
    density, counts
        (boxes, n, n, n), rho/mean and halos per voxel on the same voxels; counts of several
        channels have them last, and may be whole numbers of any type.
    crop_size
        Side of the counts crop in voxels; the density crop is 2 margin wider.
    margin
        Voxels of density that the painter needs beyond each face.
    wraps
        Whether crops go on across a face of their box on its other side.
    reflects
        Whether crops are mirrored too: 48 orientations, or the 24 rotations alone.
    conditions
        (boxes, conditions) of a painter that is told some, or None.
    """

    density: Fields
    counts: Fields | npt.NDArray[np.uint8]
    crop_size: int
    margin: int
    wraps: bool = True
    reflects: bool = True
    conditions: Fields | None = None

    def steps(
        self,
        start: int,
        stop: int,
        batches: int,
        batch_size: int,
        seed: tuple[int, int],
        replica: int = 0,
        replicas: int = 1,
    ) -> tf.data.Dataset:
        """Stream the crops of steps `start` to `stop`, or one replica's share of them.

        Parameters
        ----------
        batches, batch_size
            Batches of one step (critic updates plus the painter's), and crops in each.
        seed
            Two integers that, with the crop's index, fix its box, place and orientation.
        replica, replicas
            Which of how many equal shares of each batch to cut; `replicas` divides `batch_size`.

        Returns
        -------
        tf.data.Dataset
            Of (density, counts): (batches, share, side, side, side, channels) float32 each; where
            there are conditions a `Patch` stands in the density's place.
            Holds no state: a stream that starts at a step equals the rest of one that came there.
        """
        density = tf.constant(self.density)
        counts = tf.constant(self.counts if self.counts.ndim == 5 else self.counts[..., None])
        conditions = None if self.conditions is None else tf.constant(self.conditions, tf.float32)
        per_step = batches * batch_size
        share = batch_size // replicas
        own = [b * batch_size + replica * share + i for b in range(batches) for i in range(share)]
        wide = self.crop_size + 2 * self.margin

        def crops_of_step(step: tf.Tensor) -> tuple[Patch | tf.Tensor, tf.Tensor]:
            cuts = [self._cut(density, counts, step * per_step + i, seed) for i in own]
            shape, side = (batches, share), self.crop_size
            densities = tf.reshape(tf.stack([c[0] for c in cuts]), (*shape, wide, wide, wide, 1))
            painted = tf.stack([c[1] for c in cuts])
            painted = tf.reshape(painted, (*shape, side, side, side, counts.shape[-1]))
            painted = tf.cast(painted, tf.float32)
            if conditions is None:
                return densities, painted
            told = tf.gather(conditions, tf.stack([c[2] for c in cuts]))
            return Patch(densities, tf.reshape(told, (*shape, conditions.shape[1]))), painted

        stream = tf.data.Dataset.range(start, stop)
        return stream.map(crops_of_step, num_parallel_calls=1, deterministic=True).prefetch(2)

    def _cut(
        self, density: tf.Tensor, counts: tf.Tensor, index: tf.Tensor, seed: tuple[int, int]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the density, (x, y, z), the counts, (x, y, z, channels), and the box of a crop."""
        key = tf.random.experimental.stateless_fold_in(tf.constant(seed, tf.int64), index)
        box, permutation, *place = tf.unstack(
            tf.random.stateless_uniform((8,), key, maxval=2**31 - 1, dtype=tf.int32)
        )
        box %= self.density.shape[0]
        permutation %= len(_PERMUTATIONS)
        order = tf.constant(_PERMUTATIONS)[permutation]
        corner = [
            self._first_voxel(draw, side)
            for draw, side in zip(place[:3], self.density.shape[1:], strict=True)
        ]
        flips = [draw % 2 == 0 for draw in place[3:]]
        if not self.reflects:
            # an odd permutation mirrors, and so does each flip: a rotation has an even number
            is_odd = tf.constant(_IS_ODD)[permutation]
            flips[2] = tf.math.logical_xor(tf.math.logical_xor(flips[0], flips[1]), is_odd)
        cut_density = self._gather(density[box], corner, flips, -self.margin, self.margin)
        cut_counts = self._gather(counts[box], corner, flips, 0, 0)
        with_channels = tf.concat([order, [3]], 0)
        return tf.transpose(cut_density, order), tf.transpose(cut_counts, with_channels), box

    def _first_voxel(self, draw: tf.Tensor, side: int) -> tf.Tensor:
        """Return where the counts of a crop begin along an axis of `side` voxels."""
        if self.wraps:
            return draw % side
        return self.margin + draw % (side - self.crop_size - 2 * self.margin + 1)

    def _gather(
        self,
        field: tf.Tensor,
        corner: list[tf.Tensor],
        flips: list[tf.Tensor],
        first: int,
        beyond: int,
    ) -> tf.Tensor:
        for axis, (origin, flip) in enumerate(zip(corner, flips, strict=True)):
            along = origin + tf.range(first, self.crop_size + beyond)
            along = tf.where(flip, along[::-1], along) % self.density.shape[axis + 1]
            field = tf.gather(field, along, axis=axis)
        return field
