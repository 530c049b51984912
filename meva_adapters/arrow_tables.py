"""What a run put out, as Arrow tables: exact amounts, times in UTC, codes as words.

`Tables` takes stretch after stretch of the engine's columns and holds them as tables under the database's
names of things. An order is named by `submitted_ts` and `n`, its place among its cycle's intents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meva_core.amounts import ABSENT
from meva_core.cycle import Out
from meva_core.journal import Fills, Intents
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.orders import Side, Status
from meva_core.reasons import RISK_RULES, Code, fired_codes

AMOUNT: Final = pa.decimal128(38, 8)
STAMP: Final = pa.timestamp("s", tz="UTC")
_WIDE: Final = pa.decimal128(19, 0)
_UNIT: Final = pa.scalar(Decimal("1E-8"), pa.decimal128(9, 8))
_MODES: Final = {int(mode): mode.name for mode in Mode}
_SIDES: Final = {int(side): side.name for side in Side}
_STATUSES: Final = {int(status): status.name for status in Status}
_CODES: Final = {int(code): code.text for code in Code}
_FIRED: Final = {
    bits: ",".join(code.text for code in fired_codes(bits)) or "ok"
    for bits in range(0, 2 << max(RISK_RULES), 2)
}
"""What the bits of `fired` say, for every combination of the rules."""
_MONEY: Final = {
    "equity_try": "equity",
    "cash_try": "cash",
    "gross_pnl_try": "gross",
    "realized_pnl_try": "realized",
    "unrealized_pnl_try": "unrealized",
    "net_pnl_try": "net",
    "fees_try": "fees",
    "slippage_try": "slippage",
    "turnover_try": "turnover",
}

Columns = dict[str, Any]


class Tables:
    """The tables of one run on their way: `cycles`, `symbols`, `intents` and `fills`."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._names = dict(enumerate(symbols))
        self._batches: dict[str, list[pa.RecordBatch]] = {}

    def take(self, market: Market, out: Out, start: int, stop: int, links: Sequence[bytes]) -> None:
        """Take cycles [start, stop) of a stretch, whose links of the fingerprint's chain are `links`."""
        stretch = {
            "cycles": self._cycles(market, out, slice(start, stop), links),
            "symbols": self._symbols(market, out, slice(start, stop)),
            "intents": self._intents(market, out, slice(start, stop)),
            "fills": self._fills(market, out),
        }
        for name, columns in stretch.items():
            batch = pa.RecordBatch.from_pydict(columns)
            self._batches.setdefault(name, []).append(batch)

    def tables(self) -> Mapping[str, pa.Table]:
        """Return what was taken so far, by name of the table."""
        return {name: pa.Table.from_batches(batches) for name, batches in self._batches.items()}

    # -- The columns of each ------------------------------------------------------------------------------

    def _cycles(self, market: Market, out: Out, part: slice, links: Sequence[bytes]) -> Columns:
        a, j = out.account, out.journal
        planned = j.intents.status[: int(j.used[0])] == Status.PLANNED
        money = {
            name: amounts_of_pairs(getattr(a, f"{kind}_whole")[part], getattr(a, f"{kind}_rest")[part])
            for name, kind in _MONEY.items()
        }
        return {
            "ts": stamps(market.time[part]),
            "mode": words(out.plan.mode[part], _MODES),
            "risk_reasons": words(out.assess.fired[part], _FIRED),
            **money,
            "max_drawdown_ratio": amounts(a.max_drawdown[part]),
            "universe_size": out.select.selected[part].sum(axis=1),
            "orders": np.bincount(j.intents.cycle[: len(planned)][planned], minlength=part.stop)[part],
            "fills": np.diff(j.fills_end[part], prepend=0),
            "param_version": out.adapt.version_before[part].copy(),
            "link_sha256": pa.array(links, pa.binary(32)),
        }

    def _symbols(self, market: Market, out: Out, part: slice) -> Columns:
        cycles, symbols = out.plan.code[part].shape

        def flat(column: Any) -> Any:
            return column[part].reshape(-1)

        return {
            "ts": stamps(np.repeat(market.time[part], symbols)),
            "symbol": words(np.tile(np.arange(symbols), cycles), self._names),
            "mark_price_try": amounts(flat(out.measure.mark), absent=ABSENT),
            "rank": flat(out.select.rank).copy(),
            "selected": flat(out.select.selected) == 1,
            "select_reason": words(flat(out.select.code), _CODES),
            "plan_reason": words(flat(out.plan.code), _CODES),
            "target_try": amounts(flat(out.plan.target)),
            "planned_try": amounts(flat(out.plan.amount)),
            "qty": amounts(flat(out.account.qty)),
            "value_try": amounts(flat(out.account.value)),
        }

    def _intents(self, market: Market, out: Out, part: slice) -> Columns:
        used = slice(0, int(out.journal.used[0]))
        rows = {name: getattr(out.journal.intents, name)[used] for name in Intents._fields}
        first = np.concatenate(([0], out.journal.intents_end[part]))[rows["cycle"] - part.start]
        return {
            "submitted_ts": stamps(market.time[rows["cycle"]]),
            "n": np.arange(len(first)) - first,
            "symbol": words(rows["symbol"], self._names),
            "side": words(rows["side"], _SIDES),
            "status": words(rows["status"], _STATUSES),
            "reason": words(rows["code"], _CODES),
            "amount_try": amounts(rows["amount"]),
            "mark_price_try": amounts(rows["mark"], absent=ABSENT),
            "price_try": amounts(rows["price"], absent=ABSENT),
            "qty": amounts(rows["qty"]),
            "notional_try": amounts(rows["notional"]),
        }

    def _fills(self, market: Market, out: Out) -> Columns:
        used = slice(0, int(out.journal.used[2]))
        rows = {name: getattr(out.journal.fills, name)[used] for name in Fills._fields}
        sold = rows["side"] == Side.SELL
        slipped = np.where(sold, rows["reference"] - rows["notional"], rows["notional"] - rows["reference"])
        return {
            "ts": stamps(market.time[rows["cycle"]]),
            "submitted_ts": stamps(rows["time"]),
            "n": rows["n"].copy(),
            "seq": rows["seq"].copy(),
            "symbol": words(rows["symbol"], self._names),
            "side": words(rows["side"], _SIDES),
            "price_try": amounts(rows["price"]),
            "qty": amounts(rows["qty"]),
            "notional_try": amounts(rows["notional"]),
            "fee_try": amounts(rows["fee"]),
            "slippage_try": amounts(slipped),
            "cost_try": amounts(np.where(sold, rows["cost"], ABSENT), absent=ABSENT),
            "liquidity": words(rows["resting"], {0: "taking", 1: "resting"}),
        }


