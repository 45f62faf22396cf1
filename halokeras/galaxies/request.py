"""Which galaxies are asked for, in which halos, and the file that they are written into."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import ParamsError
from halokeras.painting.catalogues.formats import FORMATS
from halokeras.section_files import load_json
from halokeras.sections import Finite, MassDefinition, NotNegative, Positive, Section
from halokeras.statistics.occupation import ZHENG07, Occupation

GALAXIES = Path("galaxies")
"""Where catalogues go that no output names."""

_FIELDS = {
    "logMmin": "log_least",
    "sigma_logM": "scatter",
    "logM0": "log_none",
    "logM1": "log_one",
    "alpha": "slope",
}
"""Parameters of an occupation by their names in halotools."""


LogMass = Annotated[float, Field(gt=0, lt=20)]
"""log10 of a mass [Msun/h]; who gives the mass itself is told."""


class Zheng07(Section):
    """Parameters that replace those of the threshold, by their names in halotools."""

    logMmin: LogMass | None = None
    sigma_logM: Positive | None = None
    logM0: Annotated[Finite, Field(lt=20)] | None = None
    logM1: LogMass | None = None
    alpha: Annotated[NotNegative, Field(lt=20)] | None = None


@dataclass(frozen=True)
class GalaxyRequest:
    """Which galaxies are asked for.

    Attributes
    ----------
    halos
        A box file or a painted catalogue.
    hod
        The occupation, ``zheng07``.
    threshold
        Of the galaxies: M_r - 5 log10 h, one of those published.
    params
        A JSON file of parameters that are not the published ones.
    seed
        With the ids of halos it fixes the galaxies.
    definition
        The masses by which halos are populated; None for those the file has first.
    cosmology
        Of halos whose file tells none.
    seen_along
        ``x``, ``y`` or ``z``: positions in redshift space along it are listed too.
    output, format
        The catalogue to write.
    overwrite
        Replace a file that is not this catalogue made again.
    """

    halos: Path
    threshold: float
    hod: str = "zheng07"
    params: Path | None = None
    seed: int = 1
    definition: MassDefinition | None = None
    cosmology: Cosmology | None = None
    seen_along: str | None = None
    output: Path | None = None
    format: str = "hdf5"
    overwrite: bool = False

    @property
    def target(self) -> Path:
        """The catalogue, whose default name tells what is not the default of the command."""
        if self.output is not None:
            return self.output
        parts = [self.halos.stem.removesuffix("_halos"), f"{self.hod}{self.threshold:g}"]
        parts += [] if self.params is None else [self.params.stem]
        parts += [] if self.definition is None else [self.definition]
        parts += [] if self.seed == 1 else [f"seed{self.seed}"]
        parts += [] if self.seen_along is None else [f"{self.seen_along}_rsd"]
        return GALAXIES / f"{'_'.join(parts)}{FORMATS[self.format].suffix}"

    @property
    def sample(self) -> str:
        """The galaxies that are asked for, as messages call them."""
        if self.params is not None:
            return f"galaxies by {self.params}"
        return f"galaxies brighter than {self.threshold:g}"

    def occupation(self) -> Occupation:
        """Return the occupation that is asked for.

        Raises
        ------
        ParamsError
            If the threshold is none of the published ones, or the parameters cannot be used.
        """
        if self.threshold not in ZHENG07:
            published = ", ".join(f"{threshold:g}" for threshold in ZHENG07)
            raise ParamsError(
                f"--threshold {self.threshold:g} is not one that zheng07 was fitted for; choose "
                f"one of {published}"
            )
        published_one = ZHENG07[self.threshold]
        if self.params is None:
            return published_one
        chosen = load_json(self.params, "occupation file", "--params", Zheng07).model_dump(
            exclude_none=True
        )
        return replace(published_one, **{_FIELDS[name]: value for name, value in chosen.items()})


def parameters(occupation: Occupation) -> dict[str, float]:
    """Return the parameters of an occupation by their names in halotools."""
    return {name: getattr(occupation, field) for name, field in _FIELDS.items()}
