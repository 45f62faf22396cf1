"""What to paint, as it is asked, and the files that it is painted from and into."""

from dataclasses import dataclass
from pathlib import Path

from halokeras.cosmology.cosmology import ABACUS_COSMOS, Cosmology
from halokeras.fields.contrast import Contrast
from halokeras.fields.gridding import Shape
from halokeras.painters.folders import painter_name
from halokeras.painters.model_files import MANIFEST
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.catalogues.formats import FORMATS
from halokeras.readable import name_of
from halokeras.resources import GEN_PAINTER, shipped
from halokeras.sections import MassDefinition
from halokeras.simulation.lpt.box import LptBox

PAINTED = Path("painted")
"""Where painted files go that no output names."""

_VOXEL_SIZE, _REDSHIFT, _SEED = 4.0, 0.3, 1
"""What default names leave out: the shipped painter's, and the seed of who names none."""


@dataclass(frozen=True)
class GridFile:
    """A grid that does not describe itself: its path, and its name inside the file."""

    path: Path
    dataset: str | None = None


@dataclass(frozen=True)
class OwnDensity:
    """A density grid, with what it does not tell.

    That is its voxel size [Mpc/h], redshift, what it holds, and its cosmology where it is known.
    """

    file: GridFile
    voxel_size: float | None
    redshift: float | None
    contrast: Contrast = "1+delta"
    cosmology: Cosmology | None = None


@dataclass(frozen=True)
class SeededDensity:
    """A 2LPT density to make: seed, voxels, their size [Mpc/h] and redshift if not the painter's.

    Its cosmology has a name, for those of files, and where it is that of a box its id.
    """

    seed: int
    voxels: Shape
    redshift: float | None = None
    cosmology: Cosmology = ABACUS_COSMOS["00"]
    cosmology_name: str = "box00"
    box_id: str | None = None
    voxel_size: float | None = None


@dataclass(frozen=True)
class Listing:
    """How the halos of draws are listed.

    Attributes
    ----------
    format
        Format of the catalogue, one of `catalogues.formats.FORMATS`.
    sub_density
        A finer density that tells where in a voxel they lie; None for the 2LPT one of the same
        modes.
    uniform
        Whether they lie anywhere in their voxel instead.
    seen_along
        ``x``, ``y`` or ``z``: positions in redshift space along it are listed too.
    spheres
        What friends-of-friends masses are taken for, so that halos have radii and concentrations.
    """

    format: str = "hdf5"
    sub_density: GridFile | None = None
    uniform: bool = False
    seen_along: str | None = None
    spheres: MassDefinition | None = None

    @property
    def part(self) -> str:
        """What a default name tells of how halos are listed, where it is not as by default."""
        parts = [] if self.sub_density is None else ["sub-density"]
        parts += ["uniform"] if self.uniform else []
        parts += [] if self.seen_along is None else [f"{self.seen_along}_rsd"]
        parts += [] if self.spheres is None else [self.spheres]
        return "".join(f"_{part}" for part in parts)

    @property
    def told(self) -> dict[str, str]:
        """What a catalogue tells of how it was listed."""
        places = "uniform" if self.uniform else "2lpt"
        if self.sub_density is not None:
            places = f"sub-density {name_of(self.sub_density.path)}"
        return {
            "places": places,
            "redshift_space": self.seen_along or "none",
            "radii": self.spheres or "none",
        }


@dataclass(frozen=True)
class Drawing:
    """Whole halos instead of their mean: the seed, how many draws, and how they are listed."""

    seed: int = _SEED
    realizations: int = 1
    listing: Listing | None = None


@dataclass(frozen=True)
class NamedPainter:
    """A saved painter and the folder that it lies in, whose name painted files tell."""

    saved: SavedPainter
    folder: Path

    @property
    def name(self) -> str:
        """The name of its folder, or of the run that keeps it."""
        return painter_name(self.folder)


