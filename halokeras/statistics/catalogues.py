"""Statistics of halo catalogues, in real and in redshift space."""

import numpy as np

from halokeras.statistics.catalogue import MASS_EDGES, OCCUPATIONS
from halokeras.statistics.catalogue_measures import (
    CELL,
    MASS,
    SEPARATION,
    CrossPower,
    Number,
    OfPairs,
    Power,
    cell_variance_ratio,
    mass_function,
    speed,
)
from halokeras.statistics.spectra import WAVENUMBER
from halokeras.statistics.statistic import DRAWS, Drawing, Statistic, Target

_ELSEWHERE = 2
"""Times the threshold, at a cosmology that the painter never saw."""
_OVER_HALOS = (0.5, 1.5)


def _asked(
    title: str, threshold: float, above: float = -np.inf, up_to: float = np.inf
) -> tuple[Target, ...]:
    """Return the target of a statistic of draws' catalogues."""
    return (Target(title, threshold, above, up_to, (DRAWS,), _ELSEWHERE * threshold),)


def _statistics_of_bins() -> tuple[Statistic, ...]:
    found = []
    for bin in range(len(MASS_EDGES) - 1):
        low, high = MASS_EDGES[bin : bin + 2]
        masses = f"below {high:.0e}" if low == 0 else f"of {low:.0e} and more"
        masses = masses if low == 0 or high == np.inf else f"of {low:.0e} to {high:.0e}"
        masses = f"{masses} Msun/h".replace("e+", "e")
        found += [
            Statistic(
                name=f"mass_bin_{bin + 1}_number",
                title=f"Number of halos {masses}",
                symbol="halos",
                meaning=f"Number of halos {masses}, over that of the halos.",
                measure=Number(bin),
                targets=_asked(f"halos {masses}", 0.01),
                of_whole_numbers=True,
                needs=("mass",),
            ),
            Statistic(
                name=f"mass_bin_{bin + 1}_power",
                title=f"Power of halos {masses}",
                symbol="P",
                unit="(Mpc/h)³",
                meaning=f"Power less shot noise of the halos {masses}, over that of the halos.",
                measure=Power(0, False, bin=bin),
                axis=WAVENUMBER,
                targets=_asked(f"P of halos {masses}, k <= 0.4", 0.06, 0, 0.4),
                of_whole_numbers=True,
                needs=("mass",),
            ),
            Statistic(
                name=f"mass_bin_{bin + 1}_cross_power",
                title=f"Cross-power with the density of halos {masses}",
                symbol="P with the density",
                unit="(Mpc/h)³",
                meaning=f"How halos {masses} follow the density, over how the halos do.",
                measure=CrossPower(bin),
                axis=WAVENUMBER,
                targets=_asked(f"cross-power, {masses}, k <= 0.4", 0.03, 0, 0.4),
                of_whole_numbers=True,
                needs=("mass",),
            ),
        ]
    return tuple(found)


def _multipole(order: int, threshold: float | None) -> Statistic:
    targets: tuple[Target, ...] = ()
    if threshold is not None:
        targets = _asked(f"P{order} in redshift space, k <= 0.3", threshold, 0, 0.3)
    return Statistic(
        name=f"redshift_space_p{order}",
        title=f"P{order} in redshift space",
        symbol=f"P{order}",
        unit="(Mpc/h)³",
        meaning="Power of halos where they are seen, moved along the line of sight by v / (a H): "
        f"the multipole of order {order}, over that of the halos, mean over three axes.",
        measure=Power(order, True),
        axis=WAVENUMBER,
        targets=targets,
        drawing=Drawing(f"P{order} [(Mpc/h)³]", residual=_OVER_HALOS),
        of_whole_numbers=True,
        needs=("velocity",),
    )


