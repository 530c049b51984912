"""What must hold between the values of a file: order, prices, ranges. Columns in, faults out.

A check looks at one block and returns what it found as a mask over the rows; `RowChecks` turns masks into
faults. Cells that could not be read are -1 and were reported by the reader: no check takes offence at them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.layout import AHEAD_SECONDS, CANDLES, KNOWN, ORDERBOOK, TICKER, Kind
from meva_adapters.replay.format.rows import Rows, is_later
from meva_adapters.replay.format.spacing import Spacing
from meva_adapters.replay.format.stamps import MICROS, iso_stamp
from meva_core.amounts import format_e8


class Finding(NamedTuple):
    """Rows of a block that a check found wrong: a mask, the column to blame, and how to say it."""

    wrong: Any
    code: str
    column: str
    message: Callable[[int], str]
    is_error: bool = True


def prices_are_positive(rows: Rows, kind: Kind) -> Iterator[Finding]:
    """Prices of zero."""
    for name in kind.columns:
        if name in kind.prices:
            yield Finding(
                rows.values[name] == 0, "non_positive_price", name, lambda i: "a price must be above 0"
            )


def high_is_not_below_low(rows: Rows, kind: Kind) -> Iterator[Finding]:
    """Ranges upside down."""
    if kind.folder in (CANDLES, TICKER):
        high, low = rows.values["high"], rows.values["low"]
        wrong = (high < low) & (high >= 0)
        yield Finding(wrong, "high_below_low", "high", lambda i: f"below the low of {format_e8(int(low[i]))}")


def open_and_close_are_in_range(rows: Rows, kind: Kind) -> Iterator[Finding]:
    """Candles whose open or close lies outside their own range: odd, but no rule reads it."""
    if kind.folder != CANDLES:
        return
    high, low = rows.values["high"], rows.values["low"]
    for name in ("open", "close"):
        price = rows.values[name]
        outside = ((price > high) | (price < low)) & (price >= 0) & (low >= 0) & (high >= low)
        yield Finding(
            outside,
            "price_outside_range",
            name,
            lambda i: f"outside its range, {format_e8(int(low[i]))} to {format_e8(int(high[i]))}",
            is_error=False,
        )


def book_is_not_crossed(rows: Rows, kind: Kind) -> Iterator[Finding]:
    """Bids above asks."""
    if kind.folder == ORDERBOOK:
        bid, ask = rows.values["best_bid"], rows.values["best_ask"]
        yield Finding(
            (bid > ask) & (ask >= 0),
            "crossed_book",
            "best_bid",
            lambda i: f"above the ask of {format_e8(int(ask[i]))}; such a book has no mid and fills nothing",
            is_error=False,
        )


_CHECKS: Final = (
    prices_are_positive,
    high_is_not_below_low,
    open_and_close_are_in_range,
    book_is_not_crossed,
)


class RowChecks:
    """The checks of one file, fed with its blocks in order, and what they learn on the way."""

    def __init__(self, kind: Kind, faults: FaultList, least_rows: int) -> None:
        self.rows = 0
        self.first_ts: int | None = None
        self.last_ts: int | None = None
        self.first_known: int | None = None
        self.last_known: int | None = None
        self.spacing = Spacing()
        self._kind = kind
        self._faults = faults
        self._least = least_rows

    def take(self, rows: Rows) -> None:
        """Check one block."""
        self.rows += len(rows.ts)
        self._known(rows)
        self._order(self._taken(rows))
        for check in _CHECKS:
            for finding in check(rows, self._kind):
                self._report(finding, rows.line, rows.values[finding.column], format_e8)

    def finish(self) -> None:
        """Report what only the whole file shows."""
        least = self._least
        if self.rows == 0 and least:
            self._faults.error(
                "no_rows", "there are no rows below the header", action="add rows, or remove the file"
            )
        elif self.rows < least:
            message = f"fewer than {least} rows: no step can be told"
            self._faults.error(
                "too_few_rows", message, value=str(self.rows), action="add rows, or remove the file"
            )
        self.spacing.report(self._faults)

    def _known(self, rows: Rows) -> None:
        """Check the times at which rows were known, where the file has them."""
        if KNOWN not in rows.values:
            return
        times = rows.values[KNOWN]
        readable = times >= 0
        lines, stamps, times = rows.line[readable], rows.ts[readable], times[readable]
        if len(times) == 0:
            return
        if self.first_known is None:
            self.first_known = int(times[0])
        before = np.concatenate(([times[0] if self.last_known is None else self.last_known], times[:-1]))
        self.last_known = int(times[-1])
        for finding in _faults_of_known(before, times, stamps):
            self._report(finding, lines, times, iso_stamp)

    def _taken(self, rows: Rows) -> Rows:
        """Return the rows that are taken: where it is said when they were known, those with a later stamp."""
        if KNOWN not in rows.values:
            return rows
        newest = -1 if self.last_ts is None else self.last_ts
        taken = is_later(rows.ts, newest)
        finding = Finding(
            ~taken & (rows.ts >= 0),
            "not_later",
            "ts",
            lambda i: "not later than a row that was known before, so it is not taken",
            is_error=False,
        )
        self._report(finding, rows.line, rows.ts, iso_stamp)
        return rows.only(taken)

    def _order(self, rows: Rows) -> None:
        """Check that stamps do not decrease, and strictly increase among candles."""
        known = rows.ts >= 0
        lines, stamps = (rows.line, rows.ts) if known.all() else (rows.line[known], rows.ts[known])
        if len(stamps) == 0:
            return
        if self.last_ts is None:
            self.first_ts = int(stamps[0])
            before = np.concatenate((stamps[:1] - 1, stamps[:-1]))
            self.spacing.add(lines[1:], before[1:], stamps[1:])
        else:
            before = np.concatenate(([self.last_ts], stamps[:-1]))
            self.spacing.add(lines, before, stamps)
        self.last_ts = int(stamps[-1])
        for finding in self._disorder(before, stamps):
            self._report(finding, lines, stamps, iso_stamp)

    def _disorder(self, before: Any, stamps: Any) -> Iterator[Finding]:
        yield Finding(
            stamps < before,
            "order",
            "ts",
            lambda i: f"earlier than the row before, {iso_stamp(int(before[i]))}",
        )
        if self._kind.folder == CANDLES:
            yield Finding(
                stamps == before, "duplicate_stamp", "ts", lambda i: "a second candle with this stamp"
            )

    def _report(self, finding: Finding, lines: Any, values: Any, show: Callable[[int], str]) -> None:
        """Add a fault for each row found; those beyond what is listed are only counted."""
        found = np.flatnonzero(finding.wrong)
        if len(found) == 0:
            return
        room = self._faults.room(error=finding.is_error)
        add = self._faults.error if finding.is_error else self._faults.warning
        for i in found[:room].tolist():
            add(
                finding.code,
                finding.message(i),
                row=int(lines[i]),
                column=finding.column,
                value=show(int(values[i])),
                action=_ACTIONS.get(finding.code, "correct or remove the row"),
            )
        self._faults.skip(len(found) - len(found[:room]), error=finding.is_error)


def _faults_of_known(before: Any, times: Any, stamps: Any) -> Iterator[Finding]:
    """Find rows that were known at no whole second, before the row before, or well before their stamp."""
    yield Finding(times % MICROS != 0, "known_fraction", KNOWN, lambda i: "not a whole second")
    yield Finding(
        times < before,
        "order",
        KNOWN,
        lambda i: f"earlier than the row before, {iso_stamp(int(before[i]))}",
    )
    yield Finding(
        stamps > times + AHEAD_SECONDS * MICROS,
        "known_too_early",
        KNOWN,
        lambda i: f"more than {AHEAD_SECONDS} s before the row's own stamp, {iso_stamp(int(stamps[i]))}",
    )


_ACTIONS: Final = {
    "order": "sort the rows by time",
    "duplicate_stamp": "keep one candle per stamp",
    "known_fraction": "write whole seconds, rounded up",
    "known_too_early": "set the clock that recorded it right, and leave the row out",
    "not_later": "leave the row out, or accept that it is passed over",
}
