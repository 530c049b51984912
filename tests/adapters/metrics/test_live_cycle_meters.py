"""What meters tell of cycles of Stages 3 and 4: that which is stored of them, in labels that are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fresh_database import fresh_file
from told_books import Recorded, asking, fill_open, recorded

from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.label_values import VALUES
from meva_adapters.metrics.live_cycles import STEPS, LiveCycleMeters
from meva_adapters.metrics.meters import Meters
from meva_adapters.sql.store import SqlStore, writer
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.operating.guards.kill import Kill, Level


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "x.db"), durable=False) as opened:
        yield opened


@pytest.fixture
def live() -> Meters:
    return Meters("live")


def value(meters: Meters, metric: v.Metric, **labels: str) -> float:
    [found] = [one.value for one in meters.samples(metric) if one.labels == {"book": "live", **labels}]
    return float(found)


def a_day(store: SqlStore, meters: Meters) -> tuple[Recorded, LiveCycleMeters]:
    """Return a book and its meters after some cycles: bought, filled, killed, and three orders unheard."""
    account, told = recorded(store), LiveCycleMeters(meters, "stage4")
    for _ in range(3):
        told.tell(account.go_on())
        fill_open(account)
    asking(account)
    for _ in range(3):
        told.tell(account.go_on())
    account.exchange.unheard = True
    account.exchange.hides = True
    with account.exchange.failing("find"):
        for _ in range(4):
            told.tell(account.go_on())
    return account, told


def test_meters_tell_what_the_book_is_worth_and_what_nobody_knows(store: SqlStore, live: Meters):
    account, _ = a_day(store, live)
    ledger = account.book.ledger
    assert value(live, v.CASH) == pytest.approx(ledger.cash / 10**8)
    assert value(live, v.FEES) == pytest.approx(ledger.fees / 10**8)
    turnover = sum(value(live, v.TURNOVER, side=side) for side in ("BUY", "SELL"))
    assert turnover == pytest.approx(ledger.turnover / 10**8)
    assert value(live, v.UNKNOWN_ORDERS) == 3
    assert value(live, v.ORDERS, outcome="unknown") == 3
    assert value(live, v.MODE, mode="OBSERVE_ONLY") == 1
    assert value(live, v.ALARMS, code="unknown_orders") == 1
    assert value(live, v.ALARMS, code="K1") == 0
    assert value(live, v.BLOCKED) == 3
    assert value(live, v.CYCLES, outcome="answered") == 10


def test_each_step_of_a_cycle_is_timed_and_what_all_stages_do_has_one_name(store: SqlStore, live: Meters):
    account, told = recorded(store), LiveCycleMeters(live, "stage4")
    told.tell(account.go_on())
    told.tell(account.go_on())
    counts = {
        one.labels["part"]: one.value for one in live.samples(v.CYCLE_SECONDS) if one.name.endswith("_count")
    }
    assert counts == dict.fromkeys(STEPS.values(), 2)
    assert {"measure", "decide", "store"} < counts.keys()


def test_all_labels_are_known_beforehand(store: SqlStore, live: Meters):
    a_day(store, live)
    for metric in v.VOCABULARY:
        for one in live.samples(metric):
            for label, values in VALUES.get(metric, {}).items():
                assert one.labels[label] in values, one


def test_the_kill_switch_is_told_by_its_level_whoever_set_it(store: SqlStore, live: Meters):
    account, told = recorded(store), LiveCycleMeters(live, "stage4")
    told.tell(account.go_on())
    assert value(live, v.KILL_SWITCH, level="cancels") == value(live, v.KILL_SWITCH, level="all") == 0
    told.tell(account.go_on(kill=Kill(Level.ALL, "a file")))
    assert (value(live, v.KILL_SWITCH, level="cancels"), value(live, v.KILL_SWITCH, level="all")) == (0, 1)
    assert value(live, v.RULES_FIRED, rule="KILL_SWITCH") == 1
    pulled = evolve(account.go_on(), killed=Kill(Level.CANCELS, "itself"))
    told.tell(pulled)
    assert value(live, v.KILL_SWITCH, level="cancels") == 1


def test_alarms_are_counted_by_code_and_one_that_ends_is_told_no_more(store: SqlStore, live: Meters):
    account, told = recorded(store), LiveCycleMeters(live, "stage4")
    cycle = account.go_on()
    alarms = tuple(Alarm(AlarmCode.STRAY, about) for about in ("1", "2"))
    told.tell(evolve(cycle, book=evolve(cycle.book, alarms=alarms)))
    assert value(live, v.ALARMS, code="K5") == 2
    told.tell(account.go_on())
    assert value(live, v.ALARMS, code="K5") == 0


def test_a_refusal_that_nobody_named_counts_as_another(store: SqlStore, live: Meters):
    account, told = recorded(store), LiveCycleMeters(live, "stage4")
    cycle = account.go_on()
    ran: Any = evolve(cycle.ran, rejects={"below_minimum": 2, "moon_phase": 1})
    told.tell(evolve(cycle, ran=ran))
    assert value(live, v.REJECTS, reason="below_minimum") == 2
    assert value(live, v.REJECTS, reason="other") == 1
