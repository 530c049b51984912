"""A book that is read cycle by cycle: real desk, real database, real core; a scripted exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from attrs import define, evolve, field
from scripted_account import Scripted

from meva_adapters.sql.store import SqlStore
from meva_core.ids import client_id
from meva_core.live.desk import Desk
from meva_core.live_book.balances import gaps
from meva_core.live_book.book import LiveBook
from meva_core.live_book.ledger import faults, fold
from meva_core.live_book.opening import Read as Balances
from meva_core.live_book.opening import opened
from meva_core.operating.accepting import taken_in
from meva_core.operating.records import recording, stored
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.whose import whose
from meva_core.operating.steps.inputs_made import Run
from meva_core.operating.steps.measuring import Measured
from meva_core.operating.steps.reading import Process, Read, World, read_cycle
from meva_core.operational.limits import limits_from
from meva_core.orders import Side
from meva_core.settings import build_settings
from meva_core.venue import NewOrder

SETTINGS = {"SYMBOLS": "BTCTRY,ETHTRY"}
PRICES = {"BTCTRY": Decimal(3000), "ETHTRY": Decimal(100), "SOLTRY": Decimal(7)}


@define
class Lived:
    """A book over cycles. What it carries from one to the next is what the database has."""

    exchange: Scripted
    store: SqlStore
    run: Run
    desk: Desk
    process: Process
    name: str = "live"
    reads: list[Read] = field(factory=list)
    orders: int = 0
    shown: Callable[[Measured], None] = lambda _: None

    @property
    def book(self) -> LiveBook:
        with self.store.read() as view:
            found = stored.stored_book(view, self.name)
        assert found is not None
        return found[0]

    @property
    def world(self) -> World:
        return World(market=self.exchange, rules=self.exchange, desk=self.desk, shown=self.shown)

    @property
    def last(self) -> Read:
        return self.reads[-1]

    def cycle(self, seconds: float = 60) -> Read:
        self.exchange.pass_time(seconds)
        found = taken_in(self.store, self.name, self.exchange.now)
        assert found is not None
        self.exchange.calls.clear()
        read = read_cycle(self.world, self.run, self.process, *found)
        with self.store.unit() as work:
            recording.saved(work, evolve(read.book, cycles=read.book.cycles + 1), read.carried)
            work.commit()
        self.process = self.process.after(read.inputs.time)
        self.reads.append(read)
        return read

    def place(self, symbol: str, side: Side, qty: str, price: str) -> str:
        """Send an order as a cycle would, and return its number, empty if nothing was heard."""
        self.orders += 1
        name = client_id(self.last.inputs.cycle, symbol, side, self.orders, stage=4)
        record = self.desk.place(NewOrder(name, symbol, side, Decimal(price), Decimal(qty))).record
        assert record is not None
        marks = {one.name: one.mark for one in self.last.inputs.symbols}
        with self.store.unit() as work:
            recording.noted(
                work, name, book=self.book, decision_mark=marks[symbol], strategy="trial", purpose="entry"
            )
            work.commit()
        self.process = evolve(self.process, last_write=self.exchange.now)
        return record.order_id or ""

    def restarted(self) -> Lived:
        """Return it in another process: nothing but the database is left."""
        process = Process(runs=self.process.runs, newest=self.process.newest)
        return evolve(self, process=process)

    def check(self) -> None:
        """The laws that hold after every cycle: the rows fold to the book, and its identity holds."""
        book = self.book
        with self.store.read() as view:
            rows, opening = stored.postings(view, whose(book)), stored.opening(view, self.name)
        assert fold(opening, rows) == book.ledger
        assert faults(book.ledger, {}) == []
        assert len({row.id for row in rows}) == len(rows)

    def off(self) -> dict[str, int]:
        """By how much the account's balances differ from the book, e8, by asset."""
        return {a: gap for a, gap in gaps(self.book, self.desk.account.balances()).items() if gap}


def a_run(**changes: Any) -> Run:
    settings: Mapping[str, str] = {**SETTINGS, **changes.pop("settings", {})}
    limits = limits_from(build_settings(settings))
    return Run(stage=4, limits=limits, taker_fee=24 * 10**8, **changes)


def lived(
    store: SqlStore, there: Mapping[str, str] | None = None, name: str = "live", **changes: Any
) -> Lived:
    """Return a book that was just opened with what an account has, before its first cycle."""
    funds = there or {"TRY": "100000", "SOL": "10"}
    exchange = Scripted(dict(PRICES), {asset: Decimal(total) for asset, total in funds.items()})
    book = opened(name, "0123456789abcdef", Balances(exchange.now, exchange.balances()), {})
    with store.unit() as work:
        recording.opened(work, book, Carried())
        work.commit()
    desk = Desk(exchange, exchange, store, exchange, lambda _: None, owner=whose(book).owner)
    process = Process(runs=frozenset({book.run}))
    return Lived(exchange, store, a_run(**changes), desk, process, name)
