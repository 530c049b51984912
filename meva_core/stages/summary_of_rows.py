"""Figures of cycles that were recorded before there were columns, as far as their rows tell them.

Rows have equity, cash, modes and fills; the marks that benchmarks are bought at, and which reason asked for
which mode, are not among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, Final

import numpy as np

from meva_core.amounts import parse_e8
from meva_core.errors import StoreCorrupt
from meva_core.figures import named
from meva_core.figures.by_symbol import BySymbol
from meva_core.figures.curve import Curve
from meva_core.figures.cycles import Opening, value_at
from meva_core.figures.ratios import DAY, quotient
from meva_core.figures.restrictions import Restrictions
from meva_core.figures.result import Figures, Undefined
from meva_core.figures.trips import Fill, OrderName, Trips
from meva_core.ids import run_and_time
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.ports import Reads
from meva_core.state import State

_AT_ONCE: Final = 1024
_CURVE: Final = ("ts", "equity_try", "cash_try", "fees_try", "slippage_try", "turnover_try")
_FILLS: Final = (
    *("ts", "symbol", "side", "exchange_order_id", "exchange_trade_id", "liquidity"),
    *("price", "qty", "notional_try", "fee", "reference_try", "cost_try"),
)


def figures_of_rows(
    reads: Reads,
    row: Mapping[str, Any],
    opening: Opening,
    state: State,
    symbols: tuple[str, ...],
    *,
    cash_rate: float,
    still_open: list[OrderName],
) -> Figures:
    """Return the figures of a run, a row of stage7_runs, out of its rows; `state` is the one after its last
    cycle, of these symbols. What rows do not tell is not defined: `no_columns`."""
    curve, (fees, slippage, turnover) = _curve(reads, row["run_id"], opening)
    trips, by_symbol = Trips.after(opening), BySymbol()
    for symbol in symbols:
        by_symbol.of(symbol)
    for fill, cost in fills_of_rows(reads, row["run_id"]):
        trips.take(fill)
        _count(by_symbol, fill, cost)
    rows = named.symbol_rows(by_symbol.done(_gains(state, symbols), opening))
    unknown = Undefined.NO_COLUMNS
    curve.drawdown.end()
    return Figures(
        start=curve.days.first or 0,
        end=curve.days.last or 0,
        cycles=curve.cycles,
        days=quotient(curve.seconds, DAY),
        whole_days=len(curve.days.whole()),
        **named.equity_figures(curve),
        equal_parts_return_ratio=unknown,
        best_pair=unknown,
        best_pair_return_ratio=unknown,
        pairs_held=unknown,
        **named.drawdown_figures(curve.drawdown),
        **named.risk_figures(curve, cash_rate),
        **named.cost_figures(
            curve, fees - opening.fees, slippage - opening.slippage, turnover - opening.turnover
        ),
        fills=sum(one.fills for one in rows),
        **named.trip_figures(trips.done(still_open)),
        open_cost_try=trips.open_cost,
        **{**named.mode_figures(_modes(reads, row["run_id"])), "mostly": unknown},
        symbols=rows,
    )


def _curve(reads: Reads, run_id: str, opening: Opening) -> tuple[Curve, tuple[int, int, int]]:
    """Return the equity of all cycles, and fees, slippage and turnover after the last."""
    curve, totals = Curve(opening.equity), (opening.fees, opening.slippage, opening.turnover)
    found = reads.rows("stage7_ledger_metrics", _CURVE, run_id=run_id)
    while rows := list(islice(found, _AT_ONCE)):
        times = np.array([int(ts.timestamp()) for ts, *_ in rows], dtype=np.int64)
        equity, cash = ([_e8(one[place]) for one in rows] for place in (1, 2))
        curve.add(times, _column(equity), _column(cash))
        totals = (_e8(rows[-1][3]), _e8(rows[-1][4]), _e8(rows[-1][5]))
    return curve, totals


def _e8(amount: Decimal) -> int:
    """Return a total in e8, which may be larger than an amount."""
    return int(amount.scaleb(8))


def _column(amounts: list[int]) -> Any:
    fits = max(map(abs, amounts)) < 2**63
    return np.array(amounts, dtype=np.int64 if fits else object)


def fills_of_rows(reads: Reads, run_id: str) -> Iterator[tuple[Fill, int]]:
    """Yield the fills of a run out of the rows of ledger_events, in the order in which they happened, each
    with what the lots that it took cost by the ledger, e8."""
    together: list[tuple[int, Fill, int]] = []
    for stored in reads.rows("ledger_events", _FILLS, run_id=run_id, where={"type": "FILL"}):
        made = _fill(stored)
        if together and together[0][1].time != made[1].time:
            yield from _in_order(together)
            together = []
        together.append(made)
    yield from _in_order(together)


def _in_order(fills: list[tuple[int, Fill, int]]) -> Iterator[tuple[Fill, int]]:
    """Yield the fills of one cycle: those of older orders first, and as they lay in their plans."""
    for _, fill, cost in sorted(fills, key=lambda one: (one[1].submitted, one[1].n, one[0])):
        yield fill, cost


def _fill(stored: tuple[Any, ...]) -> tuple[int, Fill, int]:
    """Return the place of a fill among its order's, the fill, and its cost."""
    ts, symbol, side, order, trade, liquidity, *amounts, cost = stored
    price, qty, notional, fee, reference = map(parse_e8, amounts)
    _, cycle, n = order.split(":")
    submitted = run_and_time(cycle)
    if submitted is None:
        raise StoreCorrupt(
            f"a fill of order {order!r} is stored, whose cycle has no time",
            action="keep the file and restore a backup",
        )
    fill = Fill(
        int(ts.timestamp()),
        symbol,
        int(Side[side]),
        submitted[1],
        int(n),
        int(liquidity == "resting"),
        price,
        qty,
        notional,
        fee,
        reference,
    )
    return int(trade.rpartition(":")[2]), fill, 0 if cost is None else parse_e8(cost)


def _count(found: BySymbol, fill: Fill, cost: int) -> None:
    one = found.of(fill.symbol)
    one.fills += 1
    one.fees += fill.fee
    one.slippage += fill.slippage
    if fill.side == Side.SELL:
        one.realized += fill.reference - cost


def _gains(state: State, symbols: tuple[str, ...]) -> dict[str, int]:
    """Return what each holding is worth above the cost of its lots."""
    return {symbol: value_at(state, i) - int(state.cost[i]) for i, symbol in enumerate(symbols)}


def _modes(reads: Reads, run_id: str) -> Restrictions:
    found = Restrictions()
    for mode in Mode:
        found.modes[mode] = 0
    for (mode,) in reads.rows("stage7_run_metrics", ("mode_final",), run_id=run_id):
        found.modes[Mode[mode]] += 1
    return found
