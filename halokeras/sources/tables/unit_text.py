"""Units of lengths and masses, read from the text or the factors that a file declares them by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CENTIMETRES = 3.0856775814913673e24
"""In a Mpc: 648000 / pi astronomical units of 149597870700 m, both exact (IAU 2012, 2015)."""
GRAMS = 1.98841e33
"""In a solar mass, which is known to some 2e-5 and so no unit to convert by."""
SAME = 5e-3
"""Relative difference of units that rounded constants explain."""

_LENGTHS = {
    "gpc": 1e3,
    "mpc": 1.0,
    "kpc": 1e-3,
    "pc": 1e-6,
    "km": 1e5 / CENTIMETRES,
    "m": 100 / CENTIMETRES,
    "cm": 1 / CENTIMETRES,
}
_STATED = {
    "length": {"Mpc": 1.0, "kpc": 1e-3, "pc": 1e-6, "Gpc": 1e3, "cm": 1 / CENTIMETRES},
    "mass": {"Msun": 1.0},
}
"""Units as users state them."""
_SUN = r"m?(?:sun|sol|odot|☉|⊙)|sol(?:ar)?mass(?:es)?"
_PER_H = r"(?:/h|h-1|/littleh|littleh-1|/h0|/h100)"
_NUMBER = re.compile(
    r"(?:(\d+\.?\d*(?:e[+-]?\d+)?)(?![\d^*])|10\s*(?:\^|\*\*)\s*\{?(\d+)\}?)\s*(?:\\times|[x*])?"
)
_LENGTH = re.compile(rf"({_PER_H})?(?:c?(gpc|mpc|kpc|pc)(?:cm)?|(km|cm|m))({_PER_H})?")
_PHYSICAL = re.compile(r"physical|proper|\bp(?=[gmk]pc)")
_MASS = re.compile(rf"({_PER_H})?(?:({_SUN})|(k?g))({_PER_H})?")
_LOGARITHM = re.compile(r"log_?(?:10)?[\s\[(]*(?:m(?!_?s[uo])\w*\s*/\s*)?(.*)")
"""Of a mass, such as ``log10(M/(Msun/h))``."""
_WORDS = frozenset(
    (
        *("gpc", "mpc", "kpc", "pc", "cmpc", "ckpc", "pmpc", "pkpc", "mpccm", "kpccm", "km", "m"),
        *("cm", "au", "h", "littleh", "hinv", "msun", "m_sun", "msol", "solmass", "sun", "sol"),
        *("g", "kg", "s", "sec", "yr", "myr", "gyr", "k", "ev", "kev", "erg", "lsun", "deg", "rad"),
        *("comoving", "physical", "proper", "peculiar", "log", "e"),
    )
)
"""Of which the units of catalogues are made."""


@dataclass(frozen=True)
class Unit:
    """A unit of length or mass.

    Attributes
    ----------
    dimension
        ``length`` or ``mass``.
    size
        How many Mpc or solar masses it is, over h if `per_h`.
    per_h
        Whether it is over h = H0 / (100 km/s/Mpc).
    physical
        Whether a length is physical and not comoving.
    logarithm
        Whether values are the decimal logarithm of numbers of it.
    """

    dimension: str
    size: float
    per_h: bool
    physical: bool = False
    logarithm: bool = False

    def same(self, other: "Unit") -> bool:
        """Whether both mean the same, but for rounded constants."""
        return (
            (self.dimension, self.per_h, self.physical, self.logarithm)
            == (other.dimension, other.per_h, other.physical, other.logarithm)
        ) and abs(self.size / other.size - 1) < SAME

    @property
    def name(self) -> str:
        """How a user states it."""
        known = _STATED[self.dimension]
        base = next((name for name, size in known.items() if abs(self.size / size - 1) < SAME), "")
        if not base:
            number = f"{float(f'{self.size:.3g}'):g}".replace("e+0", "e").replace("e+", "e")
            base = f"{number} {next(iter(known))}"
        text = f"{'physical ' * self.physical}{base}{'/h' * self.per_h}"
        return f"log10 {text}" if self.logarithm else text


def parse_unit(text: str) -> Unit | None:
    """Return the unit that `text` means, however it is spelled, or None for others."""
    plain = re.sub(r"[$\\]|\{?\\rm\}?", "", text.strip().lower().strip("[]")).strip()
    logarithm = False
    if plain.startswith("log") and (found := _LOGARITHM.match(plain)):
        logarithm, plain = True, found[1]
    physical = _PHYSICAL.search(plain) is not None
    plain = _PHYSICAL.sub("", plain).replace("comoving", "").strip()
    number = 1.0
    if (found := _NUMBER.match(plain)) and found[0]:
        number = float(found[1] or f"1e{found[2]}")
        plain = plain[found.end() :]
    short = re.sub(r"[\s*^_{}()\[\],.·]", "", plain)
    if not 0 < number < 1e60:
        return None
    if found := _LENGTH.fullmatch(short):
        if found[1] and found[4]:
            return None
        size, per_h = _LENGTHS[found[2] or found[3]], bool(found[1] or found[4])
        return None if logarithm else Unit("length", number * size, per_h, physical)
    if found := _MASS.fullmatch(short):
        if found[1] and found[4]:
            return None
        size = 1.0 if found[2] else {"g": 1.0, "kg": 1e3}[found[3]] / GRAMS
        per_h = bool(found[1] or found[4])
        return Unit("mass", number * size, per_h, logarithm=logarithm)
    return None


def is_unit(text: str) -> bool:
    """Whether what stands in the brackets of ``x(kpc/h)`` is a unit, and not ``500c`` or ``x``."""
    if re.fullmatch(r"\d+[A-Za-z]+", text):  # an overdensity
        return False
    words = re.findall(r"[A-Za-z_]+", text)
    return bool(words) and all(word.lower() in _WORDS for word in words)


def unit_of_factors(told: Mapping[str, Any]) -> str | None:
    """Return the unit that Gadget-4, AREPO, EAGLE and SWIFT declare by attributes of a dataset.

    They tell the cgs value of 1, and the exponents of the scale factor and of h that go with it.
    """
    numbers = {name: _number(value) for name, value in told.items()}

    def first(*names: str) -> float | None:
        return next((numbers[name] for name in names if numbers.get(name) is not None), None)

    cgs = first(
        "Conversion factor to CGS (not including cosmological corrections)",
        "to_cgs",
        "CGSConversionFactor",
    )
    of_a = first("a-scale exponent", "a_scaling", "aexp-scale-exponent")
    of_h = first("h-scale exponent", "h_scaling", "h-scale-exponent")
    if cgs is None or not cgs > 0 or of_h not in (0, -1):
        return None
    length = first("U_L exponent", "length_scaling")
    mass = first("U_M exponent", "mass_scaling")
    if length is None or mass is None:  # EAGLE tells only how they scale
        length, mass = (1.0, 0.0) if of_a == 1 else (0.0, 1.0)
    others = [first("U_t exponent"), first("U_T exponent"), first("velocity_scaling")]
    if (length, mass) not in ((1, 0), (0, 1)) or any(others):
        return None
    physical = length == 1 and (of_a == 0 or bool(first("Value stored as physical")))
    if length == 1:
        return Unit("length", cgs / CENTIMETRES, of_h == -1, physical).name
    return Unit("mass", cgs / GRAMS, of_h == -1).name


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
