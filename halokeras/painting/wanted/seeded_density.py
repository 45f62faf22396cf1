"""The density of a seed, made before it is painted, or found as it was made before."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.listener import Listener
from halokeras.painting.modes.matter import check_sub_density
from halokeras.painting.request import PaintRequest
from halokeras.painting.wanted.outputs import check_outputs_to_come, found_density
from halokeras.simulation.files.densities import make_density_file
from halokeras.simulation.lpt.density import LptParticles
from halokeras.simulation.slabs.out_of_core import remove_finished_slabs
from halokeras.storage.files import made_again, refusal


def make_density(
    request: PaintRequest,
    listener: Listener,
    beside: Sequence[NDArray[np.floating]] = (),
    matter_in: Path | None = None,
) -> LptParticles | None:
    """Make the density of a seed, if asked for and not there from before; return its particles.

    They are added to the grids that are given `beside`, if it is made in memory; `matter_in` is as
    in `make_density_file`.
    """
    wanted, target = request.lpt, request.source.path
    if wanted is None:
        return None
    found = found_density(target, wanted)
    if found.state == "whole":
        remove_finished_slabs(wanted, target)
        listener.announce("Found", str(target))
        return None
    if found.state == "damaged" and request.names_tell:
        listener.warn(made_again(target))
    elif found.state in ("damaged", "other") and not request.overwrite:
        raise refusal(target, f"is there and {found.otherwise}")
    check_sub_density(request, wanted.voxels)
    check_outputs_to_come(request, wanted)
    replace_it = request.overwrite or found.state in ("damaged", "without velocity")
    return make_density_file(
        wanted, target, listener, replace_it, request.scheduler, beside, matter_in
    )
