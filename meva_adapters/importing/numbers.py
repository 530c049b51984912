"""Cells as exact numbers: whole units and a rest of 1e-8, without a float in between.

A cell with more than eight decimal places is rounded half even where that changes it by 1e-9 of its value at
most, which is what binary floating point leaves behind; a larger change has to be allowed.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field

from meva_adapters.importing.unsaid import Unsaid
from meva_adapters.replay.format.columns import whole_and_rest
from meva_core.amounts import E8, LIMIT, digits_of
from meva_core.errors import BadInput

_DECIMAL: Final = pa.decimal128(38, 8)
_PLAIN: Final = r"^\+?[0-9]{1,28}(\.[0-9]{0,8}0*)?$"
_GROUPED: Final = {
    ",": re.compile(r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]*)(?:,[0-9]+)?[KMBT]?"),
    ".": re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+|[KMBT])?"),
}
_SHORT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMBT])")
_FACTORS: Final = {"K": 3, "M": 6, "B": 9, "T": 12}
_STEP: Final = Decimal("1E-8")
_NOISE: Final = Decimal("1E-9")
_WIDE: Final = Context(prec=120)
_BEYOND: Final = Decimal(10) ** 28


@define
class Faults:
    """Rows whose cells cannot be taken, each with the first reason: the value, and what is wrong with it."""

    why: dict[int, tuple[str, str]] = field(factory=dict)

    def add(self, place: int, value: str, why: str) -> None:
        """Blame the row at `place` (from 0), unless it is blamed already."""
        self.why.setdefault(place, (value, why))


@define
class Numbers:
    """A column of numbers >= 0 [n] of int64; the whole is held at LIMIT. `missing` marks cells without one.

    `rounded` counts the cells that were rounded, `change` is the largest change as a part of its value.
    """

    whole: Any
    rest: Any
    missing: Any
    rounded: int = 0
    change: Decimal = Decimal(0)

    @property
    def e8(self) -> Any:
        """The numbers in e8; one that fits no amount is LIMIT."""
        fits = self.whole < LIMIT // E8
        return np.where(fits, np.where(fits, self.whole, 0) * E8 + self.rest, LIMIT)


def read_numbers(
    column: Any, faults: Faults, *, decimal: str | None, round_cells: bool, integers: str | None, what: str
) -> Numbers:
    """Return a column's numbers; what is none goes to `faults` and reads as 0.

    `what` names file and column. Raises BadInput where the column as a whole leaves two readings: commas in
    numbers, or the plain integers of a binary file.
    """
    if pa.types.is_integer(column.type):
        return _of_integers(column, faults, integers, what)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    elif not is_plain(column.type):
        raise BadInput(f"{what}: holds {column.type}, no numbers", action="name another with --columns")
    texts = column if pa.types.is_string(column.type) else pc.cast(column, pa.string())
    missing = pc.is_null(texts).to_numpy(zero_copy_only=False)
    if missing.any():
        texts = pc.fill_null(texts, "0")
    texts = _with_points(texts, decimal, what)
    return _parsed(texts, missing, faults, round_cells)


def is_plain(kind: Any) -> bool:
    """Whether a type is of numbers or of text."""
    looks = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string)
    return any(look(kind) for look in looks)


def question_of_comma(shown: str, what: str) -> Unsaid:
    """Return the question that a number with a comma raises; `what` names file and column."""
    return Unsaid(
        f"{what}: {shown!r} has a comma, which may be the decimal mark or a separator of thousands",
        choice="decimal",
        action="say which mark is the decimal one: --decimal , or --decimal .",
    )


def _with_points(texts: Any, decimal: str | None, what: str) -> Any:
    """Return plain numbers with points, of numbers as they are written with `decimal`."""
    commas = pc.match_substring(texts, ",")
    if decimal is None:
        if pc.any(commas).as_py():
            raise question_of_comma(texts.filter(commas)[0].as_py(), what)
        return texts
    if decimal == "." and not pc.any(commas).as_py():
        return texts
    grammar, group = _GROUPED[decimal], "," if decimal == "." else "."
    rebuilt = [
        text.replace(group, "").replace(decimal, ".") if grammar.fullmatch(text) else text + "?"
        for text in texts.to_pylist()
    ]
    return pa.array(rebuilt, pa.string())


def _parsed(texts: Any, missing: Any, faults: Faults, round_cells: bool) -> Numbers:
    try:
        words = _words(pc.cast(texts, _DECIMAL))
    except pa.ArrowInvalid:
        return _one_by_one(texts, missing, faults, round_cells)
    negative = np.flatnonzero(words[:, 1] < 0)
    if len(negative):
        return _one_by_one(texts, missing, faults, round_cells)
    return Numbers(*whole_and_rest(words), missing)


def _words(decimals: Any) -> Any:
    """Return decimal128 as int64 [n, 2], the low word first."""
    words = np.frombuffer(decimals.buffers()[1], dtype=np.int64).reshape(-1, 2)
    return words[decimals.offset : decimals.offset + len(decimals)]


def _one_by_one(texts: Any, missing: Any, faults: Faults, round_cells: bool) -> Numbers:
    """Read plain cells as a column, and the others one by one."""
    texts = pc.utf8_trim_whitespace(texts)
    plain = pc.match_substring_regex(texts, _PLAIN)
    whole, rest = whole_and_rest(_words(pc.cast(pc.if_else(plain, texts, "0"), _DECIMAL)))
    numbers = Numbers(whole, rest, missing)
    odd = np.flatnonzero(~plain.to_numpy(zero_copy_only=False))
    seen: dict[str, tuple[int, int, Decimal | str]] = {}
    for place, text in zip(odd.tolist(), texts.take(pa.array(odd)).to_pylist(), strict=True):
        found = seen.get(text)
        if found is None:
            found = seen[text] = _number(text, round_cells)
        whole[place], rest[place], note = found
        if isinstance(note, str):
            faults.add(place, text, note)
        elif note:
            numbers.rounded += 1
            numbers.change = max(numbers.change, note)
    return numbers


def _number(text: str, round_cells: bool) -> tuple[int, int, Decimal | str]:
    """Return whole units, the rest, and by what part the value was changed, or what is wrong with it."""
    short = _SHORT.fullmatch(text)
    if short is not None:  # as pages of quotes write volumes
        text = str(Decimal(short[1]).scaleb(_FACTORS[short[2]], _WIDE))
    try:
        value = Decimal(text) if text.isascii() and "_" not in text else Decimal("NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        return 0, 0, "is no finite number"
    if value < 0:
        return 0, 0, "is negative"
    if value >= _BEYOND:
        return LIMIT, 0, Decimal(0)
    near = value.quantize(_STEP, ROUND_HALF_EVEN, _WIDE)
    change = abs(near - value) / value if value else Decimal(0)
    if change > _NOISE and not round_cells:
        return (
            0,
            0,
            f"has more than 8 decimal places: rounding changes it by {change:.1E}; --round allows that",
        )
    scaled = int(near.scaleb(8, _WIDE))
    return min(scaled // E8, LIMIT), scaled % E8, change


def _of_integers(column: Any, faults: Faults, integers: str | None, what: str) -> Numbers:
    """Return plain integers, as units or as 1e-8, whichever was said."""
    missing = pc.is_null(column).to_numpy(zero_copy_only=False)
    try:
        values = pc.fill_null(column, 0).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise BadInput(f"{what}: integers too large for amounts", action="write it as decimals") from error
    if integers is None and values.any():
        shown = int(values[values != 0][0])
        raise Unsaid(
            f"{what}: a column of integers without a unit: {shown} may be {shown} or {digits_of(_e8(shown))}",
            choice="integers",
            action="say which: --integers whole or --integers e8",
        )
    for place in np.flatnonzero(values < 0).tolist():
        faults.add(place, str(values[place]), "is negative")
    values = np.maximum(values, 0)
    if integers == "e8":
        return Numbers(values // E8, values % E8, missing)
    return Numbers(np.minimum(values, LIMIT), np.zeros(len(values), dtype=np.int64), missing)


def _e8(units: int) -> Decimal:
    return Decimal(units).scaleb(-8)
