"""What a notebook sees of a run or a book, whether it was run here or is stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any, Final

import pyarrow as pa
from attrs import frozen

from meva_adapters.arrow_tables import AMOUNT
from meva_adapters.codec import CODEC
from meva_adapters.notebook.given import noted, whole
from meva_adapters.notebook.shown import Comparison, Why, page, page_html
from meva_adapters.pictures.charts import candles_chart, equity_chart
from meva_adapters.pictures.gathered import Gathered
from meva_adapters.pictures.svg import Picture
from meva_adapters.texts.comparison import comparison
from meva_adapters.texts.summary_document import summary_document
from meva_core.errors import BadInput
from meva_core.history.explain_many import explain_cycles
from meva_core.history.window import choose_window
from meva_core.ports import Reads
from meva_core.stages.accounts import Account
from meva_core.stages.positions import positions_of
from meva_core.stages.summary import Summary

WHY_CYCLES: Final = 10_000
"""Cycles that reasons are counted over unless others are asked for: the newest."""
_POSITIONS: Final = pa.schema(
    [
        ("symbol", pa.string()),
        ("qty", AMOUNT),
        ("lots", pa.int64()),
        *((name, AMOUNT) for name in ("average_cost_try", "mark_try")),
        ("mark_age_seconds", pa.int64()),
        *((name, AMOUNT) for name in ("paid_try", "value_try", "unrealized_try")),
        ("share_ratio", pa.float64()),
    ]
)


@frozen(eq=False)
class Story:
    """What came of all cycles: figures, round trips, and what pictures show."""

    summary: Summary
    trades: pa.Table
    gathered: Gathered


class Views(ABC):
    """A run or a book. Printed, it shows the page of figures; in a notebook with the curve of its equity.

    Tables are Arrow's, with amounts as decimal128(38, 8) and times in UTC: `cycles` has a row per cycle,
    `symbols` one per cycle and symbol, `intents` one per order that was built or skipped, `fills` one per
    fill, `trades` one per round trip: a SELL order that filled, and the lots that it took, first in, first
    out.
    """

    @abstractmethod
    def _story(self) -> Story:
        """Return what came of all cycles."""

    @abstractmethod
    def _tables(self) -> dict[str, pa.Table]:
        """Return `cycles`, `symbols`, `intents` and `fills`."""

    @abstractmethod
    def _look(self) -> AbstractContextManager[Reads]:
        """Hold a view of what is kept of it."""

    @property
    def _account(self) -> Account:
        return self._story().summary.account

    @property
    def _name(self) -> str:
        return str(self._account.book or self._account.runs[-1]["run_id"])

    # -- Figures --------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """The last link of the chain of digests, in hex."""
        return str(self._account.runs[-1]["fingerprint"])

    @property
    def figures(self) -> dict[str, Any]:
        """What `meva report --summary --json` has: the figures of docs/reference/figures.md by name, and what
        they are of. Amounts are Decimals, times aware, ratios floats.

        What is not defined is None, and why stands under `undefined` by its name.
        """
        return summary_document(self._story().summary)

    def compare(self, *others: Views) -> Comparison:
        """Return the figures of this run and others side by side, and the settings that differ. Raises
        BadInput where there is no other."""
        for one in others:
            if not isinstance(one, Views):
                raise BadInput(f"{one!r} is no run", action="give what backtest() or open_run() returned")
        if not others:
            raise BadInput("there is nothing to compare with", action="name another run: r.compare(other)")
        runs = (self, *others)
        summaries = [run._story().summary for run in runs]
        records = [CODEC.decode(one.account.runs[-1]["settings_json"]) for one in summaries]
        return Comparison(tuple(run._name for run in runs), comparison(summaries, records))

    def why(self, last: int | None = WHY_CYCLES) -> Why:
        """Return what let the newest `last` cycles trade, or kept them from it; None looks at all. Of a book
        they are those of its last run. Raises BadInput for a number below 1."""
        count = None if last is None else whole("last", last)
        if count is not None and count < 1:
            raise BadInput(f"last: {count} is no number of cycles", action="give 1 or more, or None for all")
        with noted(), self._look() as reads:
            window = choose_window(reads, self._account.runs[-1]["run_id"], last=count)
            return Why(window, explain_cycles(reads, [window], CODEC.decode))

    # -- Pictures -------------------------------------------------------------------------------------

    def plot(self, symbol: str | None = None) -> Picture:
        """Draw equity with modes, fills and drawdown, or the marks of a symbol with its fills: SVG, which a
        notebook shows and `str` gives as text. Raises BadInput for a symbol that the run did not have."""
        told, quote = self._story().gathered, self._story().summary.quote
        if symbol is None:
            return equity_chart(told, quote, alone=True)
        if symbol not in told.marks:
            there = ", ".join(told.marks)
            raise BadInput(f"{symbol} is no symbol of this run", action=f"choose one of {there}")
        return candles_chart(told, symbol, quote, f"symbol-{symbol}", alone=True)

    # -- Tables ---------------------------------------------------------------------------------------

    @property
    def cycles(self) -> pa.Table:
        """A row per cycle."""
        return self._tables()["cycles"]

    @property
    def symbols(self) -> pa.Table:
        """A row per cycle and symbol."""
        return self._tables()["symbols"]

    @property
    def intents(self) -> pa.Table:
        """A row per order that was built or skipped."""
        return self._tables()["intents"]

    @property
    def fills(self) -> pa.Table:
        """A row per fill."""
        return self._tables()["fills"]

    @property
    def trades(self) -> pa.Table:
        """A row per round trip."""
        return self._story().trades

    @property
    def equity(self) -> pa.Table:
        """The equity after each cycle: `ts`, `equity_try`."""
        return self.cycles.select(["ts", "equity_try"])

    @property
    def positions(self) -> pa.Table:
        """What is held after the last cycle, the largest first, as `meva positions` shows it."""
        with noted(), self._look() as reads:
            found = positions_of(reads, self._account.runs[-1], CODEC).document()["positions"]
        rows = [{name: one[name] for name in _POSITIONS.names} for one in found]
        return pa.Table.from_pylist(rows, _POSITIONS)

    def to_arrow(self) -> dict[str, pa.Table]:
        """Return all tables by their names: `equity`, `cycles`, `symbols`, `intents`, `fills`, `trades`."""
        return {name: getattr(self, name) for name in TABLES}

    def to_pandas(self, name: str = "equity", *, exact: bool = True) -> Any:
        """Return a table as a data frame of pandas, with amounts as Decimals; without `exact` as floats,
        which pandas can plot. Raises BadInput for a table that is not there, and without pandas."""
        if name not in (*TABLES, "positions"):
            raise BadInput(
                f"{name!r} is no table of a run", action=f"choose one of {', '.join((*TABLES, 'positions'))}"
            )
        if find_spec("pandas") is None:
            raise BadInput(
                "pandas is not installed here",
                action=f"pip install pandas; or take the Arrow table as it is: .{name}",
            )
        table = getattr(self, name)
        return (table if exact else _in_floats(table)).to_pandas()

    # -- As it shows itself ---------------------------------------------------------------------------

    def __repr__(self) -> str:
        """Return the page of figures."""
        return page(self.figures, self.fingerprint)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the page of figures, and equity over time."""
        return page_html(self.figures, self.plot(), self.fingerprint)


TABLES: Final = ("equity", "cycles", "symbols", "intents", "fills", "trades")


def _in_floats(table: pa.Table) -> pa.Table:
    """Return a table whose amounts are floats."""
    kinds = [one.with_type(pa.float64()) if pa.types.is_decimal(one.type) else one for one in table.schema]
    return table.cast(pa.schema(kinds))
