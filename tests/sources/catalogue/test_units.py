import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.catalogue.units import check_unit, length_factor, mass_factor
from halokeras.sources.tables.unit_text import parse_unit

SPELLINGS = {
    "Mpc/h": ["Mpc/h", "Mpc / h", "h^-1 Mpc", "Mpc h-1", "cMpc/h", "[Mpc/h]", "Mpc / littleh",
              "Mpccm/h", "3.085678e24 cm/h", "1000 kpc/h", "Mpc/h comoving",
              "comoving Mpc/h", "$h^{-1}$ Mpc", "Mpc h**-1", "h-1Mpc"],
    "kpc/h": ["kpc/h", "ckpc/h", "h^-1 kpc", "Kpc / h (comoving)"],
    "Mpc": ["Mpc", "cMpc"],
    "kpc": ["kpc"],
    "Msun/h": ["Msun/h", "Msun / h", "M_sun/h", "h^-1 Msun", "solMass / littleh", "Msun h-1"],
    "1e10 Msun/h": ["1e10 Msun/h", "1e+10 Msun/h", "10^10 Msun/h", "1.0e10 h^-1 Msun",
                    "10^10 h^-1 Msun", "$10^{10} h^{-1} M_\\odot$", "1.989e43 g/h"],
    "Msun": ["Msun", "solMass", "M_sun"],
    "1e10 Msun": ["1e10 Msun", "1.98841e+43 g"],
    "1e9 Msun": ["1e9 Msun"],
    "Gpc": ["Gpc"],
    "pc": ["pc"],
    "cm": ["cm"],
    "physical kpc": ["pkpc", "physical kpc"],
    "log10 Msun/h": ["log10(Msun/h)", "log10 Msun/h", "log10(M/(Msun/h))", "log Msun/h"],
    "log10 Msun": ["log10(M/Msun)"],
    None: ["", "h", "Gpc/h/h", "Mpc/s", "km/s", "Mpc/h2", "furlong"],
}  # fmt: skip


@pytest.mark.parametrize("unit", SPELLINGS)
def test_spellings_of_units(unit):
    assert {getattr(parse_unit(text), "name", None) for text in SPELLINGS[unit]} == {unit}


def test_factors():
    assert length_factor("Mpc/h", None) == 1
    assert length_factor("kpc/h", None) == 1e-3
    assert length_factor("Mpc", 0.7) == 0.7
    assert length_factor("kpc", 0.7) == pytest.approx(7e-4)
    assert mass_factor("1e10 Msun/h", None) == 1e10
    assert mass_factor("Msun", 0.7) == 0.7
    assert mass_factor("log10 Msun/h", None) == 1
    # 648000 / pi astronomical units of 149597870700 m, exact by definition
    parsec = 648000 / np.pi * 14959787070000
    assert length_factor("cm", 1.0) == pytest.approx(1 / (1e6 * parsec), rel=1e-14)
    assert length_factor("pc", 0.7) == pytest.approx(7e-7)
    assert length_factor("Gpc/h", None) == 1000
    with pytest.raises(BoxError, match="no exact part of a solar mass"):
        mass_factor("g", 0.7)
    with pytest.raises(BoxError, match="--length-unit 'Msun' is unknown"):
        length_factor("Msun", 0.7)
    for unit, hubble, words in (("Mpc", None, "--hubble"), ("Mpc", 67, "0.67"), ("ly", 1, "Mpc/h")):
        with pytest.raises(BoxError, match=words):
            length_factor(unit, hubble)


def test_a_declared_unit_must_be_the_stated_one():
    assert check_unit("a.h5", "x", None, "Mpc/h", "--length-unit") is None
    assert check_unit("a.h5", "x", "h^-1 Mpc", "Mpc/h", "--length-unit") is None
    with pytest.raises(BoxError, match=r"a.h5 gives x in ckpc/h and --length-unit is Mpc/h"):
        check_unit("a.h5", "x", "ckpc/h", "Mpc/h", "--length-unit")
    with pytest.raises(BoxError, match="in Mpc/h, which is no mass"):
        check_unit("a.h5", "m", "Mpc/h", "Msun/h", "--mass-unit")
    with pytest.raises(BoxError, match="which is physical"):
        check_unit("a.h5", "x", "physical Mpc", "Mpc", "--length-unit", 0.3)
    assert check_unit("a.h5", "x", "physical Mpc", "Mpc", "--length-unit", 0.0) is None
    with pytest.raises(BoxError, match="give --mass-unit 'log10 Msun/h'"):
        check_unit("a.h5", "m", "log10(Msun/h)", "Msun/h", "--mass-unit")
    assert "'furlong'" in (check_unit("a.h5", "x", "furlong", "Mpc/h", "--length-unit") or "")
