"""Fills, orders, round trips and equity as flat records for other programs, under fixed names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from meva_core.figures import trades
from meva_core.figures.trips import RoundTrip
from meva_core.history.fields import Field, fields_of
from meva_core.history.window import LEDGER_METRICS
from meva_core.ports import Reads

SCHEMA_VERSION: Final = 1
"""Grows whenever a field is renamed, removed, or changes its meaning or its type; new fields at the end do
not count."""
_HEAD: Final = (Field("schema_version", "integer"), Field("run_id", "text"))
_FILLS: Final = "ledger_events"
_ORDERS: Final = "stage7_orders"

FILLS: Final = (
    *_HEAD,
    *fields_of(_FILLS, "stamp", "ts"),
    *fields_of(_FILLS, "text", "symbol", "side"),
    Field("price_try", "amount", _FILLS, "price"),
    *fields_of(_FILLS, "amount", "qty", "notional_try"),
    Field("fee_try", "amount", _FILLS, "fee"),
    *fields_of(_FILLS, "amount", "reference_try", "slippage_try", "cost_try"),
    *fields_of(_FILLS, "text", "liquidity", "cycle_id"),
    Field("order_id", "text", _FILLS, "exchange_order_id"),
    *fields_of(_FILLS, "text", "client_order_id"),
    Field("fill_id", "text", _FILLS, "exchange_trade_id"),
)
"""A fill. `reference_try` is what it would have come to at the mark, `cost_try` what the lots that a SELL
took cost by that, `liquidity` whether it was at our limit (`resting`) or took the touch (`taking`)."""
ORDERS: Final = (
    *_HEAD,
    *fields_of(_ORDERS, "stamp", "submitted_at"),
    *fields_of(_ORDERS, "text", "symbol", "side", "order_type"),
    *fields_of(_ORDERS, "amount", "price_try", "qty", "filled_qty", "avg_fill_price_try"),
    *fields_of(_ORDERS, "amount", "notional_try", "fee_try"),
    *fields_of(_ORDERS, "text", "status", "end_reason"),
    *fields_of(_ORDERS, "stamp", "last_update"),
    *fields_of(_ORDERS, "text", "cycle_id", "order_id", "client_order_id"),
)
"""An order as it stands after the last cycle; skipped intents are none."""
EQUITY: Final = (
    *_HEAD,
    *fields_of(LEDGER_METRICS, "stamp", "ts"),
    *fields_of(LEDGER_METRICS, "text", "cycle_id"),
    *fields_of(LEDGER_METRICS, "amount", "equity_try", "cash_try", "net_pnl_try", "realized_pnl_try"),
    *fields_of(LEDGER_METRICS, "amount", "unrealized_pnl_try", "fees_try", "slippage_try", "turnover_try"),
    *fields_of(LEDGER_METRICS, "amount", "max_drawdown_ratio"),
)
"""The account after a cycle."""
TRADES: Final = (*_HEAD, *(Field(name, kind) for name, kind in trades.FIELDS.items()))
"""A round trip (`figures.trades`); the run is the last of those that it is reckoned from."""

FIELDS: Final[Mapping[str, tuple[Field, ...]]] = {
    "fills": FILLS,
    "orders": ORDERS,
    "trades": TRADES,
    "equity": EQUITY,
}
"""What can be written besides cycles, by name."""
_ONLY: Final[Mapping[str, Mapping[str, Any]]] = {_FILLS: {"type": "FILL"}}


def table_records(
    reads: Reads,
    what: str,
    run_id: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    symbol: str | None = None,
) -> Iterator[tuple[Any, ...]]:
    """Yield the records of one run, of all but `trades`, in time order, with values in the order of FIELDS.

    `start` and `end` are inclusive; `symbol` keeps those of one, where they have any.
    """
    stored = FIELDS[what][len(_HEAD) :]
    table = stored[0].table
    where = {**_ONLY.get(table, {}), **({} if symbol is None else {"symbol": symbol})}
    columns = [field.column for field in stored]
    for row in reads.rows(table, columns, run_id=run_id, start=start, end=end, where=where):
        yield SCHEMA_VERSION, run_id, *row


def symbols_of(reads: Reads, what: str, run_ids: Iterable[str]) -> Iterator[str]:
    """Yield the symbol of each record of some runs, of fills or orders."""
    table = FIELDS[what][len(_HEAD)].table
    for run_id in run_ids:
        for (symbol,) in reads.rows(table, ("symbol",), run_id=run_id, where=_ONLY.get(table)):
            yield symbol


def trade_records(
    trips: Iterable[RoundTrip],
    run_id: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    symbol: str | None = None,
) -> Iterator[tuple[Any, ...]]:
    """Yield the records of round trips that were closed in [start, end], of one symbol if it is given."""
    for trip in trips:
        record = trades.trade_record(trip)
        closed: datetime = record[1]
        if (
            symbol in (None, trip.symbol)
            and (start is None or closed >= start)
            and (end is None or closed <= end)
        ):
            yield SCHEMA_VERSION, run_id, *record
