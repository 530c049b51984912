"""A cycle, whole: stored before anything is sent, carried out as far as it is permitted, stored again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fresh_database import fresh_file
from running import NAME, TEXTS, running
from scripted_account import SECOND, Scripted

from meva_adapters.btcturk import VenueClock
from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import (
    BadInput,
    CycleNotStored,
    LeaseLost,
    Refused,
    StoreBusy,
    Unavailable,
    VenueReason,
)
from meva_core.live.live_orders import records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_history.books import pick
from meva_core.live_history.cycles import cycles_in, each_opened, opened
from meva_core.live_history.explain import document, explained
from meva_core.live_history.many import many_of
from meva_core.modes import Mode
from meva_core.operating.guards.kill import Level, stored_kills
from meva_core.operating.held_store import HeldStore
from meva_core.operating.records import recording
from meva_core.operating.records.outcomes import Verdict
from meva_core.operating.records.stored_cycles import StoredCycle, difference, stored_cycles
from meva_core.operating.starting import taken_up
from meva_core.operational.asking import plain_call
from meva_core.orders import Side
from meva_core.ports import UnitOfWork
from meva_core.strategy.built_in import BaselineMeanReversionV1
from meva_core.venue import Accepted, NewOrder, Ticker

STRATEGIES = {NAME: BaselineMeanReversionV1()}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def cycles_of(store: SqlStore) -> list[StoredCycle]:
    with store.read() as view:
        return list(stored_cycles(view, "live", TEXTS, last=99))


def rows(store: SqlStore, table: str, *columns: str) -> list[tuple[object, ...]]:
    with store.read() as view:
        return list(view.rows(table, columns))


# -- Whole --------------------------------------------------------------------------------------------


def test_a_cycle_is_stored_whole_and_decided_again_it_comes_to_the_same(store: SqlStore) -> None:
    book = running(store)
    first = book.cycle()
    assert [one.verdict for one in first.executed.outcomes] == [Verdict.SUBMITTED, Verdict.SUBMITTED]
    for number in list(book.account.exchange.orders):
        book.account.exchange.trade(number, f"{book.account.exchange.orders[number].left:f}")
    second = book.cycle()
    assert [one.fill.symbol for one in second.ran.fills] == ["BTCTRY", "ETHTRY"]
    assert second.ran.fills[0].created > 0
    third = book.cycle()
    assert third.link != second.link
    stored = cycles_of(store)
    assert [one.status for one in stored] == ["done"] * 3
    assert [one.link for one in stored] == [first.link, second.link, third.link]
    assert [difference(one, STRATEGIES) for one in stored] == [None] * 3
    assert {state for _, state, _ in stored[0].outcomes or ()} == {"open"}
    metrics = rows(store, "cycle_metrics", "fills_count", "orders_submitted", "meta_json")
    assert [row[:2] for row in metrics] == [(0, 2), (2, 0), (0, 0)]
    assert set(json.loads(str(metrics[0][2]))["step_ms"]) == {
        "measure", "settle", "fills", "balances", "assess", "decide", "execute", "record",
    }  # fmt: skip
    audit = [json.loads(str(text)) for (text,) in rows(store, "cycle_audit", "counts_json")]
    assert [(one["submitted"], one["simulated"], one["fills"]) for one in audit] == [
        (2, 0, 0), (0, 0, 2), (0, 0, 0),
    ]  # fmt: skip
    book.account.check()


def test_what_is_decided_is_stored_before_anything_is_sent(store: SqlStore) -> None:
    book = running(store)
    seen: list[str] = []
    book.doors.looked = lambda: seen.extend(one.status for one in cycles_of(store))
    book.cycle()
    assert seen == ["decided", "decided"]


def test_stage_3_has_its_orders_in_its_own_table_too_and_how_they_end(store: SqlStore) -> None:
    book = running(store)
    book.runner.run = evolve(book.runner.run, stage=3)
    book.runner.run = evolve(book.runner.run, limits=evolve(book.runner.run.limits, ttl_seconds=30))
    book.cycle()
    assert {state for (state,) in rows(store, "orders", "status")} == {"open"}
    book.cycle()
    assert {state for (state,) in rows(store, "orders", "status")} == {"cancel_requested"}
    book.cycle()
    assert "canceled" in {state for (state,) in rows(store, "orders", "status")}


# -- What keeps it from being whole -------------------------------------------------------------------


def test_without_a_market_nothing_is_stored(store: SqlStore) -> None:
    book = running(store)
    with book.account.exchange.failing("book"), pytest.raises(Unavailable, match="no book could be read"):
        book.cycle()
    assert cycles_of(store) == []
    assert book.cycle().link


@pytest.mark.parametrize("answer", [BadInput("no time in it"), Refused("403")])
def test_an_answer_that_tells_no_time_costs_the_cycle_and_not_the_run(
    store: SqlStore, answer: Exception
) -> None:
    book = running(store)

    def begin() -> int:
        raise answer

    book.runner.begin = begin
    with pytest.raises(Unavailable, match="the exchange's time cannot be told") as raised:
        book.cycle()
    assert raised.value.reason is VenueReason.CLOCK
    assert cycles_of(store) == []
    book.runner.begin = lambda: 0
    assert book.cycle().link


def test_a_cycle_whose_stamps_the_exchange_refuses_is_not_stored_by_the_time_that_they_were_made_of(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours ahead, it would keep every later one waiting for so long."""
    book = running(store)
    time = book.cycle().inputs.time
    exchange, newest = book.account.exchange, cycles_of(store)
    number = next(iter(exchange.orders))
    exchange.trade(number, f"{exchange.orders[number].left:f}")

    def refused(_: Scripted) -> Any:
        raise Unavailable("the exchange refused the time of 4 private calls", reason=VenueReason.CLOCK)

    with monkeypatch.context() as patch:
        patch.setattr(Scripted, "balances", refused)
        with pytest.raises(Unavailable, match="cannot be relied on: the exchange refused") as raised:
            book.cycle(7_200)
    assert raised.value.reason is VenueReason.CLOCK
    assert cycles_of(store) == newest
    assert rows(store, "stage4_orders", "status") == [("filled",), ("open",)], "what is known of orders stays"
    exchange.pass_time(-7_200)
    assert book.cycle().inputs.time == time + 60


