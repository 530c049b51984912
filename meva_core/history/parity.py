"""Parity: do two recorded runs agree, cycle by cycle and step by step, and if not, where first and why?

Our own cycles compare by their links, and from the first that differ on by the digests of their steps
(`by_links.py`). Cycles of the earlier system have none, and those of two forms digest other things: they
compare by what is stored of them (`stored_rows.py`), and so do all with `quantize`, whose amounts are rounded
to a grid first. A verdict always says of what it is one, and what was not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve

from meva_core.chains import refuse_lost
from meva_core.errors import StoreUnready
from meva_core.history.by_links import ByLinks
from meva_core.history.differences import Explainer
from meva_core.history.stored_cycles import Cycle, stored_cycles
from meva_core.history.stored_rows import StoredRows
from meva_core.history.verdict import Difference, Side, Span, Verdict
from meva_core.history.window import DIGESTS, LEDGER_METRICS, LEGACY, Decode, document

if TYPE_CHECKING:
    from meva_core.stretches.body import ColumnCodec

_SCHEMA_CHANGES: Final = "schema_changes"


def parity(
    a: Side,
    b: Side,
    span: Span,
    decode: Decode,
    codec: Callable[[], ColumnCodec],
    *,
    include_adaptation: bool = False,
    quantize: Decimal | None = None,
) -> Verdict:
    """Compare two runs over a span; `codec` gives what makes columns of stored bytes.

    Raises StoreUnready if one of them has no cycle in the span: nothing is never equal to nothing;
    StoreCorrupt where cycles of one are lost.
    """
    for side in (a, b):
        refuse_lost(side.reads, side.run_id)
    comparison: ByLinks | _ByRows
    explainer = Explainer(a.reads, b.reads, a.run_id, b.run_id, decode, codec)
    forms = _forms(a), _forms(b)
    if quantize is not None or LEGACY in (a.run_id, b.run_id) or forms[0] != forms[1]:
        lacking = _never_had(a, decode) | _never_had(b, decode)
        rows = StoredRows((a.run_id, b.run_id), lacking, decode, quantize, span.end, include_adaptation)
        comparison = _ByRows(a, b, span, explainer, rows, forms)
    else:
        comparison = ByLinks(a, b, span, explainer, include_adaptation)
    verdict = Verdict()
    comparison.skip(verdict)
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
    _tell_apart(verdict, a, b, span, explainer)
    verdict.fingerprint_a, verdict.fingerprint_b = comparison.fingerprints()
    verdict.equal = verdict.first_difference is None
    verdict.compared, verdict.not_compared = comparison.covered()
    return verdict


def _tell_apart(verdict: Verdict, a: Side, b: Side, span: Span, explainer: Explainer) -> None:
    """Add the settings that differ, and where both books ended."""
    found = explainer.settings()
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


def _forms(side: Side) -> str | None:
    """Return the form of a run's fingerprint, None for the first."""
    row = side.reads.run(side.run_id)
    form: str | None = row["form"] if row else None
    return form


@define
class _ByRows:
    """Cycles of which at least one has no digest or one of another form, or all on a grid: by what is stored
    of them."""

    a: Side
    b: Side
    span: Span
    explainer: Explainer
    rows: StoredRows
    forms: tuple[str | None, str | None]
    order: None = None

    def skip(self, verdict: Verdict) -> None:
        """Skip nothing: rows are compared one by one."""

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
        left_out = list(self.rows.not_compared())
        if self.forms[0] != self.forms[1]:
            forms = " and ".join("the first" if form is None else form[:12] for form in self.forms)
            left_out.append(f"digests, of two forms: {forms}")
        return list(self.rows.compared()), left_out

    def _with_inputs(self, found: Difference) -> Difference:
        """Add whether the data were equal up to a difference, where digests can tell."""
        if LEGACY in (self.a.run_id, self.b.run_id) or self.forms[0] != self.forms[1]:
            return found
        until = evolve(self.span, end=found.cycle_ts)
        columns = ("cycle_id", "measure_sha256")
        measured = [until.rows(side, DIGESTS, columns) for side in (self.a, self.b)]
        for (cycle_a, one), (cycle_b, other) in zip(*measured, strict=True):
            if one != other:
                cause = self.explainer.explain("measure", cycle_a, cycle_b)
                return evolve(found, inputs_equal=cause.inputs_equal)
        return evolve(found, inputs_equal=True)


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
