"""`meva pnl`: what a book of Stages 3 and 4 made, by day and by symbol, adding up to what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import DB, database, reading
from meva_cli.listing import Listing, check_form, form_options
from meva_cli.live_history.asked import head_of, required_live, standing_of, texts, unbooked_words
from meva_cli.options import COUNT, SYMBOL, TIME
from meva_cli.render import as_text, print_json, print_line
from meva_cli.window import moment
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_core.history.fields import Field
    from meva_core.live_history.profit import Span

BY: Final = ("day", "symbol")
COSTS: Final = ("fifo", "average")
_FIFO: Final = {
    "realized": "realized_try",
    "unrealized": "unrealized_try",
    "fees": "fees_try",
    "slippage": "slippage_try",
    "net": "net_try",
}
_AVERAGE: Final = {"avg_realized": "average_realized_try", "avg_unrealized": "average_unrealized_try"}
_AVERAGE_ALONE: Final = {**_AVERAGE, "net": "average_net_try"}
_SPARED: Final = ("fills", "avg_unrealized", "avg_realized", "slippage", "flows")


def _among(names: Sequence[str]) -> Any:
    """Return what reads a comma-separated option whose parts are some of these names."""

    def read(ctx: click.Context, param: click.Parameter, given: str) -> tuple[str, ...]:
        parts = tuple(dict.fromkeys(part.strip() for part in given.split(",") if part.strip()))
        if unknown := [part for part in parts if part not in names]:
            raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(names)}", ctx, param)
        return parts or tuple(names[:1])

    return read


@click.command()
@DB
@click.option(
    "--book", metavar="NAME", help="live, stage3-dry or stage4-dry.  [default: the one of these written last]"
)
@click.option(
    "--by",
    default="day",
    show_default=True,
    metavar="day,symbol",
    callback=_among(BY),
    help="A row for each day, each symbol, or each of both.",
)
@click.option(
    "--cost",
    default="fifo,average",
    show_default=True,
    metavar="fifo,average",
    callback=_among(COSTS),
    help="First in, first out, or average cost, or both.",
)
@click.option("--symbol", type=SYMBOL, help="That of one symbol; goes with --by symbol.")
@click.option("--last", type=COUNT, metavar="N", help="The newest N days only.")
@click.option("--start", type=TIME, help="No cycle before this time.")
@click.option("--end", type=TIME, help="No cycle after this time.")
@form_options
def pnl(
    db: str | None,
    book: str | None,
    by: tuple[str, ...],
    cost: tuple[str, ...],
    symbol: str | None,
    last: int | None,
    start: int | None,
    end: int | None,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show what a book made, and that it adds up: opening + flows + gross - fees - slippage = cash + values.

    First in, first out: realized and unrealized are before fees and slippage, net is after them. Average
    cost: what it calls realized is after them already; the sum is the same to the last digit. Money and coins
    that came or went are no profit. A day (UTC) has what its cycles booked, and ends at the marks of its last
    one; fills of its last seconds are the next day's, where a cycle read them then. Taxes go by the time of
    each fill: `meva export --what tax`.
    """
    url = database(db)
    check_form(form, out, as_json, url)
    if symbol is not None and "symbol" not in by:
        by = (*by, "symbol") if by != ("day",) else ("symbol",)
    with reading(url) as reads:
        listed = required_live(reads, book, url, "profit")
        from meva_core.live_history.orders import unbooked_orders
        from meva_core.live_history.profit import joined, rows_of, spans_of

        standing = standing_of(reads, listed)
        spans = spans_of(reads, standing, texts(), start=moment(start), end=moment(end), last=last)
        if not spans:
            raise BadInput(
                f"book {listed.name} has no cycle yet, and so has made nothing",
                action="`meva positions` shows what it was opened with",
            )
        rows = rows_of(spans, by)
        unbooked = len(unbooked_orders(reads, listed))
    traded = sorted({row["symbol"] for row in rows if "symbol" in row})
    if symbol is not None:
        rows = [row for row in rows if row["symbol"] == symbol]
    head, span = head_of(listed), joined(spans)
    listing = _listing(head, rows, by, cost, _none(listed.name, symbol, traded))
    if form != "table":
        listing.put(form, out, as_json=as_json)
    elif as_json:
        print_json(
            {**head, "by": list(by), "rows": rows, "adds_up": span.document(), "unbooked_orders": unbooked}
        )
    else:
        listing.put(form, out, as_json=False)
        if rows:
            print_line(_before_or_after(cost))
        _say(span)
        if words := unbooked_words(unbooked, listed.name):
            print_line(f"! {words}")


