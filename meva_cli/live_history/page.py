"""The HTML report of a book of Stages 3 and 4: figures, pictures, orders and reasons as one page."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from meva_adapters.pages.chart_data import bands, equity_charts, symbol_chart
from meva_adapters.pages.page import Page, Part, Table
from meva_adapters.pictures.live_gathered import gathered_of
from meva_adapters.texts.figures_page import page_lines, span
from meva_adapters.texts.words import counted
from meva_cli.live_history.asked import standing_of, texts
from meva_cli.render import as_text
from meva_cli.reports.page import (
    drawn_symbols,
    equity_part,
    figures_part,
    holdings_part,
    symbols_part,
    texts_of,
    tile,
    trades_part,
)
from meva_core.live_history.cycles import cycles_in, each_opened, opened
from meva_core.live_history.explain import explained
from meva_core.live_history.fills import flows_of
from meva_core.live_history.many import COLUMNS, Many, many_of
from meva_core.live_history.orders import open_orders, unbooked_orders
from meva_core.live_history.profit import rows_of, spans_of
from meva_core.live_history.status import alarm_document
from meva_core.live_history.summary import summary_of

if TYPE_CHECKING:
    from meva_core.live_history.books import Listed, Standing
    from meva_core.ports import Reads

WHY_CYCLES: Final = 1_000
"""Cycles that the reasons are counted over: the newest."""
MOST_FLOWS: Final = 200
TRY: Final = "TRY"


def html_of_book(reads: Reads, listed: Listed, cash_rate: float, db: str | None) -> str:
    """Return the page of a book. `db` is how its database was named on the command line."""
    standing = standing_of(reads, listed)
    summary = summary_of(reads, standing, texts(), cash_rate=cash_rate)
    told, document = gathered_of(reads, summary, texts()), summary.document()
    drawn = drawn_symbols(told)
    names = cycles_in(reads, listed, last=WHY_CYCLES)
    many = many_of(map(explained, each_opened(reads, listed, texts(), names)))
    lines = dict(page_lines(document))
    recheck = shlex.join(["meva", "recheck", *(["--db", db] if db else []), "--book", listed.name])
    return Page(
        title=f"Book {listed.name}",
        subtitle=span(document),
        notes=lines.pop("Assumed", ()),
        tiles=[tile(name, parts) for name, parts in lines.items()],
        parts=[
            *_standing(reads, standing),
            equity_part(summary.months, told, TRY, "By month (UTC), as if nothing had come or gone"),
            _profit(reads, standing),
            symbols_part(document, told, drawn, TRY),
            holdings_part(told, TRY),
            trades_part(summary.trips, TRY),
            _flows(reads, listed),
            _why(many, len(summary.points)),
            figures_part(document),
            _origin(reads, standing, recheck),
        ],
        charts=equity_charts(told, TRY) | {name: symbol_chart(told, name, TRY) for name in drawn},
        bands=bands(told),
    ).html()


def _standing(reads: Reads, standing: Standing) -> list[Part]:
    """Return what wants a person, if anything does: open alarms, and orders that are not settled."""
    alarms = [alarm_document(alarm) for alarm in standing.book.alarms]
    orders = [one for one in open_orders(reads, standing.listed) if one.attention]
    known = {one.key for one in orders}
    orders += [one for one in unbooked_orders(reads, standing.listed) if one.key not in known]
    if not alarms and not orders:
        return []
    columns = ("alarm", "since", "mode", "means", "ends")
    return [
        Part(
            "attention",
            "What wants a person",
            "docs/live.md says of each alarm what to do.",
            tables=[
                Table(
                    "Alarms that are open",
                    columns,
                    texts_of([one[name] for name in columns] for one in alarms),
                ),
                Table(
                    "Orders that are not settled",
                    ["made", "symbol", "side", "price", "quantity", "status", "which means"],
                    texts_of(
                        [one.created, one.symbol, one.side, one.price, one.qty, one.status, one.attention]
                        for one in orders
                    ),
                    (3, 4),
                ),
            ],
        )
    ]


def _profit(reads: Reads, standing: Standing) -> Part:
    rows = rows_of(spans_of(reads, standing, texts()), ("day",))
    names = (
        "day", "opening_try", "flows_try", "fills", "gross_try", "fees_try", "slippage_try", "net_try",
        "average_realized_try", "average_unrealized_try", "equity_try",
    )  # fmt: skip
    heads = [name.removesuffix("_try").replace("_", " ") for name in names]
    return Part(
        "profit",
        "Profit by day",
        "Opening + flows + gross - fees - slippage = equity, to the last digit. Gross is first in, first "
        "out, before fees and slippage; average cost makes the same net of other parts, which are after "
        "them.",
        tables=[
            Table(
                f"By day (UTC), {TRY}",
                heads,
                texts_of([row[name] for name in names] for row in rows),
                range(1, len(names)),
                folded=len(rows) > 31,
            )
        ],
    )


def _flows(reads: Reads, listed: Listed) -> Part:
    rows = [row for row in flows_of(reads, listed) if row[5] != "rounding"]
    shown = [[row[3], row[5], row[6], row[7], row[8], row[9]] for row in rows[-MOST_FLOWS:]]
    return Part(
        "flows",
        "What came and went",
        "Money and coins that moved otherwise than by a trade of Meva's: neither profit nor loss. What is "
        "not proven was booked from the balance alone.",
        tables=[
            Table(
                "Flows" if len(shown) == len(rows) else f"The newest {len(shown)} of {len(rows)} flows",
                ["time", "kind", "asset", "amount", f"value, {TRY}", "proven"],
                texts_of(shown),
                (3, 4),
                folded=len(shown) > 12,
            )
        ],
    )


def _why(many: Many, total: int) -> Part:
    which = (
        counted(many.cycles, "cycle")
        if many.cycles >= total
        else f"the newest {many.cycles} of {counted(total, 'cycle')}"
    )
    return Part(
        "why",
        "Why it did not trade more",
        f"Of {which} {many.ordered} decided on orders and {many.cycles - many.ordered} did not.",
        tables=[Table("Reasons", COLUMNS, texts_of(many.rows()), (3,))],
    )


def _origin(reads: Reads, standing: Standing, recheck: str) -> Part:
    newest = cycles_in(reads, standing.listed, last=1)[0][1]
    cycle = opened(reads, standing.listed, texts(), newest)
    strategies = [[one.id, one.weight, one.identity.get("version", "")] for one in cycle.inputs.strategies]
    settings: Mapping[str, Any] = {name: cycle.settings[name] for name in sorted(cycle.settings)}
    return Part(
        "origin",
        "Settings and proof",
        f"Run {standing.book.run}, Meva {cycle.code_version}. To decide its cycles again: {recheck}",
        tables=[
            Table(
                "Strategies of the last cycle", ["strategy", "weight", "version"], texts_of(strategies), (1,)
            ),
            Table(
                "Settings of the last cycle",
                ["name", "value"],
                [[name, as_text(value)] for name, value in settings.items()],
                folded=True,
            ),
        ],
    )
