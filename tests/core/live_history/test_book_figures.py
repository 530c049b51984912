"""Figures of a book of Stages 3 and 4: what flows is no profit, and the parts add up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import evolve
from fresh_database import fresh_file
from hypothesis import given
from hypothesis import strategies as st
from live_cycles import a_book
from told_books import TEXTS, dry_file, live_file, recorded

from meva_adapters.sql.store import SqlStore, writer
from meva_core.amounts import E8
from meva_core.errors import StoreUnready
from meva_core.figures.result import Undefined
from meva_core.live_history.books import pick, standing
from meva_core.live_history.profit import joined, spans_of
from meva_core.live_history.summary import BookSummary, Point, chain, points_of, summary_of
from meva_core.operating.guards.kill import Kill, Level
from meva_core.operating.records import recording
from meva_core.operating.records.carried import Carried

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AMOUNTS = st.integers(1, 10**6)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(live_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def of_book(store: SqlStore, name: str = "live") -> BookSummary:
    with store.read() as view:
        return summary_of(view, standing(view, pick(view, name)), TEXTS)


def point(hours: float, equity: int, flow: int = 0) -> Point:
    """Return a book that is worth so much TRY after a cycle so many hours after noon."""
    ts = NOON + timedelta(hours=hours)
    return Point(ts, f"{ts}", equity * E8, equity * E8, flow * E8, "NORMAL", None)


def test_a_deposit_is_no_gain_and_a_withdrawal_no_fall():
    points = [point(0, 1000), point(1, 1500, 500), point(2, 900, -600), point(30, 900)]
    assert chain(1000 * E8, points) == [1000 * E8] * 4


def test_a_days_return_is_its_last_equity_to_the_one_before_and_what_flowed():
    """1000 grows to 1100; the next day 900 come and it ends with 2200: r = 2200 / (1100 + 900) - 1 = 10 %."""
    points = [point(0, 1050), point(1, 1100), point(13, 2150, 900), point(14, 2200)]
    assert chain(1000 * E8, points)[1] == 1100 * E8
    assert chain(1000 * E8, points)[-1] == 1210 * E8


@given(st.lists(st.tuples(AMOUNTS, st.integers(-(10**5), 10**5)), min_size=1, max_size=12))
def test_without_flows_it_is_equity_and_with_them_it_stays_above_nothing(drawn: list[tuple[int, int]]):
    points = [point(5 * n, equity) for n, (equity, _) in enumerate(drawn)]
    assert chain(7 * E8, points) == pytest.approx([one.equity for one in points], abs=len(points) * 10**6)
    flowing = [point(5 * n, equity, flow) for n, (equity, flow) in enumerate(drawn)]
    assert all(level >= 0 for level in chain(7 * E8, flowing))


def test_the_parts_of_the_page_add_up(store: SqlStore):
    found = of_book(store)
    figures, ledger = found.figures, found.standing.book.ledger
    assert figures.final_equity_try == ledger.equity(found.standing.marks)
    assert figures.net_pnl_try == figures.final_equity_try - figures.opening_equity_try - found.flows
    assert (
        sum(row.net_try for row in figures.symbols) == figures.net_pnl_try == ledger.net(found.standing.marks)
    )
    assert (figures.fees_try, figures.slippage_try) == (ledger.fees, ledger.slippage)
    cost = ledger.opening_cost
    assert (
        figures.results_try == ledger.cash - ledger.opening_cash - ledger.flows + figures.open_cost_try - cost
    )
    assert sum(figures.modes.values()) == figures.cycles


def test_return_is_the_product_of_the_days(store: SqlStore):
    found = of_book(store)
    with store.read() as view:
        days = spans_of(view, found.standing, TEXTS)
    product = 1.0
    for day in days:
        assert day.return_ratio is not None
        product *= 1 + day.return_ratio
    assert found.figures.return_ratio == pytest.approx(product - 1, abs=1e-9)
    assert joined(days).made.net == found.figures.net_pnl_try


def test_round_trips_say_what_they_were_meant_for(store: SqlStore):
    [trip] = of_book(store).trips
    assert (trip.symbol, trip.reason, trip.open) == ("BTCTRY", "profit", False)
    assert trip.held_seconds == 85_440


def test_what_mostly_bound_comes_with_its_setting(store: SqlStore):
    document = of_book(store).document()
    assert document["mostly"] in {"KILL_SWITCH", "balance_unexplained", "observe", "unknown_orders"}
    assert (document["book"], document["kind"], document["assumed"]) == ("live", "live", None)


def test_a_dry_book_says_that_its_fills_are_a_model(tmp_path: Path):
    with writer(dry_file(tmp_path / "dry.db"), durable=False) as dry:
        found = of_book(dry, "stage4-dry")
    assert found.document()["assumed"] == "those of a simulated exchange"
    assert found.figures.mostly is Undefined.NO_RESTRICTION
    assert found.flows == 0
    assert list(found.chained) == [one.equity for one in found.points]


def test_points_are_those_that_are_done_and_their_flows_are_all_that_flowed(store: SqlStore):
    with store.read() as view:
        book = standing(view, pick(view, "live"))
        points = points_of(view, book)
    assert all(one.ts < other.ts for one, other in pairwise(points))
    assert sum(one.flow for one in points) == book.book.ledger.flows


def test_a_book_before_its_first_cycle_has_no_figures(tmp_path: Path):
    with writer(fresh_file(tmp_path / "x.db"), durable=False) as store:
        with store.unit() as work:
            recording.opened(work, a_book(), Carried())
            work.commit()
        with pytest.raises(StoreUnready, match="book live has no cycle that is done"):
            of_book(store)


def test_the_setting_that_mostly_bound_has_the_value_that_it_had_then(tmp_path: Path):
    with writer(fresh_file(tmp_path / "x.db"), durable=False) as store:
        account = recorded(store)
        for switch, cycles in (("true", 3), ("false", 2)):
            texts = {**account.runner.about.settings, "KILL_SWITCH": switch == "true"}
            account.runner.about = evolve(account.runner.about, settings=texts)
            for _ in range(cycles):
                account.go_on(kill=Kill(Level.ALL, "KILL_SWITCH") if switch == "true" else None)
        by_setting = of_book(store).document()
        account.go_on(kill=Kill(Level.ALL, "MEVA_KILL_FILE", "a look"))
        by_file = of_book(store).document()
    names = ("mostly", "mostly_setting", "mostly_setting_value")
    assert [by_setting[name] for name in names] == ["KILL_SWITCH", "KILL_SWITCH", True]
    assert [by_file[name] for name in names] == ["KILL_SWITCH", None, None]
