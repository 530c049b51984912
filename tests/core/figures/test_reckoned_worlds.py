"""Figures of golden worlds: they add up with the ledger, and are the same however the cycles come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from golden_worlds import KINDS, world_of
from hypothesis import given
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from oracle.world import World
from small_books import SmallBook, columns_of
from strategies import examples, short_kinds, worlds

from meva_core.amounts import join_pair
from meva_core.errors import BadInput
from meva_core.figures.cycles import Cycles, Opening, opening_of
from meva_core.figures.motives import Motives
from meva_core.figures.reckoning import Reckoning
from meva_core.figures.result import Figures
from meva_core.figures.trips import RoundTrip, resting
from meva_core.state import CASH, STARTING, State


class Reckoned:
    """A world that was run with room for so many rows of the journal, and reckoned as it ran."""

    def __init__(self, world: World, rows: int) -> None:
        engine = engine_of(world)
        engine.rows = rows
        market, rules = market_of(world), rules_of(world)
        self.opening = opening_of(engine.state, world.symbols)
        reckoning = Reckoning(self.opening, Motives())
        self.parts = 0
        for start, stop, out in engine.advance(market, inputs_of(world), rules):
            reckoning.take(Cycles(tuple(world.symbols), engine.params, market, rules, out, start, stop))
            self.account, self.last = out.account, stop - 1
            self.parts += 1
        self.state: State = engine.state
        still_open = resting(engine.state)
        self.figures: Figures = reckoning.figures(still_open=still_open)
        self.trips: list[RoundTrip] = reckoning.round_trips(still_open)

    def total(self, name: str) -> int:
        """Return a total of the ledger after the last cycle."""
        pair = (getattr(self.account, f"{name}_{part}")[self.last] for part in ("whole", "rest"))
        return join_pair(*map(int, pair))


@pytest.fixture(scope="module", params=KINDS)
def reckoned(request):
    return Reckoned(world_of(request.param, KINDS[request.param]), 4096)


def test_the_figures_do_not_depend_on_how_the_cycles_come(request, reckoned):
    name = request.node.callspec.params["reckoned"]
    cut = Reckoned(world_of(name, KINDS[name]), 16)
    assert cut.parts > reckoned.parts or not reckoned.figures.fills
    assert cut.figures == reckoned.figures
    assert cut.trips == reckoned.trips


def test_results_add_up_to_cash_and_what_open_lots_cost(reckoned):
    add_up(reckoned)


@examples(0.3)
@given(worlds(short_kinds))
def test_in_any_world_results_and_symbols_add_up(world):
    found = Reckoned(world, 16)
    add_up(found)
    assert sum(row.net_try for row in found.figures.symbols) == found.total("net")
    assert found.figures.max_drawdown_ratio == int(found.account.max_drawdown[found.last])


def add_up(reckoned: Reckoned) -> None:
    """Hold that results of round trips are what cash gained and open lots cost."""
    cash, started = (join_pair(*reckoned.state.money[at : at + 2].tolist()) for at in (CASH, STARTING))
    figures = reckoned.figures
    assert figures.results_try == sum(trip.result for trip in reckoned.trips)
    assert figures.results_try == cash - started + figures.open_cost_try


def test_the_totals_are_the_ledgers(reckoned):
    figures = reckoned.figures
    assert figures.final_equity_try == reckoned.total("equity")
    assert figures.net_pnl_try == reckoned.total("net")
    for name in ("fees", "slippage", "turnover"):
        assert getattr(figures, f"{name}_try") == reckoned.total(name), name
    assert figures.max_drawdown_ratio == int(reckoned.account.max_drawdown[reckoned.last])


def test_symbols_add_up(reckoned):
    rows = reckoned.figures.symbols
    for name in ("realized", "unrealized", "net"):
        assert sum(getattr(row, f"{name}_try") for row in rows) == reckoned.total(name), name
    assert sum(row.fills for row in rows) == reckoned.figures.fills


def test_every_round_trip_says_why_it_was_sold(reckoned):
    assert all(trip.reason for trip in reckoned.trips)


def test_some_worlds_trade():
    assert sum(len(Reckoned(world_of(name, KINDS[name]), 4096).trips) > 3 for name in KINDS) > 3


def test_before_the_first_cycle_there_is_nothing_to_reckon():
    with pytest.raises(BadInput, match="no cycle yet"):
        Reckoning(Opening(10**8)).figures()


def test_a_book_of_no_money_has_no_ratio_of_it():
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(32)]
    marks = {moment: {"AAATRY": "1"} for moment in moments}
    reckoning = Reckoning(Opening(0))
    reckoning.take(columns_of(SmallBook("0", "10", {"AAATRY": "1"}, marks, [], {})))
    document = reckoning.figures().document()
    for name in (
        "return_ratio",
        "annual_return_ratio",
        "equal_parts_return_ratio",
        "sharpe_ratio",
        "worst_day",
    ):
        assert document[name] is None
        assert document["undefined"][name] == "no_equity", name
    assert document["max_drawdown_ratio"] == 0
    assert document["exposure_ratio"] == 0
