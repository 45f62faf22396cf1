"""Names of the contenders: what each is, and which stand fairly beside which."""

from collections.abc import Sequence

from halokeras.statistics.statistic import DRAWS, FIELD, Statistic

HALOS = "halos"
"""Name of what all are compared with."""

WARM_START, LOCAL_BIAS, DENSITY = "warm start", "local bias", "2LPT density"
WARM_START_DRAWS, LOCAL_BIAS_DRAWS = "warm start, Poisson", "local bias, Poisson"
TRUE_COUNTS, UNIFORM = "true counts", "uniform places"
"""What stands beside a catalogue."""

ALTERNATIVES = {
    FIELD: (WARM_START, LOCAL_BIAS, DENSITY),
    DRAWS: (WARM_START_DRAWS, LOCAL_BIAS_DRAWS, TRUE_COUNTS, UNIFORM),
}
"""What stands fairly beside a field, and beside a draw; other painters stand beside fields."""

MEANINGS = {
    FIELD: "What the painter paints: a smooth field with the halos' amplitude.",
    DRAWS: "Whole numbers of halos drawn from the counts that the painter expects.",
    WARM_START: "The painter before its adversarial training: the counts it expects.",
    WARM_START_DRAWS: "Poisson draws from the warm start.",
    LOCAL_BIAS: "The mean count at each density, fitted on the tested box itself.",
    LOCAL_BIAS_DRAWS: "Poisson draws from the local bias; in catalogues anywhere in their voxels, "
    "with masses of the tested box's halos at random.",
    DENSITY: "The density that was painted on.",
    TRUE_COUNTS: "The halos' own counts in voxels, placed and moved as those of draws.",
    UNIFORM: "A draw placed anywhere in its voxels, with the velocity of the 2LPT matter there.",
}


def beside(leader: str, names: Sequence[str]) -> list[str]:
    """Return which of the contenders `names` stand fairly beside `FIELD` or `DRAWS`, it first."""
    ours = (leader, *ALTERNATIVES[leader])
    others = [name for name in names if name not in MEANINGS] if leader == FIELD else []
    return [name for name in (*ours, *others) if name in names]


def shown(statistic: Statistic, names: Sequence[str]) -> list[str]:
    """Return which of the contenders `names` figures and tables of one statistic show."""
    fields = [] if statistic.of_whole_numbers else beside(FIELD, names)
    draws = beside(DRAWS, names) if statistic.of_whole_numbers else [DRAWS]
    found = [name for name in (*fields[:1], *draws, *fields[1:]) if name in names]
    return [name for name in found if not (statistic.of_counts and name == DENSITY)]
