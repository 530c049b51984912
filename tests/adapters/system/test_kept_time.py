"""Whether this machine's clock is kept by the network."""

from __future__ import annotations

import ctypes
import sys
import time

import pytest

from meva_adapters.system.kept_time import is_kept

STATUS, NOT_SYNCHRONIZED = 10, 0x40
"""Which word of a `struct timex` is its status on 64 bits, and its bit that says nobody keeps the time."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_it_is_what_the_status_of_the_kernels_clock_says() -> None:
    words = (ctypes.c_int * 128)()
    state = ctypes.CDLL(None).adjtimex(words)
    expected = None if state < 0 else not words[STATUS] & NOT_SYNCHRONIZED
    assert is_kept() is expected


def test_looking_leaves_the_clock_alone() -> None:
    before = time.time() - time.monotonic()
    is_kept()
    assert abs(time.time() - time.monotonic() - before) < 0.5
