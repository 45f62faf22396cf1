"""The box of a source, checked and written as a file."""

from dataclasses import dataclass, replace
from pathlib import Path

from halokeras.boxes.box_file import write_box
from halokeras.environment import allotted_cores
from halokeras.fields.orientation import Orientation, read_axes, read_shift
from halokeras.listener import Listener
from halokeras.sources.checks.findings import CheckReport
from halokeras.sources.prepare import prepare, voxels_of
from halokeras.sources.source import Source
from halokeras.storage.files import check_absent, check_writable


@dataclass(frozen=True)
class BoxWanted:
    """The box file to make of a simulation.

    Attributes
    ----------
    target
        The file.
    voxels, voxel_size
        Along a side, or their side [Mpc/h]; None leaves it to the source.
    seed
        Draws the small scales that initial conditions lack.
    axes, shift
        How halos are turned and moved, as `read_axes` and `read_shift` take them.
    force
        Write it though checks refuse it.
    overwrite
        Replace a file that is there.
    """

    target: Path
    voxels: int | None = None
    voxel_size: float | None = None
    seed: int = 0
    axes: str | None = None
    shift: str | None = None
    force: bool = False
    overwrite: bool = False

    @property
    def orientation(self) -> Orientation:
        """How halos are turned and moved."""
        turned = Orientation() if self.axes is None else read_axes(self.axes)
        return turned if self.shift is None else replace(turned, shift=read_shift(self.shift))

    def check(self) -> None:
        """Refuse now, before hours of reading, what could not be written.

        Raises
        ------
        OutputError
            If the file is there and not to be replaced, or cannot be written.
        BoxError
            If axes or shift are none.
        """
        check_absent(self.target, self.overwrite)
        check_writable(self.target)
        _ = self.orientation


def prepare_file(source: Source, wanted: BoxWanted, listener: Listener) -> CheckReport:
    """Make the box of a source, check it and write it.

    Returns
    -------
    CheckReport
        What the checks found.

    Raises
    ------
    BoxError
        If the fields do not belong together, or there is none to make a density of.
    OutputError
        If the file cannot be written.
    """
    box, report = prepare(
        source,
        voxels_of(source, wanted.voxels, wanted.voxel_size),
        seed=wanted.seed,
        orientation=wanted.orientation,
        force=wanted.force,
        workers=allotted_cores(),
        progress=listener.progress,
    )
    write_box(box, wanted.target)
    return report
