"""How a slice of a held-out box is painted as training goes on, as an animated GIF.

Which steps are shown is a function of the run's stages alone, and what they look like is kept
in the run's folder, so that a resumed run goes on with the same movie.

The GIF has one palette of our own. Matplotlib's `PillowWriter` was measured on the same 60 frames
of 816 x 320 pixels: 5.3 against 0.47 seconds of a processor, 1.74 against 1.19 MB, and a palette
for each frame, by which colours of the panels that stand still flicker by up to 99 of 255.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from halokeras.boxes.box import total_counts
from halokeras.fields.slab import middle
from halokeras.networks.painter import Painter, whole_box
from halokeras.storage.files import whole_file
from halokeras.training.allowance import Allowance
from halokeras.training.callback import Callback, Progress
from halokeras.training.schedule import Span
from halokeras.training.validation import HeldOut

_FRAMES = 60
_PANEL = 256
"""Pixels along the longer side of a panel, or more where the box has more voxels."""
_MARGIN, _LINE, _SHADES = 12, 20, 120
_FRAME_MS, _LAST_FRAME_MS = 120, 2500

Columns = NDArray[np.float32]


def frame_steps(spans: Sequence[Span]) -> frozenset[int]:
    """Return the steps that are shown: of each stage most at first, where most changes."""
    moving = [span for span in spans if span.moves_painter]
    along = np.linspace(0, 1, _FRAMES // len(moving)) ** 2
    return frozenset(
        round(span.start + (span.stop - span.start) * fraction)
        for span in moving
        for fraction in along
    )


class Movie(Callback):
    """The frames of a run, and the GIF made of them.

    Parameters
    ----------
    folder
        Folder of the frames, a file each.
    target
        File of the GIF.
    box
        Box whose slice is painted.
    spans
        Spans of the run's stages.
    painter
        Painter that is shown, as it is at each step.
    """

    def __init__(
        self, folder: Path, target: Path, box: HeldOut, spans: Sequence[Span], painter: Painter
    ) -> None:
        self.folder, self.target, self.box, self.painter = folder, target, box, painter
        self.steps, self.total = frame_steps(spans), spans[-1].stop
        self._allowance = Allowance()
        self._start, self._depth = middle(box.density.shape[2], box.voxel_size)

    def begin(self, progress: Progress) -> None:
        """Forget the frames that will be made again, and take the one of this step."""
        self.forget_after(progress.step)
        self.after_step(progress)

    def after_step(self, progress: Progress) -> None:
        """Keep a frame, if the movie shows this step."""
        if progress.step in self.steps:
            self.take(progress.step)

    def at_checkpoint(self, progress: Progress) -> None:
        """Make the GIF, if that leaves the training nearly all of the time."""
        self._allowance.spend_on(self.write)

    def end(self, progress: Progress) -> None:
        """Make the GIF."""
        self.write()

    def forget_after(self, step: int) -> None:
        """Drop frames beyond `step`, which a resumed run is about to make again."""
        for path, shown in self._frames().items():
            if shown > step:
                path.unlink()

    def take(self, step: int) -> None:
        """Keep what the painter paints at `step`.

        Raises
        ------
        OutputError
            If the frame cannot be written.
        """
        columns = self._paint()
        target = self.folder / f"step{step:09d}.npy"
        with whole_file(target) as temporary, temporary.open("wb") as file:
            np.save(file, columns)

    def write(self) -> None:
        """Make the GIF of the frames that there are.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        slab = np.s_[:, :, self._start : self._start + self._depth]
        matter = np.log(np.maximum(self.box.density[slab].mean(axis=2), 1e-3))
        halos = self.box.counts[slab].sum(axis=2)
        low, high = np.percentile(matter, [0.5, 99.9])
        brightest = float(np.percentile(halos, 99.8)) or float(halos.max()) or 1.0
        frames = {step: np.load(path) for path, step in self._frames().items()}
        left = _shades(matter, low, high, first=_SHADES)
        right = _shades(halos, 0.0, brightest)
        drawn = [
            _frame(
                {
                    "2LPT density": left,
                    f"painted, step {step} of {self.total}": _shades(columns, 0.0, brightest),
                    "halos of the simulation": right,
                },
                self._caption(halos.shape[0], brightest),
            )
            for step, columns in frames.items()
        ]
        if not drawn:
            return
        with whole_file(self.target) as temporary:
            drawn[0].save(
                temporary,
                format="GIF",
                save_all=True,
                append_images=drawn[1:],
                duration=[_FRAME_MS] * (len(drawn) - 1) + [_LAST_FRAME_MS],
                loop=0,
                optimize=False,
            )

    def _frames(self) -> dict[Path, int]:
        return {path: int(path.stem[4:]) for path in sorted(self.folder.glob("step*.npy"))}

    def _paint(self) -> Columns:
        """Paint the slice alone and sum it along z."""
        layers = range(self._start, self._start + self._depth)
        box, margin = self.box, self.painter.margin
        slab = whole_box(self.painter, box.density, margin, box.conditions, layers)
        columns: Columns = total_counts(slab).sum(axis=2)
        return columns

    def _caption(self, voxels: int, brightest: float) -> str:
        size = self.box.voxel_size
        low, high = self._start * size, (self._start + self._depth) * size
        return (
            f"a held-out box, {voxels * size:g} Mpc/h wide, {low:g} < z < {high:g} Mpc/h; "
            f"0 to {brightest:.3g} halos a column of {size:g} x {size:g} (Mpc/h)\u00b2"
        )


def _shades(values: NDArray[np.floating], low: float, high: float, first: int = 0) -> Image.Image:
    """Return (x, y) values as an image of shades from `first` on, x to the right and y upwards."""
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * (_SHADES - 1)
    indices = (first + np.nan_to_num(scaled).round()).astype(np.uint8).T[::-1]
    zoom = max(1, round(_PANEL / max(indices.shape)))
    return Image.fromarray(np.kron(indices, np.ones((zoom, zoom), np.uint8)))


def _frame(panels: Mapping[str, Image.Image], caption: str) -> Image.Image:
    """Lay panels side by side under their titles, with no shade but those of the palette."""
    font = ImageFont.truetype(
        Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size=13
    )
    widths = [panel.width for panel in panels.values()]
    height = max(panel.height for panel in panels.values())
    size = (sum(widths) + _MARGIN * (len(widths) + 1), height + 2 * _LINE + 2 * _MARGIN)
    text = Image.new("L", size, 0)  # its sixteen greys are the last shades
    pen = ImageDraw.Draw(text)
    x = _MARGIN
    for title, panel in panels.items():
        pen.text((x, _MARGIN // 2), title, fill=255, font=font)
        x += panel.width + _MARGIN
    pen.text((_MARGIN, height + _LINE + _MARGIN), caption, fill=255, font=font)
    indices = (2 * _SHADES + np.asarray(text) // 16).astype(np.uint8)
    x = _MARGIN
    for panel in panels.values():
        indices[_LINE + _MARGIN // 2 :, x:][: panel.height, : panel.width] = np.asarray(panel)
        x += panel.width + _MARGIN
    frame = Image.fromarray(indices)
    frame.putpalette(_palette())
    return frame


def _palette() -> list[int]:
    """Colours of counts, of density, and greys from white to black."""
    along = np.linspace(0, 1, _SHADES)
    colours = [mpl.colormaps[name](along)[:, :3] for name in ("viridis", "magma")]
    greys = np.repeat(np.linspace(1, 0, 16)[:, None], 3, axis=1)
    flat: list[int] = np.rint(255 * np.concatenate([*colours, greys])).astype(int).ravel().tolist()
    return flat
