"""What must hold between the values of a file: order, prices, spacing. Columns in, faults and facts out."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_adapters.replay.faults import FaultList
from meva_adapters.replay.layout import CANDLES, ORDERBOOK, TICKER, Kind
from meva_adapters.replay.rows import Rows
from meva_adapters.replay.stamps import MICROS, iso_stamp
from meva_core.amounts import format_e8

GAP_STEPS: Final = 10
"""A gap is reported when it is longer than this many steps."""
_LONGEST: Final = 1000
_WEEK: Final = 7 * 86400


class Spacing:
    """Distances between neighbouring stamps of a file, taken block by block in bounded memory.

    Distances are counted in whole seconds, rounded up, those beyond a week as a week; only the longest are kept by row.
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._longest: list[tuple[int, int, int]] = []  # (distance in microseconds, line, stamp before)

    def add(self, lines: Any, before: Any, stamps: Any) -> None:
        """Take the distances stamps - before; only positive ones count."""
        distance = stamps - before
        seconds, counts = np.unique(
            np.minimum(-(-distance[distance > 0] // MICROS), _WEEK), return_counts=True
        )
        for second, count in zip(seconds.tolist(), counts.tolist(), strict=True):
            self._counts[second] = self._counts.get(second, 0) + count
        top = (
            np.argpartition(distance, -_LONGEST)[-_LONGEST:]
            if len(distance) > _LONGEST
            else np.arange(len(distance))
        )
        # Below the shortest distance that is kept already, or on the usual step, nothing can become a reported gap.
        top = top[distance[top] > GAP_STEPS * MICROS]
        found = zip(distance[top].tolist(), lines[top].tolist(), before[top].tolist(), strict=True)
        self._longest = sorted([*self._longest, *found], reverse=True)[:_LONGEST]

    @property
    def counts(self) -> dict[int, int]:
        """How often each distance in seconds occurred."""
        return dict(self._counts)

    @property
    def step_seconds(self) -> int:
        """The most common distance, the shorter of two that are as common; 0 if there is none."""
        return most_common(self._counts)

    @property
    def gap_count(self) -> int:
        """How many distances are longer than GAP_STEPS steps."""
        limit = GAP_STEPS * self.step_seconds
        return sum(count for second, count in self._counts.items() if second > limit)

    @property
    def longest_seconds(self) -> int:
        """The longest distance, in whole seconds rounded up; a short one that is no gap reads as 0."""
        return -(-self._longest[0][0] // MICROS) if self._longest else 0

    def report(self, faults: FaultList) -> None:
        """Add a warning for every gap, the longest first where there are too many to list."""
        limit = GAP_STEPS * self.step_seconds
        listed = [gap for gap in self._longest if gap[0] > limit * MICROS]
        for distance, line, before in listed:
            message = f"no rows for {distance / MICROS:g} s, more than {GAP_STEPS} steps of {self.step_seconds} s, after {iso_stamp(before)}"
            faults.warning("gap", message, row=line, column="ts", value=f"{distance / MICROS:g}")
        faults.skip(max(0, self.gap_count - len(listed)), error=False)


def most_common(counts: dict[int, int]) -> int:
    """Return the key with the highest count, the smallest of equals; 0 for none."""
    return min(counts, key=lambda key: (-counts[key], key), default=0)


class RowChecks:
    """The checks of one file, fed with its blocks in order."""

    def __init__(self, kind: Kind, faults: FaultList) -> None:
        self.rows = 0
        self.first_ts: int | None = None
        self.last_ts: int | None = None
        self.spacing = Spacing()
        self._kind = kind
        self._faults = faults

    def take(self, rows: Rows) -> None:
        """Check one block. Cells that could not be read (-1) were reported before and are passed over."""
        self.rows += len(rows.ts)
        self._order(rows)
        for name in self._kind.prices & rows.values.keys():
            self._positive(rows, name)
        if self._kind.folder in (CANDLES, TICKER):
            self._high_and_low(rows)
        if self._kind.folder == CANDLES:
            self._inside(rows)
        if self._kind.folder == ORDERBOOK:
            self._crossed(rows)

    def finish(self) -> None:
        """Report what only the whole file shows."""
        least = self._kind.min_rows
        if self.rows == 0:
            self._faults.error(
                "no_rows", "there are no rows below the header", action="record or fetch data for it"
            )
        elif self.rows < least:
            self._faults.error(
                "too_few_rows", f"{self.rows} rows; at least {least} are needed", value=str(self.rows)
            )
        self.spacing.report(self._faults)

    def _order(self, rows: Rows) -> None:
        known = rows.ts >= 0
        lines, stamps = (rows.line, rows.ts) if known.all() else (rows.line[known], rows.ts[known])
        if len(stamps) == 0:
            return
        if self.first_ts is None:
            self.first_ts = int(stamps[0])
        before = np.concatenate(([self.last_ts if self.last_ts is not None else stamps[0] - 1], stamps[:-1]))
        self._report_order(lines, before, stamps)
        skip = 1 if self.last_ts is None else 0
        self.spacing.add(lines[skip:], before[skip:], stamps[skip:])
        self.last_ts = int(stamps[-1])

    def _report_order(self, lines: Any, before: Any, stamps: Any) -> None:
        def earlier(i: int) -> str:
            return f"earlier than the row before, {iso_stamp(int(before[i]))}"

        self._each(
            lines,
            stamps < before,
            "not_increasing",
            "ts",
            stamps,
            earlier,
            as_stamp=True,
            action="sort the rows by time",
        )
        if self._kind.folder == CANDLES:
            self._each(
                lines,
                stamps == before,
                "duplicate_stamp",
                "ts",
                stamps,
                lambda i: "a second candle with this stamp",
                as_stamp=True,
                action="keep one candle per stamp",
            )

    def _positive(self, rows: Rows, name: str) -> None:
        price = rows.values[name]
        self._each(
            rows.line, price == 0, "non_positive_price", name, price, lambda i: "a price must be above 0"
        )

    def _high_and_low(self, rows: Rows) -> None:
        high, low = rows.values["high"], rows.values["low"]
        wrong = (high < low) & (high >= 0)
        self._each(
            rows.line,
            wrong,
            "high_below_low",
            "high",
            high,
            lambda i: f"below the low of {format_e8(int(low[i]))}",
        )

    def _inside(self, rows: Rows) -> None:
        high, low = rows.values["high"], rows.values["low"]
        for name in ("open", "close"):
            price = rows.values[name]
            outside = ((price > high) | (price < low)) & (price >= 0) & (low >= 0) & (high >= low)
            self._each(
                rows.line,
                outside,
                "price_outside_range",
                name,
                price,
                lambda i: f"outside low {format_e8(int(low[i]))} to high {format_e8(int(high[i]))}",
                error=False,
            )

    def _crossed(self, rows: Rows) -> None:
        bid, ask = rows.values["best_bid"], rows.values["best_ask"]
        self._each(
            rows.line,
            (bid > ask) & (ask >= 0),
            "crossed_book",
            "best_bid",
            bid,
            lambda i: f"above the ask of {format_e8(int(ask[i]))}; such a book has no mid and fills nothing",
            error=False,
        )

    def _each(
        self,
        lines: Any,
        wrong: Any,
        code: str,
        column: str,
        values: Any,
        message: Any,
        *,
        error: bool = True,
        as_stamp: bool = False,
        action: str = "correct or remove the row",
    ) -> None:
        """Add a fault for every row in `wrong`; those beyond what is listed are only counted."""
        found = np.flatnonzero(wrong)
        if len(found) == 0:
            return
        room = max(0, self._faults.room(error=error))
        add = self._faults.error if error else self._faults.warning
        for i in found[:room].tolist():
            value = iso_stamp(int(values[i])) if as_stamp else format_e8(int(values[i]))
            add(code, message(i), row=int(lines[i]), column=column, value=value, action=action)
        self._faults.skip(max(0, len(found) - room), error=error)