# -- Columns ------------------------------------------------------------------------------------------


def amounts(column: Any, *, absent: int | None = None) -> pa.Array:
    """Return e8 integers as exact decimals; those that equal `absent` are null."""
    mask = None if absent is None else column == absent
    return _scaled(pa.array(column, mask=mask)).cast(AMOUNT)


def amounts_of_pairs(whole: Any, rest: Any) -> pa.Array:
    """Return pairs (whole TRY, rest in e8), which may outgrow 63 bits, as exact decimals."""
    return pc.add(pa.array(whole).cast(_WIDE), _scaled(pa.array(rest))).cast(AMOUNT)


def _scaled(numbers: pa.Array) -> pa.Array:
    """Return integers of 1e-8 as decimals that are narrow enough to be added."""
    return pc.multiply(numbers.cast(_WIDE), _UNIT)


def stamps(seconds: Any) -> pa.Array:
    """Return seconds since 1970 as times in UTC."""
    return pa.array(seconds.copy()).cast(STAMP)  # Arrow would share the memory, which the engine uses again


def words(numbers: Any, names: Mapping[int, str]) -> pa.Array:
    """Return numbers as the words that they stand for; each word is held once."""
    places = np.zeros(max(names) + 1, dtype=np.int16)
    places[list(names)] = np.arange(len(names))
    return pa.DictionaryArray.from_arrays(places[numbers], list(names.values()))
