"""The matter that a draw's halos are placed by: that of the same modes wherever these are known.

Of a density that is made for the painting it is that of the same particles. One that `halopaint
lpt`, `paint --voxels` or `simulate` made from a seed before is made again from it, on finer
sub-voxels; what is made is then compared with the density itself before it is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.environment import allotted_cores
from halokeras.errors import BoxError
from halokeras.fields.alignment import measure_coherence
from halokeras.fields.gridding import Shape, coarsened
from halokeras.listener import Listener
from halokeras.painting.catalogues.halos import finer_by
from halokeras.painting.catalogues.places import Matter
from halokeras.painting.inputs.density import Density, open_grid
from halokeras.painting.modes.known import check_matter, check_same, correlation, known_box
from halokeras.painting.request import GridFile, PaintRequest
from halokeras.readable import amount_of_bytes
from halokeras.simulation.fine_matter.by_slabs import (
    check_fine_room,
    fine_by_slabs,
    fine_fields_by_slabs,
    fine_slab_estimate,
)
from halokeras.simulation.fine_matter.fields import (
    FineFields,
    FineSums,
    check_fine_memory,
    fine_fields_of,
    make_fine_fields,
)
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import LptParticles, Progress
from halokeras.simulation.slabs.out_of_core import bytes_in, slabs_folder
from halokeras.simulation.threads import numba_threads
from halokeras.storage.files import write_text
from halokeras.storage.grid import Grid

SHARPNESS = 2.5
"""Power of the 2LPT density of 1 Mpc/h that halos are put by; it grows as the root of that length.

Fitted on the training boxes of 00, on draws and on their halos put again into their voxels.
"""
EXCLUSION = 0.45
"""Least distance of two halos [Mpc/h]: half of the pairs that near are found as one by b = 0.2."""

REACH, REACH_BY_MASS = 4.0, 2.0
"""How far halos in different voxels keep apart, and what 1e13 Msun/h add to it [Mpc/h].

Draws of neighbouring voxels do not know that both mean the same place between them, and have too
many pairs at 2 to 5 Mpc/h. Fitted on draws of the training boxes of 00.
"""

_COMPARED = 4
"""Layers of a density that are compared where the other is made slab by slab."""

_SAME = "same_density"
"""File that tells the hash of the density that slabs were compared with."""

_LEAST_DEVIATIONS = 3.0
"""Coherence of draws with their density, at least, in deviations of unrelated fields'."""

_LEAST_CORRELATION = 0.3
"""Correlation of a sub-density with its density, below which it is one of other modes."""


