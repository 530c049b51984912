"""The live book over a real account: what the exchange says of orders, fills, flows and balances is booked,
and both agree to the last digit."""

from __future__ import annotations

from uuid import uuid4

from attrs import evolve
from desk_parts import desk_over, store
from exchange_contract import MICROS, new_order, wait_for_fills
from local_exchange import LocalExchange
from usable_funds import to_sell

from meva_adapters.btcturk import Btcturk
from meva_adapters.sql.store import SqlStore
from meva_core.amounts import parse_e8
from meva_core.ids import client_id, cycle_id
from meva_core.live.live_orders import records
from meva_core.live.owner import ACCOUNT
from meva_core.live.watch import load
from meva_core.live_book.attribution import Ours
from meva_core.live_book.balances import explained, flows_window, gaps, needs_flows
from meva_core.live_book.batch import Batch, BatchBooked, book_batch
from meva_core.live_book.book import LiveBook
from meva_core.live_book.complete import looked_at
from meva_core.live_book.ledger import faults, fold
from meva_core.live_book.opening import Read, account_of, opened
from meva_core.live_book.own_orders import OwnOrder, own_order
from meva_core.live_book.postings import Kind
from meva_core.live_book.readings import reading_of
from meva_core.live_book.windows import first_cursor, window
from meva_core.orders import Side

__all__ = ["store"]

MARKS = {"BTCTRY": parse_e8("3000000")}


def the_book(btcturk: Btcturk, local: LocalExchange) -> LiveBook:
    assert btcturk.account is not None
    key = local.environment["BTCTURK_API_KEY"]
    read = Read(btcturk.market.now(), btcturk.account.balances())
    return opened("live", account_of(key), read, MARKS)


def own_orders(store: SqlStore) -> list[OwnOrder]:
    with store.read() as view:
        watches = load(view, ACCOUNT)
        return [
            own_order(record, watches.of(record), (), mark=MARKS["BTCTRY"])
            for record in records(view, ACCOUNT)
        ]


def read_fills(btcturk: Btcturk, book: LiveBook, orders: list[OwnOrder]) -> BatchBooked:
    assert btcturk.account is not None
    start, end = window(first_cursor(book, orders), 30, btcturk.market.now() + MICROS)
    fills = [fill for fill in btcturk.account.fills("BTCTRY", start, end) if fill.ts >= book.opened]
    ours = Ours(tuple(orders), frozenset({book.run}), end // MICROS)
    return book_batch(book, Batch("BTCTRY", tuple(fills), {}, True, end), ours, MARKS)


def test_own_and_foreign_trades_and_flows_are_booked_and_the_exchange_agrees(
    local: LocalExchange, btcturk: Btcturk, store: SqlStore
) -> None:
    assert btcturk.account is not None
    assert btcturk.venue is not None
    desk, key = desk_over(btcturk, store), local.environment["BTCTURK_API_KEY"]
    book = the_book(btcturk, local)
    opening = book.ledger

    crossing = new_order(btcturk.market, btcturk.rules, "1.01")
    name = client_id(cycle_id(book.run, book.opened // MICROS), "BTCTRY", Side.BUY, 0).replace("s7:", "s4:")
    placed = desk.place(evolve(crossing, client_id=name)).record
    by_hand = evolve(crossing, client_id=f"web-{uuid4().hex[:12]}", qty=crossing.qty * 2)
    other = btcturk.venue.submit(by_hand)
    assert placed is not None
    assert placed.order_id is not None
    for number, qty in ((placed.order_id, crossing.qty), (other.order_id, by_hand.qty)):
        wait_for_fills(btcturk.account, number, qty)
    desk.settle()

    came = read_fills(btcturk, book, own_orders(store))
    kinds = {posting.kind for posting in came.booked.postings}
    assert kinds == {Kind.BUY, Kind.FOREIGN_BUY}
    assert came.booked.alarms == ()
    (order,) = came.ours.orders
    book, order = looked_at(came.booked.book, order, btcturk.market.now())
    assert order.complete
    assert book.ledger.holding("BTCTRY").qty == parse_e8(crossing.qty)

    local.control("POST", "transfers", key=key, asset="TRY", amount="250.5")
    local.control("POST", "transfers", key=key, asset="TRY", amount="-100", listed_after_ms=None)
    balances = btcturk.account.balances()
    reading = reading_of(book, balances, btcturk.market.now())
    assert needs_flows(book, reading)
    postings = list(came.booked.postings)
    for after in (60, 120, 180):
        now = btcturk.market.now() + after * MICROS
        flows = btcturk.account.flows(*flows_window(book, now))
        done = explained(book, reading, flows, MARKS, now)
        book, postings = done.book, [*postings, *done.postings]
    assert {asset: gap for asset, gap in gaps(book, balances).items() if gap} == {}
    flowed = [one for one in postings if one.kind in (Kind.DEPOSIT, Kind.WITHDRAWAL)]
    assert [(one.kind, one.money, one.unproven) for one in flowed] == [
        (Kind.DEPOSIT, parse_e8("250.5"), False),
        (Kind.WITHDRAWAL, -parse_e8("100"), True),
    ]
    assert faults(book.ledger, MARKS) == []
    assert fold(opening, postings) == book.ledger
    assert to_sell(book, "BTCTRY", balances["BTC"], [order]) == parse_e8(crossing.qty), "none of the person's"
