"""The density of a seed, made before it is painted, or found as it was made before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import DamagedError, HalopaintError
from halokeras.listener import Listener
from halokeras.painting.inputs import open_box_density
from halokeras.painting.request import PaintRequest
from halokeras.simulation.files.densities import LACKING, differences, make_density_file
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import LptParticles
from halokeras.storage.files import made_again, refusal


def make_density(
    request: PaintRequest, listener: Listener, beside: Sequence[NDArray[np.floating]] = ()
) -> LptParticles | None:
    """Make the density of a seed, if asked for and not there from before; return its particles.

    They are added to the grids that are given `beside`, if it is made in memory.
    """
    wanted, target = request.lpt, request.source.path
    if wanted is None:
        return None
    found = found_density(target, wanted)
    if found.state == "whole":
        listener.announce("Found", str(target))
        return None
    if found.state == "damaged" and request.names_tell:
        listener.warn(made_again(target))
    elif found.state in ("damaged", "other") and not request.overwrite:
        raise refusal(target, f"is there and {found.otherwise}")
    replace_it = request.overwrite or found.state in ("damaged", "without velocity")
    return make_density_file(wanted, target, listener, replace_it, request.scheduler, beside)


class FoundDensity(NamedTuple):
    """What there is of a wanted density.

    Attributes
    ----------
    state
        Whether its file is there, holds it whole, lacks but its velocity, is damaged, or is
        another.
    otherwise
        What it has instead, for a message.
    """

    state: Literal["absent", "whole", "without velocity", "damaged", "other"]
    otherwise: str = ""


def found_density(path: Path, wanted: LptBox) -> FoundDensity:
    """Say whether a file holds a wanted density."""
    if not path.exists():
        return FoundDensity("absent")
    try:
        with open_box_density(path) as given:
            other = differences(given.header, given.shape, given.velocity is not None, wanted)
    except DamagedError:
        return FoundDensity("damaged", "is damaged")
    except HalopaintError:
        return FoundDensity("other", "cannot be read as the box of a density")
    if other == [LACKING]:
        return FoundDensity("without velocity")
    return FoundDensity("other", f"has {', '.join(other)}") if other else FoundDensity("whole")