def matter_of(fine: FineFields, shape: Shape, voxel_size: float) -> Matter:
    """Return how the 2LPT fields of a box below its voxels place halos."""
    side = voxel_size / (fine.density.shape[0] // shape[0])
    return Matter(
        fine.density,
        sharpness=SHARPNESS * float(np.sqrt(side)) * fine.motion.sharpening,
        exclusion=min(EXCLUSION / voxel_size, 1.0),
        reach=REACH / voxel_size,
        reach_by_mass=REACH_BY_MASS / voxel_size,
        velocity=fine.velocity,
        smoothed=fine.smoothed,
        motion=fine.motion,
        layers=fine.layers,
    )


def matter_again(
    box: LptBox, counts: NDArray[np.integer], density: NDArray[np.floating] | None = None
) -> Matter:
    """Make the matter below the voxels of a box again, in memory.

    Parameters
    ----------
    box
        The box.
    counts
        Halos per voxel that were drawn on its density.
    density
        That density, where it is there.

    Raises
    ------
    BoxError
        If there is too little memory, or counts or density are not of the modes of the box.
    """
    fine = _fields_in_memory(box)
    if density is not None:
        check_same(density, fine.density)
    times = finer_by(fine.density, box.voxels)
    found = measure_coherence(coarsened(np.asarray(fine.density), times), counts.astype(np.float32))
    if counts.any() and found.unmoved < _LEAST_DEVIATIONS * found.noise:
        raise BoxError(
            f"the counts were not drawn on the density of seed {box.seed} (coherence "
            f"{found.unmoved:.2f}); name the modes, voxel_size, redshift and cosmology that they "
            "were drawn on"
        )
    return matter_of(fine, box.voxels, box.voxel_size)


def check_sub_density(request: PaintRequest, shape: Shape) -> None:
    """Refuse a sub-density that does not fit a density of a shape, as `BoxError`."""
    if request.listing is not None and request.listing.sub_density is not None:
        with _sub_density(request.listing.sub_density, shape):
            pass


def sub_voxel_folder(request: PaintRequest) -> Path:
    """Return where the sub-voxel matter goes, if it is made slab by slab."""
    return slabs_folder(request.target).with_suffix(".below")


def sub_voxels_by_slabs(request: PaintRequest, box: LptBox) -> bool:
    """Return whether a box's sub-voxel matter is made slab by slab, once memory and disk suffice.

    Raises
    ------
    BoxError
        If there is too little memory for it either way.
    OutputError
        If there is too little disk.
    """
    if any(known != box for known, _ in _last_fine_fields):
        _last_fine_fields.clear()  # before others take their memory, or are refused it
    if fine_by_slabs(box, sub_voxel_folder(request), request.scheduler):
        # slabs of a density that a kill left are removed once it is made
        freed = bytes_in(slabs_folder(request.source.path)) if request.lpt is not None else 0
        check_fine_room(box, sub_voxel_folder(request), freed)
        return True
    check_fine_memory(box)
    return False


class MadeMatter(NamedTuple):
    """What is there of the matter of a density that has just been made.

    Attributes
    ----------
    particles
        Its particles.
    sums
        The sums of them below the voxels; None where they do not fit in memory.
    """

    particles: LptParticles
    sums: FineSums | None


@contextmanager
def known_matter(
    request: PaintRequest, given: Density, listener: Listener, made: MadeMatter | None = None
) -> Iterator[Matter]:
    """Open or make what a draw's halos are placed by, refused now rather than after the painting.

    Parameters
    ----------
    request
        What to paint.
    given
        The density.
    listener
        Who is told.
    made
        What there is of its matter, where it has just been made.

    Raises
    ------
    BoxError
        If nothing is known of the matter below the voxels and the listing asks for it.
    """
    check_matter(request, given)
    listing = request.listing
    if listing is None or listing.uniform:
        del made  # as memory is needed for the painting, here and below
        yield Matter(velocity=given.velocity)
    elif listing.sub_density is not None:
        del made
        with _sub_density(listing.sub_density, given.shape) as density:
            _warn_of_another(given, density, listing.sub_density.path, listener)
            yield Matter(density, velocity=given.velocity)
    else:
        box = known_box(given.header, given.shape)
        assert box is not None  # or it was refused
        with _fields(request, box, given, listener, made) as fine:
            del made
            yield matter_of(fine, given.shape, given.header.voxel_size)


@contextmanager
def _sub_density(named: GridFile, shape: Shape) -> Iterator[Grid]:
    with open_grid(named.path, named.dataset, "--sub-dataset") as density:
        finer_by(density, shape)
        yield density


def _warn_of_another(given: Density, density: Grid, path: Path, listener: Listener) -> None:
    """Warn of a sub-density of other modes, which need not be the density's if equal in voxels."""
    found = correlation(given.grid, density)
    if found < _LEAST_CORRELATION:
        listener.warn(
            f"{path} hardly follows the density (they correlate by {found:.2f}): halos lie where "
            "another realisation has its matter; give a --sub-density of the same modes, axes in "
            "the same order, or choose --places uniform"
        )


_last_fine_fields: list[tuple[LptBox, FineFields]] = []
"""The fields that were made again last, and their box: they place many draws of one density."""


@contextmanager
def _fields(
    request: PaintRequest,
    box: LptBox,
    given: Density,
    listener: Listener,
    made: MadeMatter | None,
) -> Iterator[FineFields]:
    what = "the 2LPT density and velocity below the voxels"
    kept = any(known == box for known, _ in _last_fine_fields)
    if made is not None:
        particles, sums = made
        by_slabs = sums is None
    else:
        particles, sums = None, None
        by_slabs = not kept and sub_voxels_by_slabs(request, box)
    del made
    if by_slabs:
        need = fine_slab_estimate(box, sub_voxel_folder(request))
        listener.announce(
            "Making",
            f"{what}, slab by slab: about {amount_of_bytes(need.memory)} of memory and "
            f"{amount_of_bytes(need.work)} of disk meanwhile",
        )
        with _fields_by_slabs(request, box, given, listener, particles) as fine:
            del particles
            yield fine
        return
    if not kept:
        listener.announce("Making", what)
    if particles is not None and sums is not None:
        cores = allotted_cores()
        with numba_threads(cores):
            fine = fine_fields_of(sums, particles.speed, box, cores)
        del particles
        yield fine
        return
    fine = _fields_in_memory(box, listener.progress)
    check_same(given.grid, fine.density)
    yield fine


@contextmanager
def _fields_by_slabs(
    request: PaintRequest,
    box: LptBox,
    given: Density,
    listener: Listener,
    particles: LptParticles | None,
) -> Iterator[FineFields]:
    _last_fine_fields.clear()  # before others take their memory
    folder, cores = sub_voxel_folder(request), allotted_cores()
    with fine_fields_by_slabs(
        box, given.grid, folder, cores, listener, request.scheduler, particles
    ) as swept:
        if particles is None and not _is_compared(folder, given):
            # more of it would be made twice: the first halos are placed with the last layers
            check_same(given.grid, swept.density, layers=_COMPARED)
            write_text(folder / _SAME, given.hash)  # as a run that goes on begins elsewhere
        del particles
        yield swept


def _is_compared(folder: Path, given: Density) -> bool:
    """Return whether the matter whose slabs lie in a folder was found to be that of a density."""
    same = folder / _SAME
    return same.exists() and same.read_text(encoding="utf-8") == given.hash


def _fields_in_memory(box: LptBox, progress: Progress = lambda stage, fraction: None) -> FineFields:
    """Return the fields that were made last if they are of a box, or make them."""
    for known, fine in _last_fine_fields:
        if known == box:
            return fine
    _last_fine_fields.clear()  # before others take their memory
    fine = make_fine_fields(box, allotted_cores(), progress)
    _last_fine_fields[:] = [(box, fine)]
    return fine
