"""What libraries read of the environment as they are imported, put right before they are.

A setting of the user's own stays, but for Keras' backend, as the networks are TensorFlow's, and a
cache of numba's that cannot be written to.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

_PACKAGE = Path(__file__).parent
_THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def prepare() -> None:
    """Set what TensorFlow, Keras and numba will read."""
    # TensorFlow by itself uses oneDNN only on CPUs with AVX512-VNNI: without it a 3D convolution
    # and its gradients take twenty to fifty times as long. Once imported it is not to be asked.
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a machine without a GPU is no error
    if allotted_cores() < _own_cores():  # the libraries know of affinity, and of nothing else
        for name in _THREADS:
            os.environ.setdefault(name, str(allotted_cores()))
    # numba keeps what it compiles there or beside the code, and stops where it cannot
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if not (_is_made(Path(chosen)) if chosen else os.access(_PACKAGE, os.W_OK)):
        folder = _writable_cache()
        if folder is not None:
            os.environ["NUMBA_CACHE_DIR"] = str(folder)


def load_tensorflow() -> None:
    """Import TensorFlow without what it says on stderr, which no setting of its own silences."""
    if "tensorflow" in sys.modules:
        return
    import logging

    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    # it warns of a painter that is compiled for each shape of a density, as it should be
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def allotted_cores() -> int:
    """Return how many cores this process may use: by its affinity, its container and its job."""
    limits = [float(_own_cores())]
    quota = cgroup_cores()
    if quota is not None:
        limits.append(round(quota))
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        told = os.environ.get(name, "")
        if told.isdecimal():
            limits.append(int(told))
            break
    return max(1, int(min(limits)))


def cgroup_cores(
    groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float | None:
    """Return the cores' worth of time that a container is limited to, or None if it is not.

    Parameters
    ----------
    groups
        Where the system's control groups are told.
    own
        Which of them this process belongs to.
    """
    quotas = [_quota(group) for group in control_groups("cpu", groups, own)]
    return min((quota for quota in quotas if quota is not None), default=None)


def control_groups(
    what: str, groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> list[Path]:
    """Return the folders of the control groups that this process is in, each with its parents.

    Parameters
    ----------
    what
        Is limited: ``cpu`` or ``memory``, of which version 1 has groups of their own.
    groups, own
        As in `cgroup_cores`.
    """
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    folders = [groups, groups / what]
    for line in lines:
        _, of, inside = (*line.split(":", 2), "", "")[:3]
        if not of:
            folders.append(groups / inside.lstrip("/"))
        elif what in of.split(","):
            folders.append(groups / what / inside.lstrip("/"))
    found = [each for folder in folders for each in (folder, *folder.parents)]
    return [each for each in dict.fromkeys(found) if each.is_relative_to(groups)]


def _quota(group: Path) -> float | None:
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):  # of v2, of v1
        try:
            words = " ".join((group / name).read_text(encoding="ascii") for name in names).split()
            return int(words[0]) / int(words[1]) if int(words[0]) > 0 else None
        except (OSError, ValueError, ZeroDivisionError, IndexError):
            continue
    return None


def _own_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _writable_cache() -> Path | None:
    """Return a folder of this user alone, kept from one command to the next where it can be."""
    kept = [Path(named)] if (named := os.environ.get("XDG_CACHE_HOME")) else []
    with suppress(RuntimeError):  # of a user without a home
        kept.append(Path.home() / ".cache")
    for parent in kept:
        folder = parent / "halopaint" / "numba"
        if _is_made(folder):
            return folder
    import tempfile

    try:
        folder = Path(tempfile.gettempdir()) / f"halopaint-numba-{os.getuid()}"
        if _is_made(folder) and _is_ours_alone(folder):
            return folder
        return Path(tempfile.mkdtemp(prefix="halopaint-numba-"))
    except OSError:
        return None


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _is_ours_alone(folder: Path) -> bool:
    """Whether nobody else put there what would be loaded and run."""
    found = folder.lstat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022 and not folder.is_symlink()
