"""The seeds that realisations may have."""

from halokeras.errors import BoxError

LARGEST_SEED = 2**63 - 1
"""Every format of files can tell it."""


def check_seed(seed: int) -> None:
    """Raise `BoxError` for a seed that no realisation has."""
    if not 0 <= seed <= LARGEST_SEED:
        raise BoxError(f"seed {seed} must lie between 0 and {LARGEST_SEED}")
