"""The boxes that a run trains and validates on, read, checked and put side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, box_hash, halo_counts, total_counts
from halokeras.boxes.box_file import read_box
from halokeras.boxes.masses import at_odds, masses_of, select
from halokeras.cosmology.cosmology import other_parameters
from halokeras.errors import BoxError, RunError
from halokeras.fields.alignment import check_alignment
from halokeras.painter_params import PainterParams
from halokeras.painters.conditions import conditions_of
from halokeras.painters.mass_law import check_enough
from halokeras.painters.provenance import fingerprint
from halokeras.params import Params
from halokeras.readable import amount_of_bytes
from halokeras.sections import Selection
from halokeras.training.boxes import TrainingBox, TrainingBoxes
from halokeras.training.named_boxes import named_boxes
from halokeras.training.validation import HeldOut


@dataclass(frozen=True)
class TrainingData:
    """Training boxes, held-out boxes, and what a painter says of them.

    Attributes
    ----------
    boxes, held_out
        Those that train, of which a stated memory keeps some, and those that validate.
    provenance
        What a painter trained on them tells of its training.
    mean_counts
        Halos per voxel in the training boxes, of each channel.
    conditions
        (boxes, conditions) of the training boxes, or None.
    memory
        Bytes that all training boxes would take.
    hashes
        Name and hash of each box in the order of the params, those that train first.
    """

    boxes: TrainingBoxes
    held_out: tuple[HeldOut, ...]
    provenance: dict[str, Any]
    mean_counts: tuple[float, ...] = ()
    conditions: NDArray[np.float32] | None = None
    memory: int = 0
    hashes: tuple[tuple[str, str], ...] = ()

    @property
    def plan(self) -> str:
        """What memory the boxes take, in a sentence."""
        held_out = sum(box.density.nbytes + box.counts.nbytes for box in self.held_out)
        told = (
            f"{amount_of_bytes(self.memory)} of boxes that train ({len(self.boxes)}), "
            f"{amount_of_bytes(held_out)} of boxes held out ({len(self.held_out)})"
        )
        if self.memory <= self.boxes.memory:
            return f"memory: {told}, all kept"
        return (
            f"memory: {told}; {amount_of_bytes(self.boxes.memory)} of the training boxes are kept "
            "(run.box_memory), the others are read as crops need them"
        )


def load_data(params: Params) -> TrainingData:
    """Read every box that `params` names, one after another.

    Raises
    ------
    BoxError
        If a box cannot be read, or is misaligned.
    RunError
        If boxes are missing (all are named, with the command that makes them), are not what is
        asked of boxes of their id and seed (both values are named), do not share one shape, voxel
        size and redshift, or are smaller than a crop with its margin.
    """
    trained, validated_on = named_boxes(params.box)
    reader = _Reader(params, trained)
    boxes = TrainingBoxes(reader.again, len(trained), params.run.box_memory * 2**30)
    halos, memory = np.zeros(params.painter.channels), 0
    for number, path in enumerate(trained):
        box = reader.first_time(path)
        boxes.keep(number, box)
        halos += box.counts.reshape(-1, halos.size).sum(axis=0, dtype=np.float64)
        memory += box.memory
    _check_bins(params, boxes)
    held_out = []
    for path in validated_on:
        box = reader.first_time(path)
        counts = total_counts(box.counts.astype(np.float32))
        told = reader.headers[path]
        held_out.append(HeldOut(box.density, counts, told.voxel_size, reader.conditions[path]))
    names, first = params.painter.conditions, reader.headers[trained[0]]
    training_headers = [reader.headers[path] for path in trained]
    seen = _conditions_seen(training_headers) if names else None
    conditions = np.array([reader.conditions[path] for path in trained], np.float32)
    return TrainingData(
        boxes=boxes,
        held_out=tuple(held_out),
        mean_counts=tuple((halos / (len(trained) * boxes[0].density.size)).tolist()),
        conditions=conditions if names else None,
        memory=memory,
        hashes=tuple((path.name, reader.hashes[path]) for path in (*trained, *validated_on)),
        provenance={
            "voxel_size": first.voxel_size,
            "redshift": _redshift(training_headers, params),
            "cosmology": None if seen else _cosmology(training_headers),
            "density_scheme": str(first.provenance.get("density_scheme", "unknown")),
            "halo_finder": str(first.provenance.get("halo_finder", "unknown")),
            "mass_definition": str(first.provenance.get("mass_definition", "unknown")),
            "selection": params.box.selection.model_dump(),
            "training_boxes": _by_name(trained, reader.hashes),
            "validation_boxes": _by_name(validated_on, reader.hashes),
            "fingerprint": fingerprint(boxes[0].density, first.voxel_size).model_dump(),
            **({"conditions_seen": seen} if seen else {}),
        },
    )


def _by_name(paths: Sequence[Path], hashes: Mapping[Path, str]) -> dict[str, str]:
    """Return hashes of boxes by their files' names, by whole paths where names are the same."""
    times = Counter(path.name for path in paths)
    return {path.name if times[path.name] == 1 else str(path): hashes[path] for path in paths}


