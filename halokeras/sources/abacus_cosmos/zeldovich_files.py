"""Files of zeldovich-PLT: first-order displacements of a lattice, plane by plane.

Files ``ic_N`` hold whole planes of the particle lattice, natively little-endian records without a
header: plane i lies in file i CPD // PPD, planes ascend in a file, and in a plane the last label
runs fastest. Displacements have the unit of ``BoxSize`` and are those at ``InitialRedshift``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.sources.abacus_cosmos.parameter_file import Parameters

_LABEL = ("label", "<u2", (3,))
_PADDING = ("padding", "V2")
RECORDS = {
    "RVZel": np.dtype([_LABEL, _PADDING, ("displ", "<f4", (3,)), ("vel", "<f4", (3,))]),
    "RVdoubleZel": np.dtype([_LABEL, _PADDING, ("displ", "<f8", (3,)), ("vel", "<f8", (3,))]),
    "Zeldovich": np.dtype([_LABEL, _PADDING, ("displ", "<f8", (3,))]),
    "ZelSimple": np.dtype([("displ", "<f4", (3,))]),
}
"""Records by the name that ``ICFormat`` gives them; ZelSimple tells its place by its order."""

_LARGEST_LATTICE = 65535
"""Particles a side that labels of two bytes can number."""


@dataclass(frozen=True)
class InitialConditions:
    """Files of displacements, of the sizes that they should have.

    Attributes
    ----------
    files
        Each file, and the planes of constant x that it holds.
    format
        Name of the records.
    points
        Particles a side.
    box_size
        Side of the box [Mpc/h].
    redshift
        Of the displacements.
    assumed
        Sentences on what their parameters mean for the overdensity.
    """

    files: tuple[tuple[Path, range], ...]
    format: str
    points: int
    box_size: float
    redshift: float
    assumed: tuple[str, ...]


def find_initial_conditions(directory: Path, parameters: Parameters) -> InitialConditions:
    """Find the files that zeldovich-PLT wrote, without reading them.

    Parameters
    ----------
    directory
        Where they lie: ``InitialConditionsDirectory``.
    parameters
        That they were made with.

    Raises
    ------
    BoxError
        If a file is missing or of another size, or the parameters are not of such files.
    """
    name = parameters.text("ICFormat")
    if name not in RECORDS:
        raise BoxError(
            f"{parameters.path}: ICFormat is {name}; make the initial conditions as one of "
            f"{', '.join(RECORDS)}"
        )
    box_size = parameters.positive("BoxSize")
    unit = parameters.number("ICPositionRange", box_size)
    if parameters.number("hMpc", 1) != 1 or (unit > 0 and abs(unit / box_size - 1) > 1e-6):
        raise BoxError(
            f"{parameters.path}: hMpc must be 1 and ICPositionRange the same as BoxSize; "
            "zeldovich-PLT's displacements are in Mpc/h only then"
        )
    particles, cells = parameters.positive("NP"), parameters.positive("CPD")
    points = round(min(particles, 1e18) ** (1 / 3))
    if points**3 != particles or not 2 <= points <= _LARGEST_LATTICE or cells % 1:
        raise BoxError(
            f"{parameters.path}: NP = {particles:g} must be the cube of 2 to {_LARGEST_LATTICE} "
            "and CPD a whole number"
        )
    files = tuple(
        (directory / f"ic_{slab}", planes) for slab, planes in _slabs(points, int(cells)).items()
    )
    for path, planes in files:
        expected = len(planes) * points**2 * RECORDS[name].itemsize
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise BoxError(
                f"there is no file {path} of initial conditions, which NP and CPD in "
                f"{parameters.path} ask for; run zeldovich-PLT to its end"
            )
        if size != expected:
            raise BoxError(
                f"{path} has {size} bytes but {len(planes)} planes of {points}^2 {name} records "
                f"have {expected}; copy it again or check ICFormat, NP and CPD in {parameters.path}"
            )
    redshift = parameters.positive("InitialRedshift")
    return InitialConditions(files, name, points, box_size, redshift, _assumed(parameters, points))


def _slabs(points: int, cells: int) -> dict[int, range]:
    """Planes in each file."""
    slabs: dict[int, range] = {}
    for plane in range(points):
        slab = plane * cells // points
        slabs[slab] = range(slabs.get(slab, range(plane, plane)).start, plane + 1)
    return slabs


def _assumed(parameters: Parameters, points: int) -> tuple[str, ...]:
    redshift = parameters.number("InitialRedshift")
    nyquist = np.pi * points / parameters.number("BoxSize")
    assumed = [
        f"displacements in Mpc/h at z = {redshift:g}, as zeldovich-PLT writes them; their "
        "linear overdensity is scaled by the growth of its flat cosmology and moved by half a box"
    ]
    if parameters.number("ZD_qPLT", 0) > 0:
        assumed.append("the lattice's eigenmodes (ZD_qPLT) leave the overdensity as it is")
    if parameters.number("ZD_qPLT_rescale", 0) > 0:
        assumed.append(
            f"scales near the lattice's Nyquist wavenumber of {nyquist:.3g} h/Mpc are raised for "
            f"the N-body code to come out right at z = {parameters.number('ZD_PLT_target_z', 0):g} "
            "(ZD_qPLT_rescale), and left so"
        )
    cutoff = parameters.number("ZD_k_cutoff", 1)
    if cutoff != 1:
        assumed.append(f"no modes above {nyquist / cutoff:.3g} h/Mpc (ZD_k_cutoff)")
    if parameters.number("ZD_qPk_fix_to_mean", 0) > 0:
        assumed.append("amplitudes of the modes are fixed to the mean (ZD_qPk_fix_to_mean)")
    if parameters.number("Omega_Smooth", 0) > 0:
        assumed.append("growth as if all matter clustered, though Omega_Smooth does not")
    return tuple(assumed)


def read_planes(conditions: InitialConditions) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Return each plane of constant x, by number, with its displacement.

    The displacement is (3, PPD, PPD) float32 [Mpc/h] and holds until the next plane but one.

    Raises
    ------
    BoxError
        If records are not those of the lattice, or not displacements of less than half a box.
    """
    points = conditions.points
    records = np.empty(points**2, dtype=RECORDS[conditions.format])
    buffers = np.empty((2, 3, points, points), dtype=np.float32)
    for path, expected in conditions.files:
        seen = set()
        for turn in expected:
            start = (turn - expected.start) * records.nbytes
            _read_records(path, start, records)
            displacement = buffers[turn % 2]
            plane = _unpack_plane(records, turn, displacement, conditions.box_size / 2, path)
            if plane not in expected or plane in seen:
                raise BoxError(
                    f"{path} holds plane {plane} twice or out of place; check NP and CPD, or make "
                    "the initial conditions again"
                )
            seen.add(plane)
            yield plane, displacement


