"""A 2LPT density made slab by slab: every step is a task on files, in one folder.

Modes are cut along y, what is in real space along x; between the two lie the transposes. A task
reads its part of the files of steps before and writes one file, whole:

===========  ==================  ==================================================================
step         cut along           file
===========  ==================  ==================================================================
``small``    not at all          displacements of small scales
``hessian``  y, in wavenumbers   rows of columns of modes, for the second derivatives
``products`` x, in planes        modes along y and z of the second order's source
``motion``   y, in wavenumbers   rows of columns of modes, for displacements
``particles`` x, in voxels       sums in voxels of the particles, with margins that neighbours add
===========  ==================  ==================================================================

Where the disk is short, `halokeras.simulation.slabs.plan.fitted` has ``hessian`` and ``products``
done in passes, each for every so many planes, and then ``motion`` and ``particles`` for parts of
the box, one after the other; the steps bear the number of the pass or part.

Workers that write a Zarr group take two steps more: ``group`` makes it, empty, before all others,
and ``written`` writes its planes, each task its own chunks, and keeps their checksums.

A task is a function of the recipe and of those files, so it may be made twice, anywhere. The
arithmetic is that of `halokeras.simulation.lpt.streamed` and `halokeras.simulation.lpt.ordered`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.simulation.slabs.plan import Cuts, parts_of
from halokeras.simulation.slabs.recipe import Recipe, file_of
from halokeras.simulation.slabs.tasks import (
    make_group,
    make_hessian,
    make_motion,
    make_particles,
    make_products,
    make_small_scales,
    write_group,
)
from halokeras.simulation.threads import numba_threads
from halokeras.storage.files import whole_file


class Step(NamedTuple):
    """One of the steps.

    Attributes
    ----------
    make
        Returns what the file of a task holds, of the recipe, the folder, the number of the task
        and a number of threads.
    tasks
        How many there are.
    told
        What progress calls it.
    spent
        Steps whose files nothing needs once it is done.
    whole
        Which of how many steps it is that progress calls so.
    """

    make: Callable[[Recipe, Path, int, int], NDArray[Any]]
    tasks: Callable[[Recipe], int]
    told: str
    spent: tuple[str, ...] = ()
    whole: tuple[int, int] = (0, 1)


def make_slab(recipe: Recipe, folder: Path, step: str, number: int, workers: int) -> None:
    """Do a task: make its file, whole, of those of the step before.

    Raises
    ------
    BoxError
        If the folder is not there.
    OutputError
        If the file cannot be written.
    """
    if not folder.is_dir():
        raise BoxError(f"a worker does not see {folder}; write where all workers see it")
    with numba_threads(workers):
        made = steps_to_a_group(recipe.cuts)[step].make(recipe, folder, number, workers)
    with whole_file(file_of(folder, step, number)) as temporary, temporary.open("wb") as file:
        np.save(file, made)


def motion_step(
    which: int, spent: tuple[str, ...] = (), whole: tuple[int, int] = (0, 1)
) -> dict[str, Step]:
    """Return the step that makes rows of one of the parts of the box, by its name."""
    make, tasks = partial(make_motion, which), _columns
    return {f"motion_{which}": Step(make, tasks, "displacements", spent, whole)}


def _columns(recipe: Recipe) -> int:
    return len(recipe.columns)


def steps_to_products(cuts: Cuts) -> dict[str, Step]:
    """Return the steps to the second order's products, in their order, by their names."""
    steps = {"small": Step(make_small_scales, lambda recipe: 1, "initial modes")}
    for one in range(cuts.passes):
        whole, rows = (one, cuts.passes), f"hessian_{one}"
        steps[rows] = Step(partial(make_hessian, one), _columns, "initial modes", (), whole)
        make, tasks = partial(make_products, one), lambda recipe: len(recipe.planes)
        steps[f"products_{one}"] = Step(make, tasks, "second order", (rows,), whole)
    return steps


def steps_to_rows(cuts: Cuts) -> dict[str, Step]:
    """Return the steps to rows of planes of particles, which are read in any order.

    Those of a box of several parts are made when they are read, of the products.
    """
    steps = steps_to_products(cuts)
    return steps | motion_step(0, product_steps(cuts)) if cuts.parts == 1 else steps


def steps_to_sums(cuts: Cuts) -> dict[str, Step]:
    """Return the steps to sums of the particles."""
    steps = steps_to_products(cuts)
    for one in range(cuts.parts):
        spent = product_steps(cuts) if one == cuts.parts - 1 else ()
        whole = (one, cuts.parts)
        steps |= motion_step(one, spent, whole)
        tasks = partial(_slabs_of_part, one)
        steps[f"particles_{one}"] = Step(
            partial(make_particles, one), tasks, "particles", (f"motion_{one}",), whole
        )
    return steps


def _slabs_of_part(which: int, recipe: Recipe) -> int:
    return len(parts_of(recipe.box, recipe.cuts)[which])


def steps_to_a_group(cuts: Cuts) -> dict[str, Step]:
    """Return the steps of workers that write a Zarr group too."""
    return {
        "group": Step(make_group, lambda recipe: 1, "initial modes"),
        **steps_to_sums(cuts),
        "written": Step(write_group, lambda recipe: len(recipe.written), "writing"),
    }


def product_steps(cuts: Cuts) -> tuple[str, ...]:
    """Return the names of the steps that make products."""
    return tuple(f"products_{one}" for one in range(cuts.passes))
