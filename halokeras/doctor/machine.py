"""Checks of the machine: processors, memory, disk, and the environment that TensorFlow reads."""

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from halokeras.doctor.finding import Finding, Level
from halokeras.environment import allotted_cores, cgroup_cores
from halokeras.errors import OutputError
from halokeras.storage.files import check_writable
from halokeras.storage.memory import available_memory

_LEAST_MEMORY = 1.5 * 2**30
"""Bytes: libraries take 0.7 GiB, and painting a box of any size 1 GiB with them."""
_LEAST_DISK = 2**30
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_VARIABLES = (
    "TF_CONFIG",
    "TF_DETERMINISTIC_OPS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_GPU_ALLOCATOR",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_TF32_OVERRIDE",
)


def check_processors() -> Finding:
    """Tell the cores, and how many of them this process is allotted."""
    cores, may, quota = os.cpu_count() or 1, allotted_cores(), cgroup_cores()
    details = {"model": processor(), "cores": cores, "allotted": may, "cgroup_cores": quota}
    value = f"{processor()}, {cores} core{'s' * (cores != 1)}"
    if may < cores:
        value += f", of which this process may use {may}"
    if quota is not None and quota < 1:
        remedy = "raise the container's limit: everything takes longer by that much"
        value += f" for {quota:.0%} of the time"
        return Finding("processors", value, Level.WARNING, remedy, details)
    return Finding("processors", value, details=details)


def processor() -> str:
    """Name the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def check_threads(environment: Mapping[str, str]) -> Finding:
    """Check the variables that set how many threads there are."""
    held = {name: environment[name] for name in _THREADS if name in environment}
    value = ", ".join(f"{name}={text}" for name, text in held.items()) or "as many as cores"
    for name, text in held.items():
        if not text.isdecimal():
            remedy = f"set {name} to a number of threads, or unset it"
            return Finding("threads", value, Level.WARNING, remedy, dict(held))
    return Finding("threads", value, details=dict(held))


def check_variables(environment: Mapping[str, str]) -> Finding:
    """Check the other variables that change what TensorFlow does."""
    held = {name: environment[name] for name in _VARIABLES if name in environment}
    value = ", ".join(f"{name}={text}" for name, text in held.items()) or "none set"
    if "TF_CONFIG" in held:
        remedy = "unset TF_CONFIG, unless several machines are to train together"
        return Finding("variables", value, Level.WARNING, remedy, held)
    return Finding("variables", value, details=held)


def check_memory() -> Finding:
    """Check the memory that is free."""
    free = available_memory()
    if free is None:
        return Finding("memory", "not told by this system")
    value, details = f"{free / 2**30:.1f} GiB free", {"free": free}
    if free < _LEAST_MEMORY:
        remedy = f"free some memory: painting takes about {_LEAST_MEMORY / 2**30:g} GiB"
        return Finding("memory", value, Level.WARNING, remedy, details)
    return Finding("memory", value, details=details)


def check_disk(folder: Path) -> Finding:
    """Check the space that is free where `folder` lies."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        remedy = "work in a folder that is yours"
        return Finding("disk", f"cannot be looked at: {error.strerror}", Level.WARNING, remedy)
    value, details = f"{free / 2**30:.1f} GiB free", {"free": free}
    if free < _LEAST_DISK:
        remedy = "free some space, or work in a folder of another disk"
        return Finding("disk", value, Level.WARNING, remedy, details)
    return Finding("disk", value, details=details)


def check_folder(folder: Path) -> Finding:
    """Check that `folder` can be written, as every command does by default."""
    try:
        check_writable(folder / "halopaint.h5")
    except OutputError:
        remedy = "work in a folder that is yours, or give commands an --output or --run elsewhere"
        return Finding("this folder", "cannot be written", Level.PROBLEM, remedy)
    return Finding("this folder", "can be written")
