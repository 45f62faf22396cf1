"""A box that params ask for by id and seed: found, and compared with all that was asked of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.boxes.box import Provenance
from halokeras.boxes.box_file import Header, box_name, open_box_file
from halokeras.cosmology.cosmology import CRITICAL_DENSITY, Cosmology, box_cosmology
from halokeras.errors import BoxError
from halokeras.params import BoxName, BoxParams
from halokeras.readable import differences_told
from halokeras.resources import shipped

_TOLERANCE = 1e-3
"""Relative difference of two numbers that were meant to be the same, in a box of others."""
_OWN_TOLERANCE = 1e-6
"""Of a box that was simulated here, whose numbers are those that were asked."""


class OtherBoxError(BoxError):
    """A box of the id and seed that are asked for, but not as asked otherwise."""


@dataclass(frozen=True)
class AskedBox:
    """What is asked of a box.

    Attributes
    ----------
    id, seed
        Cosmology, ``00`` to ``04``, and realisation.
    size
        Side [Mpc/h].
    redshift
        Redshift of its fields.
    particles
        Particles a side that its halos were found among.
    own
        Another cosmology than that of the id, which is then nothing but a name.
    voxel_size
        Side of a voxel [Mpc/h], if it is asked.
    engine
        What a box with halos tells of the N-body engine that made it, if such a one is asked.
    """

    id: str
    seed: int
    size: float
    redshift: float
    particles: int
    own: Cosmology | None = None
    voxel_size: float | None = None
    engine: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Name of the file, where another box of this id and seed has the plain one."""
        plain = Path(box_name(self.id, self.seed))
        told = f"{self.size:g}Mpc_{self.particles}particles_z{self.redshift:g}"
        return f"{plain.stem}_{told}{plain.suffix}"

    @property
    def cosmology(self) -> Cosmology:
        """That of the id, or another that was asked."""
        return self.own or box_cosmology(self.id)


def asked_for(name: BoxName, params: BoxParams) -> AskedBox:
    """Return what params ask of a box that they name by id and seed."""
    assert name.id is not None and name.seed is not None
    return AskedBox(name.id, name.seed, params.size, params.redshift, params.particles)


def find_asked(asked: AskedBox) -> Path | None:
    """Find the box that is asked for in ./boxes or among the shipped ones.

    Returns
    -------
    Path or None
        None if there is no box of that id and seed.

    Raises
    ------
    BoxError
        If the id is unknown, or a file cannot be read.
    OtherBoxError
        If there are boxes of that id and seed but none is as asked; the message states both values
        of what differs.
    """
    box_cosmology(asked.id)
    refused = []
    for path in _candidates(asked):
        found = differences(path, asked)
        if not found:
            return path
        refused.append(f"{path} has {', '.join(found)}")
    if refused:
        raise OtherBoxError("; ".join(refused))
    return None


def _candidates(asked: AskedBox) -> list[Path]:
    """List the boxes of an id and seed, those of the plain name first."""
    plain = Path(box_name(asked.id, asked.seed))
    number = r"[\d.e+-]+"
    told = rf"(_{number}Mpc)?(_\d+particles)?(_voxel{number})?(_z{number})?"
    named = re.compile(re.escape(plain.stem) + told + re.escape(plain.suffix))
    return sorted(
        (
            path
            for folder in (shipped("boxes"), Path("boxes"))
            for path in folder.glob(f"{plain.stem}*{plain.suffix}")
            if named.fullmatch(path.name)
        ),
        key=lambda path: len(path.name),
    )


def differences(path: Path, asked: AskedBox) -> list[str]:
    """Say what a box file says of itself that is not as asked, one clause each."""
    with open_box_file(path) as (header, fields):
        shapes = [fields[name].shape for name in ("density", "counts") if name in fields]
        if not shapes:
            raise BoxError(f"{path} has neither density nor counts; remove it, or name another")
        other = _differences(header, shapes[0], asked)
        lacks_halos = asked.engine is not None and "halos/position" not in fields
        return [*other, "no halos"] if lacks_halos else other  # as a density of the seed


def _differences(header: Header, shape: tuple[int, ...], asked: AskedBox) -> list[str]:
    size = max(shape) * header.voxel_size
    cosmology, wanted = header.cosmology, asked.cosmology
    # an id that others gave to their boxes means nothing; their cosmology does
    numbers = {
        "redshift": (header.redshift, asked.redshift),
        "size": (size, asked.size),
        "particles": (_particles(header, size), asked.particles),
        **{
            f"cosmology {name}": (None if cosmology is None else getattr(cosmology, name), value)
            for name, value in vars(wanted).items()
        },
    }
    if asked.voxel_size is not None:
        numbers["voxel_size"] = (header.voxel_size, asked.voxel_size)
    simulated_here = "engine" in header.provenance
    tolerance = _OWN_TOLERANCE if simulated_here else _TOLERANCE
    other = [] if asked.engine is None else _of_engine(header.provenance, asked.engine)
    seed = header.provenance.get("seed")
    other += [f"seed {seed} instead of {asked.seed}"] if seed not in (None, asked.seed) else []
    return other + [
        f"{name} {has:.10g} instead of {value:.10g}"
        for name, (has, value) in numbers.items()
        if has is not None and not np.isclose(has, value, rtol=tolerance, atol=tolerance / 10)
    ]


def _of_engine(provenance: Provenance, engine: Mapping[str, Any]) -> list[str]:
    if "engine" not in provenance:
        return ["no N-body engine"]
    unlike = [name for name, value in engine.items() if provenance.get(name) != value]
    return [differences_told(unlike, provenance, engine)] if unlike else []


def _particles(header: Header, size: float) -> float | None:
    """Return how many particles of the stated mass fill a side, if a mass is stated."""
    mass = _number(header.provenance.get("particle_mass"))
    if mass is None or mass <= 0 or header.cosmology is None:
        return None
    per_volume = CRITICAL_DENSITY * header.cosmology.omega_m / mass
    return float(round(size * per_volume ** (1 / 3), 2))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
