"""A cosmology of the user's own, from a JSON file."""

from pathlib import Path

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError, ParamsError
from halokeras.params import load_json
from halokeras.sections import Positive, Section


class _Fields(Section):
    """A flat LCDM cosmology, as `Cosmology` documents it."""

    H0: Positive
    omega_m: Positive
    omega_b: Positive
    sigma8: Positive
    n_s: Positive


def load_cosmology(path: Path) -> Cosmology:
    """Read a JSON object of ``H0``, ``omega_m``, ``omega_b``, ``sigma8`` and ``n_s``.

    Raises
    ------
    ParamsError
        If the file is missing or not JSON, or a field is missing, unknown, given twice or out of
        range.
    """
    fields = load_json(path, "cosmology file", "--cosmology", _Fields)
    try:
        return Cosmology(**fields.model_dump())
    except BoxError as error:
        raise ParamsError(f"cosmology file {path}: {error}") from None
