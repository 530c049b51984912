"""A backtest: Stage 7 over recorded markets, recorded stretch by stretch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from meva_core.engine import Engine
from meva_core.ports import MarketHistory, Progress, Store
from meva_core.stages.codec import Codec
from meva_core.stages.plan import RunPlan
from meva_core.stages.record import Progressing, Recorder, find_run
from meva_core.steps.inputs import no_inputs

ROWS: Final = 1024
"""Cycles that are held in memory, and committed, at a time."""


def backtest(
    plan: RunPlan,
    history: MarketHistory,
    store: Store,
    *,
    loop: Callable[..., int],
    codec: Codec,
    about: Mapping[str, str],
    progress: Progress,
    resume: bool = False,
) -> int:
    """Run what is still to run of the plan, and return how many cycles that was; 0 if all was recorded
    already.

    An interruption at any point leaves whole stretches, and `resume` goes on after them. Raises BadInput as
    `find_run` does; StoreBusy while another process records this run; BrokenBooks and IllegalStep for bugs;
    errors of the store as they are.
    """
    store.take(plan.run)
    with store.read() as reads:
        run = find_run(plan, reads, codec, resume=resume, trace_level=about["trace_level"])
    count = len(run.times)
    if count:
        recorder = Recorder(store, run, codec, about)
        progress.start(count, "backtest")
        try:
            _run_cycles(run, history, recorder, loop, progress)
        except KeyboardInterrupt:
            recorder.note_interruption()
            raise
        finally:
            progress.done()
    return count


def _run_cycles(
    run: Progressing,
    history: MarketHistory,
    recorder: Recorder,
    loop: Callable[..., int],
    progress: Progress,
) -> None:
    plan = run.plan
    engine = Engine(plan.pairs.columns(), plan.params, run.state, loop)
    windows = history.windows(run.times, plan.params.vol_lookback, ROWS, plan.pairs.symbols)
    for market in windows:
        for start, stop, out in engine.advance(market, no_inputs(len(market.time))):
            recorder.record(market, out, start, stop, engine.state)
            progress.advance(stop - start)
