"""Parity: do two recorded runs agree, cycle by cycle and step by step, and if not, where first and why?

Our own cycles compare by their digests. Cycles of the earlier system have none: they compare by what is
stored of them (`stored_rows.py`), and so do all with `quantize`, whose amounts are rounded to a grid first. A
verdict always says of what it is one, and what was not compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from attrs import define, evolve, frozen

from meva_core.errors import StoreUnready
from meva_core.fingerprint import NO_LINK, STEPS
from meva_core.history.differences import Explainer
from meva_core.history.settings_apart import Apart
from meva_core.history.stored_cycles import Cycle, stored_cycles
from meva_core.history.stored_rows import StoredRows
from meva_core.history.window import LEDGER_METRICS, LEGACY, Decode, document
from meva_core.ports import Reads

_SCHEMA_CHANGES: Final = "schema_changes"
_DIGESTS: Final = tuple(f"{step}_sha256" for step in STEPS)


@frozen
class Side:
    """One of the two runs: a view of its database, and which run of it."""

    reads: Reads
    run_id: str


@frozen
class Span:
    """What part of the runs is compared; None is open. Times are inclusive."""

    start: datetime | None = None
    end: datetime | None = None


@frozen
class Difference:
    """The first place where two runs differ.

    `inputs_equal` is False where the data already differed, and None where the rows do not tell: the earlier
    system kept none.
    """

    cycle_ts: datetime
    cycle_id_a: str | None
    cycle_id_b: str | None
    step: str
    field: str
    a: Any
    b: Any
    inputs_equal: bool | None


@define
class Verdict:
    """What a comparison found, of what, and what it left out.

    A fingerprint is the chain over the digests of the span; there is none where rows were compared.
    `differing_settings` are all that differ, first the one whose step does; an equity is that after the last
    cycle of the span, in TRY.
    """

    equal: bool = True
    fingerprint_a: str | None = None
    fingerprint_b: str | None = None
    cycles_a: int = 0
    cycles_b: int = 0
    start: datetime | None = None
    end: datetime | None = None
    first_difference: Difference | None = None
    compared: Sequence[str] = ()
    not_compared: Sequence[str] = ()
    differing_settings: Sequence[Apart] = ()
    final_equity_try_a: Decimal | None = None
    final_equity_try_b: Decimal | None = None


def parity(
    a: Side,
    b: Side,
    span: Span,
    decode: Decode,
    *,
    include_adaptation: bool = False,
    quantize: Decimal | None = None,
) -> Verdict:
    """Compare two runs over a span.

    Raises StoreUnready if one of them has no cycle in the span: nothing is never equal to nothing.
    """
    comparison: _ByDigests | _ByRows
    if quantize is not None or LEGACY in (a.run_id, b.run_id):
        lacking = _never_had(a, decode) | _never_had(b, decode)
        rows = StoredRows((a.run_id, b.run_id), lacking, decode, quantize, span.end, include_adaptation)
        comparison = _ByRows(a, b, span, decode, rows)
    else:
        comparison = _ByDigests(a, b, span, decode, include_adaptation)
    verdict = Verdict()
    for one, other in zip_longest(comparison.cycles(a), comparison.cycles(b)):
        _count(verdict, one, other)
        comparison.met(one, other)
        if verdict.first_difference is None:
            verdict.first_difference = _other_times(one, other) or comparison.difference(one, other)
    if 0 in (verdict.cycles_a, verdict.cycles_b):
        empty = "first" if verdict.cycles_a == 0 else "second"
        raise StoreUnready(
            f"the {empty} database has no cycle in the window", action="check --start and --end"
        )
    verdict.first_difference = verdict.first_difference or comparison.order
    _tell_apart(verdict, a, b, span, decode)
    verdict.fingerprint_a, verdict.fingerprint_b = comparison.fingerprints()
    verdict.equal = verdict.first_difference is None
    verdict.compared, verdict.not_compared = comparison.covered()
    return verdict


def _tell_apart(verdict: Verdict, a: Side, b: Side, span: Span, decode: Decode) -> None:
    """Add the settings that differ, and where both books ended."""
    found = Explainer(a.reads, b.reads, a.run_id, b.run_id, decode).settings()
    first = verdict.first_difference
    verdict.differing_settings = sorted(found, key=lambda one: first is None or one.name != first.field)
    verdict.final_equity_try_a, verdict.final_equity_try_b = _last_equity(a, span), _last_equity(b, span)


def _last_equity(side: Side, span: Span) -> Decimal | None:
    """Return the equity after a run's last cycle in the span; None where an old file has no row of it."""
    rows = side.reads.rows(
        LEDGER_METRICS,
        ("equity_try",),
        run_id=side.run_id,
        start=span.start,
        end=span.end,
        newest_first=True,
        limit=1,
    )
    found: Decimal | None = next(rows, (None,))[0]
    return found


def _count(verdict: Verdict, a: Cycle | None, b: Cycle | None) -> None:
    verdict.cycles_a += a is not None
    verdict.cycles_b += b is not None
    for found in (a, b):
        if found is not None and isinstance(found.ts, datetime):
            verdict.start = found.ts if verdict.start is None else min(verdict.start, found.ts)
            verdict.end = found.ts if verdict.end is None else max(verdict.end, found.ts)


