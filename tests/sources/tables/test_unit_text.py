import pytest

from halokeras.sources.tables.unit_text import is_unit, unit_of_factors

SWIFT = {
    "Conversion factor to CGS (not including cosmological corrections)": 3.08567758149e24,
    "Conversion factor to physical CGS (including cosmological corrections)": 2.37359e24,
    "Description": "Co-moving positions of the particles",
    "Expression for physical CGS units": "a U_L  [ cm ]",
    "U_I exponent": 0.0,
    "U_L exponent": 1.0,
    "U_M exponent": 0.0,
    "U_T exponent": 0.0,
    "U_t exponent": 0.0,
    "a-scale exponent": 1.0,
    "h-scale exponent": 0.0,
}
SWIFT_MASS = {
    **SWIFT,
    "Conversion factor to CGS (not including cosmological corrections)": 1.98841e43,
    "U_L exponent": 0.0,
    "U_M exponent": 1.0,
    "a-scale exponent": 0.0,
}
GADGET = {
    "a_scaling": 1.0,
    "h_scaling": -1.0,
    "length_scaling": 1.0,
    "mass_scaling": 0.0,
    "velocity_scaling": 0.0,
    "to_cgs": 3.085678e21,
}
EAGLE = {
    "CGSConversionFactor": 3.085678e24,
    "VarDescription": "Co-moving centre of potential",
    "aexp-scale-exponent": 1.0,
    "h-scale-exponent": -1.0,
}


@pytest.mark.parametrize(
    ("told", "unit"),
    [
        (SWIFT, "Mpc"),
        (SWIFT_MASS, "1e10 Msun"),
        (SWIFT | {"U_t exponent": -1.0}, None),  # a velocity
        (SWIFT | {"a-scale exponent": 0.0}, "physical Mpc"),
        (SWIFT | {"Value stored as physical": 1.0}, "physical Mpc"),
        (GADGET, "kpc/h"),
        (GADGET | {"h_scaling": 0.0}, "kpc"),
        (GADGET | {"length_scaling": 0.0, "mass_scaling": 1.0, "to_cgs": 1.989e43}, "1e10 Msun/h"),
        (GADGET | {"to_cgs": 0.0}, None),
        (EAGLE, "Mpc/h"),
        (EAGLE | {"aexp-scale-exponent": 0.0, "CGSConversionFactor": 1.989e43}, "1e10 Msun/h"),
        ({"units": "Mpc"}, None),
    ],
)
def test_factors_that_a_dataset_declares(told, unit):
    assert unit_of_factors(told) == unit


def test_what_stands_in_brackets_is_a_unit_or_belongs_to_the_name():
    assert all(is_unit(one) for one in ("Mpc/h", "kpc / h", "km/s", "1e10 Msun/h", "h^-1 kpc"))
    assert not any(is_unit(one) for one in ("500c", "x", "17", "200m", ""))
