"""`halopaint prepare`: simulations on disk to box files."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from halokeras.commands.help import PlainHelp
from halokeras.commands.options import (
    CosmologyOption,
    ForceOption,
    JsonOption,
    OverwriteOption,
    cosmology_of,
    known_length,
)
from halokeras.commands.prepare_catalogue import EXAMPLES, catalogue
from halokeras.commands.prepare_options import (
    AxesOption,
    HostsOption,
    OutputOption,
    SeedOption,
    ShiftOption,
    VoxelSizeOption,
    VoxelsOption,
    make,
    wanted,
)
from halokeras.commands.terminal import tell

prepare = typer.Typer(no_args_is_help=True, help="Turn a simulation on disk into a box file.")


class Finder(StrEnum):
    """The halo finders of AbacusCosmos."""

    ROCKSTAR = "rockstar"
    FOF = "fof"


class MatterOf(StrEnum):
    """What the density of AbacusSummit is made of."""

    LPT = "2lpt"
    NBODY = "nbody"


class Centre(StrEnum):
    """The centres of CompaSO halos."""

    SUBHALO = "x_L2com"
    HALO = "x_com"


@prepare.command("abacus-cosmos", cls=PlainHelp)
def abacus_cosmos(  # noqa: PLR0913  (Typer reads one parameter an option)
    directory: Annotated[Path, typer.Argument(help="Folder of the set or of one simulation.")],
    box: Annotated[str | None, typer.Option(metavar="ID", help="Simulation, 00 to 04.")] = None,
    phase: Annotated[int | None, typer.Option(min=0, help="Phase of 00, 0 to 15.")] = None,
    redshift: Annotated[float, typer.Option(min=0, help="Of the halos.")] = 0.3,
    initial_conditions: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of zeldovich-PLT's ic_* files."),
    ] = None,
    finder: Annotated[Finder, typer.Option(help="Whose halos.")] = Finder.ROCKSTAR,
    mass: Annotated[
        str, typer.Option(help="virial, virial_so, 200b, 200c, 500c or 2500c, of Rockstar's.")
    ] = "virial",
    hosts_only: HostsOption = False,
    voxels: VoxelsOption = None,
    voxel_size: VoxelSizeOption = None,
    seed: SeedOption = 1,
    axes: AxesOption = None,
    shift: ShiftOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """AbacusCosmos: Rockstar or friends-of-friends halos, 2LPT of zeldovich-PLT's files."""
    name = f"abacus_cosmos_{box or directory.resolve().name}"
    asked = wanted(
        name if phase is None else f"{name}-{phase}",
        output=output,
        voxels=voxels,
        voxel_size=voxel_size,
        seed=seed,
        axes=axes,
        shift=shift,
        force=force,
        overwrite=overwrite,
    )
    from halokeras.sources.abacus_cosmos.read import read

    source = read(
        directory,
        box=box,
        phase=phase,
        redshift=redshift,
        finder=finder.value,
        mass=mass,
        hosts_only=hosts_only,
        initial_conditions=initial_conditions,
    )
    make(source, asked, as_json)


@prepare.command("abacus-summit", cls=PlainHelp)
def abacus_summit(  # noqa: PLR0913  (Typer reads one parameter an option)
    directory: Annotated[Path, typer.Argument(help="Folder of one simulation.")],
    redshift: Annotated[
        float | None, typer.Option(min=0, help="Of the halos, where there are several.")
    ] = None,
    density: Annotated[
        MatterOf, typer.Option(help="2LPT of the initial conditions, or all particles of slices.")
    ] = MatterOf.LPT,
    initial_conditions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="ic_dens_N*.asdf or ic_disp_N*.asdf, if not near by."),
    ] = None,
    cleaned: Annotated[bool, typer.Option(help="Merge halos as the cleaning files say.")] = True,
    position: Annotated[
        Centre, typer.Option(help="Centre of the largest subhalo, or of the halo.")
    ] = Centre.SUBHALO,
    mass_min: Annotated[
        float, typer.Option(min=0, help="Least mass kept [Msun/h], which bounds the memory.")
    ] = 0.0,
    cosmology: CosmologyOption = None,
    voxels: VoxelsOption = None,
    voxel_size: VoxelSizeOption = None,
    seed: SeedOption = 1,
    axes: AxesOption = None,
    shift: ShiftOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """AbacusSummit: CompaSO halos, 2LPT of its initial conditions; needs the extra abacus."""
    if density is MatterOf.NBODY and voxels is None:
        raise typer.BadParameter("--density nbody needs --voxels")
    if density is MatterOf.NBODY and initial_conditions is not None:
        raise typer.BadParameter("--density nbody takes no --initial-conditions")
    asked = wanted(
        directory.resolve().name,
        output=output,
        voxels=voxels,
        voxel_size=voxel_size,
        seed=seed,
        axes=axes,
        shift=shift,
        force=force,
        overwrite=overwrite,
    )
    from halokeras.sources.abacus_summit.read import read

    tell("Reading", str(directory))
    source = read(
        directory,
        redshift=redshift,
        cleaned=cleaned,
        position=position.value,
        mass_min=mass_min,
        density=density.value,
        initial_conditions=initial_conditions,
        voxels=voxels if density is MatterOf.NBODY else None,
        cosmology=cosmology_of(None, cosmology),
    )
    make(source, asked, as_json)


@prepare.command("counts", cls=PlainHelp)
def counts(  # noqa: PLR0913  (Typer reads one parameter an option)
    particle_counts: Annotated[Path, typer.Argument(help="Particles per voxel, .npy.")],
    halo_counts: Annotated[Path, typer.Argument(help="Halos per voxel, .npy.")],
    voxel_size: Annotated[
        float, typer.Option(callback=known_length, help="Side of a voxel [Mpc/h].")
    ],
    redshift: Annotated[float, typer.Option(min=0, help="Of both.")],
    density_scheme: Annotated[
        str, typer.Option(help="What moved the particles: 2lpt, zeldovich, nbody or unknown.")
    ] = "unknown",
    box: Annotated[str | None, typer.Option(metavar="ID", help="Cosmology, 00 to 04.")] = None,
    cosmology: CosmologyOption = None,
    axes: AxesOption = None,
    shift: ShiftOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Grids of counts of particles and of halos, as the published reproduction has them."""
    asked = wanted(
        halo_counts.stem,
        output=output,
        axes=axes,
        shift=shift,
        force=force,
        overwrite=overwrite,
    )
    from halokeras.sources.count_pairs import read_count_pair

    source = read_count_pair(
        particle_counts,
        halo_counts,
        voxel_size=voxel_size,
        redshift=redshift,
        cosmology=cosmology_of(box, cosmology),
        density_scheme=density_scheme,
    )
    make(source, asked, as_json)


prepare.command("catalogue", cls=PlainHelp, epilog="\n\n".join(["Examples:", *EXAMPLES]))(catalogue)
