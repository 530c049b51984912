"""An author's code: run so that what it sets for all is set back, and whatever it raises is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import localcontext
from typing import Any, Final

import numpy as np

MOST_TEXT: Final = 500
"""Characters of what an error says, at most."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let code set the precision of Decimals and what numpy does about errors, until it returns: money is
    computed with those that were there before."""
    with localcontext(), np.errstate():
        yield


def told(error: BaseException, file: str | None = None) -> str:
    """Return the kind of an error, what it says, on one line, and where it was raised: at the innermost line
    of `file`, else at the innermost one."""
    try:
        said = " ".join(str(error).split())
    except Exception as other:  # noqa: BLE001 - whatever the author's error does: it is told all the same
        said = f"no text: that raised {type(other).__name__}"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {said}"  # which says the line itself
    short = said if len(said) <= MOST_TEXT else f"{said[:MOST_TEXT]}..."
    return f"{type(error).__name__}: {short} ({_line_of(error, file)})"


def file_of(function: Any) -> str | None:
    """Return the file that a function was compiled of; None where nobody knows."""
    code = getattr(function, "__code__", None)
    return None if code is None else str(code.co_filename)


def _line_of(error: BaseException, file: str | None) -> str:
    """Return a line by the name of its file and its number."""
    trace, found = error.__traceback__, None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith("<frozen ") and (found is None or name == file or found[0] != file):
            found = name, trace.tb_lineno
        trace = trace.tb_next
    if found is None:
        return "no line"
    return f"{found[0].replace(chr(92), '/').rpartition('/')[2]}:{found[1]}"
