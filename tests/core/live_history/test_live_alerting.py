"""What a cycle of Stages 3 and 4 tells people of, when it begins and when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from fresh_database import fresh_file
from running import Running, running

from meva_adapters.sql.store import SqlStore, writer
from meva_core.alerts.herald import Herald
from meva_core.alerts.message import Alert
from meva_core.live_history.alerting import conditions_of, standing_of
from meva_core.operating.runner import Told
from meva_core.ports import UnitOfWork


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def shown(told: Told) -> set[tuple[str, str, str]]:
    return {(str(one.kind), one.about, one.state) for one in conditions_of(told)}


def test_a_calm_cycle_shows_its_mode_alone(store: SqlStore) -> None:
    told = running(store).cycle()
    assert shown(told) == {("mode", "mode", "NORMAL")}
    assert standing_of(told) == "equity 100000 TRY, today +0 TRY"


def test_an_alarm_a_kill_and_orders_of_unknown_fate_are_told_of(store: SqlStore) -> None:
    book = running(store)
    exchange = book.account.exchange
    exchange.unheard = True
    exchange.silent.add(("find", ""))
    book.cycle()
    exchange.silent.add(("open_orders", ""))
    told = book.cycle()
    assert ("orders", "unknown_orders", "on") in shown(told)
    exchange.silent.clear()
    exchange.unheard = False
    book.cycle()
    exchange.trade(next(iter(exchange.orders)), "0.01")
    assert ("orders", "unknown_orders", "on") not in shown(book.cycle())
    when, fill = exchange.fills_shown[0]
    exchange.fills_shown[0] = (when, evolve(fill, price=fill.price + 1))
    assert {("alarm", f"K3:{fill.fill_id}", "on"), ("kill", "kill_switch", "on")} <= shown(book.cycle())


def test_alerts_are_queued_with_the_cycle_that_shows_them_and_told_once(store: SqlStore) -> None:
    book = running(store)
    sent: list[Alert] = []
    herald = Herald(store, lambda work, _: None, "live", ["phone"], sent.append, lambda: None)
    herald.begin(None)
    newest: list[int | None] = [None]

    def tells(work: UnitOfWork, told: Told) -> None:
        herald.look(work, newest[0], told.inputs.time)
        herald.of_conditions(conditions_of(told), standing_of(told), told.inputs.time, told.book.run)(work)
        newest[0] = told.inputs.time

    book.runner.tells = tells
    hear(book, herald)
    with book.account.exchange.failing("balances"):
        hear(book, herald)
        hear(book, herald)
    hear(book, herald)
    with store.read() as view:
        texts = [text for (text,) in view.rows("stage7_alerts", ("text",), where={"book": "live"})]
    assert [text.splitlines()[0] for text in texts] == [
        "Meva, book live: no account",
        "Meva, book live: over: no account",
    ]
    assert sent == []


def hear(book: Running, herald: Herald) -> None:
    herald.stored(book.cycle().inputs.time)
