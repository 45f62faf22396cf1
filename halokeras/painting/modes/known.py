"""Whether the modes of a density are known, so that its matter can be made again below its voxels.

They are of a density that `halopaint lpt`, `paint --voxels` or `simulate` made from a seed. What is
made again is compared with the density itself before it is used.
"""

import numpy as np

from halokeras.boxes.box import SOFTWARE
from halokeras.boxes.box_file import Header
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape, coarsened
from halokeras.painting.inputs.density import Density
from halokeras.painting.request import PaintRequest
from halokeras.simulation.lpt.box import LptBox
from halokeras.storage.grid import Grid, slab_ranges

_LEAST_CORRELATION = 0.9
"""Correlation, at least, of a density with the one made again: 0.987 of a shipped box."""

_CONSTANT = 1e-12
"""Product of two variances of rho/mean, at most, where one is nothing but rounding."""


def known_box(header: Header, shape: Shape) -> LptBox | None:
    """Return the 2LPT box that a density is of, if it tells a seed of ours, or None."""
    told = header.provenance
    seed, cosmology = told.get("seed"), header.cosmology
    ours = told.get("software") == SOFTWARE["software"] and told.get("density_scheme") == "2lpt"
    others = {"initial_modes", "initial_conditions"} & told.keys()
    if not ours or others or not isinstance(seed, int) or cosmology is None:
        return None
    try:
        return LptBox(cosmology, seed, shape, header.voxel_size, header.redshift)
    except BoxError:  # a box of such sides cannot be made by us
        return None


def correlation(density: Grid, fine: Grid, layers: int | None = None) -> float:
    """Return how a density correlates with a finer one, averaged in voxels; NaN if one is constant.

    If a number of layers of voxels is named, only as many are looked at, the last ones.
    """
    first = 0 if layers is None else max(density.shape[0] - layers, 0)
    times = fine.shape[1] // density.shape[1]
    layer = int(np.prod(density.shape[1:], dtype=np.int64)) * times**3
    sums = np.zeros(6)
    for part in slab_ranges((density.shape[0] - first, layer)):
        start, stop = first + part.start, first + part.stop
        slab = np.asarray(fine[start * times : stop * times])
        ours = coarsened(slab, times).ravel().astype(np.float64)
        theirs = np.asarray(density[start:stop], dtype=np.float64).ravel()
        sums += [ours.size, ours.sum(), theirs.sum(), ours @ ours, theirs @ theirs, ours @ theirs]
    size, mean, other, square, others, product = sums
    covariance = product / size - mean * other / size**2
    variance = (square / size - (mean / size) ** 2) * (others / size - (other / size) ** 2)
    return float(covariance / np.sqrt(variance)) if variance > _CONSTANT else np.nan


def check_same(density: Grid, fine: Grid, layers: int | None = None) -> None:
    """Refuse a sub-density that is not of the modes of a density.

    Parameters
    ----------
    density
        rho/mean on the voxels.
    fine
        The sub-density.
    layers
        How many layers of voxels are compared, the last ones; by default all.

    Raises
    ------
    BoxError
        If the two, averaged in voxels, hardly correlate.
    """
    found = correlation(density, fine, layers)
    if not found >= _LEAST_CORRELATION:
        raise BoxError(
            f"the density made again from its seed is not the one that is painted on (they "
            f"correlate by {found:.2f}); give its finer density as --sub-density, or choose "
            "--places uniform"
        )


def sub_voxel_box(request: PaintRequest, given: Density | None) -> LptBox | None:
    """Return the box whose sub-voxel 2LPT matter is to be made, or None if none is.

    Parameters
    ----------
    request
        What to paint.
    given
        The density, or None while it is to be made itself.
    """
    listing = request.listing
    if listing is None or listing.uniform or listing.sub_density is not None:
        return None
    return request.lpt if given is None else known_box(given.header, given.shape)


def check_matter(request: PaintRequest, given: Density) -> None:
    """Refuse what `known_matter` would, and redshift space without velocities, by the header.

    Raises
    ------
    BoxError
        If nothing is known of the matter below the voxels and the listing asks for it.
    """
    listing = request.listing
    if listing is None:
        return
    made = not listing.uniform and listing.sub_density is None
    known = known_box(given.header, given.shape) is not None
    if made and not known:
        raise BoxError(
            "the modes of this density are not known, so no finer 2LPT density tells where in "
            "its voxel a halo lies; give one as --sub-density, or choose --places uniform"
        )
    if listing.seen_along is not None and not made and given.velocity is None:
        option = "--places uniform" if listing.uniform else "--sub-density"
        drop = f"leave out {option}, as this density's own modes tell them, or leave out "
        raise BoxError(
            f"--redshift-space needs velocities of halos, and with {option} they have none, as the "
            f"density's file holds none; {drop if known else 'leave out '}--redshift-space, or "
            "paint a density with velocities (`halopaint lpt --velocity`)"
        )
