"""AbacusSummit and other Abacus simulations in ASDF: CompaSO halos, initial modes, particles.

Files count from the centre of the box, [-L/2, L/2); L/2 is added to halos, to particles and (by
taking its element [0, 0, 0] as the origin) to the grid of the initial conditions.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.fields.gridding import deposit
from halokeras.simulation.lpt.initial_modes import InitialModes
from halokeras.sources.abacus_summit.asdf_file import AsdfFile, open_asdf, require
from halokeras.sources.abacus_summit.cosmology import SAME, cosmology_of, listed_simulation
from halokeras.sources.abacus_summit.modes import (
    find_initial_conditions,
    read_initial_conditions,
)
from halokeras.sources.source import Source

_ROWS = 2**20
"""Particles that are unpacked at a time."""

DensityOf = Literal["2lpt", "nbody"]
Position = Literal["x_L2com", "x_com"]


def read(  # noqa: PLR0913  (what the folder does not tell)
    directory: Path,
    *,
    redshift: float | None = None,
    cleaned: bool = True,
    position: Position = "x_L2com",
    mass_min: float = 0.0,
    density: DensityOf = "2lpt",
    initial_conditions: Path | None = None,
    voxels: int | None = None,
    cosmology: Cosmology | None = None,
) -> Source:
    """Read a simulation.

    Parameters
    ----------
    directory
        Of the simulation: the folder that holds ``halos``.
    redshift
        Of the folder ``halos/zX.XXX``; may be left out where there is one.
    cleaned
        Merge halos as the files in ``cleaning`` say, which AbacusSummit's authors recommend.
    position
        Centre of mass of the largest subhalo, ``x_L2com``, or of the halo, ``x_com``.
    mass_min
        Least mass [Msun/h] of the halos that are kept, which bounds the memory.
    density
        ``2lpt``: `Source.initial_modes`, of `initial_conditions`; ``nbody``: `Source.density`, of
        all particles in ``slices``.
    initial_conditions
        A file ``ic_dens_N*.asdf`` or ``ic_disp_N*.asdf``; by default the finest near `directory`.
    voxels
        Voxels a side of an ``nbody`` density.
    cosmology
        By default that which abacusutils lists for the simulation, if any.

    Raises
    ------
    BoxError
        If abacusutils is not installed, files are missing, truncated or damaged, of different
        simulations, or the catalogue does not fit in memory.
    """
    require("abacusnbody")
    folder = _redshift_folder(directory, redshift)
    files = _superslabs(folder / "halo_info", "halo_info")
    first = files[0]
    box_size, particle_mass = first.number("BoxSize"), first.number("ParticleMassHMsun")
    at = max(first.number("Redshift"), 0.0)
    if not (box_size > 0 and particle_mass > 0 and 0 < first.number("Omega_M") <= 1):
        raise BoxError(
            f"{first.path}: BoxSize, ParticleMassHMsun and Omega_M must be positive and Omega_M at "
            "most 1; get the file again"
        )
    merged: Sequence[AsdfFile | None] = [None] * len(files)
    if cleaned:
        merged = _superslabs(_cleaning(folder), "cleaned_halo_info")
        if len(merged) != len(files):
            raise BoxError(
                f"{merged[0].path.parent} has {len(merged)} files for the {len(files)} of "
                f"{first.path.parent}; get all of them, or read the halos as they were found"
            )
    listed = listed_simulation(first)
    parameters = {**listed, **first.header}
    known, assumed = cosmology_of(first, parameters, listed, cosmology)
    modes: InitialModes | None = None
    grid = None
    provenance: dict[str, str | int | float] = {
        "simulation": str(parameters.get("SimName", directory.name)),
        "halo_finder": "compaso, cleaned" if cleaned else "compaso",
        "mass_definition": f"SO {first.number('SODensityL1'):.1f} mean",
        "halo_position": position,
        "particle_mass": particle_mass,
    }
    if density == "nbody":
        if voxels is None or voxels < 1:
            raise BoxError(f"{directory}: choose the voxels of the density of its particles")
        grid = _particle_density(directory / "slices" / folder.name, first, voxels)
        provenance["density_scheme"] = "nbody"
    else:
        path = initial_conditions or find_initial_conditions(directory)
        if path is None:
            raise BoxError(
                f"{directory} has no ic_dens_N*.asdf nor ic_disp_N*.asdf in it, in ic or in "
                f"../ic/{directory.name}; get ic_dens_N576.asdf and give its path"
            )
        modes, growth_assumed = read_initial_conditions(path, box_size, at, parameters)
        assumed += growth_assumed
        provenance["initial_modes"] = path.name
    if abs(at - _named(folder)) > 1e-3:
        assumed.append(f"{folder} is of redshift {at:.4f}, which its header states")
    return Source(
        name=str(directory),
        box_size=box_size,
        redshift=at,
        cosmology=known,
        halos=_halos(files, merged, position, mass_min),
        density=grid,
        initial_modes=modes,
        provenance=provenance,
        assumed=tuple(assumed),
    )


def _redshift_folder(directory: Path, redshift: float | None) -> Path:
    found = sorted(path for path in (directory / "halos").glob("z*") if _named(path) >= 0)
    if not found:
        raise BoxError(
            f"{directory} has no halos/zX.XXX; give the folder of one AbacusSummit simulation"
        )
    names = ", ".join(f"{_named(path):g}" for path in found)
    if redshift is None:
        if len(found) > 1:
            raise BoxError(f"{directory} has several redshifts; choose one of {names}")
        return found[0]
    for path in found:
        if abs(_named(path) - redshift) < 5e-4:
            return path
    raise BoxError(f"{directory} has no halos of redshift {redshift:g}; choose one of {names}")


def _named(folder: Path) -> float:
    """The redshift in a folder's name, or -1."""
    try:
        return float(folder.name.removeprefix("z"))
    except ValueError:
        return -1.0


