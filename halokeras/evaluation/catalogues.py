"""Catalogues of draws beside the simulated halos: places, velocities and masses, box by box."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, total_counts
from halokeras.boxes.box_file import Header
from halokeras.boxes.halos import Halos
from halokeras.boxes.masses import masses_of, select
from halokeras.environment import allotted_cores
from halokeras.errors import BoxError
from halokeras.evaluation.contenders import Fields, draw_seed
from halokeras.evaluation.names import LOCAL_BIAS_DRAWS, TRUE_COUNTS, UNIFORM
from halokeras.evaluation.scorecard import Scorecard, judged
from halokeras.fields.gridding import voxel_index
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.catalogues.halos import hubble_distance, positions, whole_catalogue
from halokeras.painting.catalogues.masses import Masses
from halokeras.painting.catalogues.piece import Piece
from halokeras.painting.catalogues.places import Matter, places, velocities
from halokeras.painting.ids import IDS_PER_VOXEL, Draw, halo_ids
from halokeras.painting.modes.known import check_same, known_box
from halokeras.painting.modes.matter import matter_of
from halokeras.randomness import fold_in
from halokeras.sections import Selection
from halokeras.simulation.fine_matter.fields import FineSums, check_fine_memory, fine_fields_of
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import fields_of, lpt_particles
from halokeras.simulation.threads import numba_threads
from halokeras.statistics.catalogue import Catalogue
from halokeras.statistics.catalogues import CATALOGUE_STATISTICS
from halokeras.statistics.statistic import DRAWS, Measurement, Sample, Statistic


@dataclass
class CatalogueScores:
    """What is measured of catalogues while boxes are scored.

    Parameters
    ----------
    saved
        The painter, whose halos are compared.

    Attributes
    ----------
    comparisons
        By contender and box, measurements by name of the statistic.
    notes
        What is left out and why, one sentence each.
    """

    saved: SavedPainter
    comparisons: dict[str, list[dict[str, Measurement]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _statistics: tuple[Statistic, ...] = CATALOGUE_STATISTICS
    _last: tuple[Box, Catalogue] | None = None

    def add(self, name: str, box: Box, fields: Fields) -> None:
        """Place the halos of the first draw of a box, and of its own counts, and measure them."""
        if DRAWS not in fields or box.halos is None or box.density is None:
            return
        header = Header(box.voxel_size, box.redshift, box.cosmology, box.provenance)
        known = known_box(header, box.shape)
        if known is None or box.cosmology is None:
            self._note(f"catalogues on {name} are not scored: the modes of its density are unknown")
            return
        distance = hubble_distance(box.redshift, box.cosmology)
        halos = _simulated(box.halos, self.saved.provenance.selection, box, distance)
        try:
            matter, coarse = _matter(known, box.density, halos.velocity is not None)
        # there is too little memory, or the density is not of the seed that it tells
        except BoxError as error:
            self._note(f"catalogues on {name} are not scored: {str(error).partition(';')[0]}")
            return
        draw = fields[DRAWS][0]
        counts, masses = total_counts(draw).astype(np.uint16), self._masses(draw, header)
        catalogues = {
            DRAWS: _placed(counts, box, matter, distance, masses),
            TRUE_COUNTS: _placed_again(halos, box, matter, distance),
            UNIFORM: _placed(counts, box, coarse, distance, masses),
            LOCAL_BIAS_DRAWS: _anywhere(fields[LOCAL_BIAS_DRAWS][0], halos, box, coarse, distance),
        }
        columns = halos.columns & catalogues[DRAWS].columns
        self._statistics = tuple(one for one in self._statistics if set(one.needs) <= columns)
        for column in sorted({"mass", "velocity"} - columns):
            where = "the box's halos" if column not in halos.columns else "catalogues of draws"
            self._note(f"{where} have no {column}: statistics that need it are left out")
        density = Sample(box.density, box.voxel_size)
        for contender, catalogue in catalogues.items():
            found = {one.name: one.measure(catalogue, halos, density) for one in self._statistics}
            self.comparisons.setdefault(contender, []).append(found)
        self._names.append(name)
        self._last = box, halos

    def card(self) -> Scorecard | None:
        """Return the scorecard of what was added, or None where nothing was."""
        if self._last is None:
            return None
        names = tuple(self._names)
        return judged(self._statistics, names, self.comparisons, *self._last, self.saved.provenance)

    def _masses(self, draw: NDArray[Any], header: Header) -> Masses | None:
        """Return what the masses of a draw's halos are drawn from, if the painter tells any."""
        saved = self.saved.under(header.cosmology, header.redshift)
        law = saved.mass_law
        if law is None or draw.ndim == 3:
            return None
        return Masses(draw, law, self.saved.provenance, header)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _matter(known: LptBox, density: NDArray[np.float32], moving: bool) -> tuple[Matter, Matter]:
    """Return what halos are placed by below the voxels, and, if they are `moving`, on them."""
    check_fine_memory(known)
    workers = allotted_cores()
    with numba_threads(workers):
        particles = lpt_particles(replace(known, velocity=True), workers)
        sums = FineSums.empty(known.voxels)
        density_again, velocity = fields_of(
            particles, known.voxels, workers, velocity=moving, beside=sums
        )
        fine = fine_fields_of(sums, particles.speed, known, workers)
    check_same(density, density_again)
    return matter_of(fine, known.voxels, known.voxel_size), Matter(velocity=velocity)


