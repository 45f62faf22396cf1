"""How often pictures of a run are drawn while it trains."""

import time
from collections.abc import Callable

_SHARE = 0.005
"""Share of a run's time that pictures of one kind may take before its end."""
_FIRST_GUESS = 2.0
"""Seconds that pictures take, before any was drawn."""


class Allowance:
    """Lets something be done only as often as it takes a small share of the time."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._spent, self._expected = 0.0, _FIRST_GUESS

    def spend_on(self, work: Callable[[], None]) -> None:
        """Do `work`, unless it and what was done before would take more than the share."""
        before = time.monotonic()
        if self._spent + self._expected > _SHARE * (before - self._since):
            return
        work()
        self._expected = time.monotonic() - before
        self._spent += self._expected
