"""The kinds of painter: what each is made from, and what it states of itself.

A kind is a section of the params named by ``painter.kind``, read without TensorFlow, and the
network that it names. What loads, trains, tiles, checks or describes painters asks these
statements and knows no kind by its name.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from math import inf
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from halokeras.sections import Positive, Section, Selection

FIRST_KIND = "inception"
"""The kind of the params and saved painters that state none."""

Size = Annotated[int, Field(ge=1, le=4096)]
"""Filters, layers or a kernel's side; more than any painter has would only fill the memory."""


class PainterParams(Section, ABC):
    """The arguments of a painter's network, and the statements of its kind.

    Attributes
    ----------
    kind
        Name of the kind, as the params and ``architecture.json`` give it.
    network
        Where its subclass of `halokeras.networks.painter.Painter` is, as ``module:class``: by
        its place, because params are read where TensorFlow is not.
    starts_at_mean
        Whether training starts with the mean counts of the training boxes instead of those that
        the first weights happen to give: channels of rare halos are too far from these.
    """

    kind: str
    network: ClassVar[str]
    starts_at_mean: ClassVar[bool] = False
    told: ClassVar[tuple[str, ...]] = ()
    """The conditions of which features are made, the first of them."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the numbers that a patch brings beside its density, in its order.

        `halokeras.painters.conditions` knows them.
        """
        return ()

    @property
    @abstractmethod
    def margin(self) -> int:
        """Voxels of density the painter needs beyond each face of what it paints."""

    @property
    @abstractmethod
    def layers(self) -> int:
        """Number of layers with weights."""

    @property
    @abstractmethod
    def weights(self) -> int:
        """Number of trained weights."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Channels of the widest layer, which set the memory that a tile takes."""

    @property
    @abstractmethod
    def sentence(self) -> str:
        """The architecture in one line."""

    @property
    def multiplications(self) -> int:
        """Multiplications that a painted voxel needs: in convolutions, one for each weight."""
        return self.weights

    def selections(self, counted: Selection) -> tuple[Selection, ...]:
        """Return the halos that each channel paints, given those that the run counts."""
        return (counted,)

    @property
    def channels(self) -> int:
        """Number of channels of what it paints."""
        return len(self.selections(Selection()))


