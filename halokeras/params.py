"""Training parameters: one JSON file per experiment, every field validated.

Each field has a default and one meaning, documented here and in ``params/README.md``. Unknown,
duplicate and out-of-range fields are errors that name their dotted path.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from halokeras.painter_params import AnyPainterParams, InceptionParams
from halokeras.resources import shipped
from halokeras.section_files import load_json, parse_json
from halokeras.sections import Count, NotNegative, Positive, Section, Seed, Selection


class BoxName(Section):
    """One box: a cosmology `id` and a realisation `seed`, or a box file's `path`; or several.

    A `suite`'s folder names its boxes, by default all: those of the members `first_member` to
    `last_member`, counted from 0, at `redshifts`.
    """

    id: str | None = None
    seed: Seed | None = None
    path: str | None = None
    suite: str | None = None
    first_member: Annotated[int, Field(ge=0)] | None = None
    last_member: Annotated[int, Field(ge=0)] | None = None
    redshifts: Annotated[tuple[NotNegative, ...], Field(min_length=1, strict=False)] | None = None

    @model_validator(mode="after")
    def _one_way_to_name_it(self) -> Self:
        by_id = self.id is not None or self.seed is not None
        if self.path is None and self.suite is None and (self.id is None or self.seed is None):
            raise ValueError("name a box by id and seed, or by path, or those of a suite")
        if by_id + (self.path is not None) + (self.suite is not None) > 1:
            raise ValueError("name a box by id and seed or by path or by suite, one of them")
        chosen = (self.first_member, self.last_member, self.redshifts)
        if self.suite is None and any(field is not None for field in chosen):
            raise ValueError("first_member, last_member and redshifts go with suite")
        return self

    def __str__(self) -> str:
        if self.suite is None:
            return self.path or f"box {self.id} seed {self.seed}"
        told = [self.suite]
        if (self.first_member, self.last_member) != (None, None):
            last = "the last" if self.last_member is None else self.last_member
            told.append(f"members {self.first_member or 0} to {last}")
        if self.redshifts is not None:
            told.append("at z = " + ", ".join(f"{redshift:g}" for redshift in self.redshifts))
        return " ".join(told)


class BoxParams(Section):
    """Which boxes train and validate, and how `halopaint simulate` makes the missing ones."""

    train: Annotated[tuple[BoxName, ...], Field(min_length=1, strict=False)] = (
        BoxName(id="00", seed=1),
    )
    validate_on: Annotated[tuple[BoxName, ...], Field(min_length=1, strict=False)] = (
        BoxName(id="00", seed=50),
    )
    selection: Selection = Selection()
    size: Positive = 256.0
    particles: Count = 256
    redshift: NotNegative = 0.3

    @model_validator(mode="after")
    def _validation_is_held_out(self) -> Self:
        both = [box for box in self.validate_on if box in self.train]
        if both:
            raise ValueError("validate_on names a box that train names too")
        return self


class CriticParams(Section):
    """The critic's architecture: the arguments of `halokeras.networks.critic.Critic`."""

    filters: Annotated[tuple[Count, ...], Field(min_length=1, strict=False)] = (8, 16, 32, 64)
    kernel_sizes: Annotated[tuple[Count, ...], Field(min_length=1, strict=False)] = (7, 5, 3, 1)
    strides: Annotated[tuple[Count, ...], Field(min_length=1, strict=False)] = (2, 1, 2, 1)
    negative_slope: Annotated[float, Field(ge=0, lt=1)] = 0.1
    sees_density: bool = False
    sees_masses: bool = False

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        if not len(self.filters) == len(self.kernel_sizes) == len(self.strides):
            raise ValueError("filters, kernel_sizes and strides must be of equal length")
        return self

    def output_size(self, crop_size: int) -> int:
        """Side of the last feature map for a crop of `crop_size` voxels; below 1 if it dies out."""
        side = crop_size
        for kernel, stride in zip(self.kernel_sizes, self.strides, strict=True):
            side = (side - kernel) // stride + 1
        return side


class OptimizerParams(Section):
    """Adam: its learning rate, the final rate of a linear decay, moment decays and epsilon."""

    learning_rate: Positive = 1e-4
    final_learning_rate: NotNegative | None = None
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.9
    epsilon: Positive = 1e-7


