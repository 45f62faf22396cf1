"""The seeds that realisations may have."""

from operator import index

from halokeras.errors import BoxError

LARGEST_SEED = 2**63 - 1
"""Every format of files can tell it."""


def check_seed(seed: int, what: str = "seed") -> None:
    """Raise `BoxError` for a seed, or what else is counted so, that no realisation has."""
    try:
        number = index(seed)
    except TypeError:
        raise BoxError(f"{what} {seed!r} is no whole number") from None
    if not 0 <= number <= LARGEST_SEED:
        raise BoxError(f"{what} {seed} must lie between 0 and {LARGEST_SEED}")
