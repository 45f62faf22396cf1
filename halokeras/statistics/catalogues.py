"""Statistics of halo catalogues, in real and in redshift space."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.gridding import count
from halokeras.fields.histograms import cell_variance
from halokeras.fields.multipoles import Multipoles, multipoles
from halokeras.fields.pairs import Pairs, count_pairs
from halokeras.fields.spectra import default_edges, measure
from halokeras.statistics.catalogue import (
    MASS_EDGES,
    OCCUPATIONS,
    Catalogue,
    mass_edges,
    mass_words,
)
from halokeras.statistics.counts import CELL_SIDE
from halokeras.statistics.occupation import Occupation
from halokeras.statistics.spectra import WAVENUMBER
from halokeras.statistics.statistic import (
    DRAWS,
    Array,
    Axis,
    Drawing,
    Measurement,
    Sample,
    Statistic,
    Target,
    ratio,
)

SEPARATIONS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40], dtype=np.float64)
"""Edges of the bins of separation [Mpc/h]; of a small box those below a third of its side."""
CELLS = (2.0, 4.0, 8.0, 16.0)
"""Sides of the cells whose variance is compared [Mpc/h]."""
FINER = 2
"""Cells of the mesh that points are deposited on, along the side of a voxel."""


def _catalogue(sample: Sample) -> Catalogue:
    assert isinstance(sample, Catalogue)  # these statistics are asked of nothing else
    return sample


def _separations(sample: Sample) -> Array:
    edges: Array = SEPARATIONS[min(_catalogue(sample).box_size) / 3 > SEPARATIONS]
    return edges


SEPARATION = Axis(
    name="separation",
    label="separation [Mpc/h]",
    heading="Mpc/h to",
    places=lambda halos: _catalogue(halos).listed(_pairs).separation,
    edges=lambda halos: _separations(halos)[1:],
    words=lambda upper: f"{upper:g}",
    logarithmic=True,
)

MASS = Axis(
    name="mass",
    label="mass [Msun/h]",
    heading="log mass to",
    places=lambda halos: np.sqrt(mass_edges()[1:] * mass_edges()[:-1]),
    edges=lambda halos: mass_edges()[1:],
    words=mass_words,
    logarithmic=True,
)

CELL = replace(CELL_SIDE, name="catalogue_cells", places=lambda halos: np.array(CELLS))


def _pairs(halos: Catalogue) -> Pairs:
    return count_pairs(halos.position, halos.box_size, _separations(halos), halos.velocity)


def _power(
    halos: Catalogue, in_redshift_space: bool, occupation: Occupation | None, bin: int | None
) -> Multipoles:
    """Multipoles of all halos, of those in one bin of mass, or of their galaxies."""
    weight = None
    if occupation is not None:
        assert halos.mass is not None  # the statistic needs it
        weight = occupation.mean(halos.mass)
    kept: slice | NDArray[np.bool_] = slice(None) if bin is None else _in_bin(halos, bin)
    shift = None
    if in_redshift_space:
        assert halos.velocity is not None and halos.distance is not None  # the statistic needs them
        shift = halos.distance * halos.velocity[kept]
    x, y, z = (FINER * side for side in halos.shape)
    return multipoles(
        halos.position[kept],
        (x, y, z),
        halos.voxel_size / FINER,
        default_edges(halos.voxel_size),
        along=(0, 1, 2) if in_redshift_space else (0,),
        displacement=shift,
        weight=weight,
    )


def _in_bin(halos: Catalogue, bin: int) -> NDArray[np.bool_]:
    assert halos.mass is not None  # the statistic needs it
    low, high = MASS_EDGES[bin : bin + 2]
    inside: NDArray[np.bool_] = (halos.mass >= low) & (halos.mass < high)
    return inside


class _Power:
    """The ratio of one multipole over the halos', less shot noise."""

    def __init__(
        self,
        order: int,
        in_redshift_space: bool,
        occupation: Occupation | None = None,
        bin: int | None = None,
    ) -> None:
        self._order, self._told = order, (in_redshift_space, occupation, bin)

    def __call__(self, painted: Sample, halos: Sample, density: Sample) -> Measurement:
        ours, theirs = (self._of(_catalogue(sample)) for sample in (painted, halos))
        return ratio(ours, theirs)

    def _of(self, halos: Catalogue) -> Array:
        bin = self._told[2]
        if bin is not None and _in_bin(halos, bin).sum() < 2:
            return _no_power(halos)
        return halos.listed(_power, *self._told).power[self._order]


