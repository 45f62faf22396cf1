"""What README and docs/scores.md say that the shipped painter scores, against its scorecard."""

import json
from pathlib import Path

import numpy as np
import pytest

from halokeras.resources import shipped

TOP = Path(__file__).parents[2]
CARD = json.loads((shipped("saved_models") / "gen" / "scorecard.json").read_text())
FIELD, DRAWS, WARM_START = "painted field", "draws", "warm start"
BESIDE = {
    FIELD: (WARM_START, "local bias", "2LPT density"),
    DRAWS: ("warm start, Poisson", "local bias, Poisson"),
}


def rows(name):
    """Rows of the tables of a page, each as its cells."""
    lines = (TOP / name).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def cell(line, contender):
    worst, error = line["worst"][contender], line["error"][contender]
    if worst is None:
        return "-"
    if line["target"].startswith("above"):
        text = f"{worst:+.3f} ± {error:.3f}"
    else:
        text = f"{100 * worst:+.1f} ± {100 * error:.1f} %"
    return " ".join(filter(None, (text, line["verdict"].get(contender))))


@pytest.mark.parametrize("leader", [FIELD, DRAWS])
def test_every_target_stands_in_the_scores_with_errors_and_verdicts(leader):
    asked = [line for line in CARD["lines"] if leader in line["verdict"]]
    assert len(asked) > 5
    for line in asked:
        told = [cell(line, name) for name in (leader, *BESIDE[leader])]
        assert [line["statistic"], line["target"], *told] in rows("docs/scores.md")


def test_the_readme_tells_the_same():
    cells = {cell for row in rows("README.md") for cell in row}
    for line in CARD["lines"]:
        if line["name"] in ("void_fraction", "cell_variance"):  # docs/scores.md has them
            continue
        for leader, (beside, *_) in BESIDE.items():
            if leader in line["verdict"]:
                assert {cell(line, leader), cell(line, beside)} <= cells


def test_every_bin_of_t_and_r_stands_in_the_scores():
    columns = [("transfer_function", name) for name in (FIELD, WARM_START, DRAWS)]
    columns += [("cross_correlation", name) for name in (FIELD, WARM_START, "2LPT density", DRAWS)]
    told = rows("docs/scores.md")
    for number, upper in enumerate(CARD["k_upper"]):
        values = [
            [box[statistic][number] for box in CARD["comparisons"][name]]
            for statistic, name in columns
        ]
        means = [
            f"{np.mean(some):.3f} ± {np.std(some, ddof=1) / np.sqrt(len(some)):.3f}"
            for some in values
        ]
        assert [f"{upper:.3f}", *means] in told
