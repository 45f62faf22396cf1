"""The `halopaint` command: parse, call, print.

Commands import what they use, so that `halopaint --help` answers at once.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import typer
from rich.console import Console
from typer.core import TyperGroup

from halokeras.errors import BoxError, HalopaintError, ModelError, OutputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from halokeras.boxes.box import Box
    from halokeras.boxes.density import LptBox
    from halokeras.evaluation.scorecard import Scorecard
    from halokeras.painting.inputs import Density
    from halokeras.painting.paint import Workers
    from halokeras.training.model_store import SavedPainter
    from halokeras.training.run import Report

SHIPPED_PAINTER = Path("saved_models/gen")
PUBLISHED_PAINTER = Path("saved_models/paper_equal_time")


class Commands(TyperGroup):
    """The commands, with every problem told in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a HalopaintError exits 1 and Ctrl-C 130, without a traceback."""
        try:
            return super().invoke(ctx)
        except HalopaintError as error:
            _tell("Error", str(error), "red")
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            _tell("Interrupted", "nothing was left half-written", "yellow")
            raise typer.Exit(130) from None


class CatalogueFormat(StrEnum):
    """The formats that a halo catalogue can be written in."""

    HDF5 = "hdf5"
    FITS = "fits"
    ECSV = "ecsv"
    PARQUET = "parquet"
    BIGFILE = "bigfile"


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

BoxOption = Annotated[
    str | None,
    typer.Option("--box", metavar="ID|FILE", help="A box id, 00 to 04, or a box file."),
]
ModelOption = Annotated[
    Path, typer.Option("--model", metavar="DIR", help="The saved painter's folder.")
]
RunOption = Annotated[
    Path | None, typer.Option("--run", metavar="DIR", help="The run's folder.", show_default=False)
]


def main() -> None:
    """Run the command line."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        import halokeras

        typer.echo(f"halopaint {halokeras.__version__}")
        raise typer.Exit


