"""From what is asked to painted files and the catalogues of draws."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from halokeras.boxes.box_file import Header, open_box_file
from halokeras.errors import HalopaintError
from halokeras.fields.gridding import Shape
from halokeras.listener import Listener
from halokeras.painting.catalogue import check_listed, listed
from halokeras.painting.catalogue_formats import check_format
from halokeras.painting.check import check_fit, check_input
from halokeras.painting.cluster import Cluster, FoundPainter
from halokeras.painting.draws import draw_files, draw_model_of
from halokeras.painting.estimate import Estimate, estimate
from halokeras.painting.inputs import Density, open_box_density, open_density
from halokeras.painting.known_matter import (
    check_matter,
    check_sub_density,
    known_matter,
    sub_voxel_box,
    sub_voxel_folder,
    sub_voxels_by_slabs,
)
from halokeras.painting.masses import Masses, check_spheres
from halokeras.painting.paint import box_conditions, paint_file, painted_header
from halokeras.painting.partial import PartialCounts, partial_paths
from halokeras.painting.places import Matter
from halokeras.painting.request import OwnDensity, Request
from halokeras.painting.written_rows import COUNTS, COUNTS_BY_MASS
from halokeras.simulation.density import LptParticles
from halokeras.simulation.files import make_density_file
from halokeras.simulation.fine_fields import fine_estimate, kept_bytes
from halokeras.simulation.fine_slabs import fine_by_slabs, fine_slab_estimate
from halokeras.simulation.lpt_box import LptBox
from halokeras.simulation.lpt_recipe import PARTICLES
from halokeras.simulation.out_of_core import density_estimate
from halokeras.storage.files import check_no_folder, refusal
from halokeras.workers import connected

WhenPainted = Callable[[Density, PartialCounts, float], None]
_SAME = ("model_hash", "source_box_hash", "draw_seed", "draw_realization")


def paint_files(
    request: Request,
    when_painted: WhenPainted = lambda given, counts, seconds: None,
    told: Listener = Listener(),  # noqa: B008  (it is frozen)
) -> list[Path]:
    """Paint as asked; every file appears whole, catalogues once their draws are there.

    Parameters
    ----------
    request
        What to paint.
    when_painted
        Called with the density, the counts of the first file, all there but not yet under their
        name, and the seconds that painting took.
    told
        Who is told what goes on.

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
    for path in _written(request):
        check_no_folder(path)
    fine_box = sub_voxel_box(request, None)
    slab_by_slab = fine_box is not None and sub_voxels_by_slabs(request, fine_box)
    if request.lpt is not None:
        _check_request(request, _header_to_make(request.lpt))  # before a density is made
    particles = _make_density(request, told)
    if slab_by_slab:
        particles = None  # its modes are drawn again
    with ExitStack() as files:
        workers = files.enter_context(_workers(request))
        given = files.enter_context(_opened(request, workers))
        _check_request(request, given.header)
        saved = painter.saved.under(given.header.cosmology, given.header.redshift)
        painter = replace(painter, saved=saved)
        request = replace(request, painter=painter)
        _check_outputs(request, given)
        matter = files.enter_context(known_matter(request, given, told, particles))
        del particles  # its modes may take more memory than the painting
        if given.header.cosmology is None and saved.provenance.cosmology is not None:
            own = isinstance(request.density, OwnDensity)
            told.warn(
                "the density tells no cosmology: it is taken to have the one that the painter "
                f"learned; {'name it with --cosmology' if own else 'make a box that tells it'}"
            )
        for warning in check_input(painter.saved.provenance, given, request.force):
            told.warn(warning)
        start = time.perf_counter()

        def when_filled(drawn: Sequence[PartialCounts]) -> None:
            when_painted(given, drawn[0], time.perf_counter() - start)
            for number in range(len(request.catalogues)):
                files.enter_context(_listed(request, number, drawn[number], given, matter, told))

        paint: dict[str, Any] = {
            "progress": lambda fraction: told.progress("painting", fraction),
            "workers": None if workers is None else workers.of(given.header),
            "when_filled": when_filled,
        }
        if drawing is None:
            paint_file(given, painter.saved, painter.name, request.target, **paint)
        else:
            seed, outputs = drawing.seed, request.outputs
            draw_files(given, painter.saved, painter.name, outputs, seed, **paint)
    return [*request.outputs, *request.catalogues]


