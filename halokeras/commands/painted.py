"""Paint what was asked, one density or many, and show it."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from halokeras.commands.terminal import listening, print_tables, progress, tell, wrote
from halokeras.errors import OutputError
from halokeras.readable import amount_of_bytes, duration

if TYPE_CHECKING:
    from halokeras.listener import Listener
    from halokeras.painting.expected.partial import PartialCounts
    from halokeras.painting.inputs.density import Density
    from halokeras.painting.request import PaintRequest


_NOTHING_KEPT = "nothing is done yet that is kept; the same command begins again"


def paint_one(request: "PaintRequest", as_json: bool, spectra: Path | None = None) -> None:
    """Paint, and show what was painted; write its power too where a file for it is named."""
    from halokeras.evaluation.powers import check_powers, write_powers
    from halokeras.evaluation.summary import painted_figure, summarize
    from halokeras.painting.files import kept_of, paint_files
    from halokeras.storage.figure_file import save_figure

    shown: dict[str, Any] = {}
    source = request.density if isinstance(request.density, Path) else None
    if spectra is not None:
        check_powers(request.outputs, spectra, request.overwrite)

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
            _warn_of(_damaged_listings(request), listener)
            written = paint_files(request, when_painted, listener)
    except KeyboardInterrupt:
        kept = kept_of(request)
        goes_on = f"what is done is kept in {kept}; the same command goes on with it"
        tell("Interrupted", goes_on if kept else _NOTHING_KEPT, "yellow")
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

    Raises
    ------
    OutputError
        At the end, if other processes were at some of them.
    """
    from halokeras.evaluation.powers import check_powers, write_powers
    from halokeras.listener import Listener
    from halokeras.painting.files import paint_files
    from halokeras.painting.wanted.outputs import FoundPainting, found_painting
    from halokeras.storage.files import Locked

    requests = [*by_seed.values()]
    total = len(requests)
    took: list[float] = []
    written: list[Path] = []
    found: list[Path] = []
    elsewhere = 0
    painted = [path for request in requests for path in request.outputs]
    if spectra is not None:
        check_powers(painted, spectra, requests[0].overwrite)
    for request in requests:
        _damaged_listings(request, read=False)
    with progress("painting") as show:
        listener = Listener(
            progress=lambda stage, fraction: show((done - 1) / total, f"{stage}, {files[0].name}"),
            warn=lambda message: tell("Warning", f"seed {seed}: {message}", "yellow"),
        )
        try:
            for done, seed in enumerate(by_seed, start=1):
                request = by_seed[seed]
                files = [*request.outputs, *request.catalogues]
                unlisted = _damaged_listings(request)
                _warn_of(unlisted, listener)
                there = FoundPainting() if unlisted else found_painting(request)
                if there.whole:
                    found += files
                else:
                    start = time.perf_counter()
                    try:
                        written += paint_files(request, listener=listener, damaged=there.damaged)
                    except Locked:
                        elsewhere += 1
                        tell("Left", f"{files[0]} to the process that makes it, {done} of {total}")
                        continue
                    took.append(time.perf_counter() - start)
                left = _left(took, total - done)
                tell("Found" if there.whole else "Painted", f"{files[0]}, {done} of {total}{left}")
        except KeyboardInterrupt:
            again = "begins again" if requests[0].overwrite else "goes on with those missing"
            tell("Interrupted", f"the same command {again}", "yellow")
            raise typer.Exit(130) from None
    if elsewhere:
        raise OutputError(
            f"{elsewhere} of {total} are made by other processes; once they are there, the same "
            "command finds them"
        )
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


def _damaged_listings(request: "PaintRequest", read: bool = True) -> list[Path]:
    """Return the catalogues that are there and damaged, as far as they are `read`.

    Raises
    ------
    OutputError
        If one lists its halos in another way, and is not to be replaced.
    """
    from halokeras.sources.tables.own import found_catalogue

    listing = request.listing
    if listing is None or request.overwrite:
        return []
    tells = request.names_tell
    states = {path: found_catalogue(path, listing.told, tells, read) for path in request.catalogues}
    return [path for path, state in states.items() if state == "damaged"]


def _warn_of(damaged: Sequence[Path], listener: "Listener") -> None:
    """Tell who listens which outputs are damaged."""
    from halokeras.storage.files import made_again

    for path in damaged:
        listener.warn(made_again(path))


def _left(took: Sequence[float], missing: int) -> str:
    """Say when the missing ones will be there, by the seconds that others took.

    The first says nothing of it: TensorFlow is compiled for it.
    """
    if len(took) < 2 or not missing:
        return ""
    return f", {duration(missing * sum(took[1:]) / len(took[1:]))} left"


def tell_cost(
    requests: Sequence["PaintRequest"], as_json: bool, spectra: Path | None = None
) -> None:
    """Say what painting, or drawing some realisations, will take, or refuse what it would."""
    from halokeras.evaluation.powers import check_powers
    from halokeras.painting.cost.total import cost

    if spectra is not None:
        painted = [path for request in requests for path in request.outputs]
        check_powers(painted, spectra, requests[0].overwrite)
    for request in requests:
        _damaged_listings(request, read=False)
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
