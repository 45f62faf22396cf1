"""Options that several commands share, and what they name."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halokeras.commands.terminal import load_tensorflow, tell
from halokeras.resources import GEN_PAINTER
from halokeras.seeds import LARGEST_SEED

if TYPE_CHECKING:
    from halokeras.cosmology.cosmology import Cosmology
    from halokeras.painters.model_store import SavedPainter


SHIPPED_PAINTER = Path("saved_models", GEN_PAINTER)


class ContrastOf(StrEnum):
    """What the values of a density are."""

    DENSITY = "1+delta"
    OVERDENSITY = "delta"
    RHO = "rho"


def named_box(name: str | None) -> str | None:
    """Refuse an empty name, as of a variable that a script forgot to set."""
    if name == "":
        raise typer.BadParameter("the name is empty; name a box id, 00 to 04, or a box file")
    return name


BoxOption = Annotated[
    str | None,
    typer.Option(
        "--box",
        metavar="ID|FILE",
        callback=named_box,
        help="A box id, 00 to 04, or a box file.",
    ),
]


CosmologyOption = Annotated[
    Path | None,
    typer.Option(
        "--cosmology",
        metavar="FILE",
        help="Of your own: JSON of H0, omega_m, omega_b, sigma8 or A_s, n_s, w0 and wa.",
    ),
]


ModelOption = Annotated[
    Path, typer.Option("--model", metavar="DIR", help="The folder of a saved painter, or of a run.")
]


OptionalModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        help="The folder of a saved painter, or of a run.",
        show_default="saved_models/gen, or saved_models/any for another epoch or cosmology",
    ),
]


MassMinOption = Annotated[
    float | None,
    typer.Option(
        "--mass-min",
        min=0,
        help="Least mass of the halos [Msun/h]; by default all that were learned.",
    ),
]


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object, for scripts.")
]


RunOption = Annotated[
    Path | None, typer.Option("--run", metavar="DIR", help="The run's folder.", show_default=False)
]


def known_seed(seed: int | None) -> int | None:
    """Refuse a seed that files cannot tell."""
    if seed is not None and seed > LARGEST_SEED:
        raise typer.BadParameter(f"{seed} is larger than the largest seed, {LARGEST_SEED}")
    return seed


def known_length(length: float | None) -> float | None:
    """Refuse a length that no voxel and no box has."""
    if length is not None and not length > 0:  # nor of one that is no number
        raise typer.BadParameter(f"{length:g} is no length; name a number above 0 [Mpc/h]")
    return length


SeedOption = Annotated[
    int,
    typer.Option(
        "--seed", min=0, callback=known_seed, help="Realisation: of what is drawn at random."
    ),
]


ForceOption = Annotated[bool, typer.Option("--force", help="Go on though checks refuse the input.")]


OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace a file that is there and is something else."),
]


def cosmology_of(box: str | None, file: Path | None) -> "Cosmology | None":
    """Return the cosmology of a box id or a file, or None where neither is given."""
    if box is not None and file is not None:
        raise typer.BadParameter("give --box or --cosmology, not both")
    from halokeras.cosmology.cosmology import box_cosmology
    from halokeras.cosmology.cosmology_file import load_cosmology

    if file is not None:
        return load_cosmology(file)
    return None if box is None else box_cosmology(box)


def parse_voxels(text: str) -> tuple[int, int, int]:
    """Read 256, or 512x256x256."""
    sides = text.split("x")
    if len(sides) not in (1, 3) or not all(side.isdecimal() and int(side) for side in sides):
        raise typer.BadParameter(f"{text!r} is neither a number such as 256 nor 512x256x256")
    x, y, z = (int(side) for side in (sides if len(sides) == 3 else 3 * sides))
    return x, y, z


MOST_SEEDS = 100_000
"""Of a range, and draws that are made at once."""


def parse_seeds(text: str) -> range:
    """Read 7, or 1000-1099, which ends with the last of them."""
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise typer.BadParameter(f"{text!r} is neither a seed such as 7 nor 1000-1099")
    seeds = range(int(first), int(last if dash else first) + 1)
    if seeds.stop > LARGEST_SEED + 1:
        raise typer.BadParameter(f"{text!r} goes beyond the largest seed, {LARGEST_SEED}")
    if not 0 < len(seeds) <= MOST_SEEDS:
        raise typer.BadParameter(
            f"{text!r} is no range of 1 to {MOST_SEEDS:,} seeds, the lower first"
        )
    return seeds


def refuse(contradictions: dict[str, object]) -> None:
    """Refuse options that do not go together: every message whose condition holds, at once."""
    told = [message for message, holds in contradictions.items() if holds]
    if told:
        raise typer.BadParameter("; ".join(told))


def refuse_inputs(output: Path, inputs: Iterable[Path], option: str = "--output") -> None:
    """Refuse an output that is one of the files that are read, whatever --overwrite says."""
    for path in inputs:
        if path.exists() and output.exists() and output.samefile(path):
            raise typer.BadParameter(f"{option}: {output} is the input itself")


def load_saved(model: Path, mass_min: float | None = None) -> "SavedPainter":
    """Load a saved painter, the one that a run keeps, or the shipped one of that name.

    Of its halos those from `mass_min` [Msun/h] on are kept, by default all.
    """
    load_tensorflow()
    from halokeras.painters.folders import painter_folder
    from halokeras.painters.model_store import load_painter

    saved = load_painter(painter_folder(model))
    return saved if mass_min is None else saved.above(mass_min)


def painter_for(
    source: Path | None,
    redshift: float | None,
    cosmology: "Cosmology | None",
    mass_min: float | None,
) -> Path:
    """Return the shipped painter of the epoch and cosmology of a box file, or of those asked."""
    from halokeras.boxes.box_file import open_box_file
    from halokeras.painting.inputs.choice import OWN, nearly_own, shipped_painter

    if source is not None:
        with open_box_file(source) as (header, _):
            redshift, cosmology = header.redshift, header.cosmology
    chosen = shipped_painter(redshift, cosmology, mass_min)
    near = "" if cosmology is None or chosen == OWN else nearly_own(cosmology)
    if near:
        tell(
            "Warning",
            f"{chosen} paints, as the cosmology is nearly, but not, the one that {OWN} learned "
            f"({near}); tell all its digits, or name a painter with --model",
            "yellow",
        )
    return chosen
