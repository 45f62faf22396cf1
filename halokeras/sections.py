"""Sections that JSON files of several kinds share, and the types of their numbers."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
MOST_SEEDS = 2**31
Seed = Annotated[int, Field(ge=0, lt=MOST_SEEDS)]


MassDefinition = Literal["fof", "virial", "200b", "200c"]
"""Of friends-of-friends groups, or within the virial density, 200 x mean or 200 x critical."""


class Section(BaseModel):
    """Fields of a JSON object, none of them unknown and each of its own type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Selection(Section):
    """The halos that are counted: masses in [mass_min, mass_max), in Msun/h.

    They are masses of `mass_definition`, or where it is None each box's own.
    """

    mass_min: NotNegative = 0.0
    mass_max: Positive | None = None
    mass_definition: MassDefinition | None = None

    @property
    def cuts(self) -> bool:
        """Whether masses decide which halos are counted."""
        return self.mass_min > 0 or self.mass_max is not None

    @property
    def told(self) -> dict[str, float | str]:
        """What files tell of the halos that are counted: nothing of what is not restricted."""
        return {name: value for name, value in vars(self).items() if value}

    def times(self, factor: float) -> Self:
        """Return the selection of halos that are heavier by a factor."""
        heaviest = None if self.mass_max is None else self.mass_max * factor
        return self.model_copy(update={"mass_min": self.mass_min * factor, "mass_max": heaviest})

    @model_validator(mode="after")
    def _a_range(self) -> Self:
        if self.mass_max is not None and self.mass_max <= self.mass_min:
            raise ValueError("mass_max must be above mass_min")
        return self