def _check_bins(params: Params, boxes: TrainingBoxes) -> None:
    """Refuse, before hours of training, bins of mass that no law could be measured of."""
    bins = params.painter.selections(params.box.selection)
    if not params.training.warm_start.steps or len(bins) < 2:
        return
    measured = boxes.sample().values()
    halos = sum(box.counts.reshape(-1, len(bins)).sum(axis=0, dtype=np.int64) for box in measured)
    for bin, number in zip(bins, halos, strict=True):
        check_enough(number, bin)


class _Reader:
    """Reads boxes: the first time with all checks, again as what they were.

    Parameters
    ----------
    params
        Params of the run.
    trained
        Training boxes in the order of their numbers.

    Attributes
    ----------
    headers, hashes, conditions
        Every box read so far without its fields, its hash, and its conditions, by path.
    """

    def __init__(self, params: Params, trained: Sequence[Path]) -> None:
        self._params, self._trained = params, trained
        self._channels = params.painter.selections(params.box.selection)
        self.headers: dict[Path, Box] = {}
        self.hashes: dict[Path, str] = {}
        self.conditions: dict[Path, tuple[float, ...]] = {}

    def first_time(self, path: Path) -> TrainingBox:
        """Read a box and refuse what cannot train beside the first one, as `load_data`."""
        params, box = self._params, read_box(path)
        counts = _checked_counts(box, self._channels, path)
        if not self.headers:
            self._shape = box.shape
            _check_crops(params, box)
        header = replace(box, density=None, halos=None, counts=None, counts_by_mass=None)
        first = next(iter(self.headers.values()), header)
        _check_like(first, self._shape, box, path, params.painter)
        _check_masses(first, box, params.box.selection, path)
        self.headers[path], self.hashes[path] = header, box_hash(box)
        self.conditions[path] = conditions_of(
            params.painter.conditions, box.redshift, box.cosmology, self._channels, box.voxel_size
        )
        return _training_box(box, counts, self._channels)

    def again(self, number: int) -> TrainingBox:
        """Read a training box whose place in memory others took.

        Raises
        ------
        BoxError
            If it cannot be read, or is no more what it was.
        """
        path = self._trained[number]
        box = read_box(path)
        if box_hash(box) != self.hashes[path]:
            raise BoxError(f"{path} is another box than when this training began; restore it")
        return _training_box(box, _counts(box, self._channels), self._channels)


def _density(box: Box) -> NDArray[np.float32]:
    if box.density is None:
        raise BoxError("a box without a density, such as a painted one, cannot train a painter")
    return box.density


def _checked_counts(box: Box, channels: Sequence[Selection], path: Path) -> NDArray[np.float32]:
    try:
        counts = _counts(box, channels)
    except BoxError as error:
        raise BoxError(f"{path}: {error}") from error
    if not counts.any():
        raise BoxError(f"{path} has no halo in the selection's mass range; widen box.selection")
    try:
        check_alignment(_density(box), total_counts(counts), box.voxel_size)
    except BoxError as error:
        raise BoxError(f"{path}: {error}") from error
    return counts


def _counts(box: Box, channels: Sequence[Selection]) -> NDArray[np.float32]:
    grids = [halo_counts(box, **channel.model_dump()) for channel in channels]
    return grids[0] if len(grids) == 1 else np.stack(grids, axis=-1)