def is_painted(request: Request) -> bool:
    """Whether all that is asked is there already, whole and of this very painting.

    Catalogues need only be there: how they list halos is not looked at.
    """
    files = [request.source.path, *_written(request)]
    if request.overwrite or not all(path.exists() for path in files):
        return False
    wanted = request.lpt
    if wanted is not None and _found_density(request.source.path, wanted) != "whole":
        return False
    with _opened(request) as given:
        return all(
            _is_painting(output, _told(request, given, number))
            for number, output in enumerate(request.outputs)
        )


def cost(request: Request) -> tuple[Shape, Estimate]:
    """Return the voxels, and what painting them will take, with the matter that is made for it.

    Raises
    ------
    HalopaintError
        If it would not be painted, as far as the header of the density tells.
    """
    for path in _written(request):
        check_no_folder(path)
    saved, drawn = request.painter.saved, request.drawing is not None
    files, size = (1, 4) if request.drawing is None else (request.drawing.realizations, 2)
    if drawn and draw_model_of(saved, request.painter.name).mass_law:
        size += saved.painter.params.channels  # a byte of each, before they are packed
    if request.lpt is None:
        with _opened(request) as given:
            _check_request(request, given.header)
            _check_outputs(request, given)
            check_matter(request, given)
            check_sub_density(request, given)
            shape, fine_box = given.shape, sub_voxel_box(request, given)
        made = []
    else:
        _check_request(request, _header_to_make(request.lpt))
        shape, fine_box = request.lpt.voxels, sub_voxel_box(request, None)
        made = [density_estimate(request.lpt, request.source.path, request.scheduler)]
    kept, apart = 0, False
    if fine_box is not None and fine_by_slabs(
        fine_box, sub_voxel_folder(request), request.scheduler
    ):
        made.append(fine_slab_estimate(fine_box))
        apart = True
    elif fine_box is not None:
        made.append(fine_estimate(fine_box))
        kept = kept_bytes(fine_box)
    # what is made below the voxels, if in memory, is of the particles that the density is of
    seconds = [one.seconds for one in made]
    making = sum(seconds) if apart else max(seconds, default=0.0)
    painted = estimate(shape, saved, drawn, request.target, files, size)
    return shape, Estimate(
        seconds=painted.seconds + making,
        memory=max(painted.memory + kept, *(one.memory for one in made), 0),
        disk=painted.disk + sum(one.disk for one in made),
        disk_free=painted.disk_free,
        work=max((one.work for one in made), default=0),
    )


def unfinished(request: Request) -> Path | None:
    """Return what is kept of a painting that was interrupted, if anything is."""
    part, journal = partial_paths(request.outputs[0])
    return part if journal.exists() else None


def _written(request: Request) -> list[Path]:
    """Return the files that are written beside a density that is made."""
    pictures = [] if request.picture is None else [request.picture]
    return [*request.outputs, *request.catalogues, *pictures]


def _opened(request: Request, workers: Cluster | None = None) -> AbstractContextManager[Density]:
    """Open the density, which workers look at where there are any."""
    own, looks = request.density, {} if workers is None else {"see": workers.see}
    if isinstance(own, OwnDensity):
        return open_density(
            own.file.path,
            own.file.dataset,
            own.voxel_size,
            own.redshift,
            own.contrast,
            own.cosmology,
            **looks,
        )
    return open_box_density(request.source.path, **looks)


