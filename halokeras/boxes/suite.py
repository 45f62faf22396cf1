"""A suite: a folder of boxes of many cosmologies and redshifts, with an index that tells them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from halokeras.boxes.asked import AskedBox, differences
from halokeras.cosmology.cosmology import Cosmology, whole_parameters
from halokeras.errors import BoxError, ParamsError
from halokeras.resources import shipped
from halokeras.section_files import load_json
from halokeras.sections import Count, NotNegative, Positive, Section, Seed
from halokeras.storage.files import write_text
from halokeras.suggestions import beside

INDEX = "suite.json"
"""Name of the index in a suite's folder."""

FORMAT = "halopaint suite"
"""What the index tells that it is."""


@dataclass(frozen=True)
class Member:
    """One simulation of a suite.

    Attributes
    ----------
    name
        What tells it from the others.
    cosmology, seed
        Of the simulation; equal seeds have equal phases.
    files
        Name of the box file of each redshift.
    """

    name: str
    cosmology: Cosmology
    seed: int
    files: dict[float, str]

    @property
    def redshifts(self) -> tuple[float, ...]:
        """Redshifts of its boxes."""
        return tuple(self.files)


@dataclass(frozen=True)
class SuiteBox:
    """A box of a suite: its member, its redshift and its file."""

    member: Member
    redshift: float
    path: Path


@dataclass(frozen=True)
class Suite:
    """What the index of a suite tells.

    Attributes
    ----------
    folder
        Of the suite.
    size, particles, voxel_size
        Side of every box [Mpc/h], particles a side, and side of a voxel [Mpc/h].
    members
        In their order.
    params
        What planned it.
    """

    folder: Path
    size: float
    particles: int
    voxel_size: float
    members: tuple[Member, ...]
    params: dict[str, Any]

    def boxes(self) -> Iterator[SuiteBox]:
        """Yield every box, made or not, member by member."""
        for member in self.members:
            for redshift, name in member.files.items():
                yield SuiteBox(member, redshift, self.folder / name)

    def asked_of(self, box: SuiteBox) -> AskedBox:
        """Return what the index says of a box, to compare its file with."""
        return AskedBox(
            "",
            box.member.seed,
            self.size,
            box.redshift,
            self.particles,
            own=box.member.cosmology,
            voxel_size=self.voxel_size,
        )


def is_suite(folder: Path) -> bool:
    """Whether a folder holds the index of a suite."""
    return (folder / INDEX).is_file()


def read_suite(folder: Path) -> Suite:
    """Read the index of a suite.

    Raises
    ------
    BoxError
        If the folder is no suite, or its index tells a cosmology that is none.
    ParamsError
        If the index is damaged.
    """
    if not is_suite(folder):
        raise BoxError(_no_suite(folder))
    try:
        index = load_json(folder / INDEX, "index of a suite", "--suite", _Index)
    except ParamsError as error:
        again = (
            f"remove it, and `halopaint simulate --suite FILE --output {folder}` writes it again"
        )
        raise ParamsError(f"{error}; {again}") from None
    members = []
    for told in index.members:
        try:
            cosmology = Cosmology(**whole_parameters(told.cosmology))
        except (BoxError, TypeError) as error:
            raise BoxError(f"{folder / INDEX}: member {told.name}: {error}") from None
        files = {box.redshift: box.file for box in told.boxes}
        members.append(Member(told.name, cosmology, told.seed, files))
    return Suite(
        folder, index.size, index.particles, index.voxel_size, tuple(members), index.params
    )


def _no_suite(folder: Path) -> str:
    if folder.is_file():
        return f"{folder} is a file; name a suite by its folder"
    plan = shipped("params/suites") / f"{folder.name}.json"
    file = f"params/suites/{plan.name}" if plan.is_file() else "FILE"
    make = f"make it with `halopaint simulate --suite {file} --output {folder}`"
    if not folder.exists():
        return f"suite {folder} does not exist{beside(folder, Path('boxes'))}; {make}"
    return f"{folder} is no suite, for it has no {INDEX}; {make}"


def write_index(suite: Suite) -> None:
    """Write the index of a suite, whole.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    told = {
        "format": FORMAT,
        "format_version": 1,
        "size": suite.size,
        "particles": suite.particles,
        "voxel_size": suite.voxel_size,
        "params": suite.params,
        "members": [
            {
                "name": member.name,
                "cosmology": member.cosmology.parameters,
                "seed": member.seed,
                "boxes": [
                    {"redshift": redshift, "file": name} for redshift, name in member.files.items()
                ],
            }
            for member in suite.members
        ],
    }
    write_text(suite.folder / INDEX, json.dumps(told, indent=1, allow_nan=False) + "\n")


def choose(
    suite: Suite,
    first: int | None = None,
    last: int | None = None,
    redshifts: Sequence[float] | None = None,
) -> list[SuiteBox]:
    """Return the boxes of some members and redshifts, seen to be there and what the index says.

    Parameters
    ----------
    suite
        The suite.
    first, last
        Numbers of the first and the last member, from 0; by default all.
    redshifts
        Of the boxes; by default all.

    Raises
    ------
    BoxError
        If there is no such member or redshift, or a box is missing or is not what the index says.
    """
    begin, end = first or 0, len(suite.members) - 1 if last is None else last
    if not 0 <= begin <= end < len(suite.members):
        raise BoxError(
            f"{suite.folder} has members 0 to {len(suite.members) - 1}, not {begin} to {end}"
        )
    of_members = replace(suite, members=suite.members[begin : end + 1])
    boxes = list(of_members.boxes())
    if redshifts is not None:
        known = {f"{box.redshift:g}" for box in boxes}
        unknown = [f"{redshift:g}" for redshift in redshifts if f"{redshift:g}" not in known]
        if unknown:
            told = ", ".join(sorted(known, key=float))
            raise BoxError(
                f"{suite.folder} has no box at redshift {', '.join(unknown)}; choose among {told}"
            )
        asked = {f"{redshift:g}" for redshift in redshifts}
        boxes = [box for box in boxes if f"{box.redshift:g}" in asked]
    missing = [box.path.name for box in boxes if not box.path.exists()]
    if missing:
        raise BoxError(
            f"{len(missing)} of {len(boxes)} boxes of {suite.folder} are not made, "
            f"{missing[0]} the first; go on with `halopaint simulate --suite FILE --output "
            f"{suite.folder}`, FILE being its params"
        )
    for box in boxes:
        other = differences(box.path, suite.asked_of(box))
        if other:
            raise BoxError(
                f"{box.path} is not what {INDEX} says of it: it has {', '.join(other)}; remove it, "
                "and `halopaint simulate --suite` makes it again"
            )
    return boxes


class _IndexedBox(Section):
    redshift: NotNegative
    file: Annotated[str, Field(pattern=r"^[^/\\]+\.h5$")]


class _IndexedMember(Section):
    name: str
    cosmology: dict[str, float]
    seed: Seed
    boxes: Annotated[tuple[_IndexedBox, ...], Field(min_length=1, strict=False)]


class _Index(Section):
    format: Literal["halopaint suite"]
    format_version: Literal[1]
    size: Positive
    particles: Count
    voxel_size: Positive
    params: dict[str, Any]
    members: Annotated[tuple[_IndexedMember, ...], Field(min_length=1, strict=False)]
