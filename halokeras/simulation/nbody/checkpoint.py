"""The state of a running simulation on disk, by which it goes on after a kill."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.storage.disk import refuse_beyond_disk, size_on_disk
from halokeras.storage.store import Layout
from halokeras.storage.stores import new_store, open_store

_FORMAT = "halopaint N-body state"
_ARRAYS = ("position", "velocity")
_SECONDS = 10.0
"""Least time between checkpoints: that of writing 128 million particles."""
_BYTES_PER_PARTICLE = 24


class State(NamedTuple):
    """Particles at the end of a step: positions [Mpc/h] and velocities dx/dD, (N, 3) float32."""

    step: int
    position: NDArray[np.float32]
    velocity: NDArray[np.float32]


class Checkpoint:
    """A file that holds the last state of one run.

    Parameters
    ----------
    path
        HDF5 file.
    identity
        What tells the run from others.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path, self._identity = path, identity
        self._written = time.monotonic()

    def offer(self, state: State) -> None:
        """Write the state, whole and with checksums, unless another was written just before."""
        if time.monotonic() < self._written + _SECONDS:
            return
        attributes = {"format": _FORMAT, "identity": self._identity, "step": state.step}
        arrays = dict(zip(_ARRAYS, (state.position, state.velocity), strict=True))
        layouts = {
            name: Layout(values.shape, values.dtype, (min(len(values), 1 << 20), 3), packed=False)
            for name, values in arrays.items()
        }
        with new_store(self._path, attributes, layouts) as create:
            for name, values in arrays.items():
                create(name)[:] = values
        self._written = time.monotonic()

    def read(self) -> State | None:
        """Return the state, or None if there is none.

        Raises
        ------
        BoxError
            If the file is damaged or of another run.
        """
        if not self._path.exists():
            return None
        with open_store(self._path, str(self._path)) as store:
            if store.attributes.get("identity") != self._identity:
                raise BoxError(
                    f"{self._path} is no checkpoint of this run; remove it, and the run begins anew"
                )
            store.check_attributes()
            store.check_present(_ARRAYS, store.contents())
            stored = [store.array(name) for name in _ARRAYS]
            position, velocity = (array.load() for array in stored if array)
            store.check_values(dict(zip(_ARRAYS, (position, velocity), strict=True)))
        return State(int(store.attributes["step"]), position, velocity)

    def remove(self) -> None:
        """Remove the file of a run that is done."""
        self._path.unlink(missing_ok=True)


def states_on_disk(particles: int) -> int:
    """Return the bytes of two states of `particles` a side: the last, and the next beside it."""
    return 2 * _BYTES_PER_PARTICLE * particles**3


def check_room(particles: int, kept: Sequence[Path], folder: Path) -> None:
    """Refuse simulations made at a time if there is too little disk for their checkpoints.

    Parameters
    ----------
    particles
        Along a side.
    kept
        Checkpoint file of each; what is there already needs no more room.
    folder
        Where they lie.

    Raises
    ------
    OutputError
        If there is too little.
    """
    need = len(kept) * states_on_disk(particles) - sum(map(size_on_disk, kept))
    many = "a simulation" if len(kept) == 1 else f"{len(kept)} simulations at a time"
    remedy = "make room, or choose fewer particles or an --output on a larger disk"
    refuse_beyond_disk(need, folder, f"the state of {many} of {particles}^3 particles", remedy)
