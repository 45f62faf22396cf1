"""A scorecard as a table for the terminal."""

import math

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from halokeras.evaluation.report import DENSITY, DRAWS, FIELD, LOCAL_BIAS, Report, average
from halokeras.evaluation.scorecard import Distribution, Scorecard


def scorecard_table(card: Scorecard) -> Group:
    """Give the scorecard's spectra, counts and targets as what rich prints."""
    return Group(_spectra(card), "", _counts(card), "", _targets(card))


def report_table(report: Report) -> Group:
    """Give a report's spectra, bispectra and targets as what rich prints."""
    return Group(_mean_spectra(report), "", _mean_bispectra(report), "", _lines(report))


def _mean_spectra(report: Report) -> Table:
    found = report.comparisons
    table = _table(f"Clustering, means over {', '.join(report.boxes)}")
    table.caption = "k in h/Mpc; the last digits' errors are standard errors over realisations"
    table.add_column("k to", justify="right")
    columns = [(f"T, {name}", name, "transfer_function") for name in found if name != DENSITY]
    columns += [(f"r, {name}", name, "cross_correlation") for name in (FIELD, DENSITY)]
    for heading, _, _ in columns:
        table.add_column(heading, justify="right")
    means = [average(found[name], attribute) for _, name, attribute in columns]
    for i, upper in enumerate(report.k_upper):
        table.add_row(f"{upper:.3f}", *(_with_error(mean[i], error[i]) for mean, error in means))
    return table


def _mean_bispectra(report: Report) -> Table:
    table = _table("Reduced bispectrum Q, sides 0.1 and 0.2 h/Mpc")
    shown = [name for name in (FIELD, DRAWS, LOCAL_BIAS) if name in report.comparisons]
    for heading in ("angle", "halos", *shown):
        table.add_column(heading, justify="right")
    wanted = average(report.comparisons[FIELD], "reference_bispectrum")
    means = [average(report.comparisons[name], "reduced_bispectrum") for name in shown]
    for i, angle in enumerate(report.angles):
        cells = [_with_error(mean[i], error[i]) for mean, error in (wanted, *means)]
        table.add_row(f"{angle / math.pi:.2f} pi", *cells)
    return table


def _lines(report: Report) -> Table:
    table = _table("Worst deviation from the halos (gain of r: the least)")
    names = list(report.comparisons)
    for heading in ("statistic", "target", *names):
        table.add_column(heading, justify="left" if heading in ("statistic", "target") else "right")
    for line in report.lines:
        cells = []
        for name in names:
            worst = line.worst[name]
            text = Text("-" if math.isnan(worst) else f"{worst:+.4f}")
            if name in line.passed:
                text.append(" met" if line.passed[name] else " missed")
                text.stylize("green" if line.passed[name] else "red")
            cells.append(text)
        table.add_row(line.statistic, line.target, *cells)
    return table


def _with_error(mean: float, error: float) -> str:
    return f"{mean:.3f}" if math.isnan(error) else f"{mean:.3f} ± {error:.3f}"


def _spectra(card: Scorecard) -> Table:
    table = _table("Clustering against the reference halos")
    table.caption = (
        "k in h/Mpc, P in (Mpc/h)^3; bias: a local bias fitted on this very box; 2LPT: the "
        f"density; error: P ref. (1 - r^2) over the shot noise, {card.shot_noise:.0f} (Mpc/h)^3"
    )
    for heading in (
        "\nk to",
        "\nmodes",
        "P\nref.",
        "P\npaint",
        "T\npaint",
        "T\nbias",
        "T\n2LPT",
        "r\npaint",
        "r\nbias",
        "r\n2LPT",
        "\nerror",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for i, upper in enumerate(card.k_upper):
        table.add_row(
            f"{upper:.3f}",
            f"{card.modes[i]}",
            f"{card.reference_power[i]:.0f}",
            f"{card.painted.power[i]:.0f}",
            f"{card.painted.transfer_function[i]:.3f}",
            f"{card.local_bias.transfer_function[i]:.3f}",
            f"{card.density.transfer_function[i]:.3f}",
            f"{card.painted.cross_correlation[i]:.3f}",
            f"{card.local_bias.cross_correlation[i]:.3f}",
            f"{card.density.cross_correlation[i]:.3f}",
            f"{card.painted.stochastic_power[i] / card.shot_noise:.2f}",
        )
    return table


def _counts(card: Scorecard) -> Table:
    table = _table("Halos per voxel")
    for heading in ("", "reference", "painted"):
        table.add_column(heading, justify="right" if heading else "left")
    both = (card.reference_counts, card.painted_counts)

    def row(name: str, values: list[str]) -> None:
        table.add_row(name, *values)

    row("mean", [f"{counts.mean:.4f}" for counts in both])
    row("variance", [f"{counts.variance:.4f}" for counts in both])
    row("empty voxels", [f"{counts.void_fraction:.4f}" for counts in both])
    row("fullest voxel", [f"{len(counts.histogram) - 1}" for counts in both])
    for side in card.reference_counts.cell_variance:
        row(f"variance in {side:g} Mpc/h", [_cell(counts, side) for counts in both])
    return table


def _table(title: str) -> Table:
    """Begin a table that fits a terminal of 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )


def _cell(counts: Distribution, side: float) -> str:
    variance = counts.cell_variance[side]
    return "-" if variance is None else f"{variance:.4f}"


def _targets(card: Scorecard) -> Table:
    table = _table("Targets")
    table.add_column("target")
    table.add_column("worst", justify="right")
    table.add_column("")
    for target in card.targets:
        worst = "-" if target.worst is None else f"{target.worst:+.4f}"
        verdict = Text("met", "green") if target.passed else Text("missed", "red")
        table.add_row(target.name, worst, verdict)
    return table
