"""What a saved painter tells: its network, what it was trained on, how it did."""

from pathlib import Path
from typing import Any, TypeGuard

from halokeras.evaluation.words import masses
from halokeras.inspection.facts import Fact, Inspection, Section, cosmology_section
from halokeras.painters.model_files import PainterFiles, read_files
from halokeras.painters.provenance import Provenance
from halokeras.readable import amount_of_bytes, duration


def inspect_painter(folder: Path) -> Inspection:
    """Read a saved painter without TensorFlow.

    Raises
    ------
    ModelError
        As `halokeras.painters.model_files.read_files`.
    """
    files = read_files(folder)
    learned = files.provenance
    return Inspection(
        kind="painter",
        path=folder,
        headline=f"painter for voxels of {learned.voxel_size:g} Mpc/h at redshift {learned.epochs}",
        sections=painter_sections(folder, files),
        advice=f"halopaint paint --model {folder}",
    )


def painter_sections(folder: Path, files: PainterFiles) -> list[Section]:
    """Tell of a saved painter's network, training, cosmology, validation and provenance."""
    learned = files.provenance
    others = dict(learned.model_extra or {})
    score = others.pop("validation", None)
    validated_on = others.pop("validation_boxes", None)
    trained_on = [
        Fact("voxel_size", learned.voxel_size, "Mpc/h"),
        Fact("redshift", learned.redshift, text=learned.epochs),
        *_seen(learned),
        Fact("density_scheme", learned.density_scheme),
        Fact("selection", learned.selection.model_dump(), text=masses(learned.selection)),
        *(_told(others, name) for name in ("halo_finder", "mass_definition") if name in others),
        Fact("boxes", learned.training_boxes, text=", ".join(learned.training_boxes)),
    ]
    return [
        _network(folder, files),
        Section("trained on", trained_on),
        cosmology_section(learned.cosmology),
        Section("validation", validation_facts(score, validated_on)),
        Section(
            "provenance",
            [
                *(_told(others, name) for name in sorted(others)),
                Fact("fingerprint", learned.fingerprint.model_dump(), text=""),
            ],
        ),
    ]


def _seen(learned: Provenance) -> list[Fact]:
    """Tell the least and the largest of each parameter of the cosmologies that were seen."""
    seen = learned.conditions_seen or {}
    return [
        Fact(f"{name}_seen", list(ends), text="{:.4g} to {:.4g}".format(*ends))
        for name, ends in seen.items()
        if name != "redshift"
    ]


def validation_facts(score: Any, boxes: Any) -> list[Fact]:
    """Tell the validation that a provenance holds, as far as it is of the known form."""
    if not isinstance(score, dict):
        return []
    facts = [
        Fact(name, score[name])
        for name in ("score", "mean_ratio")
        if isinstance(score.get(name), float | int)
    ]
    for name in ("transfer_function", "cross_correlation"):
        values = score.get(name)
        if _are_numbers(values):
            facts.append(Fact(name, values, text=f"{min(values):.3f} to {max(values):.3f}"))
    k = score.get("k")
    if _are_numbers(k):
        facts.append(Fact("k", k, "h/Mpc", f"{min(k):.3g} to {max(k):.3g}"))
    if isinstance(boxes, dict):
        facts.append(Fact("boxes", boxes, text=", ".join(boxes)))
    return facts


def _network(folder: Path, files: PainterFiles) -> Section:
    params, learned = files.params, files.provenance
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    weights = sum(values.size for values in files.weights.values())
    side = 2 * params.margin + 1
    draws = files.laws is not None
    return Section(
        "network",
        [
            Fact("architecture", params.model_dump(mode="json"), text=params.sentence),
            Fact("weights", weights, text=f"{weights:,}"),
            Fact("sees", side, text=f"{side} voxels a side, {side * learned.voxel_size:g} Mpc/h"),
            Fact("draws", draws, text="can draw whole halos" if draws else "only paints means"),
            Fact("hash", files.hash),
            Fact("folder_size", size, text=amount_of_bytes(size)),
        ],
    )


def _told(others: dict[str, Any], name: str) -> Fact:
    value = others.pop(name) if name in ("halo_finder", "mass_definition") else others[name]
    if name == "training_seconds" and isinstance(value, float | int):
        return Fact(name, value, text=duration(value))
    if name == "params":
        return Fact(name, value, text="")
    if isinstance(value, dict):
        return Fact(name, value, text=", ".join(f"{key} {inner}" for key, inner in value.items()))
    return Fact(name, value)


def _are_numbers(values: Any) -> TypeGuard[list[float]]:
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(value, float | int) for value in values)
    )
