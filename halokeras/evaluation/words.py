"""Numbers as people write them."""

import math

import numpy as np
from numpy.typing import NDArray

from halokeras.sections import Selection

_LONG = 1e6
"""Value from which digits are not written out."""

Number = float | NDArray[np.float64]


def scientific(value: float, digits: int = 3) -> str:
    """Return a number such as 8.72 × 10¹⁰, or as it is where that is short."""
    plain = f"{value:.{digits}g}"
    if "e" not in plain:
        return plain
    mantissa, exponent = plain.split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def measured(value: Number, error: Number, scale: float = 1.0, sign: str = "") -> str:
    """Return a value with its standard error, both times `scale`, in digits that mean something.

    A value that is not known is a dash; an error that is not known is left out.
    """
    value, error = scale * float(value), scale * float(error)
    if not math.isfinite(value):
        return "-"
    if abs(value) >= _LONG:
        return " ± ".join(scientific(one) for one in (value, error) if math.isfinite(one))
    size = error if math.isfinite(error) and error > 0 else abs(value) / 100
    decimals = int(np.clip(1 - math.floor(math.log10(size)), 0, 4)) if size > 0 else 1
    text = f"{value:{sign},.{decimals}f}"
    return text if not math.isfinite(error) else f"{text} ± {error:,.{decimals}f}"


def masses(selection: Selection) -> str:
    """Return which halos are counted, in words."""
    if not selection.cuts:
        return "all of the catalogue"
    told = f"of {scientific(selection.mass_min)} Msun/h and more"
    if selection.mass_max is not None:
        told += f", below {scientific(selection.mass_max)} Msun/h"
    return f"{told} ({selection.mass_definition})" if selection.mass_definition else told
