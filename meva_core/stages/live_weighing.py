"""A strategy at work on a live market: asked once a cycle, for its weights or why there are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import define, field, frozen

from meva_core.engine import Decide, Halfway
from meva_core.live_market import BarsWanted, SeenRow, bars_kind, past_kind
from meva_core.market import Market
from meva_core.params import MARK_LAST
from meva_core.ports import Alignment, Reads
from meva_core.stages.deciding import Deciding
from meva_core.stages.resuming import Progressing
from meva_core.stages.run import Book
from meva_core.stages.sights import CellSight, NoSight, Sight
from meva_core.steps.inputs import Inputs
from meva_core.strategy.as_seen import BarsAsSeen, CellReader
from meva_core.strategy.asking import Asker, Failure, Shown
from meva_core.strategy.base import Strategy
from meva_core.strategy.history import History
from meva_core.stretches.groups import Bars

_PASTS: Final = 32
"""So often the past of a symbol is asked for at most, each time since earlier."""
_MARGIN: Final = 3
"""So many bars more than needed are kept of each symbol: the newest may not count yet."""


class LiveBars(Protocol):
    """The bars of a live market that a strategy looks at, of one interval, by the rows that became known; of
    each symbol the newest, as many as are asked for."""

    @property
    def last(self) -> Mapping[str, SeenRow]:
        """The newest bar of each symbol, as it was first seen."""

    @property
    def past(self) -> Mapping[str, int]:
        """Since when each symbol's bars were asked for, seconds."""

    def take(self, rows: Iterable[SeenRow]) -> list[SeenRow]:
        """Take rows of bars, and of since when they were asked for, in the order in which they became known;
        return those that say something new: a bar that is known stays as it is."""

    def cells(self, symbols: Sequence[str]) -> CellReader:
        """Return what reads the bars of these symbols that are known, and then those that become known."""


