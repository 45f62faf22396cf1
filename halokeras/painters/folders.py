"""Where a saved painter lies, and what it is called, by what a user names it."""

from pathlib import Path

from halokeras.painters.model_files import ARCHITECTURE
from halokeras.resources import or_shipped

BEST = "best"
"""Folder of the painter that a training run keeps, within the run's folder."""


def painter_folder(named: Path) -> Path:
    """Find a saved painter: a folder, that of a run which keeps one, or the name of a shipped one.

    Returns
    -------
    Path
        `named` itself if there is none.
    """
    for folder in (named, named / BEST, or_shipped(named, "saved_models")):
        if (folder / ARCHITECTURE).is_file():
            return folder
    return named


def painter_name(named: Path) -> str:
    """Return what outputs call a painter: its folder's name, or that of the run which keeps it."""
    folder = named.resolve()
    return folder.parent.name if folder.name == BEST else folder.name
