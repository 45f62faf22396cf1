"""How much memory the machine has to spare, and what needs more."""

from collections.abc import Iterable
from pathlib import Path

from halokeras.environment import control_groups
from halokeras.errors import BoxError
from halokeras.readable import amount_of_bytes


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
            limit = group_room(control_groups("memory"))
            return free if limit is None else min(free, limit)
    return None


def group_room(groups: Iterable[Path]) -> int | None:
    """Return the bytes that the tightest of some control groups has to spare, or None.

    What it keeps of files in memory is given back when memory is short.
    """
    rooms = [_room(group, *names) for group in groups for names in _FILES]
    return min((room for room in rooms if room is not None), default=None)


_FILES = (
    ("memory.max", "memory.current", ("inactive_file", "active_file")),  # of version 2
    (
        *("memory.limit_in_bytes", "memory.usage_in_bytes"),  # of version 1
        ("total_inactive_file", "total_active_file"),
    ),
)


def _room(group: Path, limit: str, used: str, cached: tuple[str, ...]) -> int | None:
    try:
        most, current = (int((group / name).read_text(encoding="ascii")) for name in (limit, used))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        told = dict(line.split() for line in lines if line)
        kept = sum(int(told.get(name, 0)) for name in cached)
    except (OSError, ValueError):  # as where the limit is "max"
        return None
    return max(most - current + kept, 0)


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
            f"{what} needs {amount_of_bytes(need)} of memory and {amount_of_bytes(free)} are free; "
            f"{remedy}"
        )
