"""What the libraries of the formats raise on files that are damaged or made up, as one error."""

import tokenize
import zipfile
import zlib

from halokeras.errors import BoxError

UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def unreadable(name: str, error: BaseException) -> BoxError:
    """Return the error that says in one sentence why a file cannot be read."""
    reason = (" ".join(str(error).split()) or type(error).__name__).rstrip(".")
    return BoxError(
        f"{name} cannot be read ({reason[:200]}); it may be truncated or of another kind: fetch or "
        "write it again"
    )
