"""The painter of residual inception blocks (arXiv:1903.10524)."""

import tensorflow as tf

from halokeras.networks.conv import Conv3D
from halokeras.networks.inception import ResidualInceptionBlock
from halokeras.networks.painter import LOG_OFFSET, Painter
from halokeras.networks.patch import Patch
from halokeras.painter_params import InceptionParams


class InceptionPainter(Painter):
    """Residual inception blocks, 1^3 convolutions, and non-negative counts in each voxel.

    The published painter is the default but for its density transform: two blocks of branches
    5^3, 3^3 and 1^3 with ten filters each, four 1^3 convolutions of ten filters, and a 1^3
    convolution to one channel with ReLU; 32,081 weights.

    Parameters
    ----------
    params
        ``density_transform``: ``"log"`` feeds log(density + 0.1), ``"none"`` the density itself;
        the number of blocks, filters of each branch and sides of the branches; number and
        filters of the 1^3 convolutions after the blocks; the slope of every leaky ReLU; and
        ``output``, ``"relu"`` or ``"softplus"``: what keeps counts from being negative. Of the
        kind ``halos`` also the bins of mass, a channel each.
    """

    def __init__(self, params: InceptionParams) -> None:
        super().__init__(params)
        self.density_transform = params.density_transform
        self.negative_slope = params.negative_slope
        self.inception_blocks = [
            ResidualInceptionBlock(params.filters, params.kernel_sizes, params.negative_slope)
            for _ in range(params.blocks)
        ]
        self.head = [Conv3D(params.head_filters, 1) for _ in range(params.head_layers)]
        self.last = Conv3D(params.channels, 1)
        self.activation = tf.nn.relu if params.output == "relu" else tf.nn.softplus
        # a ReLU that starts below zero everywhere has no gradient to come back by
        self.first_bias = 0.1 if params.output == "relu" else 0.0

    def make_weights(self) -> None:
        """Build each layer, in the order that the first call would: seeds give the same weights."""
        layers: list[ResidualInceptionBlock | Conv3D] = [*self.inception_blocks, *self.head]
        channels = 1
        for layer in (*layers, self.last):
            layer.build((None, None, None, None, channels))
            channels = layer.filters

    def raw_counts(self, patch: Patch) -> tf.Tensor:
        """Return what the output activation is applied to, of the shape of the counts."""
        density = patch.density
        fields = tf.math.log(density + LOG_OFFSET) if self.density_transform == "log" else density
        for block in self.inception_blocks:
            fields = block(fields)
        for layer in self.head:
            fields = tf.nn.leaky_relu(layer(fields), self.negative_slope)
        raw: tf.Tensor = self.last(fields)
        return raw
