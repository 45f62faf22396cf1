"""All checks of a box that was made from somebody's simulation, in one report."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import check_grid
from halokeras.boxes.halos import Halos
from halokeras.cosmology.mass_function import (
    EARLIEST_HALOS,
    abundance,
    mass_definition,
    mass_scale,
)
from halokeras.errors import BoxError
from halokeras.fields.gridding import shape_text
from halokeras.fields.orientation import FEWEST, Orientation, find_orientation, move_counts
from halokeras.fields.spectra import default_edges, measure
from halokeras.sources.checks.density_checks import recognise_scheme
from halokeras.sources.checks.findings import CheckReport, Finding, note, passed, refused, warning
from halokeras.sources.checks.halo_checks import check_planes, check_table
from halokeras.sources.source import Source

_SAME = 1e-4
_SAME_REDSHIFT = 2e-3
"""Relative differences of sides, and of 1 + redshift, that rounding explains."""
_LEAST_COHERENCE = 0.1
_RESOLVED = 50
"""Particles from which halos are as abundant as in better resolved simulations."""
_FEW = 12
"""Halos below which masses are not compared."""
_ABUNDANCE = 0.3
"""Difference from the expected abundance, beyond noise, that is told."""
_AMPLITUDE = 1.3, 1.8
"""Factors by which the amplitude of a density may be off before it is told, and refused."""
_UNIT, _ODD, _LOST = np.log(3), np.log(2), np.log(10)
"""Logarithms of the factor between masses that is a wrong unit, that is told, and that is refused
whether a unit is known or not: a tenth of all halos, taken at random, need some 4."""


def check_source(
    source: Source,
    density: NDArray[np.floating],
    counts: NDArray[np.floating],
    voxel_size: float,
    *,
    density_scheme: str = "unknown",
    force: bool = False,
) -> CheckReport:
    """Check that a density and its halos belong together and are what they are said to be.

    Takes, for a box of 275^3 voxels and 5e6 halos, 20 to 25 s on a core of a busy machine and
    0.9 GB beside the box: eleven times the memory of its density.

    Parameters
    ----------
    source
        What was read, with what it assumed; its halos after ``--axes`` and ``--shift``.
    density, counts
        (n, n, n) rho/mean and halos per voxel, as the box will have them.
    voxel_size
        [Mpc/h].
    density_scheme
        ``2lpt``, ``zeldovich``, ``nbody`` or ``unknown``, as the box will state it.
    force
        Whether to give the report in spite of refusals.

    Raises
    ------
    BoxError
        With the first refusal, unless `force`.
    """
    table = source.halos
    h = None if source.cosmology is None else source.cosmology.H0 / 100
    findings = [note(sentence) for sentence in source.assumed]
    unlike = list(_check_sizes(source, density, counts, voxel_size))
    unsound = list(_check_values(density, counts))
    findings += unlike + unsound
    if table is not None:
        findings += check_table(table, source.box_size, h)
        findings += _check_masses(source, table)
    cube = density.ndim == 3 and len(set(density.shape)) == 1
    if cube and density.shape == counts.shape and not unsound:
        findings += check_planes(density, "density", voxel_size)
        findings += check_planes(counts, "counts", voxel_size)
        findings += _check_alignment(density, counts, voxel_size, source.counts is not None)
        findings += _check_scheme(source, density, voxel_size, density_scheme)
    report = CheckReport(source.name, tuple(findings))
    if not force:
        report.refuse()
    return report


def _check_sizes(
    source: Source,
    density: NDArray[np.floating],
    counts: NDArray[np.floating],
    voxel_size: float,
) -> Iterator[Finding]:
    side, redshift = source.box_size, source.redshift
    density_box_size, density_redshift = source.density_box_size, source.density_redshift
    wrong = False
    if density.shape != counts.shape:
        wrong = True
        yield refused(
            f"density has {shape_text(density.shape)} voxels and counts "
            f"{shape_text(counts.shape)}; both must cover the same voxels"
        )
    if len(set(density.shape)) > 1:
        wrong = True
        yield refused(f"density has {shape_text(density.shape)} voxels; give a cube of them")
    if abs(density.shape[0] * voxel_size / side - 1) > _SAME:
        wrong = True
        yield refused(
            f"{density.shape[0]} voxels of {voxel_size:g} Mpc/h do not make the box_size of "
            f"{side:g} Mpc/h; put one of them right"
        )
    if density_box_size is not None and abs(density_box_size / side - 1) > _SAME:
        wrong = True
        yield refused(
            f"the density covers {density_box_size:g} Mpc/h and the halos {side:g} Mpc/h; give a "
            "density of the same simulation, and both sides in Mpc/h"
        )
    if density_redshift is not None:
        apart = abs(density_redshift - redshift) / (1 + redshift)
        if apart > _SAME_REDSHIFT:
            wrong = True
            yield refused(
                f"the density is at redshift {density_redshift:g} and the halos at {redshift:g}; "
                "give the density of the halos' redshift"
            )
    if not wrong:
        yield passed(
            f"{shape_text(density.shape)} voxels of {voxel_size:g} Mpc/h, {side:g} Mpc/h a side, "
            f"at redshift {redshift:g}"
        )


def _check_values(density: NDArray[np.floating], counts: NDArray[np.floating]) -> Iterator[Finding]:
    for grid, name in ((density, "density"), (counts, "counts")):
        try:
            check_grid(grid, name, "grids")
        except BoxError as error:
            yield refused(str(error).removeprefix("grids: "))
    if not counts.any():
        yield refused("no halo is in the box; lower mass_min, or check the unit of positions")


def _check_masses(source: Source, halos: Halos) -> Iterator[Finding]:
    """Compare masses and abundance with the mass function."""
    if halos.mass is None:
        yield note("the halos have no masses to compare with a mass function")
        return
    mass = halos.mass[np.isfinite(halos.mass) & (halos.mass > 0)]
    cosmology = source.cosmology
    if cosmology is None:
        yield note("masses are not compared with a mass function, as no cosmology is stated")
        return
    if len(mass) < _FEW:
        yield note(f"{len(mass)} halos are too few to compare with a mass function")
        return
    if source.redshift > EARLIEST_HALOS:
        yield note(f"no mass function is known beyond redshift {EARLIEST_HALOS:.0f}")
        return
    definition = mass_definition(source.provenance, cosmology, source.redshift)
    volume = source.box_size**3
    said = source.provenance.get("particle_mass")
    particle_mass = float(said) if isinstance(said, int | float) and said > 0 else None
    scale = mass_scale(mass, cosmology, source.redshift, volume, definition, particle_mass)
    model = "Watson et al. 2013" if definition == "fof" else "Tinker et al. 2008"
    by = f"{model}, {definition or '200m for want of a stated mass_definition'}"
    if scale.unit is not None and (scale.known is None or abs(np.log(scale.known)) > _UNIT):
        remedy = "raise 10 to them" if scale.known is None else f"multiply by {scale.known:.4g}"
        yield refused(f"masses are in {scale.unit}, by their abundance ({by}); {remedy} for Msun/h")
        return
    off = f"the heaviest halos would need {scale.factor:.3g} times their mass ({by})"
    if scale.unit is not None:
        yield warning(
            f"{off}, as if masses were {scale.unit}; multiply by {scale.known:.4g} if they are, "
            "or check cosmology and mass definition"
        )
    elif abs(np.log(scale.factor)) > _ODD:
        lost = abs(np.log(scale.factor)) > _LOST
        yield (refused if lost else warning)(
            f"{off}, which is that of no known unit; check box_size, redshift, cosmology and "
            "whether the catalogue is complete"
        )
    else:
        yield passed(f"masses are in Msun/h: {off}")
    # The heaviest quarter is resolved where the mass of a particle is not known.
    floor = float(np.quantile(mass, 0.75)) if particle_mass is None else _RESOLVED * particle_mass
    floor = max(floor, float(mass.min()))
    yield from _check_abundance(
        *abundance(mass, floor, cosmology, source.redshift, volume, definition), by
    )


def _check_abundance(
    edges: NDArray[np.float64], found: NDArray[np.float64], expected: NDArray[np.float64], by: str
) -> Iterator[Finding]:
    ratio = found / expected
    table = ", ".join(
        f"{edge:.2g}: {part:.2f} ({number:.0f})"
        for edge, part, number in zip(edges, ratio, found, strict=True)
    )
    yield note(f"halos found over expected ({by}) in bins from a mass [Msun/h] up: {table}")
    total, wanted = float(found.sum()), float(expected.sum())
    told = f"{total:.0f} halos above {edges[0]:.3g} Msun/h where {wanted:.0f} are expected"
    # Counts scatter beyond Poisson, by about 3 % in 256 Mpc/h.
    if abs(total / wanted - 1) > _ABUNDANCE + 3 / np.sqrt(wanted):
        yield warning(
            f"{told}; check mass definition, subhalos, the completeness of the catalogue, the "
            "cosmology, and that box_size is in Mpc/h"
        )
    else:
        yield passed(told)


def _check_alignment(
    density: NDArray[np.floating],
    counts: NDArray[np.floating],
    voxel_size: float,
    only_counts: bool,
) -> Iterator[Finding]:
    match = find_orientation(density, counts)
    orientation = match.orientation
    spectra = measure(density, counts, voxel_size, default_edges(voxel_size))
    table = ", ".join(
        f"{k:.2f}: {r:.2f}" for k, r in zip(spectra.k, spectra.cross_correlation, strict=True)
    )
    yield note(f"{float(counts.mean(dtype=np.float64)):.4g} halos per voxel")
    yield note(f"cross-correlation of density and counts at k [h/Mpc]: {table}")
    occupied = int(np.count_nonzero(counts))
    if orientation is None and occupied < FEWEST:
        yield warning(
            f"{occupied} voxels hold halos, too few to tell whether they follow the density; "
            "select more halos, by a lower mass_min, or check that both are of one realisation"
        )
    elif orientation is None:
        yield refused(
            f"counts do not follow the density (coherence {match.unmoved:.3f}) under any order or "
            "direction of axes and any shift; give both of the same realisation, seed and box_size"
        )
    elif orientation != Orientation():
        remedy = f"use {orientation.options}"
        if only_counts:
            try:
                move_counts(counts[:1, :1, :1], orientation)
            except BoxError:
                remedy = (
                    f"the shift is {orientation.options}, and whole counts cannot be moved so: "
                    "give halo positions, or deposit the density about voxel centres"
                )
        yield refused(
            f"counts follow the density only once moved (coherence {match.unmoved:.2f}, then "
            f"{match.restored:.2f}); {remedy}"
        )
    elif match.unmoved < _LEAST_COHERENCE:
        yield warning(
            f"counts follow the density, but weakly (coherence {match.unmoved:.3f}); select more "
            "halos or larger voxels, as training refuses less than 0.1"
        )
    else:
        yield passed(f"counts follow the density where they are (coherence {match.unmoved:.2f})")


def _check_scheme(
    source: Source, density: NDArray[np.floating], voxel_size: float, label: str
) -> Iterator[Finding]:
    if source.cosmology is None:
        yield note(f"the density's scheme, {label}, is not looked at, as no cosmology is stated")
        return
    found = recognise_scheme(density, voxel_size, source.cosmology, source.redshift)
    times = max(found.amplitude, 1 / found.amplitude)
    if times > _AMPLITUDE[0]:
        tell = refused if times > _AMPLITUDE[1] else warning
        yield tell(
            f"the density fluctuates {found.amplitude:.2g} times as much as 2LPT at redshift "
            f"{source.redshift:g} with sigma8 {source.cosmology.sigma8:g}; scale it to that "
            "redshift, or put redshift and cosmology right"
        )
    if found.name is None:
        yield note(f"the density is taken as {label}; the field does not tell: {found.reason}")
    elif label == "unknown":
        yield note(f"the density, of unknown scheme, looks like {found.name}: {found.reason}")
    elif found.name == label or (label == "nbody" and found.name == "2lpt"):
        yield passed(
            f"the density looks like {found.name}, and is labelled {label}: {found.reason}"
        )
    else:
        yield refused(
            f"the density is labelled {label} and looks like {found.name} ({found.reason}); make "
            f"it as {label}, or label it {found.name}"
        )
