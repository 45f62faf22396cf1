"""The published networks in PyTorch's own layers, to compare with; needs torch installed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from halokeras.benchmark.problem import Fields, OtherContender, Problem
from halokeras.painter_params import InceptionParams
from halokeras.params import CriticParams

_LOG_OFFSET = 0.1
"""As `halokeras.networks.painter.LOG_OFFSET`, whose module imports TensorFlow."""


class TorchContender(OtherContender):
    """Painter and critic of ``torch.nn.Conv3d``.

    Parameters
    ----------
    problem
        The networks and crops.
    channels_last
        Whether PyTorch keeps channels last in memory, which its oneDNN kernels like better
        than its default.
    """

    def __init__(self, problem: Problem, channels_last: bool) -> None:
        params = problem.params
        assert isinstance(params.painter, InceptionParams)  # the published one
        self.penalty_weight = params.training.gradient_penalty
        layout = torch.channels_last_3d if channels_last else torch.contiguous_format
        self.painter = _Painter(params.painter, problem.painter).to(memory_format=layout)
        self.critic = _Critic(params.critic, problem.critic).to(memory_format=layout)
        self._painter_optimizer = torch.optim.Adam(self.painter.parameters(), 1e-4, eps=1e-7)
        self._critic_optimizer = torch.optim.Adam(self.critic.parameters(), 1e-4, eps=1e-7)
        self._density, self._counts = _to_torch(problem.density), _to_torch(problem.counts)
        self._weights = _to_torch(problem.weights)
        super().__init__(
            problem, lambda density: np.moveaxis(self._painted(_to_torch(density)).numpy(), 1, -1)
        )

    def update(self) -> None:
        """Update the critic on all but the last of the crops, the painter on the last."""
        for i in range(len(self._weights)):
            self._critic_loss(self._density[i], self._counts[i], self._weights[i]).backward()
            self._critic_optimizer.step()
        self._painter_loss(self._density[-1]).backward()
        self._painter_optimizer.step()

    def critic_gradients(self) -> list[Fields]:
        """Return the gradients of the critic's loss."""
        self._critic_loss(self._density[-1], self._counts[-1], self._weights[-1]).backward()
        return _gradients(self.critic)

    def painter_gradients(self) -> list[Fields]:
        """Return the gradients of the painter's loss."""
        self._painter_loss(self._density[-1]).backward()
        return _gradients(self.painter)

    def _painted(self, density: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            painted: torch.Tensor = self.painter(density)
            return painted

    def _critic_loss(
        self, density: torch.Tensor, counts: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        """Return the critic's loss on one batch, its gradients set to none."""
        painted = self._painted(density)
        between = (weight * counts + (1 - weight) * painted).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        norm = (slope.pow(2).sum((1, 2, 3, 4)) + 1e-12).sqrt()
        distance = self.critic(counts).mean() - self.critic(painted).mean()
        self._critic_optimizer.zero_grad()
        loss: torch.Tensor = -distance + self.penalty_weight * (norm - 1).pow(2).mean()
        return loss

    def _painter_loss(self, density: torch.Tensor) -> torch.Tensor:
        """Return the painter's loss on one batch, its gradients set to none."""
        self._painter_optimizer.zero_grad()
        loss: torch.Tensor = -self.critic(self.painter(density)).mean()
        return loss


def _gradients(model: torch.nn.Module) -> list[NDArray[np.float32]]:
    """Return the gradients of a network's layers in their order, in the layout of Keras."""
    found = []
    for parameter in model.parameters():
        values = parameter.grad.numpy().copy()  # the next backward pass adds to it
        order = {5: (2, 3, 4, 1, 0), 2: (1, 0), 1: (0,)}[values.ndim]
        found.append(np.transpose(values, order))
    return found


def _to_torch(fields: NDArray[np.float32]) -> torch.Tensor:
    """Move the channels of (..., x, y, z, channels) before x."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(fields, -1, -4)))


class _Painter(torch.nn.Module):
    def __init__(self, params: InceptionParams, arrays: list[Fields]) -> None:
        super().__init__()
        self.params = params
        self.convolutions = torch.nn.ModuleList(_convolution(*pair) for pair in _pairs(arrays))

    def forward(self, density: torch.Tensor) -> torch.Tensor:
        params, layers = self.params, iter(self.convolutions)
        margin = max(params.kernel_sizes) // 2
        fields = torch.log(density + _LOG_OFFSET)
        for _ in range(params.blocks):
            outputs = []
            for side in params.kernel_sizes:
                branch = next(layers)(fields)
                if side > 1:
                    branch = next(layers)(branch)
                outputs.append(_crop(branch, margin - side // 2))
            joined = torch.cat(outputs, 1) + _crop(fields[:, :1], margin)
            fields = torch.nn.functional.leaky_relu(joined, params.negative_slope)
        for _ in range(params.head_layers):
            fields = torch.nn.functional.leaky_relu(next(layers)(fields), params.negative_slope)
        counts: torch.Tensor = torch.relu(next(layers)(fields))
        return counts


class _Critic(torch.nn.Module):
    def __init__(self, params: CriticParams, arrays: list[Fields]) -> None:
        super().__init__()
        self.slope = params.negative_slope
        *convolutions, (kernel, bias) = _pairs(arrays)
        self.convolutions = torch.nn.ModuleList(
            _convolution(*pair, stride)
            for pair, stride in zip(convolutions, params.strides, strict=True)
        )
        self.score = torch.nn.Linear(len(kernel), 1)
        _fill(self.score, kernel.T, bias)

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        fields = counts
        for layer in self.convolutions:
            fields = torch.nn.functional.leaky_relu(layer(fields), self.slope)
        # channels last, the order in which the dense layer has its weights
        score: torch.Tensor = self.score(fields.permute(0, 2, 3, 4, 1).flatten(1))
        return score


def _pairs(arrays: list[Fields]) -> Iterator[tuple[Fields, Fields]]:
    """Return the kernel and bias of each layer."""
    yield from zip(arrays[::2], arrays[1::2], strict=True)


def _convolution(kernel: Fields, bias: Fields, stride: int = 1) -> Any:
    copy = torch.nn.Conv3d(kernel.shape[3], kernel.shape[4], kernel.shape[0], stride=stride)
    _fill(copy, np.transpose(kernel, (4, 3, 0, 1, 2)), bias)
    return copy


def _fill(layer: Any, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        layer.bias.copy_(torch.from_numpy(bias))


def _crop(fields: torch.Tensor, margin: int) -> torch.Tensor:
    if margin == 0:
        return fields
    inner = slice(margin, -margin)
    return fields[..., inner, inner, inner]
