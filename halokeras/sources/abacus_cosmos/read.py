"""AbacusCosmos: Rockstar and friends-of-friends halos, and initial conditions made for them."""

import re
from pathlib import Path

from halokeras.boxes.halos import Halos
from halokeras.errors import BoxError
from halokeras.sources.abacus_cosmos.halos import (
    MASSES,
    read_friends_of_friends,
    read_rockstar,
    rockstar_attributes,
)
from halokeras.sources.abacus_cosmos.parameter_file import (
    Parameters,
    Value,
    read_cosmology,
    read_parameters,
)
from halokeras.sources.abacus_cosmos.products import (
    SAME_REDSHIFT,
    Slice,
    find_slice,
    simulation_numbers,
)
from halokeras.sources.abacus_cosmos.zeldovich import initial_modes
from halokeras.sources.abacus_cosmos.zeldovich_files import find_initial_conditions
from halokeras.sources.source import Source

_NAMED_SETS = (
    (re.compile(r"emulator_\d+box_planck_(\d\d)(?:-\d+)?"), None),
    (re.compile(r"AbacusCosmos_\d+box_planck(?:_00-\d+)?"), "00"),
)
"""Sets whose cosmologies are the boxes 00 to 04: by their number, or all of them one."""


def read(  # noqa: PLR0913  (what the folder does not tell)
    directory: Path,
    *,
    box: str | None = None,
    phase: int | None = None,
    redshift: float = 0.3,
    finder: str = "rockstar",
    mass: str = "virial",
    hosts_only: bool = False,
    initial_conditions: Path | None = None,
) -> Source:
    """Read a simulation of AbacusCosmos.

    Parameters
    ----------
    directory
        Folder of a set, a simulation, a halo finder or a redshift, as they were downloaded.
    box, phase
        Which simulation, where the folder holds several: 00 to 04, and the phase 0 to 15 of 00.
    redshift
        Of the halos and of the overdensity.
    finder
        ``rockstar`` or ``fof``.
    mass
        Of Rockstar's halos: ``virial`` (of bound particles), ``virial_so`` (of all particles),
        ``200b``, ``200c``, ``500c`` or ``2500c``; friends-of-friends' is that of the particles.
    hosts_only
        Leave out Rockstar's halos within halos.
    initial_conditions
        Folder of the ``ic_N`` files of zeldovich-PLT, with the ``abacus.par`` that made them
        unless it is the simulation's own.

    Raises
    ------
    BoxError
        If no or several simulations are found, files are damaged, disagree or are not of the box,
        phase or redshift asked for, or the initial conditions are another simulation's.
    """
    if mass not in MASSES or (finder == "fof" and mass != "virial"):
        raise BoxError(
            f"there is no mass {mass} of {finder} halos; choose one of {', '.join(MASSES)} of "
            "rockstar's, or leave it out"
        )
    found = find_slice(directory, finder, box, phase, redshift)
    attributes = rockstar_attributes(found.files) if finder == "rockstar" else {}
    parameters = _parameters(found, attributes)
    simulation = _simulation(parameters, found)
    named = _check_asked(parameters, simulation, box, phase, redshift)
    cosmology, assumed = read_cosmology(parameters, named)
    box_size = parameters.positive("BoxSize")
    particle_mass = parameters.positive("ParticleMassHMsun")
    if parameters.number("hMpc", 1) != 1:
        raise BoxError(f"{parameters.path}: hMpc is not 1; lengths must be in Mpc/h")
    if found.missing:
        numbers = ", ".join(f"{number}" for number in found.missing)
        assumed += (f"the halo files are complete, though none is numbered {numbers}",)
    provenance: dict[str, str | int | float] = {
        "halo_finder": finder,
        "particle_mass": particle_mass,
        "simulation": simulation,
    }
    if named is not None:
        provenance["box_id"] = named
    halos: Halos
    if finder == "rockstar":
        halos, subhalos = read_rockstar(found.files, particle_mass, mass, hosts_only)
        provenance["mass_definition"] = mass
        provenance["subhalos"] = "left out" if hosts_only else "kept"
        if not hosts_only:
            assumed += (f"{subhalos} of {len(halos)} halos lie within others and are kept",)
    else:
        halos = read_friends_of_friends(found.files, particle_mass, box_size)
        provenance["mass_definition"] = "particles of the group"
        assumed += ("friends-of-friends positions are wrapped into the frame of Rockstar's",)
    modes = None
    if initial_conditions is not None:
        made_with = _made_with(initial_conditions, parameters)
        conditions = find_initial_conditions(initial_conditions, made_with)
        modes = initial_modes(conditions, cosmology, redshift)
        assumed += conditions.assumed
        provenance["initial_conditions"] = f"{conditions.format} {conditions.points}^3"
    return Source(
        name=f"{found.folder}",
        box_size=box_size,
        redshift=redshift,
        cosmology=cosmology,
        halos=halos,
        initial_modes=modes,
        provenance=provenance,
        assumed=assumed,
    )


