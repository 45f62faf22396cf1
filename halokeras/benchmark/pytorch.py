"""The published networks in PyTorch's own layers, to compare with; needs torch installed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from halokeras.benchmark.stock import painter_layers
from halokeras.networks.conv import Conv3D
from halokeras.networks.critic import Critic
from halokeras.networks.painter import LOG_OFFSET, Painter


class TorchNetworks:
    """Painter and critic of ``torch.nn.Conv3d``, with the weights of ours.

    Parameters
    ----------
    painter, critic
        Ours, built, of the published architecture.
    penalty_weight
        Of the gradient penalty.
    channels_last
        Whether PyTorch keeps channels last in memory, which its oneDNN kernels like better
        than its default.
    """

    def __init__(
        self, painter: Painter, critic: Critic, penalty_weight: float, channels_last: bool
    ) -> None:
        self.penalty_weight = penalty_weight
        layout = torch.channels_last_3d if channels_last else torch.contiguous_format
        self.painter = _Painter(painter).to(memory_format=layout)
        self.critic = _Critic(critic).to(memory_format=layout)
        self.painter_optimizer = torch.optim.Adam(self.painter.parameters(), 1e-4, eps=1e-7)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), 1e-4, eps=1e-7)

    def paint(self, density: torch.Tensor) -> torch.Tensor:
        """Paint (batch, 1, x, y, z)."""
        with torch.no_grad():
            painted: torch.Tensor = self.painter(density)
            return painted

    def update(self, density: torch.Tensor, counts: torch.Tensor, weights: torch.Tensor) -> None:
        """Update the critic on all but the last of the leading index, the painter on the last."""
        for i in range(len(weights)):
            self.critic_loss(density[i], counts[i], weights[i]).backward()
            self.critic_optimizer.step()
        self.painter_loss(density[-1]).backward()
        self.painter_optimizer.step()

    def critic_loss(
        self, density: torch.Tensor, counts: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        """Return the critic's loss on one batch, its gradients set to none."""
        painted = self.paint(density)
        between = (weight * counts + (1 - weight) * painted).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        norm = (slope.pow(2).sum((1, 2, 3, 4)) + 1e-12).sqrt()
        distance = self.critic(counts).mean() - self.critic(painted).mean()
        self.critic_optimizer.zero_grad()
        loss: torch.Tensor = -distance + self.penalty_weight * (norm - 1).pow(2).mean()
        return loss

    def painter_loss(self, density: torch.Tensor) -> torch.Tensor:
        """Return the painter's loss on one batch, its gradients set to none."""
        self.painter_optimizer.zero_grad()
        loss: torch.Tensor = -self.critic(self.painter(density)).mean()
        return loss


def gradients(model: torch.nn.Module) -> list[NDArray[np.float32]]:
    """Return the gradients of a network's layers in their order, in the layout of Keras."""
    found = []
    for parameter in model.parameters():
        values = parameter.grad.numpy().copy()  # the next backward pass adds to it
        order = {5: (2, 3, 4, 1, 0), 2: (1, 0), 1: (0,)}[values.ndim]
        found.append(np.transpose(values, order))
    return found


def to_torch(fields: NDArray[np.float32]) -> torch.Tensor:
    """Move the channels of (..., x, y, z, channels) before x."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(fields, -1, -4)))


class _Painter(torch.nn.Module):
    def __init__(self, ours: Painter) -> None:
        super().__init__()
        self.slope = ours.negative_slope
        self.shape = [
            (block.margin, [[layer.kernel_size for layer in branch] for branch in block.branches])
            for block in ours.inception_blocks
        ]
        self.heads = len(ours.head)
        self.convolutions = _convolutions(painter_layers(ours))

    def forward(self, density: torch.Tensor) -> torch.Tensor:
        layers = iter(self.convolutions)
        fields = torch.log(density + LOG_OFFSET)
        for margin, branches in self.shape:
            outputs = []
            for sizes in branches:
                branch = fields
                for _ in sizes:
                    branch = next(layers)(branch)
                outputs.append(_crop(branch, margin - sizes[-1] // 2))
            joined = torch.cat(outputs, 1) + _crop(fields[:, :1], margin)
            fields = torch.nn.functional.leaky_relu(joined, self.slope)
        for _ in range(self.heads):
            fields = torch.nn.functional.leaky_relu(next(layers)(fields), self.slope)
        counts: torch.Tensor = torch.relu(next(layers)(fields))
        return counts


class _Critic(torch.nn.Module):
    def __init__(self, ours: Critic) -> None:
        super().__init__()
        self.slope = ours.negative_slope
        self.convolutions = _convolutions(ours.convolutions)
        kernel, bias = ours.score.get_weights()
        self.score = torch.nn.Linear(len(kernel), 1)
        _fill(self.score, kernel.T, bias)

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        fields = counts
        for layer in self.convolutions:
            fields = torch.nn.functional.leaky_relu(layer(fields), self.slope)
        # channels last, the order in which our dense layer has its weights
        score: torch.Tensor = self.score(fields.permute(0, 2, 3, 4, 1).flatten(1))
        return score


def _convolutions(ours: Sequence[Conv3D]) -> torch.nn.ModuleList:
    layers = torch.nn.ModuleList()
    for layer in ours:
        kernel = layer.kernel.numpy()
        copy = torch.nn.Conv3d(
            kernel.shape[3], layer.filters, layer.kernel_size, stride=layer.stride
        )
        _fill(copy, np.transpose(kernel, (4, 3, 0, 1, 2)), layer.bias.numpy())
        layers.append(copy)
    return layers


def _fill(layer: Any, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        layer.bias.copy_(torch.from_numpy(bias))


def _crop(fields: torch.Tensor, margin: int) -> torch.Tensor:
    if margin == 0:
        return fields
    inner = slice(margin, -margin)
    return fields[..., inner, inner, inner]
