"""What a run logs, one row of a CSV file for each logged step."""

import csv
import io
import os
from contextlib import suppress
from pathlib import Path

from halokeras.errors import OutputError
from halokeras.files import whole_file
from halokeras.training.validation import Validation

_FIELDS = (
    "step",
    "stage",
    "seconds",
    "painter_loss",
    "critic_loss",
    "wasserstein",
    "penalty",
    "score",
    "mean_ratio",
    "transfer_function",
    "cross_correlation",
)


class History:
    """The rows of `path`; lists of numbers, one a bin of k, are separated by spaces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        if path.exists():
            text = path.read_text(encoding="utf-8", errors="replace")
            whole = text[: text.rfind("\n") + 1]  # of a full disk half a row may be left
            read = csv.DictReader(io.StringIO(whole, newline=""))
            self.rows = [row for row in read if None not in row and None not in row.values()]

    @property
    def seconds(self) -> float:
        """Seconds of training up to the last row."""
        return float(self.rows[-1]["seconds"]) if self.rows else 0.0

    def forget_after(self, step: int) -> None:
        """Drop rows beyond `step`, which a resumed run is about to write again."""
        self.rows = [row for row in self.rows if row["step"].isdigit() and int(row["step"]) <= step]
        with whole_file(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, _FIELDS)
            writer.writeheader()
            writer.writerows(self.rows)

    def write(
        self,
        step: int,
        stage: str,
        seconds: float,
        losses: dict[str, float],
        validation: Validation | None,
    ) -> None:
        """Append a row.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        row = {"step": str(step), "stage": stage, "seconds": f"{seconds:.1f}"}
        row |= {name: f"{value:.6g}" for name, value in losses.items()}
        if validation is not None:
            row |= {
                "score": f"{validation.score:.5f}",
                "mean_ratio": f"{validation.mean_ratio:.5f}",
                "transfer_function": " ".join(f"{t:.4f}" for t in validation.transfer_function),
                "cross_correlation": " ".join(f"{r:.4f}" for r in validation.cross_correlation),
            }
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, _FIELDS).writerow(row)
        except OSError as error:
            with suppress(OSError):
                os.truncate(self.path, before)
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}; free some space, then "
                "`halopaint resume`"
            ) from error
