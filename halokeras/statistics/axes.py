"""What statistics are functions of."""

import math

import numpy as np

from halokeras.fields.bispectrum import equilateral, over_angle
from halokeras.fields.spectra import measure
from halokeras.statistics.statistic import Axis

CELLS = (8.0, 16.0)
"""Sides of the cells whose variance is compared [Mpc/h]."""

MOST_HALOS = 20
"""Halos per voxel up to which voxels are counted."""

WAVENUMBER = Axis(
    name="k",
    label="k [h/Mpc]",
    heading="k to",
    places=lambda halos: halos.of(measure, halos).k,
    edges=lambda halos: halos.of(measure, halos).upper,
    words=lambda upper: f"{upper:.3f}",
    logarithmic=True,
)

ANGLE = Axis(
    name="angles",
    label="angle between k of 0.1 and 0.2 h/Mpc [π rad]",
    heading="angle",
    places=lambda halos: halos.of(over_angle)[0],
    words=lambda angle: f"{angle / math.pi:.2f}π",
    unit=math.pi,
    limits=(0, 1),
)

TRIANGLE = Axis(
    name="triangle_k",
    label="k of all sides [h/Mpc]",
    heading="k",
    places=lambda halos: np.array([found.k[0] for found in halos.of(equilateral)]),
    words=lambda k: f"{k:.3f}",
)

HALOS_PER_VOXEL = Axis(
    name="halos_per_voxel",
    label="halos in a voxel",
    heading="halos",
    places=lambda halos: np.arange(MOST_HALOS + 1.0),
    words=lambda number: f"{number:g}",
    limits=(-0.5, None),
)

CELL_SIDE = Axis(
    name="cell_sides",
    label="side of the cells [Mpc/h]",
    heading="Mpc/h",
    places=lambda halos: np.array(CELLS),
    words=lambda side: f"{side:g}",
)
