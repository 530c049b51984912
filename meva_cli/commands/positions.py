"""`meva positions`: what a run or a book holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import DB, database, reading
from meva_cli.listing import TABLE, Listing, check_form, form_options
from meva_cli.live_history.asked import BOOK, asked_live, standing_of, unbooked_words
from meva_cli.options import SYMBOL
from meva_cli.render import as_text, print_json, print_line
from meva_cli.runs import run_option
from meva_cli.summary import asked_account, assumed_data, say_assumed

if TYPE_CHECKING:
    from meva_core.live_history.books import Listed
    from meva_core.ports import Reads

_SHOWN: Final = {
    "symbol": "symbol",
    "qty": "qty",
    "lots": "lots",
    "average_cost": "average_cost_try",
    "mark": "mark_try",
    "value": "value_try",
    "unrealized": "unrealized_try",
    "share_%": "share_%",
}
_ON_ORDER: Final = {"buying": "buying_qty", "selling": "selling_qty"}
_NOT_AMOUNTS: Final = {
    "symbol": "text",
    "valued_at": "text",
    "lots": "integer",
    "share_ratio": "ratio",
    "mark_age_seconds": "integer",
}


@click.command()
@DB
@run_option
@BOOK
@click.option("--symbol", type=SYMBOL, help="That of one symbol.")
@form_options
def positions(
    db: str | None,
    run_id: str | None,
    book: str | None,
    symbol: str | None,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show what is held after the last cycle, the largest first.

    The average cost is what was paid for one unit of what is held, with fees, and unrealized is what it is
    worth above that at its valuation mark. The ledger's unrealized profit, of which `meva report --summary`
    shows the sum, is before fees and slippage.

    Of a book of Stages 3 and 4 it also shows what open orders may still bring or take, and the coins of the
    account that are not the book's: Meva counts them for nothing and never sells them. What its last cycle
    had no mark of counts at the cost of its lots, as in equity, and a line says so.
    """
    url = database(db)
    check_form(form, out, as_json, url)
    with reading(url) as reads:
        if run_id is not None and book is not None:
            asked_account(reads, run_id, book)  # refuses both
        listed = asked_live(reads, book, run_id)
        found = _of_account(reads, run_id, book) if listed is None else _of_book(reads, listed)
    held = [one["symbol"] for one in found["positions"]]
    if symbol is not None:
        found["positions"] = [one for one in found["positions"] if one["symbol"] == symbol]
    if form == TABLE and as_json:
        print_json(found)
        return
    if form != TABLE:
        _listing(found).put(form, out, as_json=as_json)
        return
    if found["positions"]:
        _listing(found).put(form, out, as_json=False)
    _say(found, symbol, held)


def _of_account(reads: Reads, run_id: str | None, book: str | None) -> dict[str, Any]:
    from meva_adapters.codec import CODEC
    from meva_core.stages.positions import positions_of

    account = asked_account(reads, run_id, book)
    say_assumed(account)
    found = positions_of(reads, account.runs[-1], CODEC).document()
    return {"book": account.book, "assumed": assumed_data(account), **found}


def _of_book(reads: Reads, listed: Listed) -> dict[str, Any]:
    from meva_core.live_history.orders import open_orders, unbooked_orders
    from meva_core.live_history.positions import positions_of

    found = positions_of(standing_of(reads, listed), open_orders(reads, listed))
    return {**found, "unbooked_orders": len(unbooked_orders(reads, listed))}


def _listing(found: Mapping[str, Any]) -> Listing:
    from meva_core.history.fields import Field

    rows = [
        {name: value for name, value in one.items() if name != "open_lots"} | {"share_%": _percent(one)}
        for one in found["positions"]
    ]
    fields: list[Any] = [Field(name, _NOT_AMOUNTS.get(name, "amount")) for name in (rows or [{}])[0]]  # type: ignore[arg-type]
    shown = {**_SHOWN, **(_ON_ORDER if any(one.name in _ON_ORDER.values() for one in fields) else {})}
    return Listing(
        what="positions",
        head={"book": found["book"], "run_id": found["run_id"]},
        fields=fields,
        records=[tuple(row.values()) for row in rows],
        shown=shown,
        spared=["buying", "selling", "lots"],
        none="",
        for_people=1,
    )


def _say(found: Mapping[str, Any], symbol: str | None, every: Sequence[str]) -> None:
    share = found["cash_try"] / found["equity_try"] if found["equity_try"] else None
    cash, equity = as_text(found["cash_try"]), f"{as_text(found['equity_try'])} {found['quote']}"
    part = "" if share is None else f", {Decimal(f'{100 * share:.2f}')} % of it"
    after = "at its opening" if found["ts"] is None else f"after {as_text(found['ts'])}"
    held = "" if found["positions"] else "Nothing is held. "
    if held and every:
        held = f"Nothing is held of {symbol}; held are {', '.join(sorted(every))}. "
    if found["positions"]:
        print_line("Average cost has the fees and the slippage of the buys in it: unrealized is after them.")
    print_line(f"{held}Cash {cash} of an equity of {equity}{part}, {after}.")
    if found.get("others"):
        coins = ", ".join(f"{as_text(one['qty'])} {one['asset']}" for one in found["others"])
        print_line(f"Not the book's, and never sold: {coins}.")
    if at_cost := [one["symbol"] for one in found["positions"] if one.get("valued_at") == "cost"]:
        verb = "has no mark, and counts" if len(at_cost) == 1 else "have no mark, and count"
        print_line(f"{', '.join(at_cost)} {verb} at the cost of the lots, as in equity.")
    if words := unbooked_words(found.get("unbooked_orders", 0), found["book"]):
        print_line(f"! {words}")


def _percent(one: Mapping[str, Any]) -> Decimal | None:
    ratio: float | Decimal | None = one["share_ratio"]
    return None if ratio is None else Decimal(f"{100 * ratio:.2f}")
