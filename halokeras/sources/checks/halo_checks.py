"""What a halo catalogue shows by itself: units and origin of positions, gaps, duplicates."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import Halos
from halokeras.sources.checks.findings import Finding, note, passed, refused, warning

_ENOUGH = 200
"""Halos from which the extent of positions tells their unit."""
_NEAR = 0.03
"""Fraction by which an extent may miss that of a unit."""
_ROUNDING = 1e-6
_STRAY = 0.01
"""Fraction of halos, and of the side, that may lie outside of the box."""
_TWICE = 0.01
"""Fraction of halos that are listed twice from which the catalogue is refused."""
_FULL = 30
"""Halos expected in a plane of voxels from which an empty one is a gap."""


def check_table(halos: Halos, box_size: float, h: float | None) -> Iterator[Finding]:
    """Check a catalogue as its source gives it, before it is wrapped into the box.

    Takes, for 5e6 halos, two seconds and 250 MB.

    Parameters
    ----------
    halos
        Positions [Mpc/h] and masses [Msun/h], or so it is hoped.
    box_size
        Side of the box [Mpc/h].
    h
        Hubble constant over 100 km/s/Mpc, if known.
    """
    position, mass = halos.position, halos.mass
    if len(position) == 0:
        yield refused("the catalogue has no halos; lower its mass cut or give another file")
        return
    finite: NDArray[np.bool_] = np.all(np.isfinite(position), axis=1)
    bad = len(finite) - int(np.count_nonzero(finite))
    if bad:
        yield refused(
            f"{bad} of {len(finite)} halos have NaN or infinite positions; drop those halos"
        )
    light = 0 if mass is None else int(np.count_nonzero(~(np.isfinite(mass) & (mass > 0))))
    if light:
        yield refused(
            f"{light} of {len(halos)} halos have masses that are zero, negative or not finite; "
            "drop them (halos merged away by a cleaning have zero; masses in g overflow float32)"
        )
    if not (bad or light):
        masses = "no masses" if mass is None else "positive masses"
        yield passed(f"{len(halos)} halos with finite positions and {masses}")
    if finite.any():
        extent = (
            np.min(position, axis=0, where=finite[:, None], initial=np.inf),
            np.max(position, axis=0, where=finite[:, None], initial=-np.inf),
        )
        yield _check_extent(position, extent, box_size, h)
    yield from _check_duplicates(halos)


def check_planes(grid: NDArray[np.generic], name: str, voxel_size: float) -> Iterator[Finding]:
    """Look for planes of voxels without any of the `grid`, ``counts`` or ``density``.

    Planes are judged where 30 halos are expected in each; a plane of density always.
    """
    total = float(grid.sum(dtype=np.float64))
    judged = False
    for axis in range(3):
        if name == "counts" and total / grid.shape[axis] < _FULL:
            continue
        judged = True
        others = tuple(other for other in range(3) if other != axis)
        empty = np.flatnonzero(grid.sum(axis=others, dtype=np.float64) == 0)
        if len(empty):
            first, last = int(empty[0]), int(empty[-1])
            yield refused(
                f"{name} is empty in {len(empty)} of the {grid.shape[axis]} planes along "
                f"{'xyz'[axis]}, between {first * voxel_size:g} and {(last + 1) * voxel_size:g} "
                "Mpc/h; a file is missing, or box_size is not that of the positions"
            )
            return
    if judged:
        yield passed(f"no plane of {name} is empty")
    else:
        yield note(f"too few halos to tell whether a plane of {name} is missing")


def _check_extent(
    position: NDArray[np.floating],
    extent: tuple[NDArray[np.floating], NDArray[np.floating]],
    box_size: float,
    h: float | None,
) -> Finding:
    low, high = float(extent[0].min()), float(extent[1].max())
    between = f"positions lie between {low:.6g} and {high:.6g}, and box_size is {box_size:g} Mpc/h"
    side = float((extent[1] - extent[0]).max())
    many = len(position) >= _ENOUGH
    for unit, units in _units(box_size, h) if many else ():
        if abs(side / (units * box_size) - 1) < _NEAR and abs(units - 1) > 2 * _NEAR:
            return refused(
                f"{between}: as if in {unit}; multiply them by {1 / units:.6g}, or put box_size "
                "right"
            )
    rounding = _ROUNDING * box_size
    outside = ((position < -rounding) | (position > box_size + rounding)).any(axis=1)
    strays = int(np.count_nonzero(outside))
    if not strays:
        return passed(f"{between}: all inside")
    if low >= -0.5 * box_size * (1 + _STRAY) and high <= 0.5 * box_size * (1 + _STRAY):
        return note(f"{between}: counted from the middle of a periodic box, and wrapped into it")
    slight = low >= -_STRAY * box_size and high <= (1 + _STRAY) * box_size
    some = f"{strays} of {len(position)} halos lie outside of the box"
    if slight or strays <= _STRAY * len(position):
        return warning(f"{some} and are wrapped into it ({between}); check that it is periodic")
    return refused(
        f"{some} ({between}); give positions in Mpc/h, comoving and from the corner, and the "
        "box_size that is theirs"
    )


def _units(box_size: float, h: float | None) -> Iterator[tuple[str, float]]:
    """Units that positions come in, and how many of each a Mpc/h is."""
    yield "kpc/h", 1e3
    yield "Mpc/h beside a box_size in kpc/h", 1e-3
    yield "units of the box", 1 / box_size
    if h is not None:
        yield "Mpc", 1 / h
        yield "kpc", 1e3 / h
        yield "Mpc/h beside a box_size in Mpc", h


def _check_duplicates(halos: Halos) -> Iterator[Finding]:
    same_place = _repeats(halos.position)
    number = len(halos)
    if len(same_place):
        masses = [] if halos.mass is None else [halos.mass[same_place]]
        rows = np.column_stack([halos.position[same_place], *masses])
        twice = len(rows) - len(np.unique(rows, axis=0))
        tell = refused if twice > _TWICE * number else warning
        if twice:
            yield tell(
                f"{twice} of {number} halos are listed again, with equal positions and masses; "
                "read each file once"
            )
        else:
            yield warning(
                f"{len(same_place)} of {number} halos share their position with another of other "
                "mass; leave subhalos out if only hosts are wanted"
            )
    if halos.id is not None:
        # np.unique hashes, which takes a hundred times as long
        ordered = np.sort(halos.id)
        again = int(np.count_nonzero(ordered[1:] == ordered[:-1]))
        if again:
            yield warning(
                f"{again} of {number} halo ids repeat an earlier one; where ids are unique in the "
                "whole box, a file was read twice"
            )
        elif not len(same_place):
            yield passed("no halo is listed twice, by position or id")
    elif not len(same_place):
        yield passed("no halo is listed twice, by position")


def _repeats(position: NDArray[np.floating]) -> NDArray[np.int64]:
    """Indices of the rows that equal another one, by way of a hash of their bits."""
    key = np.zeros(len(position), dtype=np.uint64)
    for axis in range(3):
        # + 0.0 makes one of the two zeros
        key ^= (position[:, axis].astype(np.float64) + 0.0).view(np.uint64)
        key ^= key >> np.uint64(29)
        key *= np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(32)
    order = np.argsort(key)
    equal = key[order[1:]] == key[order[:-1]]
    repeated: NDArray[np.int64] = order[np.append(equal, False) | np.insert(equal, 0, False)]
    return repeated
