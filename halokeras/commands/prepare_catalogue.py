"""`halopaint prepare catalogue`: any halo catalogue, with a density from elsewhere."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halokeras.commands.options import (
    ContrastOf,
    CosmologyOption,
    ForceOption,
    JsonOption,
    OverwriteOption,
    cosmology_of,
    known_length,
    refuse,
)
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
from halokeras.commands.terminal import listening

if TYPE_CHECKING:
    from halokeras.sources.catalogue.source import Matter

EXAMPLES = [
    "halopaint prepare catalogue halos.hdf5 --density rho.npy --box-size 500 --redshift 0.3",
    "halopaint prepare catalogue out_0.list --particles snapshot/ --voxel-size 4",
    "halopaint prepare catalogue halos.fits --initial-modes delta.npy --cosmology my.json",
]
"""Examples that its help shows."""

_DENSITY = "The density: one of these"
_GRID = "What a --density grid holds"
_PARTICLES = "What --particles hold"
_HALOS = "The halo table"
_UNITS = "Units and coordinates, of halos and particles"
_ABOUT = "What no file tells"


class GridPoint(StrEnum):
    """Where the values of a grid lie."""

    CENTRES = "centres"
    CORNERS = "corners"


def catalogue(  # noqa: PLR0913  (Typer reads one parameter an option)
    halos: Annotated[
        Path,
        typer.Argument(
            help="Halo table: HDF5, FITS, CSV, ECSV, Parquet, .npy, .npz, BigFile or Rockstar text."
        ),
    ],
    density: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Density grid: .npy, .npz, HDF5 or Zarr; or",
            rich_help_panel=_DENSITY,
        ),
    ] = None,
    particles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="particles of a snapshot or table; or",
            rich_help_panel=_DENSITY,
        ),
    ] = None,
    initial_modes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="linear overdensity at the redshift, .npy; or",
            rich_help_panel=_DENSITY,
        ),
    ] = None,
    our_seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="seed of a simulation begun on halopaint's own modes.",
            rich_help_panel=_DENSITY,
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Group, dataset or array of the halos.", rich_help_panel=_HALOS
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="MEANING=NAME",
            help="A column that is not guessed right: position, mass, id, parent, velocity ...",
            rich_help_panel=_HALOS,
        ),
    ] = None,
    length_unit: Annotated[
        str,
        typer.Option(
            help="Of halos, and of particles whose file declares none: Mpc/h, kpc/h, Mpc, kpc, "
            "pc, Gpc or cm.",
            rich_help_panel=_UNITS,
        ),
    ] = "Mpc/h",
    mass_unit: Annotated[
        str,
        typer.Option(help="Msun/h, Msun, 1e10 or log10 of them.", rich_help_panel=_UNITS),
    ] = "Msun/h",
    hubble: Annotated[
        float | None,
        typer.Option(min=0, help="H0 / 100, for units without 1/h.", rich_help_panel=_UNITS),
    ] = None,
    origin: Annotated[
        str,
        typer.Option(
            help="Of positions: corner, centre or the corner's x,y,z [--length-unit].",
            rich_help_panel=_UNITS,
        ),
    ] = "corner",
    box_size: Annotated[
        float | None,
        typer.Option(
            callback=known_length,
            help="Side [Mpc/h], if no file tells it.",
            rich_help_panel=_UNITS,
        ),
    ] = None,
    redshift: Annotated[
        float | None, typer.Option(min=0, help="If no file tells it.", rich_help_panel=_ABOUT)
    ] = None,
    particle_mass: Annotated[
        float | None,
        typer.Option(
            min=0, help="[Msun/h], where halos have particle numbers only.", rich_help_panel=_HALOS
        ),
    ] = None,
    hosts_only: HostsOption = False,
    drop_invalid: Annotated[
        bool,
        typer.Option(
            "--drop-invalid", help="Leave out rows that are no halos.", rich_help_panel=_HALOS
        ),
    ] = False,
    halo_finder: Annotated[
        str | None, typer.Option(help="For the provenance.", rich_help_panel=_ABOUT)
    ] = None,
    mass_definition: Annotated[
        str | None,
        typer.Option(
            help="For the provenance and the mass function: fof, 200b ...", rich_help_panel=_ABOUT
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Of --density, in HDF5 or Zarr.", rich_help_panel=_GRID)
    ] = None,
    contrast: Annotated[
        ContrastOf,
        typer.Option(
            help="rho/mean, an overdensity of mean 0, or any multiple of rho.",
            rich_help_panel=_GRID,
        ),
    ] = ContrastOf.DENSITY,
    grid_points: Annotated[
        GridPoint, typer.Option(help="Where in voxels its values lie.", rich_help_panel=_GRID)
    ] = GridPoint.CENTRES,
    grid_axes: Annotated[
        str, typer.Option(help="Order of its axes: xyz, or zyx ...", rich_help_panel=_GRID)
    ] = "xyz",
    particles_table: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Group that holds them.", rich_help_panel=_PARTICLES),
    ] = None,
    particles_columns: Annotated[
        list[str] | None,
        typer.Option(
            "--particles-columns",
            metavar="MEANING=NAME",
            help="A column that is not guessed right: position, mass.",
            rich_help_panel=_PARTICLES,
        ),
    ] = None,
    particles_length_unit: Annotated[
        str | None,
        typer.Option(
            help="Of their positions.",
            show_default="the file's own, or --length-unit",
            rich_help_panel=_PARTICLES,
        ),
    ] = None,
    particles_origin: Annotated[
        str | None,
        typer.Option(
            help="As --origin, where it is another.",
            show_default="--origin",
            rich_help_panel=_PARTICLES,
        ),
    ] = None,
    density_scheme: Annotated[
        str | None,
        typer.Option(
            help="What moved the matter of --density or --particles: 2lpt, zeldovich, nbody.",
            rich_help_panel=_ABOUT,
        ),
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="ID", help="Cosmology, 00 to 04.", rich_help_panel=_ABOUT)
    ] = None,
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
    """Any halo catalogue, with a density from a grid, particles, initial modes or a seed."""
    given = [density, particles, initial_modes, our_seed]
    of_particles = [particles_table, particles_columns, particles_length_unit, particles_origin]
    plain = (contrast, grid_points, grid_axes) == (ContrastOf.DENSITY, GridPoint.CENTRES, "xyz")
    refuse(
        {
            "give one of --density, --particles, --initial-modes and --our-seed": sum(
                one is not None for one in given
            )
            != 1,
            "--dataset, --contrast, --grid-points and --grid-axes go with --density": density
            is None
            and (dataset or not plain),
            "--particles-table, --particles-columns, --particles-length-unit and "
            "--particles-origin go with --particles": particles is None and any(of_particles),
            "--density-scheme goes with --density or --particles": density_scheme is not None
            and density is None
            and particles is None,
        }
    )
    corner = _origin(origin, "--origin")
    their_corner = _origin(particles_origin, "--particles-origin") if particles_origin else None
    asked = wanted(
        halos.stem,
        output=output,
        voxels=voxels,
        voxel_size=voxel_size,
        seed=seed,
        axes=axes,
        shift=shift,
        force=force,
        overwrite=overwrite,
        inputs=(halos, density, particles, initial_modes),
    )
    from halokeras.sources.catalogue import source

    matter: Matter
    if density is not None:
        matter = source.GridDensity(density, dataset, contrast.value, grid_points.value, grid_axes)
    elif particles is not None:
        matter = source.ParticleFiles(
            particles,
            particles_table,
            tuple(particles_columns or ()),
            particles_length_unit,
            their_corner,
        )
    elif initial_modes is not None:
        matter = source.ModesFile(initial_modes)
    else:
        assert our_seed is not None  # one of the four is given
        matter = source.OwnSeed(our_seed)
    with listening("reading") as listener:
        read = source.read_catalogue(
            source.HaloTableFile(
                halos,
                table,
                tuple(columns or ()),
                mass_unit,
                particle_mass,
                hosts_only,
                drop_invalid,
            ),
            matter,
            source.Coordinates(length_unit, hubble, corner, box_size),
            source.About(
                redshift,
                cosmology_of(box, cosmology),
                box,
                halo_finder,
                mass_definition,
                density_scheme,
            ),
            voxels,
            voxel_size,
            listener,
        )
    make(read, asked, as_json)


def _origin(text: str, option: str) -> Any:
    """Read corner, centre, or a place."""
    if "," not in text:
        return text
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r} is no place x,y,z") from None
    return x, y, z
