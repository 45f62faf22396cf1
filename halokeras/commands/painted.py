"""Paint what was asked, one density or many, and show it."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from halokeras.commands.terminal import listening, print_tables, progress, tell, wrote
from halokeras.readable import amount_of_bytes, duration

if TYPE_CHECKING:
    from halokeras.listener import Listener
    from halokeras.painting.inputs import Density
    from halokeras.painting.partial import PartialCounts
    from halokeras.painting.request import PaintRequest


_NOTHING_KEPT = "nothing of the painting is kept yet; the same command begins it again"


def paint_one(request: "PaintRequest", as_json: bool, spectra: Path | None = None) -> None:
    """Paint, and show what was painted; write its power too where a file for it is named."""
    from halokeras.evaluation.powers import check_powers, write_powers
    from halokeras.evaluation.summary import painted_figure, summarize
    from halokeras.painting.files import paint_files, unfinished
    from halokeras.storage.figure_file import save_figure

    shown: dict[str, Any] = {}
    source = request.density if isinstance(request.density, Path) else None
    if spectra is not None:
        check_powers(request.outputs, spectra, request.overwrite)
    _check_listings(request)

    def when_painted(given: "Density", painted: "PartialCounts", seconds: float) -> None:
        shown["seconds"] = seconds
        mean = painted.mean()
        if mean == 0:
            heavy = request.painter.saved.provenance.selection.mass_min
            least = f" of {heavy:.3g} Msun/h or more" if heavy else ""
            tell("Warning", f"not a single halo{least} was painted", "yellow")
        if not as_json:
            counts = painted.counts
            several = len(request.outputs)
            which = f"{request.outputs[0].name}, the first of {several}" if several > 1 else ""
            shown["tables"] = summarize(
                given, counts, mean, source, request.painter, seconds, which
            )
        if request.picture is not None:
            drawn = request.drawing is not None
            counts = painted.counts
            shown["figure"] = painted_figure(given, counts, source, request.painter, drawn)

    try:
        with listening("painting") as listener:
            _listings_are_whole(request, listener)
            written = paint_files(request, when_painted, listener)
    except KeyboardInterrupt:
        part = unfinished(request)
        kept = f"what is painted is kept in {part}; the same command goes on with it"
        tell("Interrupted", kept if part else _NOTHING_KEPT, "yellow")
        raise typer.Exit(130) from None
    if request.picture is not None:
        save_figure(shown["figure"], request.picture)
        written.append(request.picture)
    if spectra is not None:
        write_powers(request.outputs, spectra, request.overwrite)
        written.append(spectra)
    if not as_json:
        print_tables(*shown["tables"])
    wrote(written, as_json, seconds=shown["seconds"], **_painter_of(request))


def paint_many(
    by_seed: Mapping[int, "PaintRequest"], as_json: bool, spectra: Path | None = None
) -> None:
    """Paint the density of one seed after another in this process, but for those that are there.

    The power of all is written where a file for it is named.
    """
    from halokeras.evaluation.powers import check_powers, write_powers
    from halokeras.listener import Listener
    from halokeras.painting.files import paint_files
    from halokeras.painting.outputs import is_painted

    requests = [*by_seed.values()]
    total = len(requests)
    took: list[float] = []
    written: list[Path] = []
    found: list[Path] = []
    painted = [path for request in requests for path in request.outputs]
    if spectra is not None:
        check_powers(painted, spectra, requests[0].overwrite)
    for request in requests:
        _check_listings(request)
    with progress("painting") as show:
        listener = Listener(
            progress=lambda stage, fraction: show((done - 1) / total, f"{stage}, {files[0].name}"),
            warn=lambda message: tell("Warning", f"seed {seed}: {message}", "yellow"),
        )
        try:
            for done, seed in enumerate(by_seed, start=1):
                request = by_seed[seed]
                files = [*request.outputs, *request.catalogues]
                # and its catalogues list halos as asked, or it was refused
                there = _listings_are_whole(request, listener) and is_painted(request)
                if there:
                    found += files
                else:
                    start = time.perf_counter()
                    written += paint_files(request, listener=listener)
                    took.append(time.perf_counter() - start)
                left = _left(took, total - done)
                tell("Found" if there else "Painted", f"{files[0]}, {done} of {total}{left}")
        except KeyboardInterrupt:
            again = "begins again" if requests[0].overwrite else "goes on with those missing"
            tell("Interrupted", f"the same command {again}", "yellow")
            raise typer.Exit(130) from None
    if spectra is not None:
        write_powers(painted, spectra, requests[0].overwrite)
        written.append(spectra)
    tell("Done", f"{len(took)} painted, {total - len(took)} found")
    wrote(written, as_json, found, **_painter_of(requests[0]))


def _painter_of(request: "PaintRequest") -> dict[str, Any]:
    """Return what a script is told of the painter, and of the halos that it paints."""
    saved = request.painter.saved
    return {
        "model": request.painter.name,
        "model_hash": saved.hash,
        "mass_min": saved.provenance.selection.mass_min,
    }


def _check_listings(request: "PaintRequest") -> None:
    """Refuse to replace a catalogue that lists its halos in another way."""
    from halokeras.painting.outputs import DAMAGED
    from halokeras.sources.tables.own import is_cut, told_otherwise
    from halokeras.storage.files import refusal_of_other

    listing = request.listing
    if listing is None or request.overwrite:
        return
    for path in filter(Path.exists, request.catalogues):
        cut = is_cut(path)
        if cut and request.names_tell:
            continue
        other = DAMAGED if cut else told_otherwise(path, listing.told)
        if other:
            raise refusal_of_other(path, other)


def _listings_are_whole(request: "PaintRequest", listener: "Listener") -> bool:
    """Whether no catalogue that is there is damaged; who listens is told which are."""
    from halokeras.sources.tables.own import is_whole
    from halokeras.storage.files import made_again

    there = [] if request.overwrite else filter(Path.exists, request.catalogues)
    damaged = [path for path in there if not is_whole(path)]
    for path in damaged:
        listener.warn(made_again(path))
    return not damaged


def _left(took: Sequence[float], missing: int) -> str:
    """Say when the missing ones will be there, by the seconds that others took.

    The first says nothing of it: TensorFlow is compiled for it.
    """
    if len(took) < 2 or not missing:
        return ""
    return f", {duration(missing * sum(took[1:]) / len(took[1:]))} left"


def tell_cost(requests: Sequence["PaintRequest"], as_json: bool) -> None:
    """Say what painting, or drawing some realisations, will take."""
    from halokeras.painting.cost import cost

    for request in requests:
        _check_listings(request)
    shape, expected = cost(requests[0])
    many, painter = len(requests), requests[0].painter
    if as_json:
        told = {"voxels": shape, "times": many, "model": painter.name, **vars(expected)}
        told |= {name: many * told[name] for name in ("seconds", "disk")}
        typer.echo(json.dumps(told))
        return
    voxels = " x ".join(str(side) for side in shape) + " voxels"
    voxels += "" if many == 1 else f", {many} times"
    slabs = f"; {amount_of_bytes(expected.work)} meanwhile, for what is made slab by slab"
    typer.echo(
        f"{voxels}, by the painter {painter.name}: "
        f"about {duration(max(many * expected.seconds, 1))} on this machine, "
        f"{amount_of_bytes(expected.memory)} of memory, "
        f"{amount_of_bytes(many * expected.disk)} of disk "
        f"({amount_of_bytes(expected.disk_free)} are free{slabs if expected.work else ''})"
    )
