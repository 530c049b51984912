"""What a strategy that decides is shown of a cycle, in all cycles of runs: its market, and the book."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from strategies import examples, short_kinds, wished_worlds, worlds

from meva_core.amounts import E8, join_pair, parse_e8, to_decimal
from meva_core.engine import Halfway
from meva_core.figures.exact import mean_of
from meva_core.journal import reserved_cash
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.stages.conditions import described
from meva_core.stages.viewing import view_of
from meva_core.state import CASH, OPEN_ORDERS
from meva_core.strategy import View
from meva_core.strategy.bars import no_bars
from meva_core.strategy.history import history_at
from meva_core.strategy.view_document import view_document, view_from

KEPT_OUT = (
    *(Code.NOT_A_CANDIDATE, Code.MISSING_MARK_PRICE),
    *(Code.ABOVE_MAX_SPREAD, Code.BELOW_MIN_VOLUME),
)


def seen(world: World, look: Callable[[Halfway, View], None]) -> None:
    """Show every cycle of a world to somebody."""
    engine, market = engine_of(world), market_of(world)

    def show(at: Halfway) -> None:
        history = history_at(at.c, world.symbols, market, no_bars(len(world.symbols)), 0)
        look(at, view_of(at, described(at.rules, world.symbols), history))

    for _ in engine.advance(market, inputs_of(world), rules_of(world), show):
        pass


@examples(0.8)
@given(world=wished_worlds())
def test_the_market_is_that_of_the_cycle(world: World) -> None:
    def look(at: Halfway, view: View) -> None:
        given = world.cycles[at.c]
        assert view.time == datetime.fromtimestamp(given.time, UTC)
        assert (view.stage, view.budget_mode, view.degrade_mode) == (
            *("stage7", Mode(given.base_mode)),
            Mode(given.override_mode),
        )
        assert [s.name for s in view.symbols] == list(world.symbols)
        for s, row in zip(view.symbols, given.rows, strict=True):
            for name in ("bid", "ask", "last"):
                price = getattr(row, name)
                assert getattr(s, name) == (None if price is None else to_decimal(price))
            assert (s.bid_size is None, s.ask_size is None) == (row.bid_qty is None, row.ask_qty is None)
            stamp = row.book_ts
            assert s.age == (None if stamp is None else max(0, (given.time * 10**6 - stamp) // 10**6))

    seen(world, look)


@examples(0.8)
@given(world=wished_worlds())
def test_the_book_adds_up(world: World) -> None:
    def look(at: Halfway, view: View) -> None:
        state = at.state
        for i, s in enumerate(view.symbols):
            assert (s.qty, s.paid) == (to_decimal(int(state.qty[i])), to_decimal(int(state.paid[i])))
            average = mean_of(parse_e8(s.paid) * E8, parse_e8(s.qty)) if s.qty else None
            assert s.avg_cost == (None if average is None else to_decimal(average))
            selling = sum((order.left for order in s.orders if order.side is Side.SELL), Decimal(0))
            assert s.to_sell == s.qty - selling >= 0
            assert all(0 < order.left <= order.qty and order.limit > 0 for order in s.orders)
        whole, rest = (int(getattr(at.out.assess, f"equity_{half}")[at.c]) for half in ("whole", "rest"))
        assert view.equity == to_decimal(whole * E8 + rest)
        cash = join_pair(*state.money[CASH : CASH + 2].tolist())
        assert view.cash_free == to_decimal(max(0, cash - int(reserved_cash(state))))
        assert sum(len(s.orders) for s in view.symbols) == state.facts[OPEN_ORDERS]
        assert view.cash_target == 0
        assert 0 <= view.drawdown <= 1

    seen(world, look)


@examples(0.8)
@given(world=worlds())
def test_in_the_universe_is_what_selection_keeps_nothing_out_of(world: World) -> None:
    said: list[list[bool]] = []

    def look(at: Halfway, view: View) -> None:
        said.append([s.in_universe or not s.rules.usable for s in view.symbols])
        found.append(at)

    found: list[Halfway] = []
    seen(world, look)
    for at, kept in zip(found, said, strict=True):
        codes = at.out.select.code[at.c].tolist()
        usable = [rule.usable for rule in world.rules]
        expected = [code not in KEPT_OUT or not fit for code, fit in zip(codes, usable, strict=True)]
        assert kept == expected


@given(world=worlds())
@examples(0.2)
def test_it_is_frozen_and_knows_its_symbols_by_name(world: World) -> None:
    def look(at: Halfway, view: View) -> None:
        assert view[world.symbols[0]] is view.symbols[0]
        with pytest.raises(KeyError, match="NONE"):
            view["NONE"]
        with pytest.raises(FrozenInstanceError):
            view.equity = Decimal(1)  # type: ignore[misc]
        with pytest.raises(FrozenInstanceError):
            view.symbols[0].qty = Decimal(1)  # type: ignore[misc]

    seen(world, look)


@examples(0.3)
@given(world=wished_worlds(short_kinds))
def test_as_a_document_it_comes_back_as_it_was(world: World) -> None:
    def look(at: Halfway, view: View) -> None:
        document = json.loads(json.dumps(view_document(view)))
        again = view_from(document, view.history, View)
        assert repr(again) == repr(view)
        assert again == view

    seen(world, look)
