"""Limits of risk of a book of Stages 3 and 4, and a peak that a person resets."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from fresh_database import fresh_file
from live_cycles import a_book
from told_books import TEXTS, Recorded, fill_open, recorded

from meva_adapters.sql.store import SqlStore, writer
from meva_core.amounts import parse_e8
from meva_core.errors import StoreUnready
from meva_core.live_history.books import Standing, pick, standing
from meva_core.live_history.cycles import cycles_in
from meva_core.live_history.raised import KILL, alerts_of, meaning
from meva_core.live_history.risk import reset_peak, risk_of, rules_of
from meva_core.operating.records import recording
from meva_core.operating.records.carried import Carried
from meva_core.operational.budget import risk_budget
from meva_core.operational.inputs import RiskState
from meva_core.operational.scene import scene_of

LOSSES = {"RISK_MAX_DRAWDOWN_TRY": "20", "NOTIONAL_CAP_TRY_PER_CYCLE": "5000"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "x.db"), durable=False) as opened:
        yield opened


def fallen(store: SqlStore) -> Recorded:
    """Return a book that lost more than it may."""
    account = recorded(store, **LOSSES)
    account.go_on()
    fill_open(account)
    for price in (3000, 3000, 2200, 2200):
        account.exchange.prices["BTCTRY"] = Decimal(price)
        account.go_on()
    return account


def live(store: SqlStore) -> Standing:
    with store.read() as view:
        return standing(view, pick(view, "live"))


def reset(store: SqlStore, reason: str = "looked into it") -> tuple[Standing, Standing] | None:
    with store.unit() as work:
        done = reset_peak(work, "live", reason, 1_760_100_000 * 10**6)
        work.commit()
    return done


def test_every_limit_is_told_with_what_was_measured_and_whether_it_was_breached(store: SqlStore):
    fallen(store)
    with store.read() as view:
        found = risk_of(view, standing(view, pick(view, "live")), TEXTS)
    rules = {(one.reason.setting): one for one in found.rules}
    assert len(rules) == 7
    assert rules["RISK_MAX_DRAWDOWN_TRY"].fired
    assert not rules["RISK_MAX_DAILY_DRAWDOWN_TRY"].fired
    drawdown = found.cycle.decisions.assessed.drawdown  # type: ignore[union-attr]
    assert rules["RISK_MAX_DRAWDOWN_TRY"].reason.limit == "20"
    assert parse_e8(rules["RISK_MAX_DRAWDOWN_TRY"].reason.value) == drawdown  # type: ignore[arg-type]
    assert found.cycle.decisions.mode.bound.reason.code == "DRAWDOWN_LIMIT"  # type: ignore[union-attr]
    document = found.document()
    assert document["drawdown_try"] == document["peak_try"] - document["equity_try"] > 20
    assert document["rules"][0]["setting_value"] == "20"
    assert f"{document['drawdown_pct']:f}" == rules["MAX_DRAWDOWN_PCT"].reason.value


@pytest.mark.parametrize(
    ("equity", "value", "limit"),
    [(400_000_000, "0.25", "0.25"), (399_999_999, "0.25000001", "0.25"), (0, "1", "0"), (-1, "1", "0")],
)
def test_a_position_is_too_large_where_the_budget_finds_it_so(
    store: SqlStore, equity: int, value: str, limit: str
):
    recorded(store).go_on()
    with store.read() as view:
        cycle = risk_of(view, standing(view, pick(view, "live")), TEXTS).cycle
    assert cycle is not None
    assessed = evolve(cycle.decisions.assessed, equity=equity, largest=parse_e8("1"), drawdown=0, day_pnl=0)
    limits = evolve(cycle.inputs.limits, risk_max_position_pct=25_000_000, risk_max_drawdown_try=10**20)
    asked = evolve(
        cycle,
        inputs=evolve(cycle.inputs, limits=limits),
        decisions=evolve(cycle.decisions, assessed=assessed),
    )
    [rule] = [one for one in rules_of(asked) if one.reason.setting == "RISK_MAX_POSITION_PCT"]
    budget = risk_budget(scene_of(asked.inputs), assessed).reason
    assert (rule.reason.value, rule.reason.limit) == (value, limit)
    assert rule.fired == (budget.setting == "RISK_MAX_POSITION_PCT") == (value > limit)


def test_after_a_reset_the_next_cycle_trades_again(store: SqlStore):
    account = fallen(store)
    assert account.go_on().cycle.decisions.mode.mode.name == "OBSERVE_ONLY"
    done = reset(store)
    assert done is not None
    before, after = done
    assert after.book.figures.peak == after.book.figures.peak_percent == before.book.figures.equity
    assert after.book.figures.peak_ever == before.book.figures.peak_ever
    assert live(store).book.figures == after.book.figures
    assert account.go_on().cycle.decisions.mode.mode.name == "NORMAL"


def test_a_reset_leaves_a_row_and_the_second_has_nothing_to_do(store: SqlStore):
    fallen(store)
    done = reset(store)
    assert done is not None
    assert reset(store, "again") is None
    with store.read() as view:
        [one] = risk_of(view, standing(view, pick(view, "live")), TEXTS).resets
    assert (one.reason, parse_e8(one.before), parse_e8(one.after)) == (
        "looked into it", done[0].book.figures.peak, done[1].book.figures.peak,
    )  # fmt: skip


def test_a_switch_that_was_pulled_at_the_old_peak_may_be_pulled_at_the_new_one(store: SqlStore):
    """K8 is raised once a peak: what remembers that goes with the peak, and what remembers the day stays."""
    book = a_book()
    figures = evolve(book.figures, equity=parse_e8("90000"))
    risk = RiskState(
        peak=1, percent_peak=1, day=7, day_open=1, breached=("day", "peak"), breached_day=7, killed_day=7,
        killed_at_peak=True,
    )  # fmt: skip
    with store.unit() as work:
        recording.opened(work, evolve(book, figures=figures), Carried(risk=risk))
        work.commit()
    reset(store)
    after = live(store).carried.risk
    assert after is not None
    assert (after.killed_at_peak, after.breached, after.killed_day) == (False, ("day",), 7)


def test_a_book_before_its_first_cycle_has_no_rules_yet_and_one_that_is_not_there_none(store: SqlStore):
    with store.unit() as work:
        recording.opened(work, a_book(), Carried())
        work.commit()
    with store.read() as view:
        found = risk_of(view, standing(view, pick(view, "live")), TEXTS)
    assert (found.rules, found.document()["last_cycle"]) == ((), None)
    with store.unit() as work, pytest.raises(StoreUnready, match="has no book stage3-dry"):
        reset_peak(work, "stage3-dry", "x", 0)


def test_a_loss_that_pulled_the_switch_is_among_what_was_raised(store: SqlStore) -> None:
    fallen(store)
    with store.read() as view:
        book = standing(view, pick(view, "live"))
        found = alerts_of(view, book, cycles_in(view, book.listed))
    [kill] = [one for one in found.raised if one.kind == KILL]
    assert (kill.what, kill.cycles) == ("K8:DRAWDOWN_LIMIT", 1)
    assert meaning(kill) == "the limit of loss was breached in two cycles running"
    assert [str(one) for one in found.kills] == ["op_state, kill_switch:meva: cancels (K8: DRAWDOWN_LIMIT)"]


@pytest.mark.parametrize(("name", "stage"), [("stage3-dry", 3), ("stage4-dry", 4)])
def test_limits_that_a_stage_does_not_keep_are_not_shown_of_it(
    store: SqlStore, name: str, stage: int
) -> None:
    recorded(store, name, stage).go_on()
    with store.read() as view:
        rules = risk_of(view, standing(view, pick(view, name)), TEXTS).rules
    settings = {rule.reason.setting for rule in rules}
    assert ({"MAX_DAILY_LOSS_TRY", "MAX_DRAWDOWN_PCT"} <= settings) == (stage == 4)
    assert {"RISK_MAX_DRAWDOWN_TRY", "RISK_MAX_GROSS_EXPOSURE_TRY"} <= settings
