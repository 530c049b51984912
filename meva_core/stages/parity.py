"""Parity: do two recorded runs agree, cycle by cycle and step by step, and if not, where first and why?

Our own cycles compare by their digests. Cycles of the earlier system have none: they compare by the columns
that it compared, and so do all with `quantize`, whose amounts are rounded to a grid first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Context, Decimal, Inexact
from itertools import zip_longest
from typing import Any, Final

from attrs import define, evolve, field, frozen

from meva_core.errors import StoreUnready
from meva_core.fingerprint import NO_LINK, STEPS
from meva_core.ports import Reads
from meva_core.stages.differences import Explainer

LEGACY: Final = "legacy"
_EXACT: Final = Context(prec=200, traps=[Inexact])
_DIGESTS: Final = tuple(f"{step}_sha256" for step in STEPS)
_LEDGER: Final = ("net_pnl_try", "fees_try", "slippage_try", "turnover_try")
_METRICS: Final = (
    "mode_base",
    "mode_final",
    "intents_planned_count",
    "oms_filled_count",
    "oms_rejected_count",
)


@frozen
class Side:
    """One of the two runs: a view of its database, and which run of it."""

    reads: Reads
    run: str


@frozen
class Window:
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
    """What a comparison found. A fingerprint is the chain over the digests of the window."""

    equal: bool = True
    fingerprint_a: str | None = None
    fingerprint_b: str | None = None
    cycles_a: int = 0
    cycles_b: int = 0
    start: datetime | None = None
    end: datetime | None = None
    first_difference: Difference | None = None


@define
class _Cycle:
    """A cycle of one side: what is compared, and its name."""

    ts: datetime
    cycle_id: str
    parts: tuple[Any, ...]
    names: tuple[str, ...] = field(repr=False)


def parity(
    a: Side,
    b: Side,
    window: Window,
    decode: Callable[[str], Any],
    *,
    include_adaptation: bool = False,
    quantize: Decimal | None = None,
) -> Verdict:
    """Compare two runs over a window.

    Raises StoreUnready if one of them has no cycle in the window: nothing is never equal to nothing.
    """
    by_rows = quantize is not None or LEGACY in (a.run, b.run)
    cycles = [
        _by_columns(side, window, quantize, decode)
        if by_rows
        else _by_digests(side, window, include_adaptation)
        for side in (a, b)
    ]
    verdict = Verdict()
    links = [NO_LINK, NO_LINK]
    for one, other in zip_longest(*cycles):
        _count(verdict, one, other)
        if verdict.first_difference is None:
            verdict.first_difference = _difference(one, other, a, b, decode, by_rows)
            if by_rows and verdict.first_difference is not None:
                verdict.first_difference = _with_inputs(verdict.first_difference, a, b, window, decode)
        if not by_rows:
            links = [_linked(link, found) for link, found in zip(links, (one, other), strict=True)]
    if 0 in (verdict.cycles_a, verdict.cycles_b):
        empty = "first" if verdict.cycles_a == 0 else "second"
        raise StoreUnready(
            f"the {empty} database has no cycle in the window", action="check --start and --end"
        )
    if not by_rows:
        verdict.fingerprint_a, verdict.fingerprint_b = (link.hex() for link in links)
    verdict.equal = verdict.first_difference is None
    return verdict


def _by_digests(side: Side, window: Window, adaptation: bool) -> Iterator[_Cycle]:
    names = (*_DIGESTS, "adapt_sha256") if adaptation else _DIGESTS
    rows = side.reads.rows(
        "stage7_cycle_digests",
        ("ts", "cycle_id", *names),
        run_id=side.run,
        start=window.start,
        end=window.end,
    )
    for ts, cycle_id, *digests in rows:
        yield _Cycle(ts, cycle_id, tuple(digests), (*STEPS, "adapt")[: len(names)])


def _by_columns(
    side: Side, window: Window, quantize: Decimal | None, decode: Callable[[str], Any]
) -> Iterator[_Cycle]:
    """Yield cycles by the columns that the earlier system compared; a missing row of metrics is None."""

    def rows(table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        found = ("ts", "cycle_id", *columns)
        return side.reads.rows(table, found, run_id=side.run, start=window.start, end=window.end)

    traces = rows("stage7_cycle_trace", ("selected_universe_json",))
    money, counts = rows("stage7_ledger_metrics", _LEDGER), rows("stage7_run_metrics", _METRICS)
    joined: Iterator[tuple[Any, Any, Any]]
    if side.run == LEGACY:  # half a cycle may be missing
        ledger, metrics = ({row[1]: row[2:] for row in found} for found in (money, counts))
        none = (None,) * len(_LEDGER), (None,) * len(_METRICS)
        joined = ((t, ledger.get(t[1], none[0]), metrics.get(t[1], none[1])) for t in traces)
    else:
        joined = ((t, x[2:], y[2:]) for t, x, y in zip(traces, money, counts, strict=True))
    names = ("selected_universe", *_LEDGER, *_METRICS)
    for (ts, cycle_id, universe), sums, numbers in joined:
        amounts = tuple(_on_grid(amount, quantize) for amount in sums)
        yield _Cycle(ts, cycle_id, (_as_set(universe, decode), *amounts, *numbers), names)


def _as_set(universe: str, decode: Callable[[str], Any]) -> Any:
    try:
        return tuple(sorted(decode(universe)))
    except (ValueError, TypeError):
        return universe  # an odd old text is compared as it stands


def _on_grid(amount: Any, step: Decimal | None) -> Any:
    if step is None or not isinstance(amount, Decimal):
        return amount
    places = max(0, *(-int(number.as_tuple().exponent) for number in (amount, step)))
    whole, unit = (int(_EXACT.scaleb(number, places)) for number in (amount, step))
    count, rest = divmod(whole, unit)
    if 2 * rest > unit or (2 * rest == unit and count & 1):
        count += 1  # half even
    return _EXACT.multiply(count, step)


def _count(verdict: Verdict, a: _Cycle | None, b: _Cycle | None) -> None:
    verdict.cycles_a += a is not None
    verdict.cycles_b += b is not None
    for found in (a, b):
        if found is not None:
            verdict.start = found.ts if verdict.start is None else min(verdict.start, found.ts)
            verdict.end = found.ts if verdict.end is None else max(verdict.end, found.ts)


def _linked(link: bytes, cycle: _Cycle | None) -> bytes:
    if cycle is None:
        return link
    chain = hashlib.sha256(link)
    for digest in cycle.parts[: len(STEPS)]:
        chain.update(digest)
    return chain.digest()


def _difference(
    one: _Cycle | None, other: _Cycle | None, a: Side, b: Side, decode: Callable[[str], Any], by_rows: bool
) -> Difference | None:
    """Return how two cycles at the same place of their runs differ, None if they do not."""
    first, second = (one or other), (other or one)
    assert first is not None
    assert second is not None
    if one is None or other is None or one.ts != other.ts:
        times = (one.ts if one else None, other.ts if other else None)
        ids = (one.cycle_id if one else None, other.cycle_id if other else None)
        return Difference(min(first.ts, second.ts), *ids, "measure", "cycle_ts", *times, inputs_equal=False)
    for name, x, y in zip(one.names, one.parts, other.parts, strict=True):
        if x == y:
            continue
        if by_rows:
            return Difference(one.ts, one.cycle_id, other.cycle_id, "stored", name, x, y, inputs_equal=None)
        explainer = Explainer(a.reads, b.reads, a.run, b.run, decode)
        found = explainer.explain(name, one.cycle_id, other.cycle_id)
        return Difference(
            one.ts, one.cycle_id, other.cycle_id, name, found.field, found.a, found.b, found.inputs_equal
        )
    return None


def _with_inputs(
    found: Difference, a: Side, b: Side, window: Window, decode: Callable[[str], Any]
) -> Difference:
    """Add to a difference of stored rows whether the data were equal up to it, where digests can tell."""
    if found.step != "stored" or LEGACY in (a.run, b.run):
        return found
    measured = [
        side.reads.rows(
            "stage7_cycle_digests",
            ("cycle_id", "measure_sha256"),
            run_id=side.run,
            start=window.start,
            end=found.cycle_ts,
        )
        for side in (a, b)
    ]
    explainer = Explainer(a.reads, b.reads, a.run, b.run, decode)
    for (cycle_a, one), (cycle_b, other) in zip(*measured, strict=True):
        if one != other:
            return evolve(found, inputs_equal=explainer.explain("measure", cycle_a, cycle_b).inputs_equal)
    return evolve(found, inputs_equal=True)