class WarmStartParams(Section):
    """The Poisson-likelihood stage before the adversarial one; 0 steps switches it off."""

    steps: Annotated[int, Field(ge=0)] = 0
    crop_size: Count = 24
    batch_size: Count = 4
    learning_rate: Positive = 3e-3


class InitialWeightsParams(Section):
    """What the weights of both networks are before the first update."""

    distribution: Literal["glorot", "normal"] = "glorot"
    deviation: Positive = 0.1
    bias: NotNegative = 0.0


class TrainingParams(Section):
    """How the painter is trained."""

    seed: Seed = 0
    initial_weights: InitialWeightsParams = InitialWeightsParams()
    crop_size: Count = 50
    wrap_crops: bool = True
    reflect_crops: bool = True
    batch_size: Count = 1
    n_critic: Count = 5
    gradient_penalty: Positive = 10.0
    steps: Annotated[int, Field(ge=0)] = 10_000
    critic_warm_steps: Annotated[int, Field(ge=0)] = 0
    critic_optimizer: OptimizerParams = OptimizerParams()
    painter_optimizer: OptimizerParams = OptimizerParams()
    warm_start: WarmStartParams = WarmStartParams()
    likelihood_weight: NotNegative = 0.0
    spectral_weight: NotNegative = 0.0
    spectral_mass_mins: Annotated[tuple[Positive, ...], Field(strict=False)] = ()
    moving_average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    calibrate_mean: bool = True


class RunParams(Section):
    """Where the run lives, how often it saves, logs and validates, and how many boxes it keeps.

    Training boxes take `box_memory` [GiB] at most; of more the rest is read as crops need it.
    """

    directory: str = "runs"
    name: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9._-]+$")] = "paper"
    checkpoint_every: Count = 100
    log_every: Count = 10
    validate_every: Count = 100
    keep: Literal["best", "last"] = "best"
    box_memory: Positive = 1.0


class Params(Section):
    """Everything `halopaint train` reads from its JSON file."""

    box: BoxParams = BoxParams()
    painter: AnyPainterParams = InceptionParams()
    critic: CriticParams = CriticParams()
    training: TrainingParams = TrainingParams()
    run: RunParams = RunParams()

    @model_validator(mode="after")
    def _sections_fit_together(self) -> Self:
        training = self.training
        if self.run.name in (".", ".."):
            raise ValueError(f"run.name {self.run.name} is no name of a folder; choose another")
        if training.steps == 0 and training.warm_start.steps == 0:
            raise ValueError("training.steps and training.warm_start.steps are both 0")
        if self.critic.output_size(training.crop_size) < 1:
            raise ValueError(
                f"training.crop_size {training.crop_size} is too small for the critic's layers"
            )
        begins = [f"{mass:g}" for mass in self._upper_mass_mins]  # refuses edges that do not fit
        for mass in training.spectral_mass_mins:
            if mass not in self._upper_mass_mins:
                raise ValueError(
                    f"training.spectral_mass_mins names {mass:g} Msun/h, where no upper bin of the "
                    f"painter begins; choose among {', '.join(begins) or 'none: it has one bin'}"
                )
        return self

    @property
    def spectral_channels(self) -> tuple[int, ...]:
        """Channels at which the halos of `training.spectral_mass_mins` begin."""
        begins = self._upper_mass_mins
        return tuple(1 + begins.index(mass) for mass in self.training.spectral_mass_mins)

    @property
    def _upper_mass_mins(self) -> list[float]:
        """Least masses of the painter's bins but the first [Msun/h]."""
        return [bin.mass_min for bin in self.painter.selections(self.box.selection)][1:]


def load_params(path: Path) -> Params:
    """Read and validate a params file.

    Raises
    ------
    ParamsError
        As `load_json`.
    """
    return load_json(path, "params file", "--params", Params, shipped("params"))


def parse_params(text: str, source: str) -> Params:
    """Validate the JSON `text` of a params file that errors will call `source`.

    Raises
    ------
    ParamsError
        As `load_json`.
    """
    return parse_json(text, source, Params)
