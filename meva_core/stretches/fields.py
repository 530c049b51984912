"""What a step of one cycle was decided from and what it put out: the values that its digest is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meva_core.fingerprint import ROWS, columns_of, row_bounds
from meva_core.params import READS_TUNED
from meva_core.stretches.groups import RULES
from meva_core.stretches.opened import Span


def fields_of(step: str, span: Span, cycle: int, symbols: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield names and values of what the digest of a step takes in of one of a span's cycles, by its place
    there: rules and market for measure, tuned parameters, the step's own columns, its rows of the journal.

    Values are the columns' own numbers. A column that is switched off is all zeros.
    """
    if step == "measure":
        for name in RULES:
            yield from _values(f"rules.{name}", getattr(span.rules, name), symbols)
        yield from _columns("market", span.market, cycle, symbols)
    for name in READS_TUNED.get(step, ()):
        yield f"adapt.{name}", int(getattr(span.out.adapt, name)[cycle])
    group = columns_of(step, span.out)
    if group is not None:
        yield from _columns(step, group, cycle, symbols)
    for table in ROWS.get(step, ()):
        begins, ends = (int(bound[-1]) for bound in row_bounds(step, table, span.out, 0, cycle + 1))
        yield f"{table}.length", ends - begins
        rows = getattr(span.out.journal, table)
        for row in range(begins, ends):
            for name in rows._fields:
                if name != "cycle":  # which counts from where a stretch begins
                    yield f"{table}[{row - begins}].{name}", int(getattr(rows, name)[row])


def _columns(name: str, group: Any, cycle: int, symbols: Sequence[str]) -> Iterator[tuple[str, int]]:
    for column in group._fields:
        yield from _values(f"{name}.{column}", getattr(group, column)[cycle], symbols)


def _values(name: str, found: Any, symbols: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield the one value of a column, or one for each symbol."""
    if getattr(found, "ndim", 0) == 0:
        yield name, int(found)
        return
    for symbol, value in zip(symbols, found.tolist(), strict=True):
        yield f"{name}[{symbol}]", value
