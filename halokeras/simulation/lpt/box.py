"""A 2LPT density to make, and what making it will take."""

from dataclasses import dataclass
from math import lcm

from halokeras.cosmology.cosmology import EARLIEST, Cosmology
from halokeras.cosmology.power import check_side
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape, shape_text
from halokeras.seeds import check_seed
from halokeras.simulation.lpt.initial_modes import InitialModes

POINTS = 2
"""Lattice points of the modes along the side of a voxel."""
FINEST_POINTS = 4
"""Those of all modes, small scales too."""
_LARGEST_TABLE = 2**25
"""Squared wavenumbers of a box that is no cube: a quarter of a gigabyte."""


@dataclass(frozen=True)
class LptBox:
    """A 2LPT density to make.

    Attributes
    ----------
    cosmology
        Cosmology of the modes and of their growth.
    seed
        Realisation, up to `LARGEST_SEED`.
    voxels
        Voxels along x, y, z.
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Redshift of the density.
    box_id
        Name of the cosmology, if it has one.
    initial_modes
        Gives the modes instead of the seed, which then draws only the small scales that they
        lack.
    modes_name
        What the provenance and messages call them: the name of their file.
    velocity
        Whether the file gets the velocity of the matter in each voxel too.

    Raises
    ------
    BoxError
        If it cannot be made: something is out of range, or the sides have no simple ratio.
    """

    cosmology: Cosmology
    seed: int
    voxels: Shape
    voxel_size: float = 4.0
    redshift: float = 0.3
    box_id: str | None = None
    initial_modes: InitialModes | None = None
    modes_name: str = ""
    velocity: bool = False

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not 0 <= self.redshift < EARLIEST:
            raise BoxError(f"redshift {self.redshift:g} must lie between 0 and {EARLIEST:.0f}")
        if min(self.voxels) < 2:
            raise BoxError(
                f"voxels {shape_text(self.voxels)} are too few; choose 2 or more along a side"
            )
        for side in self.voxels:
            check_side(side * self.voxel_size, side * FINEST_POINTS)
        reach = zip(self.parts, self.lattice, strict=True)
        table = sum((part * points // 2) ** 2 for part, points in reach)
        if len(set(self.voxels)) > 1 and table > _LARGEST_TABLE:
            raise BoxError(
                f"the sides of {shape_text(self.voxels)} voxels have no simple ratio; choose "
                "sides such as 512x256x256"
            )

    @property
    def length(self) -> float:
        """Least common multiple of the sides [Mpc/h]."""
        return lcm(*self.voxels) * self.voxel_size

    @property
    def parts(self) -> Shape:
        """How many times each side goes into `length`."""
        x, y, z = (lcm(*self.voxels) // side for side in self.voxels)
        return x, y, z

    @property
    def lattice(self) -> Shape:
        """Lattice points of the modes along x, y, z."""
        x, y, z = (side * POINTS for side in self.voxels)
        return x, y, z


@dataclass(frozen=True)
class LptEstimate:
    """What a density will take.

    Attributes
    ----------
    memory
        Most that each process takes [bytes].
    disk
        Size of the file [bytes].
    seconds
        Time on one core [s].
    work
        Disk that is taken meanwhile, that of the file included [bytes]; 0 if all is made in memory.
    """

    memory: int
    disk: int
    seconds: float
    work: int = 0
