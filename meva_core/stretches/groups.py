"""The groups of columns that are stored beside those of the engine."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from meva_core.blocks import axes
from meva_core.rules import Rules


@axes("bi", b=("time", "cycle"))
class Bars(NamedTuple):
    """The candles that the cycles of a stretch saw first, once a bar: complete at `time`, seconds, seen by
    `cycle`, counted from the stretch's start. Prices e8, volume e8 of the base, ABSENT where there was none.
    """

    time: Any
    cycle: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any


@axes("r")
class RuleRows(NamedTuple):
    """The rules as rows: all symbols' at the start of a stretch, then those that changed, by cycle and
    symbol. The columns are those of `Rules` but `letters`, which follow from the symbols.
    """

    cycle: Any
    symbol: Any
    status: Any
    candidate: Any
    configured: Any
    tick: Any
    lot: Any
    min_notional: Any
    min_price: Any
    max_price: Any
    min_qty: Any
    max_qty: Any


@axes("c", ci=("touch_from",))
class Aside(NamedTuple):
    """What only people want to know of a live cycle; in no digest. All but `touch_from`, which says where a
    symbol's touch came from, in microseconds: our clock's offset from the exchange's, the round trip that it
    was learnt with, and how long parts of the cycle took.
    """

    offset: Any
    round_trip: Any
    total: Any
    selection: Any
    planning: Any
    intents: Any
    orders: Any
    ledger: Any
    persist: Any
    touch_from: Any


RULES: Final = RuleRows._fields[2:]
"""The columns of `Rules` that are stored."""
assert (*RULES, "letters") == Rules._fields
