import hashlib
import os
import signal
import threading

import pytest

from halokeras.training.interrupts import Interrupts, StoppedAtOnce


def test_ctrl_c_is_acknowledged_before_python_comes_to_its_handler():
    asked = []
    with Interrupts([lambda: asked.append(interrupts.asked)]) as interrupts:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        # a second or two in C, as a step is
        hashlib.pbkdf2_hmac("sha256", b"halo", b"paint", 3_000_000)
        assert asked == [False]
        assert interrupts.asked


def test_a_second_ctrl_c_is_immediate_and_the_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(StoppedAtOnce), Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert interrupts.asked
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.set_wakeup_fd(-1) == -1
