import math

import pytest

from halokeras.evaluation.words import masses, measured, scientific
from halokeras.params import Selection


@pytest.mark.parametrize(
    ("value", "told"),
    [(8.72e10, "8.72 × 10¹⁰"), (2e-5, "2 × 10⁻⁵"), (0.3, "0.3"), (256, "256")],
)
def test_powers_of_ten_are_written_as_people_do(value, told):
    assert scientific(value) == told


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (1.01787, 0.00595, "1.0179 ± 0.0060"),
        (12034.4, 512.0, "12,034 ± 512"),
        (0.774, 0.04, "0.774 ± 0.040"),
        (1.23456, math.nan, "1.235"),
        (1.0, 0.0, "1.000 ± 0.000"),
        (math.nan, 0.1, "-"),
        (1.79889e8, math.nan, "1.8 × 10⁸"),
    ],
)
def test_errors_tell_how_many_digits_mean_something(value, error, told):
    assert measured(value, error) == told


def test_a_selection_in_words():
    assert masses(Selection()) == "all of the catalogue"
    told = masses(Selection(mass_min=2e12, mass_max=1e13))
    assert told == "of 2 × 10¹² Msun/h and more, below 1 × 10¹³ Msun/h"
