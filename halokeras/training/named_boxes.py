"""The files of the boxes that params name: by id and seed, by path, or as members of a suite."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from halokeras.boxes.asked import OtherBoxError, asked_for, find_asked
from halokeras.boxes.suite import choose, read_suite
from halokeras.errors import RunError
from halokeras.params import BoxName, BoxParams

_SIMULATE = "`halopaint simulate --params FILE`, FILE being these params"


def named_boxes(named: BoxParams) -> tuple[list[Path], list[Path]]:
    """Return the files of the boxes that train, and of those that are held out.

    Raises
    ------
    BoxError
        If a suite cannot be read, or boxes of it are missing.
    RunError
        If boxes are missing (all are named, with the command that makes them), are not what is
        asked of boxes of their id and seed (both values are named), or are named twice.
    """
    paths = _found(named)
    trained = [path for name in named.train for path in paths[name]]
    validated_on = [path for name in named.validate_on for path in paths[name]]
    _check_once(trained, validated_on)
    return trained, validated_on


def _found(named: BoxParams) -> dict[BoxName, list[Path]]:
    """Return the files of each name, or refuse all that are missing or are others at once."""
    found: dict[BoxName, list[Path]] = {}
    missing, differing = [], []
    for name in (*named.train, *named.validate_on):
        if name.path is not None:
            found[name] = [Path(name.path)]
            continue
        if name.suite is not None:
            suite = read_suite(Path(name.suite))
            chosen = choose(suite, name.first_member, name.last_member, name.redshifts)
            found[name] = [box.path for box in chosen]
            continue
        try:
            path = find_asked(asked_for(name, named))
        except OtherBoxError as error:
            differing.append(str(error))
            continue
        if path is None:
            missing.append(f"{name.id} seed {name.seed}")
        else:
            found[name] = [path]
    if differing:
        raise RunError(
            f"boxes are not what the params ask for: {'; '.join(differing)}; correct the params, "
            f"name a box by its path, or make others with {_SIMULATE}"
        )
    if missing:
        raise RunError(f"missing boxes: {', '.join(missing)}; make them with {_SIMULATE}")
    return found


def _check_once(trained: Sequence[Path], validated_on: Sequence[Path]) -> None:
    """Refuse a box that is named twice, by whatever names of its file."""
    training = {path.resolve() for path in trained}
    for path in validated_on:
        if path.resolve() in training:
            raise RunError(f"validate_on names {path}, which train names too; hold it out")
    for name, paths in (("train", trained), ("validate_on", validated_on)):
        times = Counter(path.resolve() for path in paths)
        for path in paths:
            if times[path.resolve()] > 1:
                again = times[path.resolve()]
                raise RunError(f"{name} names {path} {again} times; name each box once")
