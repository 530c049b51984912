"""Where to kill a process that writes to a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightly import NIGHTLY

APART = 9


def kill_points(whole: Mapping[str, Any]) -> Sequence[int]:
    """Return the statements before which to kill a process, given how one ended that was let alone.

    Each commit, what comes next after it, and between them every ninth: there nothing has changed but what a
    rollback undoes. In nightly runs all.
    """
    statements = range(1, whole["statements"] + 1)
    if NIGHTLY:
        return statements
    near = {*whole["commits"], *(commit + 1 for commit in whole["commits"])}
    return [number for number in statements if number in near or number % APART == 1]
