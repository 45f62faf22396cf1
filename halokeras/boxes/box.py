"""The Box: a density and its halos on one periodic grid."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import halokeras
from halokeras.boxes.halos import (
    Halos,
    check_halos,
    check_lengths,
    stored_columns,
)
from halokeras.boxes.hashes import hash_fields
from halokeras.boxes.masses import select
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape, count, shape_text
from halokeras.sections import MassDefinition
from halokeras.storage.grid import Grid, Survey, survey

Provenance = Mapping[str, str | int | float]

SOFTWARE: Provenance = {"software": "halopaint", "software_version": halokeras.__version__}
"""What the provenance of every box that we make ends in."""

_MEAN_TOLERANCE = 0.01


@dataclass(frozen=True)
class Box:
    """A periodic box of cubic voxels.

    Attributes
    ----------
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Redshift of its fields.
    cosmology
        None only where the source of a density does not state one.
    density
        (nx, ny, nz) float32, matter density over its mean, cloud-in-cell about voxel centres.
    halos
        The catalogue from which counts are cut.
    counts
        (nx, ny, nz) halos per voxel, where only a grid exists: painted means or draws; of a
        painter of several channels by an older halopaint (nx, ny, nz, channels).
    counts_by_mass
        (nx, ny, nz, bins) drawn halos in each bin of mass, whose edges ``mass_edges`` of the
        provenance tells; their sum is the counts.
    provenance
        What made it: ``box_id``, ``seed``, ``density_scheme`` (``2lpt``, ``zeldovich``,
        ``nbody``, ``unknown``), ``halo_finder``, ``mass_definition``, ``particle_mass``
        [Msun/h], ``software`` and the like.
    """

    voxel_size: float
    redshift: float
    cosmology: Cosmology | None
    density: NDArray[np.float32] | None = None
    halos: Halos | None = None
    counts: NDArray[Any] | None = None
    counts_by_mass: NDArray[Any] | None = None
    provenance: Provenance = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """Voxels along x, y, z."""
        grid = self.density if self.density is not None else self.counts
        if grid is None:
            raise BoxError("a box needs a density or counts grid; this one has neither")
        x, y, z = grid.shape[:3]
        return x, y, z

    @property
    def box_size(self) -> tuple[float, float, float]:
        """Sides [Mpc/h]."""
        nx, ny, nz = self.shape
        return nx * self.voxel_size, ny * self.voxel_size, nz * self.voxel_size

    def __repr__(self) -> str:
        """Tell which box it is, as its arrays would fill a page."""
        told = self.provenance
        parts = [str(told["box_id"])] if "box_id" in told else []
        parts += [f"seed {told['seed']}"] if "seed" in told else []
        for name, grid in (("density", self.density), ("counts", self.counts)):
            parts += [] if grid is None else [f"{name} on {shape_text(grid.shape[:3])} voxels"]
        side = f"of {self.voxel_size:g} Mpc/h"
        if self.density is not None or self.counts is not None:
            side += f" ({' x '.join(f'{length:g}' for length in self.box_size)} Mpc/h)"
        parts += [side, f"redshift {self.redshift:g}"]
        parts += [] if self.halos is None else [f"{len(self.halos):,} halos"]
        return f"<Box: {', '.join(parts)}>"


def check_box(box: Box, source: str) -> None:
    """Refuse a box whose fields break the contract; `source` begins the message.

    Raises
    ------
    BoxError
        If a grid has the wrong shape, NaN or negative values, the mean density is not 1, the
        catalogue's arrays do not match or leave the box, or voxel size or redshift is absurd.
    """
    _check_types(box, source)
    check_scale(box.voxel_size, box.redshift, source)
    if box.density is None and box.counts is None:
        raise BoxError(f"{source}: has neither density nor counts; it needs one of them")
    for name, grid in (("density", box.density), ("counts", box.counts)):
        if grid is None:
            continue
        if grid.ndim >= 3 and grid.shape[:3] != box.shape:
            raise BoxError(
                f"{source}: counts have shape {grid.shape} but density has {box.shape}; "
                "both must cover the same voxels"
            )
        check_grid(grid, name, source)
    if box.counts_by_mass is not None:
        _check_by_mass(box.counts_by_mass, box.counts, source)
    if box.halos is not None:
        columns = box.halos.columns()
        check_lengths({f"halos/{name}": array.shape for name, array in columns.items()}, source)
        check_halos(box.halos, box.box_size, source)


def _check_types(box: Box, source: str) -> None:
    """Refuse fields that are not of the types that they are declared with."""
    for name in ("density", "counts", "counts_by_mass"):
        grid = getattr(box, name)
        if grid is not None and not isinstance(grid, np.ndarray):
            raise BoxError(f"{source}: {name} is no numpy array; make it one with numpy.asarray")
    for name in ("voxel_size", "redshift"):
        if not isinstance(getattr(box, name), int | float | np.number):
            raise BoxError(f"{source}: {name} {getattr(box, name)!r} is no number")
    if box.cosmology is not None and not isinstance(box.cosmology, Cosmology):
        raise BoxError(
            f"{source}: cosmology {box.cosmology!r} is no Cosmology; take box_cosmology of an id"
        )
    for name, value in box.provenance.items():
        if not isinstance(value, str | int | float | np.number):
            raise BoxError(f"{source}: provenance {name} is {value!r}, neither text nor number")


def _check_by_mass(by_mass: NDArray[Any], counts: NDArray[Any] | None, source: str) -> None:
    if counts is None or by_mass.shape[:-1] != counts.shape:
        raise BoxError(
            f"{source}: counts_by_mass have shape {by_mass.shape}; they must be of the same voxels "
            "as counts, with the bins last"
        )
    if not np.array_equal(total_counts(by_mass), counts):
        raise BoxError(f"{source}: counts_by_mass do not add up to the counts; draw again")


def check_scale(voxel_size: float, redshift: float, source: str) -> None:
    """Refuse a voxel size or redshift that no box has, as `check_box`."""
    if not (_is_number(voxel_size) and voxel_size > 0):
        raise BoxError(f"{source}: voxel_size must be positive, in Mpc/h, not {_shown(voxel_size)}")
    if not (_is_number(redshift) and redshift >= 0):
        raise BoxError(f"{source}: redshift must be a number of 0 or more, not {_shown(redshift)}")


def _is_number(value: object) -> bool:
    """Whether a value, which a user of Python may give as anything, is one finite number."""
    try:
        return bool(np.isfinite(value))  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return False


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def check_grid(grid: Grid, name: str, source: str) -> None:
    """Refuse a grid, the ``density`` or ``counts`` of a box, as `check_box`, slab by slab."""
    check_axes(grid, name, source)
    check_values(survey(grid), name, source)


def check_axes(grid: Grid, name: str, source: str) -> None:
    """Refuse a grid by its shape, as `check_grid`."""
    axes = (3, 4) if name == "counts" else (3,)
    if len(grid.shape) not in axes or 0 in grid.shape:
        raise BoxError(f"{source}: {name} must be a 3D grid, not of shape {grid.shape}")


def check_values(seen: Survey, name: str, source: str) -> None:
    """Refuse a grid by what was seen of its values, as `check_grid`."""
    if not np.isfinite([seen.minimum, seen.mean]).all():
        raise BoxError(f"{source}: {name} holds NaN or infinite values; make it again")
    if seen.minimum < 0 and name != "density":
        raise BoxError(f"{source}: {name} are negative (down to {seen.minimum:.3g}); count again")
    if seen.minimum < 0:
        raise BoxError(
            f"{source}: density is negative (down to {seen.minimum:.3g}); density is rho / mean: "
            f"{_as_rho_over_mean(seen)}"
        )
    if name == "density" and seen.mean == 0:
        raise BoxError(f"{source}: density is 0 everywhere; write its values again")
    if name == "density" and abs(seen.mean - 1) > _MEAN_TOLERANCE:
        raise BoxError(
            f"{source}: mean density is {seen.mean:.4g} instead of 1; divide density by its mean, "
            "as --contrast rho does (contrast='rho' in Python)"
        )


def _as_rho_over_mean(seen: Survey) -> str:
    """Say how values that are negative here and there become rho / mean."""
    if abs(seen.mean - 1) <= _MEAN_TOLERANCE:
        return (
            f"with mean {seen.mean:.3g} this is one whose window was divided out; give it as "
            "particles were deposited"
        )
    if abs(seen.mean) <= _MEAN_TOLERANCE and seen.minimum >= -1 - _MEAN_TOLERANCE:
        return (
            f"add 1 to an overdensity (this one has mean {seen.mean:.3g}), as --contrast delta "
            "does (contrast='delta' in Python)"
        )
    return (
        f"with mean {seen.mean:.3g} and values down to {seen.minimum:.3g} this is no overdensity "
        "either; of a logarithm take the exponential, and divide by its mean"
    )


def halo_counts(
    box: Box,
    mass_min: float = 0.0,
    mass_max: float | None = None,
    mass_definition: MassDefinition | None = None,
) -> NDArray[np.float32]:
    """Count the halos with masses in [mass_min, mass_max) in each voxel.

    Parameters
    ----------
    box
        With a halo catalogue, or with a grid of counts, which is given back as it is, or the
        sum of its channels.
    mass_min, mass_max
        The selection [Msun/h].
    mass_definition
        By which masses, ``fof``, ``virial``, ``200b`` or ``200c``; None is the box's own `mass`.

    Raises
    ------
    BoxError
        If the box has neither halos nor counts, or a selection is asked of it and it has no masses,
        or none of that definition.
    """
    if box.halos is not None:
        chosen = select(box.halos, mass_min, mass_max, mass_definition, box.provenance)
        return count(chosen.position, box.shape, box.voxel_size)
    if box.counts is None:
        raise BoxError("the box has no halos and no counts; give one with a halo catalogue")
    if mass_min > 0 or mass_max is not None or mass_definition is not None:
        raise BoxError(
            "the box has counts but no halo masses, so mass_min and mass_max cannot be applied; "
            "drop the selection or give a box with a halo catalogue"
        )
    with np.errstate(over="ignore"):
        return total_counts(box.counts.astype(np.float32))


def total_counts(counts: NDArray[Any]) -> NDArray[Any]:
    """Return counts (nx, ny, nz) as they are, and of several channels (..., channels) their sum."""
    return counts if counts.ndim == 3 else counts.sum(axis=-1)


def box_hash(box: Box) -> str:
    """Hash the fields and physical attributes of `box`, whatever the file's compression.

    Returns
    -------
    str
        sha256, hexadecimal, as `hash_fields`. Software, box id and seed do not enter, the data
        they made do.
    """
    return hash_fields(box.voxel_size, box.redshift, box.cosmology, box.provenance, box_arrays(box))


def box_arrays(box: Box) -> dict[str, NDArray[Any]]:
    """Return the arrays of `box` by the names that they have in its file."""
    arrays: dict[str, NDArray[Any]] = {}
    if box.density is not None:
        arrays["density"] = box.density.astype(np.float32, copy=False)
    if box.halos is not None:
        arrays |= stored_columns(box.halos)
    if box.counts is not None:
        arrays["counts"] = box.counts
    if box.counts_by_mass is not None:
        arrays["counts_by_mass"] = box.counts_by_mass
    return arrays