class InceptionParams(PainterParams):
    """The painter of arXiv:1903.10524: residual inception blocks, then 1^3 convolutions."""

    network: ClassVar[str] = "halokeras.networks.inception_painter:InceptionPainter"

    kind: Literal["inception"] = "inception"
    density_transform: Literal["none", "log"] = "log"
    blocks: Size = 2
    filters: Size = 10
    kernel_sizes: Annotated[tuple[Size, ...], Field(min_length=1, strict=False)] = (5, 3, 1)
    head_layers: Annotated[int, Field(ge=0, le=4096)] = 4
    head_filters: Size = 10
    negative_slope: Annotated[float, Field(ge=0, lt=1)] = 0.1
    output: Literal["relu", "softplus"] = "relu"

    @model_validator(mode="after")
    def _odd_kernels(self) -> Self:
        if any(size % 2 == 0 for size in self.kernel_sizes):
            raise ValueError("kernel_sizes must be odd, so that each output has a centre")
        return self

    @property
    def margin(self) -> int:
        """Voxels of density the painter needs beyond each face of what it paints."""
        return self.blocks * (max(self.kernel_sizes) // 2)

    @property
    def layers(self) -> int:
        """Number of convolutions."""
        branches = sum(1 if size == 1 else 2 for size in self.kernel_sizes)
        return self.blocks * branches + self.head_layers + 1

    @property
    def weights(self) -> int:
        """Number of kernels' and biases' weights."""
        widths = self.filters * len(self.kernel_sizes)
        total = self._block_weights(1) + (self.blocks - 1) * self._block_weights(widths)
        if self.head_layers:
            total += (widths + 1) * self.head_filters
            total += (self.head_layers - 1) * (self.head_filters + 1) * self.head_filters
            widths = self.head_filters
        return total + (widths + 1) * self.channels

    @property
    def width(self) -> int:
        """Channels of the widest layer."""
        return max(self.filters * len(self.kernel_sizes), self.head_filters)

    @property
    def sentence(self) -> str:
        """The architecture in one line."""
        kernels = ", ".join(f"{side}^3" for side in self.kernel_sizes)
        return (
            f"{self.blocks} residual inception blocks of {self.filters} filters with kernels "
            f"{kernels}; {self.head_layers} layers of {self.head_filters}; {self.output}; "
            f"density through {self.density_transform}"
        )

    @property
    def multiplications(self) -> int:
        """Multiplications that a painted voxel needs, without biases.

        The linear branches of the first block count as the one convolution that they compose to.
        """
        filters, branches = self.filters, len(self.kernel_sizes)
        block_biases = filters * sum(1 if size == 1 else 2 for size in self.kernel_sizes)
        branched = self._block_weights(1) - block_biases
        composed = max(self.kernel_sizes) ** 3 * filters * branches
        biases = self.blocks * block_biases + self.head_layers * self.head_filters + self.channels
        return self.weights - biases - branched + composed

    def _block_weights(self, channels: int) -> int:
        first = len(self.kernel_sizes) * (channels + 1) * self.filters
        later = sum(size**3 * self.filters + 1 for size in self.kernel_sizes if size > 1)
        return first + later * self.filters


MASS_EDGES = (
    *(2.2e12, 2.8e12, 3.6e12, 4.8e12, 6.4e12, 9e12, 1.3e13),
    *(2e13, 3e13, 4.5e13, 7e13, 1.1e14, 1.8e14, 3e14),
)
"""Bins [Msun/h] in which galaxies, given the mean number of a halo of their bin, keep 98 to 99 % of
their cross-power with the density; with a last bin from 1e14 on it is 94 to 97 %."""


class HalosParams(InceptionParams):
    """The same network with a channel for each bin of mass, whose sum is all halos.

    Attributes
    ----------
    mass_edges
        Masses [Msun/h], ascending, that part the halos that are counted: one bin more than edges.
    """

    starts_at_mean: ClassVar[bool] = True

    kind: Literal["halos"] = "halos"  # type: ignore[assignment]
    filters: Size = 16
    head_layers: Annotated[int, Field(ge=0, le=4096)] = 2
    head_filters: Size = 32
    output: Literal["softplus"] = "softplus"
    mass_edges: Annotated[
        tuple[Positive, ...], Field(min_length=1, max_length=63, strict=False)
    ] = MASS_EDGES

    @model_validator(mode="after")
    def _ascending_edges(self) -> Self:
        if any(low >= high for low, high in pairwise(self.mass_edges)):
            raise ValueError("mass_edges must ascend")
        return self

    @property
    def sentence(self) -> str:
        """The architecture in one line."""
        low, high = self.mass_edges[0], self.mass_edges[-1]
        return f"{super().sentence}; {self.channels} bins of mass, below {low:g} to from {high:g}"

    def selections(self, counted: Selection) -> tuple[Selection, ...]:
        """Return the halos of each bin of mass, given those that the run counts.

        Raises
        ------
        ValueError
            If an edge is not among the masses that are counted.
        """
        low = counted.mass_min
        high = inf if counted.mass_max is None else counted.mass_max
        if not low < self.mass_edges[0] <= self.mass_edges[-1] < high:
            raise ValueError(
                f"painter.mass_edges go from {self.mass_edges[0]:g} to {self.mass_edges[-1]:g} "
                f"and box.selection counts halos from {low:g} to {high:g} Msun/h; all edges must "
                "lie between"
            )
        edges = (low, *self.mass_edges, counted.mass_max)
        return tuple(
            counted.model_copy(update={"mass_min": below, "mass_max": above})
            for below, above in pairwise(edges)
        )


class ConditionedParams(HalosParams):
    """The painter of halos, told the epoch and the cosmology that it paints.

    Attributes
    ----------
    modulation_units
        Of the layer between what is told and the scales and shifts of the network's channels.
    """

    network: ClassVar[str] = "halokeras.networks.conditioned_painter:ConditionedPainter"
    told: ClassVar[tuple[str, ...]] = (
        "log_omega_m",
        "matter_fraction",
        *(f"log_variance_{mass:g}" for mass in (3e12, 3e13, 3e14)),
    )
    """What the modulation reads."""

    starts_at_mean: ClassVar[bool] = False  # but at what the mass function expects

    kind: Literal["conditioned"] = "conditioned"  # type: ignore[assignment]
    mass_edges: Annotated[
        tuple[Positive, ...], Field(min_length=1, max_length=63, strict=False)
    ] = MASS_EDGES[2:]
    modulation_units: Size = 32

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the modulation reads, and how many halos each channel should have."""
        return (*self.told, *(f"log_abundance_{bin}" for bin in range(self.channels)))

    @property
    def modulated(self) -> tuple[int, ...]:
        """Channels of each layer that is scaled and shifted."""
        widths = self.filters * len(self.kernel_sizes)
        return (*[widths] * self.blocks, *[self.head_filters] * self.head_layers)

    @property
    def layers(self) -> int:
        """Number of convolutions and dense layers, and two for what the conditions fix."""
        return super().layers + 4

    @property
    def weights(self) -> int:
        """Number of kernels' and biases' weights, and of those that the conditions fix."""
        told, units = len(self.told), self.modulation_units
        dense = (told + 1) * units + (units + 1) * 2 * sum(self.modulated)
        return super().weights + dense + (2 + self.channels) * told

    @property
    def multiplications(self) -> int:
        """Multiplications that a painted voxel needs, of the modulation one for each channel."""
        dense = self.weights - super().weights
        return super().multiplications - dense + sum(self.modulated)

    @property
    def sentence(self) -> str:
        """The architecture in one line."""
        return f"{super().sentence}; scaled and shifted by epoch and cosmology"


PAINTER_KINDS: dict[str, type[PainterParams]] = {
    "inception": InceptionParams,
    "halos": HalosParams,
    "conditioned": ConditionedParams,
}


def parse_painter(fields: Any) -> Any:
    """Return the params of a painter of the kind that `fields` name, by default the first.

    Raises
    ------
    ValueError
        If no kind is of that name, or, as pydantic's `ValidationError`, if a field is unknown or
        out of range.
    """
    if not isinstance(fields, dict):
        return fields
    kind = fields.get("kind", FIRST_KIND)
    if not (isinstance(kind, str) and kind in PAINTER_KINDS):
        raise ValueError(f"kind {kind!r} is not known; the kinds are {', '.join(PAINTER_KINDS)}")
    return PAINTER_KINDS[kind].model_validate(fields)


AnyPainterParams = Annotated[SerializeAsAny[PainterParams], BeforeValidator(parse_painter)]
"""The params of a painter of whatever kind, as a field of a section."""
