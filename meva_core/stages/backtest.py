"""A backtest: Stage 7 over recorded markets, recorded stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from meva_core.loop import Loop
from meva_core.ports import MarketHistory, Progress, Store
from meva_core.stages.codec import Codec
from meva_core.stages.plan import RunPlan
from meva_core.stages.record import Recorder, find_run, record_all
from meva_core.stages.run import Part
from meva_core.steps.inputs import no_inputs
from meva_core.trace import FULL

ROWS: Final = 1024
"""Cycles that are held in memory, and committed, at a time."""


def backtest(
    plan: RunPlan,
    history: MarketHistory,
    store: Store,
    *,
    loop: Loop,
    codec: Codec,
    about: Mapping[str, str],
    progress: Progress,
    trace_level: str = FULL,
    resume: bool = False,
) -> int:
    """Run what is still to run of the plan, and return how many cycles that was; 0 if all was recorded
    already.

    An interruption at any point leaves whole stretches, and `resume` goes on after them. Raises BadInput as
    `find_run` does; StoreBusy while another process records this run; BrokenBooks and IllegalStep for bugs;
    errors of the store as they are.
    """
    store.take(plan.run_id)
    with store.read() as reads:
        run = find_run(plan, reads, codec, resume=resume, trace_level=trace_level)
    times = plan.times_after(run.book.last_time)
    if len(times):
        recorder = Recorder(store, run, codec, about, trace_level)
        source = recorded(plan, history, times, ROWS)
        record_all(recorder, source, loop, progress, len(times), "backtest")
    return len(times)


def recorded(plan: RunPlan, history: MarketHistory, times: Any, rows: int) -> Iterator[Part]:
    """Yield the recorded markets at `times` in parts of at most `rows` cycles, under the rules of the
    plan."""
    rules = plan.pairs.columns()
    for market in history.windows(times, plan.params.vol_lookback, rows, plan.pairs.symbols):
        yield market, no_inputs(len(market.time)), rules
