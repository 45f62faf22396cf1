"""Catalogues of draws beside the simulated halos: places, velocities and masses, box by box."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box
from halokeras.boxes.box_file import Header
from halokeras.boxes.halos import Halos
from halokeras.boxes.masses import select
from halokeras.environment import allotted_cores
from halokeras.evaluation.contenders import SEED, Fields
from halokeras.evaluation.names import TRUE_COUNTS, UNIFORM
from halokeras.evaluation.scorecard import Scorecard, lines_of
from halokeras.fields.spectra import measure
from halokeras.painting.catalogue import halos as place_halos
from halokeras.painting.catalogue import hubble_distance
from halokeras.painting.known_matter import check_same, known_box, matter_of
from halokeras.painting.places import Matter
from halokeras.sections import Selection
from halokeras.simulation.density import make_fields
from halokeras.simulation.fine_fields import make_fine_fields
from halokeras.statistics.catalogue import Catalogue
from halokeras.statistics.catalogues import CATALOGUE_STATISTICS
from halokeras.statistics.statistic import DRAWS, Measurement, Sample, Statistic


@dataclass
class CatalogueScores:
    """What is measured of catalogues while boxes are scored.

    Parameters
    ----------
    selection
        Masses of the halos that are compared.

    Attributes
    ----------
    comparisons
        By contender and box, measurements by name of the statistic.
    notes
        What is left out and why, one sentence each.
    """

    selection: Selection
    comparisons: dict[str, list[dict[str, Measurement]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _boxes: dict[str, Box] = field(default_factory=dict)
    _statistics: tuple[Statistic, ...] = CATALOGUE_STATISTICS
    _halos: Catalogue | None = None

    def add(self, name: str, box: Box, fields: Fields) -> None:
        """Place the halos of the first draw of a box, and of its own counts, and measure them."""
        if DRAWS not in fields or box.halos is None or box.density is None:
            return
        header = Header(box.voxel_size, box.redshift, box.cosmology, box.provenance)
        known = known_box(header, box.shape)
        if known is None or box.cosmology is None:
            self._note(f"catalogues on {name} are not scored: the modes of its density are unknown")
            return
        fine = make_fine_fields(known, allotted_cores())
        check_same(box.density, fine.density)
        distance = hubble_distance(box.redshift, box.cosmology)
        halos = _simulated(
            select(box.halos, **vars(self.selection), provenance=box.provenance), box, distance
        )
        draw = fields[DRAWS][0]
        matter = matter_of(fine, box.shape, box.voxel_size)
        coarse = Matter()
        if halos.velocity is not None:
            coarse = Matter(
                velocity=make_fields(replace(known, velocity=True), allotted_cores())[1]
            )
        placed = {
            DRAWS: _placed(draw, box, matter, distance),
            TRUE_COUNTS: _placed(halos.values, box, matter, distance),
            UNIFORM: _placed(draw, box, coarse, distance),
        }
        columns = halos.columns & placed[DRAWS].columns
        self._statistics = tuple(one for one in self._statistics if set(one.needs) <= columns)
        for column in sorted({"mass", "velocity"} - columns):
            where = "the box's halos" if column not in halos.columns else "catalogues of draws"
            self._note(f"{where} have no {column}: statistics that need it are left out")
        density = Sample(box.density, box.voxel_size)
        for contender, catalogue in placed.items():
            found = {one.name: one.measure(catalogue, halos, density) for one in self._statistics}
            self.comparisons.setdefault(contender, []).append(found)
        self._boxes[name], self._halos = box, halos

    def card(self, known_cosmology: bool) -> Scorecard | None:
        """Return the scorecard of what was added, or None where nothing was."""
        if self._halos is None:
            return None
        halos, box = self._halos, next(iter(self._boxes.values()))
        statistics = self._statistics
        axes = {one.axis.name: one.axis for one in statistics if one.axis is not None}
        places = {name: axis.places(halos) for name, axis in axes.items()}
        edges = {name: axis.edges(halos) for name, axis in axes.items() if axis.edges is not None}
        x, y, z = box.box_size
        return Scorecard(
            boxes=tuple(self._boxes),
            comparisons=self.comparisons,
            places=places,
            edges=edges,
            lines=tuple(lines_of(statistics, self.comparisons, places, edges, known_cosmology)),
            modes=halos.of(measure, halos).modes,
            shot_noise=x * y * z / len(halos.position),
            voxel_size=float(box.voxel_size),
            box_size=box.box_size,
            redshift=float(box.redshift),
            selection=self.selection,
            slabs={},
            statistics=statistics,
        )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _simulated(halos: Halos, box: Box, distance: float) -> Catalogue:
    return Catalogue(
        halos.position, box.shape, box.voxel_size, halos.mass, halos.velocity, distance
    )


def _placed(counts: NDArray[np.generic], box: Box, matter: Matter, distance: float) -> Catalogue:
    """Place halos and return them as statistics see them."""
    pieces = list(place_halos(counts.astype(np.uint16), box.voxel_size, SEED, matter=matter))
    columns: Mapping[str, NDArray[np.generic]] = {
        name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]
    }
    position = np.stack([columns[f"halo_{axis}"] for axis in "xyz"], axis=1)
    velocity = None
    if matter.velocity is not None:
        velocity = np.stack([columns[f"halo_v{axis}"] for axis in "xyz"], axis=1)
    return Catalogue(position, box.shape, box.voxel_size, None, velocity, distance)
