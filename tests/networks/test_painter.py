import keras
import numpy as np
import pytest
import tensorflow as tf

from halokeras.networks.critic import Critic
from halokeras.networks.inception import ResidualInceptionBlock
from halokeras.networks.inception_painter import InceptionPainter
from halokeras.networks.painter import whole_box
from halokeras.painter_params import InceptionParams


def density(*shape):
    return tf.exp(tf.random.stateless_normal((*shape, 1), (3, 4)))


def stock_block(block, fields):
    """The same block written with Keras' own Conv3D, branch by branch."""
    outputs = []
    for branch in block.branches:
        branch_fields = fields
        for layer in branch:
            stock = keras.layers.Conv3D(layer.filters, layer.kernel_size)
            stock.build(branch_fields.shape)
            stock.set_weights(layer.get_weights())
            branch_fields = stock(branch_fields)
        edge = block.margin - branch[-1].kernel_size // 2
        inner = slice(edge, branch_fields.shape[1] - edge)
        outputs.append(branch_fields[:, inner, inner, inner])
    m = block.margin
    residual = fields[:, m:-m, m:-m, m:-m, :1]
    return keras.ops.leaky_relu(keras.ops.concatenate(outputs, -1) + residual, 0.1)


@pytest.mark.parametrize("channels", [1, 4])
def test_block_equals_its_branches_of_stock_layers(channels):
    block = ResidualInceptionBlock(3, (5, 3, 1), 0.1)
    fields = tf.random.stateless_normal((2, 9, 9, 9, channels), (5, 6))
    block(fields)
    for variable in block.trainable_variables:  # biases too must count
        variable.assign(tf.random.stateless_normal(variable.shape, (7, 8)))
    np.testing.assert_allclose(block(fields), stock_block(block, fields), rtol=1e-4, atol=1e-3)


def test_published_painter_has_its_weights_and_margin():
    painter = InceptionPainter(InceptionParams())
    painted = painter(density(1, 12, 13, 14))
    assert painter.count_params() == 32_081
    assert painter.margin == 4
    assert painted.shape == (1, 4, 5, 6, 1)


def test_published_critic_has_its_weights():
    critic = Critic()
    assert critic(tf.zeros((2, 50, 50, 50, 1))).shape == (2, 1)
    assert critic.count_params() == 67_505


def test_painter_sees_its_margin_and_no_further():
    painter = InceptionPainter(InceptionParams(filters=4, head_filters=4, output="softplus"))
    fields = density(1, 13, 13, 13)
    with tf.GradientTape() as tape:
        tape.watch(fields)
        centre = painter(fields)[0, 2, 2, 2, 0]  # voxel 6 of the density
    seen = np.argwhere(tape.gradient(centre, fields)[0, ..., 0].numpy())
    assert seen.min() == 2
    assert seen.max() == 10


def test_painting_moves_with_the_density():
    painter = InceptionPainter(InceptionParams(filters=4, head_filters=4))
    fields = density(1, 16, 16, 16)
    moved = tf.roll(fields, 3, axis=2)
    np.testing.assert_allclose(painter(moved)[:, :, 3:], painter(fields)[:, :, :-3], atol=1e-5)


@pytest.mark.parametrize("output", ["relu", "softplus"])
def test_counts_are_never_negative(output):
    painter = InceptionPainter(InceptionParams(filters=4, head_filters=4, output=output))
    assert painter(density(1, 12, 12, 12)).numpy().min() >= 0


def test_configuration_makes_the_same_painter():
    painter = InceptionPainter(
        InceptionParams(filters=3, kernel_sizes=(3, 1), head_layers=1, output="softplus")
    )
    twin = InceptionPainter(painter.params)
    fields = density(1, 8, 8, 8)
    painter(fields), twin(fields)
    twin.set_weights(painter.get_weights())
    np.testing.assert_array_equal(painter(fields), twin(fields))


@pytest.mark.parametrize("layers", [None, range(2, 7)])
def test_a_small_box_is_one_pass_to_the_bit(layers):
    painter = InceptionPainter(InceptionParams(filters=4, head_filters=4))
    fields = density(12, 9, 8).numpy()[..., 0]
    painted = whole_box(painter, fields, painter.margin, layers=layers)
    wide = np.pad(fields, painter.margin, mode="wrap")
    z = layers or range(8)
    wide = wide[:, :, z.start : z.stop + 2 * painter.margin]
    np.testing.assert_array_equal(painted, painter(wide[None, ..., None]).numpy()[0, ..., 0])


@pytest.mark.parametrize("channels", [1, 2])
def test_a_large_box_is_painted_in_pieces_that_see_their_neighbourhood(channels):
    side, margin, seen = 132, 3, []

    def local(patch):
        seen.append(np.prod(patch.density.shape))
        inner = slice(margin, -margin)
        centre = patch.density[:, inner, inner, inner]
        right = patch.density[:, 2 * margin :, inner, inner]
        return tf.concat([centre, right][:channels], axis=-1)

    fields = np.random.default_rng(1).random((2 * side, side, side), np.float32)
    painted = whole_box(local, fields, margin)
    expected = [fields, np.roll(fields, -margin, axis=0)][:channels]
    np.testing.assert_array_equal(painted.reshape(*fields.shape, -1), np.stack(expected, axis=-1))
    assert max(seen) <= (128 + 2 * margin) ** 3


def test_pieces_of_a_box_have_the_counts_of_one_pass(monkeypatch):
    painter = InceptionPainter(InceptionParams(filters=4, head_filters=4, output="softplus"))
    fields = density(21, 8, 13).numpy()[..., 0]
    whole = whole_box(painter, fields, painter.margin)
    monkeypatch.setattr("halokeras.networks.painter._LARGEST_SIDE", 8)
    pieces = whole_box(painter, fields, painter.margin)
    np.testing.assert_allclose(pieces, whole, rtol=1e-5)
