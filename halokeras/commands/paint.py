"""`halopaint paint`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halokeras.commands.options import (
    MOST_SEEDS,
    BoxOption,
    CosmologyOption,
    ForceOption,
    JsonOption,
    MassMinOption,
    OptionalModelOption,
    OverwriteOption,
    box_path,
    cosmology_of,
    load_saved,
    painter_for,
    parse_seeds,
    parse_voxels,
    refuse,
    refuse_inputs,
)
from halokeras.commands.painted import paint_many, paint_one, tell_cost

if TYPE_CHECKING:
    from halokeras.fields.contrast import Contrast

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
    model: OptionalModelOption = None,
    cosmology: CosmologyOption = None,
    mass_min: MassMinOption = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Box file to write.", show_default="painted/<name>.h5"),
    ] = None,
    seed: Annotated[
        Any,
        typer.Option(
            parser=lambda text: parse_seeds(text),
            metavar="N|N-M",
            help="Realisation: of the draws, and with --voxels of the density. A range of them is "
            "painted one after another, but for those that are there.",
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
        typer.Option(min=0, help="Its redshift, or with --voxels that.", rich_help_panel=_GRID),
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
            max=MOST_SEEDS,
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
    spectra: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the power spectra of all that is painted into this .npz file.",
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
    figure: Annotated[
        bool, typer.Option(help="Draw a figure beside the output of one seed.")
    ] = True,
    force: ForceOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Paint halo counts onto a density, by default a shipped box that was never trained on."""
    grid = density is not None
    refuse(
        {
            "give --cosmology with --voxels or --density: a box file tells its own": cosmology
            and not (voxels or grid),
            "give --box or --cosmology, not both": box is not None and cosmology,
            "give --box, --voxels or --density, not two of them": grid and (box or voxels),
            "--dataset, --voxel-size and --contrast go with --density": not grid
            and (dataset or voxel_size is not None or contrast),
            "--redshift goes with --density or --voxels": redshift is not None
            and not (grid or voxels),
            "--density does not describe itself; give --voxel-size [Mpc/h] and --redshift": grid
            and (voxel_size is None or redshift is None),
            "--output is a box file and ends in .h5 or .zarr": output is not None
            and output.suffix not in (".h5", ".zarr"),
            "--spectra is a file of arrays and ends in .npz": spectra is not None
            and spectra.suffix != ".npz",
            "--realizations and --seed go with --draw, or --seed with --voxels": not draw
            and (realizations > 1 or (seed is not None and not voxels)),
            f"a range of seeds makes {MOST_SEEDS:,} draws at most in all": seed is not None
            and len(seed) * realizations > MOST_SEEDS,
            "--output names one file; leave it out with a range of seeds": output is not None
            and seed is not None
            and len(seed) > 1,
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
    named = (box or "00") if voxels and not cosmology else None
    asked = cosmology_of(named, cosmology)
    model = model or painter_for(source, redshift, asked, mass_min)
    saved = load_saved(model, mass_min)
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

    seeds = range(1, 2) if seed is None else seed

    def given(realisation: int) -> Path | OwnDensity | SeededDensity:
        if source is not None:
            return source
        if density is not None:
            held: Contrast = (contrast or ContrastOf.DENSITY).value
            return OwnDensity(GridFile(density, dataset), voxel_size, redshift, held, asked)
        name = cosmology.stem if cosmology else f"box{named}"
        assert asked is not None
        return SeededDensity(realisation, voxels, redshift, asked, name, named)

    finer = None if sub_density is None else GridFile(sub_density, sub_dataset)
    listing = Listing(
        (catalogue_format or CatalogueFormat.HDF5).value,
        finer,
        uniform=places is PlacesBy.UNIFORM,
        seen_along=None if redshift_space is None else redshift_space.value,
        spheres=None if radii is None else radii.value,
    )
    painter = NamedPainter(saved, painter_folder(model))
    requests = [
        Request(
            density=given(number),
            painter=painter,
            output=output,
            drawing=Drawing(number, realizations, listing if catalogue else None) if draw else None,
            figure=figure and len(seeds) == 1,
            scheduler=scheduler,
            force=force,
            overwrite=overwrite,
        )
        for number in seeds
    ]
    for path in (*requests[0].outputs, *requests[0].catalogues):
        refuse_inputs(path, requests[0].inputs)
    if dry_run:
        tell_cost(requests, as_json)
    elif len(requests) == 1:
        paint_one(requests[0], as_json, spectra)
    else:
        paint_many(requests, as_json, spectra)
