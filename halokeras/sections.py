"""Sections that JSON files of several kinds share, and the types of their numbers."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """Fields of a JSON object, none of them unknown and each of its own type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Selection(Section):
    """The halos that are counted: masses in [mass_min, mass_max), in Msun/h."""

    mass_min: NotNegative = 0.0
    mass_max: Positive | None = None

    @model_validator(mode="after")
    def _a_range(self) -> Self:
        if self.mass_max is not None and self.mass_max <= self.mass_min:
            raise ValueError("mass_max must be above mass_min")
        return self
