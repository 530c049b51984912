"""`meva report` of books of Stages 3 and 4: their cycles, one line each, and their figures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from meva_cli.listing import TABLE, Listing, newest_of, say_beside
from meva_cli.live_history.asked import head_of, standing_of, texts
from meva_cli.render import as_text, counted, print_json, print_line
from meva_cli.window import LAST

if TYPE_CHECKING:
    from meva_core.live_history.books import Listed, Standing
    from meva_core.live_history.lines import Totals
    from meva_core.live_history.summary import BookSummary
    from meva_core.ports import Reads

_SHOWN: Final = {
    "time": "ts",
    "stage": "stage",
    "mode": "mode",
    "orders": "orders",
    "canceled": "canceled",
    "fills": "fills",
    "unknown": "unknown",
    "equity_try": "equity_try",
    "day_try": "day_result_try",
    "net_pnl_try": "net_pnl_try",
    "drawdown_%": "drawdown_pct",
    "reason": "reason",
}
_SPARED: Final = ("drawdown_%", "stage", "net_pnl_try", "canceled", "day_try")


def report_book(
    reads: Reads,
    listed: Listed,
    start: datetime | None,
    end: datetime | None,
    last: int | None,
    *,
    as_json: bool,
) -> None:
    """Show the cycles of a window, the newest ones where none was asked for, and what they add up to."""
    from meva_core.live_history.cycles import cycles_in
    from meva_core.live_history.lines import FIELDS, Totals, lines_of
    from meva_core.live_history.orders import canceled_of

    is_cut = (start, end, last) == (None, None, None)
    last = LAST if is_cut else last
    standing, totals = standing_of(reads, listed), Totals()
    cycles = cycles_in(reads, listed, start, end, last)
    records = [one.record(standing) for one in totals.counted(lines_of(reads, standing, cycles))]
    canceled = canceled_of(reads, listed, {name for _, name in cycles})
    if as_json:
        names = [one.name for one in FIELDS]
        documents = [dict(zip(names, record, strict=True)) for record in records]
        shown = [{name: one[name] for name in names[3:]} for one in documents]
        print_json(
            {**head_of(listed), "cycles": shown, "totals": {**totals.document(), "orders_canceled": canceled}}
        )
        return
    Listing("cycles", head_of(listed), FIELDS, records, _SHOWN, _SPARED, "").put(TABLE, None, as_json=False)
    if is_cut:
        say_beside(newest_of(LAST, standing.book.cycles, "cycle"))
    if sys.stdout.isatty():
        print_line()
        for text in totals_lines(standing, totals, canceled):
            print_line(text)


def summary_of_book(reads: Reads, listed: Listed, cash_rate: float) -> BookSummary:
    """Return the figures of a book."""
    from meva_core.live_history.summary import summary_of

    return summary_of(reads, standing_of(reads, listed), texts(), cash_rate=cash_rate)


def totals_lines(standing: Standing, totals: Totals, canceled: int) -> Iterator[str]:
    """Yield what cycles add up to, in words. `canceled` counts their orders that stand so, whoever asked."""
    found = totals.document()
    yield (
        f"Book {standing.name}: {counted(found['cycles'], 'cycle')}, "
        f"{found['cycles_with_orders']} placed orders, {found['cycles_with_fills']} had fills. "
        f"Orders {found['orders']}, canceled {found['canceled']}, fills {found['fills']}, "
        f"rejected {found['rejected']}, unknown {found['unknown']}."
    )
    if canceled > found["canceled"]:
        yield (
            f"Of these orders {canceled} stand as canceled: `meva kill`, --cancel-on-exit and people cancel, "
            "too."
        )
    yield f"Modes: {_counted(found['modes'])}."
    if found["reasons"]:
        yield f"Without an order: {_counted(found['reasons'])}."
    yield (
        f"After the last: equity {as_text(found['equity_try'])} TRY, net PnL "
        f"{as_text(found['net_pnl_try'])}, {as_text(found['drawdown_pct'])} % below its peak."
    )


def _counted(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
