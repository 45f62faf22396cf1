"""A painter as a folder of plain arrays and JSON, written whole and read with suspicion.

What the folder holds is told in `halokeras.painters.model_files`.
"""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import total_counts
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import ModelError
from halokeras.networks.painter import Painter, built_painter
from halokeras.networks.patch import Patch
from halokeras.painters.conditions import conditions_of
from halokeras.painters.count_law import CountLaw
from halokeras.painters.exclusion import Exclusion
from halokeras.painters.law_files import Laws, law_contents
from halokeras.painters.mass_law import MassLaw, expected_mass_law
from halokeras.painters.model_files import (
    ARCHITECTURE,
    EXPECTED,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    PROVENANCE,
    WEIGHTS,
    check_size,
    hash_painter,
    read_files,
    sha256,
)
from halokeras.painters.painter_json import to_json
from halokeras.painters.peaks import Peaks
from halokeras.painters.provenance import Provenance, read_provenance
from halokeras.painters.surroundings import Surroundings
from halokeras.painters.weights_file import SUFFIX, Weights, check_weights, pack
from halokeras.sections import Selection
from halokeras.storage.files import whole_folder

_SAME_MASS = 0.01
"""Below the lightest halo that was seen, by which a mass still asks for all: it is rounded."""
_LEAST_SHARE = 1e-12
"""Share of the halos of a bin, below which none are painted at all."""


@dataclass(frozen=True)
class DrawModel:
    """What integer counts are drawn from.

    Parameters
    ----------
    painter
        Paints the expected counts.
    count_law
        Law of the halos of all channels together, given how many of them are expected.
    mass_law
        Law of the masses in each channel, where the channels are bins of mass.
    exclusion
        How halos exclude each other by mass; None for an older painter.
    kept_shares
        Share of the halos of each channel that is kept once all are drawn; None keeps all.
    peaks
        Corrections of what is expected around peaks, of painters with an exclusion; None for an
        older painter.
    surroundings
        What the law of the counts knows of the halos expected around voxels, of painters with an
        exclusion; None for an older painter.
    """

    painter: Painter
    count_law: CountLaw
    mass_law: MassLaw | None = None
    exclusion: Exclusion | None = None
    kept_shares: tuple[float, ...] | None = None
    peaks: Peaks | None = None
    surroundings: Surroundings | None = None

    @property
    def laws(self) -> Laws:
        """What its files hold."""
        return Laws(self.count_law, self.mass_law, self.exclusion, self.peaks, self.surroundings)

    @property
    def border(self) -> int:
        """Voxels around those that are drawn, whose expected counts draws need to know."""
        if self.exclusion is None:
            return 0
        around = self.peaks is not None or self.surroundings is not None
        return max(self.exclusion.border, int(around))