def _no_power(halos: Catalogue) -> Array:
    """Return what is known of the power of no halos, in the bins that a box of this size fills."""
    return np.full(len(WAVENUMBER.places(halos)), np.nan)


def _density_power(halos: Catalogue, density: Sample, bin: int) -> Array:
    """Cross-power of the halos in one bin of mass with the density, on the voxels."""
    inside = _in_bin(halos, bin)
    if not inside.any():
        return _no_power(halos)
    counts = count(halos.position[inside], halos.shape, halos.voxel_size)
    return measure(counts, density.values, halos.voxel_size).cross


class _CrossPower:
    """The ratio of the cross-power of one bin of mass with the density over the halos'."""

    def __init__(self, bin: int) -> None:
        self._bin = bin

    def __call__(self, painted: Sample, halos: Sample, density: Sample) -> Measurement:
        ours, theirs = (
            _catalogue(sample).listed(_density_power, density, self._bin)
            for sample in (painted, halos)
        )
        return ratio(ours, theirs)


def _mass_function(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = (
        np.histogram(np.asarray(_catalogue(sample).mass), mass_edges())[0].astype(np.float64)
        for sample in (painted, halos)
    )
    # that of one halo where none is, so that a catalogue of none is not told to be uncertain
    scatter = np.sqrt(np.maximum(ours, 1) + ours**2 / np.maximum(theirs, 1)) / np.maximum(theirs, 1)
    return ratio(ours, theirs, scatter)


class _OfPairs:
    """The ratio of what pairs are measured for, over the same of the halos."""

    def __init__(self, column: str) -> None:
        self._column = column

    def __call__(self, painted: Sample, halos: Sample, density: Sample) -> Measurement:
        pairs = (_catalogue(one).listed(_pairs) for one in (painted, halos))
        return ratio(*(getattr(one, self._column) for one in pairs))


def _speed(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = (
        float(np.sqrt((np.asarray(_catalogue(one).velocity, np.float64) ** 2).sum(axis=1).mean()))
        for one in (painted, halos)
    )
    return ratio(ours, theirs)


def _cells(halos: Catalogue) -> Array:
    """Variance in cells, of which none begins at the face of a voxel where it can be helped."""
    side = min(CELLS)
    shift = np.array(halos.voxel_size / 2)
    shape = [round(length / side) for length in halos.box_size]
    if not np.allclose(np.array(shape) * side, halos.box_size):
        return np.full(len(CELLS), np.nan)
    moved = np.mod(halos.position + shift, halos.box_size)
    counts = count(moved, (shape[0], shape[1], shape[2]), side)
    found = [cell_variance(counts, side, cell) for cell in CELLS]
    return np.array(found, dtype=np.float64)


def _cell_variance(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    return ratio(*(_catalogue(one).listed(_cells) for one in (painted, halos)))


_DRAWN = (DRAWS,)
_OVER_HALOS = (0.5, 1.5)


def _statistics_of_bins() -> tuple[Statistic, ...]:
    found = []
    for bin in range(len(MASS_EDGES) - 1):
        low, high = MASS_EDGES[bin : bin + 2]
        masses = f"below {high:.0e}" if low == 0 else f"of {low:.0e} and more"
        masses = masses if low == 0 or high == np.inf else f"of {low:.0e} to {high:.0e}"
        masses = f"{masses} Msun/h".replace("e+", "e")
        found += [
            Statistic(
                name=f"mass_bin_{bin + 1}_power",
                title=f"Power of halos {masses}",
                symbol="P",
                unit="(Mpc/h)³",
                meaning=f"Power less shot noise of the halos {masses}, over that of the halos.",
                measure=_Power(0, False, bin=bin),
                axis=WAVENUMBER,
                targets=(Target(f"P of halos {masses}, k <= 0.4", 0.06, 0, 0.4, _DRAWN),),
                of_whole_numbers=True,
                needs=("mass",),
            ),
            Statistic(
                name=f"mass_bin_{bin + 1}_cross_power",
                title=f"Cross-power with the density of halos {masses}",
                symbol="P with the density",
                unit="(Mpc/h)³",
                meaning=f"How halos {masses} follow the density, over how the halos do.",
                measure=_CrossPower(bin),
                axis=WAVENUMBER,
                targets=(Target(f"cross-power, {masses}, k <= 0.4", 0.03, 0, 0.4, _DRAWN),),
                of_whole_numbers=True,
                needs=("mass",),
            ),
        ]
    return tuple(found)


def _multipole(order: int, threshold: float | None) -> Statistic:
    targets: tuple[Target, ...] = ()
    if threshold is not None:
        targets = (Target(f"P{order} in redshift space, k <= 0.3", threshold, 0, 0.3, _DRAWN),)
    return Statistic(
        name=f"redshift_space_p{order}",
        title=f"P{order} in redshift space",
        symbol=f"P{order}",
        unit="(Mpc/h)³",
        meaning="Power of halos where they are seen, moved along the line of sight by v / (a H): "
        f"the multipole of order {order}, over that of the halos, mean over three axes.",
        measure=_Power(order, True),
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
                    measure=_Power(order, redshifted, occupation),
                    axis=WAVENUMBER,
                    targets=(Target(f"{space} of {told}", threshold, 0, reach, _DRAWN),),
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
        measure=_mass_function,
        axis=MASS,
        targets=(Target("mass function, up to 1e14 Msun/h", 0.03, 0, 1.001e14, _DRAWN),),
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
        measure=_Power(0, False),
        axis=WAVENUMBER,
        targets=(Target("power of the catalogue, k <= 0.4", 0.05, 0, 0.4, _DRAWN),),
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
        measure=_OfPairs("correlation"),
        axis=SEPARATION,
        targets=(Target("xi, 2 to 30 Mpc/h", 0.05, 2, 30, _DRAWN),),
        drawing=Drawing("xi", logarithmic=True, residual=_OVER_HALOS),
        of_whole_numbers=True,
    ),
    Statistic(
        name="catalogue_cell_variance",
        title="Variance in cells of the catalogue",
        symbol="variance in cells",
        meaning="How much the number of halos varies between cubes of 2 to 16 Mpc/h that begin in "
        "the middle of voxels, in units of their mean number.",
        measure=_cell_variance,
        axis=CELL,
        targets=(Target("variance in cells of the catalogue", 0.05, asked_of=_DRAWN),),
        of_whole_numbers=True,
    ),
    Statistic(
        name="infall",
        title="Mean pairwise velocity",
        symbol="v12",
        unit="km/s",
        meaning="How fast two halos approach each other (negative), by their separation.",
        measure=_OfPairs("approach"),
        axis=SEPARATION,
        targets=(Target("mean infall, 5 to 30 Mpc/h", 0.10, 5, 30, _DRAWN),),
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
        measure=_OfPairs("dispersion"),
        axis=SEPARATION,
        targets=(Target("pairwise dispersion, 2 to 30 Mpc/h", 0.05, 2, 30, _DRAWN),),
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
        measure=_speed,
        targets=(Target("rms velocity", 0.05, asked_of=_DRAWN),),
        of_whole_numbers=True,
        needs=("velocity",),
    ),
    *_statistics_of_galaxies(),
)
"""All statistics of catalogues, in the order in which readers meet them."""
