"""What a command leaves: its files, and what it says when it fails."""


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def fails(result, *words, code=1):
    """Assert one line on stderr that holds `words`, nothing on stdout, and the exit code."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "Traceback" not in line
    for word in words:
        assert word in line


def fails_last(result, *words):
    """Assert that the last line on stderr is an error that holds `words`."""
    assert result.exit_code == 1, result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("Error: ")
    for word in words:
        assert word in line