@dataclass(frozen=True)
class SavedPainter:
    """A painter as loaded from its folder.

    Parameters
    ----------
    painter
        The network, built, with its weights.
    provenance
        What the folder tells of its training.
    hash
        SHA-256 of the architecture, the weights and what draws are made from; it names the
        painter in painted boxes.
    draws
        What integer counts are drawn from; None for a painter trained without a warm start.
    learned
        The halos that all channels together paint, where `above` keeps fewer.
    folder_hash
        The hash of the painter in its folder, where `above` keeps fewer.
    learned_masses
        The law of the masses of all halos, where `above` keeps fewer.
    mass_scale
        Mass of its halos over that of those it learned.
    """

    painter: Painter
    provenance: Provenance = field(repr=False)
    hash: str
    draws: DrawModel | None = field(default=None, repr=False)
    learned: Selection | None = None
    folder_hash: str | None = None
    learned_masses: MassLaw | None = field(default=None, repr=False)
    mass_scale: float = 1.0

    @property
    def mass_law(self) -> MassLaw | None:
        """Law of the masses in each channel; None where draws have none."""
        return None if self.draws is None else self.draws.mass_law

    @property
    def kept_shares(self) -> tuple[float, ...] | None:
        """Share of the halos of each channel that is kept; None keeps all."""
        return None if self.draws is None else self.draws.kept_shares

    @property
    def bins(self) -> tuple[Selection, ...]:
        """The halos that each channel paints."""
        bins = self.painter.params.selections(self.learned or self.provenance.selection)
        return tuple(bin.times(self.mass_scale) for bin in bins)

    @property
    def mass_part(self) -> str:
        """What the names of files tell of the least mass, where `above` keeps fewer halos."""
        return "" if self.learned is None else f"_from{self.provenance.selection.mass_min:g}"

    def network(self, for_draws: bool) -> Painter:
        """Return the painter of the field, or of what draws expect where these are known."""
        return self.draws.painter if for_draws and self.draws else self.painter

    def border(self, for_draws: bool) -> int:
        """Return the voxels that are painted around those wanted, as `network`."""
        return self.draws.border if for_draws and self.draws else 0

    def total(self, painted: NDArray[Any]) -> NDArray[Any]:
        """Return the halos that are kept of all channels, (nx, ny, nz), of what was painted."""
        kept = (
            painted
            if self.kept_shares is None
            else painted * np.array(self.kept_shares, painted.dtype)
        )
        return total_counts(kept)

    def above(self, mass_min: float) -> "SavedPainter":
        """Return the painter of those of its halos that have at least a mass [Msun/h].

        The expected halos of a bin that it falls into are parted as the law of masses says, and
        counts are those of a draw of all halos, of which the lighter ones are dropped; masses
        and places are drawn anew.

        Raises
        ------
        ModelError
            If it does not know the masses of its halos, or learned none so light or so heavy.
        """
        selection = self.provenance.selection
        law = self.learned_masses or self.mass_law
        if mass_min == selection.mass_min:
            return self
        if law is None or self.draws is None:
            raise ModelError(
                "the painter does not know the masses of its halos, so none can be left out; "
                "choose a painter of the kind halos"
            )
        # of all halos of its boxes, those that were seen
        least = selection.mass_min or float(law.masses.min())
        _check_least(mass_min, least)
        if not law.shares_above(mass_min).max() > _LEAST_SHARE:
            raise ModelError(
                f"the painter learned no halos as heavy as {mass_min:g} Msun/h; choose a lower "
                "least mass"
            )
        wanted = selection.model_copy(update={"mass_min": mass_min})
        of_all = self.folder_hash or self.hash
        kept = replace(
            self,
            provenance=self.provenance.model_copy(update={"selection": wanted}),
            hash=hashlib.sha256(f"{of_all} from {mass_min!r}".encode()).hexdigest(),
            learned=self.learned or selection,
            folder_hash=of_all,
        )
        return kept._with_masses(law)

    def under(self, cosmology: Cosmology | None, redshift: float) -> "SavedPainter":
        """Return the painter whose halos have the masses of an epoch and a cosmology.

        Its corrections around peaks, and how halos of a voxel exclude each other, are of them too.
        One that is told none knows no redshift; of a density as it learned, in a cosmology of more
        matter, it paints halos that are heavier by as much.

        Raises
        ------
        ModelError
            If `above` asked for halos from a mass on that are lighter than any there.
        """
        names = self.painter.params.conditions
        if cosmology is None or self.draws is None or self.draws.mass_law is None:
            return self
        if not names:
            return self._with_matter_of(cosmology)
        there = self._with_masses(expected_mass_law(self.bins, cosmology, redshift))
        draws = there.draws
        if draws is None or draws.peaks is None:
            return there
        size = self.provenance.voxel_size
        conditions = conditions_of(names, redshift, cosmology, self.bins, size)
        features = draws.painter.features(Patch(None, np.array([conditions], np.float32)))
        told = np.asarray(features, np.float64)[0]
        peaks = draws.peaks.under(told)
        exclusion = None if draws.exclusion is None else draws.exclusion.under(told)
        return replace(there, draws=replace(draws, peaks=peaks, exclusion=exclusion))

    def _with_matter_of(self, cosmology: Cosmology) -> "SavedPainter":
        """Return the painter, whose halos have masses of its own boxes, with those of others.

        Where it learned halos from a stated mass on, it is returned as it is.

        Raises
        ------
        ModelError
            If it was asked for halos from a mass on that are lighter than any there.
        """
        own, law = self.provenance.cosmology, self.learned_masses or self.mass_law
        if own is None or law is None or (self.learned or self.provenance.selection).cuts:
            return self
        scale = cosmology.omega_m / own["omega_m"]
        law = law.times(scale / self.mass_scale)
        if self.learned is not None:
            _check_least(self.provenance.selection.mass_min, float(law.masses.min()))
        return replace(self._with_masses(law), mass_scale=scale)

    def _with_masses(self, law: MassLaw) -> "SavedPainter":
        """Return the painter with a law of masses, of which lighter halos than wanted are left."""
        assert self.draws is not None
        if self.learned is None:
            return replace(self, draws=replace(self.draws, mass_law=law))
        mass_min = self.provenance.selection.mass_min
        shares = tuple(float(share) for share in law.shares_above(mass_min))
        draws = replace(self.draws, mass_law=law.above(mass_min), kept_shares=shares)
        return replace(self, draws=draws, learned_masses=law)


