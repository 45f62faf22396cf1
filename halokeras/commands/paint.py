"""`halopaint paint`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halokeras.commands.options import (
    SHIPPED_PAINTER,
    BoxOption,
    ForceOption,
    JsonOption,
    ModelOption,
    OverwriteOption,
    box_path,
    load_saved,
    parse_voxels,
    refuse,
)
from halokeras.commands.terminal import listening, print_tables, tell, wrote
from halokeras.readable import amount_of_bytes

if TYPE_CHECKING:
    from halokeras.fields.contrast import Contrast
    from halokeras.painting.inputs import Density
    from halokeras.painting.request import Request
    from halokeras.storage.grid import Grid

_GRID = "A density grid of your own"
_DRAWS = "Draws and catalogues"


class CatalogueFormat(StrEnum):
    """The formats that a halo catalogue can be written in."""

    HDF5 = "hdf5"
    FITS = "fits"
    ECSV = "ecsv"
    PARQUET = "parquet"
    BIGFILE = "bigfile"


class PlacesBy(StrEnum):
    """What halos are placed by within a voxel."""

    LPT = "2lpt"
    UNIFORM = "uniform"


class AlongAxis(StrEnum):
    """The axes that a box can be seen along."""

    X = "x"
    Y = "y"
    Z = "z"


class SphereOf(StrEnum):
    """What friends-of-friends masses can be taken for."""

    VIRIAL = "virial"
    MEAN = "200b"
    CRITICAL = "200c"


class ContrastOf(StrEnum):
    """What the values of a density are."""

    DENSITY = "1+delta"
    OVERDENSITY = "delta"
    RHO = "rho"


def paint(  # noqa: PLR0913  (Typer reads one parameter an option)
    box: BoxOption = None,
    voxels: Annotated[
        Any,
        typer.Option(
            parser=lambda text: parse_voxels(text),
            metavar="N|NxNxN",
            help="Make a 2LPT density of so many voxels, of cosmology --box, and paint on it.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = SHIPPED_PAINTER,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Box file to write.", show_default="painted/<name>.h5"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Realisation: of the draws, and with --voxels of the density.",
            show_default="1",
        ),
    ] = None,
    density: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A density grid, .npy, HDF5 or Zarr, instead of a box.",
            rich_help_panel=_GRID,
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Its dataset, if it is HDF5.", rich_help_panel=_GRID)
    ] = None,
    voxel_size: Annotated[
        float | None, typer.Option(help="Its voxel size [Mpc/h].", rich_help_panel=_GRID)
    ] = None,
    redshift: Annotated[
        float | None,
        typer.Option(help="Its redshift, or with --voxels that.", rich_help_panel=_GRID),
    ] = None,
    contrast: Annotated[
        ContrastOf | None,
        typer.Option(
            help="What it holds: rho/mean, an overdensity of mean 0, or any multiple of rho.",
            show_default="1+delta",
            rich_help_panel=_GRID,
        ),
    ] = None,
    draw: Annotated[
        bool,
        typer.Option(
            "--draw",
            help="Draw whole halos instead of painting their mean.",
            rich_help_panel=_DRAWS,
        ),
    ] = False,
    realizations: Annotated[
        int,
        typer.Option(
            min=1,
            help="Draws to make, numbered in the names of the files.",
            rich_help_panel=_DRAWS,
        ),
    ] = 1,
    catalogue: Annotated[
        bool,
        typer.Option(
            "--catalogue",
            help="Write a catalogue of the drawn halos beside them.",
            rich_help_panel=_DRAWS,
        ),
    ] = False,
    catalogue_format: Annotated[
        CatalogueFormat | None,
        typer.Option(help="Its format.", show_default="hdf5", rich_help_panel=_DRAWS),
    ] = None,
    sub_density: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A finer density, .npy or HDF5, that tells where in its voxel a halo may lie.",
            rich_help_panel=_DRAWS,
        ),
    ] = None,
    sub_dataset: Annotated[
        str | None, typer.Option(help="Its dataset, if it is HDF5.", rich_help_panel=_DRAWS)
    ] = None,
    places: Annotated[
        PlacesBy | None,
        typer.Option(
            help="Place halos by the 2LPT density of the same modes below the voxels, or anywhere "
            "in their voxel.",
            show_default="2lpt",
            rich_help_panel=_DRAWS,
        ),
    ] = None,
    redshift_space: Annotated[
        AlongAxis | None,
        typer.Option(
            help="List where halos are seen along this axis too, s = x + v / (a H).",
            rich_help_panel=_DRAWS,
        ),
    ] = None,
    radii: Annotated[
        SphereOf | None,
        typer.Option(
            help="List radii and concentrations as if friends-of-friends masses were those within "
            "this density; of b = 0.2, 200b is near.",
            rich_help_panel=_DRAWS,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="local|ADDRESS",
            help="Paint by Dask workers: this machine's, or those of a scheduler (tcp://...).",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what time, memory and disk it will take.")
    ] = False,
    figure: Annotated[bool, typer.Option(help="Draw a figure beside the output.")] = True,
    force: ForceOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Paint halo counts onto a density, by default a shipped box that was never trained on."""
    grid = density is not None
    refuse(
        {
            "give --box, --voxels or --density, not two of them": grid and (box or voxels),
            "--dataset, --voxel-size and --contrast go with --density": not grid
            and (dataset or voxel_size is not None or contrast),
            "--redshift goes with --density or --voxels": redshift is not None
            and not (grid or voxels),
            "--density does not describe itself; give --voxel-size [Mpc/h] and --redshift": grid
            and (voxel_size is None or redshift is None),
            "--output is a box file and ends in .h5 or .zarr": output is not None
            and output.suffix not in (".h5", ".zarr"),
            "--realizations and --seed go with --draw, or --seed with --voxels": not draw
            and (realizations > 1 or (seed is not None and not voxels)),
            "--catalogue goes with --draw: painted means are no halos": catalogue and not draw,
            "--catalogue-format, --sub-density, --places, --redshift-space and --radii go with "
            "--catalogue": not catalogue
            and (
                catalogue_format or sub_density or sub_dataset or places or redshift_space or radii
            ),
            "give --sub-density or --places, not both": sub_density and places,
            "--sub-dataset goes with --sub-density": sub_dataset and not sub_density,
            "--scheduler's workers read rho/mean; leave --contrast out": scheduler
            and contrast not in (None, ContrastOf.DENSITY),
        }
    )
    source = None if grid or voxels else box_path(box or "00")
    saved = load_saved(model)
    from halokeras.painters.folders import painter_folder
    from halokeras.painting.request import (
        Drawing,
        GridFile,
        Listing,
        NamedPainter,
        OwnDensity,
        Request,
        SeededDensity,
    )

    realisation = 1 if seed is None else seed
    given: Path | OwnDensity | SeededDensity
    if source is not None:
        given = source
    elif density is not None:
        held: Contrast = (contrast or ContrastOf.DENSITY).value
        given = OwnDensity(GridFile(density, dataset), voxel_size, redshift, held)
    else:
        given = SeededDensity(box or "00", realisation, voxels, redshift)
    listing = None
    if catalogue:
        finer = None if sub_density is None else GridFile(sub_density, sub_dataset)
        listing = Listing(
            (catalogue_format or CatalogueFormat.HDF5).value,
            finer,
            uniform=places is PlacesBy.UNIFORM,
            seen_along=None if redshift_space is None else redshift_space.value,
            spheres=None if radii is None else radii.value,
        )
    request = Request(
        density=given,
        painter=NamedPainter(saved, painter_folder(model)),
        output=output,
        drawing=Drawing(realisation, realizations, listing) if draw else None,
        figure=figure,
        scheduler=scheduler,
        force=force,
        overwrite=overwrite,
    )
    for path in (*request.outputs, *request.catalogues):
        for read in request.inputs:
            if read.exists() and path.exists() and path.samefile(read):
                raise typer.BadParameter(f"--output: {path} is the input itself")
    if dry_run:
        _tell_cost(request)
    else:
        _paint(request, as_json)


