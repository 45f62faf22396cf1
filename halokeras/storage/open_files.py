"""How many files a process may keep open."""

from halokeras.errors import OutputError

_OTHERS = 64
"""Files that the libraries keep open, and room."""


def allow_open_files(number: int, remedy: str) -> None:
    """Let this process keep so many files open, as far as the account may.

    Raises
    ------
    OutputError
        If the account may not; the message ends with the remedy.
    """
    try:
        import resource  # not there on Windows
    except ImportError:
        return
    wanted = number + _OTHERS
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= wanted:
        return
    if most != resource.RLIM_INFINITY and most < wanted:
        raise OutputError(
            f"about {wanted} files would be open at a time and this account may open {most}; "
            f"{remedy}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
