"""Training parameters: one JSON file per experiment, every field validated.

Each field has a default and one meaning, documented here and in ``params/README.md``. Unknown,
duplicate and out-of-range fields are errors that name their dotted path.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from halokeras.errors import ParamsError, problem
from halokeras.painter_params import AnyPainterParams, InceptionParams
from halokeras.resources import shipped
from halokeras.sections import Count, NotNegative, Positive, Section, Seed, Selection
from halokeras.strict_json import strict_json
from halokeras.suggestions import beside, did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Fields = TypeVar("Fields", bound="Section")

_LARGEST = 2**24
"""Bytes that no params file has; a device has no end."""


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
        If the file is missing or not JSON, or a field is unknown, duplicated or out of range;
        the message names the file and the field's dotted path.
    """
    return load_json(path, "params file", "--params", Params, shipped("params"))


def parse_params(text: str, source: str) -> Params:
    """Validate the JSON `text` of a params file that errors will call `source`.

    Raises
    ------
    ParamsError
        As `load_params`.
    """
    return _parse(text, source, Params)


def load_json(path: Path, kind: str, option: str, model: type[Fields], *beside_it: Path) -> Fields:
    """Read and validate a JSON file of any kind.

    Parameters
    ----------
    path
        The file.
    kind, option
        What errors call it, and the option that names it.
    model
        Its fields.
    beside_it
        Folders of such files, of which one may have been meant.

    Raises
    ------
    ParamsError
        As `load_params`.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except FileNotFoundError:
        meant = beside(path, *beside_it, pattern="*.json")
        raise ParamsError(
            f"{kind} {path} does not exist{meant}; give {option} an existing JSON file"
        ) from None
    except IsADirectoryError:
        raise ParamsError(f"{kind} {path} is a folder; give {option} a JSON file") from None
    except OSError as error:
        raise ParamsError(f"{kind} {path} cannot be read: {error.strerror}") from error
    if len(text) > _LARGEST:
        raise ParamsError(
            f"{kind} {path} has more than {_LARGEST} bytes; give {option} a JSON file"
        )
    return _parse(text, str(path), model)


def _parse(text: str | bytes, source: str, model: type[Fields]) -> Fields:
    try:
        fields = strict_json(text)
    except UnicodeDecodeError:
        raise ParamsError(f"{source} is not text in UTF-8; save it as that") from None
    except (ValueError, RecursionError) as error:  # also of numbers too long, brackets too deep
        raise ParamsError(f"{source} is not valid JSON: {error}") from error
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors()
        # pydantic counts what is wrong within a list as lacking there
        told = [
            _explain(one, model)
            for one in found
            if not (one["type"] == "too_short" and any(_within(each, one) for each in found))
        ]
        raise ParamsError(f"{source}: {'; '.join(told)}") from None


def _within(inner: "ErrorDetails", outer: "ErrorDetails") -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _explain(error: "ErrorDetails", model: type[Section]) -> str:
    parts, known = _place(model, error["loc"])
    path = ".".join(parts)
    if error["type"] == "extra_forbidden":
        meant = did_you_mean(parts[-1], known) or f"; there are {', '.join(known)}"
        return f"unknown field '{path}'{meant}"
    if not path and error["type"] == "model_type":
        return f"must be a JSON object of {', '.join(known)}"
    return problem(error, f"field '{path}'" if path else "")


def _place(model: type[BaseModel], location: Sequence[str | int]) -> tuple[list[str], list[str]]:
    """Return the parts of a field's path, as the file has them, and the names of its section."""
    parts: list[str] = []
    section = inside = [model]
    kinds: str | None = None  # the field that tells which section it is
    for part in location:
        if kinds is not None:  # pydantic names it here, where the file does not
            inside = [each for each in inside if part in _choices(each, kinds)]
            kinds = None
            continue
        parts.append(str(part))
        section = inside
        fields = [each.model_fields[part] for each in section if part in each.model_fields]
        # what is no field is the number in a list, or a key
        inside = [found for field in fields for found in _models(field.annotation)] or section
        kinds = next((f.discriminator for f in fields if isinstance(f.discriminator, str)), None)
    return parts, list(dict.fromkeys(name for each in section for name in each.model_fields))


def _choices(model: type[BaseModel], field: str) -> tuple[Any, ...]:
    return get_args(model.model_fields[field].annotation)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation, *annotation.__subclasses__()]  # of a painter, its kinds
    return [found for part in get_args(annotation) for found in _models(part)]