def _paint(request: "Request", as_json: bool) -> None:
    """Paint, and show what was painted."""
    from halokeras.evaluation.summary import painted_figure, summarize
    from halokeras.painting.files import paint_files, unfinished
    from halokeras.storage.figure_file import save_figure

    shown: dict[str, Any] = {}
    source = request.density if isinstance(request.density, Path) else None

    def look(given: "Density", counts: "Grid", seconds: float) -> None:
        shown["seconds"] = seconds
        if not as_json:
            shown["tables"] = summarize(given, counts, source, request.painter, seconds)
        if request.picture is not None:
            drawn = request.drawing is not None
            shown["figure"] = painted_figure(given, counts, source, request.painter, drawn)

    try:
        with listening("painting") as told:
            written = paint_files(request, look, told)
    except KeyboardInterrupt:
        part = unfinished(request)
        kept = f"what is painted is kept in {part}; the same command goes on with it"
        tell("Interrupted", kept if part else "nothing was painted yet", "yellow")
        raise typer.Exit(130) from None
    if request.picture is not None:
        save_figure(shown["figure"], request.picture)
        written.append(request.picture)
    if not as_json:
        print_tables(*shown["tables"])
    wrote(written, as_json, seconds=shown["seconds"], model_hash=request.painter.saved.hash)


def _tell_cost(request: "Request") -> None:
    """Say what painting, or drawing some realisations, will take."""
    from halokeras.painting.files import cost

    shape, expected = cost(request)
    voxels = " x ".join(str(side) for side in shape)
    typer.echo(
        f"{voxels} voxels: about {expected.seconds:,.0f} s on this machine, "
        f"{amount_of_bytes(expected.memory)} of memory, {amount_of_bytes(expected.disk)} of disk "
        f"({amount_of_bytes(expected.disk_free)} are free)"
    )
