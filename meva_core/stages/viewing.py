"""A cycle of Stage 7 as a strategy that decides sees it: made out of market columns, rules and the book's
state, between the halves of the cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from meva_core.amounts import ABSENT, E8, join_pair, to_decimal
from meva_core.engine import Halfway
from meva_core.figures.exact import mean_of
from meva_core.journal import is_open
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.rules import SymbolRules
from meva_core.state import CASH, MAX_SPREAD, MIN_VOLUME, OPEN_ORDERS, State
from meva_core.steps.assess import spread_above
from meva_core.steps.measure import ONE_SIDED
from meva_core.strategy.history import History
from meva_core.strategy.view import OpenOrder, SymbolView, View

STAGE: Final = "stage7"
_NONE: Final = Decimal(0)
_Orders = Mapping[int, Sequence[tuple[int, OpenOrder]]]
"""The open orders by the place of their symbol, each with what is left of it, e8."""


def view_of(at: Halfway, rules: Sequence[SymbolRules], history: History) -> View:
    """Return what is seen of cycle `at.c`. `rules` are those that hold in it, in the order of the symbols.

    Budget mode and degrade mode are the base mode and the override that reached the cycle from outside.
    """
    c, assessed = at.c, at.out.assess
    equity, peak, day = (
        join_pair(int(getattr(assessed, f"{name}_whole")[c]), int(getattr(assessed, f"{name}_rest")[c]))
        for name in ("equity", "peak", "day_pnl")
    )
    orders, reserved = _open_orders(at.state)
    cash = join_pair(*at.state.money[CASH : CASH + 2].tolist())
    return View(
        time=datetime.fromtimestamp(int(at.market.time[c]), UTC),
        stage=STAGE,
        budget_mode=Mode(int(at.inputs.base_mode[c])),
        degrade_mode=Mode(int(at.inputs.override_mode[c])),
        equity=to_decimal(equity),
        cash_free=to_decimal(max(0, cash - reserved)),
        cash_target=_NONE,
        day_pnl=to_decimal(day),
        drawdown=to_decimal((peak - equity) * E8 // peak) if equity < peak else _NONE,
        symbols=_symbols(at, rules, orders),
        history=history,
    )


def _symbols(at: Halfway, rules: Sequence[SymbolRules], orders: _Orders) -> tuple[SymbolView, ...]:
    c, market, measured, state = at.c, at.market, at.out.measure, at.state
    in_universe = _universe(at, rules)
    columns = (
        *(column[c] for column in (market.bid, market.ask, market.bid_qty, market.ask_qty)),
        *(column[c] for column in (measured.mark, market.last, measured.book_age)),
        *(state.qty, state.paid),
    )
    found = []
    for i, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        bid, ask, bid_size, ask_size, mark, last, age, qty, paid = values
        own = orders.get(i, ())
        selling = sum(left for left, order in own if order.side is Side.SELL)
        found.append(
            SymbolView(
                name=rules[i].symbol,
                bid=_known(bid),
                ask=_known(ask),
                bid_size=_known(bid_size),
                ask_size=_known(ask_size),
                mark=_known(mark),
                last=_known(last),
                age=None if age == ABSENT else age,
                rules=rules[i],
                in_universe=in_universe[i],
                qty=to_decimal(qty),
                avg_cost=to_decimal(mean_of(paid * E8, qty)) if qty else None,
                paid=to_decimal(paid),
                to_sell=to_decimal(max(0, qty - selling)),
                orders=tuple(order for _, order in own),
            )
        )
    return tuple(found)


def _known(amount: int) -> Decimal | None:
    return None if amount == ABSENT else to_decimal(amount)


def _universe(at: Halfway, rules: Sequence[SymbolRules]) -> list[bool]:
    """Whether each symbol may be bought, by all that `select` and `plan` will look at."""
    c, market, measured = at.c, at.market, at.out.measure
    spread, volume = (int(at.state.tuned[place]) for place in (MAX_SPREAD, MIN_VOLUME))
    columns = (market.book_ts, market.bid, market.ask, market.quote_volume, measured.mark, measured.flags)
    rows: Any = zip(*(column[c].tolist() for column in columns), strict=True)
    found = []
    for i, (stamp, bid, ask, quote, mark, flags) in enumerate(rows):
        wide = spread > 0 and not flags & ONE_SIDED and spread_above(bid, ask, spread)
        thin = volume > 0 and quote < volume
        known = bool(at.rules.candidate[i]) and rules[i].usable and stamp >= 0 and mark != ABSENT
        found.append(known and not wide and not thin)
    return found


def _open_orders(state: State) -> tuple[_Orders, int]:
    """Return our open orders, and the cash that the buys of them hold back, e8."""
    found: dict[int, list[tuple[int, OpenOrder]]] = {}
    reserved = 0
    for k in range(int(state.facts[OPEN_ORDERS])):
        if not is_open(state, k):
            continue
        side, qty = Side(int(state.order_side[k])), int(state.order_qty[k])
        left = qty - int(state.order_filled[k])
        order = OpenOrder(
            time=datetime.fromtimestamp(int(state.order_time[k]), UTC),
            side=side,
            limit=to_decimal(int(state.order_limit[k])),
            qty=to_decimal(qty),
            left=to_decimal(left),
        )
        found.setdefault(int(state.order_symbol[k]), []).append((left, order))
        if side is Side.BUY:
            held_back = (state.order_reserved[k], -state.order_notional[k], -state.order_fee[k])
            reserved += sum(map(int, held_back))
    return found, reserved
