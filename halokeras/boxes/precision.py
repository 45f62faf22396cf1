"""The fields of a simulated box, rounded to what they are worth, so that its file is small.

Zeros in place of the last bits are packed away; what is read is what was simulated and hashed.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box
from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.fields.gridding import wrap

STEPS = {"Mpc/h": 2.0**-8, "km/s": 0.5}
"""Of which positions and velocities are whole multiples, by unit."""
DENSITY_BITS = 11
"""Of the density's mantissa: values are within 2^-12, 2.4e-4, of those computed."""
_BITS = {"Msun/h": 11, "Mpc/h": 10}
"""Of masses and radii, by unit: within 2.4e-4 and 4.9e-4."""
_EXACT = ("mass", "particles")
"""Sorted columns of few values, which take no space, and by which halos are selected."""


def rounded_box(box: Box) -> Box:
    """Round density and halos of a box, as `docs/data.md` says; halo counts may change by that."""
    halos, density = box.halos, box.density
    return replace(
        box,
        density=None if density is None else keep_bits(density, DENSITY_BITS),
        halos=None if halos is None else _rounded_halos(halos, box.box_size[0]),
    )


def _rounded_halos(halos: Halos, box_size: float) -> Halos:
    columns = {}
    for name, values in halos.columns().items():
        column = COLUMNS[name]
        if name in _EXACT or column.unit not in (*STEPS, *_BITS):
            continue
        if column.shape or column.unit not in _BITS:
            step = np.float32(STEPS[column.unit])
            columns[name] = np.rint(column.stored(values) / step) * step
        else:
            columns[name] = keep_bits(column.stored(values), _BITS[column.unit])
    columns["position"] = wrap(columns["position"], box_size)
    return replace(halos, **columns)


def keep_bits(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Round float32 values to the nearest with `bits` of the 23 bits of their mantissa."""
    dropped = 23 - bits
    whole = values.astype(np.float32, copy=False).view(np.uint32)
    half = np.uint32((1 << (dropped - 1)) - 1)
    odd = (whole >> np.uint32(dropped)) & np.uint32(1)
    kept = (whole + half + odd) & ~np.uint32((1 << dropped) - 1)
    return kept.view(np.float32)