def _read_records(path: Path, start: int, records: NDArray[Any]) -> None:
    try:
        with path.open("rb") as file:
            file.seek(start)
            length = file.readinto(records.view(np.uint8).data)
    except OSError as error:
        raise BoxError(f"{path} cannot be read ({error.strerror}); check the disk") from error
    if length != records.nbytes:
        raise BoxError(f"{path} became shorter while it was read; start again")


def _unpack_plane(
    records: NDArray[Any], turn: int, displacement: NDArray[np.float32], largest: float, path: Path
) -> int:
    """Sort the records of a plane into `displacement`, and give its number."""
    labels = np.empty((0, 3), "<u2")
    if "label" in (records.dtype.names or ()):
        labels = records["label"]
    if len(labels):
        displacement[0] = np.nan
    bad: int = _unpack(labels, records["displ"], displacement, largest)
    if bad == len(records):
        return int(labels[0, 0]) if len(labels) else turn
    record = records[bad]
    moved = ", ".join(f"{value:.3g}" for value in record["displ"])
    if not (np.abs(record["displ"]) <= largest).all():
        raise BoxError(
            f"{path}: record {bad} of a plane is displaced by ({moved}) Mpc/h, which is no part of "
            "a box; check ICFormat, and that the machine that wrote it was little-endian"
        )
    raise BoxError(
        f"{path}: record {bad} of a plane has the label {tuple(int(i) for i in record['label'])}, "
        "a second time or outside it; check ICFormat, and that the machine that wrote it was "
        "little-endian"
    )


@numba.njit(cache=True, nogil=True)
def _unpack(labels, displ, displacement, largest):  # type: ignore[no-untyped-def]
    """Sort records by label, or as they come; give their number, or the place of a wrong one."""
    points = displacement.shape[1]
    labelled = labels.shape[0] > 0
    record = 0
    for row in range(points):
        for column in range(points):
            j, k = row, column
            if labelled:
                j, k = int(labels[record, 1]), int(labels[record, 2])
                if labels[record, 0] != labels[0, 0] or j >= points or k >= points:
                    return record
                if not np.isnan(displacement[0, j, k]):
                    return record
            for axis in range(3):
                value = displ[record, axis]
                if not abs(value) <= largest:
                    return record
                displacement[axis, j, k] = value
            record += 1
    return record
