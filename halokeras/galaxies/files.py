"""From the file of halos to the catalogue of galaxies in them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import SOFTWARE
from halokeras.boxes.masses import BY_DENSITY
from halokeras.cosmology.cosmology import Cosmology, other_parameters
from halokeras.cosmology.halo_structure import CONCENTRATIONS
from halokeras.errors import BoxError, OutputError
from halokeras.galaxies.hosts import Hosts, open_hosts
from halokeras.galaxies.missing import missing_share
from halokeras.galaxies.populate import Universe, numbers, populate
from halokeras.galaxies.request import GalaxyRequest, parameters
from halokeras.listener import Listener
from halokeras.painting.catalogues.formats import (
    FORMATS,
    About,
    catalogue_file,
    check_format,
    format_of,
)
from halokeras.sections import MassDefinition
from halokeras.sources.tables.own import found_catalogue
from halokeras.statistics.occupation import Occupation
from halokeras.storage.files import check_could_be_written, made_again

_WORTH_TELLING = 0.01
"""Share of galaxies that are missing."""
_NOT_OF_GALAXIES = (*SOFTWARE, "radii")
"""What a file of halos tells of its own making, and of columns of halos that galaxies lack."""
_MOST_SATELLITES = 10_000
"""Of a halo; the richest clusters have hundreds that are as bright as any threshold."""


@dataclass(frozen=True)
class Populated:
    """What was written.

    Attributes
    ----------
    path
        The catalogue.
    galaxies, satellites
        How many galaxies it has, and how many of them are satellites.
    volume
        Of the box [(Mpc/h)^3].
    halos
        Halos that could have held galaxies.
    least_mass
        Of the lightest of them [Msun/h].
    missing
        Share of the galaxies that live in halos lighter than that, by the mass function.
    """

    path: Path
    galaxies: int
    satellites: int
    volume: float
    halos: int
    least_mass: float
    missing: float


def populate_file(
    request: GalaxyRequest,
    listener: Listener = Listener(),  # noqa: B008  (it is frozen)
) -> Populated:
    """Put galaxies into halos and write them to a catalogue, which appears whole.

    Raises
    ------
    HalopaintError
        In one sentence: if the halos cannot be populated, or the catalogue cannot be written.
    """
    occupation = request.occupation()
    check_format(request.format)
    check_could_be_written(request.target)
    named = format_of(request.target)
    if named is None:
        endings = ", ".join(one.suffix for one in FORMATS.values())
        raise OutputError(f"{request.target}: catalogues end in {endings}; name it so")
    if named != request.format:
        raise OutputError(
            f"{request.target} has the name of a {named} file and would be {request.format}; name "
            f"--catalogue-format {named}, or another --output"
        )
    with open_hosts(request.halos, request.definition) as hosts:
        cosmology = _cosmology(hosts, request.cosmology)
        if request.seen_along is not None and not hosts.moving:
            raise BoxError(
                f"{hosts.name} tells no velocities of its halos, which --redshift-space needs; "
                "leave it out, or name halos with velocities"
            )
        words = str(hosts.about.get("mass_definition", ""))
        if hosts.definition is None and words not in ("", "unknown"):
            listener.warn(
                f"{hosts.name} states masses of '{words}', of which galaxies know no sphere: they "
                "are taken for virial ones; name --mass-definition where the file has others"
            )
        universe = Universe(hosts.box_size, cosmology, hosts.redshift, _sphere(hosts))
        counted = _count(hosts, occupation, request, cosmology, listener)
        about = _about(hosts, universe, occupation, request, counted.least_mass)
        same = {name: value for name, value in about.items() if name != "software_version"}
        if (
            not request.overwrite
            and found_catalogue(request.target, same, request.output is None) == "damaged"
        ):
            listener.warn(made_again(request.target))
        names = ["halo_id", "galaxy_type", "x", "y", "z", hosts.column]
        names += ["vx", "vy", "vz"] if hosts.moving else []
        names += [] if request.seen_along is None else [f"{request.seen_along}_rsd"]
        done = 0
        with catalogue_file(request.target, request.format, names, counted.galaxies, about) as add:
            for halos, mass in hosts.pieces():
                found = populate(
                    halos, mass, occupation, request.seed, universe, request.seen_along
                )
                found[hosts.column] = found.pop("mass")
                add({name: found[name] for name in names})
                done += len(halos)
                listener.progress("placing galaxies", done / counted.halos)
    return counted


def _sphere(hosts: Hosts) -> MassDefinition:
    """Return the spheres that satellites lie within.

    Of groups those that the file took them for, with whose radii and concentrations it lists them,
    or virial ones.
    """
    if hosts.definition not in (None, "fof"):
        return hosts.definition
    return next((sphere for sphere in BY_DENSITY if sphere == hosts.about.get("radii")), "virial")


def _cosmology(hosts: Hosts, given: Cosmology | None) -> Cosmology:
    """Return the cosmology of the halos, which is told by their file or else given."""
    if hosts.cosmology is None:
        if given is None:
            raise BoxError(f"{hosts.name} tells no cosmology; give it with --cosmology FILE")
        return given
    if given is not None and other_parameters(given, hosts.cosmology.parameters):
        raise BoxError(
            f"{hosts.name} tells {hosts.cosmology} and --cosmology is {given}; leave out "
            "--cosmology"
        )
    return hosts.cosmology


def _count(
    hosts: Hosts,
    occupation: Occupation,
    request: GalaxyRequest,
    cosmology: Cosmology,
    listener: Listener,
) -> Populated:
    """Count the galaxies that there will be, and warn of those that there cannot be."""
    halos = galaxies = satellites = 0
    least = np.inf
    for piece, mass in hosts.pieces():
        assert piece.id is not None
        _check_satellites(occupation, mass, hosts, request)
        central, several = numbers(piece.id, mass, occupation, request.seed)
        halos += len(mass)
        satellites += int(several.sum())
        galaxies += int(central.sum() + several.sum())
        least = min(least, float(mass.min(initial=np.inf)))
    if halos == 0:
        raise BoxError(
            f"{hosts.name} holds no halos to put galaxies into; draw them in a larger box, or from "
            "a lower --mass-min on"
        )
    if galaxies == 0:
        other = "choose a fainter --threshold"
        if request.params is not None:
            other = f"lower logMmin in {request.params}"
        raise BoxError(
            f"the {halos} halos of {hosts.name} hold no {request.sample}; check that their masses "
            f"are in Msun/h, or {other}"
        )
    least = max(least, hosts.least_group)
    missing = missing_share(occupation, least, cosmology, hosts.redshift, hosts.definition)
    if missing > _WORTH_TELLING:
        listener.warn(
            f"{missing:.0%} of the {request.sample} live in halos "
            f"lighter than {least:.3g} Msun/h, the lightest of {hosts.name}, and are missing"
        )
    volume = float(np.prod(hosts.box_size))
    return Populated(request.target, galaxies, satellites, volume, halos, least, missing)


def _check_satellites(
    occupation: Occupation, mass: NDArray[np.floating], hosts: Hosts, request: GalaxyRequest
) -> None:
    """Refuse an occupation that puts more galaxies into a halo than any cluster holds."""
    if not len(mass):
        return
    heaviest = mass.max(keepdims=True)  # it holds the most
    with np.errstate(over="ignore", invalid="ignore"):
        expected = occupation.satellites(heaviest)
    if expected[0] <= _MOST_SATELLITES:
        return
    remedy = "check that masses are in Msun/h"
    if request.params is not None:
        remedy += f", and logM1 and alpha in {request.params}"
    raise BoxError(
        f"a halo of {heaviest[0]:.3g} Msun/h of {hosts.name} would hold more than "
        f"{_MOST_SATELLITES:,} satellites; {remedy}"
    )


def _about(
    hosts: Hosts,
    universe: Universe,
    occupation: Occupation,
    request: GalaxyRequest,
    least_mass: float,
) -> About:
    """Return what the catalogue tells of itself, after what the halos' file tells."""
    kept = {
        name: value
        for name, value in hosts.about.items()
        if isinstance(value, str | int | float) and name not in _NOT_OF_GALAXIES
    }
    return {
        **kept,
        "Lbox": list(universe.box_size),
        "redshift": universe.redshift,
        **universe.cosmology.parameters,
        "mass_definition": hosts.about.get("mass_definition", hosts.definition or "not stated")
        if request.definition is None and hosts.definition in (None, "fof")
        else str(hosts.definition),
        "least_mass": least_mass,
        "hod": request.hod,
        "threshold": request.threshold,
        **parameters(occupation),
        "galaxy_seed": request.seed,
        "redshift_space": request.seen_along or "none",
        "satellites": "NFW, isotropic orbits",
        "radius_definition": _radius_definition(hosts, universe),
        "concentration_relation": CONCENTRATIONS,
        **SOFTWARE,
    }


def _radius_definition(hosts: Hosts, universe: Universe) -> str:
    """Say of which spheres the radii are that satellites lie within."""
    if hosts.definition == universe.definition:
        return universe.definition
    taken = "friends-of-friends masses" if hosts.definition == "fof" else "masses"
    return f"{taken} taken as {universe.definition}"
