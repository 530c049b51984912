"""Rows of the tables that every cycle has a row in, made out of stored columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from attrs import evolve, frozen

from meva_core.fingerprint import STEPS, CycleDigests, Digester
from meva_core.stretches.opened import Opened, Span, made_of
from meva_core.stretches.recorded import RecordedRun
from meva_core.trace import TABLES, Names, Terms, Texts, parts_of, rows
from meva_core.trace.columns import Row

MOMENTS: Final = {table: "decided_at" if "decided_at" in made else "ts" for table, made in TABLES.items()}
"""The column of each table that holds a cycle's time."""
_DIGESTS: Final = "stage7_cycle_digests"
_OF_STEPS: Final = frozenset(f"{step}_sha256" for step in (*STEPS, "adapt"))
"""The columns of that table for which something has to be digested: links are stored."""


@frozen
class CycleRows:
    """Makes the rows of one run's cycles, with just the columns that are asked for."""

    run: RecordedRun
    _terms: Terms

    def of(
        self,
        opened: Opened,
        table: str,
        columns: Sequence[str],
        *,
        start: int | None = None,
        end: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Row]:
        """Yield the rows of a stretch's cycles at times in [start, end], seconds, the oldest first or last.

        Amounts and times are stored text. Raises BadInput for another table or column, and StoreCorrupt for a
        damaged stretch.
        """
        spans = list(opened.spans())
        for span in reversed(spans) if newest_first else spans:
            time = span.market.time
            first = 0 if start is None else int(np.searchsorted(time, start))
            stop = span.cycles if end is None else int(np.searchsorted(time, end, side="right"))
            cycles = np.arange(first, stop)
            if len(cycles):
                found = self._of_span(opened, span, table, columns, cycles[::-1] if newest_first else cycles)
                with made_of(opened.stored):
                    yield from found

    def _of_span(
        self, opened: Opened, span: Span, table: str, columns: Sequence[str], cycles: Any
    ) -> Iterator[Row]:
        digests = None
        if table == _DIGESTS:
            made = self.digests(opened, span) if _OF_STEPS.intersection(columns) else _links(opened, span)
            digests = [made[c] for c in cycles.tolist()]
        parts = parts_of(
            self._terms,
            span.market,
            span.rules,
            span.out,
            0,
            span.cycles,
            cycles=cycles,
            seq=opened.stored.seq + span.start,
            digests=digests,
        )
        for part in parts:
            yield from rows(table, columns, part)

    def digests(self, opened: Opened, span: Span) -> list[CycleDigests]:
        """Return the digests of a span's cycles, with the links as they are stored."""
        digester = Digester(self.run.symbols, self.run.params)
        links = opened.links()[span.start :]
        made = digester.digest(span.market, span.rules, span.out, 0, span.cycles)
        return [evolve(digest, link=link) for digest, link in zip(made, links, strict=False)]


def _links(opened: Opened, span: Span) -> list[CycleDigests]:
    """Return the links of a span's cycles, as digests of which nobody looks at the rest."""
    links = opened.links()[span.start : span.start + span.cycles]
    return [CycleDigests((), b"", link) for link in links]


def cycle_rows(run: RecordedRun, encode: Callable[[Any], str], texts: Callable[[], Texts]) -> CycleRows:
    """Return what makes the rows of a run's cycles, given how documents and columns become text."""
    names = Names(run.run_id, run.symbols, run.quote)
    return CycleRows(run, Terms(names, run.params, run.starting_text(), encode, texts))
