"""halopaint: dark-matter halos painted onto a 2LPT density by a neural network."""

import os
from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("halopaint")
except PackageNotFoundError:  # a checkout on the path that was never installed
    __version__ = "0+unknown"

# TensorFlow reads this as it is imported, and by itself uses oneDNN only on CPUs with AVX512-VNNI:
# without it a 3D convolution and its gradients take twenty to fifty times as long.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
