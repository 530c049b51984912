"""`meva backtest`: Stage 7 over a replay dataset."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from meva_cli.backtest_told import PAGE_LATER, all_notes, print_backtest
from meva_cli.database import DB, address_of, database, reading, shown_database
from meva_cli.dataset import dataset_folder
from meva_cli.environment import is_warming
from meva_cli.load import Loaded, settings_for
from meva_cli.options import COUNT, ENGINE, FOLDER, TIME, VERIFY, WholeRange, json_option
from meva_cli.progress import make_progress
from meva_cli.recorded_runs import (
    against_recorded,
    plan_over_run,
    refuse_beside_recorded,
    strategy_recorded,
)
from meva_cli.render import counted, print_json
from meva_cli.strategies.options import (
    bars_notes,
    has_weights,
    hosting,
    sample_note,
    strategy_of,
    strategy_options,
    watch_of,
    with_strategy,
)
from meva_cli.summary import figures_or_why_not
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_adapters.replay import Dataset
    from meva_adapters.strategies.loading import Chosen
    from meva_adapters.system.speeds import Speed
    from meva_core.ports import Reads
    from meva_core.stages.backtest import Done
    from meva_core.stages.plan import RunPlan

STAYS: Final = (
    "the engine is still being compiled, for the next run: at the lowest priority, three minutes at most; "
    "MEVA_WARM=off forbids it"
)


class TraceLevel(click.Choice[str]):
    """A level of the trace; the one of earlier versions is refused with what came in its place."""

    def __init__(self) -> None:
        super().__init__(["auto", "full", "columns"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the level."""
        if value == "changes":
            self.fail(
                "'changes' is no level any more: 'columns' takes less, and leaves nothing out", param, ctx
            )
        return super().convert(value, param, ctx)


@attrs.frozen(kw_only=True)
class Options:
    """Which cycles of a dataset to run, and how. Times are seconds, None is what the dataset holds; `times`
    is the database whose cycle times are run instead, `pair_info` the file whose metadata is used instead."""

    start: int | None
    end: int | None
    step: int | None
    cycles: int | None
    times: URL | None
    seed: int
    engine: str
    trace: str
    resume: bool
    adapt: bool
    pair_info: Path | None
    as_recorded: bool = False
    fresh: bool = False
    verify: bool = False
    parameters: tuple[str, ...] = ()
    strategy_check: bool = True
    strategy: str | None = None
    """As the command line names it; settings may name another."""


