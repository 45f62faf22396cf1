"""How large the catalogues of draws will be, by the halos that are expected on a sample."""

from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box_file import Header
from halokeras.environment import allotted_cores
from halokeras.fields.gridding import Shape
from halokeras.painting.catalogues.formats import FORMATS
from halokeras.painting.draws.counts import draw_model_of
from halokeras.painting.expected.paint import box_conditions, paint
from halokeras.painting.inputs.density import Density
from halokeras.painting.request import PaintRequest
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import make_density
from halokeras.simulation.lpt.density_file import header_to_make

_SIDE = 64
"""Voxels along a side of a sample, at most: boxes of 256 Mpc/h differ by 0.6 % in halos."""


def listed_on(request: PaintRequest, given: Density) -> int:
    """Return the bytes of the catalogues of a density that is there; 0 if none are asked for."""
    if not request.catalogues:
        return 0
    corner = given.sample()[:_SIDE, :_SIDE, :_SIDE]
    return _listed(request, given.header, corner, given.shape)


def listed_on_made(request: PaintRequest, wanted: LptBox) -> int:
    """Return the same of a density that is to be made, of which a small one is made here."""
    if not request.catalogues:
        return 0
    # a cube, as one of a flat box's least side would have no long modes
    side = min(max(wanted.voxels), _SIDE)
    small = replace(wanted, voxels=(side,) * 3, velocity=False)
    density = make_density(small, allotted_cores())
    return _listed(request, header_to_make(small), density, wanted.voxels)


def _listed(
    request: PaintRequest, header: Header, sample: NDArray[np.floating], shape: Shape
) -> int:
    saved = request.painter.saved.under(header.cosmology, header.redshift)
    draws, listing = draw_model_of(saved, request.painter.name), request.listing
    assert listing is not None
    density = (sample / sample.mean(dtype=np.float64)).astype(np.float32)
    painted = paint(draws.painter, density, conditions=box_conditions(header, saved))
    halos = float(draws.count_law.mean(saved.total(painted)).mean()) * prod(shape)
    return round(len(request.catalogues) * halos * FORMATS[listing.format].halo_bytes)
