"""The state of a running simulation on disk, by which it goes on after a kill."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.storage.store import Layout
from halokeras.storage.stores import new_store, open_store

_FORMAT = "halopaint N-body state"
_ARRAYS = ("position", "velocity")
_SECONDS = 10.0
"""Least time between checkpoints: that of writing 128 million particles."""


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
