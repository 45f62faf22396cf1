"""How much memory the machine has to spare, and what needs more."""

from pathlib import Path

from halokeras.errors import BoxError


def available_memory() -> int | None:
    """Bytes a new allocation may take without swapping, or None where Linux does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            free = int(rest.split()[0]) * 1024
            limit = _container_room()
            return free if limit is None else min(free, limit)
    return None


def _container_room() -> int | None:
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(int(limit) - used, 0)


def fits_in_memory(need: float) -> bool:
    """Whether the machine has so many bytes to spare, as far as it tells."""
    free = available_memory()
    return free is None or need <= free


def refuse_beyond_memory(
    need: float, what: str, remedy: str = "use a smaller one or a larger machine"
) -> None:
    """Raise `BoxError` if `what` needs more bytes than the machine has to spare."""
    free = available_memory()
    if free is not None and need > free:
        raise BoxError(
            f"{what} needs {need / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free; "
            f"{remedy}"
        )
