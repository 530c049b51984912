"""What a book holds after its last cycle, out of the state that is stored with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from meva_core.amounts import ABSENT, E8, join_pair, mul_e8, to_decimal
from meva_core.errors import StoreUnready
from meva_core.figures.cycles import Lot, lots_of
from meva_core.figures.exact import mean_of
from meva_core.figures.ratios import quotient
from meva_core.ports import Reads
from meva_core.stages.codec import Codec
from meva_core.state import CASH, LAST_EQUITY, TIME, State
from meva_core.stretches.kept_state import standing_of, state_of
from meva_core.stretches.recorded import recorded_run


@frozen
class Position:
    """A holding. `paid` is what was paid for it at average cost, with fees, and `unrealized` what it is worth
    above that; the lots cost what they would have at the marks of their cycles, as the ledger has it. Without
    a mark there is no value. Amounts in e8."""

    symbol: str
    qty: int
    lots: tuple[Lot, ...]
    paid: int
    mark: int | None
    mark_age: int | None
    share: float | None

    @property
    def value(self) -> int | None:
        """What it is worth at its valuation mark."""
        return None if self.mark is None else mul_e8(self.qty, self.mark)

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it, amounts as Decimals."""
        value = self.value
        return {
            "symbol": self.symbol,
            "qty": to_decimal(self.qty),
            "lots": len(self.lots),
            "average_cost_try": to_decimal(mean_of(self.paid * E8, self.qty)),
            "mark_try": None if self.mark is None else to_decimal(self.mark),
            "mark_age_seconds": self.mark_age,
            "paid_try": to_decimal(self.paid),
            "value_try": None if value is None else to_decimal(value),
            "unrealized_try": None if value is None else to_decimal(value - self.paid),
            "share_ratio": self.share,
            "open_lots": [
                {"qty": to_decimal(lot.qty), "cost_try": to_decimal(lot.cost)} for lot in self.lots
            ],
        }


@frozen
class Positions:
    """What a run left: the time of its last cycle, its cash and equity in e8 of the quote currency, and its
    holdings, the largest first."""

    run_id: str
    ts: datetime
    quote: str
    cash: int
    equity: int
    held: tuple[Position, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it, amounts as Decimals."""
        return {
            "run_id": self.run_id,
            "ts": self.ts,
            "quote": self.quote,
            "cash_try": to_decimal(self.cash),
            "equity_try": to_decimal(self.equity),
            "positions": [one.document() for one in self.held],
        }


def positions_of(reads: Reads, row: Mapping[str, Any], codec: Codec) -> Positions:
    """Return what a run, a row of stage7_runs, holds after its last cycle.

    Raises StoreUnready for one that has no cycle yet, or is of the earlier system, StoreCorrupt
    for a state that is damaged.
    """
    kept = reads.state(row["run_id"])
    if kept is None:
        raise StoreUnready(
            f"nothing is stored of what run {row['run_id']} holds",
            action="`meva runs` lists the runs; those of the earlier system kept no holdings of dry runs",
        )
    run = recorded_run(row, codec.decode)
    symbols = run.symbols
    state = state_of(standing_of(kept, run.run_id, codec.decode), run.run_id, symbols)
    cash, equity = (
        join_pair(int(state.money[place]), int(state.money[place + 1])) for place in (CASH, LAST_EQUITY)
    )
    held = [_position(state, i, symbol, equity) for i, symbol in enumerate(symbols) if state.qty[i]]
    held.sort(key=lambda one: (-(one.value or 0), one.symbol))
    time = datetime.fromtimestamp(int(state.facts[TIME]), UTC)
    return Positions(row["run_id"], time, run.quote, cash, equity, tuple(held))


def _position(state: State, i: int, symbol: str, equity: int) -> Position:
    mark, qty = int(state.valuation[i]), int(state.qty[i])
    share = None
    if mark != ABSENT and equity:
        share = quotient(mul_e8(qty, mark), equity)
    return Position(
        symbol,
        qty,
        tuple(lots_of(state, i)),
        int(state.paid[i]),
        None if mark == ABSENT else mark,
        None if mark == ABSENT else int(state.facts[TIME]) - int(state.valuation_time[i]),
        share,
    )
