"""Candles from the exchange's columns, bar by bar: one that cannot be read costs itself, not its page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from meva_adapters.btcturk.rows import KlinesRow
from meva_adapters.btcturk.wire import as_decimal, member, shown
from meva_adapters.system import events
from meva_core.errors import BadInput, Unavailable
from meva_core.ports import BadBar
from meva_core.venue import Candle

_WORDS: Final = ("ok", "no_data")
_COLUMNS: Final = ("open", "high", "low", "close", "volume")
_LOG: Final = logging.getLogger(__name__)


def refuse_error(tree: Any) -> None:
    """Raise Unavailable for an answer that says of itself that it is an error; its status is 200 all the
    same."""
    word = member(tree, "s") if isinstance(tree, dict) else None
    if isinstance(word, str) and word.lower() not in _WORDS:
        said = member(tree, "errmsg") or member(tree, "message") or "without a reason"
        raise Unavailable(
            f"klines: the exchange answered {shown(word)}: {shown(said)}", action="run again later"
        )


def candles_of(row: KlinesRow, interval_seconds: int, unreadable: BadBar) -> Iterator[Candle]:
    """Yield the bars of an answer, stamped with their ends; `unreadable` is told of those that are none.

    Raises BadInput for columns that do not fit together: no bar of theirs can be told from another.
    """
    columns = (row.t, row.o, row.h, row.l, row.c, row.v)
    if row.t is None and row.s.lower() == "ok":
        raise BadInput("klines: 'ok' without a column of times")
    lengths = {len(column or ()) for column in columns}
    if len(lengths) > 1:
        raise BadInput(f"klines: columns of different lengths, {sorted(lengths)}")
    for at, *cells in zip(*(column or () for column in columns), strict=True):
        ts = (at + interval_seconds) * 1_000_000
        try:
            yield _candle(ts, cells)
        except BadInput as error:
            unreadable(ts, error)


def log_bad_bar(symbol: str) -> BadBar:
    """Return what logs the bars of a symbol that cannot be read."""

    def log(ts: int, error: BadInput) -> None:
        said = f"{symbol}: the bar that ended at {ts // 1_000_000} s is left out: {error}"
        events.ROW_LEFT_OUT.log(_LOG, said, what=f"bar of {symbol}")

    return log


def _candle(ts: int, cells: Sequence[Any]) -> Candle:
    amounts = [_number(name, cell) for name, cell in zip(_COLUMNS, cells, strict=True)]
    open_, high, low, close, volume = amounts
    if low > high:
        raise BadInput(f"a high of {high} below the low of {low}")
    for name, price in zip(_COLUMNS, (open_, high, low, close), strict=False):
        if price <= 0:
            raise BadInput(f"{name}: {price} is not above zero")
    if volume < 0:
        raise BadInput(f"volume: {volume} is below zero")
    return Candle(ts, open_, high, low, close, volume)


def _number(name: str, cell: Any) -> Decimal:
    try:
        return as_decimal(cell)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name}: {error}") from None
