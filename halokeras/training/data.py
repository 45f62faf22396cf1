"""The boxes that a run trains and validates on, found, checked and put side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.asked import OtherBoxError, asked_for, find_asked
from halokeras.boxes.box import Box, box_hash, halo_counts, total_counts
from halokeras.boxes.box_file import read_box
from halokeras.boxes.masses import at_odds, masses_of, select
from halokeras.boxes.suite import choose, read_suite
from halokeras.errors import BoxError, RunError
from halokeras.fields.alignment import check_alignment
from halokeras.networks.patch import channels_of
from halokeras.painter_params import PainterParams
from halokeras.painters.conditions import conditions_of
from halokeras.painters.provenance import fingerprint
from halokeras.params import BoxName, Params
from halokeras.sections import Selection
from halokeras.training.validation import HeldOut

_SIMULATE = "`halopaint simulate --params FILE`, FILE being these params"


@dataclass(frozen=True)
class TrainingData:
    """Training boxes stacked (boxes, n, n, n), held-out boxes, and what a painter says of them.

    Counts of several channels have them last, and are bytes where they fit; conditions are
    (boxes, conditions), or None. `masses` are those of the halos of the training boxes [Msun/h],
    where channels are parted by them.
    """

    density: NDArray[np.float32]
    counts: NDArray[np.float32] | NDArray[np.uint8]
    held_out: tuple[HeldOut, ...]
    provenance: dict[str, Any]
    conditions: NDArray[np.float32] | None = None
    masses: NDArray[np.float32] | None = None

    @property
    def mean_counts(self) -> list[float]:
        """Halos per voxel in the training boxes, of each channel."""
        channels = self.counts.shape[4] if self.counts.ndim == 5 else 1
        return [float(field.mean(dtype=np.float64)) for field in channels_of(self.counts, channels)]


def load_data(params: Params) -> TrainingData:
    """Read every box that `params` names.

    Raises
    ------
    BoxError
        If a box cannot be read, or is misaligned.
    RunError
        If boxes are missing (all are named, with the command that makes them), are not what is
        asked of boxes of their id and seed (both values are named), do not share one shape, voxel
        size and redshift, or are smaller than a crop with its margin.
    """
    paths = _find_all(params)
    trained = [path for name in params.box.train for path in paths[name]]
    validated_on = [path for name in params.box.validate_on for path in paths[name]]
    both = [path for path in validated_on if path in trained]
    if both:
        raise RunError(f"validate_on names {both[0]}, which train names too; hold it out")
    boxes = {path: read_box(path) for path in (*trained, *validated_on)}
    selection = params.box.selection
    channels = params.painter.selections(selection)
    counts = {path: _checked_counts(box, channels, path) for path, box in boxes.items()}
    names = params.painter.conditions
    conditions = {
        path: conditions_of(names, box.redshift, box.cosmology, channels, box.voxel_size)
        for path, box in boxes.items()
    }
    first = boxes[trained[0]]
    for path, box in boxes.items():
        _check_like(first, box, path, params.painter)
        _check_masses(first, box, selection, path)
    _check_crops(params, first)
    seen = _conditions_seen([boxes[path] for path in trained]) if names else None
    return TrainingData(
        density=np.stack([_density(boxes[path]) for path in trained]),
        counts=_stacked([counts[path] for path in trained]),
        held_out=tuple(
            HeldOut(_density(boxes[path]), counts[path], boxes[path].voxel_size, conditions[path])
            for path in validated_on
        ),
        masses=_masses([boxes[path] for path in trained], channels),
        conditions=np.array([conditions[path] for path in trained], np.float32) if names else None,
        provenance={
            "voxel_size": first.voxel_size,
            "redshift": _redshift(boxes, params),
            "cosmology": None if seen or first.cosmology is None else first.cosmology.parameters,
            "density_scheme": str(first.provenance.get("density_scheme", "unknown")),
            "halo_finder": str(first.provenance.get("halo_finder", "unknown")),
            "mass_definition": str(first.provenance.get("mass_definition", "unknown")),
            "selection": selection.model_dump(),
            "training_boxes": {path.name: box_hash(boxes[path]) for path in trained},
            "validation_boxes": {path.name: box_hash(boxes[path]) for path in validated_on},
            "fingerprint": fingerprint(_density(first), first.voxel_size).model_dump(),
            **({"conditions_seen": seen} if seen else {}),
        },
    )


def _find_all(params: Params) -> dict[BoxName, list[Path]]:
    found: dict[BoxName, list[Path]] = {}
    missing, differing = [], []
    for name in (*params.box.train, *params.box.validate_on):
        if name.path is not None:
            found[name] = [Path(name.path)]
            continue
        if name.suite is not None:
            suite = read_suite(Path(name.suite))
            chosen = choose(suite, name.first_member, name.last_member, name.redshifts)
            found[name] = [box.path for box in chosen]
            continue
        try:
            path = find_asked(asked_for(name, params.box))
        except OtherBoxError as error:
            differing.append(str(error))
            continue
        if path is None:
            missing.append(f"{name.id} seed {name.seed}")
        else:
            found[name] = [path]
    if differing:
        raise RunError(
            f"boxes are not what the params ask for: {'; '.join(differing)}; correct the params, "
            f"name a box by its path, or make others with {_SIMULATE}"
        )
    if missing:
        raise RunError(f"missing boxes: {', '.join(missing)}; make them with {_SIMULATE}")
    return found


def _density(box: Box) -> NDArray[np.float32]:
    if box.density is None:
        raise BoxError("a box without a density, such as a painted one, cannot train a painter")
    return box.density


def _checked_counts(box: Box, channels: Sequence[Selection], path: Path) -> NDArray[np.float32]:
    try:
        grids = [halo_counts(box, **channel.model_dump()) for channel in channels]
    except BoxError as error:
        raise BoxError(f"{path}: {error}") from error
    if not any(grid.any() for grid in grids):
        raise BoxError(f"{path} has no halo in the selection's mass range; widen box.selection")
    counts = grids[0] if len(grids) == 1 else np.stack(grids, axis=-1)
    try:
        check_alignment(_density(box), total_counts(counts), box.voxel_size)
    except BoxError as error:
        raise BoxError(f"{path}: {error}") from error
    return counts


def _stacked(
    counts: Sequence[NDArray[np.float32]],
) -> NDArray[np.float32] | NDArray[np.uint8]:
    """Stack counts: of several channels, most of the memory of a training, as bytes if they fit."""
    fit = max(one.max() for one in counts) <= np.iinfo(np.uint8).max
    if counts[0].ndim == 3 or not fit:
        return np.stack(counts)
    return np.stack([one.astype(np.uint8) for one in counts])


def _masses(boxes: Sequence[Box], channels: Sequence[Selection]) -> NDArray[np.float32] | None:
    """Return the masses of the halos that several channels count, or None of one channel."""
    if len(channels) == 1 or any(box.halos is None for box in boxes):
        return None
    found = []
    for box in boxes:
        assert box.halos is not None
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


def _redshift(boxes: Mapping[Path, Box], params: Params) -> float:
    """Return the redshift of the boxes, of several the nearest to what the params name."""
    told = [box.redshift for box in boxes.values()]
    return min(told, key=lambda redshift: abs(redshift - params.box.redshift))


def _check_like(first: Box, box: Box, path: Path, painter: PainterParams) -> None:
    if box.shape != first.shape or not np.isclose(box.voxel_size, first.voxel_size, rtol=1e-6):
        raise RunError(
            f"{path} has {box.shape} voxels of {box.voxel_size:g} Mpc/h, the first training box "
            f"{first.shape} of {first.voxel_size:g}; give boxes of one shape and voxel size"
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
