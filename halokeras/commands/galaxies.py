"""`halopaint galaxies`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from halokeras.commands.options import (
    CosmologyOption,
    JsonOption,
    OverwriteOption,
    known_seed,
    refuse_inputs,
)
from halokeras.commands.paint_options import AlongAxis, CatalogueFormat
from halokeras.commands.terminal import listening, tell, wrote


class Hod(StrEnum):
    """The halo occupations that are known."""

    ZHENG07 = "zheng07"


class MassOf(StrEnum):
    """The definitions of masses."""

    FOF = "fof"
    VIRIAL = "virial"
    MEAN = "200b"
    CRITICAL = "200c"


def galaxies(  # noqa: PLR0913  (Typer reads one parameter an option)
    halos: Annotated[
        str,
        typer.Argument(
            metavar="FILE|ID",
            help="A catalogue of `paint --draw --catalogue` with masses, a box file with halos, or "
            "a box id, 00 to 04.",
        ),
    ],
    threshold: Annotated[
        float,
        typer.Option(help="Galaxies brighter than this M_r - 5 log10 h: -18, -18.5, ... -22."),
    ] = -21.0,
    hod: Annotated[
        Hod, typer.Option(help="The halo occupation: Zheng, Coil & Zehavi (2007).")
    ] = Hod.ZHENG07,
    params: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON of logMmin, sigma_logM, logM0, logM1 or alpha instead of the published.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            callback=known_seed,
            help="Realisation: with the id of a halo it fixes its galaxies.",
        ),
    ] = 1,
    mass_definition: Annotated[
        MassOf | None,
        typer.Option(
            help="The masses that halos are populated by, where a file has several.",
            show_default="the file's own",
        ),
    ] = None,
    redshift_space: Annotated[
        AlongAxis | None,
        typer.Option(help="List where galaxies are seen along this axis too, s = x + v / (a H)."),
    ] = None,
    cosmology: CosmologyOption = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="To write.", show_default="galaxies/<name>.hdf5"),
    ] = None,
    catalogue_format: Annotated[
        CatalogueFormat | None,
        typer.Option(help="Its format.", show_default="that of the output's name, or hdf5"),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put galaxies into halos with masses, drawn or simulated, by a halo occupation."""
    from halokeras.boxes.box_file import box_path
    from halokeras.cosmology.cosmology_file import load_cosmology
    from halokeras.galaxies.files import populate_file
    from halokeras.galaxies.request import GalaxyRequest
    from halokeras.painting.catalogues.formats import format_of

    source = box_path(halos)
    if output is not None:
        refuse_inputs(output, [source])
    request = GalaxyRequest(
        halos=source,
        threshold=threshold,
        hod=hod.value,
        params=params,
        seed=seed,
        definition=None if mass_definition is None else mass_definition.value,
        cosmology=None if cosmology is None else load_cosmology(cosmology),
        seen_along=None if redshift_space is None else redshift_space.value,
        output=output,
        format=catalogue_format or (output and format_of(output)) or CatalogueFormat.HDF5,
        overwrite=overwrite,
    )
    with listening("populating") as listener:
        found = populate_file(request, listener)
    share = found.satellites / found.galaxies
    if not as_json:
        tell(
            "Populated",
            f"{found.galaxies:,} galaxies in {found.halos:,} halos, {share:.1%} of them "
            f"satellites, {found.galaxies / found.volume:.3g} in a (Mpc/h)^3",
        )
    wrote(
        [found.path],
        as_json,
        galaxies=found.galaxies,
        satellites=found.satellites,
        halos=found.halos,
        number_density=found.galaxies / found.volume,
        least_mass=found.least_mass,
        missing_share=found.missing,
    )