def _header_to_make(wanted: LptBox) -> Header:
    """Return what is known of a density before it is made."""
    return Header(wanted.voxel_size, wanted.redshift, wanted.cosmology, {})


def _check_request(request: Request, header: Header) -> None:
    """Refuse what cannot be painted, drawn or listed of a density that so describes itself."""
    saved, name, listing = request.painter.saved, request.painter.name, request.listing
    draws = None if request.drawing is None else draw_model_of(saved, name)
    if listing is not None and draws is not None:
        check_format(listing.format)
        check_listed(listing.seen_along, header)
        check_spheres(listing.spheres, draws.mass_law, saved.provenance, header)
    if not request.force:
        check_fit(saved.provenance, header)
    box_conditions(header, saved)


def _make_density(request: Request, told: Listener) -> LptParticles | None:
    """Make the density of a seed, if asked for and not there from before; return its particles."""
    wanted, target = request.lpt, request.source.path
    if wanted is None:
        return None
    found = _found_density(target, wanted)
    if found == "whole":
        told.announce("Found", str(target))
        return None
    replace_it = request.overwrite or found == "without velocity"
    return make_density_file(wanted, target, told, replace_it, request.scheduler)


def _found_density(path: Path, wanted: LptBox) -> Literal["whole", "without velocity", "absent"]:
    """Say whether a file holds a wanted density, and whether only its velocity lacks."""
    if not path.exists():
        return "absent"
    try:
        with open_box_density(path) as given:
            header, moves = given.header, given.velocity is not None
            held = (given.shape, header.voxel_size, header.redshift, header.cosmology)
    except HalopaintError:
        return "absent"
    names = ("seed", "density_scheme", "particles_per_voxel", "initial_modes")
    told = [header.provenance.get(name) for name in names]
    asked = (wanted.voxels, wanted.voxel_size, wanted.redshift, wanted.cosmology)
    if held != asked or told != [wanted.seed, "2lpt", PARTICLES**3, None]:
        return "absent"
    return "whole" if moves or not wanted.velocity else "without velocity"


@contextmanager
def _workers(request: Request) -> Iterator[Cluster | None]:
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
        yield Cluster(client, source.path.resolve(), source.dataset, found)


def _listed(
    request: Request,
    number: int,
    drawn: PartialCounts,
    given: Density,
    matter: Matter,
    told: Listener,
) -> AbstractContextManager[None]:
    """Write the catalogue of a draw, which takes its name once the draw has its own."""
    painter, listing = request.painter, request.listing
    assert listing is not None
    drawn.check_seen()
    header = painted_header(
        given, painter.saved, painter.name, **request.told(number), **listing.told
    )
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
        lambda fraction: told.progress("placing halos", fraction),
    )


def _check_outputs(request: Request, given: Density) -> None:
    """Refuse to replace what is not this painting made again."""
    if request.overwrite:
        return
    for number, output in enumerate(request.outputs):
        told = _told(request, given, number)
        beside = request.catalogues[number : number + 1]
        if request.picture is not None and number == 0:
            beside.append(request.picture)
        for path in (output, *beside):  # what lies beside a painting belongs to it
            if path.exists() and not _is_painting(output, told):
                raise refusal(path)


def _told(request: Request, given: Density, number: int) -> dict[str, Any]:
    """Return what the provenance of the file of that number tells of its painting."""
    return {
        "model_hash": request.painter.saved.hash,
        "source_box_hash": given.hash,
        **request.told(number),
    }


def _is_painting(path: Path, told: dict[str, Any]) -> bool:
    """Whether a file is the painting that `told` tells of, and nothing more."""
    if not path.exists():
        return False
    try:
        with open_box_file(path) as (header, fields):
            held = [header.provenance.get(key) for key in _SAME]
            painted = set(fields) <= {COUNTS, COUNTS_BY_MASS}
            return painted and held == [told.get(key) for key in _SAME]
    except HalopaintError:
        return False
