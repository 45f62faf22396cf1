"""What the catalogues that halopaint writes tell of themselves, whatever their format."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from halokeras.cosmology.cosmology import PARAMETERS


def told(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what it tells by our names: FITS knows no small letters, BigFile other names."""
    known = {
        name.lower(): name for name in (*PARAMETERS, "logMmin", "sigma_logM", "logM0", "logM1")
    }
    plainly: dict[str, Any] = {}
    for name, value in about.items():
        plain = value.item() if isinstance(value, np.generic) else value
        plain = plain.tolist() if isinstance(plain, np.ndarray) else plain
        plainly[known.get(name.lower(), name.lower())] = plain
    sides = [plainly.pop(name, None) for name in ("lbox_x", "lbox_y", "lbox_z")]
    size = plainly.pop("lbox", None) or plainly.pop("boxsize", None) or sides
    return {"box_size": size, **plainly}
