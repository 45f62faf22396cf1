"""What draws are made from, as the JSON files of a saved painter."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from halokeras.errors import ModelError, first_problem
from halokeras.painters.count_law import MOST_HALOS, CountLaw
from halokeras.painters.exclusion import MOST_CORRELATED, Exclusion, ExclusionByCondition
from halokeras.painters.mass_law import MassLaw
from halokeras.painters.painter_json import parse, to_json
from halokeras.painters.peaks import TERMS, Peaks
from halokeras.painters.surroundings import TERMS as NUMBER_TERMS
from halokeras.painters.surroundings import Surroundings

LAW, MASSES, EXCLUSION, PEAKS, SURROUNDINGS = (
    "count_law.json",
    "mass_law.json",
    "exclusion.json",
    "peaks.json",
    "surroundings.json",
)
LAW_FILES = (LAW, MASSES, EXCLUSION, PEAKS, SURROUNDINGS)
"""Of which each but the first is there only with those before it."""
Fields = TypeVar("Fields", bound="_Fields")

_UNITY = 1e-6  # by which a sum of probabilities may miss 1

Expected = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Mass = Annotated[float, Field(gt=0, le=1e20)]
Excess = Annotated[float, Field(ge=0, le=1e20)]
Weight = Annotated[float, Field(ge=0, le=1)]
Crowding = Annotated[float, Field(gt=-1, lt=1)]
Term = Annotated[float, Field(ge=-1e6, le=1e6)]
Correlation = Annotated[float, Field(ge=-MOST_CORRELATED, le=MOST_CORRELATED)]


class _Fields(BaseModel):
    """What a file holds, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _LawFields(_Fields):
    """What count_law.json holds."""

    expected: Annotated[list[Expected], Field(min_length=1, max_length=4096)]
    probabilities: list[Annotated[list[Probability], Field(max_length=MOST_HALOS + 1)]]

    @model_validator(mode="after")
    def _is_a_law(self) -> "_LawFields":
        if any(below >= above for below, above in pairwise(self.expected)):
            raise ValueError("expected counts do not ascend")
        if len(self.probabilities) != len(self.expected):
            raise ValueError("expected counts and rows of probabilities are not equally many")
        if len({len(row) for row in self.probabilities}) != 1:
            raise ValueError("rows of probabilities are not equally long")
        if any(abs(sum(row) - 1) > _UNITY for row in self.probabilities):
            raise ValueError("a row of probabilities does not sum to 1")
        return self


class _MassLawFields(_Fields):
    """What mass_law.json holds."""

    masses: list[Annotated[list[Mass], Field(min_length=2, max_length=4096)]]
    tails: list[Excess]

    @model_validator(mode="after")
    def _is_a_law(self) -> "_MassLawFields":
        if any(below > above for row in self.masses for below, above in pairwise(row)):
            raise ValueError("masses do not ascend")
        if len({len(row) for row in self.masses}) != 1:
            raise ValueError("rows of masses are not equally long")
        if len(self.tails) != len(self.masses):
            raise ValueError("tails and rows of masses are not equally many")
        return self


class _ByConditionFields(_Fields):
    """What exclusion.json holds of conditions."""

    feature: Annotated[int, Field(ge=0)]
    places: Annotated[list[Term], Field(min_length=1, max_length=64)]
    further: list[list[Weight]]
    crowding: list[Crowding]

    @model_validator(mode="after")
    def _is_of_places(self) -> "_ByConditionFields":
        if any(below >= above for below, above in pairwise(self.places)):
            raise ValueError("places of the condition do not ascend")
        if not len(self.places) == len(self.further) == len(self.crowding):
            raise ValueError("places of the condition and what is known there are not equally many")
        if not all(any(row) for row in self.further):
            raise ValueError("all weights of further halos at a place are 0")
        return self


class _ExclusionFields(_Fields):
    """What exclusion.json holds."""

    further: list[Weight]
    neighbors: tuple[tuple[Correlation, Correlation], tuple[Correlation, Correlation]]
    masses: list[Mass] | None = None
    crowding: Crowding = 0.0
    by_condition: _ByConditionFields | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> "_ExclusionFields":
        if not any(self.further):
            raise ValueError("all weights of further halos are 0")
        if self.neighbors[0][1] != self.neighbors[1][0]:
            raise ValueError("correlations of neighbours are not symmetric")
        if np.abs(np.linalg.eigvalsh(self.neighbors)).max() > MOST_CORRELATED + _UNITY:
            raise ValueError("neighbours are correlated more than numbers of voxels can be")
        if any(below >= above for below, above in pairwise(self.masses or ())):
            raise ValueError("masses do not ascend")
        return self


