"""What a run was recorded under that the run before it in its book was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from meva_core.history.settings_apart import settings_apart
from meva_core.params import VARIABLES
from meva_core.settings import with_later

_BEGIN_RUNS: Final = frozenset(VARIABLES.values())
"""The settings that begin a run when they change; of others a book knows nothing."""


@frozen
class Changed:
    """Something that changed, by its variable or in a word, with its values before and after."""

    name: str
    before: Any
    after: Any


def run_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], decode: Callable[[str], Any]
) -> Iterator[Changed]:
    """Yield what changed between two runs of a book, given as columns of stage7_runs: settings, symbols, the
    form of the fingerprint, and Meva's version."""
    one, other = (with_later(decode(row["settings_json"])) for row in (before, after))
    for apart in settings_apart(one, other):
        if apart.name in _BEGIN_RUNS and not apart.order_only:
            yield Changed(apart.name, apart.a, apart.b)
    symbols, later = decode(before["symbols_json"]), decode(after["symbols_json"])
    if symbols != later:
        yield Changed("symbols", symbols, later)
    for name in ("form", "code_version"):
        if before[name] != after[name]:
            yield Changed(name, before[name], after[name])
