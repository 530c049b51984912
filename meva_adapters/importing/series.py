"""The rows of a table as exact columns: a candle, a trade or an order book a row, with what is wrong with
each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.numbers import Faults, Numbers, read_numbers
from meva_adapters.importing.recognise import Taken
from meva_adapters.importing.table import Table
from meva_adapters.importing.times import Times, read_times
from meva_adapters.importing.words import PRICES
from meva_core.amounts import LIMIT, format_e8
from meva_core.errors import BadInput

CLOSING: Final = "closing"
"""The column of a candle's second time, in microseconds."""
LEAST_PRICE: Final = 100
"""In e8: below 1e-6 a price has fewer than three digits left."""


@define
class Repairs:
    """What was done to a file's rows, counted."""

    missing_values: int = 0
    reordered: int = 0
    falling: bool = False
    duplicates: int = 0
    rounded: int = 0
    largest_change: Decimal = Decimal(0)
    dropped: dict[str, int] = field(factory=dict)
    absent: int = 0

    def take(self, numbers: Numbers) -> None:
        """Count what was rounded."""
        self.rounded += numbers.rounded
        self.largest_change = max(self.largest_change, numbers.change)

    def add(self, other: Repairs) -> None:
        """Count what was done to another file of the same pair as well."""
        self.missing_values += other.missing_values
        self.reordered += other.reordered
        self.falling |= other.falling
        self.duplicates += other.duplicates
        self.rounded += other.rounded
        self.largest_change = max(self.largest_change, other.largest_change)
        self.absent += other.absent
        for why, count in other.dropped.items():
            self.dropped[why] = self.dropped.get(why, 0) + count


@define
class Series:
    """Rows of one symbol as columns [n] of int64: stamps in microseconds, prices in e8, `volume` in whole
    units and a rest of 1e-8 (`volume_whole`, `volume_rest`) where there is one.

    `row` is the number of each row in its file, `file` the number of that file.
    """

    ts: Any
    values: dict[str, Any]
    row: Any
    file: Any

    def only(self, kept: Any) -> Series:
        """Return the rows that a mask or an order keeps."""
        values = {name: column[kept] for name, column in self.values.items()}
        return Series(self.ts[kept], values, self.row[kept], self.file[kept])