def _statistics_of_galaxies() -> tuple[Statistic, ...]:
    found = []
    for occupation in OCCUPATIONS:
        told = f"galaxies brighter than {occupation.magnitude:g}"
        name = f"galaxies_{abs(occupation.magnitude):g}".replace(".", "_")
        for order, redshifted, threshold in ((0, False, 0.06), (0, True, 0.02), (2, True, 0.05)):
            space = f"P{order} in redshift space" if redshifted else "Power"
            reach = 0.3 if redshifted else 0.4
            found.append(
                Statistic(
                    name=f"{name}_{f'p{order}' if redshifted else 'power'}",
                    title=f"{space} of {told}",
                    symbol=f"P{order}" if redshifted else "P",
                    unit="(Mpc/h)³",
                    meaning=f"{space} less shot noise of the mean number of {told} (Zheng et al. "
                    "2007) in each halo, at its centre and with its velocity, over the halos'.",
                    measure=Power(order, redshifted, occupation),
                    axis=WAVENUMBER,
                    targets=_asked(f"{space} of {told}", threshold, 0, reach),
                    of_whole_numbers=True,
                    needs=("mass", "velocity") if redshifted else ("mass",),
                )
            )
    return tuple(found)


CATALOGUE_STATISTICS: tuple[Statistic, ...] = (
    Statistic(
        name="mass_function",
        title="Mass function",
        symbol="halos",
        meaning="Number of halos in bins of 0.2 dex of mass.",
        measure=mass_function,
        axis=MASS,
        targets=_asked("mass function, up to 1e14 Msun/h", 0.03, 0, 1.001e14),
        drawing=Drawing("halos of a box", logarithmic=True, residual=_OVER_HALOS),
        of_whole_numbers=True,
        needs=("mass",),
    ),
    Statistic(
        name="halo_power",
        title="Power of the catalogue",
        symbol="P",
        unit="(Mpc/h)³",
        meaning="Power less shot noise of halos at their own places, not those of their voxels.",
        measure=Power(0, False),
        axis=WAVENUMBER,
        targets=_asked("power of the catalogue, k <= 0.4", 0.05, 0, 0.4),
        drawing=Drawing("P [(Mpc/h)³]", logarithmic=True, residual=_OVER_HALOS),
        of_whole_numbers=True,
    ),
    *_statistics_of_bins(),
    _multipole(0, 0.02),
    _multipole(2, 0.05),
    _multipole(4, None),
    Statistic(
        name="correlation",
        title="Correlation function",
        symbol="xi",
        meaning="How many more pairs of halos there are at a separation than of points thrown "
        "anywhere.",
        measure=OfPairs("correlation"),
        axis=SEPARATION,
        targets=_asked("xi, 2 to 30 Mpc/h", 0.05, 2, 30),
        drawing=Drawing("xi", logarithmic=True, residual=_OVER_HALOS),
        of_whole_numbers=True,
    ),
    Statistic(
        name="catalogue_cell_variance",
        title="Variance in cells of the catalogue",
        symbol="variance in cells",
        meaning="How much the number of halos varies between cubes of 2 to 16 Mpc/h that begin in "
        "the middle of voxels, in units of their mean number.",
        measure=cell_variance_ratio,
        axis=CELL,
        targets=_asked("variance in cells of the catalogue", 0.05),
        of_whole_numbers=True,
    ),
    Statistic(
        name="infall",
        title="Mean pairwise velocity",
        symbol="v12",
        unit="km/s",
        meaning="How fast two halos approach each other (negative), by their separation.",
        measure=OfPairs("approach"),
        axis=SEPARATION,
        targets=_asked("mean infall, 5 to 30 Mpc/h", 0.10, 5, 30),
        drawing=Drawing("v12 [km/s]", residual=_OVER_HALOS),
        of_whole_numbers=True,
        needs=("velocity",),
    ),
    Statistic(
        name="pairwise_dispersion",
        title="Pairwise velocity dispersion",
        symbol="sigma12",
        unit="km/s",
        meaning="Scatter of the velocity at which two halos approach each other.",
        measure=OfPairs("dispersion"),
        axis=SEPARATION,
        targets=_asked("pairwise dispersion, 2 to 30 Mpc/h", 0.05, 2, 30),
        drawing=Drawing("sigma12 [km/s]", residual=_OVER_HALOS),
        of_whole_numbers=True,
        needs=("velocity",),
    ),
    Statistic(
        name="halo_speed",
        title="Velocities of halos",
        symbol="rms velocity",
        unit="km/s",
        meaning="Root mean square of the halos' peculiar velocities.",
        measure=speed,
        targets=_asked("rms velocity", 0.05),
        of_whole_numbers=True,
        needs=("velocity",),
    ),
    *_statistics_of_galaxies(),
)
"""All statistics of catalogues, in the order in which readers meet them."""
