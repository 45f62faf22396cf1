"""`halopaint prepare catalogue`: any halo catalogue, with a density from elsewhere."""

import os
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from halokeras.commands.options import JsonOption
from halokeras.commands.preparing import (
    AxesOption,
    CosmologyOption,
    ForceOption,
    HostsOption,
    OutputOption,
    SeedOption,
    ShiftOption,
    VoxelSizeOption,
    VoxelsOption,
    cosmology_of,
    finish,
    target_of,
)
from halokeras.commands.terminal import tell

_PLAIN_GRID = ("1+delta", "centres", "xyz")


def catalogue(
    halos: Annotated[
        Path,
        typer.Argument(
            help="Halo table: HDF5, FITS, CSV, ECSV, Parquet, .npy, .npz, BigFile or Rockstar text."
        ),
    ],
    density: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Density grid: .npy, HDF5 or Zarr; or")
    ] = None,
    particles: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="particles of a snapshot or table; or"),
    ] = None,
    initial_modes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="linear overdensity at the redshift, .npy; or"),
    ] = None,
    our_seed: Annotated[
        int | None,
        typer.Option(min=0, help="seed of a simulation begun on halopaint's own modes."),
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="Group, dataset or array of the halos.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="MEANING=NAME",
            help="A column that is not guessed right: position, mass, particles, id or parent.",
        ),
    ] = None,
    length_unit: Annotated[
        str, typer.Option(help="Mpc/h, kpc/h, Mpc, kpc, pc, Gpc or cm.")
    ] = "Mpc/h",
    mass_unit: Annotated[str, typer.Option(help="Msun/h, Msun, 1e10 or log10 of them.")] = "Msun/h",
    hubble: Annotated[
        float | None, typer.Option(min=0, help="H0 / 100, for units without 1/h.")
    ] = None,
    origin: Annotated[
        str, typer.Option(help="Of positions: corner, centre or the corner's x,y,z.")
    ] = "corner",
    box_size: Annotated[
        float | None, typer.Option(min=0, help="Side [Mpc/h], if no file tells it.")
    ] = None,
    redshift: Annotated[float | None, typer.Option(min=0, help="If no file tells it.")] = None,
    particle_mass: Annotated[
        float | None, typer.Option(min=0, help="[Msun/h], where halos have particle numbers only.")
    ] = None,
    hosts_only: HostsOption = False,
    drop_invalid: Annotated[
        bool, typer.Option("--drop-invalid", help="Leave out rows that are no halos.")
    ] = False,
    halo_finder: Annotated[str | None, typer.Option(help="For the provenance.")] = None,
    mass_definition: Annotated[
        str | None, typer.Option(help="For the provenance and the mass function: fof, 200b ...")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Of --density, in HDF5 or Zarr.")] = None,
    contrast: Annotated[
        str, typer.Option(help="What --density holds: delta, 1+delta or rho.")
    ] = "1+delta",
    grid_points: Annotated[
        str, typer.Option(help="Where its values lie: centres or corners of voxels.")
    ] = "centres",
    grid_axes: Annotated[str, typer.Option(help="Order of its axes: xyz, or zyx ...")] = "xyz",
    particles_table: Annotated[
        str | None, typer.Option(metavar="NAME", help="Group of --particles.")
    ] = None,
    density_scheme: Annotated[
        str | None,
        typer.Option(
            help="What moved the matter of --density or --particles: 2lpt, zeldovich, nbody."
        ),
    ] = None,
    box: Annotated[str | None, typer.Option(metavar="ID", help="Cosmology, 00 to 04.")] = None,
    cosmology: CosmologyOption = None,
    voxels: VoxelsOption = None,
    voxel_size: VoxelSizeOption = None,
    seed: SeedOption = 0,
    axes: AxesOption = None,
    shift: ShiftOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Any halo catalogue, with a density from a grid, particles, initial modes or a seed."""
    given = [density, particles, initial_modes, our_seed]
    if sum(one is not None for one in given) != 1:
        raise typer.BadParameter(
            "give one of --density, --particles, --initial-modes and --our-seed"
        )
    if density is None and (dataset or (contrast, grid_points, grid_axes) != _PLAIN_GRID):
        raise typer.BadParameter(
            "--dataset, --contrast, --grid-points and --grid-axes go with --density"
        )
    if particles_table is not None and particles is None:
        raise typer.BadParameter("--particles-table goes with --particles")
    if density_scheme is not None and density is None and particles is None:
        raise typer.BadParameter("--density-scheme goes with --density or --particles")
    corner = _origin(origin)
    target = target_of(output, halos.stem)
    from halokeras.simulation.initial_modes import modes_of_file
    from halokeras.sources.catalogue.columns import parse_columns
    from halokeras.sources.catalogue.density_grid import DensityGrid, read_density
    from halokeras.sources.catalogue.joined import join
    from halokeras.sources.catalogue.particles import ParticleDensity, read_particles
    from halokeras.sources.catalogue.read import read_halos
    from halokeras.sources.prepare import voxels_across

    tell("Reading", str(halos))
    read = read_halos(
        halos,
        part=table,
        columns=parse_columns(columns or []),
        length_unit=length_unit,
        mass_unit=mass_unit,
        hubble=hubble,
        origin=corner,
        box_size=box_size,
        particle_mass=particle_mass,
        hosts_only=hosts_only,
        drop_invalid=drop_invalid,
    )
    side = box_size or read.box_size
    scheme = density_scheme or "unknown"
    grid: DensityGrid | ParticleDensity | None = None
    made_of: dict[str, str | int | float] = {}
    if density is not None:
        tell("Reading", str(density))
        grid = read_density(
            density,
            dataset,
            contrast=cast(Any, contrast),
            grid_points=cast(Any, grid_points),
            axes=grid_axes,
        )
        made_of = {"density_file": density.name, "density_scheme": scheme}
    elif particles is not None:
        tell("Reading", str(particles))
        grid = read_particles(
            particles,
            voxels_across(side, voxels, voxel_size, str(halos)),
            part=particles_table,
            length_unit=length_unit,
            hubble=hubble,
            origin=corner,
            box_size=side,
            workers=os.cpu_count() or 1,
        )
        made_of = {"density_file": particles.name, "density_scheme": scheme}
    elif initial_modes is not None:
        made_of = {"initial_modes": initial_modes.name}
    named = {"halo_finder": halo_finder, "mass_definition": mass_definition, "box_id": box}
    source = join(
        read,
        name=str(halos),
        redshift=redshift,
        cosmology=cosmology_of(box, cosmology),
        grid=grid,
        initial_modes=modes_of_file(initial_modes) if initial_modes else None,
        own_seed=our_seed,
        provenance={**made_of, **{key: value for key, value in named.items() if value}},
        hubble=hubble,
    )
    finish(source, target, voxels, voxel_size, seed, axes, shift, force, as_json)


def _origin(text: str) -> Any:
    """Read corner, centre, or a place."""
    if "," not in text:
        return text
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--origin {text!r} is no place x,y,z") from None
    return x, y, z