def _superslabs(folder: Path, stem: str) -> list[AsdfFile]:
    """The files ``stem_000.asdf``, ``stem_001.asdf``, ... of one simulation, none left out."""
    paths = sorted(folder.glob(f"{stem}_*.asdf"))
    if not paths:
        raise BoxError(f"{folder} has no {stem}_000.asdf; get that folder of the simulation")
    for i, path in enumerate(paths):
        if path.name != f"{stem}_{i:03d}.asdf":
            raise BoxError(f"{folder} has no {stem}_{i:03d}.asdf; get every file of that folder")
    files = [open_asdf(path) for path in paths]
    for file in files:
        _check_same(file, files[0])
    return files


def _check_same(file: AsdfFile, other: AsdfFile) -> None:
    for name in ("BoxSize", "ParticleMassHMsun", "Redshift"):
        if abs(file.number(name) - other.number(name)) > SAME * abs(other.number(name)):
            raise BoxError(
                f"{file.path} has {name} {file.number(name):g} but {other.path} has "
                f"{other.number(name):g}; give the files of one simulation and redshift"
            )


def _cleaning(folder: Path) -> Path:
    """The folder of the files that clean the halos of ``halos/zX.XXX``, as AbacusSummit lays it."""
    simulation = folder.parent.parent.resolve()
    for base in (simulation, *simulation.parents):
        if not (base / "cleaning").is_dir():
            continue
        inner = base / "cleaning" / simulation.relative_to(base) / folder.name
        for found in (inner / "cleaned_halo_info", inner):
            if (found / "cleaned_halo_info_000.asdf").is_file():
                return found
    raise BoxError(
        f"there is no cleaning/{simulation.name}/{folder.name}/cleaned_halo_info beside "
        f"{simulation}; get it, or read the halos as they were found"
    )