def _none(book: str, symbol: str | None, traded: Sequence[str]) -> str:
    if symbol is None or not traded:
        return f"Book {book} has traded nothing then."
    return f"Book {book} made nothing of {symbol} then, but of {', '.join(traded)}."


def _before_or_after(cost: Sequence[str]) -> str:
    """Return which of the figures are before fees and slippage, and which after."""
    fifo = "realized and unrealized are before fees and slippage, net is after them"
    average = "avg_realized and avg_unrealized are after fees and slippage"
    return f"{'; '.join(([fifo] if 'fifo' in cost else []) + ([average] if 'average' in cost else []))}."


def _listing(
    head: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    by: Sequence[str],
    cost: Sequence[str],
    none: str,
) -> Listing:
    fields = _fields(rows[0] if rows else {})
    columns = {name: name for name in ("day", "symbol") if name in by}
    if "symbol" not in by:
        columns |= {"opening": "opening_try", "flows": "flows_try"}
    columns |= {"fills": "fills"}
    columns |= _FIFO if "fifo" in cost else {}
    columns |= (_AVERAGE if "fifo" in cost else _AVERAGE_ALONE) if "average" in cost else {}
    if "symbol" not in by:
        columns |= {"equity": "equity_try", "return_%": "return_%"}
    spared = [name for name in _SPARED if name in columns]
    records = [tuple(_cell(row, one.name) for one in fields) for row in rows]
    return Listing("rows", head, fields, records, columns, spared, none, int("return_%" in columns.values()))


def _fields(row: Mapping[str, Any]) -> list[Field]:
    from meva_core.history.fields import Field

    kinds = {"day": "text", "symbol": "text", "fills": "integer", "return_ratio": "ratio"}
    names: list[Any] = [Field(name, kinds.get(name, "amount")) for name in row]  # type: ignore[arg-type]
    return [*names, Field("return_%", "amount")] if "return_ratio" in row else names


def _cell(row: Mapping[str, Any], name: str) -> Any:
    if name != "return_%":
        return row[name]
    ratio = row["return_ratio"]
    return None if ratio is None else Decimal(f"{100 * ratio:.2f}") + 0  # no minus before a zero


def _say(span: Span) -> None:
    found = {name: as_text(value) for name, value in span.document().items() if not isinstance(value, dict)}
    print_line()
    if span.flows:
        parts = ", ".join(f"{kind} {as_text(amount)}" for kind, amount in span.document()["flows"].items())
        print_line(f"Flows: {parts}.")
    print_line(
        f"{found['opening_try']} {_plus(found['flows_try'])} flows {_plus(found['gross_try'])} gross "
        f"- {found['fees_try']} fees - {found['slippage_try']} slippage = {found['cash_try']} cash + "
        f"{found['values_try']} values = {found['equity_try']} TRY"
    )
    if before := span.began.before:
        word = "more" if before > 0 else "less"
        print_line(
            f"{found['before_opening_try']} TRY of gross is from before its opening: what was taken over was "
            f"worth that much {word} than it had cost. Returns leave it out."
        )
    began = "its opening" if not span.began.cycle else found["from"]
    print_line(
        f"From {began} to {found['to']}. Average cost makes the same net: {found['average_net_try']} TRY."
    )


def _plus(amount: str) -> str:
    """Return an amount behind the sign that it is added with."""
    return f"- {amount[1:]}" if amount.startswith("-") else f"+ {amount}"
