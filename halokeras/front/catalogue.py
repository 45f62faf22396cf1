"""Drawn halos listed: their places, velocities and masses."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes import box_file
from halokeras.boxes.box import Box, check_scale, total_counts
from halokeras.cosmology.cosmology import Cosmology
from halokeras.environment import allotted_cores
from halokeras.errors import BoxError, ModelError
from halokeras.fields.gridding import shape_of
from halokeras.front.boxes import cosmology_of
from halokeras.front.choice import named, painter_for, without_masses
from halokeras.resources import GEN_PAINTER
from halokeras.seeds import check_seed
from halokeras.storage.grid import Grid

if TYPE_CHECKING:
    from halokeras.painters.model_store import SavedPainter
    from halokeras.painting.catalogues.masses import Masses
    from halokeras.painting.catalogues.places import Matter


def catalogue(  # noqa: PLR0913  (drawn counts, which draw, and what else is known)
    counts: NDArray[np.integer[Any]],
    voxel_size: float = 4.0,
    *,
    seed: int = 1,
    realization: int = 0,
    modes: Box | int | None = None,
    sub_density: Grid | None = None,
    velocity: Grid | None = None,
    uniform: bool = False,
    redshift: float = 0.3,
    cosmology: str | Cosmology | None = "00",
    mass_min: float | None = None,
    model: "str | Path | SavedPainter" = GEN_PAINTER,
) -> dict[str, NDArray[Any]]:
    """Place the halos of drawn counts in their voxels, and draw their masses if bins are told.

    Parameters
    ----------
    counts
        Halos per voxel, (nx, ny, nz) whole numbers, or by mass (nx, ny, nz, bins).
    voxel_size, redshift, cosmology
        Side of a voxel [Mpc/h], and what velocities, radii and concentrations follow from; those of
        `modes` where that is a box.
    seed, realization
        With the id of a halo they fix its place and its mass.
    modes
        Box whose density `simulate`, `lpt` or `paint` made of a seed, or the seed itself: halos are
        placed by the 2LPT matter of the same modes below the voxels and move with it, as by
        ``halopaint paint --draw --catalogue``.
    sub_density
        rho/mean on a grid finer by a whole number, which tells where in its voxel a halo may lie,
        instead of `modes`.
    velocity
        Of the matter in each voxel [km/s], (3, nx, ny, nz), interpolated to each halo, instead of
        `modes`.
    uniform
        Halos lie anywhere in their voxel, where neither modes nor a sub_density tell more: power at
        k = 0.4 h/Mpc is then 28 % low.
    mass_min, model
        Of counts by mass: the least mass that they were drawn from on [Msun/h], and the painter
        that drew them.

    Returns
    -------
    dict
        Columns by name: ``halo_id``; ``halo_x``, ``halo_y``, ``halo_z`` [Mpc/h] in [0, box_size);
        with modes or a velocity ``halo_vx``, ``halo_vy``, ``halo_vz`` [km/s]; and of counts by mass
        ``halo_mass``, ``halo_mvir``, ``halo_m200b`` or ``halo_m200c`` [Msun/h], in each voxel the
        heaviest first, ``halo_upid``, ``halo_hostid`` and, unless masses are those of
        friends-of-friends, ``halo_rvir`` or the like [Mpc/h] and ``halo_nfw_conc``.

    Raises
    ------
    BoxError
        If nothing tells places, the counts are not drawn ones, a grid is none that can be or does
        not fit them, they were not drawn on a density of the modes, or the voxel size or seed is
        out of range.
    ModelError
        If the painter draws no masses, or those of other bins, or the counts hold lighter halos.
    """
    from halokeras.painting.catalogues.halos import whole_catalogue
    from halokeras.painting.catalogues.places import Matter
    from halokeras.painting.inputs.density import check_density, check_velocity

    check_seed(seed)
    check_seed(realization, "realization")
    counts = np.asarray(counts)
    if counts.ndim not in (3, 4) or counts.dtype.kind not in "iu" or not counts.size:
        raise BoxError(
            f"counts are {counts.dtype} of shape {counts.shape}; a catalogue is of whole numbers "
            "(nx, ny, nz) or, by mass, (nx, ny, nz, bins), as `draw` gives them"
        )
    if not 0 <= int(counts.min()) <= int(counts.max()) < 2**16:
        raise BoxError("counts are negative or above 65,535; a catalogue is of drawn halos")
    whole = total_counts(counts).astype(np.uint16)
    if isinstance(modes, Box):
        header = box_file.Header(modes.voxel_size, modes.redshift, modes.cosmology)
    else:
        header = box_file.Header(voxel_size, redshift, cosmology_of(cosmology))
    check_scale(header.voxel_size, header.redshift, "the catalogue")
    if modes is None:
        if sub_density is not None:
            check_density(sub_density, "sub_density")
        if velocity is not None:
            check_velocity(velocity, shape_of(whole), "the catalogue")
        if sub_density is None and not uniform:
            raise BoxError(
                "nothing tells where in their voxels halos lie: name the modes of the density (a "
                "box, or the seed), give a sub_density, or say uniform=True"
            )
        matter = Matter(sub_density, velocity=velocity)
    elif sub_density is None and velocity is None and not uniform:
        matter = _matter(whole, header, modes)
    else:
        raise BoxError("modes tell places and velocities; leave the other words for them out")
    masses = _masses(counts, header, model, mass_min) if counts.ndim == 4 else None
    cores = allotted_cores()
    return whole_catalogue(whole, header.voxel_size, seed, realization, matter, masses, cores)


def _matter(counts: NDArray[np.uint16], header: box_file.Header, modes: Box | int) -> "Matter":
    """Return what places the halos of counts that were drawn on a density of ours."""
    from halokeras.painting.modes.known import known_box
    from halokeras.painting.modes.matter import matter_again
    from halokeras.simulation.lpt.box import LptBox

    x, y, z = counts.shape
    if isinstance(modes, Box):
        told = replace(header, provenance=modes.provenance)
        known = None if modes.shape != counts.shape else known_box(told, modes.shape)
        if known is None:
            raise BoxError(
                "the modes of this box are not known: it is of another shape than the counts, or "
                "its density is not one that halopaint made of a seed; give a sub_density, or "
                "leave modes out"
            )
    else:
        if header.cosmology is None:
            raise BoxError("modes of a seed need a cosmology; name it, 00 to 04 or one of your own")
        known = LptBox(header.cosmology, modes, (x, y, z), header.voxel_size, header.redshift)
    return matter_again(known, counts, modes.density if isinstance(modes, Box) else None)


def _masses(
    counts: NDArray[np.integer[Any]],
    header: box_file.Header,
    model: "str | Path | SavedPainter",
    mass_min: float | None,
) -> "Masses":
    """Return what the masses of halos in bins are drawn from."""
    from halokeras.painting.catalogues.masses import Masses

    saved, name = painter_for(model, header.redshift, header.cosmology, mass_min), named(model)
    law = saved.mass_law
    if law is None:
        raise without_masses(name)
    if len(law.masses) != counts.shape[3]:
        raise ModelError(
            f"{name} has {len(law.masses)} bins of mass and the counts {counts.shape[3]}; name the "
            "painter that drew them as model"
        )
    if saved.kept_shares is not None and counts[..., np.array(saved.kept_shares) == 0].any():
        raise ModelError(
            f"the counts hold halos lighter than mass_min {mass_min:g} Msun/h; name the mass_min "
            "that they were drawn with"
        )
    return Masses(counts, law, saved.provenance, header)
