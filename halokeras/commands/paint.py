"""`halopaint paint`."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halokeras.commands.lpt import make_density
from halokeras.commands.options import (
    SHIPPED_PAINTER,
    BoxOption,
    JsonOption,
    ModelOption,
    box_path,
    load_saved,
    or_shipped,
    parse_voxels,
)
from halokeras.commands.terminal import print_tables, progress, tell, wrote

if TYPE_CHECKING:
    from halokeras.painters.model_store import SavedPainter
    from halokeras.painting.inputs import Density
    from halokeras.painting.paint import Workers
    from halokeras.storage.grid import Grid


class CatalogueFormat(StrEnum):
    """The formats that a halo catalogue can be written in."""

    HDF5 = "hdf5"
    FITS = "fits"
    ECSV = "ecsv"
    PARQUET = "parquet"
    BIGFILE = "bigfile"


def paint(
    box: BoxOption = None,
    density: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A density grid, .npy, HDF5 or Zarr, instead."),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Its dataset, if it is HDF5.")] = None,
    voxel_size: Annotated[float | None, typer.Option(help="Its voxel size [Mpc/h].")] = None,
    redshift: Annotated[float | None, typer.Option(help="Its redshift.")] = None,
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
        typer.Option(metavar="FILE", help="Box file to write. [default: painted/<name>.h5]"),
    ] = None,
    draw: Annotated[
        bool, typer.Option("--draw", help="Draw whole halos instead of painting their mean.")
    ] = False,
    realizations: Annotated[
        int, typer.Option(min=1, help="Draws to make, numbered in the names of the files.")
    ] = 1,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the draws, and with --voxels of the density.")
    ] = 0,
    catalogue: Annotated[
        bool, typer.Option("--catalogue", help="Write a catalogue of the drawn halos beside them.")
    ] = False,
    catalogue_format: Annotated[
        CatalogueFormat | None, typer.Option(help="Its format.", show_default="hdf5")
    ] = None,
    sub_density: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A finer density, .npy or HDF5, that tells where in its voxel a halo may lie.",
        ),
    ] = None,
    sub_dataset: Annotated[str | None, typer.Option(help="Its dataset, if it is HDF5.")] = None,
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
    force: Annotated[bool, typer.Option(help="Paint though the input does not fit.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Paint halo counts onto a density, by default a shipped box that was never trained on."""
    grid = density is not None
    contradictions = {
        "give --box, --voxels or --density, not two of them": grid and (box or voxels),
        "--dataset and --voxel-size go with --density": not grid and (dataset or voxel_size),
        "--redshift goes with --density or --voxels": redshift is not None and not (grid or voxels),
        "--output is a box file and ends in .h5 or .zarr": output is not None
        and output.suffix not in (".h5", ".zarr"),
        "--realizations and --seed go with --draw, or --seed with --voxels": not draw
        and (realizations > 1 or (seed and not voxels)),
        "--catalogue goes with --draw: painted means are no halos": catalogue and not draw,
        "--catalogue-format and --sub-density go with --catalogue": not catalogue
        and (catalogue_format or sub_density or sub_dataset),
        "--sub-dataset goes with --sub-density": sub_dataset and not sub_density,
        "--dry-run goes with a density that is there; make it with lpt": dry_run and voxels,
    }
    for message, holds in contradictions.items():
        if holds:
            raise typer.BadParameter(message)
    from halokeras.painting.inputs import open_box_density, open_density, open_grid

    if voxels is None:
        source = density or box_path(box or "00")
        output = output or Path("painted") / f"{source.stem}{'_draw' if draw else ''}.h5"
    else:
        sides = "x".join(str(side) for side in (voxels if len(set(voxels)) > 1 else voxels[:1]))
        default = f"box{box or '00'}_seed{seed}_{sides}{'_draw' if draw else ''}.h5"
        output = output or Path("painted") / default
        source = output.with_name(f"{output.stem}_density.h5")
    outputs = _numbered(output, realizations) if realizations > 1 else [output]
    chosen = catalogue_format or CatalogueFormat.HDF5
    suffix = f"_halos.{chosen}"
    catalogues = [path.with_name(path.stem + suffix) for path in outputs] if catalogue else []
    for path in (*outputs, *catalogues):
        for read in (source, sub_density):
            if read is not None and read.exists() and path.exists() and path.samefile(read):
                raise typer.BadParameter(f"--output: {path} is the input itself")
    saved = None
    if voxels is not None:
        saved = load_saved(model)
        if draw:
            from halokeras.painting.draws import law_of

            law_of(saved, model.name)  # its lack is told before a density is made
        _density_for(saved, source, box or "00", seed, voxels, redshift, velocity=catalogue)
    with ExitStack() as files:
        given = files.enter_context(
            open_box_density(source)
            if density is None
            else open_density(density, dataset, voxel_size, redshift)
        )
        finer = None
        if catalogue:
            from halokeras.painting.catalogue import finer_by
            from halokeras.painting.catalogue_formats import check_format

            check_format(chosen)
            if sub_density is not None:
                finer = files.enter_context(open_grid(sub_density, sub_dataset, "--sub-dataset"))
                finer_by(finer, given.shape)  # refused now rather than after the painting
        saved = saved or load_saved(model)
        if dry_run:
            _tell_cost(given, saved, output, realizations if draw else None)
            return
        start = time.perf_counter()
        try:
            held_as = "density" if density is None else dataset
            with _workers(scheduler, source, held_as, model, saved) as workers:
                _paint_files(
                    given, saved, model.name, outputs, seed if draw else None, force, workers
                )
        except KeyboardInterrupt:
            _tell_how_to_go_on(outputs[0])
            raise typer.Exit(130) from None
        seconds = time.perf_counter() - start
        for drawn, target in zip(outputs, catalogues, strict=False):
            _place_halos(drawn, target, chosen, saved, given, finer)
        from halokeras.evaluation.summary import summarize

        written = [*outputs, *catalogues]
        if not as_json:
            reference = source if density is None else None
            print_tables(*summarize(given, outputs[0], reference, saved, seconds))
        if figure:
            from halokeras.evaluation.summary import draw_painted

            reference = source if density is None else None
            written.append(outputs[0].with_suffix(".png"))
            draw_painted(given, outputs[0], reference, saved, written[-1])
        wrote(written, as_json, seconds=seconds, model_hash=saved.hash)


