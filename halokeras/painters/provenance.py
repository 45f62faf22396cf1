"""What a saved painter tells of its training: the fields that painting and evaluation use."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from halokeras.errors import ModelError, first_problem
from halokeras.fields.spectra import measure
from halokeras.sections import Selection

PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
# Added to the density [mean] under the logarithm: below it voids are noise of the particles.
_FLOOR = 0.1
# Bins of the power spectrum as fractions of the Nyquist wavenumber: the same for any box.
_EDGES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
# Measured at 4 Mpc/h: realisations differ by 0.01 in log density and 5 % in power (0.04 and 20 %
# in 64 Mpc/h boxes or at another particle load), redshift 0.7 from 0.3 by 0.09 and 25 %.
_LOG_DENSITY_TOLERANCE = 0.06
_POWER_TOLERANCE = 0.2

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PowerBin(BaseModel):
    """Power [(Mpc/h)^3] at `k` [h/Mpc] from `modes` modes, in one of the fixed bins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bin: int
    k: _Positive
    power: _Positive
    modes: Annotated[int, Field(gt=0)]


class Fingerprint(BaseModel):
    """A density in a few numbers.

    Attributes
    ----------
    log_density_percentiles
        `PERCENTILES` of log(density + 0.1).
    power_spectrum
        Bins between fixed fractions of the Nyquist wavenumber; those without modes or power
        are left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    log_density_percentiles: Annotated[
        list[FiniteFloat], Field(min_length=len(PERCENTILES), max_length=len(PERCENTILES))
    ]
    power_spectrum: list[PowerBin]


class Provenance(BaseModel):
    """Where a painter comes from; further fields are kept as they are, for the reader.

    Attributes
    ----------
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Redshift of the training boxes.
    cosmology
        H0 [km/s/Mpc], omega_m, omega_b, sigma8, n_s, and w0 and wa where dark energy is no
        cosmological constant; None if the training boxes told none or several, and for a painter
        that is told the cosmology: `conditions_seen` tells those that it was trained under.
    density_scheme
        ``2lpt``, ``zeldovich``, ``nbody`` or ``unknown``.
    selection
        The halos whose counts it paints.
    training_boxes
        Hash of every box it was trained on, by the name of its file.
    fingerprint
        What `fingerprint` tells of the density of the first training box.
    conditions_seen
        Least and largest redshift and parameters of the cosmology among the training boxes, of a
        painter that is told them; its `redshift` is then the one that it paints by default.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    voxel_size: _Positive
    redshift: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cosmology: dict[str, FiniteFloat] | None
    density_scheme: str
    selection: Selection
    training_boxes: dict[str, str]
    fingerprint: Fingerprint
    conditions_seen: dict[str, tuple[FiniteFloat, FiniteFloat]] | None = None

    @property
    def epochs(self) -> str:
        """The redshift that it learned, or the least and the largest, for a reader."""
        seen = (self.conditions_seen or {}).get("redshift")
        return f"{self.redshift:g}" if seen is None else "{:g} to {:g}".format(*seen)


def read_provenance(fields: dict[str, Any], name: str) -> Provenance:
    """Check the fields of a provenance, or raise `ModelError` that names `name` and the field."""
    try:
        return Provenance.model_validate(fields)
    except ValidationError as error:
        raise ModelError(f"{name}: {first_problem(error)}") from error


def fingerprint(density: NDArray[np.float32], voxel_size: float) -> Fingerprint:
    """Describe a density, rho/mean (nx, ny, nz) in voxels of `voxel_size` [Mpc/h]."""
    edges = np.array(_EDGES) * np.pi / voxel_size
    spectra = measure(density, density, voxel_size, edges)
    return Fingerprint(
        log_density_percentiles=np.percentile(np.log(density + _FLOOR), PERCENTILES).tolist(),
        power_spectrum=[
            PowerBin(bin=int(index), k=float(k), power=float(power), modes=int(modes))
            for index, k, power, modes in zip(
                np.searchsorted(edges[1:], spectra.upper),
                spectra.k,
                spectra.first,
                spectra.modes,
                strict=True,
            )
            if power > 0
        ],
    )


def differences(trained: Fingerprint, given: Fingerprint) -> list[str]:
    """Say where `given` leaves the range of `trained`, one clause each; empty if nowhere."""
    found = []
    shifts = np.subtract(given.log_density_percentiles, trained.log_density_percentiles)
    worst = int(np.argmax(np.abs(shifts)))
    if abs(shifts[worst]) > _LOG_DENSITY_TOLERANCE:
        found.append(
            f"percentile {PERCENTILES[worst]} of its density is {np.exp(shifts[worst]):.2f} times "
            "that of the training density"
        )
    ratios = _power_ratios(trained, given)
    if ratios:
        k, ratio = max(ratios, key=lambda pair: float(abs(np.log(pair[1]))))
        found.append(
            f"its power at k = {k:.2g} h/Mpc is {ratio:.2f} times that of the training density"
        )
    return found


def _power_ratios(trained: Fingerprint, given: Fingerprint) -> list[tuple[float, float]]:
    """Return (k, ratio) of the bins whose power differs by more than chance and tolerance."""
    expected = {entry.bin: entry for entry in trained.power_spectrum}
    ratios = []
    for entry in given.power_spectrum:
        if entry.bin not in expected:
            continue
        reference = expected[entry.bin]
        scatter = 3 * np.sqrt(2 / entry.modes + 2 / reference.modes)
        ratio = entry.power / reference.power
        if abs(ratio - 1) > _POWER_TOLERANCE + scatter:
            ratios.append((entry.k, ratio))
    return ratios
