"""A scorecard as a table for the terminal."""

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from halokeras.evaluation.report import Report
from halokeras.evaluation.scorecard import Distribution, Scorecard
from halokeras.evaluation.sheets import Sheet, bispectrum_sheet, clustering_sheet, targets_sheet


def scorecard_table(card: Scorecard) -> Group:
    """Return the scorecard's spectra, counts and targets as what rich prints."""
    return Group(_spectra(card), "", _counts(card), "", _targets(card))


def report_table(report: Report) -> Group:
    """Return a report's spectra, bispectra and targets as what rich prints."""
    sheets = (clustering_sheet(report), bispectrum_sheet(report), targets_sheet(report))
    first, *others = (_as_table(sheet) for sheet in sheets)
    return Group(first, *(part for table in others for part in ("", table)))


def _as_table(sheet: Sheet) -> Table:
    table = _table(sheet.title)
    table.caption = sheet.caption
    for number, heading in enumerate(sheet.headings):
        table.add_column(heading, justify="left" if number < sheet.words else "right")
    for row in sheet.rows:
        colours = {True: "green", False: "red", None: ""}
        table.add_row(*(Text(str(cell), colours[cell.passed]) for cell in row))
    return table


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
