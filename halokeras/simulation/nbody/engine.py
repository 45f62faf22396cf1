"""A particle-mesh N-body engine: 2LPT start, growth-corrected steps, one force mesh.

Time is the linear growth D and velocity is v = dx/dD. A step drifts by half, measures the pull
g = -grad lap^-1 delta / D in the middle, kicks v -> alpha v + (1 - alpha) g and drifts again, with
alpha such that second-order LPT is followed whatever the length of the step (BullFrog: Rampf, List
& Hahn 2025), so that thirty steps do.

The ends of the steps are the same whatever is asked of a run. A snapshot between two of them is
made by a shorter step of a copy, so that those on the way change nothing of those that follow.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import Growth
from halokeras.simulation.lpt.lpt import Displacement, lattice_positions
from halokeras.simulation.nbody.checkpoint import Checkpoint, State
from halokeras.simulation.nbody.particle_mesh import SHARPENING, Floats, ParticleMesh

MESH_FACTOR = 2
"""Cells of the force mesh per lattice point and side."""

START = 0.05
"""Scale factor of the 2LPT start."""

STEP = 0.024
"""Length of a step in scale factor: thirty to redshift 0.3."""

FORGOTTEN = 1.2
"""Spacings by which neighbours on the lattice have moved, rms, when particles have forgotten it.