class _PeaksFields(_Fields):
    """What peaks.json holds."""

    coefficients: list[Annotated[list[Term], Field(min_length=TERMS, max_length=TERMS)]]
    least: list[tuple[Term, Term]]
    most: list[tuple[Term, Term]]
    by_condition: list[list[Term]] | None = None

    @model_validator(mode="after")
    def _is_of_channels(self) -> "_PeaksFields":
        if not len(self.coefficients) == len(self.least) == len(self.most):
            raise ValueError("coefficients and their limits are not equally many")
        if self.by_condition is not None and len(self.by_condition) != len(self.coefficients):
            raise ValueError("coefficients and what conditions add to them are not equally many")
        limits = zip(self.least, self.most, strict=True)
        if any(below > above for pair in limits for below, above in zip(*pair, strict=True)):
            raise ValueError("a least is more than its most")
        return self


class _SurroundingsFields(_Fields):
    """What surroundings.json holds."""

    typical: tuple[list[Term], list[Term]]
    departures: Annotated[list[Term], Field(min_length=1, max_length=64)]
    laws: list[_LawFields]
    middle: Term
    spread: Annotated[float, Field(gt=0, le=1e6)]
    beside: Annotated[list[Term], Field(min_length=NUMBER_TERMS, max_length=NUMBER_TERMS)]
    smooth: Annotated[list[Term], Field(min_length=NUMBER_TERMS, max_length=NUMBER_TERMS)]

    @model_validator(mode="after")
    def _is_in_order(self) -> "_SurroundingsFields":
        if len(self.typical[0]) != len(self.typical[1]) or not self.typical[0]:
            raise ValueError("expected halos and those around are not equally many")
        for ascending in (self.typical[0], self.departures):
            if any(below >= above for below, above in pairwise(ascending)):
                raise ValueError("expected halos or departures do not ascend")
        if len(self.laws) != len(self.departures):
            raise ValueError("laws and departures are not equally many")
        return self


class Laws(NamedTuple):
    """The laws that a painter draws by; None where an older one, or one without masses, has none.

    Attributes
    ----------
    counts
        Of the halos of all channels together, given how many are expected.
    masses
        Of the masses in each channel.
    exclusion
        How halos exclude each other by mass.
    peaks
        Corrections of what is expected around peaks.
    surroundings
        What the law of the counts knows of the halos expected around.
    """

    counts: CountLaw
    masses: MassLaw | None = None
    exclusion: Exclusion | None = None
    peaks: Peaks | None = None
    surroundings: Surroundings | None = None


def law_contents(laws: Laws) -> dict[str, bytes]:
    """Return the files that a painter draws by, of those laws that it has, by their names."""
    counts, masses, exclusion, peaks, surroundings = laws
    fields: dict[str, dict[str, Any]] = {LAW: _told(counts)}
    if masses is not None:
        fields[MASSES] = {"masses": masses.masses.tolist(), "tails": masses.tails.tolist()}
    if exclusion is not None:
        fields[EXCLUSION] = {
            "further": exclusion.further.tolist(),
            "neighbors": exclusion.neighbors.tolist(),
            "crowding": exclusion.crowding,
        }
        if exclusion.masses is not None:
            fields[EXCLUSION]["masses"] = exclusion.masses.tolist()
        if (known := exclusion.by_condition) is not None:
            fields[EXCLUSION]["by_condition"] = {
                "feature": known.feature,
                "places": known.places.tolist(),
                "further": known.further.tolist(),
                "crowding": known.crowding.tolist(),
            }
    if peaks is not None:
        fields[PEAKS] = {
            "coefficients": peaks.coefficients.tolist(),
            "least": peaks.least.tolist(),
            "most": peaks.most.tolist(),
        }
        if peaks.by_condition is not None:
            fields[PEAKS]["by_condition"] = peaks.by_condition.tolist()
    if surroundings is not None:
        fields[SURROUNDINGS] = {
            "typical": surroundings.typical.tolist(),
            "departures": surroundings.departures.tolist(),
            "laws": [_told(law) for law in surroundings.laws],
            "middle": surroundings.middle,
            "spread": surroundings.spread,
            "beside": surroundings.beside.tolist(),
            "smooth": surroundings.smooth.tolist(),
        }
    return {name: to_json(told, name) for name, told in fields.items()}


