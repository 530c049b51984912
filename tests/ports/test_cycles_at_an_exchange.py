"""Cycles over a real account: over sockets the steps from reading to sending ask no more than they may, and
book and exchange agree to the last digit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest
from attrs import define, evolve, field
from desk_parts import desk_over, pass_time, store
from exchange_contract import new_order, wait_for_fills
from local_exchange import FALLBACK, LocalExchange

from meva_adapters.btcturk import Btcturk, Manners, connect
from meva_adapters.btcturk.endpoints import Endpoint
from meva_adapters.sql.store import SqlStore
from meva_adapters.system.clock import SystemClock
from meva_core.amounts import parse_e8
from meva_core.ids import client_id
from meva_core.live.desk import Desk
from meva_core.live_book.balances import gaps
from meva_core.live_book.ledger import faults, fold
from meva_core.live_book.opening import Read as Balances
from meva_core.live_book.opening import account_of, opened
from meva_core.operating.records import recording, stored
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.outcomes import Verdict
from meva_core.operating.records.whose import whose
from meva_core.operating.steps.executing import Executor
from meva_core.operating.steps.inputs_made import Run
from meva_core.operating.steps.reading import Process, Read, World, read_cycle
from meva_core.operating.steps.replacing import Replacer
from meva_core.operating.steps.sending import Sender
from meva_core.operational.actions import Action, Kind
from meva_core.operational.limits import limits_from
from meva_core.orders import Side
from meva_core.settings import build_settings
from tests.permits import Gate

__all__ = ["store"]


@define
class Requests:
    """Counts what is sent, repeats among it."""

    sent: Counter[str] = field(factory=Counter)

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        self.sent[endpoint.path] += 1

    def repeated(self, endpoint: Endpoint) -> None:
        """Each attempt is told of by itself."""

    def withheld(self, endpoint: Endpoint) -> None:
        """It was not sent."""

    def left(self, endpoint: Endpoint, calls: int) -> None:
        """What is left says nothing of what was asked."""


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def observed(local: LocalExchange, requests: Requests) -> Iterator[Btcturk]:
    manners = Manners(backoff=0.01, patience=60.0, connect=2.0, total=5.0)
    opened = connect(
        local.settings(), FALLBACK, SystemClock(), permit=Gate(), with_account=True, manners=manners,
        observer=requests,
    )  # fmt: skip
    yield opened
    opened.close()


@define
class Trader:
    """A book over the exchange; time passes by the clock's hand."""

    btcturk: Btcturk
    desk: Desk
    store: SqlStore
    process: Process

    def cycle(self, seconds: float) -> Read:
        pass_time(self.desk, seconds)
        with self.store.read() as view:
            found = stored.stored_book(view, "live")
        assert found is not None
        limits = limits_from(build_settings({"SYMBOLS": "BTCTRY,ETHTRY"}))
        world = World(market=self.btcturk.market, rules=self.btcturk.rules, desk=self.desk)
        read = read_cycle(world, Run(stage=4, limits=limits, taker_fee=0), self.process, *found)
        with self.store.unit() as work:
            recording.saved(work, read.book, read.carried)
            work.commit()
        self.process = self.process.after(read.inputs.time)
        return read

    def execute(self, read: Read, *actions: Action) -> list[Verdict]:
        rules = {one.name: one.rules for one in read.inputs.symbols}
        file = BookFile(self.desk, whose(read.book), read.inputs.cycle, {})
        executor = Executor(Replacer(Sender(self.desk, read.book, rules), file), self.btcturk.rules)
        executed = executor.execute(actions)
        self.process = evolve(self.process, last_write=executed.last_write)
        return [one.verdict for one in executed.outcomes]


@pytest.fixture
def trader(local: LocalExchange, observed: Btcturk, store: SqlStore) -> Trader:
    assert observed.account is not None
    desk = desk_over(observed, store)
    balances = Balances(desk.clock.micros(), observed.account.balances())
    book = opened("live", account_of(local.environment["BTCTURK_API_KEY"]), balances, {})
    with store.unit() as work:
        recording.opened(work, book, Carried())
        work.commit()
    return Trader(observed, desk, store, Process(runs=frozenset({book.run})))


def test_cycles_book_what_happens_and_ask_no_more_than_they_may(
    local: LocalExchange, trader: Trader, requests: Requests
) -> None:
    btcturk, store = trader.btcturk, trader.store
    assert btcturk.venue is not None
    assert btcturk.account is not None
    first = trader.cycle(0)
    assert (first.inputs.blocked, first.inputs.alarms, first.notes) == ({}, (), ())

    def action(n: int, times: str, **more: object) -> Action:
        order = new_order(btcturk.market, btcturk.rules, times)
        return Action(
            kind=Kind.SUBMIT, symbol="BTCTRY", side=Side.BUY, price=parse_e8(order.price),
            qty=parse_e8(order.qty), mark=first.inputs.symbols[0].mark,
            client_id=client_id(first.inputs.cycle, "BTCTRY", Side.BUY, n, stage=4), **more,  # type: ignore[arg-type]
        )  # fmt: skip

    crossing, resting = action(1, "1.01"), action(2, "0.8")
    assert trader.execute(first, crossing, resting) == [Verdict.SUBMITTED, Verdict.SUBMITTED]
    by_hand = evolve(new_order(btcturk.market, btcturk.rules, "1.01"), client_id=f"web-{uuid4().hex[:12]}")
    other = btcturk.venue.submit(by_hand)
    wait_for_fills(btcturk.account, other.order_id, by_hand.qty)
    local.control("POST", "transfers", key=local.environment["BTCTURK_API_KEY"], asset="TRY", amount="250.5")

    second = trader.cycle(15)
    (open_now,) = second.inputs.orders
    assert open_now.client_id == resting.client_id
    assert [one.symbol for one in second.inputs.positions.positions] == ["BTCTRY"]
    requests.sent.clear()
    third = trader.cycle(60)
    assert sum(requests.sent.values()) <= 6 + 4 * len(third.inputs.symbols) + 40
    assert third.inputs.blocked == {}

    ends = evolve(
        resting, kind=Kind.CANCEL, cancels=resting.client_id, client_id=None, exchange_id=open_now.exchange_id
    )
    assert trader.execute(third, ends) == [Verdict.CANCELED]
    for _ in range(3):
        last = trader.cycle(61)
    assert last.inputs.orders == ()
    with store.read() as view:
        rows, opening = stored.postings(view, whose(last.book)), stored.opening(view, "live")
    assert fold(opening, rows) == last.book.ledger
    assert faults(last.book.ledger, {}) == []
    assert {a: gap for a, gap in gaps(last.book, btcturk.account.balances()).items() if gap} == {}
    assert last.book.ledger.foreign["BTC"] >= parse_e8(by_hand.qty)
    requests.sent.clear()
    trader.cycle(61)
    assert sum(requests.sent.values()) <= 8, "of a quiet account little is asked"