def _simulated(halos: Halos, selection: Selection, box: Box, distance: float) -> Catalogue:
    chosen = select(halos, **vars(selection), provenance=box.provenance)
    mass = masses_of(chosen, selection.mass_definition, box.provenance)
    return Catalogue(chosen.position, box.shape, box.voxel_size, mass, chosen.velocity, distance)


def _placed(
    counts: NDArray[np.uint16],
    box: Box,
    matter: Matter,
    distance: float,
    masses: Masses | None = None,
) -> Catalogue:
    """Place halos and return them as statistics see them."""
    columns = whole_catalogue(
        counts,
        box.voxel_size,
        draw_seed(box),
        matter=matter,
        masses=masses,
        workers=allotted_cores(),
    )
    position = np.stack([columns[f"halo_{axis}"] for axis in "xyz"], axis=1)
    velocity = None
    if matter.velocity is not None:
        velocity = np.stack([columns[f"halo_v{axis}"] for axis in "xyz"], axis=1)
    mass = None if masses is None else columns[masses.names[0]]
    return Catalogue(position, box.shape, box.voxel_size, mass, velocity, distance)


def _anywhere(
    counts: NDArray[np.integer], halos: Catalogue, box: Box, coarse: Matter, distance: float
) -> Catalogue:
    """Place halos anywhere in their voxels, with masses of simulated ones at random."""
    placed = _placed(counts.astype(np.uint16), box, coarse, distance)
    if halos.mass is not None:
        rng = fold_in(draw_seed(box), "masses at random", 0)
        placed.mass = rng.choice(halos.mass, len(placed.position))
    return placed


def _placed_again(halos: Catalogue, box: Box, matter: Matter, distance: float) -> Catalogue:
    """Place simulated halos in their voxels, whose counts know of each other."""
    ids = halo_ids(halos.values.astype(np.uint16).ravel(), np.arange(halos.values.size))
    voxel = np.stack(np.unravel_index(ids // IDS_PER_VOXEL, halos.shape))
    mass, velocity = None, None
    if halos.mass is not None:
        there = voxel_index(halos.position, halos.shape, halos.voxel_size)
        mass = halos.mass[np.lexsort((-halos.mass, there))]
    whole = Piece(halos.shape, (0, halos.shape[0]), (0, halos.shape[1]))
    draw = Draw(draw_seed(box), 0)
    alone, cores = replace(matter, reach=0.0, reach_by_mass=0.0), allotted_cores()
    inside = places(whole, voxel, ids, draw, alone, mass, cores)
    if matter.velocity is not None:
        velocity = velocities(whole, voxel, ids, inside, draw, matter, mass, cores).T
    position = positions(voxel, inside, halos.voxel_size).T
    return Catalogue(position, box.shape, box.voxel_size, mass, velocity, distance)