def _told(law: CountLaw) -> dict[str, Any]:
    return {"expected": law.expected.tolist(), "probabilities": law.probabilities.tolist()}


def read_laws(folder: Path, contents: Mapping[str, bytes], channels: int, features: int) -> Laws:
    """Read the laws of a painter of some channels, that has some features of its conditions.

    Parameters
    ----------
    folder
        Where its files are.
    contents
        What they hold, by their names; count_law.json is among them.
    channels, features
        Of the painter.

    Raises
    ------
    ModelError
        In one sentence, if one is malformed or does not fit.
    """
    laws = Laws(_count_law(folder / LAW, contents[LAW]))
    if MASSES in contents:
        masses = _mass_law(folder / MASSES, contents[MASSES], channels)
        laws = laws._replace(masses=masses)
    if EXCLUSION in contents:
        exclusion = _exclusion(folder / EXCLUSION, contents[EXCLUSION], channels, features)
        laws = laws._replace(exclusion=exclusion)
    if PEAKS in contents:
        laws = laws._replace(peaks=_peaks(folder / PEAKS, contents[PEAKS], channels, features))
    if SURROUNDINGS in contents:
        surroundings = _surroundings(folder / SURROUNDINGS, contents[SURROUNDINGS])
        if laws.exclusion is not None and laws.exclusion.neighbors[0, 0] != 0:
            raise ModelError(
                f"{folder / EXCLUSION}: neighbors tell how counts go together, which "
                f"{SURROUNDINGS} does; copy the folder again"
            )
        laws = laws._replace(surroundings=surroundings)
    return laws


def _count_law(path: Path, content: bytes) -> CountLaw:
    fields = _validated(path, content, _LawFields, "law")
    return CountLaw(np.array(fields.expected), np.array(fields.probabilities))


def _mass_law(path: Path, content: bytes, channels: int) -> MassLaw:
    fields = _validated(path, content, _MassLawFields, "law")
    _check_channels(path, "bins of mass", fields.masses, channels)
    return MassLaw(np.array(fields.masses), np.array(fields.tails))


def _exclusion(path: Path, content: bytes, channels: int, features: int) -> Exclusion:
    fields = _validated(path, content, _ExclusionFields, "exclusion")
    _check_channels(path, "weights", fields.further, channels)
    masses = None
    if fields.masses is not None:
        _check_channels(path, "masses", fields.masses, channels)
        masses = np.array(fields.masses)
    by_condition = None
    if (known := fields.by_condition) is not None:
        if known.feature >= features:
            raise ModelError(
                f"{path}: by_condition goes with condition {known.feature}, which does not fit a "
                f"painter of {features} conditions"
            )
        for row in known.further:
            _check_channels(path, "weights", row, channels)
        by_condition = ExclusionByCondition(
            known.feature,
            np.array(known.places),
            np.array(known.further),
            np.array(known.crowding),
        )
    return Exclusion(
        np.array(fields.further),
        np.array(fields.neighbors),
        masses,
        fields.crowding,
        by_condition,
    )


def _peaks(path: Path, content: bytes, channels: int, features: int) -> Peaks:
    fields = _validated(path, content, _PeaksFields, "peaks")
    _check_channels(path, "channels", [None, *fields.coefficients], channels)
    by_condition = None
    if fields.by_condition is not None:
        if not features or any(len(row) != features for row in fields.by_condition):
            raise ModelError(
                f"{path}: by_condition does not fit a painter of {features} conditions"
            )
        by_condition = np.array(fields.by_condition)
    coefficients = np.array(fields.coefficients)
    return Peaks(coefficients, np.array(fields.least), np.array(fields.most), by_condition)


def _surroundings(path: Path, content: bytes) -> Surroundings:
    fields = _validated(path, content, _SurroundingsFields, "surroundings")
    return Surroundings(
        np.array(fields.typical),
        np.array(fields.departures),
        tuple(CountLaw(np.array(law.expected), np.array(law.probabilities)) for law in fields.laws),
        fields.middle,
        fields.spread,
        np.array(fields.beside),
        np.array(fields.smooth),
    )


def _validated(path: Path, content: bytes, fields: type[Fields], what: str) -> Fields:
    try:
        return fields.model_validate(parse(path, content))
    except ValidationError as error:
        raise ModelError(f"{path}: {first_problem(error, what)}") from error


def _check_channels(path: Path, what: str, told: Sequence[Any], channels: int) -> None:
    if channels == 1 or len(told) != channels:
        raise ModelError(f"{path}: {len(told)} {what} do not fit a painter of {channels} channels")
