"""The engine run over a world, and what it put out in the oracle's words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from meva_core.cycle import Out
from meva_core.engine import Engine
from meva_core.loop import Loop, interpreted
from meva_core.market import Market, closes_measures, empty_market
from meva_core.modes import Mode
from meva_core.orders import Event, Side, Status
from meva_core.params import Params, own_tuned, params_from
from meva_core.reasons import Code, fired_codes
from meva_core.rules import Rules, rules_columns
from meva_core.state import OPEN_ORDERS, STREAK, TOKENS, State, new_state
from meva_core.steps.inputs import BY_CYCLE, Inputs, no_inputs
from oracle.world import E8, World, e8

PLAIN = (
    "book_ts",
    "bid",
    "ask",
    "bid_qty",
    "ask_qty",
    "ticker_ts",
    "last",
    "high",
    "low",
    "quote_volume",
)
"""What a row of the world and a market call alike."""
OUTCOMES = ("", "APPLIED", "ROLLED_BACK")
WHY = {
    1: "drawdown",
    2: "reject_spike",
    4: "throttling",
    8: "losing",
    16: "near_drawdown",
    32: "missing_marks",
    64: "healthy",
}


def absent(value: int | None) -> int:
    return -1 if value is None else value


def present(value: int) -> int | None:
    return None if value == -1 else int(value)


def market_of(world: World) -> Market:
    """Return the world's market as columns."""
    m = empty_market(len(world.cycles), len(world.symbols))
    m.time[:] = [given.time for given in world.cycles]
    for name in PLAIN:
        cells = [absent(getattr(row, name)) for given in world.cycles for row in given.rows]
        column = getattr(m, name)
        column[...] = np.array(cells, dtype=np.int64).reshape(column.shape)
    places: dict[int, list[tuple[int, int, tuple[int, ...]]]] = defaultdict(list)
    for c, given in enumerate(world.cycles):
        for i, row in enumerate(given.rows):
            places[len(row.closes)].append((c, i, row.closes))
    places.pop(0, None)
    for found in places.values():  # those that are equally many are measured at once
        cycles, symbols, closes = zip(*found, strict=True)
        lines = np.ascontiguousarray(np.array(closes, dtype=np.int64).T)
        measures = closes_measures(lines, world.settings.stage7.vol_lookback)
        for column, measure in zip((m.closes, m.closes_check, m.deviation), measures, strict=True):
            column[list(cycles), list(symbols)] = measure[-1]
    return m


def inputs_of(world: World) -> Inputs:
    """Return what reaches the world's cycles beside the market."""
    x = no_inputs(len(world.cycles), len(world.symbols))
    for c, given in enumerate(world.cycles):
        for name in BY_CYCLE:
            getattr(x, name)[c] = int(getattr(given, name))
        for i, weight in enumerate(given.weights):
            x.weight[c, i] = absent(weight)
    return x


def params_of(world: World) -> Params:
    p = params_from(world.settings, seed=world.seed, adapt=world.adapt)
    return p._replace(strategy=world.strategy)


def rules_of(world: World) -> Rules:
    """Return the rules of the world's symbols as columns."""
    return rules_columns(world.rules, candidates=world.candidates, configured=world.configured)


def state_of(world: World, room: int = 64) -> State:
    """Return the state before the first cycle."""
    p = params_of(world)
    starting = e8(world.settings.live.dry_run_try_balance)
    return new_state(len(world.symbols), starting, own_tuned(p), p.token_burst, room)


def engine_of(
    world: World,
    loop: Loop = interpreted,
    room: int = 64,
    rows: int = 4096,
    state: State | None = None,
) -> Engine:
    """Return an engine for the world, before its first cycle unless a state is given."""
    return Engine(params_of(world), state or state_of(world, room), loop=loop, rows=rows)


def records_of(world: World, engine: Engine) -> Iterator[dict[str, Any]]:
    """Run all cycles and yield what each decided."""
    for start, stop, out in engine.advance(market_of(world), inputs_of(world), rules_of(world)):
        for c in range(start, stop):
            yield record_of(world, out, c, start)


def record_of(world: World, out: Out, c: int, start: int) -> dict[str, Any]:
    """Return what cycle c decided; the journal begins with cycle `start`."""
    j = out.journal
    first_event = int(j.events_end[c - 1]) if c > start else 0
    first_fill = int(j.fills_end[c - 1]) if c > start else 0
    first_intent = int(j.intents_end[c - 1]) if c > start else 0
    settle, plan, end = (int(ends[c]) for ends in (j.settle_events_end, j.plan_events_end, j.events_end))
    return {
        "measure": [_measured(out.measure, c, i) for i in range(len(world.symbols))],
        "assess": _assessed(out.assess, c),
        "select": _selected(world, out.select, c),
        "plan": _planned(world, out.plan, c),
        "intents": [_intent(j.intents, row) for row in range(first_intent, int(j.intents_end[c]))],
        "settle_events": [_event(j.events, row) for row in range(first_event, settle)],
        "plan_events": [_event(j.events, row) for row in range(settle, plan)],
        "execute_events": [_event(j.events, row) for row in range(plan, end)],
        "settle_fills": [_fill(j.fills, row) for row in range(first_fill, int(j.settle_fills_end[c]))],
        "execute_fills": [
            _fill(j.fills, row) for row in range(int(j.settle_fills_end[c]), int(j.fills_end[c]))
        ],
        "account": _accounted(world, out.account, c),
        "adapt": _adapted(out.adapt, c),
    }


