"""Which boxes a painter may be scored on, and what belongs together."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, box_hash, check_box, halo_counts, total_counts
from halokeras.boxes.box_file import find_boxes, is_box_id, read_box
from halokeras.boxes.masses import at_odds, masses_of
from halokeras.errors import BoxError, ModelError
from halokeras.evaluation.words import masses
from halokeras.fields.alignment import check_alignment
from halokeras.painters.model_store import SavedPainter
from halokeras.painters.provenance import Provenance
from halokeras.resources import or_shipped

_LIGHTER = 1.4
"""Of two least masses, from which on they are not those of one selection."""
_ENOUGH_TO_TELL = 30
"""Halos of a box of which the lightest is near the least that there can be."""


def unseen_boxes(box: str, saved: SavedPainter, model: str, allow_training: bool) -> dict[str, Box]:
    """Read the box file `box`, or the realisations of box id `box` that training never saw.

    Parameters
    ----------
    box
        A file, which may be one of those that ship, or an id.
    saved, model
        The painter and its name.
    allow_training
        Whether boxes that it was trained or validated on are returned too.

    Returns
    -------
    dict
        Boxes by the stem of their file.

    Raises
    ------
    BoxError
        If there is no such box, or one cannot be read.
    ModelError
        If all that there are were trained or validated on.
    """
    sources = find_boxes(box) if is_box_id(box) else [or_shipped(Path(box), "boxes")]
    seen = seen_hashes(saved)
    boxes = {source.stem: read_box(source) for source in sources}
    if allow_training:
        return boxes
    unseen = {name: found for name, found in boxes.items() if box_hash(found) not in seen}
    if not unseen:
        raise ModelError(
            f"{model} was trained or validated on {sources[0]}, which proves nothing; choose "
            "another --box, or --allow-training-box"
        )
    return unseen


def seen_hashes(saved: SavedPainter) -> set[str]:
    """Return the hashes of the boxes that a painter was trained or validated on."""
    told = saved.provenance.model_extra or {}
    return {*saved.provenance.training_boxes.values(), *told.get("validation_boxes", {}).values()}


def alike(boxes: Mapping[str, Box]) -> tuple[dict[str, Box], list[str]]:
    """Return the boxes that can be averaged, the most that are of one kind, and what is left out.

    Boxes of one kind share shape, voxel size, redshift and cosmology; of equally many, those of
    more voxels are taken. What is left out is told in one sentence a box.
    """
    kinds = {
        name: (one.shape, one.voxel_size, one.redshift, one.cosmology)
        for name, one in boxes.items()
    }
    most = Counter(kinds.values())
    kind = max(most, key=lambda kind: (most[kind], np.prod(kind[0])))
    example = next(name for name in boxes if kinds[name] == kind)
    left_out = [
        f"{name} is left out: it is {_kind(boxes[name])} and {example} is {_kind(boxes[example])}; "
        "score it alone by its file"
        for name in boxes
        if kinds[name] != kind
    ]
    return {name: one for name, one in boxes.items() if kinds[name] == kind}, left_out


def check_reference(box: Box, name: str, learned: Provenance) -> None:
    """Refuse a box that a painter that so `learned` cannot be scored on.

    One without density or halos, with halos that are not where its density is, or with masses of
    another definition than those by which the painter's halos were chosen.

    Raises
    ------
    BoxError
        With the shift that restores the halos, where there is one.
    """
    if box.density is None:
        raise BoxError(f"box {name} has no density; give one that has density and halos")
    try:
        counts = halo_counts(box, **learned.selection.model_dump())
    except BoxError as error:
        raise BoxError(f"box {name}: {error}") from error
    _check_definition(box, name, learned)
    _check_aligned(box.density, counts, box.voxel_size, f"box {name}: ")


def _check_definition(box: Box, name: str, learned: Provenance) -> None:
    found = at_odds(learned.selection, learned.model_extra or {}, box.provenance)
    if box.halos is not None and found is not None:
        trained, own = found
        raise BoxError(
            f"box {name}: its masses are defined as {own} and the painter's halos were chosen by "
            f"masses defined as {trained}; choose a box of such masses, or train a painter with "
            "box.selection.mass_definition"
        )


def check_any(counts: NDArray[Any]) -> None:
    """Refuse painted counts that are all zero, as `BoxError`."""
    if not counts.any():
        raise BoxError(
            "the painted counts are all zero; lower --mass-min where it is given, choose a larger "
            "box, or train the painter for longer"
        )


def check_counts(counts: NDArray[Any], box: Box) -> None:
    """Refuse counts painted before that are all zero, or not where the density of `box` is.

    Raises
    ------
    BoxError
        With the shift that restores them, where there is one.
    """
    check_any(counts)
    assert box.density is not None  # a box without one was refused
    told = "painted counts, against the reference's density: "
    _check_aligned(box.density, counts, box.voxel_size, told)


def painted_counts(
    found: Box, path: str, boxes: Mapping[str, Box], saved: SavedPainter
) -> tuple[str, NDArray[Any]]:
    """Return on which of some boxes this painter painted before, and what, by mass if it is told.

    Parameters
    ----------
    found, path
        A painted box, and what messages call it.
    boxes
        Boxes with halos by name; where none is the one that it was painted on, the last is told.
    saved
        The painter.

    Raises
    ------
    BoxError
        If it has no counts, or was painted on another box.
    ModelError
        If another painter painted it.
    """
    told = found.provenance
    if told.get("model_hash", saved.hash) != saved.hash:
        held, kept = told.get("mass_min"), saved.provenance.selection.mass_min
        if held is not None and held != kept:
            raise ModelError(
                f"{path} holds halos from {held:g} Msun/h on and the painter paints those from "
                f"{kept:g}; name the --model and the --mass-min that it was painted with"
            )
        raise ModelError(
            f"{path} was painted by another painter, or of another --mass-min; name those"
        )
    if found.counts is None:
        raise BoxError(f"{path} has no counts; give a box that `halopaint paint` wrote")
    check_box(found, path)
    source = str(told.get("source_box_hash", ""))
    name, reference = list(boxes.items())[-1]
    for other, box in boxes.items():
        if source in _hashes(box):
            name, reference = other, box
    remedy = f"paint the density of {name}, or name the --box that it was painted on"
    for field in ("shape", "voxel_size", "redshift"):
        ours, theirs = getattr(reference, field), getattr(found, field)
        if len(np.shape(ours)) != len(np.shape(theirs)) or not np.allclose(ours, theirs, rtol=1e-5):
            raise BoxError(f"{path} has {field} {theirs} and {name} {ours}; {remedy}")
    others = _other_cosmology(found, reference)
    if others:
        raise BoxError(f"{path} was painted on another cosmology than {name}'s: {others}; {remedy}")
    known = _hashes(reference)
    if source and source not in known:
        raise BoxError(
            f"{path} was painted on the box of hash {source[:12]}... and {name} has "
            f"{known[0][:12]}...; {remedy}"
        )
    check_counts(total_counts(found.counts), reference)
    by_mass = found.counts_by_mass
    return name, total_counts(found.counts) if by_mass is None else by_mass


def misfit(saved: SavedPainter, other: SavedPainter) -> str:
    """Say in what another painter cannot be compared with `saved` on its boxes; empty if it can."""
    ours, theirs = saved.provenance, other.provenance
    for name, unit in (("voxel_size", " Mpc/h"), ("redshift", "")):
        one, two = getattr(ours, name), getattr(theirs, name)
        if abs(one - two) > 0.005 * max(one, two):
            return f"it learned {name} {two:g}{unit}, this painter {one:g}{unit}"
    if ours.selection != theirs.selection:
        counted = masses(theirs.selection), masses(ours.selection)
        return "it learned halos {}, this painter halos {}".format(*counted)
    schemes = theirs.density_scheme, ours.density_scheme
    if "unknown" not in schemes and schemes[0] != schemes[1]:
        return "it learned {} densities, this painter {} ones".format(*schemes)
    return ""


def lacks_light_halos(box: Box, name: str, saved: SavedPainter) -> str:
    """Say that a box holds no halos as light as those that a painter paints; empty if it does."""
    selection = saved.provenance.selection
    law = saved.under(box.cosmology, box.redshift).mass_law
    painted = selection.mass_min or (0.0 if law is None else float(law.masses.min()))
    halos = box.halos
    if halos is None:
        return ""
    mass = masses_of(halos, selection.mass_definition, box.provenance)
    if mass is None or not painted:
        return ""
    known = mass[mass > 0]  # a halo that no sphere of the definition is about has 0
    if len(known) < _ENOUGH_TO_TELL:
        return ""
    least = float(known.min())
    if least < _LIGHTER * painted:
        return ""
    return (
        f"the halos of {name} begin at {least:.2g} Msun/h and those that are painted at "
        f"{painted:.2g}: expect too many to be painted; compare those that both have by --mass-min"
    )


def _check_aligned(
    density: NDArray[np.floating], counts: NDArray[Any], voxel_size: float, what: str
) -> None:
    try:
        check_alignment(density, counts, voxel_size)
    except BoxError as error:
        raise BoxError(f"{what}{error}") from error


def _kind(box: Box) -> str:
    sides = " x ".join(map(str, box.shape))
    cosmology = "no stated" if box.cosmology is None else f"omega_m {box.cosmology.omega_m:g}"
    return (
        f"{sides} voxels of {box.voxel_size:g} Mpc/h at redshift {box.redshift:g}, "
        f"{cosmology} cosmology"
    )


def _other_cosmology(painted: Box, reference: Box) -> str:
    if painted.cosmology is None or reference.cosmology is None:
        return ""
    ours, theirs = asdict(reference.cosmology), asdict(painted.cosmology)
    return ", ".join(
        f"{name} {theirs[name]:g} and not {value:g}"
        for name, value in ours.items()
        if not np.isclose(theirs[name], value, rtol=1e-5)
    )


def _hashes(box: Box) -> list[str]:
    """Return what a box is known by to what was painted on it: whole, or its density alone."""
    alone = replace(box, halos=None, counts=None, counts_by_mass=None)
    scheme = {"density_scheme": box.provenance.get("density_scheme", "unknown")}
    bare = replace(alone, cosmology=None, provenance={"density_scheme": "unknown"})
    return [box_hash(one) for one in (box, alone, replace(alone, provenance=scheme), bare)]
