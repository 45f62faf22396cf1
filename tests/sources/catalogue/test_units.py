import pytest

from halokeras.errors import BoxError
from halokeras.sources.catalogue.units import check_unit, declared_unit, length_factor, mass_factor

SPELLINGS = {
    "Mpc/h": ["Mpc/h", "Mpc / h", "h^-1 Mpc", "Mpc h-1", "cMpc/h", "[Mpc/h]", "Mpc / littleh",
              "comoving Mpc/h", "$h^{-1}$ Mpc", "Mpc h**-1", "h-1Mpc"],
    "kpc/h": ["kpc/h", "ckpc/h", "h^-1 kpc", "Kpc / h (comoving)"],
    "Mpc": ["Mpc", "cMpc"],
    "kpc": ["kpc"],
    "Msun/h": ["Msun/h", "Msun / h", "M_sun/h", "h^-1 Msun", "solMass / littleh", "Msun h-1"],
    "1e10 Msun/h": ["1e10 Msun/h", "1e+10 Msun/h", "10^10 Msun/h", "1.0e10 h^-1 Msun",
                    "10^10 h^-1 Msun"],
    "Msun": ["Msun", "solMass", "M_sun"],
    "1e10 Msun": ["1e10 Msun"],
    None: ["", "m", "pc", "h", "kg", "Gpc/h/h", "Mpc/s", "1e9 Msun", "km/s", "Mpc/h2"],
}  # fmt: skip


@pytest.mark.parametrize("unit", SPELLINGS)
def test_spellings_of_units(unit):
    assert {declared_unit(text) for text in SPELLINGS[unit]} == {unit}


def test_factors():
    assert length_factor("Mpc/h", None) == 1
    assert length_factor("kpc/h", None) == 1e-3
    assert length_factor("Mpc", 0.7) == 0.7
    assert length_factor("kpc", 0.7) == pytest.approx(7e-4)
    assert mass_factor("1e10 Msun/h", None) == 1e10
    assert mass_factor("Msun", 0.7) == 0.7
    for unit, hubble, words in (("Mpc", None, "--hubble"), ("Mpc", 67, "0.67"), ("ly", 1, "Mpc/h")):
        with pytest.raises(BoxError, match=words):
            length_factor(unit, hubble)


def test_a_declared_unit_must_be_the_stated_one():
    assert check_unit("a.h5", "x", None, "Mpc/h", "--length-unit") is None
    assert check_unit("a.h5", "x", "h^-1 Mpc", "Mpc/h", "--length-unit") is None
    with pytest.raises(BoxError, match=r"a.h5 gives x in ckpc/h and --length-unit is Mpc/h"):
        check_unit("a.h5", "x", "ckpc/h", "Mpc/h", "--length-unit")
    with pytest.raises(BoxError, match="--mass-unit is Msun/h"):
        check_unit("a.h5", "m", "Mpc/h", "Msun/h", "--mass-unit")
    assert "'furlong'" in (check_unit("a.h5", "x", "furlong", "Mpc/h", "--length-unit") or "")
