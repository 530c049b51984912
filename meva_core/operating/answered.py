"""What the exchange answers is no input of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from meva_core.errors import BadInput, Unavailable


@contextmanager
def answered() -> Iterator[None]:
    """Ask the exchange for what cannot be done without.

    An answer that says nothing is a fault of the moment, as no answer is: whoever began the program may begin
    it again. Raises Unavailable in place of BadInput.
    """
    try:
        yield
    except BadInput as error:
        raise Unavailable(str(error), action=error.action) from error