def _density_for(
    saved: "SavedPainter",
    target: Path,
    box_id: str,
    seed: int,
    voxels: tuple[int, int, int],
    redshift: float | None,
    velocity: bool,
) -> None:
    """Make a density as a painter knows them, but perhaps for the redshift."""
    from halokeras.cosmology.cosmology import box_cosmology
    from halokeras.simulation.density import LptBox

    learned = saved.provenance
    make_density(
        LptBox(
            cosmology=box_cosmology(box_id),
            seed=seed,
            voxels=voxels,
            voxel_size=learned.voxel_size,
            redshift=learned.redshift if redshift is None else redshift,
            box_id=box_id,
            velocity=velocity,
        ),
        target,
    )


def _paint_files(
    given: "Density",
    saved: "SavedPainter",
    model: str,
    outputs: list[Path],
    seed: int | None,
    force: bool,
    workers: "Workers | None",
) -> None:
    """Paint, or draw if there is a seed, after saying how the input differs from the training."""
    from halokeras.painting.check import check_input
    from halokeras.painting.draws import draw_files
    from halokeras.painting.paint import paint_file

    for warning in check_input(saved.provenance, given, force):
        tell("Warning", warning, "yellow")
    with progress("painting") as show:
        if seed is None:
            paint_file(given, saved, model, outputs[0], show, workers)
        else:
            draw_files(given, saved, model, outputs, seed, show, workers)


def _place_halos(
    drawn: Path,
    target: Path,
    format: CatalogueFormat,
    saved: "SavedPainter",
    given: "Density",
    finer: "Grid | None",
) -> None:
    """Write the catalogue of a draw."""
    from halokeras.painting.catalogue import write_catalogue

    with progress("placing halos") as show:
        write_catalogue(
            drawn, target, format, saved.provenance.selection, finer, given.velocity, show
        )


@contextmanager
def _workers(
    scheduler: str | None, density: Path, dataset: str | None, model: Path, saved: "SavedPainter"
) -> "Iterator[Workers | None]":
    """Connect to the Dask workers that paint, if a scheduler is named."""
    if scheduler is None:
        yield None
        return
    from halokeras.painting.cluster import Cluster, connected

    folder = or_shipped(model, "saved_models").resolve()
    with connected(scheduler) as client:
        yield Cluster(client, density.resolve(), dataset, folder, saved.hash)


def _tell_cost(
    given: "Density", saved: "SavedPainter", output: Path, realizations: int | None
) -> None:
    """Say what painting, or drawing some realisations, will take."""
    from halokeras.painting.estimate import estimate

    files, size = (1, 4) if realizations is None else (realizations, 2)
    cost = estimate(given, saved.painter, output, files, size)
    voxels = " x ".join(str(side) for side in given.shape)
    typer.echo(
        f"{voxels} voxels: about {cost.seconds:,.0f} s on this machine, "
        f"{cost.memory / 2**30:.1f} GiB of memory, {cost.disk / 2**30:.2f} GiB of disk "
        f"({cost.disk_free / 2**30:,.1f} GiB are free)"
    )


def _tell_how_to_go_on(output: Path) -> None:
    from halokeras.painting.partial import partial_paths

    part, journal = partial_paths(output)
    kept = f"what is painted is kept in {part}; the same command goes on with it"
    tell("Interrupted", kept if journal.exists() else "nothing was painted yet", "yellow")


def _numbered(output: Path, count: int) -> list[Path]:
    """Name the files of several draws after `output`: box_0.h5, box_1.h5, ..."""
    width = len(str(count - 1))
    return [
        output.with_name(f"{output.stem}_{number:0{width}}{output.suffix}")
        for number in range(count)
    ]
