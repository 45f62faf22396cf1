"""The Box: a density and its halos on one periodic grid."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape, count
from halokeras.storage.grid import Grid, Survey, slabs, survey

Provenance = Mapping[str, str | int | float]

_HASHED_PROVENANCE = ("density_scheme", "halo_finder", "mass_definition", "particle_mass")
_MEAN_TOLERANCE = 0.01


@dataclass(frozen=True)
class Halos:
    """A halo catalogue.

    Attributes
    ----------
    position
        (N, 3) float32 [Mpc/h], comoving, in [0, box_size).
    mass
        (N,) float32 [Msun/h].
    """

    position: NDArray[np.float32]
    mass: NDArray[np.float32]


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
        (nx, ny, nz) halos per voxel, where only a grid exists: painted means or draws.
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
    provenance: Provenance = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """Voxels along x, y, z."""
        grid = self.density if self.density is not None else self.counts
        if grid is None:
            raise BoxError("a box needs a density or counts grid; this one has neither")
        return grid.shape

    @property
    def box_size(self) -> tuple[float, float, float]:
        """Sides [Mpc/h]."""
        nx, ny, nz = self.shape
        return nx * self.voxel_size, ny * self.voxel_size, nz * self.voxel_size


def check_box(box: Box, source: str) -> None:
    """Refuse a box whose fields break the contract; `source` begins the message.

    Raises
    ------
    BoxError
        If a grid has the wrong shape, NaN or negative values, the mean density is not 1, the
        catalogue's arrays do not match or leave the box, or voxel size or redshift is absurd.
    """
    check_scale(box.voxel_size, box.redshift, source)
    if box.density is None and box.counts is None:
        raise BoxError(f"{source}: has neither density nor counts; it needs one of them")
    for name, grid in (("density", box.density), ("counts", box.counts)):
        if grid is None:
            continue
        if grid.ndim == 3 and grid.shape != box.shape:
            raise BoxError(
                f"{source}: counts have shape {grid.shape} but density has {box.shape}; "
                "both must cover the same voxels"
            )
        check_grid(grid, name, source)
    if box.halos is not None:
        check_lengths(box.halos.position.shape, box.halos.mass.shape, source)
        check_halos(box.halos, box.box_size, source)


def check_scale(voxel_size: float, redshift: float, source: str) -> None:
    """Refuse a voxel size or redshift that no box has, as `check_box`."""
    if not (np.isfinite(voxel_size) and voxel_size > 0):
        raise BoxError(f"{source}: voxel_size must be positive, in Mpc/h, not {voxel_size}")
    if not (np.isfinite(redshift) and redshift >= 0):
        raise BoxError(f"{source}: redshift must not be negative, not {redshift}")


def check_grid(grid: Grid, name: str, source: str) -> None:
    """Refuse a grid, the ``density`` or ``counts`` of a box, as `check_box`, slab by slab."""
    if len(grid.shape) != 3 or 0 in grid.shape:
        raise BoxError(f"{source}: {name} must be a 3D grid, not of shape {grid.shape}")
    check_values(survey(grid), name, source)


def check_values(seen: Survey, name: str, source: str) -> None:
    """Refuse a grid by what was seen of its values, as `check_grid`."""
    if not np.isfinite([seen.minimum, seen.mean]).all():
        raise BoxError(f"{source}: {name} holds NaN or infinite values; make it again")
    if seen.minimum < 0:
        remedy = f"add 1 to an overdensity (this one has mean {seen.mean:.3g})"
        if name == "density" and abs(seen.mean - 1) <= _MEAN_TOLERANCE:
            remedy = (
                f"with mean {seen.mean:.3g} this is one whose window was divided out; give it as "
                "particles were deposited"
            )
        raise BoxError(
            f"{source}: {name} is negative (down to {seen.minimum:.3g}); density is rho / mean: "
            f"{remedy}"
        )
    if name == "density" and abs(seen.mean - 1) > _MEAN_TOLERANCE:
        raise BoxError(
            f"{source}: mean density is {seen.mean:.4g} instead of 1; divide density by its mean"
        )


def check_lengths(position: tuple[int, ...], mass: tuple[int, ...], source: str) -> None:
    """Refuse a catalogue whose arrays, of these shapes, do not match, as `check_box`."""
    if len(position) != 2 or position[1] != 3 or mass != position[:1]:
        raise BoxError(
            f"{source}: halos/position {position} and halos/mass {mass} do not match; "
            "they must be (N, 3) and (N,)"
        )


def check_halos(halos: Halos, box_size: tuple[float, float, float], source: str) -> None:
    """Refuse a catalogue, or a part of one, by its values, as `check_box`."""
    position, mass = halos.position, halos.mass
    if not np.isfinite(position).all():
        raise BoxError(f"{source}: halos/position holds NaN or infinite values; drop those halos")
    if not (np.isfinite(mass).all() and (mass > 0).all()):
        raise BoxError(f"{source}: halos/mass must be positive and finite; drop the other halos")
    stored = _single(position)
    outside = ((stored < 0) | (stored >= np.array(box_size))).any(axis=1)
    if outside.any():
        raise BoxError(
            f"{source}: {outside.sum()} of halos/position lie outside [0, box_size) "
            f"{box_size} Mpc/h; check the units and wrap them into the box"
        )


def halo_counts(
    box: Box, mass_min: float = 0.0, mass_max: float | None = None
) -> NDArray[np.float32]:
    """Count the halos with masses in [mass_min, mass_max) in each voxel.

    Parameters
    ----------
    box
        With a halo catalogue, or with a grid of counts, which is given back as it is.
    mass_min, mass_max
        The selection [Msun/h].

    Raises
    ------
    BoxError
        If the box has neither halos nor counts, or has counts only and a selection is asked of it.
    """
    if box.halos is not None:
        mass = box.halos.mass
        chosen = mass >= mass_min
        if mass_max is not None:
            chosen &= mass < mass_max
        return count(box.halos.position[chosen], box.shape, box.voxel_size)
    if box.counts is None:
        raise BoxError("the box has no halos and no counts; give one with a halo catalogue")
    if mass_min > 0 or mass_max is not None:
        raise BoxError(
            "the box has counts but no halo masses, so mass_min and mass_max cannot be applied; "
            "drop the selection or give a box with a halo catalogue"
        )
    with np.errstate(over="ignore"):
        return box.counts.astype(np.float32)


def box_hash(box: Box) -> str:
    """Hash the fields and physical attributes of `box`, whatever the file's compression.

    Returns
    -------
    str
        sha256, hexadecimal. Software, box id and seed do not enter, the data they made do.
    """
    return hash_fields(box.voxel_size, box.redshift, box.cosmology, box.provenance, box_arrays(box))


def hash_fields(
    voxel_size: float,
    redshift: float,
    cosmology: Cosmology | None,
    provenance: Provenance,
    arrays: Mapping[str, Grid],
) -> str:
    """Hash what `box_hash` hashes, of a box whose arrays may still be in their file."""
    digest = hashlib.sha256()
    attributes: list[object] = [voxel_size, redshift, cosmology]
    attributes += [provenance.get(name) for name in _HASHED_PROVENANCE]
    digest.update(repr(attributes).encode())
    for name, array in arrays.items():
        stored = np.dtype(array[:0].dtype if name == "counts" else np.float32).newbyteorder("<")
        digest.update(f"{name} {tuple(array.shape)} {stored.str}".encode())
        for slab in slabs(array):
            with np.errstate(over="ignore"):  # of halos that nobody has looked at
                digest.update(np.ascontiguousarray(slab, dtype=stored).tobytes())
    return digest.hexdigest()


def box_arrays(box: Box) -> dict[str, NDArray[Any]]:
    """Return the arrays of `box` by the names that they have in its file."""
    arrays: dict[str, NDArray[Any]] = {}
    if box.density is not None:
        arrays["density"] = _single(box.density)
    if box.halos is not None:
        arrays["halos/position"] = _single(box.halos.position)
        arrays["halos/mass"] = _single(box.halos.mass)
    if box.counts is not None:
        arrays["counts"] = box.counts
    return arrays


def _single(array: NDArray[Any]) -> NDArray[np.float32]:
    return array.astype(np.float32, copy=False)
