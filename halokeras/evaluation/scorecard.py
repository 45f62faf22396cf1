"""A painter on boxes with halos, beside its cheap alternatives: every statistic, every target."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, halo_counts, total_counts
from halokeras.evaluation.boxes import check_any, check_counts
from halokeras.evaluation.contenders import Contenders, Fields
from halokeras.evaluation.names import DENSITY, HALOS
from halokeras.evaluation.verdict import Found, Line, Verdict, judge, overall
from halokeras.fields.slab import Slab, project
from halokeras.fields.spectra import measure
from halokeras.painters.provenance import Provenance
from halokeras.painting.inputs.check import cosmology_differences
from halokeras.sections import Selection
from halokeras.statistics import STATISTICS
from halokeras.statistics.statistic import Array, Axis, Measurement, Sample, Statistic
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.strict_json import in_json

_BYTES_PER_VOXEL, _BYTES_PER_DRAW = 150, 16
"""Of a voxel while a box is scored, and of it in each draw beside a byte a channel, as measured."""

CONVENTIONS = {
    "units": "k in h/Mpc, P in (Mpc/h)^3; every field is divided by its own mean",
    "window": "not deconvolved: nearest grid point for counts, cloud in cell for the density",
    "shot_noise": "not subtracted, from reference or painted counts; 1 / nbar of the reference",
    "local_bias": "fitted on the reference box itself, the most generous choice for it",
    "comparisons": "by contender, one for each box, of several draws their mean: a ratio over the "
    "same of the halos, but for power, T, r, Q and what no filter explains; painted_ and "
    "reference_ are the field's and the halos' own",
    "error": "standard error of the mean over boxes; of a single box what its modes (Gaussian) "
    "and halos (Poisson) let expect, a lower limit; null where neither is known",
    "verdict": "met or missed by two standard errors at every place of a target, else undecided",
}


@dataclass(frozen=True)
class Scorecard:
    """Means over boxes of one shape, and what was asked of them.

    Attributes
    ----------
    boxes
        Names of the boxes.
    comparisons
        Measurements by contender, box and statistic; of several draws, their mean.
    places, edges
        Places on the axes of the statistics, and upper edges of those that have bins, by name.
    lines
        What was asked and what was reached.
    modes
        Number of modes in each bin of k, both members of a conjugate pair counted.
    shot_noise
        1 / nbar of the halos [(Mpc/h)^3].
    voxel_size, box_size
        [Mpc/h].
    selection
        Masses of the halos that were counted.
    slabs
        Slab by box: its halos, and each contender, one draw of it where it is drawn.
    statistics
        What was measured.
    """

    boxes: tuple[str, ...]
    comparisons: dict[str, list[dict[str, Measurement]]] = field(repr=False)
    places: dict[str, Array] = field(repr=False)
    edges: dict[str, Array] = field(repr=False)
    lines: tuple[Line, ...]
    modes: Array = field(repr=False)
    shot_noise: float
    voxel_size: float
    box_size: tuple[float, float, float]
    redshift: float
    selection: Selection
    slabs: dict[str, Slab] = field(repr=False)
    statistics: tuple[Statistic, ...] = field(default=STATISTICS, repr=False)

    @property
    def verdict(self) -> Verdict:
        """Verdict on all targets together."""
        return overall(self.lines)

    @property
    def passed(self) -> bool:
        """Whether every target is met."""
        return self.verdict is Verdict.MET

    def tally(self) -> dict[Verdict, int]:
        """Return how many targets are met, missed and undecided."""
        verdicts = [verdict for line in self.lines for verdict in line.verdict.values()]
        return {verdict: verdicts.count(verdict) for verdict in Verdict}

    def measurements(self, contender: str, statistic: Statistic) -> list[Measurement]:
        """Return what was measured of a contender, box by box."""
        return [found[statistic.name] for found in self.comparisons[contender]]

    def at(self, statistic: Statistic) -> Array:
        """Return the places of a statistic, upper edges where it has bins."""
        return _at(statistic.axis, self.places, self.edges)

    def to_json(self) -> dict[str, Any]:
        """Return all numbers, not the slabs, in types that JSON has; null for what is not known."""
        comparisons = {
            name: [
                {
                    key: value
                    for statistic in self.statistics
                    for key, value in _told(statistic, found)
                }
                for found in boxes
            ]
            for name, boxes in self.comparisons.items()
        }
        told = {
            "passed": self.passed,
            "verdict": self.verdict,
            **self.places,
            **{f"{name}_upper": edges for name, edges in self.edges.items()},
            "modes": self.modes.astype(int),
            "voxel_size": self.voxel_size,
            "box_size": self.box_size,
            "redshift": self.redshift,
            "shot_noise": self.shot_noise,
            "mass_min": self.selection.mass_min,
            "mass_max": self.selection.mass_max,
            "mass_definition": self.selection.mass_definition,
            "boxes": self.boxes,
            "comparisons": comparisons,
            "lines": [vars(line) for line in self.lines],
            "conventions": CONVENTIONS,
            "statistics": {one.name: f"{one.title}. {one.meaning}" for one in self.statistics},
        }
        return {name: in_json(value) for name, value in told.items()}


def score(
    boxes: Mapping[str, Box],
    contenders: Contenders,
    painted: Mapping[str, Mapping[str, NDArray[Any]]] = MappingProxyType({}),
    progress: Callable[[float], None] = lambda fraction: None,
    beside: Callable[[str, Box, Fields], None] = lambda name, box, fields: None,
) -> Scorecard:
    """Paint, draw, measure and judge.

    Parameters
    ----------
    boxes
        Boxes with density and halos, by name; of one shape, voxel size and cosmology.
    contenders
        What paints on them; the painter tells which halos are counted, and another cosmology
        than its own has targets of its own.
    painted
        What was painted already, by name of the box and as `Contenders.fields` takes it.
    progress
        Called with the fraction that is done.
    beside
        Called with each box, its name and all fields, to measure more of them.

    Raises
    ------
    BoxError
        If there is too little memory for a box.
    """
    learned = contenders.saved.provenance
    for name, box in boxes.items():
        _check_memory(name, box, contenders)
    comparisons: dict[str, list[dict[str, Measurement]]] = {}
    slabs, shot_noise = {}, []
    for done, (name, box) in enumerate(boxes.items()):
        halos = Sample(halo_counts(box, **learned.selection.model_dump()), box.voxel_size)
        fields = _checked_fields(contenders, box, halos, painted.get(name, {}))
        beside(name, box, fields)
        for contender, found in compare(fields, halos).items():
            comparisons.setdefault(contender, []).append(found)
        first = {contender: total_counts(some[0]) for contender, some in fields.items()}
        slabs[name] = project({HALOS: halos.values, **first}, box.voxel_size)
        shot_noise.append(box.voxel_size**3 / halos.values.mean(dtype=np.float64))
        del fields, first  # a third of the memory, which those of the next box take
        progress((done + 1) / len(boxes))
    # boxes are of one shape and cosmology: the last tells of all
    card = judged(STATISTICS, tuple(boxes), comparisons, box, halos, learned)
    return replace(card, shot_noise=float(np.mean(shot_noise)), slabs=slabs)


def _check_memory(name: str, box: Box, contenders: Contenders) -> None:
    """Refuse a box that memory cannot hold with all that is painted and drawn on it."""
    draw = _BYTES_PER_DRAW + contenders.saved.painter.params.channels
    need = (_BYTES_PER_VOXEL + draw * contenders.draws) * prod(box.shape)
    refuse_beyond_memory(need, f"scoring {name}", "draw fewer, or score a smaller box")


def _checked_fields(
    contenders: Contenders, box: Box, halos: Sample, painted: Mapping[str, NDArray[Any]]
) -> Fields:
    """Return all fields of a box, of which the first is there and lies where its density is."""
    fields = contenders.fields(box, halos.values, painted)
    leading = total_counts(next(iter(fields.values()))[0])
    if painted:
        check_counts(leading, box)
    else:  # what is painted here lies where the density is, whatever its phases
        check_any(leading)
    return fields


def judged(
    statistics: tuple[Statistic, ...],
    names: tuple[str, ...],
    comparisons: dict[str, list[dict[str, Measurement]]],
    box: Box,
    halos: Sample,
    learned: Provenance,
) -> Scorecard:
    """Judge what was measured of boxes of one shape, redshift and cosmology.

    Parameters
    ----------
    statistics, names
        What was measured, and of which boxes.
    comparisons
        As `Scorecard` has them.
    box, halos
        One of the boxes, and its halos, whose shot noise is told.
    learned
        Provenance of the painter, which another cosmology than its own is measured by.
    """
    known_cosmology = not cosmology_differences(learned, box.cosmology)
    axes = {one.axis.name: one.axis for one in statistics if one.axis is not None}
    places = {name: axis.places(halos) for name, axis in axes.items()}
    edges = {name: axis.edges(halos) for name, axis in axes.items() if axis.edges is not None}
    return Scorecard(
        boxes=names,
        comparisons=comparisons,
        places=places,
        edges=edges,
        lines=tuple(_lines(statistics, comparisons, places, edges, known_cosmology)),
        modes=halos.of(measure, halos).modes,
        shot_noise=box.voxel_size**3 / float(halos.values.mean(dtype=np.float64)),
        voxel_size=float(box.voxel_size),
        box_size=box.box_size,
        redshift=float(box.redshift),
        selection=learned.selection,
        slabs={},
        statistics=statistics,
    )


def compare(fields: Fields, halos: Sample) -> dict[str, dict[str, Measurement]]:
    """Measure every statistic of some fields of one box, the density among them.

    Parameters
    ----------
    fields
        Fields by name; of several, the mean is returned.
    halos
        Counts of the halos.

    Returns
    -------
    dict
        Measurements by name of the field and of the statistic.
    """
    density = Sample(fields[DENSITY][0], halos.voxel_size)
    found = {}
    for name, some in fields.items():
        samples = [Sample(total_counts(field), halos.voxel_size) for field in some]
        found[name] = {
            one.name: _mean([one.measure(sample, halos, density) for sample in samples])
            for one in STATISTICS
        }
    return found


def _mean(several: list[Measurement]) -> Measurement:
    """Return the mean of the measurements of several draws of one box."""
    means: dict[str, Any] = {}
    for name in (one.name for one in fields(Measurement)):
        values = [getattr(one, name) for one in several]
        means[name] = None if values[0] is None else np.mean(np.array(values), axis=0)
    return Measurement(**means)


def _lines(
    statistics: Iterable[Statistic],
    comparisons: dict[str, list[dict[str, Measurement]]],
    places: dict[str, Array],
    edges: dict[str, Array],
    known_cosmology: bool,
) -> Iterable[Line]:
    for statistic in statistics:
        found: Found = {
            contender: [one[statistic.name] for one in some]
            for contender, some in comparisons.items()
        }
        for target in statistic.targets:
            threshold = target.threshold if known_cosmology else target.elsewhere
            if threshold is not None:
                at = _at(statistic.axis, places, edges)
                yield judge(statistic, target, threshold, found, at)


def _at(axis: Axis | None, places: dict[str, Array], edges: dict[str, Array]) -> Array:
    return np.zeros(1) if axis is None else edges.get(axis.name, places[axis.name])


def _told(statistic: Statistic, found: dict[str, Measurement]) -> Iterable[tuple[str, Any]]:
    measurement = found[statistic.name]
    yield statistic.name, measurement.value
    if measurement.painted is not None:
        yield f"painted_{statistic.name}", measurement.painted
    if measurement.halos is not None:
        yield f"reference_{statistic.name}", measurement.halos
