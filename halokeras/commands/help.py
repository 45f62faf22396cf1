"""Help that shows what is written: units and places in brackets are no markup of a terminal."""

from typing import Any

from typer.core import TyperCommand


class PlainHelp(TyperCommand):
    """A command whose help holds brackets such as [km/s]."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, brackets and all."""
        from rich.markup import escape

        for parameter in self.params:
            text = getattr(parameter, "help", None)
            if text:
                parameter.help = escape(text)  # type: ignore[attr-defined]
        self.help = escape(self.help or "")
        super().format_help(ctx, formatter)