def _other_times(one: Cycle | None, other: Cycle | None) -> Difference | None:
    """Return how two cycles at the same place of their runs differ in time, None if they do not."""
    if one is not None and other is not None and one.ts == other.ts:
        return None
    ts_a, ts_b = (cycle.ts if cycle else None for cycle in (one, other))
    id_a, id_b = (cycle.cycle_id if cycle else None for cycle in (one, other))
    moments = [ts for ts in (ts_a, ts_b) if isinstance(ts, datetime)]
    first: Any = min(moments) if moments else ts_a or ts_b  # an old text may be no time
    return Difference(first, id_a, id_b, "measure", "cycle_ts", ts_a, ts_b, inputs_equal=False)


@define
class _ByDigests:
    """Our own cycles, by the digests of their steps."""

    a: Side
    b: Side
    span: Span
    decode: Decode
    adaptation: bool
    links: tuple[bytes, bytes] = (NO_LINK, NO_LINK)
    order: Difference | None = None
    """That a list is digested by measure as it was written, in another order, if that is all that differs."""

    def cycles(self, side: Side) -> Iterator[Cycle]:
        columns = (*_DIGESTS, "adapt_sha256") if self.adaptation else _DIGESTS
        rows = _of_span(side, self.span, "stage7_cycle_digests", ("ts", "cycle_id", *columns))
        for ts, cycle_id, *digests in rows:
            yield Cycle(ts, cycle_id, dict(zip((*STEPS, "adapt"), digests, strict=False)))

    def met(self, one: Cycle | None, other: Cycle | None) -> None:
        self.links = _linked(self.links[0], one), _linked(self.links[1], other)

    def difference(self, one: Cycle | None, other: Cycle | None) -> Difference | None:
        assert one is not None
        assert other is not None
        steps = [step for step in one.parts if one.parts[step] != other.parts[step]]
        if steps == ["measure"] and self.order is not None:
            return None  # as in every cycle of these two
        explainer = Explainer(self.a.reads, self.b.reads, self.a.run_id, self.b.run_id, self.decode)
        for step in steps:
            found = explainer.explain(step, one.cycle_id, other.cycle_id)
            values = found.field, found.a, found.b, found.inputs_equal
            difference = Difference(one.ts, one.cycle_id, other.cycle_id, step, *values)
            if not found.order_only:
                return difference
            self.order = self.order or difference
        return None

    def fingerprints(self) -> tuple[str | None, str | None]:
        return self.links[0].hex(), self.links[1].hex()

    def covered(self) -> tuple[list[str], list[str]]:
        steps = [*STEPS, *(["adapt"] if self.adaptation else [])]
        left_out = [] if self.adaptation else ["adaptation (--include-adaptation)"]
        if self.order is not None:
            steps.remove("measure")
            left_out.append(f"measure, whose digest has {self.order.field} in the order it was written in")
        return ["cycle times", f"digests of {', '.join(steps)}"], left_out


@define
class _ByRows:
    """Cycles of which at least one has no digest, or all on a grid: by what is stored of them."""

    a: Side
    b: Side
    span: Span
    decode: Decode
    rows: StoredRows
    order: None = None

    def cycles(self, side: Side) -> Iterator[Cycle]:
        return stored_cycles(side.reads, side.run_id, self.span.start, self.span.end)

    def met(self, one: Cycle | None, other: Cycle | None) -> None:
        """Note nothing: rows make no chain."""

    def difference(self, one: Cycle | None, other: Cycle | None) -> Difference | None:
        assert one is not None
        assert other is not None
        found = self.rows.difference(one, other)
        if found is None:
            return None
        stored = Difference(one.ts, one.cycle_id, other.cycle_id, "stored", *found, inputs_equal=None)
        return self._with_inputs(stored)

    def fingerprints(self) -> tuple[str | None, str | None]:
        return None, None

    def covered(self) -> tuple[list[str], list[str]]:
        return self.rows.compared(), self.rows.not_compared()

    def _with_inputs(self, found: Difference) -> Difference:
        """Add whether the data were equal up to a difference, where digests can tell."""
        if LEGACY in (self.a.run_id, self.b.run_id):
            return found
        until = evolve(self.span, end=found.cycle_ts)
        columns = ("cycle_id", "measure_sha256")
        measured = [_of_span(side, until, "stage7_cycle_digests", columns) for side in (self.a, self.b)]
        explainer = Explainer(self.a.reads, self.b.reads, self.a.run_id, self.b.run_id, self.decode)
        for (cycle_a, one), (cycle_b, other) in zip(*measured, strict=True):
            if one != other:
                return evolve(found, inputs_equal=explainer.explain("measure", cycle_a, cycle_b).inputs_equal)
        return evolve(found, inputs_equal=True)


def _of_span(side: Side, span: Span, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return side.reads.rows(table, columns, run_id=side.run_id, start=span.start, end=span.end)


def _linked(link: bytes, cycle: Cycle | None) -> bytes:
    if cycle is None:
        return link
    chain = hashlib.sha256(link)
    for step in STEPS:
        chain.update(cycle.parts[step])
    return chain.digest()


def _never_had(side: Side, decode: Decode) -> frozenset[str]:
    """Return the tables and columns that the upgrade of an old file had to add: its cycles never had them."""
    if side.run_id != LEGACY:
        return frozenset()
    found: set[str] = set()
    for (text,) in side.reads.rows(_SCHEMA_CHANGES, ("account_json",)):
        account = document(decode, text, {})
        if str(account.get("found", "")).startswith("generation"):
            found |= set(map(str, account.get("added", [])))
    return frozenset(found)
