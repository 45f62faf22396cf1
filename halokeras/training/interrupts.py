"""Ctrl-C and SIGTERM, answered between steps rather than in the middle of one."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedAtOnce(KeyboardInterrupt):
    """A second Ctrl-C or SIGTERM, which may have cut a step in two."""


class Interrupts:
    """Holds back the first Ctrl-C or SIGTERM until they are asked after; a second one is immediate.

    A step that is cut in two could not be resumed to the same bits: its validation and its row
    of the history would be lost. Outside the main thread, where Python takes no signals, this
    does nothing.

    Parameters
    ----------
    acknowledge
        Called at once, from another thread, as Python's own handlers wait for TensorFlow to come
        back from a step, or from compiling one for a minute.
    """

    def __init__(self, acknowledge: Sequence[Callable[[], None]] = ()) -> None:
        self.asked = False
        self._acknowledge = acknowledge
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self
        read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._listener = threading.Thread(target=self._listen, args=(read,), daemon=True)
        self._listener.start()
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._before:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._write)
        self._listener.join()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise StoppedAtOnce
        self.asked = True

    def _listen(self, pipe: int) -> None:
        """Acknowledge the first signal; the system writes the number of each to the pipe."""
        acknowledged = False
        with open(pipe, "rb", buffering=0) as numbers:
            while number := numbers.read(1):
                if number[0] in _SIGNALS and not acknowledged:
                    acknowledged = True
                    for acknowledge in self._acknowledge:
                        acknowledge()