def _parameters(found: Slice, attributes: dict[str, Value]) -> Parameters:
    """All that is said of a slice: by its halos, by ``abacus.par`` and by its ``header``."""
    path = found.files[0]
    values = dict(attributes)
    for file in (found.info, found.folder / "header"):
        if file.exists():
            path = file
            for name, value in read_parameters(file).values.items():
                stated = attributes.get(name, value)
                if name in ("BoxSize", "Redshift", "ParticleMassHMsun") and _differ(value, stated):
                    raise BoxError(
                        f"{file}: {name} is {value} but {stated} in {found.files[0].name}; give "
                        "the header of the same simulation"
                    )
                values[name] = value
    if not values:
        raise BoxError(f"{found.folder} has no header; download it beside the halos")
    return Parameters(path, values)


def _differ(one: Value, other: Value) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        if isinstance(one, str | tuple) or isinstance(other, str | tuple):
            return True
        return not abs(one - other) <= 1e-4 * abs(other)
    return one != other


def _simulation(parameters: Parameters, found: Slice) -> str:
    name = parameters.values.get("SimName")
    return name if isinstance(name, str) else re.sub("_[^_]*_halos$", "", found.folder.parent.name)


def _check_asked(
    parameters: Parameters, simulation: str, box: str | None, phase: int | None, redshift: float
) -> str | None:
    """Refuse another simulation or redshift than asked for; give the box whose cosmology it has."""
    its_redshift = parameters.number("Redshift")
    if abs(its_redshift - redshift) > SAME_REDSHIFT:
        raise BoxError(
            f"{parameters.path}: Redshift is {its_redshift:g}, not {redshift:g}; ask for that one "
            "or give another folder"
        )
    its_box, its_phase = simulation_numbers(simulation)
    named = None
    for pattern, one in _NAMED_SETS:
        if name := pattern.fullmatch(simulation):
            named = one or name[1]
    known = its_box or named
    if box not in (None, known or box) or phase not in (None, its_phase if known else phase):
        raise BoxError(
            f"{parameters.path} is of {simulation}; name its box and phase, or give another folder"
        )
    return named if known else box


def _made_with(folder: Path, simulation: Parameters) -> Parameters:
    """Parameters of initial conditions, once they are those of the simulation."""
    if simulation.values.get("ZD_Seed") == 0:
        raise BoxError(
            f"{simulation.path}: ZD_Seed is 0, for which the clock was taken: nobody can make its "
            "initial conditions again; choose another phase"
        )
    if not (folder / "abacus.par").exists():
        return simulation
    made_with = read_parameters(folder / "abacus.par")
    same = ["BoxSize", "NP", "InitialRedshift", "ZD_Seed", "ZD_Version"]
    version = made_with.values.get("ZD_Version", 1)
    if version == 1:  # whose phases depend on the blocks
        same.append("ZD_NumBlock")
    for name in same:
        ours, theirs = (
            parameters.values.get(name, 1 if name == "ZD_Version" else None)
            for parameters in (made_with, simulation)
        )
        if ours is not None and theirs is not None and _differ(ours, theirs):
            raise BoxError(
                f"{made_with.path}: {name} is {ours} but {theirs} in {simulation.path}, so that "
                "its phases are others; run zeldovich-PLT with the simulation's own"
            )
    return made_with
