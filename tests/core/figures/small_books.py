"""Books of a few cycles, written down by hand: marks, fills and modes as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from meva_core.amounts import E8, parse_e8
from meva_core.figures.cycles import Cycles
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.rules import RuleStatus

D = Decimal


class Traded(NamedTuple):
    """A fill at the cycle of a time, of an order that was placed then."""

    time: datetime
    side: str
    symbol: str
    qty: str
    price: str


class SmallBook(NamedTuple):
    """An account: its cash, the fee in bps, the lot of each symbol, marks by time, fills; and the modes that
    are not NORMAL, each for a spread that was too wide."""

    cash: str
    fee_bps: str
    lots: Mapping[str, str]
    marks: Mapping[datetime, Mapping[str, str]]
    fills: Sequence[Traded]
    restricted: Mapping[datetime, str]


def columns_of(book: SmallBook, least: str = "10") -> Cycles:
    """Return the book's cycles as columns, kept by a ledger of a few lines."""
    symbols, times = tuple(sorted(book.lots)), sorted(book.marks)
    marks = np.array([[parse_e8(book.marks[t][s]) for s in symbols] for t in times], dtype=np.int64)
    rows = [_row(book, fill, symbols, times) for fill in book.fills]
    _take_costs(rows)
    sums = [_sums(book, rows, marks, c, len(symbols)) for c in range(len(times))]
    account = {name: np.array([one[name] for one in sums]) for name in sums[0]}
    modes = [Mode[book.restricted.get(t, "NORMAL")] for t in times]
    count = len(symbols)
    out = SimpleNamespace(
        measure=SimpleNamespace(mark=marks, valuation=marks),
        assess=SimpleNamespace(
            fired=np.array([(mode > 0) << Code.MARKET_LIQUIDITY_GUARDRAIL for mode in modes]),
            floor=np.zeros(len(times), dtype=np.int64),
            wide=np.array([int(mode > 0) for mode in modes]),
        ),
        plan=SimpleNamespace(
            mode=np.array(modes, dtype=np.int64),
            **{
                name: np.zeros(len(times), dtype=np.int64)
                for name in ("base_mode", "override_mode", "rules_mode", "strategy_failed")
            },
        ),
        account=SimpleNamespace(**account),
        journal=SimpleNamespace(fills=_table(rows), used=np.array([0, 0, len(rows)])),
    )
    rules = SimpleNamespace(
        candidate=np.ones(count, dtype=np.int64),
        status=np.full(count, int(RuleStatus.OK)),
        lot=np.array([parse_e8(book.lots[s]) for s in symbols]),
        min_notional=np.full(count, parse_e8(least)),
        min_qty=np.zeros(count, dtype=np.int64),
    )
    params = SimpleNamespace(fee=parse_e8(book.fee_bps), loss_mode=int(Mode.OBSERVE_ONLY))
    market = SimpleNamespace(time=np.array([int(t.timestamp()) for t in times]))
    return Cycles(symbols, params, market, rules, out, 0, len(times))  # type: ignore[arg-type]


def _row(book: SmallBook, fill: Traded, symbols: Sequence[str], times: Sequence[datetime]) -> dict[str, Any]:
    notional = D(fill.qty) * D(fill.price)
    reference = D(fill.qty) * D(book.marks[fill.time][fill.symbol])
    bound = min if fill.side == "BUY" else max
    amounts = {
        "price": fill.price,
        "qty": fill.qty,
        "notional": notional,
        "fee": notional * D(book.fee_bps) / 10_000,
        "reference": bound(notional, reference),
    }
    cycle = times.index(fill.time)
    same = [one for one in book.fills if one.time == fill.time]
    return {
        "cycle": cycle,
        "symbol": symbols.index(fill.symbol),
        "side": int(Side[fill.side]),
        "time": int(fill.time.timestamp()),
        "n": same.index(fill),
        "resting": 0,
        "cost": 0,
        **{name: parse_e8(amount) for name, amount in amounts.items()},
    }


def _take_costs(rows: list[dict[str, Any]]) -> None:
    """Give each SELL the cost of the lots that it took, oldest first."""
    lots: dict[int, list[list[int]]] = {}
    for row in rows:
        held = lots.setdefault(row["symbol"], [])
        if row["side"] == Side.BUY:
            held.append([row["qty"], row["reference"]])
            continue
        left = row["qty"]
        while left:
            part = min(left, held[0][0])
            cost = held[0][1] if part == held[0][0] else held[0][1] * part // held[0][0]
            held[0][0], held[0][1], left = held[0][0] - part, held[0][1] - cost, left - part
            row["cost"] += cost
            if not held[0][0]:
                held.pop(0)


def _sums(book: SmallBook, rows: list[dict[str, Any]], marks: Any, c: int, count: int) -> dict[str, Any]:
    """Return the totals after cycle c."""
    done = [row for row in rows if row["cycle"] <= c]
    sign = {int(Side.BUY): 1, int(Side.SELL): -1}
    cash = parse_e8(book.cash) - sum(sign[row["side"]] * row["notional"] + row["fee"] for row in done)
    slippage = sum(abs(row["notional"] - row["reference"]) for row in done)
    qty, cost = [0] * count, [0] * count
    for row in done:
        qty[row["symbol"]] += sign[row["side"]] * row["qty"]
        cost[row["symbol"]] += row["reference"] if row["side"] == Side.BUY else -row["cost"]
    value = [held * int(mark) // E8 for held, mark in zip(qty, marks[c], strict=True)]
    totals = {
        "cash": cash,
        "equity": cash + sum(value),
        "fees": sum(row["fee"] for row in done),
        "slippage": slippage,
        "turnover": sum(row["notional"] for row in done),
    }
    pairs = {f"{name}_{part}": divmod(total, E8)[at] for name, total in totals.items() for at, part in _PARTS}
    return {**pairs, "qty": qty, "value": value, "cost": cost}


_PARTS = ((0, "whole"), (1, "rest"))


def _table(rows: list[dict[str, Any]]) -> Any:
    names = list(rows[0]) if rows else []
    return SimpleNamespace(**{name: np.array([row[name] for row in rows]) for name in names})
