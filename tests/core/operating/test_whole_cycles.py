"""Cycles from reading over deciding to sending, with a strategy of the wheel: what is counted and what is
booked over a day of them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from cycles import Lived, lived
from fresh_database import fresh_file

from meva_adapters.sql.store import SqlStore, writer
from meva_core.operating.dry import meets
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.outcomes import Executed
from meva_core.operating.records.whose import whose
from meva_core.operating.steps.executing import Executor
from meva_core.operating.steps.replacing import Replacer
from meva_core.operating.steps.sending import Sender
from meva_core.operational.decide import decide
from meva_core.operational.inputs import Listed
from meva_core.orders import Side
from meva_core.simulated.books import opened
from meva_core.simulated.terms import Terms
from meva_core.simulated.venue import SimulatedVenue
from meva_core.strategy.built_in import BaselineMeanReversionV1

NAME = "baseline_mean_reversion_v1"
SETTINGS = {
    "STAGE4_BOOTSTRAP_INTENTS": "1",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "5000",
    "TTL_SECONDS": "150",
    "RISK_MAX_POSITION_PCT": "1",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def cycle(account: Lived) -> Executed:
    """Read, decide, send: steps 1 to 7."""
    inputs = account.cycle().inputs
    decisions = decide(inputs, {NAME: BaselineMeanReversionV1()}).decisions
    rules = {one.name: one.rules for one in inputs.symbols}
    file = BookFile(account.desk, whose(account.book), inputs.cycle, {})
    replacer = Replacer(Sender(account.desk, account.book, rules), file)
    executed = Executor(replacer, account.exchange).execute(decisions.actions)
    account.process = evolve(account.process, last_write=executed.last_write or account.process.last_write)
    symbols, actions = len(inputs.symbols) + 1, len(decisions.actions)
    assert account.exchange.requests() <= 6 + 4 * symbols + 40 + 4 * actions
    account.check()
    return executed


def test_a_strategy_buys_what_it_may_waits_for_its_fills_and_sends_nothing_twice(store: SqlStore) -> None:
    account = lived(store, settings=SETTINGS, strategies=(Listed(NAME),))
    exchange = account.exchange
    sent = [cycle(account)]
    assert {one.action.symbol for one in sent[0].outcomes} == {"BTCTRY", "ETHTRY"}
    assert all(one.record is not None for one in sent[0].outcomes)
    for n in range(12):
        for order in list(exchange.orders.values()):
            if not order.state.ended and order.left and (n + int(order.order_id)) % 3 == 0:
                exchange.trade(order.order_id, f"{order.left:f}", late=(n % 4) * 30)
        if n == 5:
            exchange.by_hand("ETHTRY", Side.BUY, "0.5")
            exchange.transfer("TRY", "1000")
        exchange.prices["BTCTRY"] += Decimal(3 if n % 2 else -2)
        sent.append(cycle(account))
    names = [name for name in exchange.sent if not name.startswith("cancel")]
    assert len(names) == len(set(names))
    for order in list(exchange.orders.values()):
        if not order.state.ended:
            exchange.cancel(order.order_id)
    for _ in range(6):
        account.cycle()
    assert account.off() == {}
    held = {one.symbol for one in account.last.inputs.positions.positions}
    assert held == {"BTCTRY", "ETHTRY"}
    assert account.book.ledger.foreign["ETH"] == 5 * 10**7


def test_the_same_cycles_run_over_a_simulated_exchange_that_meets_the_market_they_measure(
    store: SqlStore,
) -> None:
    account = lived(store, {"TRY": "100000"}, settings=SETTINGS, strategies=(Listed(NAME),))
    exchange = account.exchange
    terms = Terms(maker=12 * 10**8, taker=24 * 10**8)
    venue = SimulatedVenue(opened("dry", 100_000 * 10**8), terms, exchange)
    account.desk = evolve(account.desk, venue=venue, account=venue)
    account.shown = meets(venue)
    for n in range(12):
        exchange.prices["BTCTRY"] += Decimal(-4 if n % 2 else 3)
        exchange.prices["ETHTRY"] += Decimal(-1 if n % 3 else 1)
        cycle(account)
    assert account.book.ledger.turnover > 0
    for _ in range(5):
        account.cycle()
    assert account.off() == {}
    assert account.book.ledger.flows == 0
    assert exchange.calls.keys() <= {"tickers", "rules", "book"}, "nothing private was asked"
