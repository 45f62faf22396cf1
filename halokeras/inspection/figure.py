"""An inspected box or run as a figure."""

from pathlib import Path

import numpy as np

from halokeras.errors import OutputError
from halokeras.evaluation.slices import counts_panel, density_panel, slices_figure
from halokeras.inspection.facts import Inspection
from halokeras.storage.figure_file import save_figure
from halokeras.training.curves import draw_comparison


def draw_figure(found: Inspection, path: Path, overwrite: bool = True) -> None:
    """Draw a slice of the fields of a box, or the curves of a run.

    Raises
    ------
    OutputError
        If there is nothing to draw, `path` cannot be written, or it is there, is another figure
        and `overwrite` is false.
    """
    if found.rows:
        draw_comparison({found.path.name: found.rows}, path, overwrite)
        return
    columns = {} if found.slab is None else found.slab.columns
    if found.slab is None or not columns:
        raise OutputError(
            f"{found.path} has nothing to draw; leave --figure out, or name a box, or a run that "
            "has begun"
        )
    if not all(np.isfinite(image).all() for image in columns.values()):
        raise OutputError(f"{found.path} holds values that are not finite; leave --figure out")
    panels = [
        density_panel(found.slab, name, "matter density")
        if name == "density"
        else counts_panel(found.slab, name, name, image)
        for name, image in columns.items()
    ]
    save_figure(slices_figure(panels, found.slab), path, overwrite)
