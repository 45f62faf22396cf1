"""What `import halokeras` offers: each step on plain arrays, or on a box, with names for painters.

A `model` is a saved painter, the path of its folder, or the name of one that ships: ``gen``.
Densities are real numbers of any type and memory order; what differs from a painter's training but
does not keep it from painting is a Python warning.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from halokeras.boxes import box_file
from halokeras.boxes.box import Box, check_scale, total_counts
from halokeras.cosmology.cosmology import Cosmology, box_cosmology
from halokeras.environment import allotted_cores, load_tensorflow
from halokeras.errors import BoxError, ModelError
from halokeras.fields.contrast import Contrast, as_density
from halokeras.fields.gridding import Shape
from halokeras.resources import can_be_seen, or_shipped
from halokeras.storage.grid import Grid

if TYPE_CHECKING:
    from halokeras.evaluation.scorecard import Scorecard
    from halokeras.painters.model_store import SavedPainter
    from halokeras.painting.inputs import Density
    from halokeras.painting.masses import Masses
    from halokeras.painting.places import Matter
    from halokeras.params import Params

SHIPPED = "gen"
"""The painter that ships, of one epoch and cosmology; ``any`` is told them."""


def paint(  # noqa: PLR0913  (what is painted, and by what)
    density: ArrayLike,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
    model: "str | Path | SavedPainter | None" = None,
    *,
    cosmology: str | Cosmology | None = None,
    mass_min: float | None = None,
    contrast: Contrast = "1+delta",
    force: bool = False,
) -> NDArray[np.float32]:
    """Paint the mean halo counts of a periodic density.

    Parameters
    ----------
    density
        (nx, ny, nz), of any shape, about voxel centres.
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Redshift of the density.
    model
        The painter; by default ``gen``, or ``any`` for another epoch or cosmology than it learned.
    cosmology
        Of the density: ``00`` to ``04``, or one of your own; None where it is that of the painter.
    mass_min
        Least mass of the halos [Msun/h]; by default all that the painter learned.
    contrast
        What the density holds: ``1+delta`` (rho/mean, mean 1), ``delta`` (an overdensity, mean 0)
        or ``rho`` (any multiple of it).
    force
        Paint though the painter learned another voxel size.

    Returns
    -------
    ndarray
        Mean halos per voxel, (nx, ny, nz) float32.

    Raises
    ------
    BoxError
        If it is no density.
    ModelError
        If there is no such painter, or the density is not what it learned to paint on.
    """
    chosen = _cosmology(cosmology)
    saved = _painter(model, redshift, chosen, mass_min)
    from halokeras.painting.paint import box_conditions
    from halokeras.painting.paint import paint as painted

    given = _checked(density, voxel_size, redshift, chosen, saved, contrast, force)
    conditions = box_conditions(given.header, saved)
    return saved.total(painted(saved.painter, given.grid, conditions=conditions))


def draw(  # noqa: PLR0913  (what `paint` takes, and which draw)
    density: ArrayLike,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
    model: "str | Path | SavedPainter | None" = None,
    *,
    seed: int = 1,
    realization: int = 0,
    by_mass: bool = False,
    cosmology: str | Cosmology | None = None,
    mass_min: float | None = None,
    contrast: Contrast = "1+delta",
    force: bool = False,
) -> NDArray[np.uint16]:
    """Draw whole halos where `paint` gives their mean.

    Parameters
    ----------
    density, voxel_size, redshift, model, cosmology, mass_min, contrast, force
        As for `paint`.
    seed, realization
        With the index of a voxel they fix its draw.
    by_mass
        Whether to tell the halos in each of the painter's bins of mass, for `catalogue`.

    Returns
    -------
    ndarray
        Halos per voxel, (nx, ny, nz) uint16, or by mass (nx, ny, nz, bins).

    Raises
    ------
    BoxError
        As `paint`.
    ModelError
        As `paint`, or if the painter has no law of counts, or of masses, to draw from.
    """
    chosen = _cosmology(cosmology)
    saved = _painter(model, redshift, chosen, mass_min)
    from halokeras.painting.draws import draw as drawn
    from halokeras.painting.draws import law_of
    from halokeras.painting.paint import box_conditions

    name = _named(model)
    law = law_of(saved, name)
    if by_mass and law.masses is None:
        raise _without_masses(name)
    given = _checked(density, voxel_size, redshift, chosen, saved, contrast, force)
    conditions = box_conditions(given.header, saved)
    found = drawn(law, given.grid, seed, realization, conditions=conditions)
    return (found if by_mass else total_counts(found)).astype(np.uint16)


def catalogue(  # noqa: PLR0913  (drawn counts, which draw, and what else is known)
    counts: NDArray[np.integer[Any]],
    voxel_size: float = 4.0,
    *,
    seed: int = 1,
    realization: int = 0,
    modes: Box | int | None = None,
    sub_density: Grid | None = None,
    velocity: Grid | None = None,
    redshift: float = 0.3,
    cosmology: str | Cosmology = "00",
    mass_min: float | None = None,
    model: "str | Path | SavedPainter" = SHIPPED,
) -> dict[str, NDArray[Any]]:
    """Place the halos of drawn counts in their voxels, and draw their masses if bins are told.

    Parameters
    ----------
    counts
        Halos per voxel, (nx, ny, nz) whole numbers, or by mass (nx, ny, nz, bins).
    voxel_size, redshift, cosmology
        Side of a voxel [Mpc/h], and what velocities, radii and concentrations follow from; those of
        `modes` where that is a box.
    seed, realization
        With the id of a halo they fix its place and its mass.
    modes
        Box whose density `simulate`, `lpt` or `paint` made of a seed, or the seed itself: halos are
        placed by the 2LPT matter of the same modes below the voxels and move with it, as by
        ``halopaint paint --draw --catalogue``. By default they lie anywhere in their voxel.
    sub_density
        rho/mean on a grid finer by a whole number, which tells where in its voxel a halo may lie,
        instead of `modes`.
    velocity
        Of the matter in each voxel [km/s], (3, nx, ny, nz), interpolated to each halo, instead of
        `modes`.
    mass_min, model
        Of counts by mass: the least mass that they were drawn from on [Msun/h], and the painter
        that drew them.

    Returns
    -------
    dict
        Columns by name: ``halo_id``; ``halo_x``, ``halo_y``, ``halo_z`` [Mpc/h] in [0, box_size);
        with modes or a velocity ``halo_vx``, ``halo_vy``, ``halo_vz`` [km/s]; and of counts by mass
        ``halo_mass``, ``halo_mvir``, ``halo_m200b`` or ``halo_m200c`` [Msun/h], in each voxel the
        heaviest first, ``halo_upid``, ``halo_hostid`` and, unless masses are those of
        friends-of-friends, ``halo_rvir`` or the like [Mpc/h] and ``halo_nfw_conc``.

    Raises
    ------
    BoxError
        If the counts are not drawn ones, the grids do not fit them, or they were not drawn on a
        density of the modes.
    ModelError
        If the painter draws no masses, or those of other bins, or the counts hold lighter halos.
    """
    from halokeras.painting.catalogue import whole_catalogue
    from halokeras.painting.places import Matter

    counts = np.asarray(counts)
    if counts.ndim not in (3, 4) or counts.dtype.kind not in "iu":
        raise BoxError(
            f"counts are {counts.dtype} of shape {counts.shape}; a catalogue is of whole numbers "
            "(nx, ny, nz) or, by mass, (nx, ny, nz, bins), as `draw` gives them"
        )
    if counts.size and not 0 <= int(counts.min()) <= int(counts.max()) < 2**16:
        raise BoxError("counts are negative or above 65,535; a catalogue is of drawn halos")
    whole = total_counts(counts).astype(np.uint16)
    if isinstance(modes, Box):
        header = box_file.Header(modes.voxel_size, modes.redshift, modes.cosmology)
    else:
        header = box_file.Header(voxel_size, redshift, _cosmology(cosmology))
    if modes is None:
        matter = Matter(sub_density, velocity=velocity)
    elif sub_density is None and velocity is None:
        matter = _matter(whole, header, modes)
    else:
        raise BoxError("modes bring a sub_density and a velocity of their own; leave these out")
    masses = _masses(counts, header, model, mass_min) if counts.ndim == 4 else None
    return whole_catalogue(whole, header.voxel_size, seed, realization, matter, masses)


def _matter(counts: NDArray[np.uint16], header: box_file.Header, modes: Box | int) -> "Matter":
    """Return what places the halos of counts that were drawn on a density of ours."""
    from halokeras.painting.known_matter import known_box, matter_again
    from halokeras.simulation.density import LptBox

    x, y, z = counts.shape
    if isinstance(modes, Box):
        told = replace(header, provenance=modes.provenance)
        known = None if modes.shape != counts.shape else known_box(told, modes.shape)
        if known is None:
            raise BoxError(
                "the modes of this box are not known: it is of another shape than the counts, or "
                "its density is not one that halopaint made of a seed; give a sub_density, or "
                "leave modes out"
            )
    else:
        assert header.cosmology is not None  # it was named
        known = LptBox(header.cosmology, modes, (x, y, z), header.voxel_size, header.redshift)
    return matter_again(known, counts, modes.density if isinstance(modes, Box) else None)


def _masses(
    counts: NDArray[np.integer[Any]],
    header: box_file.Header,
    model: "str | Path | SavedPainter",
    mass_min: float | None,
) -> "Masses":
    """Return what the masses of halos in bins are drawn from."""
    from halokeras.painting.masses import Masses

    saved, name = _painter(model, header.redshift, header.cosmology, mass_min), _named(model)
    law = None if saved.draws is None else saved.draws.masses
    if law is None:
        raise _without_masses(name)
    if len(law.masses) != counts.shape[3]:
        raise ModelError(
            f"{name} has {len(law.masses)} bins of mass and the counts {counts.shape[3]}; name the "
            "painter that drew them as model"
        )
    if saved.shares is not None and counts[..., np.array(saved.shares) == 0].any():
        raise ModelError(
            f"the counts hold halos lighter than mass_min {mass_min:g} Msun/h; name the mass_min "
            "that they were drawn with"
        )
    return Masses(counts, law, saved.provenance, header)


def _painter(
    model: "str | Path | SavedPainter | None",
    redshift: float,
    cosmology: Cosmology | None,
    mass_min: float | None,
) -> "SavedPainter":
    """Return the painter that is named, or that ships for an epoch and a cosmology, cut by mass."""
    if model is None:
        from halokeras.painting.choice import shipped_painter

        model = shipped_painter(redshift, cosmology, mass_min)
    saved = load_painter(model).under(cosmology, redshift)
    return saved if mass_min is None else saved.above(mass_min)


@overload
def _cosmology(told: str | Cosmology) -> Cosmology: ...
@overload
def _cosmology(told: str | Cosmology | None) -> Cosmology | None: ...
def _cosmology(told: str | Cosmology | None) -> Cosmology | None:
    """Return a cosmology that is given, or that of a box id."""
    return box_cosmology(told) if isinstance(told, str) else told


def _named(model: "str | Path | SavedPainter | None") -> str:
    return str(model) if isinstance(model, str | Path) else "the painter"


def _without_masses(name: str) -> ModelError:
    return ModelError(f"{name} draws no masses; choose a painter of the kind halos")


def lpt(
    voxels: int | Shape,
    seed: int = 1,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
    cosmology: str | Cosmology = "00",
) -> NDArray[np.float32]:
    """Make the 2LPT density of a periodic box.

    Parameters
    ----------
    voxels
        Along a side, or along x, y and z.
    seed
        Realisation: equal seeds give equal phases in every cosmology.
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Redshift of the density.
    cosmology
        ``00`` to ``04``, or one of your own.

    Returns
    -------
    ndarray
        rho/mean, cloud-in-cell about voxel centres, (nx, ny, nz) float32.

    Raises
    ------
    BoxError
        If it cannot be made, or there is too little memory.
    """
    from halokeras.simulation.density import LptBox, make_density

    x, y, z = (voxels,) * 3 if isinstance(voxels, int) else voxels
    chosen = _cosmology(cosmology)
    wanted = LptBox(chosen, seed, (x, y, z), voxel_size, redshift)
    return make_density(wanted, allotted_cores()).astype(np.float32)


def simulate(
    box_id: str = "00",
    seed: int = 1,
    *,
    size: float = 256.0,
    particles: int = 256,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
) -> Box:
    """Make a box: 2LPT density, N-body simulation, friends-of-friends halos.

    Parameters
    ----------
    box_id
        Cosmology, ``00`` to ``04``.
    seed
        Realisation.
    size
        Side of the box [Mpc/h].
    particles
        Particles along a side.
    voxel_size
        Side of the density's voxels [Mpc/h].
    redshift
        Redshift of density and halos.

    Raises
    ------
    BoxError
        If it cannot be made, or there is too little memory.
    """
    return next(
        snapshots([redshift], box_id, seed, size=size, particles=particles, voxel_size=voxel_size)
    )


def snapshots(
    redshifts: Sequence[float],
    cosmology: str | Cosmology = "00",
    seed: int = 1,
    *,
    size: float = 256.0,
    particles: int = 256,
    voxel_size: float = 4.0,
) -> Iterator[Box]:
    """Make boxes at several redshifts of one simulation, each as `simulate` makes one.

    Parameters
    ----------
    redshifts
        Of the boxes, in any order; they come from the earliest to the last.
    cosmology
        ``00`` to ``04``, or one of your own.
    seed
        Realisation: equal seeds give equal phases in every cosmology.
    size
        Side of the box [Mpc/h].
    particles
        Particles along a side.
    voxel_size
        Side of the density's voxels [Mpc/h].

    Returns
    -------
    iterator of Box
        Each as soon as it is made; there is memory for one at a time.

    Raises
    ------
    BoxError
        If they cannot be made, or there is too little memory.
    """
    from halokeras.simulation.simulate import Simulation
    from halokeras.simulation.simulate import simulate as simulated

    named = cosmology if isinstance(cosmology, str) else None
    chosen = _cosmology(cosmology)
    wanted = Simulation(chosen, seed, size, particles, voxel_size, tuple(redshifts), box_id=named)
    return simulated(wanted, allotted_cores())


def train(
    params: "str | Path | Mapping[str, Any] | Params",
    run: str | Path | None = None,
    *,
    movie: bool = False,
    tensorboard: bool = False,
) -> Path:
    """Train a painter in a new folder; `halopaint resume` goes on with what was interrupted.

    Parameters
    ----------
    params
        A params file, one that ships (``params/quick.json``), its fields, or parsed params.
    run
        The run's folder, by default where the params say.
    movie, tensorboard
        Whether the run keeps up a GIF of a slice and TensorBoard's events.

    Returns
    -------
    Path
        The folder of its best painter.

    Raises
    ------
    ParamsError
        If the params cannot be read or used.
    RunError
        If the folder holds a run already, or the run cannot go on.
    """
    load_tensorflow()
    from halokeras.training.run import train as trained

    folder = None if run is None else Path(run)
    return trained(_params(params), folder, (), movie=movie, tensorboard=tensorboard)


def evaluate(
    box: str | Path | Box, model: "str | Path | SavedPainter" = SHIPPED, painted: Box | None = None
) -> "Scorecard":
    """Score painted halos against those of a box.

    Parameters
    ----------
    box
        With a density and halos, or what `read_box` takes.
    model
        The painter.
    painted
        What it painted on the box, if it did so before.

    Raises
    ------
    BoxError
        If the box has no halos, or what was painted was painted on another.
    ModelError
        As `paint`.
    """
    saved = load_painter(model)
    from halokeras.evaluation.boxes import check_reference, painted_counts
    from halokeras.evaluation.contenders import Contenders
    from halokeras.evaluation.scorecard import score
    from halokeras.painting.check import check_input
    from halokeras.painting.inputs import density_of
    from halokeras.statistics.statistic import DRAWS, FIELD

    reference = box if isinstance(box, Box) else read_box(box)
    boxes = {"box": reference}
    check_reference(reference, "box", saved.provenance)
    counts = {}
    if painted is None:
        for told in check_input(saved.provenance, density_of(reference)):
            warnings.warn(told, stacklevel=2)
    else:
        found = painted_counts(painted, "the painted box", boxes, saved)[1]
        counts["box"] = {DRAWS if found.dtype.kind in "iu" else FIELD: found}
    return score(boxes, Contenders(saved, {}, draws=1), counts)


def read_box(path: str | Path) -> Box:
    """Read a box file, or of a box id, ``00`` to ``04``, the realisation that was held out.

    Raises
    ------
    BoxError
        If there is none, or it is no box.
    """
    named = Path(path)
    found = named if named.suffix or can_be_seen(named) else box_file.find_box(str(path))
    return box_file.read_box(or_shipped(found, "boxes"))


def write_box(box: Box, path: str | Path) -> None:
    """Check a box and write its file, whole.

    Raises
    ------
    BoxError
        If the box would not be read back.
    OutputError
        If the file cannot be written.
    """
    box_file.write_box(box, Path(path))


def load_painter(model: "str | Path | SavedPainter" = SHIPPED) -> "SavedPainter":
    """Load a saved painter by the path of its folder, or by its name one that ships.

    Raises
    ------
    ModelError
        If there is none, or it cannot be used.
    """
    load_tensorflow()
    from halokeras.painters.folders import painter_folder
    from halokeras.painters.model_store import SavedPainter

    if isinstance(model, SavedPainter):
        return model
    folder = painter_folder(Path(model)).resolve()
    return _loaded(folder, folder.stat().st_mtime_ns if folder.is_dir() else 0)


@lru_cache(maxsize=4)
def _loaded(folder: Path, changed: int) -> "SavedPainter":
    """Load a painter once, with what was compiled of it, as long as its folder does not change."""
    from halokeras.painters.model_store import load_painter as loaded

    return loaded(folder)


def _checked(
    density: ArrayLike,
    voxel_size: float,
    redshift: float,
    cosmology: Cosmology | None,
    saved: "SavedPainter",
    contrast: Contrast,
    force: bool,
) -> "Density":
    """Return a density that may be painted on, after warning of what differs from training."""
    from halokeras.painting.check import check_input
    from halokeras.painting.inputs import density_of

    values = np.asarray(density)
    if values.ndim != 3 or values.dtype.kind not in "fiu" or 0 in values.shape:
        raise BoxError(
            f"the density is {values.dtype} of shape {values.shape}; a density is a grid of real "
            "numbers (nx, ny, nz)"
        )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        grid = np.ascontiguousarray(as_density(values, contrast, "the density")[:], np.float32)
    check_scale(voxel_size, redshift, "the density")
    box = Box(voxel_size, redshift, cosmology, grid, provenance={"density_scheme": "unknown"})
    given = density_of(box)
    for told in check_input(saved.provenance, given, force):
        warnings.warn(told, stacklevel=3)
    return given


def _params(params: "str | Path | Mapping[str, Any] | Params") -> "Params":
    import json

    from halokeras.params import Params, load_params, parse_params

    if isinstance(params, Params):
        return params
    if isinstance(params, Mapping):
        return parse_params(json.dumps(params), "params")
    return load_params(or_shipped(Path(params), "params"))