def final_of(state: State) -> dict[str, Any]:
    """Return what is left for a next cycle, in the oracle's words."""
    room = state.lot_qty.shape[1]
    lots = []
    for i in range(len(state.qty)):
        places = (state.lot_first[i] + np.arange(state.lot_count[i])) % room
        lots.append([(int(state.lot_qty[i, k]), int(state.lot_cost[i, k])) for k in places])
    names = ("time", "n", "symbol", "side", "limit", "qty", "filled", "met")
    return {
        "streak": int(state.facts[STREAK]),
        "tokens": int(state.facts[TOKENS]),
        "lots": lots,
        "orders": [
            tuple(int(getattr(state, f"order_{name}")[k]) for name in names)
            for k in range(int(state.facts[OPEN_ORDERS]))
        ],
    }


def _pair(group: Any, name: str, c: int) -> int:
    return int(getattr(group, f"{name}_whole")[c]) * E8 + int(getattr(group, f"{name}_rest")[c])


def _measured(o: Any, c: int, i: int) -> dict[str, Any]:
    flags = int(o.flags[c, i])
    mark = present(o.mark[c, i])
    assert (mark is None) == bool(flags & 4)
    return {
        "mark": mark,
        "valuation": present(o.valuation[c, i]),
        "valuation_age": present(o.valuation_age[c, i]),
        "book_age": present(o.book_age[c, i]),
        "stale": bool(flags & 1),
        "two_sided": not flags & 2,
        "skewed": bool(flags & 8),
    }


def _assessed(o: Any, c: int) -> dict[str, Any]:
    return {
        **{name: _pair(o, name, c) for name in ("equity", "peak", "day_pnl", "volume")},
        **{name: int(getattr(o, name)[c]) for name in ("streak", "fresh", "wide", "until")},
        "feed_age": present(o.feed_age[c]),
        "latched": bool(o.latched[c]),
        "fired": frozenset(fired_codes(int(o.fired[c]))),
        "floor": Mode(o.floor[c]),
        "verdict": Mode(o.verdict[c]),
    }


def _selected(world: World, o: Any, c: int) -> dict[str, dict[str, Any]]:
    record = {}
    for i, name in enumerate(world.symbols):
        if o.code[c, i] == Code.NOT_A_CANDIDATE:
            assert not o.selected[c, i]
            continue
        columns = ("liquidity", "spread", "volatility", "total", "rank")
        record[name] = {
            **{column: int(getattr(o, column)[c, i]) for column in columns},
            "selected": bool(o.selected[c, i]),
            "code": Code(o.code[c, i]),
        }
    return record


def _planned(world: World, o: Any, c: int) -> dict[str, Any]:
    names = ("target", "value", "open_value", "delta", "amount")
    return {
        **{name: Mode(getattr(o, name)[c]) for name in ("mode", "base_mode", "override_mode", "rules_mode")},
        **{
            name: int(getattr(o, name)[c])
            for name in ("strategy_failed", "investable", "shares", "share", "cap_left")
        },
        "cycle_code": Code(o.cycle_code[c]),
        "symbols": [
            {**{name: int(getattr(o, name)[c, i]) for name in names}, "code": Code(o.code[c, i])}
            for i in range(len(world.symbols))
        ],
    }


def _intent(o: Any, row: int) -> dict[str, Any]:
    code = Code(o.code[row])
    assert o.status[row] == (Status.PLANNED if code is Code.OK else Status.SKIPPED)
    return {
        **{name: int(getattr(o, name)[row]) for name in ("symbol", "amount", "mark", "qty", "reserved")},
        "side": Side(o.side[row]),
        "code": code,
        "price": present(o.price[row]),
    }


def _event(o: Any, row: int) -> dict[str, Any]:
    names = ("time", "n", "seq", "code", "symbol", "price", "qty", "filled", "notional", "fee", "attempt")
    return {
        **{name: int(getattr(o, name)[row]) for name in names},
        "kind": Event(o.kind[row]),
        "status": Status(o.status[row]),
        "side": Side(o.side[row]),
    }


def _fill(o: Any, row: int) -> dict[str, Any]:
    names = [name for name in o._fields if name not in ("cycle", "step", "side")]
    return {**{name: int(getattr(o, name)[row]) for name in names}, "side": Side(o.side[row])}


def _accounted(world: World, o: Any, c: int) -> dict[str, Any]:
    totals = (
        "cash", "equity", "realized", "unrealized", "gross", "net", "fees", "slippage", "turnover",
    )  # fmt: skip
    return {
        **{name: _pair(o, name, c) for name in totals},
        "max_drawdown": int(o.max_drawdown[c]),
        "symbols": [
            {name: int(getattr(o, name)[c, i]) for name in ("qty", "value", "cost")}
            for i in range(len(world.symbols))
        ],
    }


def _adapted(o: Any, c: int) -> dict[str, Any]:
    why = int(o.why[c])
    return {
        **{name: int(getattr(o, name)[c]) for name in ("version_before", "version", *o._fields[5:])},
        "outcome": OUTCOMES[o.outcome[c]],
        "why": frozenset(name for bit, name in WHY.items() if why & bit),
        "became_good": bool(o.became_good[c]),
    }
