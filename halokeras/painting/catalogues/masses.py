"""Masses of a draw's halos, and what follows from a mass: radius and concentration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box_file import Header
from halokeras.boxes.halos import COLUMNS
from halokeras.boxes.masses import column_of, own_definition
from halokeras.cosmology.halo_structure import CONCENTRATIONS, concentrations, radii
from halokeras.errors import BoxError, ModelError
from halokeras.painters.mass_law import MassLaw
from halokeras.painters.provenance import Provenance
from halokeras.painting.catalogues.formats import HOST, About, Columns
from halokeras.painting.catalogues.piece import Piece
from halokeras.painting.ids import IDS_PER_VOXEL, Draw
from halokeras.sections import MassDefinition
from halokeras.storage.grid import Grid

FRIENDS: MassDefinition = "fof"


def check_spheres(
    spheres: MassDefinition | None, law: MassLaw | None, learned: Provenance, header: Header
) -> None:
    """Refuse radii of friends-of-friends masses where there are none, before anything is painted.

    Raises
    ------
    ModelError
        If the painter draws no masses, or those of spheres.
    BoxError
        If the cosmology is not known.
    """
    if spheres is None:
        return
    if law is None:
        raise ModelError("--radii: the painter draws no masses; leave it out")
    definition = _definition(learned)
    if definition != FRIENDS:
        raise ModelError(
            f"--radii: the painter's masses are {definition or 'of no known definition'} and not "
            "those of friends-of-friends; leave it out"
        )
    if header.cosmology is None:
        raise BoxError(
            "the density tells no cosmology, which --radii needs; name it with --cosmology, or "
            "paint on a box file"
        )


def _definition(learned: Provenance) -> MassDefinition | None:
    """Return the definition of the masses that a painter learned, or None where none is known."""
    return learned.selection.mass_definition or own_definition(learned.model_extra or {})


@dataclass(frozen=True)
class Masses:
    """What the masses of a draw's halos are drawn from.

    Attributes
    ----------
    by_mass
        Halos per voxel in each bin of mass, (nx, ny, nz, bins).
    law
        How masses are distributed in each bin.
    learned
        What the painter that drew them learned.
    header
        What is known of the box: voxel size, redshift, cosmology, provenance.
    spheres
        What friends-of-friends masses are taken for, so that they have a radius; None for nothing.
    """

    by_mass: Grid
    law: MassLaw
    learned: Provenance
    header: Header
    spheres: MassDefinition | None = None

    @property
    def definition(self) -> MassDefinition | None:
        """The definition of the masses, or None where none is known."""
        return _definition(self.learned)

    @property
    def bins(self) -> int:
        """Number of bins of mass."""
        return self.by_mass.shape[3]

    @property
    def about(self) -> About:
        """What a catalogue tells of its masses."""
        words = (self.learned.model_extra or {}).get("mass_definition")
        told: About = {"mass_definition": self.definition or str(words or "unknown")}
        if self._sphere is None:
            return told
        if self.spheres is not None and self.definition == FRIENDS:
            told["radius_definition"] = f"friends-of-friends masses taken as {self.spheres}"
        return told | {"concentration_relation": CONCENTRATIONS}

    @property
    def names(self) -> list[str]:
        """The columns that `columns` returns."""
        if self._sphere is None:
            return [self._mass, *_HIERARCHY]
        return [self._mass, self._radius, *_CONCENTRATION, *_HIERARCHY]

    def columns(self, mass: NDArray[np.float32], ids: NDArray[np.int64]) -> Columns:
        """Return what a catalogue tells of halos by their masses [Msun/h], (N,), and ids."""
        found = {self._mass: mass}
        sphere, cosmology, redshift = self._sphere, self.header.cosmology, self.header.redshift
        if sphere is not None and cosmology is not None:
            found[self._radius] = radii(mass, sphere, cosmology, redshift).astype(np.float32)
            relation = concentrations(mass, sphere, cosmology, redshift)
            found[_CONCENTRATION[0]] = relation.astype(np.float32)
        parent, host = _HIERARCHY
        return found | {parent: np.full(ids.shape, -1, np.int64), host: ids}

    def drawn(self, piece: Piece, ids: NDArray[np.int64], draw: Draw) -> NDArray[np.float32]:
        """Draw the masses of the halos of a piece [Msun/h], in every voxel the heaviest first.

        Parameters
        ----------
        piece
            The part of the box that is asked for.
        ids
            (N,) ids of all halos in it, in the order of its voxels.
        draw
            The draw, which with the ids fixes the masses.

        Raises
        ------
        BoxError
            If the bins do not hold as many halos.
        """
        held = np.asarray(piece.read(self.by_mass, lead=0))[..., ::-1].ravel()
        occupied = np.flatnonzero(held)
        channel = np.repeat(self.bins - 1 - occupied % self.bins, held[occupied])
        if channel.size != ids.size:
            raise BoxError("counts_by_mass do not add up to the counts; draw again")
        mass = self.law.draw(channel, draw.uniform("mass", ids))
        voxel = np.cumsum(np.diff(ids // IDS_PER_VOXEL, prepend=-1) != 0)
        return mass[np.lexsort((-mass, voxel))]

    @property
    def _sphere(self) -> MassDefinition | None:
        """Within which density the masses lie, or None for those of no sphere or cosmology."""
        definition = self.spheres if self.definition == FRIENDS else self.definition
        return None if self.header.cosmology is None else definition

    @property
    def _mass(self) -> str:
        return _name(column_of(self.definition))

    @property
    def _radius(self) -> str:
        return _name(column_of(self._sphere).replace("mass", "radius"))


def _name(column: str) -> str:
    """Return the name that halotools has for a column."""
    (name,) = COLUMNS[column].parts()
    return name


_CONCENTRATION = (_name("concentration"),)
_HIERARCHY = (_name("parent"), HOST)
