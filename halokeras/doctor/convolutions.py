"""Checks of TensorFlow: whether it loads, its devices, and whether 3D convolutions are fast."""

import os
import platform
from collections.abc import Mapping

from halokeras.doctor.finding import Finding, Level


def check_onednn(environment: Mapping[str, str] = os.environ) -> Finding:
    """Check whether TensorFlow's 3D convolutions are the fast ones."""
    from halokeras.networks.conv import has_fast_conv3d

    switch = environment.get("TF_ENABLE_ONEDNN_OPTS", "1")
    fast = has_fast_conv3d()
    details = {"TF_ENABLE_ONEDNN_OPTS": switch, "fast_conv3d": fast}
    if fast:
        way = "oneDNN on, fast 3D convolutions" if switch != "0" else "fast 3D convolutions"
        return Finding("convolutions", way, details=details)
    slow = "through 2D ones, two to three times slower than oneDNN's"
    if platform.machine() in ("x86_64", "AMD64"):
        remedy = "unset TF_ENABLE_ONEDNN_OPTS"
        return Finding("convolutions", f"oneDNN off: {slow}", Level.WARNING, remedy, details)
    return Finding("convolutions", f"no oneDNN here: {slow}", details=details)


def check_gpus() -> Finding:
    """Tell the GPUs that TensorFlow finds."""
    import tensorflow as tf

    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return Finding("GPU", ", ".join(names) or "none, and none is needed", details={"gpus": names})
