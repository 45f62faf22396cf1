"""What inspecting a file or folder finds: facts with names and units, in sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from halokeras.cosmology.cosmology import PARAMETERS
from halokeras.fields.slab import Slab
from halokeras.strict_json import in_json
from halokeras.training.history import Row


@dataclass(frozen=True)
class Fact:
    """One thing that is known.

    Attributes
    ----------
    name
        Its name in JSON; in a table, with spaces for underscores unless it is a symbol.
    value
        Plain JSON: text, a number, a truth, None, lists and objects of them.
    unit
        Of the value, for a table; empty for a pure number.
    text
        How a table shows the value, if not as it is; empty leaves it to JSON.
    """

    name: str
    value: Any
    unit: str = ""
    text: str | None = None

    @property
    def label(self) -> str:
        """What a table calls it."""
        return self.name if self.name in PARAMETERS else self.name.replace("_", " ")


@dataclass(frozen=True)
class Section:
    """Facts under one title; a table shows `absent` where there are none."""

    title: str
    facts: list[Fact]
    absent: str = "not stated"


@dataclass(frozen=True)
class Inspection:
    """What a file or folder is.

    Attributes
    ----------
    kind
        ``box``, ``painted box``, ``drawn box``, ``suite``, ``run`` or ``painter``.
    path
        What was inspected.
    headline
        It in one line.
    sections
        What it tells.
    problems
        Sentences on what is wrong with it.
    damaged
        Whether it is cut short, or is not what its checksums say.
    preparation
        The report of the preparation that a box keeps, or None.
    slab
        Of a box, its ``density`` and, by what they are, its halos.
    rows
        Of a run, its history.
    advice
        The command that goes on with it.
    """

    kind: str
    path: Path
    headline: str
    sections: list[Section]
    problems: list[str] = field(default_factory=list)
    damaged: bool = False
    preparation: str | None = None
    slab: Slab | None = None
    rows: Sequence[Row] = ()
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return all facts as plain JSON values; what is not finite is null."""
        told: dict[str, Any] = {"path": str(self.path), "kind": self.kind}
        for section in self.sections:
            facts = {fact.name: in_json(fact.value) for fact in section.facts}
            told[section.title.replace(" ", "_")] = facts or None
        told["problems"] = self.problems
        if self.preparation is not None:
            told["preparation"] = self.preparation
        return told


def cosmology_section(parameters: Mapping[str, float] | None) -> Section:
    """Tell H0 [km/s/Mpc], omega_m, omega_b, sigma8, n_s, w0 and wa, if they are known."""
    units = {"H0": "km/s/Mpc"}
    told = parameters or {}
    facts = [Fact(name, told[name], units.get(name, "")) for name in PARAMETERS if name in told]
    return Section("cosmology", facts)