def test_nor_is_one_in_which_the_time_was_learnt_anew_and_is_another(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = running(store)
    book.cycle()
    exchange, newest = book.account.exchange, cycles_of(store)
    fills = Scripted.fills

    def learnt_anew(self: Scripted, *asked: Any) -> Any:
        self.pass_time(-7_200)
        monkeypatch.undo()
        return fills(self, *asked)

    monkeypatch.setattr(Scripted, "fills", learnt_anew)
    with pytest.raises(Unavailable, match="7200 s ahead when the cycle began, and was learnt anew since"):
        book.cycle(7_200)
    assert cycles_of(store) == newest
    assert max(book.account.book.cursors.values()) * 1_000 < exchange.now, "no fill is passed over"
    assert book.cycle().link


def test_a_new_process_knows_how_far_the_clocks_were_apart_and_believes_no_leap_at_once(
    store: SqlStore,
) -> None:
    book, told, waits = running(store), [3 * SECOND], list[int]()
    book.runner.begin = lambda: told[-1] if len(told) == 1 else told.pop()
    book.cycle()
    taken = taken_up(store, "live", book.account.exchange.now)
    assert taken.process.offset == 3 * SECOND
    desk = evolve(book.account.desk, pause=waits.append)
    again = book.restarted(taken.process)
    again.runner.world = evolve(again.runner.world, desk=desk)
    told += [3 * SECOND, 7_203 * SECOND, 7_203 * SECOND]
    with pytest.raises(
        Unavailable, match="7200 s further apart, and 3 readings within a minute do not agree"
    ):
        again.cycle()
    assert (waits, len(cycles_of(store))) == ([30_000, 30_000], 1)
    assert again.cycle().link
    assert (waits, len(cycles_of(store))) == ([30_000, 30_000], 2)


def test_a_time_that_cannot_be_told_after_a_401_costs_neither_the_rest_of_the_plan_nor_the_record(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange refuses the key of a submit, so its time is in doubt, and tells it no more."""
    book = running(store)
    exchange, told_by = book.account.exchange, {"silent": False}

    def ask() -> int:
        if told_by["silent"]:
            raise Unavailable("no answer", reason=VenueReason.UNREACHABLE)
        return exchange.now // 1000

    clock = VenueClock(ask, exchange, lambda: exchange.now / SECOND, lambda _: False)
    desk = evolve(book.account.desk, clock=clock)
    book.runner.world = evolve(book.runner.world, desk=desk)
    submit = Scripted.submit

    def refused(self: Scripted, order: NewOrder) -> Accepted:
        if order.symbol == "BTCTRY":
            clock.forget()
            told_by["silent"] = True
            raise Refused("401", reason=VenueReason.UNAUTHORIZED)
        return submit(self, order)

    monkeypatch.setattr(Scripted, "submit", refused)
    told = book.cycle()
    assert [one.status for one in cycles_of(store)] == ["done"]
    assert [one.verdict for one in told.executed.outcomes] == [Verdict.REJECTED, Verdict.SUBMITTED]
    with store.read() as view:
        standings = {one.symbol: one.standing for one in records(view, ACCOUNT)}
    assert standings == {"BTCTRY": Standing.REJECTED, "ETHTRY": Standing.OPEN}
    assert told.unmeasured is None


def test_a_cycle_that_cannot_be_recorded_is_interrupted_for_the_next_process_and_sends_nothing_twice(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = running(store)

    def fails(*_: object) -> object:
        raise StoreBusy("another process holds the database")

    with monkeypatch.context() as patch:
        patch.setattr(recording, "done", fails)
        with pytest.raises(CycleNotStored, match="the cycle cannot go on: another process holds"):
            book.cycle()
    assert [one.status for one in cycles_of(store)] == ["decided"]
    sent = list(book.account.exchange.sent)
    assert len(sent) == 2
    taken = taken_up(store, "live", book.account.exchange.now)
    assert len(taken.interrupted) == 1
    again = book.restarted(taken.process)
    told = again.cycle()
    assert [one.status for one in cycles_of(store)] == ["interrupted", "done"]
    assert book.account.exchange.sent == sent
    assert {one.client_id for one in told.inputs.orders} == set(sent)


def test_how_a_cycle_ran_may_go_unstored(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    book = running(store)

    def fails(*_: object) -> None:
        raise StoreBusy("another process holds the database")

    monkeypatch.setattr(recording, "measured", fails)
    told = book.cycle()
    assert isinstance(told.unmeasured, StoreBusy)
    assert [one.status for one in cycles_of(store)] == ["done"]


def test_once_the_lease_is_lost_nothing_is_sent_and_nothing_written(store: SqlStore) -> None:
    book = running(store)
    lost = [False]

    def hold(work: UnitOfWork) -> None:
        if lost[0]:
            raise LeaseLost("book live is no longer ours")

    held = HeldStore(store, hold)
    desk = evolve(book.account.desk, store=held)
    book.runner.store, book.runner.world = held, evolve(book.runner.world, desk=desk)
    book.cycle()
    lost[0] = True
    before = {table: rows(store, table, "book_json") for table in ("live_books",)}
    sent = list(book.account.exchange.sent)
    with pytest.raises(LeaseLost):
        book.cycle()
    assert (before, sent) == (
        {"live_books": rows(store, "live_books", "book_json")},
        book.account.exchange.sent,
    )


# -- How old its data are -----------------------------------------------------------------------------


def hanging(monkeypatch: pytest.MonkeyPatch, call: str, seconds: float) -> None:
    """Have a call of the exchange take so long."""
    plain = getattr(Scripted, call)

    def slow(self: Scripted, *given: object) -> object:
        found = plain(self, *given)
        self.pass_time(seconds)
        return found

    monkeypatch.setattr(Scripted, call, slow)


def test_a_market_that_went_stale_while_the_account_was_read_is_not_ordered_by(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The balances come after 48 s."""
    book = running(store)
    with monkeypatch.context() as patch:
        hanging(patch, "balances", 48)
        told = book.cycle()
    assert {one.age for one in told.inputs.symbols} == {48}
    assert book.account.exchange.sent == []
    assert {one.reason.code for one in told.cycle.decisions.dropped} == {"stale_market_data"}
    assert {one.reason.value for one in told.cycle.decisions.dropped} == {"48"}
    assert book.cycle().ran.submitted == 2
    stored = cycles_of(store)
    assert [one.status for one in stored] == ["done"] * 2
    assert [difference(one, STRATEGIES) for one in stored] == [None] * 2


def test_a_market_that_goes_stale_while_orders_are_sent_sends_no_further_one(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decided at 20 s, the first order takes 11 s: the plan is young, the mark of the second is not."""
    book = running(store)
    hanging(monkeypatch, "submit", 11)
    hanging(monkeypatch, "balances", 20)
    told = book.cycle()
    assert [(one.verdict, one.code) for one in told.executed.outcomes] == [
        (Verdict.SUBMITTED, ""),
        (Verdict.BLOCKED, "stale_market_data"),
    ]
    assert [one.status for one in cycles_of(store)] == ["done"]


def test_what_a_strategy_thought_about_for_too_long_is_not_sent(store: SqlStore) -> None:
    """Its mark is good for two minutes here, and what was decided by it is not."""
    book = running(store, settings={"STALE_MARKET_DATA_SECONDS": "120"})

    def slow(*asked: Any) -> Any:
        book.account.exchange.pass_time(40)
        return plain_call(*asked)

    book.runner.call = slow
    told = book.cycle()
    assert {(one.verdict, one.code) for one in told.executed.outcomes} == {(Verdict.BLOCKED, "plan_too_old")}
    assert book.account.exchange.sent == []


def test_a_book_that_is_silent_while_its_last_price_is_old_is_no_loss_and_no_peak(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = running(store, settings={"RISK_MAX_DAILY_DRAWDOWN_TRY": "20", "RISK_MAX_DRAWDOWN_TRY": "20"})
    book.cycle()
    exchange, tickers = book.account.exchange, Scripted.tickers
    for number, order in list(exchange.orders.items()):
        exchange.trade(number, f"{order.left:f}")
    before, frozen = book.cycle().book.figures, exchange.now - 7_200 * SECOND
    for share in (Decimal("0.5"), Decimal(2)):

        def old(self: Scripted, share: Decimal = share) -> dict[str, Ticker]:
            found = tickers(self)
            return {name: evolve(one, ts=frozen, last=one.last * share) for name, one in found.items()}

        monkeypatch.setattr(Scripted, "tickers", old)
        for _ in range(2):
            with exchange.failing("book", "BTCTRY"):
                told = book.cycle()
            assert (told.killed, told.book.figures.peak) == (None, before.peak)
            assert told.cycle.decisions.assessed.equity == before.equity
    assert book.cycle().cycle.decisions.mode.mode is Mode.NORMAL


def test_a_last_price_that_stands_in_for_half_a_book_makes_no_peak_once_it_is_old(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = running(store)
    book.cycle()
    exchange, tickers, whole = book.account.exchange, Scripted.tickers, Scripted.book
    for number, order in list(exchange.orders.items()):
        exchange.trade(number, f"{order.left:f}")
    book.cycle()
    monkeypatch.setattr(Scripted, "book", lambda self, symbol: evolve(whole(self, symbol), asks=()))
    assert book.cycle().book.figures.fresh
    frozen = exchange.now - 7_200 * SECOND
    old = lambda self: {name: evolve(one, ts=frozen) for name, one in tickers(self).items()}  # noqa: E731
    monkeypatch.setattr(Scripted, "tickers", old)
    assert not book.cycle().book.figures.fresh


# -- What keeps it from sending -----------------------------------------------------------------------


def test_outside_of_a_plan_nothing_may_be_sent_and_after_a_cycle_there_is_none(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    permits = book.runner.permits
    assert permits is not None
    assert permits.plan is None
    with pytest.raises(Exception, match="no cycle has planned it"):
        permits.cancel("1")


def test_what_is_not_permitted_is_counted_apart(store: SqlStore) -> None:
    book = running(store)
    book.doors.lacking = "its heartbeat is old"
    told = book.cycle()
    assert (told.ran.submitted, told.ran.blocked, told.ran.blocked_by_policy) == (0, 0, 2)
    assert {one.code for one in told.executed.outcomes} == {"lease"}
    assert book.account.exchange.sent == []


def test_what_was_decided_and_not_done_is_explained_as_well(store: SqlStore) -> None:
    book = running(store)
    book.doors.lacking = "its heartbeat is old"
    book.cycle()
    with store.read() as view:
        listed = pick(view, "live")
        many = many_of([explained(one) for one in each_opened(view, listed, TEXTS, cycles_in(view, listed))])
        [found] = [explained(one) for one in each_opened(view, listed, TEXTS, cycles_in(view, listed))]
    fates = [fate.document({}) for fate in found.fates if fate.action is not None]
    assert [(fate["code"], fate["not_done"]["verdict"]) for fate in fates] == [("lease", "blocked")] * 2
    assert all("its heartbeat is old" in fate["not_done"]["text"] for fate in fates)
    assert "Decided and not done: 2 by lease" in many.lines()


def test_a_cancel_that_was_not_sent_says_why(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    book.doors.lacking = "its heartbeat is old"
    book.runner.stops = lambda: True  # only cancels are tried
    while not (told := book.cycle()).cycle.decisions.cancels:
        pass
    with store.read() as view:
        listed = pick(view, "live")
        last = document(explained(opened(view, listed, TEXTS, told.cycle.inputs.cycle)))
    for one in last["canceling"]:
        assert (one["not_done"]["code"], one["not_done"]["verdict"]) == ("lease", "blocked")


def test_a_cycle_that_observes_books_and_sends_nothing_not_even_cancels(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    sent = list(book.account.exchange.sent)
    book.account.exchange.trade(next(iter(book.account.exchange.orders)), "0.01")
    book.runner.run = evolve(book.runner.run, observe=True)
    told = book.cycle()
    assert told.cycle.decisions.mode.mode.name == "OBSERVE_ONLY"
    assert len(told.ran.fills) == 1
    assert book.account.exchange.sent == sent


def test_a_run_that_is_to_end_finishes_its_cycle_and_submits_nothing(store: SqlStore) -> None:
    book = running(store)
    book.runner.stops = lambda: True
    told = book.cycle()
    assert (told.ran.submitted, told.ran.blocked) == (0, 2)
    assert [one.status for one in cycles_of(store)] == ["done"]


# -- The switch that it pulls -------------------------------------------------------------------------


@pytest.mark.parametrize("is_on", [True, False])
def test_a_fill_that_contradicts_its_file_pulls_the_switch_takes_the_buys_back_and_ends_the_process(
    store: SqlStore, is_on: bool
) -> None:
    book = running(store, settings={"ENABLE_AUTO_KILL_SWITCH": str(int(is_on))})
    book.cycle()
    exchange = book.account.exchange
    number = next(iter(exchange.orders))
    exchange.trade(number, "0.01")
    assert book.cycle().ends == ()
    when, fill = exchange.fills_shown[0]
    exchange.fills_shown[0] = (when, evolve(fill, price=fill.price + 1))
    told = book.cycle()
    assert [alarm.code for alarm in told.ends] == [AlarmCode.FILL_DIFFERS]
    assert told.ran.canceled == 2, "own open BUYs are taken back first"
    with store.read() as view:
        kills = stored_kills(view)
    assert [(kill.level, kill.reason) for kill in kills] == (
        [(Level.CANCELS, f"K3: {fill.fill_id}")] if is_on else []
    )
    assert (told.killed is not None) == is_on
    again = book.restarted(taken_up(store, "live", exchange.now).process)
    assert again.cycle().ends, "it ends the next process, too, until a person accepts it"
    assert again.cycle().killed is None, "the switch is pulled once"


def test_a_loss_in_two_cycles_running_pulls_the_switch_and_the_process_goes_on(store: SqlStore) -> None:
    book = running(store, settings={"RISK_MAX_DAILY_DRAWDOWN_TRY": "1"})
    book.cycle()
    exchange = book.account.exchange
    number = next(n for n, order in exchange.orders.items() if order.symbol == "BTCTRY")
    exchange.trade(number, f"{exchange.orders[number].left:f}")
    book.cycle()
    exchange.prices["BTCTRY"] //= 2
    assert book.cycle().killed is None
    told = book.cycle()
    assert told.killed is not None
    assert told.killed.reason.startswith("K8")
    assert told.ends == ()
    last = book.cycle()
    assert last.inputs.kill == "cancels"
    assert last.cycle.decisions.mode.mode.name == "OBSERVE_ONLY"


def test_a_switch_that_cannot_be_read_is_on(store: SqlStore) -> None:
    book = running(store)

    def unreadable() -> object:
        raise StoreBusy("another process holds the database")

    book.runner.kill = unreadable  # type: ignore[assignment]
    told = book.cycle()
    assert told.inputs.kill == "all"
    assert book.account.exchange.sent == []


# -- Taking up ----------------------------------------------------------------------------------------


def test_a_book_that_its_rows_do_not_make_is_alarming_to_whoever_takes_it_up(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    number = next(iter(book.account.exchange.orders))
    book.account.exchange.trade(number, "0.01")
    book.cycle()
    assert taken_up(store, "live", book.account.exchange.now).book.alarms == ()
    kept = book.account.book
    with store.unit() as work:
        ledger = evolve(kept.ledger, cash=kept.ledger.cash + 1)
        recording.saved(work, evolve(kept, ledger=ledger))
        work.commit()
    taken = taken_up(store, "live", book.account.exchange.now)
    assert [(alarm.code, alarm.about) for alarm in taken.book.alarms] == [(AlarmCode.FOLD, "live")]
    told = book.restarted(taken.process).cycle()
    assert [alarm.code for alarm in told.ends] == [AlarmCode.FOLD]
    assert told.ran.submitted == 0


def test_an_alarm_that_was_accepted_is_not_raised_again_when_a_book_is_taken_up(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    with store.unit() as work:
        kept = book.account.book
        broken = evolve(kept.ledger, cash=kept.ledger.cash + 1)
        recording.saved(work, evolve(kept, ledger=broken, accepted=(Alarm(AlarmCode.FOLD, "live").pair,)))
        work.commit()
    assert taken_up(store, "live", book.account.exchange.now).book.alarms == ()


def test_a_run_after_a_hand_traded_account_leaves_foreign_coins_alone(store: SqlStore) -> None:
    book = running(store, {"TRY": "100000", "SOL": "10"})
    book.account.exchange.by_hand("SOLTRY", Side.SELL, "2")
    told = book.cycle()
    assert told.ends == ()
    assert all("SOLTRY" not in name for name in book.account.exchange.sent)
