"""A backtest: Stage 7 over recorded markets, recorded stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from meva_core.loop import Loop
from meva_core.ports import BarHistory, MarketHistory, Progress, Store
from meva_core.stages.codec import Codec
from meva_core.stages.conditions import under
from meva_core.stages.crowded import Crowded
from meva_core.stages.fill import fill
from meva_core.stages.levels import AUTO, FULL, level_for
from meva_core.stages.plan import RunPlan
from meva_core.stages.record import Recorder, record_all
from meva_core.stages.resuming import find_run
from meva_core.stages.run import Part
from meva_core.stages.weighing import Weighing
from meva_core.steps.inputs import no_inputs
from meva_core.strategy.base import Strategy
from meva_core.strategy.watching import Watch, unwatched
from meva_core.stretches.joining import CYCLES

WINDOW: Final = CYCLES
"""Cycles of the market that are held in memory at a time, of at most so many symbols:"""
SYMBOLS: Final = 64
COMMIT: Final = CYCLES
"""Cycles that are committed at a time."""


@frozen
class Done:
    """What a call did: the cycles that it ran and the trace level that it recorded them with, and the cycles
    that got the rows that they lacked."""

    ran: int = 0
    level: str | None = None
    filled: int = 0
    crowded: int = 0


def backtest(
    plan: RunPlan,
    history: MarketHistory,
    store: Store,
    *,
    loop: Loop,
    codec: Codec,
    about: Mapping[str, str],
    progress: Progress,
    trace_level: str = AUTO,
    resume: bool = False,
    strategy: tuple[Strategy, BarHistory] | None = None,
    watch: Watch = unwatched,
) -> Done:
    """Run what is still to run of the plan; where all rows were asked for, make those that are lacking.

    `strategy` is the one that the plan tells of, with the bars that it sees; `watch` looks on while it is
    asked.
    An interruption at any point leaves whole stretches, and `resume` goes on after them. Raises BadInput as
    `find_run` does; StoreBusy while another process records this run; BrokenBooks and IllegalStep for bugs;
    errors of the store as they are.
    """
    store.take(plan.run_id)
    with store.read() as reads:
        run = find_run(plan, reads, codec, resume=resume, trace_level=trace_level)
    times, level, crowded = plan.times_after(run.book.last_time), None, Crowded()
    if len(times):
        level = level_for(trace_level, len(plan.times))
        weighed, decide, book = None, None, run.book
        if strategy is not None:
            begun = book.last_time if run.stored else None
            given = strategy[0], book.symbols, book.params, strategy[1]
            weighed = Weighing(*given, int(plan.times[0]), begun, watch)
            decide = weighed.decided(book)
        bars = None if weighed is None else weighed.seen_first
        recorder = Recorder(store, run, codec, about, level, COMMIT, bars=bars)
        source = recorded(plan, history, times, window_of(len(plan.pairs.symbols)), weighed)
        shown = None if weighed is None else crowded.take
        record_all(recorder, source, loop, progress, len(times), "backtest", decide, shown)
    filled = 0
    if trace_level == FULL and run.trace_level != FULL:
        last = datetime.fromtimestamp(int(plan.times[-1]), UTC)
        filled = fill(store, codec, plan.run_id, progress, end=last).cycles
    return Done(len(times), level, filled, crowded.most)


def window_of(symbols: int) -> int:
    """Return how many cycles are held in memory at a time: the more symbols, the fewer. Commits are made of
    whole ones."""
    return max(1, WINDOW >> ((symbols - 1) // SYMBOLS).bit_length())


def recorded(
    plan: RunPlan, history: MarketHistory, times: Any, rows: int, weighing: Weighing | None = None
) -> Iterator[Part]:
    """Yield the recorded markets at `times`, some of the plan's, in parts of at most `rows` cycles, under the
    rules and with the inputs of the plan, and with the weights of its strategy."""
    parts = _parts(plan, history, times, rows)
    yield from parts if weighing is None else weighing.weigh(parts)


def _parts(plan: RunPlan, history: MarketHistory, times: Any, rows: int) -> Iterator[Part]:
    markets = history.windows(times, plan.params.vol_lookback, rows, plan.pairs.symbols)
    if plan.conditions is not None:
        yield from under(plan.conditions, plan.times, markets)
        return
    rules = plan.pairs.columns()
    for market in markets:
        yield market, no_inputs(*market.bid.shape), rules