@app.callback()
def _before(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Paint dark-matter halos onto a 2LPT density with a trained neural network."""


@app.command()
def simulate(
    box: Annotated[str | None, typer.Option(metavar="ID", help="Cosmology, 00 to 04.")] = None,
    params: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make the missing ones of the boxes this file names."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Realisation.")] = 1,
    size: Annotated[float, typer.Option(min=0, help="Side of the box [Mpc/h].")] = 256,
    particles: Annotated[int, typer.Option(min=2, help="Particles along a side.")] = 256,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Box file. [default: boxes/box<ID>_seed<SEED>.h5]"),
    ] = None,
) -> None:
    """Make a box: 2LPT density, N-body simulation, friends-of-friends halos."""
    if (box is None) == (params is None):
        raise typer.BadParameter("give either --box or --params")
    from halokeras.boxes.box_file import box_name
    from halokeras.boxes.cosmology import box_cosmology
    from halokeras.params import load_params

    if box is not None:
        box_cosmology(box)  # an unknown id is told before any estimate
        target = output or Path("boxes") / box_name(box, seed)
        if target.exists():
            raise OutputError(f"{target} exists; remove it, or choose another --output")
        _simulate(target, box_id=box, seed=seed, size=size, particles=particles)
    if params is not None:
        wanted = load_params(_or_shipped(params, "params")).box
        for named in (*wanted.train, *wanted.validate_on):
            if (
                named.id is not None
                and named.seed is not None
                and _is_missing(named.id, named.seed)
            ):
                _simulate(
                    Path("boxes") / box_name(named.id, named.seed),
                    box_id=named.id,
                    seed=named.seed,
                    size=wanted.size,
                    particles=wanted.particles,
                    redshift=wanted.redshift,
                )


def _is_missing(box_id: str, seed: int) -> bool:
    from halokeras.boxes.box_file import find_box

    try:
        typer.echo(f"{find_box(box_id, seed)} is there")
    except BoxError:
        return True
    return False


def _simulate(target: Path, *, particles: int, **of_the_box: Any) -> None:
    """Say what the simulation will take, run it with a progress bar and write the box."""
    from halokeras.boxes.box_file import write_box
    from halokeras.boxes.simulate import estimate, simulate
    from halokeras.files import check_writable

    check_writable(target)
    expected = estimate(particles)
    _tell(
        "Simulating",
        f"{target} with {particles}^3 particles: about {expected.memory / 2**30:.1f} GiB of memory "
        f"and {max(1, round(expected.seconds / 60))} min on one core",
    )
    with _progress("initial conditions") as show:
        box = simulate(
            particles=particles,
            workers=os.cpu_count() or 1,
            progress=lambda stage, fraction: show(fraction, stage),
            **of_the_box,
        )
    write_box(box, target)
    typer.echo(f"wrote {target}")


@app.command()
def lpt(
    voxels: Annotated[
        Any,
        typer.Option(
            parser=lambda text: _voxels(text),
            metavar="N|NxNxN",
            help="Voxels along a side, or along x, y and z.",
        ),
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Box file to write.")],
    box: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Cosmology, 00 to 04.", show_default="00"),
    ] = None,
    cosmology: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Another: JSON of H0, omega_m, omega_b, sigma8 and n_s."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Realisation.")] = 1,
    size: Annotated[
        float | None,
        typer.Option(
            min=0, help="Side of the box along x [Mpc/h].", show_default="4 times the voxels"
        ),
    ] = None,
    redshift: Annotated[float, typer.Option(min=0, help="Redshift.")] = 0.3,
    initial_modes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own initial conditions, .npy: the linear overdensity at the redshift, in "
            "real space, mean 0, with 2 points along the side of a voxel (4 in a box of up to "
            "128^3 voxels), the first on the corner of the first voxel.",
        ),
    ] = None,
    velocity: Annotated[
        bool, typer.Option("--velocity", help="Write the velocity of the matter too [km/s].")
    ] = False,
) -> None:
    """Make the 2LPT density of a box of any size, ready to paint."""
    if box is not None and cosmology is not None:
        raise typer.BadParameter("give --box or --cosmology, not both")
    if output.suffix != ".h5":
        raise typer.BadParameter("--output is a box file and ends in .h5")
    from halokeras.boxes.cosmology import box_cosmology
    from halokeras.boxes.cosmology_file import load_cosmology
    from halokeras.boxes.density import LptBox

    if output.exists():
        raise OutputError(f"{output} exists; remove it, or choose another --output")
    named = None if cosmology else box or "00"
    wanted = LptBox(
        cosmology=load_cosmology(cosmology) if cosmology else box_cosmology(named or ""),
        seed=seed,
        voxels=voxels,
        voxel_size=4.0 if size is None else size / voxels[0],
        redshift=redshift,
        box_id=named,
        initial_modes=initial_modes,
        velocity=velocity,
    )
    _make_density(wanted, output)


def _make_density(wanted: "LptBox", target: Path) -> None:
    """Say what a density will take, make it with a progress bar and write it."""
    from halokeras.boxes.density import check_memory, estimate, write_density
    from halokeras.files import check_writable

    check_memory(wanted)
    check_writable(target)
    expected = estimate(wanted)
    sides = "x".join(str(side) for side in wanted.voxels)
    _tell(
        "Making",
        f"{target} with {sides} voxels: about {expected.memory / 2**30:.1f} GiB of memory, "
        f"{expected.disk / 2**30:.2f} GiB of disk and {max(1, round(expected.seconds / 60))} min",
    )
    with _progress("initial modes") as show:
        write_density(
            wanted,
            target,
            workers=os.cpu_count() or 1,
            progress=lambda stage, fraction: show(fraction, stage),
        )
    typer.echo(f"wrote {target}")


def _voxels(text: str) -> tuple[int, int, int]:
    """Read 256, or 512x256x256."""
    sides = text.split("x")
    if len(sides) not in (1, 3) or not all(side.isdecimal() and int(side) for side in sides):
        raise typer.BadParameter(f"{text!r} is neither a number such as 256 nor 512x256x256")
    x, y, z = (int(side) for side in (sides if len(sides) == 3 else 3 * sides))
    return x, y, z


@app.command()
def train(
    params: Annotated[Path, typer.Option(metavar="FILE", help="Training parameters, JSON.")],
    run: RunOption = None,
) -> None:
    """Train a painter as a params file says."""
    from halokeras.params import load_params

    checked = load_params(_or_shipped(params, "params"))
    _load_tensorflow()
    from halokeras.training.run import train

    _train(lambda report: train(checked, run, report))


@app.command()
def resume(run: RunOption = None) -> None:
    """Go on with a run, by default the newest unfinished one."""
    _load_tensorflow()
    from halokeras.training.run import resume

    _train(lambda report: resume(run, report))


def _train(start: "Callable[[Report], Path]") -> None:
    """Show a run while it trains, and name the painter it made."""
    from halokeras.training.display import TrainingDisplay
    from halokeras.training.run import Interrupted

    try:
        with TrainingDisplay(Console(stderr=True)) as display:
            painter = start(display.report)
    except Interrupted as error:
        _tell("Interrupted", str(error), "yellow")
        raise typer.Exit(130) from error
    typer.echo(f"wrote {painter}")


@app.command()
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
            parser=lambda text: _voxels(text),
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
) -> None:
    """Paint halo counts onto a density, by default a shipped box that was never trained on."""
    if (box is not None or voxels is not None) and density is not None:
        raise typer.BadParameter("give --box, --voxels or --density, not two of them")
    if density is None and not (dataset is None and voxel_size is None):
        raise typer.BadParameter("--dataset and --voxel-size go with --density")
    if density is None and voxels is None and redshift is not None:
        raise typer.BadParameter("--redshift goes with --density or --voxels")
    if output is not None and output.suffix not in (".h5", ".zarr"):
        raise typer.BadParameter("--output is a box file and ends in .h5 or .zarr")
    if not draw and (realizations > 1 or (seed and voxels is None)):
        raise typer.BadParameter(
            "--realizations and --seed go with --draw, or --seed with --voxels"
        )
    if catalogue and not draw:
        raise typer.BadParameter("--catalogue goes with --draw: painted means are no halos")
    if not catalogue and (catalogue_format or sub_density or sub_dataset):
        raise typer.BadParameter("--catalogue-format and --sub-density go with --catalogue")
    if sub_density is None and sub_dataset is not None:
        raise typer.BadParameter("--sub-dataset goes with --sub-density")
    if dry_run and voxels is not None:
        raise typer.BadParameter("--dry-run goes with a density that is there; make it with lpt")
    from halokeras.painting.inputs import open_box_density, open_density, open_grid

    if voxels is None:
        source = density or _box_path(box or "00")
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
        saved = _load(model)
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
        saved = saved or _load(model)
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
        if catalogue:
            from halokeras.painting.catalogue import write_catalogue

            selection = saved.provenance.selection
            for drawn, target in zip(outputs, catalogues, strict=True):
                with _progress("placing halos") as show:
                    write_catalogue(drawn, target, chosen, selection, finer, given.velocity, show)
        output = outputs[0]
        from halokeras.evaluation.summary import summarize

        _print(*summarize(given, output, source if density is None else None, saved, seconds))
        for written in (*outputs, *catalogues):
            typer.echo(f"wrote {written}")
        if figure:
            from halokeras.boxes.box_file import open_box_file
            from halokeras.evaluation.figures import painted_slices

            drawn = output.with_suffix(".png")
            with open_box_file(output) as (header, fields):
                painted_slices(given.grid, fields["counts"], header.voxel_size, drawn)
            typer.echo(f"wrote {drawn}")


@app.command()
def evaluate(
    box: Annotated[
        str, typer.Option(metavar="ID|FILE", help="A box id, 00 to 04, or a box file, with halos.")
    ],
    model: ModelOption = SHIPPED_PAINTER,
    painted: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What the painter painted on it. [default: paint now]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write. [default: evaluation/<box>]"),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Another painter to show beside it; may be repeated.",
            show_default=str(PUBLISHED_PAINTER),
        ),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of each box that are scored.")] = 4,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a target is missed.")
    ] = False,
    allow_training_box: Annotated[
        bool, typer.Option("--allow-training-box", help="Score on boxes it was trained on too.")
    ] = False,
) -> None:
    """Score painted halos against those of a box: of an id, every realisation held out."""
    import json

    from halokeras.boxes.box_file import read_box
    from halokeras.evaluation.held_out import held_out
    from halokeras.evaluation.report import report
    from halokeras.evaluation.report_figure import draw_report
    from halokeras.evaluation.table import report_table, scorecard_table
    from halokeras.files import write_text

    saved = _load(model)
    boxes = held_out(box, saved, str(model), allow_training_box)
    if painted is not None:
        found = read_box(painted)
        if found.provenance.get("model_hash", saved.hash) != saved.hash:
            raise ModelError(
                f"{painted} was painted by another painter; name that one with --model"
            )
        path, reference = list(boxes.items())[-1]
        card, written = _score(path, reference, found, saved, output)
        _print(scorecard_table(card))
        passed = card.passed
    else:
        written = []
        for path, reference in boxes.items():
            found = _paint_box(reference, saved, model.name)
            folder = output and (output / path.stem if len(boxes) > 1 else output)
            card, files = _score(path, reference, found, saved, folder)
            written += files
        others = {path.name: _load(path) for path in against or [PUBLISHED_PAINTER]}
        named = {path.stem: reference for path, reference in boxes.items()}
        whole = report(named, saved, others, draws)
        folder = output or Path("evaluation") / Path(box).stem
        write_text(folder / "report.json", json.dumps(whole.to_json(), indent=1) + "\n")
        _print(*([scorecard_table(card)] if len(boxes) == 1 else []), report_table(whole))
        draw_report(whole, folder / "report.png")
        written += [folder / "report.json", folder / "report.png"]
        passed = whole.passed
    for file in written:
        typer.echo(f"wrote {file}")
    if strict and not passed:
        raise typer.Exit(1)


def _score(
    source: Path, reference: "Box", found: "Box", saved: "SavedPainter", output: Path | None
) -> "tuple[Scorecard, list[Path]]":
    """Score one painted box, and write its card and figures."""
    import json

    from halokeras.boxes.box import halo_counts
    from halokeras.evaluation.figures import scorecard_figures
    from halokeras.evaluation.scorecard import score
    from halokeras.files import write_text

    selection = saved.provenance.selection
    card = score(reference, found, selection.mass_min, selection.mass_max)
    assert reference.density is not None  # or it would have no score
    folder = output or Path("evaluation") / source.stem
    write_text(folder / "scorecard.json", json.dumps(card.to_json(), indent=2) + "\n")
    figures = scorecard_figures(
        reference.density,
        halo_counts(reference, selection.mass_min, selection.mass_max),
        halo_counts(found),
        card,
        reference.voxel_size,
        folder,
    )
    return card, [folder / "scorecard.json", *figures]


@app.command()
def benchmark(
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs of each, in turn.")] = 7,
    side: Annotated[
        list[int] | None,
        typer.Option(
            min=32,
            help="Box to paint [voxels a side]; more than once for more.",
            show_default="128, 192, 256",
        ),
    ] = None,
    without_onednn: Annotated[
        bool,
        typer.Option("--without-onednn", help="Time updates without oneDNN too: some minutes."),
    ] = False,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")] = Path(
        "benchmark"
    ),
) -> None:
    """Time training and painting on this machine, beside stock Keras and, if there, PyTorch."""
    import json

    from halokeras.files import check_writable, write_text

    check_writable(output / "benchmark.json")
    _load_tensorflow()
    from halokeras.benchmark.run import benchmark, draw, tables

    found = benchmark(
        repeats, side or [128, 192, 256], without_onednn, lambda what: _tell("Timing", what)
    )
    write_text(output / "benchmark.json", json.dumps(found, indent=2) + "\n")
    draw(found, output / "growth.png")
    _print(*tables(found))
    for name in ("benchmark.json", "growth.png"):
        typer.echo(f"wrote {output / name}")


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
    from halokeras.boxes.cosmology import box_cosmology
    from halokeras.boxes.density import LptBox

    learned = saved.provenance
    _make_density(
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


def _load(model: Path) -> "SavedPainter":
    _load_tensorflow()
    from halokeras.training.model_store import load_painter

    return load_painter(_or_shipped(model, "saved_models"))


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
        _tell("Warning", warning, "yellow")
    with _progress("painting") as show:
        if seed is None:
            paint_file(given, saved, model, outputs[0], show, workers)
        else:
            draw_files(given, saved, model, outputs, seed, show, workers)


@contextmanager
def _workers(
    scheduler: str | None, density: Path, dataset: str | None, model: Path, saved: "SavedPainter"
) -> "Iterator[Workers | None]":
    """Connect to the Dask workers that paint, if a scheduler is named."""
    if scheduler is None:
        yield None
        return
    from halokeras.painting.cluster import Cluster, connected

    folder = _or_shipped(model, "saved_models").resolve()
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
    _tell("Interrupted", kept if journal.exists() else "nothing was painted yet", "yellow")


def _numbered(output: Path, count: int) -> list[Path]:
    """Name the files of several draws after `output`: box_0.h5, box_1.h5, ..."""
    width = len(str(count - 1))
    return [
        output.with_name(f"{output.stem}_{number:0{width}}{output.suffix}")
        for number in range(count)
    ]


def _paint_box(given: "Box", saved: "SavedPainter", model: str) -> "Box":
    """Paint as `_paint_file`, in memory."""
    from halokeras.painting.check import check_input
    from halokeras.painting.inputs import density_of
    from halokeras.painting.paint import paint_box

    for warning in check_input(saved.provenance, density_of(given)):
        _tell("Warning", warning, "yellow")
    with _progress("painting") as show:
        return paint_box(given, saved, model, show)


def _box_path(name: str) -> Path:
    """Give the box file `name`, or of box id `name` the realisation that was held out."""
    from halokeras.boxes.box_file import find_box

    path = Path(name)
    return path if path.suffix or path.is_file() else find_box(name)


def _or_shipped(path: Path, kind: Literal["params", "saved_models"]) -> Path:
    """Give `path`, or where there is none the file or folder of that name that ships."""
    from halokeras.resources import shipped

    beside = shipped(kind) / path.name
    return beside if not path.exists() and beside.exists() else path


class Show(Protocol):
    """Moves a progress bar to the fraction `done`, under another `task` if one is named."""

    def __call__(self, done: float, task: str | None = None) -> None: ...  # noqa: D102


@contextmanager
def _progress(task: str) -> Iterator[Show]:
    """Show a progress bar on stderr while the block runs, if that is a terminal."""
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        identity = bar.add_task(task, total=1)

        def show(done: float, task: str | None = None) -> None:
            bar.update(identity, completed=done, description=task)

        yield show


def _load_tensorflow() -> None:
    """Import TensorFlow without what it says on stderr, which no setting of its own silences."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _print(*tables: "RenderableType") -> None:
    """Print tables to stdout, as wide as the terminal, or in a file as wide as they need."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(*tables, sep="\n")


def _tell(what: str, message: str, color: str = "none") -> None:
    """Print one line to stderr, however long, without reading markup in it."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"{what}: {' '.join(message.split())}", style=color, markup=False)


if __name__ == "__main__":
    main()
