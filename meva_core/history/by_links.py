"""Our own cycles, compared link by link, and step by step from the first link that differs on.

A link is over all cycles before it, too: while links are equal, everything is. So as long as both runs have
the same cycles in the same stretches, whole stretches are compared at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import define, evolve, field

from meva_core.fingerprint import NO_LINK, STEPS
from meva_core.history.differences import Explainer
from meva_core.history.stored_cycles import Cycle
from meva_core.history.verdict import Difference, Side, Span, Verdict
from meva_core.history.window import DIGESTS
from meva_core.stretches.opened import refuse_altered
from meva_core.stretches.stored import LINK_BYTES, StoredStretch

_LINK: Final = "link"


@define
class ByLinks:
    """One comparison. With `adaptation`, and where a span begins amid a run, all cycles are compared by the
    digests of their steps: links say nothing of adaptation, and much of cycles before the span."""

    a: Side
    b: Side
    span: Span
    explainer: Explainer
    adaptation: bool
    links: tuple[bytes, bytes] = (NO_LINK, NO_LINK)
    order: Difference | None = None
    """That a list is digested by measure as it was written, in another order, if that is all that differs."""
    _by_steps: bool = field(init=False)
    _steps: tuple[Iterator[Cycle], Iterator[Cycle]] | None = field(default=None, init=False)
    """Digests of both, from the first links on that differ."""

    def __attrs_post_init__(self) -> None:
        firsts = [next(self.span.rows(side, DIGESTS, ("seq",)), (0,))[0] for side in (self.a, self.b)]
        self._by_steps = self.adaptation or any(firsts)

    def skip(self, verdict: Verdict) -> None:
        """Count the stretches that both begin with, all links equal, and go on behind them."""
        if self._by_steps:
            return
        for stored in self._equal_stretches():
            first, last = (datetime.fromtimestamp(time, UTC) for time in (stored.start, stored.end))
            verdict.cycles_a += stored.cycles
            verdict.cycles_b += stored.cycles
            verdict.start, verdict.end = verdict.start or first, last
            self.links = (stored.links[-LINK_BYTES:],) * 2
            self.span = evolve(self.span, start=last + timedelta(seconds=1))

    def _equal_stretches(self) -> Iterator[StoredStretch]:
        """Yield the stretches that are the same in both from the first cycle on, and wholly in the span."""
        at, span = 0, self.span
        both = (
            side.reads.stretches(side.run_id, start=span.start, end=span.end) for side in (self.a, self.b)
        )
        for one, other in zip(*both, strict=False):
            places = [(each.seq, each.start, each.end, each.links) for each in (one, other)]
            within = (span.start is None or one.start >= span.start.timestamp()) and (
                span.end is None or one.end <= span.end.timestamp()
            )
            if places[0] != places[1] or one.seq != at or not within:
                return
            for stored in (one, other):
                refuse_altered(stored)
            yield one
            at += one.cycles

    def cycles(self, side: Side) -> Iterator[Cycle]:
        """Yield the cycles of a side that were not skipped, by links or by digests."""
        if self._by_steps:
            yield from self._digests(side, self.span)
            return
        for ts, cycle_id, link in self.span.rows(side, DIGESTS, ("ts", "cycle_id", "link_sha256")):
            yield Cycle(ts, cycle_id, {_LINK: link})

    def _digests(self, side: Side, span: Span) -> Iterator[Cycle]:
        steps = (*STEPS, "adapt") if self.adaptation else STEPS
        columns = ("ts", "cycle_id", *(f"{step}_sha256" for step in steps))
        for ts, cycle_id, *digests in span.rows(side, DIGESTS, columns):
            yield Cycle(ts, cycle_id, dict(zip(steps, digests, strict=True)))

    def met(self, one: Cycle | None, other: Cycle | None) -> None:
        """Carry the links of both along."""
        self.links = self._linked(self.links[0], one), self._linked(self.links[1], other)

    def _linked(self, link: bytes, cycle: Cycle | None) -> bytes:
        if cycle is None:
            return link
        if not self._by_steps:
            stored: bytes = cycle.parts[_LINK]
            return stored
        chain = hashlib.sha256(link)
        for step in STEPS:
            chain.update(cycle.parts[step])
        return chain.digest()

    def difference(self, one: Cycle | None, other: Cycle | None) -> Difference | None:
        """Return what differs first in two cycles of the same time: of which step, in which field."""
        assert one is not None
        assert other is not None
        if one.parts == other.parts:
            return None
        links = one.parts.get(_LINK, b""), other.parts.get(_LINK, b"")
        if not self._by_steps:
            one, other = self._opened(one, other)
        steps = [step for step in one.parts if one.parts[step] != other.parts[step]]
        if steps == ["measure"] and self.order is not None:
            return None  # as in every cycle of these two
        for step in steps:
            found = self.explainer.explain(step, one.cycle_id, other.cycle_id)
            values = found.field, found.a, found.b, found.inputs_equal
            difference = Difference(one.ts, one.cycle_id, other.cycle_id, step, *values)
            if not found.order_only:
                return difference
            self.order = self.order or difference
        if steps or self.order is not None:
            return None
        # Nothing of the cycle differs: what the links go on from does.
        a, b = (link.hex() for link in links)
        return Difference(one.ts, one.cycle_id, other.cycle_id, _LINK, _LINK, a, b, inputs_equal=True)

    def _opened(self, one: Cycle, other: Cycle) -> tuple[Cycle, Cycle]:
        """Return two cycles with the digests of their steps. Once links differ, those of all later cycles do,
        too: so the cycles asked for follow each other."""
        if self._steps is None:
            span = evolve(self.span, start=one.ts)
            self._steps = self._digests(self.a, span), self._digests(self.b, span)
        first, second = (next(steps) for steps in self._steps)
        assert (first.cycle_id, second.cycle_id) == (one.cycle_id, other.cycle_id)
        return first, second

    def fingerprints(self) -> tuple[str | None, str | None]:
        """Return the chains over the cycles of the span."""
        return self.links[0].hex(), self.links[1].hex()

    def covered(self) -> tuple[list[str], list[str]]:
        """Return what was compared, and what was not."""
        steps = [*STEPS, *(["adapt"] if self.adaptation else [])]
        left_out = [] if self.adaptation else ["adaptation (--include-adaptation)"]
        if self.order is not None:
            steps.remove("measure")
            left_out.append(f"measure, whose digest has {self.order.field} in the order it was written in")
        return ["cycle times", f"digests of {', '.join(steps)}"], left_out
