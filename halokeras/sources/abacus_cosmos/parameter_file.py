"""Abacus's parameter files, ``abacus.par`` and ``header``: text that is parsed, never evaluated.

The grammar is ParseHeader's: ``key = value`` a line; ``#`` begins a comment and a line ``##``
begins or ends a block of them; a backslash at the end of a line continues it; a value is one or
more numbers, quoted texts or bare words, separated by blanks, of which several make a vector. In
a ``header`` the state of a slice follows the parameters, so the later of two values holds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from halokeras.cosmology.cosmology import Background, Cosmology, box_cosmology, growth
from halokeras.errors import BoxError

Scalar = int | float | str
Value = Scalar | tuple[Scalar, ...]

_LARGEST = 2**20
"""Bytes of the largest file that is taken for one of parameters; real ones have some 5000."""
_END = "\x02"
"""The line that ends a header, which Abacus writes before what may follow."""
_KEY = re.compile(r"[A-Za-z_.$][\w.$]*")
_TOKEN = re.compile(r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'#]+))""")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_FLOAT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[DdEe]([+-]?\d+)|([+-]\d+))?")
_SAME = 0.01
"""Relative difference of parameters up to which a file's cosmology is that of a named box."""


@dataclass(frozen=True)
class Parameters:
    """Parameters of a simulation.

    Attributes
    ----------
    path
        Where they come from, for messages.
    values
        Numbers, texts and vectors of them by name.
    """

    path: Path
    values: Mapping[str, Value]

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number, or raise `BoxError` if it is missing without a default or is none."""
        value = self.values.get(name, default)
        if not isinstance(value, int | float) or not isfinite(value):
            raise BoxError(f"{self.path}: {name} is missing or not a number; add it to the file")
        return float(value)

    def positive(self, name: str) -> float:
        """Return a number above 0, or raise `BoxError`."""
        value = self.number(name)
        if value <= 0:
            raise BoxError(f"{self.path}: {name} is {value:g}; it must be positive")
        return value

    def text(self, name: str) -> str:
        """Return a text, or raise `BoxError` if it is missing or none."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise BoxError(f"{self.path}: {name} is missing or not a text; add it to the file")
        return value


def read_parameters(path: Path) -> Parameters:
    """Read a parameter file.

    Raises
    ------
    BoxError
        If the file is missing, larger than a megabyte, not text, or has a line of another form.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise BoxError(
            f"parameter file {path} cannot be read ({error.strerror}); check the path"
        ) from error
    if len(content) > _LARGEST:
        raise BoxError(f"{path} has more than a megabyte; give a text file of Abacus parameters")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BoxError(f"{path} is not text; give a file of Abacus parameters") from error
    return Parameters(path, _parsed(text, path))


def read_cosmology(parameters: Parameters, box: str | None) -> tuple[Cosmology, tuple[str, ...]]:
    """Return the cosmology of a simulation, and what of it was assumed.

    ``sigma_8`` may be missing where ``ZD_Pk_sigma`` states it at the initial redshift, in spheres
    of ``ZD_Pk_norm`` = 8; that, ``ombh2`` or ``ns`` may be missing where `box` is named.

    Parameters
    ----------
    parameters
        Of the simulation.
    box
        The AbacusCosmos box 00 to 04 that it is, or None.

    Raises
    ------
    BoxError
        If a parameter is missing, the cosmology is not flat or not that of the box.
    """
    w0, wa = parameters.number("w0", -1), parameters.number("wa", 0)
    hubble, omega_m = parameters.positive("H0"), parameters.positive("Omega_M")
    dark_energy = parameters.number("Omega_DE", 1 - omega_m)
    if abs(omega_m + dark_energy - 1) > 1e-3:
        raise BoxError(
            f"{parameters.path}: Omega_M + Omega_DE = {omega_m + dark_energy:g} is not a flat "
            "cosmology; choose another simulation"
        )
    background = Background(omega_m, w0, wa)
    named = None if box is None else box_cosmology(box)
    stated = {
        "sigma8": _sigma8(parameters, background),
        "omega_b": parameters.number("ombh2") / (hubble / 100) / (hubble / 100)
        if "ombh2" in parameters.values
        else None,
        "n_s": parameters.number("ns") if "ns" in parameters.values else None,
    }
    missing = [name for name, value in stated.items() if value is None]
    if missing and named is None:
        raise BoxError(
            f"{parameters.path} does not state {' and '.join(missing)}; name the --box, 00 to "
            "04, whose cosmology it has"
        )
    chosen = {
        name: getattr(named, name) if value is None else value for name, value in stated.items()
    }
    try:
        cosmology = Cosmology(H0=hubble, omega_m=omega_m, w0=w0, wa=wa, **chosen)
    except BoxError as error:
        raise BoxError(f"{parameters.path}: {error}") from None
    if named is not None:
        _check_named(cosmology, named, f"{box}", parameters.path)
    assumed = (f"{', '.join(missing)} of box {box}, as {parameters.path.name} states none",)
    return cosmology, assumed if missing else ()


def _sigma8(parameters: Parameters, background: Background) -> float | None:
    if "sigma_8" in parameters.values:
        return parameters.number("sigma_8")
    if "ZD_Pk_sigma" not in parameters.values or parameters.number("ZD_Pk_norm", 0) != 8:
        return None
    initial = growth(1 / (1 + parameters.positive("InitialRedshift")), background).first[0]
    return float(parameters.number("ZD_Pk_sigma") / initial)


def _check_named(found: Cosmology, named: Cosmology, box: str, path: Path) -> None:
    for name, theirs in vars(named).items():
        ours = getattr(found, name)
        if abs(ours - theirs) > _SAME * max(abs(theirs), 1e-3):
            raise BoxError(
                f"{path}: {name} is {ours:.5g} but {theirs:.5g} in box {box}; name the box that "
                "the files are of"
            )


def _parsed(text: str, path: Path) -> dict[str, Value]:
    values: dict[str, Value] = {}
    commented = False
    continued: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("##"):
            commented = not commented
            continue
        if commented or line.lstrip().startswith("#") or line == _END:
            continue
        kept = line.rstrip(" \t")
        if kept.endswith("\\"):
            continued.append(kept[:-1])
            continue
        statement = " ".join([*continued, line]).strip()
        continued.clear()
        if not statement:
            continue
        entry = _entry(statement)
        if entry is None:
            raise BoxError(
                f"{path}: line {number} is not of the form key = value; give a text file of "
                "Abacus parameters"
            )
        values[entry[0]] = entry[1]
    if commented or continued:
        raise BoxError(f"{path} ends within a comment or a line that goes on; copy it again")
    return values


def _entry(statement: str) -> tuple[str, Value] | None:
    """Key and value of a statement, or None where it is none."""
    key, _, rest = statement.partition("=")
    tokens: list[Scalar] = []
    position = 0
    while token := _TOKEN.match(rest, position):
        position = token.end()
        bare = token["bare"]
        tokens.append(token["double"] or token["single"] or "" if bare is None else _scalar(bare))
    left = rest[position:].lstrip()
    if not tokens or (left and left[0] != "#") or not _KEY.fullmatch(key.strip()):
        return None
    return key.strip(), tokens[0] if len(tokens) == 1 else tuple(tokens)


def _scalar(word: str) -> Scalar:
    """A bare word, as a number where it is one; Fortran's exponents are understood."""
    if _INTEGER.fullmatch(word):
        return int(word)
    number = _FLOAT.fullmatch(word)
    if number is None:
        return word
    return float(f"{number[1]}e{number[2] or number[3] or 0}")
