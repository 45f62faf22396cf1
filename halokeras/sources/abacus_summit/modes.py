"""Initial conditions of AbacusSummit: the linear overdensity of ``ic_dens`` and ``ic_disp`` files.

Element [0, 0, 0] of a grid of N points a side is the field at the corner (-L/2, -L/2, -L/2) of the
simulation, a point of the lattice and no average of a cell: zeldovich-PLT makes these files as it
makes the particles', with fewer modes. Beside halos that L/2 was added to, point i is at i L / N.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.interpolate import CubicSpline

from halokeras.cosmology.cosmology import Background, growth
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes, Moments, both_signs, integers
from halokeras.sources.abacus_summit.asdf_file import Array, AsdfFile, open_asdf

_EARLIEST = 9000.0
"""Redshift from which growth without a table can begin."""


@dataclass(frozen=True)
class AbacusModes:
    """Modes of an initial-condition file, an `halokeras.simulation.lpt.initial_modes.InitialModes`.

    Attributes
    ----------
    file, array
        Where the grid lies: (N, N, N) overdensity or (N, N, N, 3) displacement [Mpc/h].
    box_size
        Side of the box [Mpc/h].
    factor
        Growth from the redshift of the file to that of the box.
    """

    file: AsdfFile
    array: Array
    box_size: float
    factor: float

    def __call__(self, lattice: Shape, workers: int = 1) -> Modes:
        """Return the modes on a cubic lattice, or on the file's own if that has fewer points.

        Raises
        ------
        BoxError
            If the lattice is no cube of an even number of points, the file is truncated or holds
            values that are not finite or no overdensity, or there is too little memory.
        """
        own = self.array.shape[0]
        points = min(lattice[0], own)
        if len(set(lattice)) > 1 or points % 2 or points < 2:
            raise BoxError(
                f"{self.file.path}: modes on {'x'.join(map(str, lattice))} points were asked of "
                f"{own}^3; the box must be a cube and both numbers even"
            )
        vector = len(self.array.shape) == 4
        layer = 8 * points * (points // 2 + 1)
        copies = (2 if vector else 1) * own + (points if vector or points < own else 0)
        self.file.check_memory(copies * layer, f"the modes of {points}^3 points")
        modes = self._modes(own, points, vector, workers)
        modes *= np.float32(self.factor)
        modes[0, 0, 0] = 0
        return modes

    def _modes(self, own: int, points: int, vector: bool, workers: int) -> Modes:
        """Modes of the overdensity, of one transform along x or, of a displacement, of two."""
        kept = np.zeros((2 if vector else 1, own, points, points // 2 + 1), dtype=np.complex64)
        k = 2 * np.pi / self.box_size * integers(points)
        k_y, k_z = k[:, None], np.abs(k[: points // 2 + 1])
        for plane, into in zip(self._planes(), kept.swapaxes(0, 1), strict=True):
            if vector:
                x, y, z = (_transformed(plane[..., i], points, workers) for i in range(3))
                into[0] = -1j * (k_y * y + k_z * z)
                into[1] = x
            else:
                into[0] = _transformed(plane, points, workers)
        fft.fft(kept, axis=1, norm="forward", overwrite_x=True, workers=workers)
        half = points // 2
        if points < own:
            kept[:, half : 2 * half] = kept[:, own - half :]
        kept = kept[:, :points]
        kept[:, half] = 0
        if vector:
            for row, wave in enumerate(k):
                kept[0, row] -= 1j * np.float32(wave) * kept[1, row]
        modes: Modes = kept[0] if points == own and not vector else kept[0].copy()
        return modes

    def _planes(self) -> Iterator[NDArray[np.float32]]:
        """The grid in planes of constant x, seen to be finite and of mean 0."""
        found = Moments()
        for rows in self.file.rows(self.array, 1):
            plane = rows[0].astype(np.float32)
            found.add(plane)
            if not np.isfinite(found.deviation):
                raise BoxError(f"{self.file.path} holds NaN or infinite values; get it again")
            yield plane
        if not found.are_of_overdensity:
            raise BoxError(
                f"{self.file.path}: data/{self.array.name} has mean {found.mean:.3g} and standard "
                f"deviation {found.deviation:.3g}; an initial condition has mean 0 and is not "
                "constant"
            )


def find_initial_conditions(directory: Path) -> Path | None:
    """Find the finest ``ic_dens`` file of a simulation, or else ``ic_disp``, or None.

    They are looked for in the folder of the simulation, in ``ic`` there, and in ``ic/NAME`` and
    ``NAME_ic`` beside it, NAME being the folder's.
    """
    directory = directory.resolve()
    beside, name = directory.parent, directory.name
    folders = (directory, directory / "ic", beside / "ic" / name, beside / f"{name}_ic")
    for kind in ("dens", "disp"):
        found = [
            (int(path.stem.rpartition("_N")[2]), path)
            for folder in folders
            for path in folder.glob(f"ic_{kind}_N*.asdf")
            if path.stem.rpartition("_N")[2].isdecimal()
        ]
        if found:
            return max(found, key=lambda each: each[0])[1]
    return None


def read_initial_conditions(
    path: Path, box_size: float, redshift: float, parameters: Mapping[str, Any]
) -> tuple[AbacusModes, list[str]]:
    """Describe the modes of a file, which are read when they are asked for.

    Parameters
    ----------
    path
        ``ic_dens_N*.asdf`` or ``ic_disp_N*.asdf``.
    box_size, redshift
        Of the simulation [Mpc/h] and of the halos.
    parameters
        Of the simulation: ``Omega_M``, and ``SimName`` and ``GrowthTable`` where the file's own
        header lacks them.

    Returns
    -------
    tuple
        The modes; and sentences on what was assumed.

    Raises
    ------
    BoxError
        If the file is of another simulation or holds neither grid.
    """
    file = open_asdf(path)
    known = {**parameters, **file.header}
    if file.number("BoxSize") != box_size or known.get("SimName") != parameters.get("SimName"):
        raise BoxError(
            f"{path} is of {known.get('SimName')} of {file.number('BoxSize'):g} Mpc/h, but the "
            f"halos of {parameters.get('SimName')} of {box_size:g}; give files of one simulation"
        )
    group = file.tree.get("data")
    name = "density" if isinstance(group, dict) and "density" in group else "displacements"
    own = file.array(name, (None, None, None, 3) if name == "displacements" else (None,) * 3)
    points = own.shape[0]
    array = file.array(name, (points,) * 3 + own.shape[3:])
    if array.dtype.kind != "f" or points < 2 or points % 2:
        raise BoxError(
            f"{path}: data/{name} is {array.dtype} of {points} points a side; it must hold real "
            "numbers on an even lattice"
        )
    start = file.number("InitialRedshift")
    if not redshift < start < _EARLIEST:
        raise BoxError(
            f"{path}: InitialRedshift {start:g} is not before that of the halos, {redshift:g}; get "
            "the file again"
        )
    background = Background(
        parameters["Omega_M"], float(known.get("w0", -1)), float(known.get("wa", 0))
    )
    factor, assumed = _growth(known.get("GrowthTable"), background, start, redshift, path)
    if name == "displacements":
        assumed.append(
            f"{path.name}: the overdensity is minus the divergence of the first-order displacement,"
            " which near the Nyquist frequency bears the particle lattice's corrections"
        )
    return AbacusModes(file, array, box_size, factor), assumed


def _growth(
    table: Any, background: Background, start: float, redshift: float, path: Path
) -> tuple[float, list[str]]:
    """Growth from `start` to `redshift`, from the simulation's own table where there is one."""
    if isinstance(table, Mapping) and len(table) > 3:
        try:
            nodes = np.array(sorted((float(z), float(d)) for z, d in table.items()))
        except (TypeError, ValueError):
            nodes = np.full((1, 2), np.nan)
        if not (
            np.isfinite(nodes).all()
            and (nodes >= 0).all()
            and (np.diff(nodes[:, 0]) > 0).all()
            and (np.diff(nodes[:, 1]) < 0).all()
            and nodes[-1, 1] > 0
        ):
            raise BoxError(f"{path}: GrowthTable in the header is no growth; get the file again")
        if not (nodes[0, 0] <= redshift <= nodes[-1, 0] and nodes[0, 0] <= start <= nodes[-1, 0]):
            raise BoxError(
                f"{path}: GrowthTable covers redshifts {nodes[0, 0]:g} to {nodes[-1, 0]:g}, not "
                f"{redshift:g} and {start:g}; get the file again"
            )
        spline = CubicSpline(np.log1p(nodes[:, 0]), np.log(nodes[:, 1]))
        return float(np.exp(spline(np.log1p(redshift)) - spline(np.log1p(start)))), []
    now, then = growth(np.array([1 / (1 + redshift), 1 / (1 + start)]), background).first
    return float(now / then), [
        f"{path.name} has no GrowthTable: its modes are grown from redshift {start:g} in a flat "
        f"universe of Omega_M {background.omega_m:g} and massless neutrinos"
    ]


def _transformed(plane: NDArray[np.float32], points: int, workers: int) -> NDArray[np.complex64]:
    """Modes (points, points / 2 + 1) along y and z of a plane, none at the Nyquist frequency."""
    every = fft.rfft2(plane, norm="forward", workers=workers)
    half = points // 2
    some = np.zeros((points, half + 1), dtype=np.complex64)
    for rows in both_signs(half - 1):
        some[rows, :half] = every[rows, :half]
    return some
