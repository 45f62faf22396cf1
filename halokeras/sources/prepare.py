"""From a simulation that was read to a box that was checked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import SOFTWARE, Box, check_scale
from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.cosmology.power import check_side
from halokeras.errors import BoxError
from halokeras.fields.gridding import count, wrap
from halokeras.fields.orientation import (
    Orientation,
    move_counts,
    move_positions,
    turn_vectors,
)
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import make_density
from halokeras.sources.checks.checks import check_source
from halokeras.sources.checks.findings import CheckReport
from halokeras.sources.source import Source

VOXEL_SIZE = 4.0
"""Side of the voxels that the shipped painter knows [Mpc/h]."""

AS_IT_IS = Orientation()
"""Halos neither turned nor moved."""

_SAME_SIZE = 1e-3
"""Largest relative difference between the voxel size asked for and one that divides the box."""

Progress = Callable[[str, float], None]


def prepare(
    source: Source,
    voxels: int,
    seed: int = 0,
    orientation: Orientation = AS_IT_IS,
    force: bool = False,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
) -> tuple[Box, CheckReport]:
    """Make the box of a source, and check that its fields belong together.

    Parameters
    ----------
    source
        What was read.
    voxels
        Along a side; `voxels_of` gives them.
    seed
        Draws the small scales that the source's initial modes lack.
    orientation
        How halos or counts are turned and moved before they are compared with the density.
    force
        Make the box though checks refuse it.
    workers, progress
        Threads; called with a stage and the fraction of it that is done.

    Returns
    -------
    Box, CheckReport
        The box holds the report as ``preparation`` in its provenance.

    Raises
    ------
    BoxError
        If the fields do not belong together, or there is none to make a density of.
    """
    voxel_size = source.box_size / voxels
    check_scale(voxel_size, source.redshift, source.name)
    density, made = _density(source, voxels, seed, workers, progress)
    progress("checks", 0.0)
    moved = _moved(_sound(source), orientation, voxel_size)
    halos, counts = _counted(moved, voxels, voxel_size)
    report = check_source(
        moved,
        density,
        counts,
        voxel_size,
        density_scheme=str({**source.provenance, **made}.get("density_scheme", "unknown")),
        force=force,
    )
    turned = {"repaired_by": orientation.options} if orientation.options else {}
    box = Box(
        voxel_size=voxel_size,
        redshift=source.redshift,
        cosmology=source.cosmology,
        density=density,
        halos=halos,
        counts=moved.counts,
        provenance={
            **source.provenance,
            **made,
            **turned,
            **SOFTWARE,
            "preparation": report.text(),
        },
    )
    return box, report


def voxels_of(source: Source, voxels: int | None, voxel_size: float | None) -> int:
    """Return the voxels along a side: those of the source's grid, or those asked for.

    Raises
    ------
    BoxError
        If the grid has others, or the voxel size does not divide the box.
    """
    _check_sizes(source.box_size, voxel_size, source.name)
    grid = source.density if source.density is not None else source.counts
    if grid is not None:
        side = int(grid.shape[0])
        wanted = voxels or (round(source.box_size / voxel_size) if voxel_size else side)
        if wanted != side:
            raise BoxError(
                f"{source.name}: its grid has {side} voxels a side and {wanted} were asked for; "
                "leave --voxels and --voxel-size out, or give particles or initial modes"
            )
        return side
    return voxels_across(source.box_size, voxels, voxel_size, source.name)


def _check_sizes(box_size: float, voxel_size: float | None, name: str) -> None:
    """Refuse sizes [Mpc/h] that no box or voxel has, before they are divided."""
    check_side(box_size, what=f"{name}: a box")
    if voxel_size is not None:
        check_side(voxel_size, what=f"{name}: a voxel")


def voxels_across(
    box_size: float | None, voxels: int | None, voxel_size: float | None, name: str
) -> int:
    """Return the voxels along a side of a box that has no grid yet, as `voxels_of`."""
    if voxels is not None:
        return voxels
    if box_size is None:
        raise BoxError(f"{name} does not tell the size of its box; give it with --box-size")
    _check_sizes(box_size, voxel_size, name)
    size = voxel_size or VOXEL_SIZE
    nearest = max(1, round(box_size / size))
    if voxel_size is not None and abs(box_size / nearest / size - 1) > _SAME_SIZE:
        raise BoxError(
            f"{name}: voxels of {size:g} Mpc/h do not divide the box of {box_size:g} Mpc/h; give "
            f"--voxels {nearest}, of {box_size / nearest:.5g} Mpc/h"
        )
    return nearest


def _density(
    source: Source, voxels: int, seed: int, workers: int, progress: Progress
) -> tuple[NDArray[np.float32], dict[str, str | int | float]]:
    """Return the density, and what the provenance should tell of one that is made here."""
    if source.density is not None:
        return source.density, {}
    if source.cosmology is None:
        raise BoxError(
            f"{source.name} does not tell its cosmology, which a 2LPT density needs; give it with "
            "--cosmology FILE"
        )
    if source.initial_modes is None and source.own_seed is None:
        raise BoxError(
            f"{source.name} holds no density and no initial conditions to make one of; give one"
        )
    box = LptBox(
        cosmology=source.cosmology,
        seed=seed if source.own_seed is None else source.own_seed,
        voxels=(voxels,) * 3,
        voxel_size=source.box_size / voxels,
        redshift=source.redshift,
        initial_modes=source.initial_modes,
        modes_name=source.name,
    )
    density = make_density(box, workers, progress).astype(np.float32)
    made: dict[str, str | int | float] = {"density_scheme": "2lpt", "seed": box.seed}
    if source.initial_modes is not None:  # so that nobody takes them for those of the seed
        made["initial_modes"] = source.provenance.get("initial_modes", source.name)
    return density, made


def _counted(source: Source, voxels: int, voxel_size: float) -> tuple[Halos | None, NDArray[Any]]:
    """Return the halos wrapped into the box, or None where there is only a grid, and the counts."""
    if source.halos is None:
        if source.counts is None:
            raise BoxError(f"{source.name} holds no halos; give a catalogue or counts")
        return None, source.counts
    finite = np.isfinite(source.halos.position).all(axis=1)  # the checks refuse the others
    kept = source.halos[finite].columns()
    position = wrap(kept.pop("position"), source.box_size)
    stored = {name: COLUMNS[name].stored(values) for name, values in kept.items()}
    return Halos(position, **stored), count(position, (voxels,) * 3, voxel_size)


def _sound(source: Source) -> Source:
    """Leave out further columns with values that they may not have, and say so.

    What of positions and masses is wrong the checks refuse.
    """
    if source.halos is None:
        return source
    columns = source.halos.columns()
    unsound = [
        name
        for name, values in columns.items()
        if name not in ("position", "mass") and not COLUMNS[name].fits(values)
    ]
    told = [f"halos/{name} {COLUMNS[name].check.refusal} and was left out" for name in unsound]
    halos = Halos(**{name: values for name, values in columns.items() if name not in unsound})
    return replace(source, halos=halos, assumed=(*source.assumed, *told))


def _moved(source: Source, orientation: Orientation, voxel_size: float) -> Source:
    if not orientation.options:
        return source
    halos, counts = source.halos, source.counts
    if halos is not None:
        vectors = {
            name: turn_vectors(values, orientation)
            for name, values in halos.columns().items()
            if COLUMNS[name].shape
        }
        vectors["position"] = move_positions(
            halos.position, orientation, source.box_size, voxel_size
        )
        halos = replace(halos, **vectors)
    if counts is not None:
        counts = move_counts(counts, orientation)
    told = (*source.assumed, f"halos were turned and moved as asked by {orientation.options}")
    return replace(source, halos=halos, counts=counts, assumed=told)
