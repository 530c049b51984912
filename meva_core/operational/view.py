"""What a strategy sees of a cycle: Decimals of the scene, and a history that ends with this cycle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

import numpy as np

from meva_core.amounts import ABSENT, E8, to_decimal
from meva_core.figures.exact import mean_of
from meva_core.ids import stamp_text
from meva_core.market import MICROS, Market, empty_market
from meva_core.modes import Mode
from meva_core.operational.assess import Assessed
from meva_core.operational.inputs import Bars, Inputs, OwnOrder, SymbolView
from meva_core.operational.scene import Scene
from meva_core.strategy.bars import SeenBars, no_bars
from meva_core.strategy.history import History, history_at
from meva_core.strategy.live_view import LiveSymbol, LiveView
from meva_core.strategy.view import OpenOrder

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def view_of(
    scene: Scene, found: Assessed, budget: Mode, degraded: Mode, universe: frozenset[str]
) -> Callable[[tuple[int, int] | None], LiveView]:
    """Return what makes the view of a strategy that looks at bars: of so many seconds, the newest so many;
    None for none."""
    inputs, limits = scene.inputs, scene.inputs.limits
    symbols = tuple(_symbol(scene, seen, universe) for seen in inputs.symbols)
    peak = inputs.risk.peak

    @cache
    def made(wanted: tuple[int, int] | None) -> LiveView:
        return LiveView(
            time=_EPOCH + timedelta(seconds=inputs.time),
            stage=f"stage{inputs.stage}",
            budget_mode=budget,
            degrade_mode=degraded,
            equity=to_decimal(found.equity),
            cash_free=to_decimal(scene.cash_for_buys),
            cash_target=to_decimal(limits.cash_target),
            day_pnl=to_decimal(found.day_pnl),
            drawdown=to_decimal(found.drawdown * E8 // peak if peak > 0 else 0),
            symbols=symbols,
            fee_bps=to_decimal(inputs.effective_fee),
            min_profit_bps=to_decimal(limits.min_profit_bps),
            may_bootstrap=limits.stage4_bootstrap_intents,
            history=history_seen(inputs, wanted),
        )

    return made


def view_document(view: LiveView) -> dict[str, Any]:
    """Return a view as it is digested: what a strategy sees but for the bars, which the inputs hold."""
    return {
        "time": stamp_text((view.time - _EPOCH) // timedelta(seconds=1)),
        "stage": view.stage,
        "modes": [view.budget_mode.name, view.degrade_mode.name],
        "amounts": [
            str(amount)
            for amount in (view.equity, view.cash_free, view.cash_target, view.day_pnl, view.drawdown,
                           view.fee_bps, view.min_profit_bps)
        ],
        "may_bootstrap": view.may_bootstrap,
        "symbols": [_symbol_document(symbol) for symbol in view.symbols],
    }  # fmt: skip


def history_seen(inputs: Inputs, wanted: tuple[int, int] | None) -> History:
    """Return the history that ends with this cycle: its one row, and before it of the bars of an interval the
    newest so many, whatever others have to see."""
    names = tuple(symbol.name for symbol in inputs.symbols)
    seconds, count = (None, 0) if wanted is None else wanted
    bars = inputs.bars.get(str(seconds))
    seen = no_bars(len(names)) if bars is None else _seen_bars(bars, names)
    market, last = _market(inputs), inputs.marks_are_last
    return history_at(0, names, market, seen, count, inputs.before, marks_are_last=last)


def _symbol(scene: Scene, seen: SymbolView, universe: frozenset[str]) -> LiveSymbol:
    held = scene.held(seen.name)
    average = mean_of(held.cost * E8, held.qty) if held.qty else None
    return LiveSymbol(
        name=seen.name,
        bid=_decimal(seen.bid),
        ask=_decimal(seen.ask),
        bid_size=_decimal(seen.bid_size),
        ask_size=_decimal(seen.ask_size),
        mark=_decimal(seen.mark),
        last=_decimal(seen.last),
        age=seen.age,
        rules=seen.rules,
        in_universe=seen.name in universe,
        qty=to_decimal(held.qty),
        avg_cost=_decimal(average),
        paid=to_decimal(held.cost),
        to_sell=to_decimal(scene.to_sell.get(seen.name, 0)),
        orders=tuple(_open(order) for order in scene.orders.get(seen.name, ()) if order.rests),
        least_try=to_decimal(scene.least(seen.name)),
    )


def _open(order: OwnOrder) -> OpenOrder:
    return OpenOrder(
        _EPOCH + timedelta(microseconds=order.created),
        order.side,
        to_decimal(order.price),
        to_decimal(order.qty),
        to_decimal(order.left),
    )


def _symbol_document(symbol: LiveSymbol) -> list[Any]:
    amounts = (
        symbol.bid, symbol.ask, symbol.bid_size, symbol.ask_size, symbol.mark, symbol.last,
        symbol.qty, symbol.paid, symbol.to_sell, symbol.least_try,
    )  # fmt: skip
    orders = [
        [str(order.time), order.side.name, str(order.limit), str(order.qty), str(order.left)]
        for order in symbol.orders
    ]
    texts = [None if amount is None else str(amount) for amount in amounts]
    return [symbol.name, texts, symbol.age, symbol.in_universe, orders]


def _decimal(amount: int | None) -> Decimal | None:
    return None if amount is None else to_decimal(amount)


def _market(inputs: Inputs) -> Market:
    """Return the one row of this cycle's market."""
    market = empty_market(1, len(inputs.symbols))
    market.time[0] = inputs.time
    for i, seen in enumerate(inputs.symbols):
        for column, amount in (
            (market.bid, seen.bid),
            (market.ask, seen.ask),
            (market.bid_qty, seen.bid_size),
            (market.ask_qty, seen.ask_size),
            (market.last, seen.last),
            (market.high, seen.high),
            (market.low, seen.low),
            (market.quote_volume, seen.quote_volume),
        ):
            column[0, i] = ABSENT if amount is None else amount
        if seen.age is not None:
            market.book_ts[0, i] = (inputs.time - seen.age) * MICROS
        if seen.ticker_age is not None:
            market.ticker_ts[0, i] = (inputs.time - seen.ticker_age) * MICROS
    return market


def _seen_bars(bars: Bars, names: tuple[str, ...]) -> SeenBars:
    """Return bars as columns in the order of the symbols; one that has none is missing throughout."""
    places = [bars.symbols.index(name) if name in bars.symbols else None for name in names]

    def column(rows: tuple[tuple[int | None, ...], ...]) -> Any:
        found = np.full((len(rows), len(names)), ABSENT, dtype=np.int64)
        for at, row in enumerate(rows):
            for i, place in enumerate(places):
                amount = None if place is None else row[place]
                found[at, i] = ABSENT if amount is None else amount
        return found

    return SeenBars(
        np.array(bars.time, dtype=np.int64),
        np.array(bars.known, dtype=np.int64),
        *(column(rows) for rows in (bars.open, bars.high, bars.low, bars.close, bars.volume)),
    )
