"""A cosmology of the user's own, from a JSON file."""

from dataclasses import replace
from pathlib import Path
from typing import Self

from pydantic import model_validator

from halokeras.cosmology.cosmology import MOST_SIGMA8, Cosmology
from halokeras.cosmology.power import sigma8_of_amplitude
from halokeras.errors import BoxError, ParamsError
from halokeras.section_files import load_json
from halokeras.sections import Finite, Positive, Section


class _Fields(Section):
    """A flat cosmology, as `Cosmology` documents it; A_s, at 0.05/Mpc, may stand for sigma8."""

    H0: Positive
    omega_m: Positive
    omega_b: Positive
    sigma8: Positive | None = None
    A_s: Positive | None = None
    n_s: Positive
    w0: Finite = Cosmology.w0
    wa: Finite = Cosmology.wa

    @model_validator(mode="after")
    def _one_amplitude(self) -> Self:
        if (self.sigma8 is None) == (self.A_s is None):
            has = "neither" if self.sigma8 is None else "both"
            raise ValueError(f"has {has} of 'sigma8' and 'A_s'; write one of them")
        return self


def load_cosmology(path: Path) -> Cosmology:
    """Read a JSON object of ``H0``, ``omega_m``, ``omega_b``, ``n_s`` and ``sigma8`` or ``A_s``.

    ``w0`` and ``wa`` may be there too. CAMB makes sigma8 of A_s, the primordial amplitude at
    0.05/Mpc.

    Raises
    ------
    ParamsError
        If the file is missing or not JSON, or a field is missing, unknown, given twice or out of
        range.
    """
    fields = load_json(path, "cosmology file", "--cosmology", _Fields)
    told = fields.model_dump(exclude={"sigma8", "A_s"})
    try:
        if fields.sigma8 is not None:
            return Cosmology(**told, sigma8=fields.sigma8)
        assert fields.A_s is not None
        return cosmology_of_amplitude(fields.A_s, **told)
    except BoxError as error:
        raise ParamsError(f"cosmology file {path}: {error}") from None


def cosmology_of_amplitude(A_s: float, **parameters: float) -> Cosmology:
    """Return the cosmology of a primordial amplitude at 0.05/Mpc and all but sigma8.

    Raises
    ------
    BoxError
        If it is none, or its sigma8 is absurd.
    """
    unscaled = Cosmology(**parameters, sigma8=1.0)
    sigma8 = sigma8_of_amplitude(unscaled, A_s)
    if not 0 < sigma8 < MOST_SIGMA8:
        raise BoxError(
            f"A_s is {A_s:g}, which makes sigma8 {sigma8:.3g} where at most {MOST_SIGMA8:g} is "
            "allowed; it is some 2e-9"
        )
    return replace(unscaled, sigma8=sigma8)
