"""Statistics of pairs of modes: power, amplitude, phases and what is left unexplained."""

import numpy as np

from halokeras.fields.spectra import Spectra, measure
from halokeras.statistics.statistic import (
    FIELD,
    Against,
    Axis,
    Drawing,
    Measurement,
    Sample,
    Statistic,
    Target,
)

WAVENUMBER = Axis(
    name="k",
    label="k [h/Mpc]",
    heading="k to",
    places=lambda halos: _spectra(halos, halos).k,
    edges=lambda halos: _spectra(halos, halos).upper,
    words=lambda upper: f"{upper:.3f}",
    logarithmic=True,
)


def _spectra(painted: Sample, halos: Sample) -> Spectra:
    return painted.of(measure, halos)


def _power(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    found = _spectra(painted, halos)
    scatter = found.first * np.sqrt(2 / found.modes)
    return Measurement(found.first, halos=found.second, scatter=scatter)


def _transfer_function(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    found = _spectra(painted, halos)
    # two powers of the same modes: what they share does not scatter
    relative = np.sqrt(np.maximum(1 - found.cross_correlation**2, 0) / found.modes)
    return Measurement(found.transfer_function, scatter=found.transfer_function * relative)


def _cross_correlation(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    found = _spectra(painted, halos)
    r = found.cross_correlation
    return Measurement(r, scatter=(1 - r**2) / np.sqrt(found.modes))


def _stochastic_power(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    return Measurement(_spectra(painted, halos).stochastic_power)


POWER = Statistic(
    name="power",
    title="Power spectrum",
    symbol="P",
    unit="(Mpc/h)³",
    meaning="P(k) tells how strongly halos cluster at each wavenumber k = 2π / wavelength; the "
    "painted one should lie on the black points of the simulated halos.",
    measure=_power,
    axis=WAVENUMBER,
    drawing=Drawing("P [(Mpc/h)³]", logarithmic=True),
)

TRANSFER_FUNCTION = Statistic(
    name="transfer_function",
    title="Transfer function",
    symbol="T",
    meaning="T(k) = √(P / P of the halos) is 1 where what was painted clusters exactly as "
    "strongly as the halos, whatever its phases.",
    measure=_transfer_function,
    axis=WAVENUMBER,
    targets=(
        Target("T, k <= 0.4", 0.02, up_to=0.4, elsewhere=0.04),
        Target("T, k > 0.4", 0.05, above=0.4),
    ),
    drawing=Drawing("T = √(P / P of the halos)", limits=(0.8, 1.35)),
)

CROSS_CORRELATION = Statistic(
    name="cross_correlation",
    title="Cross-correlation",
    symbol="r",
    meaning="r(k) is 1 where peaks and troughs stand where those of the halos stand and 0 where "
    "they have nothing in common; what the painter adds is its lead over the 2LPT density, and "
    "draws fall below by their shot noise.",
    measure=_cross_correlation,
    axis=WAVENUMBER,
    against=Against.DENSITY,
    targets=(
        Target("r over the 2LPT density's", 0.0, asked_of=(FIELD,)),
        Target("r over it, 0.1 < k <= 0.4", 0.03, above=0.1, up_to=0.4, asked_of=(FIELD,)),
    ),
    drawing=Drawing("r with the halos", limits=(0, 1.02)),
)

STOCHASTIC_POWER = Statistic(
    name="stochastic_power",
    title="Unexplained power",
    symbol="P (1 - r²)",
    unit="(Mpc/h)³",
    meaning="Power of the halos that no filter of what was painted explains, P (1 - r²); their "
    "shot noise where only that is left.",
    measure=_stochastic_power,
    axis=WAVENUMBER,
)
