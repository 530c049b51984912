"""The HTML report of a run or a book: its figures, pictures and tables, put together as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from meva_adapters.pages.chart_data import bands, equity_charts, symbol_chart
from meva_adapters.pages.page import Page, Part, Shown, Table, Tile
from meva_adapters.pictures.charts import (
    candles_chart,
    costs_chart,
    equity_chart,
    holdings_chart,
    results_chart,
)
from meva_adapters.pictures.gathered import Gathered
from meva_adapters.texts.figures_page import SYMBOL_COLUMNS, SYMBOLS_NOTE, page_lines, span, symbol_rows
from meva_adapters.texts.summary_document import summary_document
from meva_adapters.texts.why_page import CYCLE_COLUMNS, cycle_rows
from meva_adapters.texts.why_page import SYMBOL_COLUMNS as REASON_COLUMNS
from meva_adapters.texts.why_page import symbol_rows as reason_rows
from meva_adapters.texts.words import counted, signed
from meva_cli.render import as_text
from meva_core.amounts import E8, to_decimal

if TYPE_CHECKING:
    from meva_core.figures.trips import RoundTrip
    from meva_core.history.explain_many import Many
    from meva_core.history.words import Telling
    from meva_core.stages.accounts import Account
    from meva_core.stages.summary import Retold

_ROUND_TRIP: Final = (
    "A round trip is a sell order that filled, and the lots that it took, first in, first out; fees of both "
    "are in its result."
)
MOST_TRIPS: Final = 200
"""Round trips that the page lists: those with the largest results."""
MOST_SYMBOLS: Final = 24
"""Symbols that are drawn: those that turned over most."""
WHY_CYCLES: Final = 5_000
"""Cycles that the reasons are counted over: the newest."""


def report_page(
    retold: Retold,
    told: Gathered,
    many: Many | None,
    telling: Telling,
    changed: Mapping[str, Any],
    prove: str,
) -> Page:
    """Return the page. `many` are the reasons of the newest cycles, None where they cannot be told, and
    `telling` is what is known around them; `changed` are settings that are not the defaults; `prove` is the
    command that proves it."""
    summary = retold.summary
    document, account, quote = summary_document(summary), summary.account, summary.quote
    drawn = drawn_symbols(told)
    charts = equity_charts(told, quote) | {name: symbol_chart(told, name, quote) for name in drawn}
    lines = dict(page_lines(document))
    return Page(
        title=f"Book {account.book}" if account.book else f"Run {account.runs[-1]['run_id']}",
        subtitle=span(document),
        notes=lines.pop("Assumed", ()),
        tiles=[tile(name, parts) for name, parts in lines.items()],
        parts=[
            equity_part(retold.months, told, quote),
            symbols_part(document, told, drawn, quote),
            holdings_part(told, quote),
            trades_part(retold.trips, quote),
            *([] if many is None else [_why(many, telling, account)]),
            figures_part(document),
            _origin(account, changed, prove),
        ],
        charts=charts,
        bands=bands(told),
    )


def equity_part(
    months: Sequence[tuple[str, int, int]], told: Gathered, quote: str, caption: str = "By month (UTC)"
) -> Part:
    """Return the section of equity; `months` are UTC months with the equity before and at their end, e8."""
    rows = [
        [month, _amount(before), _amount(after), _percent(after, before)] for month, before, after in months
    ]
    return Part(
        "equity-part",
        "Equity",
        "Equity after each cycle, and how far it was below its highest so far. Yellow are times in "
        "REDUCE_RISK_ONLY, grey those in OBSERVE_ONLY.",
        [Shown(equity_chart(told, quote), ("equity", "fall"))],
        [Table(caption, ["month", f"began, {quote}", f"ended, {quote}", "%"], rows, (1, 2, 3))],
    )


def symbols_part(document: Mapping[str, Any], told: Gathered, drawn: Sequence[str], quote: str) -> Part:
    """Return the section of symbols, of which some are drawn."""
    rows = texts_of(symbol_rows(document))
    pictures = [Shown(candles_chart(told, symbol, quote, f"symbol-{symbol}"), (symbol,)) for symbol in drawn]
    left = len(told.marks) - len(drawn)
    return Part(
        "symbols",
        "Symbols",
        f"{SYMBOLS_NOTE} Marks as candles, with the fills at their prices."
        + (
            f" {counted(left, 'symbol')} without a fill, or of the least turnover, "
            f"{'is' if left == 1 else 'are'} not drawn."
            if left
            else ""
        ),
        pictures,
        [Table(f"What each symbol did, {quote}", SYMBOL_COLUMNS, rows, range(1, len(SYMBOL_COLUMNS)))],
    )


def holdings_part(told: Gathered, quote: str) -> Part:
    """Return the section of what was held, and what it cost."""
    pictures = [Shown(holdings_chart(told, quote)), Shown(costs_chart(told, quote))]
    return Part("holdings-part", "Holdings and costs", pictures=pictures)


def trades_part(trips: Sequence[RoundTrip], quote: str) -> Part:
    """Return the section of round trips."""
    if not trips:
        return Part("trades", "Round trips", f"None: nothing was sold. {_ROUND_TRIP}")
    largest = sorted(trips, key=lambda trip: -abs(trip.result))[:MOST_TRIPS]
    listed = sorted(largest, key=lambda trip: (trip.closed, trip.order))
    which = (
        "All"
        if len(listed) == len(trips)
        else f"The {len(listed)} with the largest results of all {len(trips)}"
    )
    table = Table(
        f"{which} round trips, {quote}",
        ["symbol", "opened", "closed", "quantity", "cost", "proceeds", "result", "%", "sold because"],
        [
            [
                trip.symbol,
                "" if trip.opened is None else _moment(trip.opened),
                _moment(trip.closed),
                _amount(trip.qty),
                _amount(trip.cost),
                _amount(trip.notional - trip.fee),
                _amount(trip.result),
                "" if trip.share is None else signed(100 * trip.share),
                trip.reason,
            ]
            for trip in listed
        ],
        (3, 4, 5, 6, 7),
        folded=len(listed) > 12,
    )
    return Part(
        "trades",
        "Round trips",
        _ROUND_TRIP,
        [Shown(results_chart([trip.result / E8 for trip in trips], quote))],
        [table],
    )


def _why(many: Many, telling: Telling, account: Account) -> Part:
    total = sum(row["cycles"] for row in account.runs)
    which = (
        counted(total, "cycle")
        if many.cycles >= total
        else f"the newest {many.cycles} of {counted(total, 'cycle')}"
    )
    runs = f" of its {len(account.runs)} runs" if len(account.runs) > 1 else ""
    tables = [
        Table("Rules for the whole cycle", CYCLE_COLUMNS, texts_of(cycle_rows(many, telling)), (1, 2)),
        Table("By symbol", REASON_COLUMNS, texts_of(reason_rows(many, telling)), (3, 4), folded=True),
    ]
    return Part(
        "why",
        "Why it did not trade more",
        f"Of {which}{runs} {many.cycles - many.idle} placed orders and {many.idle} did not. Each rule is "
        "told at the cycle in which it came nearest to letting go.",
        tables=tables,
    )


def texts_of(rows: Iterable[Sequence[object]]) -> list[list[str]]:
    """Return rows as texts."""
    return [[as_text(cell) for cell in row] for row in rows]


def figures_part(document: Mapping[str, Any]) -> Part:
    """Return the section of all figures."""
    undefined = document["undefined"]
    rows = [[name, _value(value, undefined.get(name))] for name, value in _scalars(document)]
    return Part(
        "figures",
        "Figures",
        "Each as docs/reference/figures.md defines it, amounts exact; what is not defined says why.",
        tables=[Table("All figures", ["figure", "value"], rows, folded=True)],
    )


def _scalars(document: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping) and name != "undefined":
            yield from _scalars(value, f"{within}{name}.")
        elif not isinstance(value, list | tuple | Mapping):
            yield f"{within}{name}", value


def _origin(account: Account, changed: Mapping[str, Any], prove: str) -> Part:
    runs = [
        [
            row["run_id"],
            as_text(row["start_ts"]),
            as_text(row["last_ts"]),
            str(row["cycles"]),
            row["dataset"],
            row["dataset_sha256"] or "",
            row["code_version"] or "",
            row["fingerprint"] or "",
        ]
        for row in account.runs
    ]
    columns = ["run", "from", "to", "cycles", "data", "data SHA-256", "version", "fingerprint"]
    return Part(
        "origin",
        "Settings, data and proof",
        f"Fingerprint {account.runs[-1]['fingerprint']}. To decide every cycle again and compare: {prove}",
        tables=[
            Table("Runs", columns, runs, (3,)),
            Table(
                "Settings that are not the defaults",
                ["name", "value"],
                [[name, as_text(value)] for name, value in changed.items()],
            ),
        ],
    )


# -- Words --------------------------------------------------------------------------------------------


def tile(name: str, parts: Sequence[str]) -> Tile:
    """Return a line of the page of figures as a tile: its first number stands out; of equity, the return."""
    if name == "Equity" and len(parts) > 1:
        return Tile(name, parts[1], "; ".join((parts[0], *parts[2:])))
    value, between, rest = parts[0].partition(" = " if " = " in parts[0] else ", ")
    return Tile(name, value, "; ".join(filter(None, (rest, *parts[1:]))) if between else "; ".join(parts[1:]))


def drawn_symbols(told: Gathered) -> list[str]:
    """Return the symbols that are drawn, sorted."""
    turned: dict[str, int] = {}
    for fill in told.fills:
        turned[fill.symbol] = turned.get(fill.symbol, 0) + fill.notional
    return sorted(sorted(turned, key=lambda symbol: (-turned[symbol], symbol))[:MOST_SYMBOLS])


def _value(value: Any, why: str | None) -> str:
    if value is None:
        return f"- ({why.replace('_', ' ')})" if why else "-"
    return as_text(value)


def _amount(e8: int) -> str:
    return as_text(to_decimal(e8))


def _percent(after: int, before: int) -> str:
    return "" if not before else signed(Decimal(after - before) / Decimal(before) * 100)


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
