"""What halo catalogues are measured for, in real and in redshift space, painted over simulated."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.gridding import count
from halokeras.fields.histograms import cell_variance
from halokeras.fields.multipoles import Multipoles, multipoles
from halokeras.fields.pairs import Pairs, count_pairs
from halokeras.fields.spectra import default_edges, measure
from halokeras.statistics.catalogue import MASS_EDGES, Catalogue, mass_edges, mass_words
from halokeras.statistics.counts import CELL_SIDE
from halokeras.statistics.occupation import Occupation
from halokeras.statistics.spectra import WAVENUMBER
from halokeras.statistics.statistic import Array, Axis, Measurement, Sample, ratio

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


class Power:
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
        """Measure it, as a `Statistic` does."""
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


class CrossPower:
    """The ratio of the cross-power of one bin of mass with the density over the halos'."""

    def __init__(self, bin: int) -> None:
        self._bin = bin

    def __call__(self, painted: Sample, halos: Sample, density: Sample) -> Measurement:
        """Measure it, as a `Statistic` does."""
        ours, theirs = (
            _catalogue(sample).listed(_density_power, density, self._bin)
            for sample in (painted, halos)
        )
        return ratio(ours, theirs)


def mass_function(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    """Return the ratio of the numbers of halos in bins of mass."""
    ours, theirs = (
        np.histogram(np.asarray(_catalogue(sample).mass), mass_edges())[0].astype(np.float64)
        for sample in (painted, halos)
    )
    return ratio(ours, theirs, _scatter(ours, theirs))


class Number:
    """The ratio of the numbers of halos in one bin of mass."""

    def __init__(self, bin: int) -> None:
        self._bin = bin

    def __call__(self, painted: Sample, halos: Sample, density: Sample) -> Measurement:
        """Measure it, as a `Statistic` does."""
        ours, theirs = (
            float(_in_bin(_catalogue(sample), self._bin).sum()) for sample in (painted, halos)
        )
        return ratio(ours, theirs, _scatter(np.array(ours), np.array(theirs)))


def _scatter(ours: Array, theirs: Array) -> Array:
    """Return the scatter of the ratio of two numbers of halos."""
    # that of one halo where none is, so that a catalogue of none is not told to be uncertain
    one = np.maximum(theirs, 1)
    scatter: Array = np.sqrt(np.maximum(ours, 1) + ours**2 / one) / one
    return scatter


class OfPairs:
    """The ratio of what pairs are measured for, over the same of the halos."""

    def __init__(self, column: str) -> None:
        self._column = column

    def __call__(self, painted: Sample, halos: Sample, density: Sample) -> Measurement:
        """Measure it, as a `Statistic` does."""
        pairs = (_catalogue(one).listed(_pairs) for one in (painted, halos))
        return ratio(*(getattr(one, self._column) for one in pairs))


def speed(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    """Return the ratio of the root mean squares of the halos' velocities."""
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


def cell_variance_ratio(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    """Return the ratio of the variances in cells."""
    return ratio(*(_catalogue(one).listed(_cells) for one in (painted, halos)))