@click.command()
@click.option("--data", "folder", type=FOLDER, help="The dataset.  [default: MEVA_REPLAY_DATASET]")
@DB
@click.option("--start", type=TIME, help="First cycle.  [default: first order book of the dataset]")
@click.option("--end", type=TIME, help="Last cycle at most.  [default: last order book]")
@click.option("--step", type=COUNT, help="Seconds between cycles.  [default: the dataset's]")
@click.option("--cycles", type=COUNT, help="Run so many cycles at most.")
@click.option(
    "--times", "times_db", metavar="DB", help="Run the cycle times of the last run of this database."
)
@click.option("--seed", type=WholeRange(0, 2**31), default=0, show_default=True, help="Of the draws.")
@click.option("--fill-model", type=click.Choice(["touch", "instant"]), help="Overrides STAGE7_FILL_MODEL.")
@ENGINE
@strategy_options
@click.option(
    "--strategy-check/--no-strategy-check",
    "strategy_check",
    default=True,
    show_default=True,
    help="Look at some cycles first for whether the strategy looks ahead (`meva strategy check` at all).",
)
@click.option(
    "--trace",
    type=TraceLevel(),
    default="auto",
    show_default=True,
    help="What is stored of every cycle. columns: all that it saw and decided, packed: 200 MB for a year of "
    "minutes. full: that and rows to query, 4 GB. auto: full up to 50 000 cycles, else columns.",
)
@click.option("--resume", is_flag=True, help="Continue this run where it was interrupted or ended.")
@click.option(
    "--include-adaptation/--no-include-adaptation", "adapt", default=False, help="Let parameters adapt."
)
@click.option("--pair-info", type=FOLDER, help="Exchange metadata (JSON) to use instead of the dataset's.")
@click.option(
    "--as-recorded",
    is_flag=True,
    help="Decide the run again whose market the dataset is (`meva replay export`), with its settings.",
)
@VERIFY
@click.option("--fresh", is_flag=True, help="Begin with a new book, not with what that run began with.")
@json_option
@click.pass_context
def backtest(
    ctx: click.Context,
    /,
    folder: Path | None,
    db: str | None,
    times_db: str | None,
    fill_model: str | None,
    strategy: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Run Stage 7 over recorded markets and record every cycle.

    The dataset is checked as a whole first; one with an error starts nothing. The same run again writes
    nothing and says so. Nothing here reaches an exchange.

    A dataset that `meva replay export` wrote has the times, inputs, rules and beginning of a live run, and
    the cycles go by them; settings are yours, and those that differ are named. With --as-recorded settings
    are the run's, too, and the fingerprint has to be the one that it had: exit code 1 if it is another.
    """
    if asked["as_recorded"]:
        refuse_beside_recorded(ctx)
    given = {"STAGE7_FILL_MODEL": fill_model, "STRATEGY": strategy}
    loaded = settings_for("exchange", "state", "live", "stage7", "strategy", options=given)
    options = Options(times=address_of(times_db) if times_db else None, strategy=strategy, **asked)
    with hosting():
        result = run_backtest(loaded, dataset_folder(folder), database(db), options)
    if as_json:
        print_json(result)
    else:
        print_backtest(result, with_page=PAGE_LATER not in ctx.meta)
    ctx.exit(1 if result.get("equal_to_recorded") is False else 0)


def run_backtest(loaded: Loaded, folder: Path, db: URL, options: Options) -> dict[str, Any]:
    """Check the data, run what is still to run, and return the run's figures."""
    from meva_adapters.codec import CODEC
    from meva_adapters.replay import open_dataset
    from meva_adapters.replay.bars import DatasetBars
    from meva_adapters.sql import ensure, writer
    from meva_adapters.system.compiled import choose, will_compile
    from meva_cli.wiring import AboutRun
    from meva_core.stages import backtest as stage
    from meva_core.stages.figures import summary

    stays = may_compile_afterwards()
    dataset = open_dataset(folder, verify=options.verify)
    chosen = _strategy(loaded, dataset, options)
    plan = with_strategy(plan_of(loaded, dataset, options, chosen), chosen)
    if will_compile(options.engine, len(plan.times)):
        click.echo("compiling the engine: once for this version, takes about half a minute", err=True)
    speed = choose(options.engine, len(plan.times))
    ensure(db)
    began = time.perf_counter()
    with _collecting_less_often(), writer(db, durable=False) as store:
        with store.read() as reads:
            plan = _as_stored(plan, dataset, reads)
            begins = reads.run(plan.run_id) is None
        doubt = _doubt(loaded, options, chosen, plan, dataset) if begins else None
        done = stage.backtest(
            plan,
            dataset,
            store,
            loop=speed.loop,
            codec=CODEC,
            about=AboutRun(lambda: speed.name),
            progress=make_progress(speed.doing),
            trace_level=options.trace,
            resume=options.resume,
            strategy=None if chosen is None else (chosen.strategy, DatasetBars(dataset)),
            watch=watch_of(chosen, loaded.settings),
        )
        seconds = time.perf_counter() - began
        with store.read() as reads:
            figures = summary(reads, plan.run_id, CODEC)
            page = figures_or_why_not(reads, plan.run_id)
    if stays and speed.let_stay():
        click.echo(STAYS, err=True)
    figures |= _of_data(folder, plan)
    figures |= against_recorded(dataset, plan, figures) if options.as_recorded else {}
    return _with_timing(
        figures,
        shown_database(db),
        done,
        seconds,
        {
            "engine_reason": _engine_reason(figures, speed, done.ran),
            "trace_reason": _trace_reason(options.trace, figures, done),
        },
        page,
        [*_of_strategy(done, plan, dataset, chosen), *all_notes(dataset, plan, loaded, figures["cycles"])],
    ) | ({} if doubt is None else {"strategy_doubt": doubt})


@contextmanager
def _collecting_less_often() -> Iterator[None]:
    """Look for circles less often: recording makes and drops rows by the hundred thousand, none in any."""
    usual = gc.get_threshold()
    gc.set_threshold(200_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _of_strategy(done: Done, plan: RunPlan, dataset: Dataset, chosen: Chosen | None) -> Iterator[str]:
    """Yield that the universe left out what the strategy wished for, and that the data were too short for it,
    where it was so."""
    from meva_core.strategy.wished import universe_note

    note = universe_note(done.crowded, plan.settings.stage7.universe_size)
    if done.crowded and note is not None:
        yield note
    yield from bars_notes(dataset, chosen)


def _doubt(
    loaded: Loaded, options: Options, chosen: Chosen | None, plan: RunPlan, dataset: Dataset
) -> str | None:
    """Say before the first cycle what speaks against the strategy, where something is found at once."""
    spec = loaded.settings.strategy.strategy
    if options.as_recorded:  # what it was asked is decided again, and where it hung it is not asked
        return None
    if chosen is None or spec is None or not options.strategy_check or not has_weights(chosen.strategy):
        return None
    note = sample_note(spec, chosen, plan, dataset, loaded.settings)
    if note is not None:
        click.echo(f"warning: {note}", err=True)
    return note


def _strategy(loaded: Loaded, dataset: Dataset, options: Options) -> Chosen | None:
    """Return the strategy that says what is to be held, None for none."""
    if options.as_recorded:
        return strategy_recorded(dataset, options.strategy, loaded.settings.strategy.path)
    return strategy_of(loaded.settings, options.parameters)


def _of_data(folder: Path, plan: RunPlan) -> dict[str, Any]:
    from meva_core.provenance import books_of

    quote = plan.settings.stage7.universe_quote_ccy
    strategy = {} if plan.strategy is None else {"strategy": dict(plan.strategy)}
    return {"dataset": str(folder), "books": books_of(plan.manifest), **strategy, "quote": quote}


def _as_stored(plan: RunPlan, dataset: Dataset, reads: Reads) -> RunPlan:
    """Return the plan of the run as it stands in the store, where only a list's order or the data's form
    differs."""
    from meva_adapters.codec import CODEC
    from meva_core.stages.same_content import as_same_content
    from meva_core.stages.written_lists import as_recorded

    plan = as_recorded(plan, reads, CODEC.decode)
    return as_same_content(plan, lambda: dataset.content_sha256, reads, CODEC.decode)


def may_compile_afterwards() -> bool:
    """Whether what is compiled beside a run may be finished after it: only where somebody sees that said.

    Raises BadInput for a MEVA_WARM that is neither on nor off.
    """
    return is_warming(os.environ) and sys.stderr.isatty()


def _engine_reason(figures: dict[str, Any], speed: Speed, ran: int) -> str:
    """Return why a run was recorded with its engine, as far as this process had a part in it."""
    if not ran:
        return f"recorded so by version {figures['code_version']}"
    return speed.why if figures["engine"] == speed.name else f"this part {speed.name}: {speed.why}"


def _trace_reason(asked: str, figures: dict[str, Any], done: Done) -> str:
    """Return why a run is recorded with its trace level, as far as this process had a part in it."""
    from meva_core.stages.levels import AUTO, FULL, MOST_FULL

    if done.level is None:
        return "recorded so" if not done.filled else f"{counted(done.filled, 'cycle')} filled"
    size = f"{'at most' if done.level == FULL else 'more than'} {MOST_FULL} cycles"
    why = f"auto: {size}" if asked == AUTO else "as asked for"
    return why if figures["trace"] == done.level else f"this part {done.level}, {why}"


def plan_of(loaded: Loaded, dataset: Dataset, options: Options, chosen: Chosen | None = None) -> RunPlan:
    """Return the run that settings, data and options describe."""
    from meva_adapters.replay.plans import plan_backtest
    from meva_adapters.replay.run_plans import Window, plan_as_recorded, run_of

    if options.times and options.step:
        raise BadInput("--times and --step exclude each other")
    if options.as_recorded:
        return plan_as_recorded(dataset)
    if dataset.run is not None and (options.pair_info or options.times):
        raise BadInput(
            f"{dataset.root} has the rules and the times of the run whose market it is: --pair-info and "
            "--times do not go with it",
            action="leave them out; --start, --end and --step choose other times",
        )
    if dataset.run is not None:
        window = Window(start=options.start, end=options.end, step=options.step, cycles=options.cycles)
        more = {"seed": options.seed, "adapt": options.adapt, "fresh": options.fresh}
        strategy = None if chosen is None else chosen.identity
        return plan_over_run(loaded, dataset, window, strategy=strategy, **more)
    if options.fresh:
        run_of(dataset)
    return plan_backtest(
        dataset,
        loaded.settings,
        configured=loaded.settings.exchange.symbols if "SYMBOLS" in loaded.origin else None,
        pair_info=options.pair_info,
        times=stored_times(options.times, options) if options.times else None,
        start=options.start,
        end=options.end,
        step=options.step,
        cycles=options.cycles,
        seed=options.seed,
        adapt=options.adapt,
    )


def stored_times(db: URL, options: Options) -> Any:
    """Return the cycle times of the last run of a database, within the window asked for. Raises StoreCorrupt
    where some are lost."""
    import numpy as np

    from meva_cli.runs import pick_run
    from meva_core.chains import refuse_lost

    with reading(db) as reads:
        run_id = pick_run(reads, None)
        refuse_lost(reads, run_id)
        found = [_seconds(ts) for (ts,) in reads.rows("stage7_ledger_metrics", ("ts",), run_id=run_id)]
    times = np.array(found, dtype=np.int64)
    if options.start is not None:
        times = times[times >= options.start]
    if options.end is not None:
        times = times[times <= options.end]
    return times[: options.cycles]


def _seconds(moment: datetime) -> int:
    return -int(-moment.timestamp() // 1)


def _with_timing(
    figures: dict[str, Any],
    db: str,
    done: Done,
    seconds: float,
    reasons: dict[str, str],
    page: dict[str, Any],
    notes: list[str],
) -> dict[str, Any]:
    """Return the figures in the order of the contract, with what this process did."""
    head = {name: figures.pop(name) for name in ("run_id", "dataset")}
    tail = {name: figures.pop(name) for name in ("books", "quote", "dataset_sha256", "trace", "code_version")}
    return {
        **head,
        "db": db,
        **figures,
        "wall_seconds": round(seconds, 3),
        "cycles_per_second": round(done.ran / seconds, 1) if done.ran else 0,
        "already_recorded": not (done.ran or done.filled),
        "cycles_run": done.ran,
        "cycles_filled": done.filled,
        **reasons,
        **tail,
        **page,
        "warnings": notes,
    }
