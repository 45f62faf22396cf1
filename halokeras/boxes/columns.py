"""What is known of a column of halos before there are any: type, unit, meaning, allowed values."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Check:
    """Which values a column may have, and what is said of a column with others."""

    holds: Callable[[Array], Array]
    refusal: str


FINITE = Check(np.isfinite, "holds NaN or infinite values")
POSITIVE = Check(lambda values: np.isfinite(values) & (values > 0), "must be positive and finite")
NOT_NEGATIVE = Check(
    lambda values: np.isfinite(values) & (values >= 0), "must be finite and not negative"
)


@dataclass(frozen=True)
class Column:
    """What is known of a column of halos.

    Attributes
    ----------
    dtype
        The numpy type that a box has it in.
    unit
        Of its values; empty for pure numbers.
    meaning
        What it is, in a few words.
    check
        Which values it may have.
    shape
        Of a row: () for one number, (3,) for a vector along x, y and z.
    halotools
        Its name in halotools, of a vector without the x, y or z at the end; by default ``halo_``
        and its own name.
    name
        That of the field of `halokeras.boxes.halos.Halos`, which tells it.
    """

    dtype: str
    unit: str
    meaning: str
    check: Check = FINITE
    shape: tuple[int, ...] = ()
    halotools: str = ""
    name: str = ""

    @property
    def kinds(self) -> str:
        """Letters of the numpy kinds that a file may have it in."""
        return "f" if np.dtype(self.dtype).kind == "f" else "iu"

    @property
    def description(self) -> str:
        """Its meaning and unit."""
        return f"{self.meaning} [{self.unit}]" if self.unit else self.meaning

    def parts(self) -> "dict[str, Column]":
        """Return the columns of one number that halotools has for it, by their names there."""
        stem = self.halotools or f"halo_{self.name}"
        if not self.shape:
            return {stem: replace(self, name=stem)}
        # Of "peculiar velocity" the x component is the "peculiar vx".
        labels = {stem + axis: (stem + axis).removeprefix("halo_") for axis in "xyz"}
        return {
            name: replace(self, name=name, shape=(), meaning=self.meaning.replace(self.name, label))
            for name, label in labels.items()
        }

    def fits(self, values: Array) -> bool:
        """Whether all values are such as it may have."""
        return bool(self.check.holds(values).all())

    def stored(self, values: Array) -> Array:
        """Return values in its type, which makes infinite what is too large for it."""
        with np.errstate(over="ignore", invalid="ignore"):
            return values.astype(self.dtype, copy=False)
