"""The order desk over the simulated exchange, with a real database: what is placed, canceled, settled and
booked there comes to what the exchange holds, though both are stopped and started anew."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from attrs import define, field
from fresh_database import fresh_file
from simulated_exchange import BTC, MICROS, RULES, TERMS, TRY, Exchange, exchange, touch

from meva_adapters.sql.store import SqlStore, writer
from meva_core.amounts import to_decimal
from meva_core.ids import client_id, cycle_id, stamp_text
from meva_core.live.booking import entries_of, sum_of
from meva_core.live.desk import Desk
from meva_core.live.live_orders import records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import CANCELABLE, Standing
from meva_core.orders import Side
from meva_core.simulated.books import Books, books_of, text_of
from meva_core.simulated.venue import SimulatedVenue
from meva_core.venue import NewOrder

CYCLES = 200
KEY = "simulated_books"
LOOKED_FOR = 600
"""Seconds for which the desk asks for what has ended, with room to spare."""


@define
class DryRun:
    """The desk and the exchange of a dry run over one database. `ledger` is what was booked, by asset in e8,
    and `booked` how many fills of each order that was."""

    store: SqlStore
    given: Exchange
    chance: Random
    ledger: dict[str, int] = field(factory=lambda: {"TRY": TRY, "BTC": BTC})
    booked: dict[str, int] = field(factory=dict)

    def keep(self, books: Books) -> None:
        at = stamp_text(books.now // MICROS)
        with self.store.unit() as work:
            work.upsert("op_state", {"key": KEY, "text_value": text_of(books), "updated_at": at})
            work.commit()

    def start(self) -> None:
        """Begin as another process does: with what is stored."""
        with self.store.read() as view:
            ((text,),) = view.rows("op_state", ("text_value",), where={"key": KEY})
        books = books_of(json.loads(text))
        self.given.venue = SimulatedVenue(books, TERMS, self.given.clock, self.keep, RULES)

    @property
    def desk(self) -> Desk:
        venue = self.given.venue
        return Desk(venue, venue, self.store, self.given.clock, lambda milliseconds: None)

    def show(self, middle: int) -> None:
        sizes = (self.chance.choice([None, "0.01"]), self.chance.choice([None, "0.003"]))
        self.given.next(touch(str(middle - 500), str(middle + 500), sizes=sizes))

    def settle(self) -> None:
        assert [settled.alarm for settled in self.desk.settle() if settled.alarm] == []

    def book(self) -> None:
        """Take what came into the ledger, order by order, as a cycle does."""
        for record, _ in self.desk.unbooked():
            number = str(record.order_id)
            fills = self.given.venue.order_fills(number)
            if len(fills) == self.booked.get(number, 0):
                continue
            sign = 1 if record.side is Side.BUY else -1
            for entry in entries_of(fills)[self.booked.get(number, 0) :]:
                self.ledger["BTC"] += sign * entry.qty
                self.ledger["TRY"] -= sign * entry.notional + entry.fee
            self.booked[number] = len(fills)
            with self.store.unit() as work:
                self.desk.book(work, record, sum_of(fill.qty for fill in fills))
                work.commit()

    def cancel(self, share: float) -> None:
        for record, _ in self.desk.unbooked():
            if record.standing in CANCELABLE and self.chance.random() < share:
                self.desk.cancel(record.client_id)

    def place(self, middle: int, n: int) -> None:
        side, near = self.chance.choice([*Side]), self.chance.randint(-3_000, 3_000)
        qty = to_decimal(self.chance.randint(5_000, 600_000))
        balances = self.given.venue.balances()
        if side is Side.SELL:
            qty = min(qty, self.desk.sellable("BTCTRY", to_decimal(self.ledger["BTC"]), balances.get("BTC")))
        name = client_id(cycle_id("dry0000", self.given.clock.now // MICROS), "BTCTRY", side, n, stage=4)
        order = NewOrder(name, "BTCTRY", side, to_decimal((middle + near) * 10**8), qty)
        if side is Side.SELL or order.price * qty * 2 < balances["TRY"].free:
            assert self.desk.place(order).record.standing is Standing.OPEN  # type: ignore[union-attr]


def test_200_cycles_pass_without_an_alarm_and_the_ledger_is_what_the_exchange_holds(tmp_path: Path) -> None:
    chance, middle = Random("dry"), 3_000_000
    with writer(fresh_file(tmp_path / "dry.db"), durable=False) as store:
        dry = DryRun(store, exchange(), chance)
        dry.keep(dry.given.venue.books)
        for cycle in range(CYCLES):
            if cycle % 7 == 0:
                dry.start()
            middle += chance.randint(-2_500, 2_500)
            dry.show(middle)
            dry.settle()
            dry.book()
            assert dry.ledger == dry.given.venue.books.totals
            dry.cancel(0.2)
            for n in range(chance.randint(0, 1)):
                dry.place(middle, n)
            dry.given.venue.forget(dry.given.clock.now - LOOKED_FOR * MICROS)
        for _ in range(5):
            dry.show(middle)
            dry.settle()
            dry.book()
            dry.cancel(1)
        assert dry.ledger == dry.given.venue.books.totals
        assert dry.desk.unbooked() == []
        with store.read() as view:
            ended = {str(record.order_id): record.standing for record in records(view, ACCOUNT)}
    assert len(ended) > CYCLES // 3
    assert set(ended.values()) == {Standing.FILLED, Standing.CANCELED}
    left = {order.order_id: order.shown().state.name for order in dry.given.venue.books.orders}
    assert left
    assert {number: ended[number].name for number in left} == left
    assert 2 < len(left) < len(ended) // 4
