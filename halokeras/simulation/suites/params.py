"""What a suite is to hold: a JSON file, and the simulations that it plans."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from halokeras.cosmology.cosmology import PARAMETERS, Cosmology, whole_parameters
from halokeras.errors import BoxError, ParamsError
from halokeras.resources import shipped
from halokeras.section_files import load_json
from halokeras.sections import MOST_SEEDS, Count, Finite, NotNegative, Positive, Section, Seed
from halokeras.simulation.simulate import Simulation

_DIGITS = 4
"""Decimals of what a sequence draws, so that files tell it whole."""

_MOST = 2**16
"""Simulations of a design; more are a slip of the pen, and only planning them takes minutes."""

_Number = Annotated[int, Field(ge=1, le=_MOST)]
_Range = Annotated[tuple[float, float], Field(strict=False)]


class Planned(NamedTuple):
    """A simulation that a suite is to hold, by a name that tells it from the others."""

    name: str
    simulation: Simulation


class SobolDesign(Section):
    """Points of a scrambled Sobol sequence: those of a longer one begin with those of a shorter.

    `ranges` of parameters, and of ``redshift`` where every member has one of its own; `fiducial`
    has the parameters that are the same for all.
    """

    kind: Literal["sobol"]
    members: _Number
    scramble_seed: Seed
    ranges: Annotated[dict[str, _Range], Field(min_length=1)]
    fiducial: Annotated[dict[str, Finite], Field(default_factory=dict)]

    @model_validator(mode="after")
    def _ranges_of_parameters(self) -> Self:
        _check_names(self.ranges, (*PARAMETERS, "redshift"), "ranges")
        _check_names(self.fiducial, PARAMETERS, "fiducial")
        for name, (low, high) in self.ranges.items():
            if not low < high:
                raise ValueError(f"ranges.{name} must rise, not go from {low:g} to {high:g}")
            if name in self.fiducial:
                raise ValueError(f"{name} has a range and is in fiducial too; leave one out")
        _check_whole({*self.ranges, *self.fiducial})
        return self

    def points(self) -> list[dict[str, float]]:
        """Return what is drawn for each member, by name."""
        names = [name for name in (*PARAMETERS, "redshift") if name in self.ranges]
        drawn = sobol_points(len(names), self.members, self.scramble_seed)
        low, high = np.array([self.ranges[name] for name in names]).T
        scaled = np.round(low + drawn * (high - low), _DIGITS)
        return [dict(zip(names, point, strict=True)) for point in scaled.tolist()]


class PairedDesign(Section):
    """Simulations of the same phases with one parameter up and down, for derivatives.

    Each of `realizations` has the `fiducial` and, for each of `steps`, two simulations with that
    parameter a step above and below it.
    """

    kind: Literal["paired"]
    realizations: _Number
    fiducial: dict[str, Finite]
    steps: Annotated[dict[str, Positive], Field(min_length=1)]

    @model_validator(mode="after")
    def _steps_of_parameters(self) -> Self:
        _check_names(self.fiducial, PARAMETERS, "fiducial")
        _check_names(self.steps, PARAMETERS, "steps")
        _check_whole(self.fiducial)
        return self

    def cosmologies(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Yield the name and the parameters of each cosmology."""
        yield "fiducial", self.fiducial
        whole = whole_parameters(self.fiducial)
        for name, step in self.steps.items():
            for way, sign in (("up", 1), ("down", -1)):
                yield f"{name}_{way}", {**whole, name: round(whole[name] + sign * step, 10)}


class SuiteParams(Section):
    """What a suite is to hold.

    `first_seed` is that of the first realisation, the others following; `redshifts` are those of
    every member, unless the design draws one for each.
    """

    design: Annotated[SobolDesign | PairedDesign, Field(discriminator="kind")]
    first_seed: Seed
    redshifts: Annotated[tuple[NotNegative, ...], Field(strict=False)] = ()
    size: Positive = 192.0
    particles: Count = 192
    voxel_size: Positive = 4.0

    @model_validator(mode="after")
    def _redshifts_once(self) -> Self:
        drawn = isinstance(self.design, SobolDesign) and "redshift" in self.design.ranges
        if drawn == bool(self.redshifts):
            has = "both" if drawn else "neither"
            raise ValueError(
                f"has {has} of redshifts and design.ranges.redshift; write one of them"
            )
        return self

    @model_validator(mode="after")
    def _seeds_follow(self) -> Self:
        design = self.design
        seeds = design.members if isinstance(design, SobolDesign) else design.realizations
        if self.first_seed + seeds > MOST_SEEDS:
            raise ValueError(
                f"first_seed {self.first_seed} leaves no room for {seeds} seeds below "
                f"{MOST_SEEDS}; choose a lower one"
            )
        return self

    def simulations(self) -> list[Planned]:
        """Return the simulations of the suite.

        Raises
        ------
        BoxError
            If one cannot be made; the message names it.
        """
        return list(self._simulations())

    def _simulations(self) -> Iterator[Planned]:
        if isinstance(self.design, SobolDesign):
            points = self.design.points()
            for number, drawn in enumerate(points):
                point = {**self.design.fiducial, **drawn}
                redshift = point.pop("redshift", None)
                redshifts = self.redshifts if redshift is None else (redshift,)
                yield self._planned(f"{number:03}", point, number, redshifts)
            return
        for number in range(self.design.realizations):
            for name, point in self.design.cosmologies():
                yield self._planned(f"{number}_{name}", point, number, self.redshifts)

    def _planned(
        self, name: str, point: Mapping[str, float], number: int, redshifts: tuple[float, ...]
    ) -> Planned:
        try:
            simulation = Simulation(
                Cosmology(**point),
                self.first_seed + number,
                self.size,
                self.particles,
                self.voxel_size,
                redshifts,
            )
        except BoxError as error:
            raise BoxError(f"member {name}: {error}") from None
        return Planned(name, simulation)


def load_suite_params(path: Path) -> SuiteParams:
    """Read what a suite is to hold.

    Raises
    ------
    ParamsError
        If the file is missing or not JSON, a field is missing, unknown, given twice or out of
        range, or a simulation that it plans cannot be made.
    """
    params = load_json(path, "suite file", "--suite", SuiteParams, shipped("params/suites"))
    try:
        params.simulations()
    except BoxError as error:
        raise ParamsError(f"{path}: {error}") from None
    return params


def sobol_points(dimensions: int, number: int, seed: int) -> NDArray[np.float64]:
    """Return the first points in [0, 1) of a scrambled Sobol sequence, (number, dimensions).

    They are a function of the dimensions and the seed alone: the scramble is Owen's as scipy
    draws it.
    """
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, scramble=True, seed=np.random.default_rng(seed))
    points: NDArray[np.float64] = sequence.random_base2(max(number - 1, 0).bit_length())
    return points[:number]


def _check_names(given: Mapping[str, object], known: tuple[str, ...], field: str) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"{field} names {name!r}; choose among {', '.join(known)}")


def _check_whole(names: set[str] | Mapping[str, float]) -> None:
    lacking = [name for name in PARAMETERS if name not in {*names, "w0", "wa"}]
    if lacking:
        raise ValueError(f"{', '.join(lacking)} must be in fiducial, or vary")
