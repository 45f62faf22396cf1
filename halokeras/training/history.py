"""What a run logs, one row of a CSV file for each logged step."""

import csv
import io
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halokeras.errors import OutputError, RunError
from halokeras.storage.durable import sync
from halokeras.storage.files import whole_file
from halokeras.training.callback import Callback, Progress

if TYPE_CHECKING:  # it imports TensorFlow, which those who only read a history can do without
    from halokeras.training.validation import Validation

_LOSSES = ("painter_loss", "critic_loss", "wasserstein", "penalty")
_SPECTRA = ("k", "transfer_function", "cross_correlation")
_FIELDS = (
    "step",
    "stage",
    "seconds",
    *_LOSSES,
    "score",
    "mean_ratio",
    "transfer_function",
    "cross_correlation",
    "k",
)


@dataclass(frozen=True)
class Validated:
    """How the painter did on the held-out boxes.

    Attributes
    ----------
    score
        Distance from perfect, which is 0; infinite for a painter that paints nothing.
    mean_ratio
        Painted halos over reference halos.
    k, transfer_function, cross_correlation
        Bins of k [h/Mpc], and T and r in them; `k` is empty in histories of before it was logged.
    """

    score: float
    mean_ratio: float
    k: tuple[float, ...]
    transfer_function: tuple[float, ...]
    cross_correlation: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """One logged step: seconds of training so far, losses by name, and any validation."""

    step: int
    stage: str
    seconds: float
    losses: dict[str, float] = field(default_factory=dict)
    validated: Validated | None = None


def read_history(path: Path) -> list[Row]:
    """Read the rows of a history, without any that a killed run or a full disk left incomplete.

    Raises
    ------
    RunError
        If there is such a file but it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        whole = io.StringIO(text[: text.rfind("\n") + 1], newline="")
        rows = [_parsed(fields) for fields in csv.DictReader(whole)]
    except FileNotFoundError:
        return []
    except (OSError, csv.Error) as error:
        raise RunError(f"{path} cannot be read ({error}); restore it from a copy") from error
    return [row for row in rows if row is not None]


def best_row(rows: Sequence[Row]) -> Row | None:
    """Return the row of the lowest finite validation score, or None before the first.

    Which painter the run keeps is told by `RunRecord.kept`.
    """
    scores = [(row.validated.score, row.step, row) for row in rows if row.validated is not None]
    finite = [entry for entry in scores if math.isfinite(entry[0])]
    return min(finite, key=lambda entry: entry[:2])[2] if finite else None


class History(Callback):
    """The rows of `path`; lists of numbers, one a bin of k, are separated by spaces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = read_history(path)

    @property
    def seconds(self) -> float:
        """Seconds of training up to the last row."""
        return self.rows[-1].seconds if self.rows else 0.0

    def begin(self, progress: Progress) -> None:
        """Forget what goes beyond the step where the run goes on, and tell the rest."""
        self.forget_after(progress.step)
        progress.started -= self.seconds
        progress.rows = self.rows

    def after_step(self, progress: Progress) -> None:
        """Append a row, if the step is logged."""
        if progress.is_logged:
            self.write(
                progress.step,
                progress.stage.name,
                progress.seconds,
                progress.losses,
                progress.validation,
            )

    def at_checkpoint(self, progress: Progress) -> None:
        """Have the disk hold the rows: what is logged up to a checkpoint is never logged again."""
        sync(self.path)

    def end(self, progress: Progress) -> None:
        """Have the disk hold the rows."""
        sync(self.path)

    def forget_after(self, step: int) -> None:
        """Drop rows beyond `step`, which a resumed run is about to write again."""
        self.rows = [row for row in self.rows if row.step <= step]
        with whole_file(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, _FIELDS)
            writer.writeheader()
            writer.writerows(_formatted(row) for row in self.rows)

    def write(
        self,
        step: int,
        stage: str,
        seconds: float,
        losses: dict[str, float],
        validation: "Validation | None",
    ) -> None:
        """Append a row.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        validated = None
        if validation is not None:
            spectra = (tuple(getattr(validation, name).tolist()) for name in _SPECTRA)
            validated = Validated(validation.score, validation.mean_ratio, *spectra)
        row = Row(step, stage, seconds, losses, validated)
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, _FIELDS).writerow(_formatted(row))
        except OSError as error:
            with suppress(OSError):
                os.truncate(self.path, before)
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}; free some space, then "
                "`halopaint resume`"
            ) from error
        # as a resumed run will read it: figures do not tell whether a run was
        read = _parsed(_formatted(row))
        assert read is not None
        self.rows.append(read)


def _formatted(row: Row) -> dict[str, str]:
    fields = {"step": str(row.step), "stage": row.stage, "seconds": f"{row.seconds:.1f}"}
    fields |= {name: f"{value:.6g}" for name, value in row.losses.items()}
    if row.validated is not None:
        fields |= {
            "score": f"{row.validated.score:.5f}",
            "mean_ratio": f"{row.validated.mean_ratio:.5f}",
            **{
                name: " ".join(f"{value:.4f}" for value in getattr(row.validated, name))
                for name in _SPECTRA
            },
        }
    return fields


def _parsed(fields: dict[str, Any]) -> Row | None:
    """Read a row, or return None where a run was killed in the middle of it."""
    try:
        seconds = float(fields["seconds"])
        if not math.isfinite(seconds):
            return None
        return Row(
            int(fields["step"]),
            fields["stage"],
            seconds,
            {name: float(fields[name]) for name in _LOSSES if fields.get(name)},
            _parsed_validation(fields) if fields.get("score") else None,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _parsed_validation(fields: dict[str, Any]) -> Validated:
    k, transfer, correlation = (
        tuple(float(value) for value in (fields.get(name) or "").split()) for name in _SPECTRA
    )
    if len(transfer) != len(correlation):
        raise ValueError("the row was cut")
    k = k if len(k) == len(transfer) else ()
    return Validated(float(fields["score"]), float(fields["mean_ratio"]), k, transfer, correlation)