Until then the force feels the lattice's images bit by bit. Were they always felt, waves of a few
spacings would grow too fast; were they felt all at once, small halos would ring: too few and too
many by turns, by a tenth.
"""

_NO_STEP = 1e-9
"""Difference of scale factors that is rounding."""


@dataclass(frozen=True)
class Snapshot:
    """Particles at one time, in an order that depends only on the run.

    Attributes
    ----------
    redshift
        Redshift of the snapshot.
    position
        (N, 3) float32 in [0, box_size), comoving [Mpc/h].
    velocity
        (N, 3) float32, peculiar [km/s].
    """

    redshift: float
    position: NDArray[np.float32]
    velocity: NDArray[np.float32]


def step_edges(last: float) -> NDArray[np.float64]:
    """Return the scale factors at the ends of the steps, from the start to `last` at most."""
    number = int((last - START) / STEP + _NO_STEP)
    return START + STEP * np.arange(number + 1, dtype=np.float64)


def evolve(
    displacement: Displacement,
    box_size: float,
    steps: Growth,
    outputs: Growth,
    workers: int = 1,
    keep: Path | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Iterator[Snapshot]:
    """Follow particles from their 2LPT positions and yield them at each time asked.

    The particles of a snapshot have the same bits whatever other snapshots are asked for, however
    many threads there are and whether the run was resumed or not.

    Parameters
    ----------
    displacement
        Both orders of the displacement today, D1 = 1, on a lattice with one particle a point.
    box_size
        Side of the box [Mpc/h].
    steps
        Growth at `step_edges` of the last scale factor wanted, or of a later one.
    outputs
        Growth at the scale factors wanted, ascending, none before the first of the steps.
    workers
        Threads.
    keep
        Checkpoint file, by which an interrupted run is resumed; removed at the end.
    progress
        Called with the fraction done after each step.

    Yields
    ------
    Snapshot
        One for each of the scale factors of `outputs`.

    Raises
    ------
    ValueError
        If the scale factors wanted do not ascend or begin before the first of the steps.
    BoxError
        If `keep` is damaged or of another run.
    """
    if outputs.a[0] < steps.a[0] - _NO_STEP or np.any(np.diff(outputs.a) < 0):
        raise ValueError(f"outputs {outputs.a} must ascend from {steps.a[0]} or later")
    checkpoint = Checkpoint(keep, _identity(displacement, box_size, steps)) if keep else None
    state = checkpoint.read() if checkpoint else None
    ends = [int(np.sum(steps.a < a + _NO_STEP)) - 1 for a in outputs.a]
    if state is None or state.step > ends[0]:
        state = State(0, *_start(displacement, box_size, _Time.of(steps, 0)))
    lattice = len(displacement.first)
    stretch = _stretch(displacement) * lattice / box_size
    del displacement

    def forgotten(time: _Time) -> float:
        moved = min(time.first * stretch / FORGOTTEN, 1.0)
        return moved**2 * (3 - 2 * moved)

    done, total = state.step, ends[-1] + len(ends)
    with ThreadPoolExecutor(workers) as pool:
        for output, end in enumerate(ends):
            mesh = ParticleMesh(MESH_FACTOR * lattice, box_size, pool)
            while state.step < end:
                times = _Time.of(steps, state.step), _Time.of(steps, state.step + 1)
                moved = _advance(mesh, state, times, lattice, forgotten(times[0]))
                state = State(state.step + 1, *moved)
                if checkpoint:
                    checkpoint.offer(state)
                done += 1
                progress(done / total)
            times = _Time.of(steps, end), _Time.of(outputs, output)
            position, velocity = _advance(mesh, state, times, lattice, forgotten(times[0]))
            del mesh  # whoever looks for halos needs the memory
            done += 1
            progress(done / total)
            velocity *= np.float32(_velocity_unit(outputs, output))
            yield Snapshot(1 / outputs.a[output] - 1, position, velocity)
            del position, velocity
    if checkpoint:
        checkpoint.remove()


class _Time(NamedTuple):
    """D1, D2 and dD2/dD1 at one time."""

    first: float
    second: float
    slope: float

    @classmethod
    def of(cls, growth: Growth, index: int) -> "_Time":
        first, second = growth.first[index], growth.second[index]
        slope = growth.second_rate[index] * second / (growth.first_rate[index] * first)
        return cls(float(first), float(second), float(slope))


def _start(displacement: Displacement, box_size: float, time: _Time) -> tuple[Floats, Floats]:
    """2LPT positions and velocities dx/dD."""
    position = lattice_positions(len(displacement.first), box_size)
    position += np.float32(time.first) * displacement.first
    position += np.float32(time.second) * displacement.second
    velocity = np.float32(time.slope) * displacement.second
    velocity += displacement.first
    return position.reshape(-1, 3), velocity.reshape(-1, 3)


def _stretch(displacement: Displacement) -> float:
    """Return the rms by which neighbours on the lattice draw apart or near today [Mpc/h]."""
    apart = [np.diff(displacement.first[..., axis], axis=axis) for axis in range(3)]
    return float(np.sqrt(np.mean([np.mean(np.square(one), dtype=np.float64) for one in apart])))


def _advance(
    mesh: ParticleMesh, state: State, times: tuple[_Time, _Time], lattice: int, forgotten: float
) -> tuple[Floats, Floats]:
    """Return new positions and velocities after a step, which may be of no length."""
    begin, end = times
    half = (end.first - begin.first) / 2
    particles = mesh.sort(state.position, state.velocity, half)
    if half > 0:
        middle = begin.first + half
        # dD2/dD1 of the pull that 2LPT particles feel in the middle of the step.
        pull = (begin.second + begin.slope * half) / middle - middle
        alpha = (end.slope - pull) / (begin.slope - pull)
        mesh.attract(particles, lattice, forgotten)
        mesh.kick_and_drift(particles, alpha, (1 - alpha) / middle, half)
    return particles.position, particles.velocity


def _velocity_unit(growth: Growth, index: int) -> float:
    """Peculiar velocity [km/s] of dx/dD = 1 Mpc/h: a dD/dt, with H = 100 E km/s/(Mpc/h)."""
    at = index
    rate = growth.expansion[at] * growth.first_rate[at] * growth.first[at]
    return float(100 * growth.a[at] * rate)


def _identity(displacement: Displacement, box_size: float, steps: Growth) -> str:
    """Return what tells a run from others."""
    growth = np.array([steps.a[:2], steps.first[:2], steps.second[:2], steps.second_rate[:2]])
    digest = hashlib.sha256(f"{MESH_FACTOR} {SHARPENING} {FORGOTTEN} {box_size}".encode())
    for values in (*displacement, growth.astype(np.float32)):
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
