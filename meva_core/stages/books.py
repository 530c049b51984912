"""A book that outlives its runs: how one begins with what the one before left, and how that is vouched for.

A run is a stretch of a book under the same terms. When these change, the next cycle begins another run, whose
first state is what `carried` makes of the last one; a proof makes it again and compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from attrs import frozen

from meva_core.amounts import ABSENT
from meva_core.errors import StoreCorrupt
from meva_core.ids import canonical_json
from meva_core.params import Params, own_tuned
from meva_core.ports import Reads
from meva_core.state import (
    CLEAN_CYCLES,
    GOOD_VERSION,
    HEALTHY_CYCLES,
    LAST_VERSION,
    LOSING_CYCLES,
    OPEN_ORDERS,
    OUTDATED,
    PARAM_VERSION,
    RESTORED,
    THROTTLED_CYCLES,
    TOKENS,
    State,
    with_symbols,
)

_ADAPTATION: Final = (
    PARAM_VERSION,
    LAST_VERSION,
    GOOD_VERSION,
    CLEAN_CYCLES,
    HEALTHY_CYCLES,
    THROTTLED_CYCLES,
    LOSING_CYCLES,
    RESTORED,
)
"""The facts that count versions of parameters and cycles under them."""


class Terms(NamedTuple):
    """What of a run its state depends on: the symbols in order, and the parameters."""

    symbols: tuple[str, ...]
    params: Params


def carried(state: State, before: Terms, after: Terms) -> State:
    """Return the state that a run begins with which goes on with the book of another one.

    `state` is what the run of terms `before` left, and stays as it is. Symbols keep what is theirs by name; a
    new one has nothing yet. Under other parameters the tuned ones are the settings' own again, version 0, the
    bucket holds at most its burst, and orders that rest are marked to be canceled by the first settle, before
    they meet a book: what was reserved for them was reckoned with the parameters of then. Under another
    strategy, or none, nothing is wished for yet. All else stays: cash and lots, peak and day, streak,
    cooldown, latch and valuation marks.

    Raises BadInput as `with_symbols` does: for a symbol that is held or has an open order and is left out.
    """
    made = with_symbols(state, before.symbols, after.symbols)
    if after.params != before.params:
        made.tuned[:] = made.good_tuned[:] = own_tuned(after.params)
        made.facts[list(_ADAPTATION)] = 0
        made.facts[TOKENS] = min(int(made.facts[TOKENS]), after.params.token_burst)
        made.facts[OUTDATED] = int(made.facts[OPEN_ORDERS] > 0)
    if after.params.strategy != before.params.strategy:
        made.wanted[:] = ABSENT
    return made


@frozen
class InBook:
    """Where a run stands in a book that outlives it.

    `continues` is the run before and `genesis` what stands before its first link, 32 bytes: None for the
    first run of a book. `earlier` are the runs before as `Names.earlier` has them (`earlier_runs`).
    """

    book: str
    continues: str | None = None
    genesis: bytes | None = None
    earlier: tuple[tuple[int, str], ...] = ()


def earlier_runs(reads: Reads, continues: str | None) -> tuple[tuple[int, str], ...]:
    """Return the runs that a book had before one that continues the run `continues`: the newest first, each
    with the first second that is no more its own.

    Raises StoreCorrupt for a run that is not there or goes on with one that is later than itself.
    """
    found: list[tuple[int, str]] = []
    while continues is not None:
        where = {"run_id": continues}
        last, before = next(reads.rows("stage7_runs", ("last_ts", "continues"), where=where), (None, None))
        until = None if last is None else int(last.timestamp()) + 1
        if until is None or (found and until >= found[-1][0]):
            raise StoreCorrupt(
                f"run {continues}, which another one continues, is not there or not before it",
                action="keep the file and restore a backup",
            )
        found.append((until, continues))
        continues = before
    return tuple(found)


def genesis(link: bytes, document: Mapping[str, Any]) -> bytes:
    """Return what stands before the first link of a run that continues another one: 32 bytes.

    The SHA-256 over the last link of the run before, 32 bytes, and the canonical JSON, in UTF-8, of the state
    that the new one begins with (`state_document`).
    """
    return hashlib.sha256(link + canonical_json(document).encode()).digest()
