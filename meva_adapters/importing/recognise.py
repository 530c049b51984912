"""What a table is taken for, and why: candles, trades or order books, and which column is what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.layouts import Layout, recognised
from meva_adapters.importing.numbers import is_plain, question_of_comma
from meva_adapters.importing.shapes import find_prices, find_volumes
from meva_adapters.importing.table import Table
from meva_adapters.importing.words import OF_OPENING, PRICES, bare, columns_of, volumes_by_currency
from meva_core.errors import BadInput

CANDLES: Final = "candles"
TRADES: Final = "trades"
BOOKS: Final = "books"
NONE: Final = "-"
_CLOCK: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?")
_EPOCH: Final = re.compile(r"([0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19})(\.[0-9]*)?")
_DATE: Final = re.compile(
    r"[0-9]{4}[-/.]?[0-9]{1,2}[-/.]?[0-9]{1,2}([T ,].*)?|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}.*"
)
_WITH_COMMA: Final = re.compile(r"[+-]?[0-9][0-9.]*,[0-9][0-9.,]*")
_OF_BOOKS: Final = ("best_bid", "best_ask", "bid_qty", "ask_qty")
_MOST_SHOWN: Final = 12


@frozen
class Taken:
    """What a table was taken for. `roles` maps roles to columns; `stamp` is told by the layout or by a
    header, or empty; `told` are pairs of what and why."""

    kinds: tuple[str, ...]
    roles: Mapping[str, str]
    stamp: str
    told: tuple[tuple[str, str], ...]


def recognise(table: Table, symbol: str, choices: Choices) -> Taken:
    """Return what a table is. Raises BadInput where that leaves two answers or none."""
    return _Recognition(table, symbol, choices).run()


@define
class _Recognition:
    table: Table
    symbol: str
    choices: Choices
    roles: dict[str, str] = field(factory=dict)
    told: list[tuple[str, str]] = field(factory=list)
    none: set[str] = field(factory=set)

    def run(self) -> Taken:
        layout = recognised(self.table)
        if layout is not None:
            self.told.append(("layout", f"{layout.name}: {layout.why}"))
            self.roles |= layout.roles
        self._take_choices()
        self._find_times()
        kinds = self._kinds()
        if CANDLES in kinds:
            self._find_volumes()
        self.told.append(
            ("columns", ", ".join(f"{role} {self._shown(col)}" for role, col in self.roles.items()))
        )
        return Taken(kinds, dict(self.roles), self._stamp(layout), tuple(self.told))

    # -- What was said, and times ---------------------------------------------------------------------

    def _take_choices(self) -> None:
        names = self.table.names
        for role, said in self.choices.columns.items():
            if said == NONE:
                self.none.add(role)
                self.roles.pop(role, None)
                continue
            alike = [name for name in names if name == said] or [
                name for name in names if bare(name) == bare(said)
            ]
            if not alike and said.isascii() and said.isdigit() and 1 <= int(said) <= len(names):
                alike = [names[int(said) - 1]]
            if not alike:
                raise BadInput(
                    f"{self.table.name}: has no column {said!r}",
                    action=f"name one of its columns: {_listed(names)}",
                )
            self.roles[role] = alike[0]

    def _find_times(self) -> None:
        if self.table.header:
            self._take_words(("close_time",))
        if "ts" not in self.roles:
            named = columns_of("ts", self.table.names) if self.table.header else []
            candidates = [name for name in named if self._time_rank(name) < 3]
            if not candidates and "close_time" not in self.roles:
                free = [name for name in self.table.names if name not in self.roles.values()]
                candidates = [name for name in free if self._time_rank(name) < 3]
            if candidates:
                self.roles["ts"] = min(candidates, key=self._time_rank)
            elif "close_time" not in self.roles:
                raise BadInput(
                    f"{self.table.name}: no column holds times: {_listed(self.table.names)}",
                    action="say which: --columns ts=NAME",
                )
        self._find_clock()

    def _find_clock(self) -> None:
        """Find the column of the time of day, where the times are dates alone."""
        date = self.roles.get("ts")
        if date is None or "time" in self.roles or ":" in self._sample(date):
            return
        if self._time_rank(date) != 2:
            return
        for name in self.table.names:
            if name not in self.roles.values() and _CLOCK.fullmatch(self._sample(name)):
                self.roles["time"] = name
                return

    def _time_rank(self, name: str) -> int:
        """Return 0 for a column of epochs, 1 for one of timestamps, 2 for written ones, 3 for none."""
        column = self.table.columns[name]
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return 1
        sample = self._sample(name)
        if _EPOCH.fullmatch(sample):
            return 0
        written = pa.types.is_string(column.type) and (
            _DATE.fullmatch(sample)
            or (
                self.table.header
                and bare(name) in ("date", "datetime", "tarih", "time", "timestamp")
                and not _CLOCK.fullmatch(sample)
                and any(letter.isdigit() for letter in sample)
            )
        )
        return 2 if written else 3

    def _sample(self, name: str) -> str:
        """Return the first cell that holds something, as text."""
        column = pc.drop_null(self.table.columns[name].slice(0, 1000))
        if not len(column) or not is_plain(column.type):
            return ""
        value = column[0].as_py()
        return f"{value:.0f}" if isinstance(value, float) and value == value // 1 else str(value).strip()

    # -- What it is -----------------------------------------------------------------------------------

    def _kinds(self) -> tuple[str, ...]:
        if self.table.header:
            self._take_words(("open", "high", "low"))
            if all(role in self.roles for role in ("open", "high", "low")):
                self._take_words(("close",))
            self._take_words(_OF_BOOKS)
        books = (BOOKS,) if "best_bid" in self.roles and "best_ask" in self.roles else ()
        if all(role in self.roles for role in PRICES):
            return (CANDLES, *books)
        partly = [role for role in PRICES if role in self.roles]
        if not partly and self._are_trades():
            return (TRADES, *books)
        if books and not partly:
            return books
        if partly and self.table.header:
            lacking = ", ".join(role for role in PRICES if role not in self.roles)
            raise BadInput(
                f"{self.table.name}: no column is named as {lacking}: {_listed(self.table.names)}",
                action=f"say which: --columns {lacking.split(', ')[0]}=NAME",
            )
        numeric = self._numeric()
        if len(numeric) < len(PRICES):
            self._ask_of_commas()
        found, why = find_prices(numeric, self.table.name)
        self.roles |= {role: column for role, column in found.items() if role not in self.roles}
        self.told.append(("open, high, low, close", why))
        return (CANDLES, *books)

    def _ask_of_commas(self) -> None:
        """Ask what commas are in columns that no name tells of, where they may be why too few are numbers."""
        for name in self.table.names:
            shown = "" if name in self.roles.values() else self._sample(name)
            if self.choices.decimal is None and _WITH_COMMA.fullmatch(shown):
                raise question_of_comma(shown, f"{self.table.name}, column {name}")

    def _take_words(self, roles: Iterable[str]) -> None:
        for role in roles:
            if role in self.roles or role in self.none:
                continue
            free = [name for name in columns_of(role, self.table.names) if name not in self.roles.values()]
            if free:
                self.roles[role] = free[0]

    def _are_trades(self) -> bool:
        if self.table.header:
            self._take_words(("price", "qty"))
        if "price" in self.roles and "qty" in self.roles:
            return True
        if self.table.header or len(self.table.names) != 3 or self.table.names[0] != self.roles.get("ts"):
            self.roles.pop("price", None)
            self.roles.pop("qty", None)
            return False
        numeric = self._numeric()
        steps = {name: _median_step(values) for name, values in numeric.items()}
        if len(steps) != 2:
            return False
        price, qty = sorted(steps, key=lambda name: steps[name])
        if not steps[price] * 3 < steps[qty]:
            raise BadInput(
                f"{self.table.name}: of a trade's two numbers either may be the price",
                action="say which: --columns price=2,qty=3",
            )
        self.roles |= {"price": price, "qty": qty}
        self.told.append(
            (
                "price",
                f"column {price} moves by {steps[price]:.1E} from row to row, {qty} by {steps[qty]:.1E}",
            )
        )
        return True

    def _find_volumes(self) -> None:
        for role, name in (
            volumes_by_currency(self.table.names, self.symbol).items() if self.table.header else ()
        ):
            if role not in self.none:
                self.roles.setdefault(role, name)
        if self.table.header:
            self._take_words(("quote_volume", "volume"))
        if (
            self.table.header
            or self.none & {"volume"}
            or "volume" in self.roles
            or "quote_volume" in self.roles
        ):
            return
        high, low = self.roles["high"], self.roles["low"]
        free = [name for name in self.table.names if name not in self.roles.values()]
        numeric = self._numeric(only=[*free, high, low])
        if high not in numeric or low not in numeric:
            return  # whoever said so is told when they are read
        found, why = find_volumes(
            {name: values for name, values in numeric.items() if name in free},
            numeric[high],
            numeric[low],
            self.table.name,
        )
        self.roles |= found
        if found:
            self.told.append(("volume", why))

    def _numeric(self, only: list[str] | None = None) -> dict[str, Any]:
        """Return the columns of numbers that are not taken yet, or those of `only`, as doubles in order of
        time."""
        names = only or [name for name in self.table.names if name not in self.roles.values()]
        stamps = _of_one_unit(self._doubles(self.roles.get("ts") or self.roles["close_time"]))
        order = np.argsort(stamps, kind="stable") if stamps is not None else slice(None)
        found = {name: values for name in names if (values := self._doubles(name)) is not None}
        if not found:
            return {}
        good = np.logical_and.reduce([np.isfinite(values) for values in found.values()])[order]
        return {name: values[order][good] for name, values in found.items()}

    def _doubles(self, name: str) -> Any | None:
        """Return a column as doubles, for comparison alone; None for one that is no numbers."""
        column = self.table.columns[name]
        if pa.types.is_temporal(column.type):
            column = pc.cast(column, pa.int64(), safe=False) if pa.types.is_timestamp(column.type) else None
            return None if column is None else column.to_numpy(zero_copy_only=False).astype(np.float64)
        if pa.types.is_boolean(column.type):
            return None
        try:
            if pa.types.is_string(column.type) and self.choices.decimal == ",":
                column = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
            doubles = pc.cast(column, pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return self._date_order(name)
        return pc.fill_null(doubles, float("nan")).to_numpy(zero_copy_only=False)

    def _date_order(self, name: str) -> Any | None:
        """Return numbers that grow as written times do, if the year comes first; None for other text."""
        if name != self.roles.get("ts"):
            return None
        column = self.table.columns[name]
        clock = self.roles.get("time")
        if clock is not None:
            column = pc.binary_join_element_wise(column, self.table.columns[clock], " ")
        return pc.rank(column, tiebreaker="dense").to_numpy().astype(np.float64)

    # -- What is told ---------------------------------------------------------------------------------

    def _stamp(self, layout: Layout | None) -> str:
        if layout is not None and layout.stamp:
            return layout.stamp
        if "ts" not in self.roles:
            return "close"
        if self.table.header and bare(self.roles["ts"]) in OF_OPENING:
            return "open"
        return ""

    def _shown(self, column: str) -> str:
        return repr(column) if self.table.header else f"column {column}"


def _of_one_unit(stamps: Any | None) -> Any | None:
    """Return epochs of several units in order of time, in seconds; other numbers grow as before."""
    if stamps is None:
        return None
    for most, unit in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)):
        stamps = np.where(stamps >= most, stamps / unit, stamps)
    return stamps


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more


def _median_step(values: Any) -> float:
    """Return the median relative distance of successive values."""
    if len(values) < 2 or not (values > 0).all():
        return float("inf")
    return float(np.median(np.abs(np.diff(values)) / values[:-1]))