def _check_least(mass_min: float, least: float) -> None:
    """Refuse halos from a mass on that are lighter than the `least` that was learned."""
    if not mass_min >= least * (1 - _SAME_MASS):
        raise ModelError(
            f"the painter learned halos from {least:.3g} Msun/h on and was asked for those "
            f"from {mass_min:g}; choose a mass that it learned"
        )


def save_painter(
    painter: Painter, provenance: dict[str, Any], folder: Path, draws: DrawModel | None = None
) -> None:
    """Write `painter` as a folder that is afterwards the new one, or on failure the old, whole.

    Parameters
    ----------
    painter
        A built painter.
    provenance
        The fields of `Provenance` and whatever else should be known: plain JSON values.
    folder
        Where to put it; a painter that is there is replaced.
    draws
        What integer counts are drawn from, of the same architecture.

    Raises
    ------
    ModelError
        If a weight is not finite, or the provenance lacks a field or is not plain JSON.
    OutputError
        If the folder cannot be written.
    """
    checked = read_provenance(provenance, PROVENANCE)
    check_size(painter.params)
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, "painter": painter.get_config()}
    files = {
        ARCHITECTURE: to_json(header, ARCHITECTURE),
        f"{WEIGHTS}{SUFFIX}": pack(_weights(painter)),
        PROVENANCE: to_json(checked.model_dump(), PROVENANCE),
    }
    if draws is not None:
        files[f"{EXPECTED}{SUFFIX}"] = pack(_weights(draws.painter))
        files |= law_contents(draws.laws)
    manifest = {"sha256": {name: sha256(content) for name, content in files.items()}}
    files[MANIFEST] = to_json(manifest, MANIFEST)
    with whole_folder(folder, ARCHITECTURE, "saved painter") as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)


def load_painter(folder: Path) -> SavedPainter:
    """Read and check a saved painter; nothing in the folder is executed.

    Raises
    ------
    ModelError
        In one sentence, if there is no such folder, it is not a saved painter or of another
        format version, a file is damaged or malformed, or the weights do not fit.
    """
    files = read_files(folder)
    painter = built_painter(files.params)
    _fill(painter, folder / WEIGHTS, files.weights)
    draws = None
    if files.expected is not None and files.laws is not None:
        expected = built_painter(files.params)
        _fill(expected, folder / EXPECTED, files.expected)
        counts, masses, exclusion, peaks, surroundings = files.laws
        draws = DrawModel(
            expected, counts, masses, exclusion, peaks=peaks, surroundings=surroundings
        )
    return SavedPainter(painter, files.provenance, painter_hash(painter, draws), draws)


def painter_hash(painter: Painter, draws: DrawModel | None = None) -> str:
    """Return the SHA-256 of a painter's configuration, weights and draws, in whatever file."""
    parts = [painter] if draws is None else [painter, draws.painter]
    laws = None if draws is None else draws.laws
    return hash_painter(painter.params, [_weights(part) for part in parts], laws)


def _fill(painter: Painter, path: Path, weights: Weights) -> None:
    expected = _weights(painter)
    check_weights(path, weights, expected)
    for variable, name in zip(painter.weights, expected, strict=True):
        variable.assign(weights[name])


def _weights(painter: Painter) -> Weights:
    # Keras numbers the names of layers by process; the order and the last part are stable.
    return {
        f"{index:03d}.{variable.name}": np.asarray(variable, dtype=np.float32)
        for index, variable in enumerate(painter.weights)
    }
