"""What checks find, and the report that keeps it."""

from dataclasses import dataclass
from enum import StrEnum

from halokeras.errors import BoxError


class Verdict(StrEnum):
    """How much a finding matters."""

    NOTE = "note"
    PASSED = "passed"
    WARNING = "warning"
    REFUSED = "refused"


@dataclass(frozen=True)
class Finding:
    """One sentence on a box, with the remedy where something is wrong."""

    verdict: Verdict
    text: str


def note(text: str) -> Finding:
    """Make a finding that only tells."""
    return Finding(Verdict.NOTE, text)


def passed(text: str) -> Finding:
    """Make a finding of a check that is content."""
    return Finding(Verdict.PASSED, text)


def warning(text: str) -> Finding:
    """Make a finding of a check that real, if unusual, data may fail."""
    return Finding(Verdict.WARNING, text)


def refused(text: str) -> Finding:
    """Make a finding of a mistake."""
    return Finding(Verdict.REFUSED, text)


@dataclass(frozen=True)
class CheckReport:
    """All findings on one box.

    Attributes
    ----------
    name
        Of the box or its source.
    findings
        In the order of the checks.
    """

    name: str
    findings: tuple[Finding, ...]

    def of(self, verdict: Verdict) -> tuple[Finding, ...]:
        """Findings of one verdict."""
        return tuple(found for found in self.findings if found.verdict is verdict)

    def text(self) -> str:
        """The report as lines of text, for people."""
        worst = [f"{len(self.of(v))} {v}" for v in Verdict if v is not Verdict.NOTE]
        lines = [f"{self.name}: {', '.join(worst)}"]
        lines += [f"{found.verdict + ':':9} {found.text}" for found in self.findings]
        return "\n".join(lines) + "\n"

    def refuse(self) -> None:
        """Raise `BoxError` with the first of the refused findings, if there is one."""
        refusals = self.of(Verdict.REFUSED)
        if refusals:
            others = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
            raise BoxError(f"{self.name}: {refusals[0].text}{others}")