def _training_box(
    box: Box, counts: NDArray[np.float32], channels: Sequence[Selection]
) -> TrainingBox:
    """Return what a training reads of a box: counts of several channels as bytes if they fit."""
    masses = _masses(box, channels)
    if counts.ndim == 4 and counts.max() <= np.iinfo(np.uint8).max:
        return TrainingBox(_density(box), counts.astype(np.uint8), masses)
    return TrainingBox(_density(box), counts, masses)


def _masses(box: Box, channels: Sequence[Selection]) -> NDArray[np.float32] | None:
    """Return the masses of the halos that several channels count, or None of one channel."""
    if len(channels) == 1 or box.halos is None:
        return None
    found = []
    for channel in channels:
        halos = select(box.halos, **channel.model_dump(), provenance=box.provenance)
        mass = masses_of(halos, channel.mass_definition, box.provenance)
        assert mass is not None  # or they could not have been selected by it
        found.append(mass)
    return np.concatenate(found).astype(np.float32)


def _conditions_seen(boxes: Sequence[Box]) -> dict[str, tuple[float, float]]:
    """Return the least and the largest of the redshifts and of each parameter."""
    told = [
        {"redshift": box.redshift, **({} if box.cosmology is None else asdict(box.cosmology))}
        for box in boxes
    ]
    return {
        name: (min(one[name] for one in told), max(one[name] for one in told)) for name in told[0]
    }


def _redshift(boxes: Sequence[Box], params: Params) -> float:
    """Return the redshift of the training boxes; of several, the one nearest to `box.redshift`."""
    told = [box.redshift for box in boxes]
    return min(told, key=lambda redshift: abs(redshift - params.box.redshift))


def _cosmology(boxes: Sequence[Box]) -> dict[str, float] | None:
    """Return the parameters of the cosmology of boxes, or None of boxes of several."""
    ours = [{} if box.cosmology is None else box.cosmology.parameters for box in boxes]
    first = boxes[0].cosmology
    if first is None or any(not told or other_parameters(first, told) for told in ours):
        return None
    return first.parameters


def _check_like(
    first: Box, shape: tuple[int, int, int], box: Box, path: Path, painter: PainterParams
) -> None:
    if box.shape != shape or not np.isclose(box.voxel_size, first.voxel_size, rtol=1e-6):
        raise RunError(
            f"{path} has {box.shape} voxels of {box.voxel_size:g} Mpc/h, the first training box "
            f"{shape} of {first.voxel_size:g}; give boxes of one shape and voxel size"
        )
    ours, theirs = (one.provenance.get("density_scheme", "unknown") for one in (first, box))
    if "unknown" not in (ours, theirs) and ours != theirs:
        raise RunError(
            f"{path} has a {theirs} density, the first training box a {ours} one; give boxes whose "
            "densities were made alike"
        )
    if not painter.conditions and abs(box.redshift - first.redshift) > 1e-3:
        raise RunError(
            f"{path} is at redshift {box.redshift:g}, the first training box at "
            f"{first.redshift:g}; this kind of painter knows one: give boxes of one redshift, as "
            "redshifts beside a suite names it"
        )


def _check_masses(first: Box, box: Box, selection: Selection, path: Path) -> None:
    found = at_odds(selection, first.provenance, box.provenance)
    if found is not None:
        ours, theirs = found
        raise RunError(
            f"{path} has masses defined as {theirs}, the first training box as {ours}; choose one "
            "that all boxes have with box.selection.mass_definition"
        )


def _check_crops(params: Params, box: Box) -> None:
    training, margin = params.training, params.painter.margin
    fields = {"training.crop_size": training.crop_size if training.steps else 0}
    if training.warm_start.steps:
        fields["training.warm_start.crop_size"] = training.warm_start.crop_size
    for field, size in fields.items():
        if size + 2 * margin > min(box.shape):
            raise RunError(
                f"{field} {size} with the painter's margin of {margin} voxels on each side does "
                f"not fit the boxes' {min(box.shape)} voxels; choose at most "
                f"{min(box.shape) - 2 * margin}"
            )
