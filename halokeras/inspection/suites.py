"""What the index of a suite tells, and how much of it is made."""

from pathlib import Path

from halokeras.boxes.suite import read_suite
from halokeras.cosmology.cosmology import PARAMETERS
from halokeras.inspection.facts import Fact, Inspection, Section


def inspect_suite(folder: Path) -> Inspection:
    """Tell of a suite's members, and of the ranges of their conditions."""
    suite = read_suite(folder)
    boxes = list(suite.boxes())
    made = sum(box.path.exists() for box in boxes)
    conditions = {
        name: [getattr(member.cosmology, name) for member in suite.members] for name in PARAMETERS
    }
    conditions["redshift"] = [box.redshift for box in boxes]
    ranges = [
        Fact(name, [min(values), max(values)], text=_range(min(values), max(values)))
        for name, values in conditions.items()
    ]
    return Inspection(
        kind="suite",
        path=folder,
        headline=f"suite of {len(suite.members)} simulations, {len(boxes)} boxes",
        sections=[
            Section(
                "boxes",
                [
                    Fact("made", made, text=f"{made} of {len(boxes)}"),
                    Fact("size", suite.size, "Mpc/h"),
                    Fact("particles", suite.particles, text=f"{suite.particles}^3"),
                    Fact("voxel_size", suite.voxel_size, "Mpc/h"),
                ],
            ),
            Section("conditions", ranges),
        ],
        advice=f"halopaint evaluate --suite {folder}",
    )


def _range(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