@dataclass(frozen=True)
class PaintRequest:
    """What to paint.

    Attributes
    ----------
    density
        A box file, a grid, or what to make a density of.
    painter
        What paints.
    output
        The box file, by default named after all of this; several draws are numbered after it.
    drawing
        What to draw; None paints the mean.
    figure
        Whether whoever looks at the painting draws a figure beside the first file.
    scheduler
        ``local`` or the address of the Dask scheduler whose workers paint.
    force
        Paint though the input does not fit the painter.
    overwrite
        Replace files that are not this painting made again.
    """

    density: Path | OwnDensity | SeededDensity
    painter: NamedPainter
    output: Path | None = None
    drawing: Drawing | None = None
    figure: bool = False
    scheduler: str | None = None
    force: bool = False
    overwrite: bool = False

    @property
    def target(self) -> Path:
        """The box file, whose default name tells what is not the default of the command."""
        if self.output is not None:
            return self.output
        seed = None
        if self.drawing is not None and not isinstance(self.density, SeededDensity):
            seed = self.drawing.seed
        drawn = "" if self.drawing is None else "_draw"
        drawn += "" if seed in (None, _SEED) else f"_seed{seed}"
        drawn += self.painter.saved.mass_part
        return PAINTED / f"{self._stem}{_painter_part(self.painter.folder)}{drawn}.h5"

    @property
    def names_tell(self) -> bool:
        """Whether the names of files tell what they hold, so that a damaged one is known by it."""
        return self.output is None

    @property
    def outputs(self) -> list[Path]:
        """The box files: the target, or box_0.h5, box_1.h5, ... after it."""
        count = 1 if self.drawing is None else self.drawing.realizations
        if count == 1:
            return [self.target]
        width, stem, suffix = len(str(count - 1)), self.target.stem, self.target.suffix
        return [
            self.target.with_name(f"{stem}_{number:0{width}}{suffix}") for number in range(count)
        ]

    @property
    def catalogues(self) -> list[Path]:
        """The catalogues, one beside each draw if they are listed."""
        if self.listing is None:
            return []
        # a draw that was named has its catalogue by that name alone
        listed = "" if self.output is not None else self.listing.part
        suffix = FORMATS[self.listing.format].suffix
        return [path.with_name(f"{path.stem}{listed}_halos{suffix}") for path in self.outputs]

    @property
    def picture(self) -> Path | None:
        """The figure beside the first file, if there is to be one."""
        return self.outputs[0].with_suffix(".png") if self.figure else None

    @property
    def listing(self) -> Listing | None:
        """How halos are listed, if they are."""
        return None if self.drawing is None else self.drawing.listing

    @property
    def source(self) -> GridFile:
        """Where the density lies, or will lie once it is made."""
        if isinstance(self.density, OwnDensity):
            return self.density.file
        if isinstance(self.density, SeededDensity):
            # by default named after itself alone, so that fields, draws and painters share it
            named = PAINTED / self._stem if self.output is None else self.output.with_suffix("")
            suffix = self.target.suffix  # of a group that workers write, a group
            return GridFile(named.with_name(f"{named.name}_density{suffix}"), "density")
        return GridFile(self.density, "density")

    @property
    def inputs(self) -> list[Path]:
        """The files that are there before and are read."""
        finer = None if self.listing is None else self.listing.sub_density
        made = isinstance(self.density, SeededDensity)
        return [*([] if made else [self.source.path]), *([] if finer is None else [finer.path])]

    @property
    def lpt(self) -> LptBox | None:
        """The density to make, as the painter knows them where nothing else is asked."""
        wanted = self.density
        if not isinstance(wanted, SeededDensity):
            return None
        learned = self.painter.saved.provenance
        return LptBox(
            cosmology=wanted.cosmology,
            seed=wanted.seed,
            voxels=wanted.voxels,
            voxel_size=learned.voxel_size if wanted.voxel_size is None else wanted.voxel_size,
            redshift=learned.redshift if wanted.redshift is None else wanted.redshift,
            box_id=wanted.box_id,
            velocity=self.listing is not None
            and (self.listing.uniform or self.listing.sub_density is not None),
        )

    def told(self, number: int) -> dict[str, int | str]:
        """Return what the provenance of the file of that number tells of its draw."""
        if self.drawing is None:
            return {}
        return {"draw_seed": self.drawing.seed, "draw_realization": number}

    @property
    def _stem(self) -> str:
        if isinstance(self.density, OwnDensity):
            own = self.density
            return own.file.path.stem + _scale_part(own.voxel_size, own.redshift)
        if isinstance(self.density, SeededDensity):
            lpt, sides = self.lpt, self.density.voxels
            assert lpt is not None
            shape = "x".join(str(side) for side in (sides if len(set(sides)) > 1 else sides[:1]))
            made = f"{self.density.cosmology_name}_seed{self.density.seed}_{shape}"
            return made + _scale_part(lpt.voxel_size, lpt.redshift)
        return self.density.stem


def _scale_part(voxel_size: float | None, redshift: float | None) -> str:
    size = "" if voxel_size in (None, _VOXEL_SIZE) else f"_voxel{voxel_size:g}"
    return size + ("" if redshift in (None, _REDSHIFT) else f"_z{redshift:g}")


def _painter_part(folder: Path) -> str:
    """Name a painter: nothing for the one that ships, its run where the folder is ``best``."""
    gen = shipped("saved_models") / GEN_PAINTER
    is_gen = (folder / MANIFEST).read_bytes() == (gen / MANIFEST).read_bytes()
    return "" if is_gen else f"_{painter_name(folder)}"