def _halos(
    files: Sequence[AsdfFile],
    merged: Sequence[AsdfFile | None],
    position: Position,
    mass_min: float,
) -> Halos:
    """The halos of every superslab, a column of one superslab in memory beside those kept."""
    further = _further(files, position)
    box_size = np.float32(files[0].number("BoxSize"))
    particle_mass = files[0].number("ParticleMassHMsun")
    kept: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("position", "mass", "particles", *further)
    }
    for file, cleaning in zip(files, merged, strict=True):
        where = file.array(position, (None, 3))
        source, name = (file, "N") if cleaning is None else (cleaning, "N_total")
        if cleaning is not None:
            _check_same(cleaning, file)
        particles = source.array(name, where.shape[:1])
        file.check_memory(100 * where.shape[0], "its halos (a larger mass_min takes less)")
        with np.errstate(invalid="ignore", over="ignore"):
            number = source.read(particles)
            mass = (number * particle_mass).astype(np.float32)
            chosen = (mass > 0) & (mass >= mass_min)
            found = file.read(where)[chosen] * box_size + box_size / 2
        if not (np.isfinite(found).all() and np.isfinite(mass).all()):
            raise BoxError(f"{file.path} holds halos that are not finite; get the file again")
        kept["mass"].append(mass[chosen])
        kept["position"].append(found)
        kept["particles"].append(number[chosen])
        for column, (stored, factor) in further.items():
            shape = (*where.shape[:1], *COLUMNS[column].shape)
            values = file.read(file.array(stored, shape))[chosen]
            kept[column].append(values if factor is None else values * np.float32(factor))
    total = sum(part.nbytes for parts in kept.values() for part in parts)
    files[0].check_memory(total, "its halos together (a larger mass_min takes less)")
    return Halos(**{name: np.concatenate(parts) for name, parts in kept.items()})


def _further(files: Sequence[AsdfFile], position: Position) -> dict[str, tuple[str, float | None]]:
    """The further columns that all files have, under which name, and what makes km/s of it."""
    names: dict[str, tuple[str, float | None]] = {"id": ("id", None)}
    if "VelZSpace_to_kms" in files[0].header:
        unit = files[0].number("VelZSpace_to_kms")
        names["velocity"] = (position.replace("x_", "v_"), unit)
        # of three axes together in the file
        names["velocity_dispersion"] = (position.replace("x_", "sigmav3d_"), unit / np.sqrt(3))
    return {
        column: (name, factor)
        for column, (name, factor) in names.items()
        if all(file.holds(name) for file in files)
    }


def _particle_density(folder: Path, halos: AsdfFile, voxels: int) -> NDArray[np.float32]:
    """Density of every particle, cloud-in-cell about voxel centres."""
    paths = sorted(path for kind in ("L0", "field") for path in folder.glob(f"{kind}_pack9/*.asdf"))
    if not paths:
        raise BoxError(
            f"{folder} has no L0_pack9 and field_pack9; get them, or take the 2LPT density of the "
            "initial conditions"
        )
    halos.check_memory(12 * voxels**3, f"a density of {voxels}^3 voxels")
    box_size = halos.number("BoxSize")
    grid = np.zeros((voxels,) * 3)
    total = 0
    for path in paths:
        file = open_asdf(path)
        _check_same(file, halos)
        for particles in _particles(file, box_size):
            # Half the box is half the voxels.
            deposit(particles, grid, voxels / box_size, 0.5 - voxels / 2)
            total += len(particles)
    if total != halos.number("NP"):
        raise BoxError(
            f"{folder} holds {total} of the {halos.number('NP'):.0f} particles; get every file of "
            "L0_pack9 and field_pack9"
        )
    grid *= grid.size / total
    return grid.astype(np.float32)


def _particles(file: AsdfFile, box_size: float) -> Iterator[NDArray[np.float32]]:
    """Positions [Mpc/h] from the centre, some million at a time.

    A row of 9 bytes that begins with 255 opens a cell, in which the rows after it lie: each part
    is unpacked behind the last such row before it.
    """
    unpack = require("abacusnbody.data.pack9").unpack_pack9
    cell = np.empty((0, 9), dtype=np.uint8)
    for part in file.rows(file.array("pack9", (None, 9)), _ROWS):
        rows = np.concatenate([cell, part.view(np.uint8)])
        opened = np.flatnonzero(rows[:, 0] == 255)
        try:
            found: NDArray[np.float32] = unpack(rows, box_size, 1.0, velout=False)[0]
        except ZeroDivisionError:
            found = np.full((1, 3), np.nan, dtype=np.float32)
        if not len(opened) or opened[0] != 0 or not (np.abs(found) <= box_size).all():
            raise BoxError(f"{file.path}: data/pack9 is damaged; get the file again")
        yield found
        cell = rows[opened[-1:]]
