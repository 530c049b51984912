"""Whether something keeps this machine's clock by the network, as the kernel knows it."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_LARGER_THAN_ANY: Final = 512
"""Bytes of a `struct timex`: 208 on Linux at most. Zeros in it, its first word above all, change nothing."""
_NOT_KEPT: Final = 5
"""TIME_ERROR: nobody disciplines the clock."""


def is_kept() -> bool | None:
    """Return whether the clock is kept, None where the kernel does not tell.

    A container sees the clock of its host, and is told so, too.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_LARGER_THAN_ANY))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _NOT_KEPT
