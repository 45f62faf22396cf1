"""From what is asked to painted files and the catalogues of draws."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from halokeras.environment import allotted_cores, load_tensorflow
from halokeras.listener import Listener
from halokeras.painting.catalogues.halos import listed
from halokeras.painting.catalogues.masses import Masses
from halokeras.painting.catalogues.places import Matter
from halokeras.painting.draws.counts import draw_files, draw_model_of
from halokeras.painting.expected.cluster import Cluster, FoundPainter
from halokeras.painting.expected.paint import paint_file, painted_header
from halokeras.painting.expected.partial import PartialCounts, partial_paths
from halokeras.painting.inputs.check import check_input
from halokeras.painting.inputs.density import Density
from halokeras.painting.modes.known import sub_voxel_box
from halokeras.painting.modes.matter import (
    MadeMatter,
    known_matter,
    sub_voxel_folder,
    sub_voxels_by_slabs,
)
from halokeras.painting.request import OwnDensity, PaintRequest
from halokeras.painting.wanted.density import check_request, opened
from halokeras.painting.wanted.outputs import (
    check_outputs,
    check_targets,
    damaged_outputs,
    found_density,
)
from halokeras.painting.wanted.seeded_density import make_density
from halokeras.simulation.fine_matter.fields import FineSums
from halokeras.simulation.lpt.density_file import header_to_make
from halokeras.simulation.slabs.out_of_core import has_slabs, slabs_folder
from halokeras.storage.files import made_again
from halokeras.workers import connected

WhenPainted = Callable[[Density, PartialCounts, float], None]


def paint_files(
    request: PaintRequest,
    when_painted: WhenPainted = lambda given, counts, seconds: None,
    listener: Listener = Listener(),  # noqa: B008  (it is frozen)
    damaged: Sequence[Path] | None = None,
) -> list[Path]:
    """Paint as asked; every file appears whole, catalogues once their draws are there.

    Parameters
    ----------
    request
        What to paint.
    when_painted
        Called with the density, the counts of the first file, all there but not yet under their
        name, and the seconds that painting took.
    listener
        Who is told what goes on.
    damaged
        The painted files that are there and damaged, where who asks has read them.

    Returns
    -------
    list of Path
        The box files and then the catalogues.

    Raises
    ------
    HalopaintError
        In one sentence, before anything is painted where that can be known.
    """
    painter, drawing = request.painter, request.drawing
    check_targets(request)
    fine_box = sub_voxel_box(request, None)
    slab_by_slab = fine_box is not None and sub_voxels_by_slabs(request, fine_box)
    if request.lpt is not None:
        check_request(request, header_to_make(request.lpt))  # before a density is made
    sums = None
    if fine_box is not None and not slab_by_slab:
        sums = FineSums.empty(fine_box.voxels)
    below = sub_voxel_folder(request) if slab_by_slab else None
    particles = make_density(request, listener, sums or (), below)
    made = None if particles is None else MadeMatter(particles, sums)
    del particles, sums  # what is made of them may take more memory than the painting
    with ExitStack() as files:
        workers = files.enter_context(_workers(request))
        given = files.enter_context(opened(request, workers))
        check_request(request, given.header)
        saved = painter.saved.under(given.header.cosmology, given.header.redshift)
        painter = replace(painter, saved=saved)
        request = replace(request, painter=painter)
        check_outputs(request, given)
        for path in damaged_outputs(request) if damaged is None else damaged:
            listener.warn(made_again(path))
        matter = files.enter_context(known_matter(request, given, listener, made))
        del made
        if given.header.cosmology is None and saved.provenance.cosmology is not None:
            own = isinstance(request.density, OwnDensity)
            listener.warn(
                "the density tells no cosmology: it is taken to have the one that the painter "
                f"learned; {'name it with --cosmology' if own else 'make a box that tells it'}"
            )
        for warning in check_input(painter.saved.provenance, given, request.force):
            listener.warn(warning)
        start = time.perf_counter()

        def when_filled(drawn: Sequence[PartialCounts]) -> None:
            when_painted(given, drawn[0], time.perf_counter() - start)
            for number in range(len(request.catalogues)):
                counts = drawn[number]
                files.enter_context(_listed(request, number, counts, given, matter, listener))

        paint: dict[str, Any] = {
            "progress": lambda fraction: listener.progress("painting", fraction),
            "workers": None if workers is None else workers.of(given.header),
            "when_filled": when_filled,
        }
        if drawing is None:
            paint_file(given, painter.saved, painter.name, request.target, **paint)
        else:
            seed, outputs = drawing.seed, request.outputs
            draw_files(given, painter.saved, painter.name, outputs, seed, **paint)
    return [*request.outputs, *request.catalogues]


def kept_of(request: PaintRequest) -> Path | None:
    """Return where the last of what is done lies, of a painting that was interrupted, if any is."""
    part, journal = partial_paths(request.outputs[0])
    if journal.exists():
        return part
    below, source = sub_voxel_folder(request), request.source.path
    if has_slabs(below):
        return below
    if request.lpt is None:
        return None
    if found_density(source, request.lpt).state == "whole":
        return source
    slabs = slabs_folder(source)
    return slabs if has_slabs(slabs) else None


@contextmanager
def _workers(request: PaintRequest) -> Iterator[Cluster | None]:
    """Connect to the Dask workers that paint, if a scheduler is named."""
    if request.scheduler is None:
        yield None
        return
    source, saved = request.source, request.painter.saved
    found = FoundPainter(
        request.painter.folder.resolve(),
        saved.folder_hash or saved.hash,
        None if saved.learned is None else saved.provenance.selection.mass_min,
    )
    with connected(request.scheduler) as client:
        if request.scheduler == "local":  # whose stderr is that of this process
            client.run(load_tensorflow)
        yield Cluster(client, source.path.resolve(), source.dataset, found)


def _listed(
    request: PaintRequest,
    number: int,
    drawn: PartialCounts,
    given: Density,
    matter: Matter,
    listener: Listener,
) -> AbstractContextManager[None]:
    """Write the catalogue of a draw, which takes its name once the draw has its own."""
    painter, listing = request.painter, request.listing
    assert listing is not None
    drawn.check_seen()
    told = request.told(number) | listing.told
    header = painted_header(given.header, given.hash, painter.saved, painter.name, **told)
    learned = painter.saved.provenance
    law = draw_model_of(painter.saved, painter.name).mass_law
    masses = None
    if law is not None and drawn.by_mass is not None:
        masses = Masses(drawn.by_mass, law, learned, header, listing.spheres)
    return listed(
        header,
        drawn.counts,
        request.catalogues[number],
        listing.format,
        learned.selection,
        matter,
        masses,
        listing.seen_along,
        lambda fraction: listener.progress("placing halos", fraction),
        allotted_cores(),
    )
