"""A scorecard as tables for the terminal."""

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from halokeras.evaluation.scorecard import Scorecard
from halokeras.evaluation.sheets import Sheet, statistic_sheets, target_sheets
from halokeras.evaluation.verdict import Verdict

_COLOURS = {Verdict.MET: "green", Verdict.MISSED: "red", Verdict.UNDECIDED: "yellow", None: ""}


def scorecard_table(card: Scorecard) -> Group:
    """Return a scorecard's statistics, and its targets last, as what rich prints."""
    first, *others = map(sheet_table, (*statistic_sheets(card), *target_sheets(card)))
    return Group(first, *(part for table in others for part in ("", table)))


def sheet_table(sheet: Sheet) -> Table:
    """Return a table that fits a terminal of 80 columns."""
    table = Table(
        title=sheet.title,
        title_justify="left",
        caption=sheet.caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for number, heading in enumerate(sheet.headings):
        table.add_column(heading, justify="left" if number < sheet.words else "right")
    for row in sheet.rows:
        table.add_row(*(Text(str(cell), _COLOURS[cell.verdict]) for cell in row))
    return table