@frozen
class LiveStrategy:
    """A strategy to be asked on a live market.

    `identity` is what a run records of it. It looks at bars of `seconds` each, of which `needs` have to lie
    before a cycle, and which are made of those that `bars` keeps, of `base` seconds each; None where it needs
    none.
    """

    identity: Mapping[str, Any]
    asker: Asker
    needs: int = 0
    seconds: int = 60
    base: int = 60
    bars: LiveBars | None = None
    deciding: Strategy | None = None
    """The strategy itself where it decides, None for one that gives weights."""

    @property
    def kept(self) -> Mapping[str, int]:
        """The kinds of rows that belong to it, and how many of each are kept of each symbol."""
        return {} if self.bars is None else {bars_kind(self.base): self.most, past_kind(self.base): _PASTS}

    @property
    def most(self) -> int:
        """How many bars of `base` seconds are kept of each symbol."""
        return most_cells(self.needs, self.seconds // self.base)

    def take(self, rows: Iterable[SeenRow]) -> list[SeenRow]:
        """Take rows that became known, of those kinds, and return those that say something new."""
        return [] if self.bars is None else self.bars.take(rows)

    def wanted(self) -> BarsWanted | None:
        """Return what a measure is to bring of its bars."""
        if self.bars is None:
            return None
        return BarsWanted(
            seconds=self.base, most=self.most, last=dict(self.bars.last), past=dict(self.bars.past)
        )

    def sight(self, symbols: Sequence[str], first: int | None, last: int | None) -> Sight:
        """Return what the cycles see of its bars, of a run whose first cycle was at `first`, and whose last
        at `last`, seconds; both None before its first."""
        if self.bars is None:
            return NoSight(len(symbols))
        seen = BarsAsSeen(len(symbols), self.base, self.seconds, self.needs)
        return CellSight(self.bars.cells(symbols), seen, first, last)


def most_cells(needs: int, parts: int) -> int:
    """Return how many bars of each symbol are kept for a strategy that needs so many, each made of so many
    parts."""
    return (needs + _MARGIN) * parts


@frozen
class FailedBefore:
    """How often in a row the strategy of that number had failed by the last cycle of a book."""

    number: int = 0
    times: int = 0


@define
class LiveWeighing:
    """A strategy at work in one run, which goes on after the cycle at `last`, seconds; None before its first.

    `failed` says how often in a row it has failed by then, `failure` why it has in the cycle at hand.
    """

    strategy: LiveStrategy
    book: Book
    sight: Sight
    last: int | None
    failed: int = 0
    failure: Failure | None = field(default=None, init=False)
    _shown: Shown | None = field(default=None, init=False)
    _deciding: Deciding | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.strategy.deciding is not None:
            self._deciding = Deciding(self.strategy.deciding, self.book, self._look)

    def weigh(self, market: Market, inputs: Inputs) -> Decide | None:
        """Ask for the weights of the next cycle, a market of one, and write them into its inputs, or how
        often in a row the strategy has failed; of one that decides, return what the engine is to ask."""
        self.failure = None
        for _, _, seen in self.sight.over(market.time, inputs.strategy_failed):
            self._shown = Shown(
                self.book.symbols,
                market,
                seen,
                self.last,
                marks_are_last=self.book.params.mark_source == MARK_LAST,
            )
        self.last = int(market.time[0])
        if self._deciding is not None:
            return self._decide
        assert self._shown is not None, "a new cycle has not failed before it is asked"
        self._note(self.strategy.asker.ask(self._shown), inputs, 0)
        return None

    def _decide(self, at: Halfway) -> None:
        """Ask one that decides, between the halves of the cycle; after a failure its memory is what it was
        before."""
        deciding = self._deciding
        assert deciding is not None
        assert self._shown is not None
        kept = deciding.memory
        answer = self.strategy.asker.decide(self._shown, deciding.view(at), kept.json)
        if not isinstance(answer, Failure):
            answer, text = answer
            self.book.memory = kept._replace(json=text)
        self._note(answer, at.inputs, at.c)

    def _look(self, c: int) -> History:
        assert self._shown is not None
        return self._shown.history()

    def _note(self, answer: Any, inputs: Inputs, c: int) -> None:
        """Write the weights of a cycle, or that there are none."""
        if isinstance(answer, Failure):
            self.failure, self.failed = answer, self.failed + 1
        else:
            inputs.weight[c], self.failed = answer, 0
        inputs.strategy_failed[c] = self.failed

    @property
    def before(self) -> FailedBefore:
        """How often in a row it has failed by now."""
        return FailedBefore(self.book.params.strategy, self.failed)

    def seen_first(self, start: int, stop: int) -> Bars:
        """Return the bars that the cycle at hand saw first."""
        return self.sight.fresh()


def taken(alignment: Alignment, strategy: LiveStrategy | None, rows: Sequence[SeenRow]) -> list[SeenRow]:
    """Take rows that became known to a book, and return those that say something new."""
    own = () if strategy is None else strategy.kept
    found = [*alignment.take(row for row in rows if row.kind not in own)]
    if strategy is not None:
        found += strategy.take(row for row in rows if row.kind in own)
    return found


def weighing_in(
    strategy: LiveStrategy | None, reads: Reads, run: Progressing, before: LiveWeighing | FailedBefore
) -> LiveWeighing | None:
    """Return a strategy at work in a run, from where that stands; None without one. `before` is where it
    stood in the book's last cycle."""
    if strategy is None:
        return None
    book, first, last = run.book, None, None
    if run.stored:
        row = reads.run(run.run_id)
        assert row is not None, "it is stored"
        first, last = int(row["start_ts"].timestamp()), book.last_time
    failed = before.before if isinstance(before, LiveWeighing) else before
    sight = strategy.sight(book.symbols, first, last)
    times = failed.times if failed.number == book.params.strategy else 0
    return LiveWeighing(strategy, book, sight, last, times)
