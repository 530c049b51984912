"""What a cycle on the live market saw of each symbol's best prices, and where that came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import ABSENT, format_e8
from meva_core.history.window import Decode, Window
from meva_core.live_market import TouchFrom
from meva_core.ports import Reads
from meva_core.steps.measure import age_of
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.opened import Opened
from meva_core.stretches.recorded import recorded_run

SOURCES: Final = {
    TouchFrom.BOOK: "book",
    TouchFrom.STREAM: "stream",
    TouchFrom.TICKER: "ticker",
    TouchFrom.CARRIED: "carried",
}
"""An order book that answered, one of the stream, a ticker, which tells no sizes, or none that is newer than
before."""


@frozen
class SeenTouch:
    """Best prices and sizes as texts, None where there are none; `age_seconds` is None before the first."""

    symbol: str
    source: str
    age_seconds: int | None
    bid: str | None
    ask: str | None
    bid_qty: str | None
    ask_qty: str | None


def touches_of(
    reads: Reads, window: Window, decode: Decode, columns: Callable[[], ColumnCodec]
) -> Sequence[SeenTouch]:
    """Return what the first cycle of a window saw, by symbol; nothing for one of no live market.

    Raises StoreCorrupt for columns that are damaged, StoreUnready for those of a newer form.
    """
    row, moment = reads.run(window.run_id), window.first_ts
    if row is None or not isinstance(moment, datetime):
        return ()
    stored = next(reads.stretches(window.run_id, start=moment, end=moment), None)
    if stored is None:
        return ()
    opened = recorded_run(row, decode).opened(stored, columns(), row["code_version"])
    if not any(frame.group == "aside" for frame in opened.layout.frames):
        return ()
    return list(_touches(opened, moment))


def _touches(opened: Opened, moment: datetime) -> Iterator[SeenTouch]:
    market, second = opened.market, int(moment.timestamp())
    cycle = market.time.tolist().index(second)
    sources = opened.aside.touch_from[cycle].tolist()
    for place, (symbol, source) in enumerate(zip(opened.symbols, sources, strict=True)):
        age = int(age_of(second, int(market.book_ts[cycle, place])))
        amounts: list[Any] = [market.bid, market.ask, market.bid_qty, market.ask_qty]
        texts = (_text(int(column[cycle, place])) for column in amounts)
        yield SeenTouch(symbol, SOURCES[TouchFrom(source)], None if age == ABSENT else age, *texts)


def _text(amount: int) -> str | None:
    return None if amount == ABSENT else format_e8(amount)
