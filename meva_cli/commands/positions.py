"""`meva positions`: what a run or a book holds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import click

from meva_cli.database import DB, database, reading
from meva_cli.options import SYMBOL, json_option
from meva_cli.render import as_text, print_json, print_line, print_table
from meva_cli.runs import run_option
from meva_cli.summary import asked_account, assumed_data, say_assumed

_SHOWN: Final = {
    "symbol": "symbol",
    "qty": "qty",
    "lots": "lots",
    "average_cost": "average_cost_try",
    "mark": "mark_try",
    "value": "value_try",
    "unrealized": "unrealized_try",
}


@click.command()
@DB
@run_option
@click.option("--book", metavar="NAME", help="The last run of this book.")
@click.option("--symbol", type=SYMBOL, help="That of one symbol.")
@json_option
def positions(
    db: str | None, run_id: str | None, book: str | None, symbol: str | None, as_json: bool
) -> None:
    """Show what is held after the last cycle, the largest first.

    The average cost is what was paid for one unit of what is held, with fees, and unrealized is what it is
    worth above that at its valuation mark. The ledger's unrealized profit, of which `meva report --summary`
    shows the sum, is before fees and slippage.
    """
    from meva_adapters.codec import CODEC
    from meva_core.stages.positions import positions_of

    with reading(database(db)) as reads:
        account = asked_account(reads, run_id, book)
        say_assumed(account)
        found = positions_of(reads, account.runs[-1], CODEC).document()
    if symbol is not None:
        found["positions"] = [one for one in found["positions"] if one["symbol"] == symbol]
    if as_json:
        print_json({"book": account.book, "assumed": assumed_data(account), **found})
    else:
        _print(found)


def _print(found: Mapping[str, Any]) -> None:
    share = found["cash_try"] / found["equity_try"] if found["equity_try"] else None
    rows = [
        [*(one[name] for name in _SHOWN.values()), _percent(one["share_ratio"])] for one in found["positions"]
    ]
    if rows:
        print_table([*_SHOWN, "share_%"], rows)
    cash, equity = as_text(found["cash_try"]), f"{as_text(found['equity_try'])} {found['quote']}"
    part = "" if share is None else f", {_percent(share)} % of it"
    held = "" if rows else "Nothing is held. "
    print_line(f"{held}Cash {cash} of an equity of {equity}{part}, after {as_text(found['ts'])}.")


def _percent(ratio: float | Decimal | None) -> Decimal | None:
    return None if ratio is None else Decimal(f"{100 * ratio:.2f}")
