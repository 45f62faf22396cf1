"""Ctrl-C and SIGTERM during a command."""

import os
import signal

import pytest

from halokeras.commands.app import main


@pytest.fixture
def handled():
    """Hear Ctrl-C, as a job in the background does not, and put back what `main` replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handled")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
@pytest.mark.parametrize(
    ("words", "where", "told"),
    [
        (["inspect", "00"], "halokeras.inspection.inspect.inspect", "nothing was left half"),
        (
            ["simulate", "--box", "00", "--size", "16", "--particles", "16"],
            "halokeras.simulation.files.boxes.simulate_files",
            "boxes that are made are kept",
        ),
    ],
    ids=["inspect", "simulate"],
)
def test_a_signal_is_answered_in_one_line(  # noqa: PLR0913
    monkeypatch, tmp_path, capsys, number, code, words, where, told
):
    def strike(*arguments, **options):
        os.kill(os.getpid(), number)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(where, strike)
    monkeypatch.setattr("sys.argv", ["halopaint", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Interrupted: {told}")
    assert "the same command" in line
