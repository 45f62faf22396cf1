"""A painter on realisations it never saw, beside its cheap alternatives, target by target."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, halo_counts
from halokeras.evaluation.contenders import DENSITY, DRAWS, FIELD, Contenders
from halokeras.fields.bispectrum import equilateral, over_angle
from halokeras.fields.histograms import cell_variance, count_histogram
from halokeras.fields.slab import Slab, project
from halokeras.fields.spectra import measure
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.check import cosmology_differences

Array = NDArray[np.float64]

HALOS = "halos"
"""Name of what all are compared with."""

LINEAR, HIGHEST_COUNT = 0.4, 5
"""Wavenumber [h/Mpc] and halos per voxel up to which the sharper targets hold."""

LINEAR_TRANSFER = f"T, k <= {LINEAR:g}"
HISTOGRAM = f"voxels with n <= {HIGHEST_COUNT}"
"""Statistics whose targets figures show."""

CELLS = (8.0, 16.0)
"""Sides of the cells whose variance is compared [Mpc/h]."""

_OF_COUNTS = ("mean", "histogram", "void_fraction")
"""Attributes in which a density cannot be compared with counts."""


@dataclass(frozen=True)
class Comparison:
    """One field against the halos of its box; ratios are over the same of the halos.

    Attributes
    ----------
    transfer_function, cross_correlation
        T and r in bins of k.
    reference_power
        Of the halos, in the same bins [(Mpc/h)^3].
    mean, void_fraction
        Ratios.
    histogram
        Ratios of the voxels with 0 to 5 halos; NaN where the reference has none.
    reference_histogram
        Voxels with 0 to 5 halos.
    cell_variance
        Ratios in cells of 8 and 16 Mpc/h; NaN where none fit.
    reduced_bispectrum, reference_bispectrum
        Q over the angle between sides of 0.1 and 0.2 h/Mpc, of the field and of the halos.
    equilateral
        Ratios of B over k.
    """

    transfer_function: Array
    cross_correlation: Array
    reference_power: Array
    mean: float
    void_fraction: float
    histogram: Array
    reference_histogram: Array
    cell_variance: Array
    reduced_bispectrum: Array
    reference_bispectrum: Array
    equilateral: Array


@dataclass(frozen=True)
class Line:
    """One statistic, its target, and how far each contender is from the halos at worst.

    Attributes
    ----------
    worst
        By contender: largest relative deviation, or smallest gain of r over the density's.
    error
        By contender: standard error of that figure over the realisations; NaN for a single one.
    passed
        By contender that the target is for.
    threshold
        The target as a number: largest deviation, or least gain.
    """

    statistic: str
    target: str
    worst: dict[str, float]
    error: dict[str, float]
    passed: dict[str, bool]
    threshold: float


@dataclass(frozen=True)
class Report:
    """Means over realisations.

    Attributes
    ----------
    k, k_upper
        Mean wavenumbers and upper edges of the bins in k [h/Mpc].
    angles
        Of the bispectrum's triangles [rad].
    triangle_k
        Of the equilateral triangles [h/Mpc].
    voxel_size
        [Mpc/h].
    shot_noise
        1 / nbar of the halos [(Mpc/h)^3].
    boxes
        Names of the realisations.
    comparisons
        By contender, one for each realisation; of several draws, their mean.
    lines
        What was asked and what was reached.
    slab
        Of the first realisation: its halos, and each contender, one draw of it where it is drawn.
    """

    k: Array
    k_upper: Array
    angles: Array
    triangle_k: Array
    voxel_size: float
    shot_noise: float
    boxes: tuple[str, ...]
    comparisons: dict[str, list[Comparison]]
    lines: tuple[Line, ...]
    slab: Slab

    @property
    def passed(self) -> bool:
        """Whether every target is reached."""
        return all(verdict for line in self.lines for verdict in line.passed.values())

    def to_json(self) -> dict[str, Any]:
        """Return all numbers, not the slab, in types that JSON has."""
        told = {"passed": self.passed, **asdict(self)}
        del told["slab"]
        plain: dict[str, Any] = _plain(told)
        return plain


def report(
    boxes: dict[str, Box],
    saved: SavedPainter,
    others: dict[str, SavedPainter],
    draws: int,
    painted: Mapping[str, NDArray[np.float32]] = MappingProxyType({}),
) -> Report:
    """Paint, draw and compare.

    Parameters
    ----------
    boxes
        With density and halos, by name; of one shape and cosmology.
    saved
        The painter.
    others
        Painters to show beside it, by name.
    draws
        Realisations drawn for each box, if the painter can.
    painted
        What the painter painted already, by name of the box.
    """
    selection = saved.provenance.selection
    contenders = Contenders(saved, others, draws)
    comparisons: dict[str, list[Comparison]] = {}
    shot_noise, slab = [], None
    for title, box in boxes.items():
        counts = halo_counts(box, selection.mass_min, selection.mass_max)
        halos = beyond_two_points(counts, box.voxel_size)
        fields = contenders.fields(box, counts, painted.get(title))
        for name, realisations in fields.items():
            found = [_compare(field, counts, box.voxel_size, halos) for field in realisations]
            comparisons.setdefault(name, []).append(_mean(found))
        shot_noise.append(box.voxel_size**3 / counts.mean(dtype=np.float64))
        slab = slab or project(
            {HALOS: counts, **{name: some[0] for name, some in fields.items()}}, box.voxel_size
        )
    assert slab is not None  # at least one box is asked for
    # boxes are of one shape and cosmology: the last tells of all
    bins = measure(counts, counts, box.voxel_size)
    known = not cosmology_differences(saved.provenance, box.cosmology)
    asked = _lines if known else _other_lines
    return Report(
        k=bins.k,
        k_upper=bins.upper,
        angles=halos.angles,
        triangle_k=halos.triangle_k,
        voxel_size=float(box.voxel_size),
        shot_noise=float(np.mean(shot_noise)),
        boxes=tuple(boxes),
        comparisons=comparisons,
        lines=tuple(asked(comparisons, bins.upper)),
        slab=slab,
    )


def compare(field: NDArray[Any], counts: NDArray[np.float32], voxel_size: float) -> Comparison:
    """Compare one field with the halo counts of the same voxels."""
    return _compare(field, counts, voxel_size, beyond_two_points(counts, voxel_size))


@dataclass(frozen=True)
class BeyondTwoPoints:
    """What is measured of a field alone, and then compared.

    Attributes
    ----------
    histogram
        Voxels with 0 to 5 halos.
    cell_variance
        In cells of 8 and 16 Mpc/h; NaN where none fit.
    angles, reduced
        Of the triangles of sides 0.1 and 0.2 h/Mpc [rad], and their Q.
    triangle_k, equilateral
        Of the equilateral triangles [h/Mpc], and their B.
    """

    histogram: Array
    cell_variance: Array
    angles: Array
    reduced: Array
    triangle_k: Array
    equilateral: Array


def beyond_two_points(values: NDArray[Any], voxel_size: float) -> BeyondTwoPoints:
    """Measure what the power spectrum does not tell of a field."""
    some = count_histogram(values)[: HIGHEST_COUNT + 1]
    histogram = np.zeros(HIGHEST_COUNT + 1)
    histogram[: some.size] = some
    variances = (cell_variance(values, voxel_size, side) for side in CELLS)
    angles, isosceles = over_angle(values, voxel_size)
    sides = equilateral(values, voxel_size)
    return BeyondTwoPoints(
        histogram=histogram,
        cell_variance=np.array([np.nan if found is None else found for found in variances]),
        angles=angles,
        reduced=np.array([triangles.reduced for triangles in isosceles]),
        triangle_k=np.array([triangles.k[0] for triangles in sides]),
        equilateral=np.array([triangles.bispectrum for triangles in sides]),
    )


def _compare(
    field: NDArray[Any], counts: NDArray[np.float32], voxel_size: float, halos: BeyondTwoPoints
) -> Comparison:
    """Compare as `compare`, with what is measured of the counts alone at hand."""
    spectra = measure(field, counts, voxel_size)
    found = beyond_two_points(field, voxel_size)
    missing = np.full_like(found.histogram, np.nan)
    histogram = np.divide(found.histogram, halos.histogram, out=missing, where=halos.histogram > 0)
    return Comparison(
        transfer_function=spectra.transfer_function,
        cross_correlation=spectra.cross_correlation,
        reference_power=spectra.second,
        mean=float(field.sum(dtype=np.float64) / counts.sum(dtype=np.float64)),
        void_fraction=float(histogram[0]),
        histogram=histogram,
        reference_histogram=halos.histogram,
        cell_variance=found.cell_variance / halos.cell_variance,
        reduced_bispectrum=found.reduced,
        reference_bispectrum=halos.reduced,
        equilateral=found.equilateral / halos.equilateral,
    )


def average(comparisons: Sequence[Comparison], name: str) -> tuple[Array, Array]:
    """Return the mean of one attribute over realisations and its standard error."""
    values = np.array([getattr(comparison, name) for comparison in comparisons], dtype=np.float64)
    if len(values) < 2:
        return values.mean(axis=0), np.full_like(values[0], np.nan)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _lines(found: dict[str, list[Comparison]], upper: Array) -> list[Line]:
    both, field, draws = (FIELD, DRAWS), (FIELD,), (DRAWS,)
    linear = upper <= LINEAR * (1 + 1e-9)
    middle = linear & (upper > 0.1 * (1 + 1e-9))
    return [
        _within("mean counts", 0.005, found, "mean", both),
        _within(LINEAR_TRANSFER, 0.02, found, "transfer_function", both, linear),
        _within("T, k > 0.4", 0.05, found, "transfer_function", both, ~linear),
        _gain("r over the 2LPT density's", 0.0, found, field, np.full(upper.size, fill_value=True)),
        _gain("r over it, 0.1 < k <= 0.4", 0.03, found, field, middle),
        _bispectrum(0.10, found, both),
        _within(HISTOGRAM, 0.05, found, "histogram", draws),
        _within("empty voxels", 0.005, found, "void_fraction", draws),
        _within("variance in cells", 0.03, found, "cell_variance", both),
    ]


def _other_lines(found: dict[str, list[Comparison]], upper: Array) -> list[Line]:
    """Return the targets for a cosmology that the painter was not trained on."""
    linear = upper <= LINEAR * (1 + 1e-9)
    both = (FIELD, DRAWS)
    return [
        _within("mean counts", 0.05, found, "mean", both),
        _within(LINEAR_TRANSFER, 0.05, found, "transfer_function", both, linear),
    ]


def _within(
    statistic: str,
    tolerance: float,
    found: dict[str, list[Comparison]],
    name: str,
    asked: Sequence[str],
    bins: NDArray[np.bool_] | None = None,
) -> Line:
    worst, error = {}, {}
    for contender, comparisons in found.items():
        mean, scatter = (np.atleast_1d(values) for values in average(comparisons, name))
        kept = np.isfinite(mean) & (np.ones(mean.size, dtype=bool) if bins is None else bins)
        if not kept.any() or (contender == DENSITY and name in _OF_COUNTS):
            worst[contender] = error[contender] = np.nan
            continue
        at = int(np.argmax(np.where(kept, np.abs(mean - 1), -1.0)))
        worst[contender], error[contender] = float(mean[at] - 1), float(scatter[at])
    passed = {name: abs(worst[name]) <= tolerance for name in asked if name in worst}
    return Line(statistic, f"within {100 * tolerance:g} %", worst, error, passed, tolerance)


def _gain(
    statistic: str,
    least: float,
    found: dict[str, list[Comparison]],
    asked: Sequence[str],
    bins: NDArray[np.bool_],
) -> Line:
    density = np.array([one.cross_correlation for one in found[DENSITY]])
    worst, error = {}, {}
    for contender, comparisons in found.items():
        gains = np.array([one.cross_correlation for one in comparisons]) - density
        if not bins.any():
            worst[contender] = error[contender] = np.nan
            continue
        mean = np.where(bins, gains.mean(axis=0), np.inf)
        at = int(np.argmin(mean))
        worst[contender] = float(mean[at])
        spread = gains[:, at].std(ddof=1) if len(gains) > 1 else np.nan
        error[contender] = float(spread / np.sqrt(len(gains)))
    passed = {name: worst[name] > least for name in asked if name in worst}
    return Line(statistic, f"above {least:g}", worst, error, passed, least)


def _bispectrum(tolerance: float, found: dict[str, list[Comparison]], asked: Sequence[str]) -> Line:
    worst, error = {}, {}
    for contender, comparisons in found.items():
        wanted = average(comparisons, "reference_bispectrum")[0]
        ratios = np.array([one.reduced_bispectrum for one in comparisons]) / wanted
        if not wanted.size:
            worst[contender] = error[contender] = np.nan
            continue
        deviation = ratios.mean(axis=0) - 1
        at = int(np.argmax(np.abs(deviation)))
        worst[contender] = float(deviation[at])
        # of the difference, realisation by realisation: both fields share their sample variance
        own = np.array([one.reference_bispectrum for one in comparisons])[:, at] / wanted[at]
        spread = (ratios[:, at] - own).std(ddof=1) if len(ratios) > 1 else np.nan
        error[contender] = float(spread / np.sqrt(len(ratios)))
    passed = {name: abs(worst[name]) <= tolerance for name in asked if name in worst}
    return Line(
        "Q over angle, k 0.1 and 0.2",
        f"within {100 * tolerance:g} %",
        worst,
        error,
        passed,
        tolerance,
    )


def _mean(comparisons: list[Comparison]) -> Comparison:
    """Return the mean of several draws of one realisation."""
    means: dict[str, Any] = {name: average(comparisons, name)[0] for name in asdict(comparisons[0])}
    return Comparison(**means)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
