"""halopaint: dark-matter halos painted onto a 2LPT density by a neural network."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("halopaint")
except PackageNotFoundError:  # a checkout on the path that was never installed
    __version__ = "0+unknown"
