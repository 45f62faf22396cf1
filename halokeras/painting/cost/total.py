"""What a painting will take, said before it begins."""

from dataclasses import replace

from halokeras.fields.gridding import Shape
from halokeras.painting.cost.estimate import Estimate, estimate
from halokeras.painting.cost.listed_size import listed_on, listed_on_made
from halokeras.painting.draws.counts import draw_model_of
from halokeras.painting.modes.known import check_matter, sub_voxel_box
from halokeras.painting.modes.matter import check_sub_density, sub_voxel_folder
from halokeras.painting.request import PaintRequest
from halokeras.painting.wanted.density import check_request, opened
from halokeras.painting.wanted.outputs import (
    check_outputs,
    check_outputs_to_come,
    check_targets,
    found_density,
)
from halokeras.simulation.fine_matter.by_slabs import fine_by_slabs, fine_slab_estimate
from halokeras.simulation.fine_matter.fields import fine_estimate, kept_bytes
from halokeras.simulation.lpt.box import LptBox, LptEstimate
from halokeras.simulation.lpt.density_file import header_to_make
from halokeras.simulation.slabs.out_of_core import density_estimate, is_made_by_slabs


def cost(request: PaintRequest) -> tuple[Shape, Estimate]:
    """Return the voxels, and what painting them will take.

    The matter that is made for it counts, and the catalogues.

    Raises
    ------
    HalopaintError
        If it would not be painted, as far as the header of the density tells.
    """
    check_targets(request)
    shape, fine_box, listed = _looked_at(request)
    below, source = sub_voxel_folder(request), request.source.path
    apart = fine_box is not None and fine_by_slabs(fine_box, below, request.scheduler)
    made: list[LptEstimate] = []
    left = False
    if request.lpt is not None and found_density(source, request.lpt).state != "whole":
        made.append(density_estimate(request.lpt, source, request.scheduler, apart))
        left = is_made_by_slabs(request.lpt, source, request.scheduler)
    kept = 0
    if fine_box is not None and apart:
        fine = fine_slab_estimate(fine_box, below, left)
        made.append(replace(fine, work=fine.work + listed))  # pieces are kept as they are placed
    elif fine_box is not None:
        made.append(fine_estimate(fine_box))
        kept = kept_bytes(fine_box)
    # what is made below the voxels, if in memory, is of the particles that the density is of
    seconds = [one.seconds for one in made]
    making = sum(seconds) if apart else max(seconds, default=0.0)
    painted = _painting(request, shape)
    return shape, Estimate(
        seconds=painted.seconds + making,
        memory=max(painted.memory + kept, *(one.memory for one in made), 0),
        disk=painted.disk + listed + sum(one.disk for one in made),
        disk_free=painted.disk_free,
        work=max((one.work for one in made), default=0),
    )


def _looked_at(request: PaintRequest) -> tuple[Shape, LptBox | None, int]:
    """Return the voxels, what is made below them and the bytes of catalogues, or refuse them."""
    wanted = request.lpt
    if wanted is not None:
        check_request(request, header_to_make(wanted))
        check_sub_density(request, wanted.voxels)
        check_outputs_to_come(request, wanted)
        return wanted.voxels, sub_voxel_box(request, None), listed_on_made(request, wanted)
    with opened(request) as given:
        check_request(request, given.header)
        check_outputs(request, given)
        check_matter(request, given)
        check_sub_density(request, given.shape)
        return given.shape, sub_voxel_box(request, given), listed_on(request, given)


def _painting(request: PaintRequest, shape: Shape) -> Estimate:
    """Return what painting alone will take, on a density that is there."""
    saved, drawing = request.painter.saved, request.drawing
    if drawing is None:
        return estimate(shape, saved, False, request.target, files=1, size=4)
    size = 2
    if draw_model_of(saved, request.painter.name).mass_law:
        size += saved.painter.params.channels  # a byte of each, before they are packed
    return estimate(shape, saved, True, request.target, drawing.realizations, size)
