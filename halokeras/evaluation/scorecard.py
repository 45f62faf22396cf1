"""Painted counts against the halos of the same box, beside what needs no network, pass or fail."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, Provenance, check_box, halo_counts, total_counts
from halokeras.errors import BoxError
from halokeras.evaluation.baselines import fit_local_bias
from halokeras.fields.alignment import check_alignment
from halokeras.fields.histograms import cell_variance, count_histogram, void_fraction
from halokeras.fields.spectra import Spectra, measure

MEAN_TOLERANCE = 0.01
TRANSFER_TOLERANCE = 0.05
TRANSFER_UP_TO = 0.4
"""Upper edge of the last bin in which the transfer function has a target [h/Mpc]."""

CONVENTIONS = {
    "units": "k in h/Mpc, P in (Mpc/h)^3; every field is divided by its own mean",
    "window": "not deconvolved: nearest grid point for counts, cloud in cell for the density",
    "shot_noise": "not subtracted, from reference or painted counts; 1 / nbar of the reference",
    "transfer_function": "sqrt(P / P_reference), of painted counts, density and local-bias map",
    "cross_correlation": "P_cross / sqrt(P P_reference)",
    "stochasticity": "1 - r^2",
    "stochastic_power": "P_reference (1 - r^2); the shot noise where only that is unexplained",
    "local_bias": "fitted on the reference box itself, the most generous choice for it",
    "histogram": "voxels with 0, 1, 2, ... halos; painted means are rounded to the nearest",
    "cell_variance": "side of cubic cells in Mpc/h to <N^2> / <N>^2 - 1; null where none fit",
}

_CELL_SIDES = (8.0, 16.0)
_NAMED_PROVENANCE = ("box_id", "seed", "model", "model_hash")


@dataclass(frozen=True)
class Clustering:
    """A field against the reference counts, bin by bin.

    Attributes
    ----------
    power
        Of the field [(Mpc/h)^3].
    transfer_function, cross_correlation
        T and r.
    stochasticity
        1 - r^2.
    stochastic_power
        P_reference (1 - r^2) [(Mpc/h)^3].
    """

    power: tuple[float, ...]
    transfer_function: tuple[float, ...]
    cross_correlation: tuple[float, ...]
    stochasticity: tuple[float, ...]
    stochastic_power: tuple[float, ...]


@dataclass(frozen=True)
class Distribution:
    """How the counts of voxels and cells are distributed.

    Attributes
    ----------
    mean, variance
        Of halos per voxel.
    void_fraction
        Fraction of the voxels that are empty.
    histogram
        Number of voxels with 0, 1, 2, ... halos.
    cell_variance
        Side of cubic cells [Mpc/h] to the variance of their overdensity, or None where the cells
        do not fit.
    """

    mean: float
    variance: float
    void_fraction: float
    histogram: tuple[int, ...]
    cell_variance: dict[float, float | None]


@dataclass(frozen=True)
class Target:
    """What good paint must reach, and what this paint did.

    Attributes
    ----------
    worst
        Deviation from 1, or gain over the density; None where no bin could be judged, which
        fails.
    """

    name: str
    worst: float | None
    passed: bool


@dataclass(frozen=True)
class Scorecard:
    """The whole comparison, as `CONVENTIONS` says.

    Attributes
    ----------
    k, k_upper
        Mean wavenumber and upper edge of each bin [h/Mpc].
    modes
        In each bin, both members of a conjugate pair counted.
    reference_power
        [(Mpc/h)^3].
    shot_noise
        1 / nbar of the reference [(Mpc/h)^3].
    mean_ratio
        Painted halos over reference halos.
    mass_min, mass_max
        Selection of the reference halos [Msun/h].
    voxel_size, box_size
        [Mpc/h].
    provenance
        Which box, which painter.
    """

    k: tuple[float, ...]
    k_upper: tuple[float, ...]
    modes: tuple[int, ...]
    reference_power: tuple[float, ...]
    painted: Clustering
    density: Clustering
    local_bias: Clustering
    shot_noise: float
    mean_ratio: float
    reference_counts: Distribution
    painted_counts: Distribution
    targets: tuple[Target, ...]
    mass_min: float
    mass_max: float | None
    voxel_size: float
    box_size: tuple[float, float, float]
    redshift: float
    provenance: Provenance
    conventions: dict[str, str] = field(default_factory=CONVENTIONS.copy)

    @property
    def passed(self) -> bool:
        """Whether every target is reached."""
        return all(target.passed for target in self.targets)

    def to_json(self) -> dict[str, Any]:
        """Return all of it in types that JSON has."""
        return {"passed": self.passed, **asdict(self)}


def score(
    reference: Box, painted: Box, mass_min: float = 0.0, mass_max: float | None = None
) -> Scorecard:
    """Compare painted counts with the halos of the box whose density was painted on.

    Parameters
    ----------
    reference
        With density, and with halos or counts.
    painted
        With counts, means or draws, on the voxels of the reference.
    mass_min, mass_max
        Selection of the reference halos [Msun/h].

    Raises
    ------
    BoxError
        If the reference lacks density or halos, if the grids or redshifts differ, if painted
        counts are missing, empty, negative or not finite, or if the counts of either do not lie
        on the density's voxels.
    """
    if reference.density is None:
        raise BoxError("the reference box has no density; give one that has density and halos")
    counts = halo_counts(reference, mass_min, mass_max).astype(np.float64)
    found = _painted_counts(reference, painted)
    density, voxel_size = reference.density, reference.voxel_size
    _check_aligned(density, counts, voxel_size, "reference box: ")
    _check_aligned(density, found, voxel_size, "painted counts, against the reference's density: ")
    local_bias = fit_local_bias(density, counts).paint(density)
    of_painted = measure(found, counts, voxel_size)
    of_density = measure(density, counts, voxel_size)
    mean_ratio = float(found.sum() / counts.sum())
    named = {**reference.provenance, **painted.provenance}
    return Scorecard(
        k=tuple(of_painted.k.tolist()),
        k_upper=tuple(of_painted.upper.tolist()),
        modes=tuple(int(modes) for modes in of_painted.modes),
        reference_power=tuple(of_painted.second.tolist()),
        painted=_clustering(of_painted),
        density=_clustering(of_density),
        local_bias=_clustering(measure(local_bias, counts, voxel_size)),
        shot_noise=float(voxel_size**3 / counts.mean()),
        mean_ratio=mean_ratio,
        reference_counts=_distribution(counts, voxel_size),
        painted_counts=_distribution(found, voxel_size),
        targets=(
            _mean_target(mean_ratio),
            _transfer_target(of_painted),
            _correlation_target(of_painted, of_density),
        ),
        mass_min=float(mass_min),
        mass_max=mass_max,
        voxel_size=float(voxel_size),
        box_size=reference.box_size,
        redshift=float(reference.redshift),
        provenance={name: named[name] for name in _NAMED_PROVENANCE if name in named},
    )


def _painted_counts(reference: Box, painted: Box) -> NDArray[np.float64]:
    if painted.counts is None:
        raise BoxError("the painted box has no counts; give a box that `halopaint paint` wrote")
    check_box(painted, "painted box")
    if painted.shape != reference.shape:
        raise BoxError(
            f"the painted box has shape {painted.shape} and the reference {reference.shape}; "
            "paint the density of the reference box"
        )
    for name in ("voxel_size", "redshift"):
        ours, theirs = getattr(reference, name), getattr(painted, name)
        if not np.isclose(ours, theirs, rtol=1e-5):
            raise BoxError(
                f"the painted box has {name} {theirs:g} and the reference {ours:g}; "
                "paint the density of the reference box"
            )
    if not painted.counts.any():
        raise BoxError("the painted counts are all zero; train the painter for longer")
    return total_counts(painted.counts.astype(np.float64))


def _check_aligned(
    density: NDArray[np.floating], counts: NDArray[np.floating], voxel_size: float, what: str
) -> None:
    try:
        check_alignment(density, counts, voxel_size)
    except BoxError as error:
        raise BoxError(f"{what}{error}") from error


def _clustering(spectra: Spectra) -> Clustering:
    return Clustering(
        power=tuple(spectra.first.tolist()),
        transfer_function=tuple(spectra.transfer_function.tolist()),
        cross_correlation=tuple(spectra.cross_correlation.tolist()),
        stochasticity=tuple((1 - spectra.cross_correlation**2).tolist()),
        stochastic_power=tuple(spectra.stochastic_power.tolist()),
    )


def _distribution(counts: NDArray[np.float64], voxel_size: float) -> Distribution:
    return Distribution(
        mean=float(counts.mean()),
        variance=float(counts.var()),
        void_fraction=void_fraction(counts),
        histogram=tuple(count_histogram(counts).tolist()),
        cell_variance={side: cell_variance(counts, voxel_size, side) for side in _CELL_SIDES},
    )


def _mean_target(mean_ratio: float) -> Target:
    worst = mean_ratio - 1
    return Target(
        f"mean counts within {MEAN_TOLERANCE:.0%}", worst, passed=abs(worst) <= MEAN_TOLERANCE
    )


def _transfer_target(painted: Spectra) -> Target:
    name = f"T within {TRANSFER_TOLERANCE:.0%} of 1 up to k = {TRANSFER_UP_TO:g} h/Mpc"
    deviations = np.abs(painted.transfer_function[painted.upper <= TRANSFER_UP_TO] - 1)
    if not deviations.size:
        return Target(name, None, passed=False)
    worst = float(deviations.max())
    return Target(name, worst, passed=worst <= TRANSFER_TOLERANCE)


def _correlation_target(painted: Spectra, density: Spectra) -> Target:
    worst = float((painted.cross_correlation - density.cross_correlation).min())
    return Target("r above the density's in every bin", worst, passed=worst > 0)
