"""How a book begins: an account's name, what is there, and whose of it is the book's.

TRY is counted whole; coins are the book's only as far as an adoption says so, the rest is foreign. What is
there has to be seen twice, 30 s apart, alike and with no fill between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Final

from attrs import evolve, field, frozen

from meva_core.amounts import E6
from meva_core.ids import live_run_id
from meva_core.live.booking import units
from meva_core.live_book.book import LiveBook
from meva_core.live_book.documents import e8
from meva_core.live_book.figures import begun
from meva_core.live_book.holdings import Holding, Lot
from meva_core.live_book.ledger import DAY_MICROS, QUOTE, Ledger, Marks, symbol_of
from meva_core.venue import Balance

LIVE: Final = "live"
"""The book of Stages 3 and 4 together."""
APART_MICROS: Final = 30 * E6
_LETTERS: Final = 16


@frozen
class Position:
    """What a book begins with of a symbol: lots, oldest first, and what was paid for them."""

    lots: tuple[Lot, ...] = ()
    paid: int = e8(0)

    @property
    def qty(self) -> int:
        """How much that is."""
        return sum(lot.qty for lot in self.lots)


@frozen
class Read:
    """Balances as they were read at a time, in microseconds of the exchange's clock."""

    ts: int
    balances: Mapping[str, Balance] = field(repr=False)


def account_of(api_key: str) -> str:
    """Return the name of an account: it tells accounts apart and gives nothing of the key away."""
    return hashlib.sha256(api_key.encode()).hexdigest()[:_LETTERS]


def admitted(book: LiveBook, account: str, *, knows_an_order: bool = False) -> LiveBook | None:
    """Return the book for an account that may trade it, None for another one.

    One that knows an order of the book's by its number at the exchange is the same account under another key,
    and so is one that a person has accepted: it is added.
    """
    if account in book.accounts:
        return book
    if knows_an_order or f"other_account:{account}" in book.accepted:
        return evolve(book, accounts=(*book.accounts, account))
    return None


def agree(first: Read, second: Read, *, filled: bool) -> bool:
    """Whether two reads say what is there: alike, far enough apart, with TRY among it and no fill between."""
    alike = {asset: balance.total for asset, balance in first.balances.items() if balance.total} == {
        asset: balance.total for asset, balance in second.balances.items() if balance.total
    }
    return alike and not filled and QUOTE in first.balances and second.ts - first.ts >= APART_MICROS


def opened(
    name: str, account: str, read: Read, marks: Marks, positions: Mapping[str, Position] | None = None
) -> LiveBook:
    """Return the book of an account that holds what was read; `positions` are what of it is the book's, by
    symbol. Its peak is its equity."""
    taken = positions or {}
    ledger = opening_ledger(units_down(read.balances[QUOTE]), taken)
    ledger = evolve(ledger, foreign=_foreign(read.balances, taken))
    return LiveBook(
        name=name,
        run=live_run_id(name, account, read.ts // E6),
        opened=read.ts,
        accounts=(account,),
        ledger=ledger,
        figures=begun(ledger.equity(marks), read.ts // DAY_MICROS),
        bases={
            symbol_of(asset): read.balances[asset].total for asset in sorted(read.balances.keys() - {QUOTE})
        },
    )


def opening_ledger(cash: int, positions: Mapping[str, Position]) -> Ledger:
    """Return the books before their first posting."""
    holdings = {
        symbol: Holding(qty=position.qty, lots=position.lots, paid=position.paid)
        for symbol, position in sorted(positions.items())
        if position.qty
    }
    cost = sum(holding.cost for holding in holdings.values())
    return Ledger(opening_cash=cash, opening_cost=cost, cash=cash, holdings=holdings)


def units_down(balance: Balance) -> int:
    """Return a balance's total in e8, rounded down."""
    return units(balance.total, "ROUND_FLOOR")


def _foreign(balances: Mapping[str, Balance], taken: Mapping[str, Position]) -> dict[str, int]:
    """Return what of each asset is beyond the book."""
    beyond: dict[str, int] = {}
    for asset in sorted(balances.keys() - {QUOTE}):
        ours: Collection[Lot] = taken.get(symbol_of(asset), Position()).lots
        rest = units_down(balances[asset]) - sum(lot.qty for lot in ours)
        if rest > 0:
            beyond[asset] = rest
    return beyond