class Reading:
    """One table being read: its columns by role, and the rows that cannot be taken."""

    def __init__(self, table: Table, taken: Taken, choices: Choices, number: int) -> None:
        self._table = table
        self._taken = taken
        self._choices = choices
        self._number = number
        self._faults = Faults()
        self._absent = np.zeros(len(table.row), dtype=bool)
        self.repairs = Repairs()
        self.times: Times | None = None
        self.ends: Times | None = None

    @property
    def told(self) -> str:
        """What the times were taken for."""
        return self._stamps.told

    @property
    def _stamps(self) -> Times:
        """The times that rows are ordered by."""
        stamps = self.times or self.ends
        if stamps is None:
            raise ValueError("a table without times is not recognised")
        return stamps

    def candles(self) -> Series:
        """Return the candles, as they are stamped; with a column CLOSING where rows have two times."""
        self._read_times()
        values = {role: self._price(role) for role in PRICES}
        low, high = values["low"], values["high"]
        for place in np.flatnonzero((high < low) & (low < LIMIT)).tolist():
            self._faults.add(
                place, format_e8(int(high[place])), f"is a high below the low of {format_e8(int(low[place]))}"
            )
        if "volume" in self._taken.roles:
            numbers = self._numbers("volume")
            values |= {"volume_whole": numbers.whole, "volume_rest": numbers.rest}
        elif "quote_volume" in self._taken.roles:
            values |= self._from_quote(values["close"])
        if self.times is not None and self.ends is not None:
            values[CLOSING] = self.ends.micros
        return self._series(values)

    def trades(self) -> Series:
        """Return the trades."""
        self._read_times()
        qty = self._numbers("qty")
        return self._series({"price": self._price("price"), "qty_whole": qty.whole, "qty_rest": qty.rest})

    def books(self) -> Series:
        """Return best bid and ask, with sizes where both are there."""
        self._read_times()
        values = {role: self._price(role) for role in ("best_bid", "best_ask")}
        if all(role in self._taken.roles for role in ("bid_qty", "ask_qty")):
            values |= {role: self._numbers(role).e8 for role in ("bid_qty", "ask_qty")}
        return self._series(values)

    def _read_times(self) -> None:
        roles, columns = self._taken.roles, self._table.columns
        if "ts" in roles:
            clock = columns[roles["time"]] if "time" in roles else None
            self.times = self._of(
                read_times(columns[roles["ts"]], clock, self._faults, self._choices, self._where("ts"))
            )
        if "close_time" in roles:
            self.ends = self._of(
                read_times(
                    columns[roles["close_time"]], None, self._faults, self._choices, self._where("close_time")
                )
            )

    def _of(self, times: Times) -> Times:
        self._absent |= times.missing
        return times

    def _numbers(self, role: str) -> Numbers:
        numbers = read_numbers(
            self._table.columns[self._taken.roles[role]],
            self._faults,
            decimal=self._choices.decimal,
            round_cells=self._choices.round_cells,
            integers=self._choices.integers,
            what=self._where(role),
        )
        self._absent |= numbers.missing
        self.repairs.take(numbers)
        return numbers

    def _price(self, role: str) -> Any:
        numbers = self._numbers(role)
        e8 = numbers.e8
        for place in np.flatnonzero(((e8 < LEAST_PRICE) | (e8 >= LIMIT)) & ~numbers.missing).tolist():
            value = int(e8[place])
            if value >= LIMIT:
                why = "is 92 000 000 000 or more, which no price may be"
            else:
                why = (
                    "is no price"
                    if value == 0
                    else "is a price below 0.000001: fewer than three digits are left"
                )
            self._faults.add(place, "92000000000" if value >= LIMIT else format_e8(value), why)
        return e8

    def _from_quote(self, close: Any) -> dict[str, Any]:
        """Return the base volume that a quote volume is at the closes, down to 1e-8."""
        quote = self._numbers("quote_volume")
        whole = np.zeros(len(close), dtype=np.int64)
        rest = np.zeros(len(close), dtype=np.int64)
        good = np.flatnonzero(close > 0)
        for place, w, r, price in zip(
            good.tolist(),
            quote.whole[good].tolist(),
            quote.rest[good].tolist(),
            close[good].tolist(),
            strict=True,
        ):
            units = (w * 10**8 + r) * 10**8 // price
            whole[place], rest[place] = min(units // 10**8, LIMIT), units % 10**8
        return {"volume_whole": whole, "volume_rest": rest}

    def _where(self, role: str) -> str:
        return f"{self._table.name}, column {self._taken.roles[role]}"

    def _series(self, values: dict[str, Any]) -> Series:
        """Return the rows that can be taken. Raises BadInput, naming file and row, for others that may not be
        left out."""
        self._refuse_odd()
        bad = np.zeros(len(self._table.row), dtype=bool)
        bad[[place for place in self._faults.why if not self._absent[place]]] = True
        self.repairs.missing_values = int(self._absent.sum())
        file = np.full(len(bad), self._number, dtype=np.int64)
        return Series(self._stamps.micros, values, self._table.row, file).only(~(bad | self._absent))

    def _refuse_odd(self) -> None:
        table = self._table
        wrong = [
            (int(table.row[place]), value, why)
            for place, (value, why) in self._faults.why.items()
            if not self._absent[place]
        ]
        wrong += [(odd.row, "", f"has {odd.why}") for odd in table.odd]
        if wrong and not self._choices.drop_bad:
            row, value, why = min(wrong)
            more = f"; {len(wrong) - 1} more rows cannot be taken" if len(wrong) > 1 else ""
            shown = f"{value[:60]!r} " if value else ""
            raise BadInput(
                f"{table.name}, row {row}: {shown}{why}{more}",
                action="mend the file, or leave such rows out with --drop-bad",
            )
        for _, _, why in wrong:
            kind = why.partition(":")[0].partition(" of ")[0]
            self.repairs.dropped[kind] = self.repairs.dropped.get(kind, 0) + 1
