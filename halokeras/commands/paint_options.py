"""The options of `halopaint paint`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from halokeras.commands.options import (
    MOST_SEEDS,
    ContrastOf,
    known_length,
    parse_seeds,
    parse_voxels,
)

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


VoxelsOption = Annotated[
    Any,
    typer.Option(
        "--voxels",
        parser=lambda text: parse_voxels(text),
        metavar="N|NxNxN",
        help="Make a 2LPT density of so many voxels, of cosmology --box, and paint on it.",
        show_default=False,
    ),
]

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", metavar="FILE", help="Box file to write.", show_default="painted/<name>.h5"
    ),
]

SeedsOption = Annotated[
    Any,
    typer.Option(
        "--seed",
        parser=lambda text: parse_seeds(text),
        metavar="N|N-M",
        help="Realisation: of the draws (another for each density), and with --voxels of the "
        "density. A range of them is painted one after another, but for those that are there.",
        show_default="1",
    ),
]

DensityOption = Annotated[
    Path | None,
    typer.Option(
        "--density",
        metavar="FILE",
        help="A density grid, .npy, .npz, HDF5 or Zarr, instead of a box.",
        rich_help_panel=_GRID,
    ),
]

DatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="The name of its array, where an HDF5, Zarr or .npz file holds several.",
        rich_help_panel=_GRID,
    ),
]

VoxelSizeOption = Annotated[
    float | None,
    typer.Option(
        "--voxel-size",
        callback=known_length,
        help="Its voxel size [Mpc/h], or with --voxels that, by default the painter's.",
        rich_help_panel=_GRID,
    ),
]

RedshiftOption = Annotated[
    float | None,
    typer.Option(
        "--redshift",
        min=0,
        help="Its redshift, or with --voxels that, by default the painter's.",
        rich_help_panel=_GRID,
    ),
]

ContrastOption = Annotated[
    ContrastOf | None,
    typer.Option(
        "--contrast",
        help="What it holds: rho/mean, an overdensity of mean 0, or any multiple of rho.",
        show_default="1+delta",
        rich_help_panel=_GRID,
    ),
]

DrawOption = Annotated[
    bool,
    typer.Option(
        "--draw",
        help="Draw whole halos instead of painting their mean.",
        rich_help_panel=_DRAWS,
    ),
]

RealizationsOption = Annotated[
    int,
    typer.Option(
        "--realizations",
        min=1,
        max=MOST_SEEDS,
        help="Draws to make, numbered in the names of the files.",
        rich_help_panel=_DRAWS,
    ),
]

CatalogueOption = Annotated[
    bool,
    typer.Option(
        "--catalogue",
        help="Write a catalogue of the drawn halos beside them.",
        rich_help_panel=_DRAWS,
    ),
]

CatalogueFormatOption = Annotated[
    CatalogueFormat | None,
    typer.Option(
        "--catalogue-format", help="Its format.", show_default="hdf5", rich_help_panel=_DRAWS
    ),
]

SubDensityOption = Annotated[
    Path | None,
    typer.Option(
        "--sub-density",
        metavar="FILE",
        help="A finer density, .npy, .npz, HDF5 or Zarr, that tells where in its voxel a halo "
        "may lie.",
        rich_help_panel=_DRAWS,
    ),
]

SubDatasetOption = Annotated[
    str | None,
    typer.Option(
        "--sub-dataset",
        help="The name of its array, where an HDF5, Zarr or .npz file holds several.",
        rich_help_panel=_DRAWS,
    ),
]

PlacesOption = Annotated[
    PlacesBy | None,
    typer.Option(
        "--places",
        help="Place halos by the 2LPT density of the same modes below the voxels, or anywhere "
        "in their voxel.",
        show_default="2lpt",
        rich_help_panel=_DRAWS,
    ),
]

RedshiftSpaceOption = Annotated[
    AlongAxis | None,
    typer.Option(
        "--redshift-space",
        help="List where halos are seen along this axis too, s = x + v / (a H).",
        rich_help_panel=_DRAWS,
    ),
]

RadiiOption = Annotated[
    SphereOf | None,
    typer.Option(
        "--radii",
        help="List radii and concentrations as if friends-of-friends masses were those within "
        "this density; of b = 0.2, 200b is near.",
        rich_help_panel=_DRAWS,
    ),
]

SpectraOption = Annotated[
    Path | None,
    typer.Option(
        "--spectra",
        metavar="FILE",
        help="Write the power spectra of all that is painted into this .npz file.",
    ),
]

SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="local|ADDRESS",
        help="Paint by Dask workers: this machine's, or those of a scheduler (tcp://...).",
    ),
]

DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Only say what time, memory and disk it will take, and write nothing; a tile is "
        "painted to measure it, and for catalogues a density of 64^3 voxels made, in memory.",
    ),
]

FigureOption = Annotated[
    bool, typer.Option("--figure/--no-figure", help="Draw a figure beside the output of one seed.")
]
