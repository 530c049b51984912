"""Dates and clocks as people write them, by the column: the year first, day and month in either order, digits
alone, or the month's name."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meva_adapters.importing.numbers import Faults
from meva_adapters.importing.unsaid import Unsaid
from meva_adapters.replay.format.stamps import MICROS, days_since_1970, parse_stamps
from meva_core.errors import BadInput

_CLOCK: Final = (
    r"(?:(?:T|,? +)(?P<H>[0-9]{1,2})(?:[:-](?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?)?"
    r"[ -]?(?P<ap>[AaPp][Mm])?)? ?(?P<z>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})?$"
)
_YEAR_FIRST: Final = r"^(?P<y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})" + _CLOCK
_YEAR_LAST: Final = r"^(?P<a>[0-9]{1,2})[-/.](?P<b>[0-9]{1,2})[-/.](?P<y>[0-9]{4})" + _CLOCK
_DIGITS: Final = (
    r"^(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"
    r"(?:[T ]?(?P<H>[0-9]{2}):?(?P<M>[0-9]{2})(?::?(?P<S>[0-9]{2}))?)? ?(?P<z>Z)?$"
)
_MONTH_FIRST: Final = r"^(?P<n>[A-Za-z]{3})[a-z]*\.? (?P<d>[0-9]{1,2}),? (?P<y>[0-9]{4})" + _CLOCK
_MONTH_SECOND: Final = r"^(?P<d>[0-9]{1,2})[ -](?P<n>[A-Za-z]{3})[a-z]*[ -](?P<y>[0-9]{4})" + _CLOCK
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SHAPES: Final = {
    "year-month-day": _YEAR_FIRST,
    "year, month and day in digits": _DIGITS,
    "the month's name first": _MONTH_FIRST,
    "the day, then the month's name": _MONTH_SECOND,
}
_MOSTLY: Final = 0.9


class Written(NamedTuple):
    """Times in microseconds, as UTC or, without an offset, as the clock shows them."""

    micros: Any
    with_offset: bool
    told: str


def read_written(texts: Any, missing: Any, faults: Faults, dates: str | None, what: str) -> Written:
    """Return written times; what is none goes to `faults`. Raises BadInput where day and month leave two
    readings."""
    quick = _as_iso(texts)
    if quick is not None:
        return quick
    present = ~missing
    for told, shape in _SHAPES.items():
        parts = pc.extract_regex(texts, shape)
        if _fits(parts, present):
            return _assembled(_Parts(parts), missing, texts, faults, told)
    parts = pc.extract_regex(texts, _YEAR_LAST)
    if _fits(parts, present):
        return _by_order(_Parts(parts), missing, texts, faults, dates, what)
    shown = next(text for text, nothing in zip(texts.to_pylist(), missing, strict=False) if not nothing)
    raise BadInput(
        f"{what}: {shown[:60]!r} is no time that is known",
        action="name the column of times with --columns ts=NAME, or write times as 2024-01-31T23:59:00Z",
    )


def _as_iso(texts: Any) -> Written | None:
    """Return a column in which every cell is ISO 8601 of one shape, quickly; None for any other."""
    cells = texts.cast(pa.binary())
    lengths = pc.binary_length(cells).to_numpy()
    if not len(lengths) or lengths.min() != lengths.max() or lengths[0] < 10:
        return None
    first = cells[0].as_py()
    if not (first[4:5] == b"-" and first[7:8] == b"-"):
        return None
    data = np.frombuffer(b"".join(cells.to_pylist()), dtype=np.uint8)
    micros = parse_stamps(data, np.arange(len(lengths) + 1, dtype=np.int64) * lengths[0])
    if micros is None:
        return None
    with_offset = first.endswith(b"Z") or b"+" in first[10:] or b"-" in first[10:]
    return Written(micros, with_offset, "year-month-day")


def _fits(parts: Any, present: Any) -> bool:
    """Whether most cells have a shape; the others are faults."""
    fitting = pc.is_valid(parts).to_numpy(zero_copy_only=False)[present]
    return bool(len(fitting)) and float(fitting.mean()) >= _MOSTLY


class _Parts:
    """The parts of times as numbers, 0 where a time has no such part."""

    def __init__(self, parts: Any) -> None:
        self.fits = pc.is_valid(parts).to_numpy(zero_copy_only=False)
        self._parts = {field.name: parts.field(i) for i, field in enumerate(parts.type)}

    def text(self, name: str) -> Any:
        """Return a part as text, empty where there is none."""
        return pc.if_else(pa.array(self.fits), self._parts[name], "")

    def number(self, name: str) -> Any:
        """Return a part as a number."""
        if name not in self._parts:
            return np.zeros(len(self.fits), dtype=np.int64)
        text = self.text(name)
        return pc.cast(pc.if_else(pc.equal(text, ""), "0", text), pa.int64()).to_numpy().copy()

    def month(self) -> Any:
        """Return the month, by its number or its name."""
        if "n" not in self._parts:
            return self.number("m")
        place = pc.index_in(pc.utf8_lower(self.text("n")), pa.array(_MONTHS))
        return pc.fill_null(place, -1).to_numpy() + 1

    def has(self, name: str) -> Any:
        """Return where a time has a part."""
        if name not in self._parts:
            return np.zeros(len(self.fits), dtype=bool)
        return pc.not_equal(self.text(name), "").to_numpy(zero_copy_only=False)


def _assembled(parts: _Parts, missing: Any, texts: Any, faults: Faults, told: str) -> Written:
    return _finished(parts, parts.month(), parts.number("d"), missing, texts, faults, told)


def _by_order(
    parts: _Parts, missing: Any, texts: Any, faults: Faults, dates: str | None, what: str
) -> Written:
    """Return dates with the year last: the order as it was said, or by what only one reading allows."""
    first, second = parts.number("a"), parts.number("b")
    dates, why = (dates, "as was said") if dates else _order_of(parts, first, second, what)
    day, month = (first, second) if dates == "dmy" else (second, first)
    told = f"{'day, month' if dates == 'dmy' else 'month, day'}, year: {why}"
    return _finished(parts, month, day, missing, texts, faults, told)


def _order_of(parts: _Parts, first: Any, second: Any, what: str) -> tuple[str, str]:
    if first.max() > 12 or second.max() > 12:
        if first.max() > 12 and second.max() > 12:
            raise Unsaid(
                f"{what}: neither day, month, year nor month, day, year fits all dates",
                choice="dates",
                action="say --dates dmy or --dates mdy; rows that do not fit are named then",
            )
        order = "dmy" if first.max() > 12 else "mdy"
        return (
            order,
            f"the {'first' if order == 'dmy' else 'second'} number reaches {max(first.max(), second.max())}",
        )
    if (first == second).all():
        return "dmy", "day and month are the same number in every row"
    uneven = {order: _uneven(parts, first, second, order) for order in ("dmy", "mdy")}
    order, other = sorted(uneven, key=lambda one: uneven[one])
    if uneven[order] <= (1 - _MOSTLY) * len(first) and uneven[other] > 2 * uneven[order]:
        return order, f"so {uneven[order]} of {len(first)} rows are unevenly apart, else {uneven[other]}"
    raise Unsaid(
        f"{what}: no date tells day from month: no number is above 12, and both readings are as even "
        f"({uneven['dmy']} and {uneven['mdy']} rows are further from the one before than most)",
        choice="dates",
        action="say which comes first: --dates dmy or --dates mdy",
    )


def _uneven(parts: _Parts, first: Any, second: Any, order: str) -> int:
    """Return how many rows are not as far from the one before as most are, in one reading."""
    day, month = (first, second) if order == "dmy" else (second, first)
    micros, valid = _micros(parts, month, day)
    steps = np.diff(np.unique(micros[valid]))
    _, counts = np.unique(steps, return_counts=True)
    return int(counts.sum() - counts.max(initial=0))


def _finished(
    parts: _Parts, month: Any, day: Any, missing: Any, texts: Any, faults: Faults, told: str
) -> Written:
    micros, valid = _micros(parts, month, day)
    for place in np.flatnonzero(~(valid & parts.fits) & ~missing).tolist():
        faults.add(place, texts[place].as_py(), f"is no time ({told.partition(':')[0]})")
    offset = parts.has("z")
    present = parts.fits & ~missing
    if offset[present].any() and not offset[present].all():
        for place in np.flatnonzero(present & ~offset).tolist():
            faults.add(place, texts[place].as_py(), "has no offset, as others here have")
    if offset[present].any():
        micros -= _offsets(parts)
    return Written(np.where(valid & parts.fits, micros, 0), bool(offset[present].any()), told)


def _micros(parts: _Parts, month: Any, day: Any) -> tuple[Any, Any]:
    """Return times in microseconds, and which of them there are."""
    hour, minute, second = parts.number("H"), parts.number("M"), parts.number("S")
    valid = (hour <= 23) & (minute <= 59) & (second <= 59)
    if parts.has("ap").any():
        half = pc.utf8_lower(parts.text("ap"))
        late = pc.equal(half, "pm").to_numpy(zero_copy_only=False)
        twelve = pc.not_equal(half, "").to_numpy(zero_copy_only=False)
        valid &= ~twelve | ((hour >= 1) & (hour <= 12))
        hour = np.where(twelve, hour % 12 + np.where(late, 12, 0), hour)
    days, real = days_since_1970(parts.number("y"), month, day)
    micros = (days * 86400 + hour * 3600 + minute * 60 + second) * MICROS
    if parts.has("f").any():
        fraction = pc.utf8_slice_codeunits(pc.utf8_rpad(parts.text("f"), 6, "0"), 0, 6)
        micros += pc.cast(fraction, pa.int64()).to_numpy()
    return micros, valid & real & (micros >= 0)


def _offsets(parts: _Parts) -> Any:
    """Return the offsets of times in microseconds."""
    texts, places = np.unique(np.array(parts.text("z").to_pylist()), return_inverse=True)
    found = np.zeros(len(texts), dtype=np.int64)
    for i, text in enumerate(texts.tolist()):
        digits = text[1:].replace(":", "")
        if text[:1] in ("+", "-") and digits.isdigit():
            seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
            found[i] = (seconds if text[0] == "+" else -seconds) * MICROS
    return found[places]
