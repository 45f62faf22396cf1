"""halopaint: dark-matter halos painted onto a 2LPT density by a neural network.

>>> import halokeras
>>> counts = halokeras.paint(density)  # rho/mean on 4 Mpc/h voxels at redshift 0.3

What is named here is imported when it is first used, so that importing halokeras is instant.
"""

from typing import TYPE_CHECKING, Any

from halokeras import environment

if TYPE_CHECKING:
    from halokeras.front.boxes import lpt, read_box, simulate, snapshots, write_box
    from halokeras.front.catalogue import catalogue
    from halokeras.front.paint import draw, paint
    from halokeras.front.painters import evaluate, load_painter, train
    from halokeras.front.spectra import measure

    __version__: str

_HOMES = {
    "front.boxes": ("lpt", "read_box", "simulate", "snapshots", "write_box"),
    "front.catalogue": ("catalogue",),
    "front.paint": ("draw", "paint"),
    "front.painters": ("evaluate", "load_painter", "train"),
    "front.spectra": ("measure",),
}
__all__ = [
    "catalogue",
    "draw",
    "evaluate",
    "load_painter",
    "lpt",
    "measure",
    "paint",
    "read_box",
    "simulate",
    "snapshots",
    "train",
    "write_box",
]

environment.prepare()

if not TYPE_CHECKING:  # a type checker sees the imports above, and nothing that is not there

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name == "__version__":
            value = _version()
        elif name in __all__:
            (home,) = (home for home, names in _HOMES.items() if name in names)
            value = getattr(import_module(f"halokeras.{home}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("halopaint")
    except PackageNotFoundError:  # a checkout on the path that was never installed
        return "0+unknown"
