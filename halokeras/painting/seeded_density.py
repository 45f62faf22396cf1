"""The density of a seed, made before it is painted, or found as it was made before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import HalopaintError
from halokeras.fields.gridding import shape_text
from halokeras.listener import Listener
from halokeras.painting.inputs import open_box_density
from halokeras.painting.request import PaintRequest
from halokeras.readable import differences_told
from halokeras.simulation.density import LptParticles
from halokeras.simulation.files import make_density_file
from halokeras.simulation.lpt_box import LptBox
from halokeras.simulation.lpt_recipe import PARTICLES
from halokeras.storage.files import refusal


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
    if found.state == "other" and not request.overwrite:
        raise refusal(target, f"is there and holds something else ({found.otherwise})")
    replace_it = request.overwrite or found.state == "without velocity"
    return make_density_file(wanted, target, listener, replace_it, request.scheduler, beside)


class FoundDensity(NamedTuple):
    """What there is of a wanted density.

    Attributes
    ----------
    state
        Whether its file is there, holds it whole, lacks but its velocity, or is another.
    otherwise
        In what it is another, for a message.
    """

    state: Literal["absent", "whole", "without velocity", "other"]
    otherwise: str = ""


def found_density(path: Path, wanted: LptBox) -> FoundDensity:
    """Say whether a file holds a wanted density."""
    if not path.exists():
        return FoundDensity("absent")
    try:
        with open_box_density(path) as given:
            header, shape, moves = given.header, given.shape, given.velocity is not None
    except HalopaintError:
        return FoundDensity("other", "it cannot be read as the box of a density")
    known = {} if header.cosmology is None else vars(header.cosmology)
    held = {"redshift": header.redshift, "voxel_size": header.voxel_size, **known}
    held |= {"voxels": shape_text(shape), **header.provenance}
    asked = {
        "seed": wanted.seed,
        "redshift": wanted.redshift,
        "voxels": shape_text(wanted.voxels),
        "voxel_size": wanted.voxel_size,
        **vars(wanted.cosmology),
        "density_scheme": "2lpt",
        "particles_per_voxel": PARTICLES**3,
        "initial_modes": None,
    }
    others = [name for name, value in asked.items() if held.get(name) != value]
    if others:
        return FoundDensity("other", differences_told(others, held, asked))
    return FoundDensity("whole" if moves or not wanted.velocity else "without velocity")
