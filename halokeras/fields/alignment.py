"""Whether a density and its halo counts lie on the same voxels.

A slip of half a voxel, as between codes that put grid points at corners and at centres, halves
the correlation that a painter can learn from; half a box, as between codes that count from the
centre and from the corner, leaves none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.errors import BoxError

_USED = 0.75
"""Modes that are compared lie below this fraction of the Nyquist frequency."""

_LEAST_COHERENCE = 0.1
_LEAST_DEVIATIONS = 5.0
"""Coherence of related fields, at least, and the same in deviations of unrelated fields'."""

_GAIN_DEVIATIONS = 2.0
"""Deviations by which a shift must gain on none before it is believed."""


def check_alignment(
    density: NDArray[np.floating], counts: NDArray[np.floating], voxel_size: float
) -> None:
    """Refuse counts that follow the density only after a shift, or not at all.

    The coherence of a shift is the mean cosine of the phase between the two fields, over the
    modes below 0.75 of the Nyquist frequency, once the shift is undone: 1 for equal phases, 0
    for unrelated fields. No shift by half or whole voxels may be better than none.

    Parameters
    ----------
    density, counts
        Periodic grids of equal shape.
    voxel_size
        Side of a voxel [Mpc/h].

    Raises
    ------
    BoxError
        With the shift that restores the alignment, where there is one.
    """
    if density.shape != counts.shape:
        raise BoxError(
            f"density has shape {density.shape} and counts {counts.shape}; "
            "both must cover the same voxels"
        )
    if not counts.any():
        raise BoxError(
            "counts are all zero; lower the least mass, mass_min, or give a box with halos"
        )
    found = measure_coherence(density, counts)
    if found.best < max(_LEAST_COHERENCE, _LEAST_DEVIATIONS * found.noise):
        raise BoxError(
            f"counts do not follow the density (coherence {found.unmoved:.2f}) and no shift makes "
            "them; check that both are of the same simulation, axes in the same order"
        )
    if found.is_shifted:
        voxels = ", ".join(f"{step:+g}" for step in found.shift)
        length = ", ".join(f"{step * voxel_size:+g}" for step in found.shift)
        raise BoxError(
            f"counts lie ({voxels}) voxels from the density (coherence {found.unmoved:.2f}, and "
            f"{found.best:.2f} once moved back); subtract ({length}) Mpc/h from the halo "
            "positions, or deposit the density about voxel centres"
        )


@dataclass(frozen=True)
class Coherence:
    """Coherence of two grids, as `check_alignment` defines it.

    Attributes
    ----------
    unmoved
        Of the grids as they are.
    best
        The largest, once some shift by half or whole voxels is undone.
    shift
        That shift, of the second grid from the first [voxels], in [-n / 2, n / 2).
    noise
        Standard deviation of the coherence of unrelated grids.
    """

    unmoved: float
    best: float
    shift: tuple[float, ...]
    noise: float

    @property
    def is_shifted(self) -> bool:
        """Whether the shift gains more on none than noise would."""
        return self.unmoved < self.best - _GAIN_DEVIATIONS * self.noise


def measure_coherence(density: NDArray[np.floating], counts: NDArray[np.floating]) -> Coherence:
    """Measure the coherence of two periodic grids of one shape, unmoved and for the best shift."""
    return CoherenceWith(density).of(counts)


class CoherenceWith:
    """Measures the coherence of many grids with one periodic density, whose modes are kept."""

    def __init__(self, density: NDArray[np.floating]) -> None:
        self._shape = density.shape
        self._modes = fft.rfftn(density.astype(np.float32))
        nx, ny, nz = self._shape
        along_x, along_y = fft.fftfreq(nx)[:, None, None], fft.fftfreq(ny)[:, None]
        square = along_x**2 + along_y**2 + fft.rfftfreq(nz) ** 2
        self._used = (square < (_USED / 2) ** 2) & (square > 0)

    def of(self, counts: NDArray[np.floating]) -> Coherence:
        """Measure that of counts, unmoved and for the best shift."""
        phases, modes = _phases(self._modes, self._used, counts)
        shift, best = _best_shift(phases, self._shape)
        unmoved = _coherence(phases, self._shape, (np.zeros(1),) * 3).item()
        return Coherence(unmoved / modes, best / modes, tuple(shift), float(1 / np.sqrt(modes)))

    def best(self, counts: NDArray[np.floating]) -> float:
        """Measure that for the best shift alone."""
        phases, modes = _phases(self._modes, self._used, counts)
        return _best_shift(phases, self._shape)[1] / modes


def _phases(
    density: NDArray[np.complex64], used: NDArray[np.bool_], counts: NDArray[np.floating]
) -> tuple[NDArray[np.complex64], int]:
    """Unit cross-spectrum of the modes that are used, and their number in the full spectrum."""
    cross = density.conj() * fft.rfftn(counts.astype(np.float32))
    size = np.abs(cross)
    used = used & (size > 0)
    phases = np.zeros_like(cross)
    phases[used] = cross[used] / size[used]
    modes = int(2 * np.count_nonzero(used) - np.count_nonzero(used[..., 0]))
    return phases, max(modes, 1)


def _best_shift(phases: NDArray[np.complex64], shape: tuple[int, ...]) -> tuple[list[float], float]:
    """The shift in half voxels whose summed coherence is largest, in [-n / 2, n / 2)."""
    whole = fft.irfftn(phases, s=shape, norm="forward")
    peak = np.unravel_index(np.argmax(whole), shape)
    around = np.array([-0.5, 0.0, 0.5])
    tried = tuple(int(start) + around for start in peak)
    coherence = _coherence(phases, shape, tried)
    finest = np.unravel_index(np.argmax(coherence), coherence.shape)
    steps = [float(line[i]) for line, i in zip(tried, finest, strict=True)]
    wrapped = [(step + n / 2) % n - n / 2 for step, n in zip(steps, shape, strict=True)]
    return wrapped, float(coherence.max())


def _coherence(
    phases: NDArray[np.complex64],
    shape: tuple[int, ...],
    shifts: tuple[NDArray[np.float64], ...],
) -> NDArray[np.float64]:
    """Summed coherence of every combination of `shifts` along x, y and z, in voxels."""
    nx, ny, nz = shape
    along_x = np.exp(2j * np.pi * np.outer(shifts[0], fft.fftfreq(nx)))
    along_y = np.exp(2j * np.pi * np.outer(shifts[1], fft.fftfreq(ny)))
    # Modes with k_z > 0 stand for their conjugates too.
    weight = np.where(np.arange(nz // 2 + 1) > 0, 2.0, 1.0)
    along_z = weight * np.exp(2j * np.pi * np.outer(shifts[2], fft.rfftfreq(nz)))
    summed: NDArray[np.complex128] = np.einsum(
        "ai,bj,ck,ijk->abc", along_x, along_y, along_z, phases, optimize=True
    )
    return summed.real
