"""Crops of training boxes as a tf.data stream, each a pure function of (seed, crop index)."""

import itertools
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.networks.patch import Patch
from halokeras.training.boxes import TrainingBoxes

Fields: TypeAlias = NDArray[np.float32]

_PERMUTATIONS = np.array(list(itertools.permutations(range(3))), dtype=np.int32)
_IS_ODD = np.array([np.linalg.det(np.eye(3)[order]) < 0 for order in _PERMUTATIONS])


@dataclass(frozen=True)
class CropStream:
    """What to cut: periodic boxes of one shape, and the geometry of a crop.

    Parameters
    ----------
    boxes
        rho/mean and halos per voxel on the same voxels.
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

    boxes: TrainingBoxes
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
            Pairs (density, counts), each (batches, share, side, side, side, channels) float32;
            where there are conditions a `Patch` stands in the density's place.
            Holds no state: a stream that starts at a step equals the rest of one that came there.
        """
        per_step = batches * batch_size
        share = batch_size // replicas
        own = [b * batch_size + replica * share + i for b in range(batches) for i in range(share)]
        wide = self.crop_size + 2 * self.margin
        channels = _with_channels(self.boxes[0].counts).shape[3]
        told = 0 if self.conditions is None else self.conditions.shape[1]
        fields = ((wide, wide, wide, 1), (*(self.crop_size,) * 3, channels), (told,))

        def crops_of_step(step: tf.Tensor) -> tuple[Patch | tf.Tensor, tf.Tensor]:
            drawn = tf.stack([_draw(step * per_step + i, seed) for i in own])
            # boxes are read here, in a thread beside the one that trains
            cut = tf.numpy_function(self._cut_all, [drawn], [tf.float32] * 3, stateful=False)
            density, counts, conditions = (
                tf.reshape(values, (batches, share, *shape))
                for values, shape in zip(cut, fields, strict=True)
            )
            return (Patch(density, conditions) if told else density), counts

        stream = tf.data.Dataset.range(start, stop)
        return stream.map(crops_of_step, num_parallel_calls=1, deterministic=True).prefetch(2)

    def _cut_all(self, drawn: NDArray[np.int32]) -> tuple[Fields, Fields, Fields]:
        """Return the densities, the counts and the conditions of the crops of draws, (crops, 8)."""
        cut = [self._cut(draws) for draws in drawn]
        told = np.zeros((len(self.boxes), 0), np.float32)
        conditions = told if self.conditions is None else self.conditions.astype(np.float32)
        chosen = conditions[[box for box, _, _ in cut]]
        return np.stack([one[1] for one in cut]), np.stack([one[2] for one in cut]), chosen

    def _cut(self, draws: NDArray[np.int32]) -> tuple[int, Fields, Fields]:
        """Return the box of a crop, its density, (x, y, z), and counts, (x, y, z, channels)."""
        number, permutation, *place = map(int, draws)
        number %= len(self.boxes)
        permutation %= len(_PERMUTATIONS)
        order = _PERMUTATIONS[permutation]
        box = self.boxes[number]
        shape = box.density.shape
        corner = [
            self._first_voxel(draw, side) for draw, side in zip(place[:3], shape, strict=True)
        ]
        flips = [draw % 2 == 0 for draw in place[3:]]
        if not self.reflects:
            # an odd permutation mirrors, and so does each flip: a rotation has an even number
            flips[2] = flips[0] ^ flips[1] ^ bool(_IS_ODD[permutation])
        along = [
            np.arange(-self.margin, self.crop_size + self.margin)[:: -1 if flip else 1] + origin
            for origin, flip in zip(corner, flips, strict=True)
        ]
        wide = [voxels % side for voxels, side in zip(along, shape, strict=True)]
        inner = [voxels[self.margin : self.margin + self.crop_size] for voxels in wide]
        density = box.density[np.ix_(*wide)].transpose(order)
        counts = _with_channels(box.counts)[np.ix_(*inner)].transpose((*order, 3))
        return number, density, counts.astype(np.float32)

    def _first_voxel(self, draw: int, side: int) -> int:
        """Return where the counts of a crop begin along an axis of `side` voxels."""
        if self.wraps:
            return draw % side
        return self.margin + draw % (side - self.crop_size - 2 * self.margin + 1)


def _draw(index: tf.Tensor, seed: tuple[int, int]) -> tf.Tensor:
    """Return eight whole numbers, of which the box, place and orientation of a crop follow."""
    key = tf.random.experimental.stateless_fold_in(tf.constant(seed, tf.int64), index)
    return tf.random.stateless_uniform((8,), key, maxval=2**31 - 1, dtype=tf.int32)


def _with_channels(counts: NDArray[Any]) -> NDArray[Any]:
    return counts if counts.ndim == 4 else counts[..., np.newaxis]
