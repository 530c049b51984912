"""Books, orders and fills as the tests of the live book write them: amounts as text."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from meva_core.amounts import parse_e8
from meva_core.live.standing import Standing
from meva_core.live_book.attribution import Ours
from meva_core.live_book.balances import explained
from meva_core.live_book.batch import Batch, BatchBooked, book_batch
from meva_core.live_book.book import Booked, LiveBook
from meva_core.live_book.ledger import Ledger, faults, fold
from meva_core.live_book.opening import Position, Read, opened
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import Posting
from meva_core.live_book.readings import Reading, reading_of
from meva_core.orders import Side
from meva_core.venue import Balance, VenueFill, VenueFlow

SECOND = 10**6
OPENED = 1_760_000_000 * SECOND
ACCOUNT = "0123456789abcdef"
MARKS = {"BTCTRY": 3_000 * 10**8}
_IDS = count(1)


def balances(**totals: str) -> dict[str, Balance]:
    return {asset: Balance(asset, Decimal(total), Decimal(0)) for asset, total in totals.items()}


def a_book(
    cash: str = "100000", positions: Mapping[str, Position] | None = None, marks: Any = None, **coins: str
) -> LiveBook:
    read = Read(OPENED, balances(TRY=cash, **coins))
    return opened("live", ACCOUNT, read, marks or {}, positions)


def an_order(
    side: Side = Side.BUY,
    qty: str = "1",
    price: str = "100",
    mark: str | None = None,
    symbol: str = "BTCTRY",
    standing: Standing = Standing.OPEN,
    **more: Any,
) -> OwnOrder:
    more.setdefault("order_id", str(next(_IDS) + 25_000_000_000))
    decided = None if mark is None else parse_e8(mark)
    return OwnOrder(symbol, side, Decimal(price), Decimal(qty), standing, mark=decided, **more)


def a_fill(
    qty: str,
    price: str,
    fee: str = "0",
    side: Side = Side.BUY,
    after: float = 10,
    order: OwnOrder | None = None,
    **more: Any,
) -> VenueFill:
    """A fill of `order`, or of nobody's that we know, some seconds after the opening."""
    more.setdefault("fill_id", str(next(_IDS) + 1_181_163_798_900_000_000))
    more.setdefault("order_id", "7" if order is None else order.order_id)
    more.setdefault("client_id", None if order is None else order.client_id)
    more.setdefault("fee_asset", "TRY")
    more.setdefault("symbol", "BTCTRY" if order is None else order.symbol)
    side = side if order is None else order.side
    amounts = Decimal(price), Decimal(qty), Decimal(fee)
    return VenueFill(
        more.pop("fill_id"), more.pop("order_id"), more.pop("client_id"), more.pop("symbol"), side, *amounts,
        more.pop("fee_asset"), OPENED + int(after * SECOND), **more,
    )  # fmt: skip


def book_fills(
    book: LiveBook,
    *fills: VenueFill,
    orders: tuple[OwnOrder, ...] = (),
    marks: Mapping[str, int] | None = None,
    known: tuple[VenueFill, ...] = (),
    now: float = 20,
    asked: bool = True,
) -> BatchBooked:
    """Book fills of one symbol as one read brought them."""
    ours = Ours(orders, accepted=book.accepted)
    symbol = fills[0].symbol if fills else "BTCTRY"
    there = {fill.fill_id: fill for fill in known}
    batch = Batch(symbol, fills, there, asked, OPENED + int(now * SECOND))
    return book_batch(book, batch, ours, marks or {})


def e8(text: str) -> int:
    return parse_e8(text)


def check_laws(opening: Ledger, postings: list[Posting], book: LiveBook, marks: Mapping[str, int]) -> None:
    """I5 to I7, I18, I19, I21: what must hold after every step."""
    assert faults(book.ledger, marks) == []
    assert fold(opening, postings) == book.ledger
    assert all(holding.qty >= 0 for holding in book.ledger.holdings.values())
    rows = [posting.id for posting in postings]
    assert len(rows) == len(set(rows))


def codes(booked: Booked) -> list[str]:
    return [str(alarm.code) for alarm in booked.alarms]


def at(seconds: float) -> int:
    return OPENED + int(seconds * SECOND)


def reading(book: LiveBook, seconds: float, **totals: str) -> Reading:
    return reading_of(book, balances(**totals), at(seconds))


def read(
    book: LiveBook, seconds: float, *listed: VenueFlow, marks: dict[str, int] = MARKS, **totals: str
) -> Booked:
    return explained(book, reading(book, seconds, **totals), listed, marks, at(seconds))


def reads(book: LiveBook, *times: float, **totals: str) -> list[Booked]:
    """The same balances at several times."""
    found = []
    for time in times:
        found.append(read(book, time, **totals))
        book = found[-1].book
    return found


def listed(name: str, asset: str, amount: str, after: float, fee: str = "0") -> VenueFlow:
    return VenueFlow(name, asset, Decimal(amount), Decimal(fee), at(after))


def holding_book(qty: str = "1", price: str = "2000") -> LiveBook:
    """A book that bought BTC, with balances that agree with it."""
    order = an_order(qty=qty, price=price)
    came = book_fills(a_book("10000"), a_fill(qty, price, order=order), orders=(order,), marks=MARKS)
    cash = Decimal(10000) - Decimal(qty) * Decimal(price)
    return read(came.booked.book, 15, TRY=f"{cash:f}", BTC=qty).book
