"""Whether a density is what a painter was trained on."""

from dataclasses import asdict

import numpy as np

from halokeras.boxes.box_file import Header
from halokeras.cosmology.cosmology import Cosmology, other_parameters, whole_parameters
from halokeras.cosmology.power import linear_power
from halokeras.errors import ModelError
from halokeras.painters.provenance import Provenance, differences, fingerprint
from halokeras.painting.inputs.density import Density
from halokeras.simulation.lpt.lpt import tabulated

# Below these a difference is rounding of a header, not another simulation.
_SAME_VOXEL_SIZE = 1e-3  # relative
SAME_REDSHIFT = 0.005
_SAME_COSMOLOGY = 1e-3  # relative
_SLACK = 1e-6
_LINEAR = 0.2
"""Up to here [h/Mpc] the power of a density says its epoch."""
_POWER_FACTOR = 1.5
"""Between it and that of linear theory; in the suite `sobol64` they differ by 1.4 at most."""
_FEWEST_MODES = 30
"""Fewer may have any power by chance."""


def check_input(provenance: Provenance, given: Density, force: bool = False) -> list[str]:
    """Compare a density with what the painter learned from.

    Parameters
    ----------
    provenance
        The painter's.
    given
        The density to paint on.
    force
        Warn of what is otherwise refused.

    Returns
    -------
    list of str
        Warnings, one sentence each, that say what to expect; empty if all is as in training.

    Raises
    ------
    ModelError
        If the voxel size, or the known scheme of the density, is another, or a condition lies
        outside those that were seen, and `force` is off.
    """
    box = given.header
    if not force:
        check_fit(provenance, box)
    found = misfits(provenance, box)
    warnings = [f"{misfit}: the counts may mean nothing" for misfit in found]
    if provenance.conditions_seen is not None:
        return warnings + _unexpected_power(given)
    if abs(box.redshift - provenance.redshift) > SAME_REDSHIFT:
        warnings.append(
            f"the painter learned redshift {provenance.redshift:g} and the box has "
            f"{box.redshift:g}: expect the mean counts and the bias to be off"
        )
    warnings += _other_cosmology(provenance, box)
    warnings += [
        f"{difference}: expect the painter to extrapolate there"
        for difference in differences(
            provenance.fingerprint, fingerprint(given.sample(), box.voxel_size)
        )
    ]
    return warnings


def _unexpected_power(given: Density) -> list[str]:
    """Compare the power of a density's large scales with what its cosmology and redshift say."""
    box = given.header
    if box.cosmology is None:
        return []
    found = fingerprint(given.sample(), box.voxel_size).power_spectrum
    # clouds of particles smooth what is near the voxels, as theory does not know
    largest = min(_LINEAR, np.pi / box.voxel_size / 2)
    large = [one for one in found if one.k < largest]
    modes = sum(one.modes for one in large)
    if modes < _FEWEST_MODES:
        return []
    # the table that modes of a density are drawn by, which is kept
    theory = tabulated(
        linear_power(box.cosmology, box.redshift, 20.0), np.array([one.k for one in large])
    )
    expected = sum(one.modes * power for one, power in zip(large, theory, strict=True))
    ratio = float(sum(one.modes * one.power for one in large) / expected)
    if abs(np.log(ratio)) < np.log(_POWER_FACTOR) + 3 * np.sqrt(2 / modes):
        return []
    return [
        f"the density's power below k = {largest:.2g} h/Mpc is {ratio:.2f} times what its "
        f"cosmology has at z = {box.redshift:g}: check its redshift, cosmology and "
        "normalisation, or expect the halos of another epoch"
    ]


def check_fit(provenance: Provenance, box: Header) -> None:
    """Refuse a density that the painter cannot paint on.

    Raises
    ------
    ModelError
        That says in what, and how to go on.
    """
    found = misfits(provenance, box)
    if found:
        raise ModelError(
            f"{'; '.join(found)}; choose another model that learned it, or paint all the same "
            "with --force (force=True in Python)"
        )


def misfits(provenance: Provenance, box: Header) -> list[str]:
    """Say in what a density is none that the painter can paint on; empty if it can."""
    found = []
    if abs(box.voxel_size / provenance.voxel_size - 1) > _SAME_VOXEL_SIZE:
        found.append(
            f"the painter learned voxels of {provenance.voxel_size:g} Mpc/h and the box has "
            f"{box.voxel_size:g} Mpc/h"
        )
    scheme = str(box.provenance.get("density_scheme", "unknown"))
    if "unknown" not in (scheme, provenance.density_scheme) and scheme != provenance.density_scheme:
        found.append(
            f"the painter learned {provenance.density_scheme} densities and the box has a "
            f"{scheme} one"
        )
    return found + _outside(provenance, box)


def _outside(provenance: Provenance, box: Header) -> list[str]:
    """Say which conditions lie outside those that a painter was trained under."""
    asked = {"redshift": box.redshift}
    if box.cosmology is not None:
        asked |= asdict(box.cosmology)
    return [
        f"the painter learned {name} {low:.4g}{f' to {high:.4g}' if high > low else ' alone'} and "
        f"was asked for {asked[name]:.4g}"
        for name, (low, high) in (provenance.conditions_seen or {}).items()
        if name in asked and not low - _SLACK <= asked[name] <= high + _SLACK
    ]


def cosmology_differences(provenance: Provenance, cosmology: Cosmology | None) -> list[str]:
    """Say in what a cosmology is not the painter's, parameter by parameter; empty if unknown."""
    if cosmology is None or provenance.cosmology is None:
        return []
    trained, given = whole_parameters(provenance.cosmology), asdict(cosmology)
    return [
        f"{name} {given[name]:g} instead of {trained[name]:g}"
        for name in other_parameters(cosmology, trained, _SAME_COSMOLOGY)
    ]


def _other_cosmology(provenance: Provenance, box: Header) -> list[str]:
    others = cosmology_differences(provenance, box.cosmology)
    if not others:
        return []
    return [
        f"the box is of another cosmology ({', '.join(others)}): expect the mean counts to be "
        "off by what the halo mass function changes"
    ]
