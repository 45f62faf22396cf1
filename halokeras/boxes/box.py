"""The Box: a density and its halos on one periodic grid, and its HDF5 file."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.cosmology import Cosmology, box_cosmology
from halokeras.boxes.gridding import Shape, count
from halokeras.boxes.hdf5 import dataset, number, plain
from halokeras.errors import BoxError
from halokeras.files import whole_file
from halokeras.resources import shipped

FORMAT = "halopaint box"
FORMAT_VERSION = 1

Provenance = Mapping[str, str | int | float]

_COSMOLOGY = ("H0", "omega_m", "omega_b", "sigma8", "n_s")
_GRID = ("format", "format_version", "box_size", "voxel_size", "redshift")
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


def read_box(path: Path) -> Box:
    """Read and check a box file.

    Raises
    ------
    BoxError
        If the file is missing, truncated, not HDF5 or not a box, or if a field is not what the
        format says: shapes that do not fit the box, NaN, negative density, a mean density far
        from 1, positions outside the box, links to other files, more data than memory.
    """
    if not path.is_file():
        raise BoxError(f"box file {path} does not exist; make one with `halopaint simulate`")
    try:
        with h5py.File(path, "r") as file:
            box = _read_open(file, path)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise BoxError(
            f"box file {path} cannot be read as HDF5 ({_first_line(error)}); it may be truncated "
            "or of another kind: fetch or simulate it again"
        ) from error
    check_box(box, f"box file {path}")
    return box


def write_box(box: Box, path: Path) -> None:
    """Check `box` and write it to `path`, whole, chunked and compressed.

    Raises
    ------
    BoxError
        If the box would not be read back.
    OutputError
        If the file cannot be written.
    """
    check_box(box, f"box for {path}")
    reserved = {*_GRID, *_COSMOLOGY} & set(box.provenance)
    if reserved:
        raise BoxError(f"box for {path}: provenance may not name {sorted(reserved)}")
    sides = box.box_size
    with whole_file(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["box_size"] = sides[0] if len(set(box.shape)) == 1 else sides
        file.attrs["voxel_size"] = float(box.voxel_size)
        file.attrs["redshift"] = float(box.redshift)
        if box.cosmology is not None:
            for name in _COSMOLOGY:
                file.attrs[name] = float(getattr(box.cosmology, name))
        for name, value in box.provenance.items():
            file.attrs[name] = value
        for name, array in _arrays(box).items():
            # A file without halos still has the two empty datasets, which cannot be chunked.
            packed = {"compression": "gzip", "shuffle": True} if array.size else {}
            file.create_dataset(name, data=array, **packed)


def check_box(box: Box, source: str) -> None:
    """Refuse a box whose fields break the contract; `source` begins the message.

    Raises
    ------
    BoxError
        If a grid has the wrong shape, NaN or negative values, the mean density is not 1, the
        catalogue's arrays do not match or leave the box, or voxel size or redshift is absurd.
    """
    if not (np.isfinite(box.voxel_size) and box.voxel_size > 0):
        raise BoxError(f"{source}: voxel_size must be positive, in Mpc/h, not {box.voxel_size}")
    if not (np.isfinite(box.redshift) and box.redshift >= 0):
        raise BoxError(f"{source}: redshift must not be negative, not {box.redshift}")
    if box.density is None and box.counts is None:
        raise BoxError(f"{source}: has neither density nor counts; it needs one of them")
    for name, grid in (("density", box.density), ("counts", box.counts)):
        if grid is None:
            continue
        if grid.ndim != 3 or 0 in grid.shape:
            raise BoxError(f"{source}: {name} must be a 3D grid, not of shape {grid.shape}")
        if grid.shape != box.shape:
            raise BoxError(
                f"{source}: counts have shape {grid.shape} but density has {box.shape}; "
                "both must cover the same voxels"
            )
        if not np.isfinite(grid).all():
            raise BoxError(f"{source}: {name} holds NaN or infinite values; make it again")
        if grid.min() < 0:
            raise BoxError(
                f"{source}: {name} is negative (down to {grid.min():.3g}); "
                "density is rho / mean, not an overdensity"
            )
    if box.density is not None:
        mean = box.density.mean(dtype=np.float64)
        if abs(mean - 1) > _MEAN_TOLERANCE:
            raise BoxError(
                f"{source}: mean density is {mean:.4g} instead of 1; divide density by its mean"
            )
    if box.halos is not None:
        _check_halos(box.halos, box.box_size, source)


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
    return box.counts.astype(np.float32)


def box_hash(box: Box) -> str:
    """Hash the fields and physical attributes of `box`, whatever the file's compression.

    Returns
    -------
    str
        sha256, hexadecimal. Software, box id and seed do not enter, the data they made do.
    """
    digest = hashlib.sha256()
    attributes: list[object] = [box.voxel_size, box.redshift, box.cosmology]
    attributes += [box.provenance.get(name) for name in _HASHED_PROVENANCE]
    digest.update(repr(attributes).encode())
    for name, array in _arrays(box).items():
        little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
        digest.update(f"{name} {little.shape} {little.dtype.str}".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def box_name(box_id: str, seed: int) -> str:
    """File name of realisation `seed` of box `box_id`."""
    return f"box{box_id}_seed{seed}.h5"


def find_box(id: str, seed: int | None = None) -> Path:
    """Find the box file of a cosmology and realisation, in ./boxes or among the shipped ones.

    Parameters
    ----------
    id
        Cosmology, ``00`` to ``04``.
    seed
        Realisation; by default the highest seed that ships, or else that lies in ./boxes. The
        shipped params train on low seeds, so that this is a box they never saw.

    Raises
    ------
    BoxError
        If there is none; the message says how to make it.
    """
    box_cosmology(id)  # refuses an unknown one
    wanted = re.compile(rf"box{id}_seed(\d+)\.h5")
    for folder in (shipped("boxes"), Path("boxes")):
        found = {
            int(name[1]): path
            for path in folder.glob(f"box{id}_seed*.h5")
            if (name := wanted.fullmatch(path.name))
        }
        if found and (seed is None or seed in found):
            return found[max(found) if seed is None else seed]
    raise BoxError(
        f"there is no box {id}" + ("" if seed is None else f" with seed {seed}") + "; make it with "
        f"`halopaint simulate --box {id} --seed {1 if seed is None else seed}`"
    )


def _arrays(box: Box) -> dict[str, NDArray[Any]]:
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


def _check_halos(halos: Halos, box_size: tuple[float, float, float], source: str) -> None:
    position, mass = halos.position, halos.mass
    if position.ndim != 2 or position.shape[1] != 3 or mass.shape != position.shape[:1]:
        raise BoxError(
            f"{source}: halos/position {position.shape} and halos/mass {mass.shape} do not match; "
            "they must be (N, 3) and (N,)"
        )
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


def _read_open(file: h5py.File, path: Path) -> Box:
    attributes = {name: plain(value, name, path) for name, value in file.attrs.items()}
    if attributes.get("format") != FORMAT:
        raise BoxError(
            f"{path} is HDF5 but not a halopaint box (no format attribute); "
            "convert it with `halopaint prepare`"
        )
    version = attributes.get("format_version")
    if version != FORMAT_VERSION:
        raise BoxError(
            f"box file {path} has format_version {version}, this halopaint reads "
            f"{FORMAT_VERSION}; update halopaint"
        )
    voxel_size = number(attributes, "voxel_size", path)
    redshift = number(attributes, "redshift", path)
    cosmology = None
    if any(name in attributes for name in _COSMOLOGY):
        parameters = {name: number(attributes, name, path) for name in _COSMOLOGY}
        try:
            cosmology = Cosmology(**parameters)
        except BoxError as error:
            raise BoxError(f"box file {path}: {error}") from None
    density = dataset(file, "density", path, "f")
    counts = dataset(file, "counts", path, "fiu")
    position = dataset(file, "halos/position", path, "f")
    mass = dataset(file, "halos/mass", path, "f")
    if (position is None) != (mass is None):
        raise BoxError(
            f"box file {path} has only one of halos/position and halos/mass; it needs both"
        )
    known = {*_GRID, *_COSMOLOGY}
    box = Box(
        voxel_size=voxel_size,
        redshift=redshift,
        cosmology=cosmology,
        density=None if density is None else _single(density),
        halos=None if position is None or mass is None else Halos(_single(position), _single(mass)),
        counts=counts,
        provenance={name: value for name, value in attributes.items() if name not in known},
    )
    stated = np.asarray(attributes.get("box_size", np.nan), dtype=np.float64)
    grid = density if density is not None else counts
    if grid is not None and not np.allclose(stated, np.array(grid.shape) * voxel_size, rtol=1e-5):
        raise BoxError(
            f"box file {path}: box_size {stated.tolist()} is not shape {grid.shape} x voxel_size "
            f"{voxel_size} Mpc/h; correct the attributes"
        )
    return box


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
