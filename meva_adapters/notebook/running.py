"""A backtest in one call, over a dataset or over frames."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from os import PathLike
from typing import Any

from attrs import evolve

from meva_adapters.arrow_tables import Tables
from meva_adapters.asking.staying import staying
from meva_adapters.codec import CODEC
from meva_adapters.importing.frames import Said, folder_of
from meva_adapters.notebook.given import Value, noted, rate, seconds, settings_given, whole
from meva_adapters.notebook.memory import Kept
from meva_adapters.notebook.ran import Backtest
from meva_adapters.notebook.views import Story
from meva_adapters.notebook.words import as_called
from meva_adapters.pictures.gathered import Gathered
from meva_adapters.replay.bars import DatasetBars
from meva_adapters.replay.dataset import open_dataset
from meva_adapters.replay.plans import look_ahead, plan_backtest, window_notes
from meva_adapters.replay.run_plans import Window, plan_otherwise, settings_notes
from meva_adapters.strategies.checks.tapes import short_tape
from meva_adapters.strategies.files import places_of
from meva_adapters.strategies.loading import Chosen
from meva_adapters.strategies.loading import chosen as chosen_strategy
from meva_adapters.strategies.loading import load as load_strategy
from meva_adapters.strategies.parameters import json_values
from meva_adapters.system.compiled import choose
from meva_adapters.system.speeds import Speed
from meva_adapters.trades_table import trades_table
from meva_core.figures.cycles import Cycles, opening_of
from meva_core.figures.motives import Motives
from meva_core.figures.reckoning import Reckoning
from meva_core.figures.trips import resting
from meva_core.fingerprint import Digester
from meva_core.ports import MarketHistory
from meva_core.provenance import books_note
from meva_core.settings import Settings
from meva_core.stages.accounts import Account, assumed_of
from meva_core.stages.backtest import recorded, window_of
from meva_core.stages.crowded import Crowded
from meva_core.stages.plan import RunPlan
from meva_core.stages.plan_notes import plan_notes
from meva_core.stages.run import run
from meva_core.stages.summary import Summary
from meva_core.stages.weighing import Weighing
from meva_core.strategy import Strategy
from meva_core.strategy.checking.examining import sample
from meva_core.strategy.wished import universe_note


def backtest(
    folder: str | PathLike[str] | Mapping[str, Any], settings: Settings | None = None, *,
    engine: str = "auto", start: datetime | str | float | None = None,
    end: datetime | str | float | None = None, step: float | None = None, seed: float = 0,
    adapt: bool = False, stamp: str | None = None, spread_bps: str | float | Decimal | None = None,
    depth_try: str | float | Decimal | None = None, tz: str | None = None, interval: int | None = None,
    columns: Mapping[str, str] | None = None, dates: str | None = None, decimal: str | None = None,
    integers: str | None = None, exchangeinfo: str | PathLike[str] | None = None,
    round_cells: bool | None = None, drop_bad: bool | None = None, fresh: bool = False,
    cash_rate: float = 0, strategy: Strategy | str | None = None, strategy_check: bool = True,
    **values: Value,
) -> Backtest:  # fmt: skip
    """Run Stage 7 over the dataset in `folder` and return what it did. Writes nothing.

    Instead of a folder it may be candles by symbol, `{"BTCTRY": frame}`: data frames of any library that
    hands out Arrow (pandas, polars, pyarrow, DuckDB), or dicts of columns. They are read as `meva replay
    import` reads files: `stamp` says which end of a candle its time is (`open` or `close`), `tz` the zone of
    times without one, `interval` the seconds of a candle, `columns` which column is what
    (`{"close": "last"}`), `dates` whether the day or the month comes first in texts (`dmy`, `mdy`), `decimal`
    the decimal mark, `integers` the unit of whole prices (`whole`, `e8`), `exchangeinfo` a file of rules;
    `round_cells` rounds what has more than 8 decimal places, `drop_bad` leaves out rows that cannot be taken.
    Order books are assumed `spread_bps` (10) around the closes, with `depth_try` of
    size a side. Floats count as their shortest text. A quote other than TRY is the universe's by default.

    Settings are given by the names of their variables (`STAGE7_FEES_BPS=12.5`), the rest are defaults: texts,
    numbers, flags, lists of symbols; or as a whole in `settings`, of which a `SYMBOLS` other than the default
    counts as given. The environment and `.env` are not looked at. `engine` is `auto`, `interpreted` or
    `compiled`. `start` and `end`, inclusive (times, ISO 8601 texts, UTC without an offset, or seconds since
    1970), and `step`, in seconds, default to what the dataset holds. `seed` is of the simulated venue's
    draws, `adapt` lets parameters adapt. `cash_rate` is what cash earns in a year, as a ratio, for Sharpe and
    Sortino. `strategy` says what is to be held instead of equal parts of the best pairs: one that was made
    (`Momentum(closes=90)`), or its name as `--strategy` takes it; `strategy_check`: whether it looks ahead is
    checked. Over the market of a live run (`meva replay export`) cycles have its times, inputs and rules,
    and begin with its book, or with `fresh` with one of their own.

    Raises BadInput for a dataset, a setting or a window that is not right; `problems` has every fault. Warns
    of books that were assumed, over which fills are a model; of a window that the data do not fill; of
    symbols that were named and of which they have nothing; of fallback rules that stand in; of a step longer
    than an order lives; of candles that seem stamped at their opening; of settings other than a live run's
    own; of looking ahead.
    """
    said = (dates, decimal, integers, exchangeinfo, round_cells, drop_bad)
    frames = Said(stamp, spread_bps, depth_try, tz, interval, columns, *said)
    with noted(), staying(), folder_of(folder, frames) as (root, needed):
        return _backtest(
            root,
            settings_given(settings, values if settings is not None else {**needed, **values}),
            engine,
            "SYMBOLS" in values,
            rate("cash_rate", cash_rate),
            strategy,
            strategy_check,
            fresh,
            start=seconds("start", start),
            end=seconds("end", end),
            step=None if step is None else whole("step", step),
            seed=whole("seed", seed),
            adapt=adapt,
        )


def _backtest(
    folder: str | PathLike[str],
    chosen: Settings,
    engine: str,
    named: bool,
    cash_rate: float,
    strategy: Strategy | str | None,
    strategy_check: bool,
    fresh: bool,
    **options: Any,
) -> Backtest:
    asked = _strategy(strategy, chosen)
    configured: Sequence[str] | None = chosen.exchange.symbols
    if set(chosen.exchange.symbols) == set(Settings().exchange.symbols) and not named:
        configured = None
    dataset = open_dataset(folder)
    if dataset.run is None:
        plan, notes = plan_backtest(dataset, chosen, configured=configured, **options), []
    else:
        window = Window(**{name: options.pop(name) for name in ("start", "end", "step")})
        identity = None if asked is None else asked.identity
        more = {**options, "strategy": identity, "fresh": fresh}
        plan = plan_otherwise(dataset, chosen, window, configured=configured, **more)
        notes = settings_notes(dataset.run, plan)
    model = [note] if (note := books_note(plan.manifest)) else []
    notes += [*window_notes(dataset, plan), *plan_notes(plan, configured), *map(str, look_ahead(dataset))]
    for note in (*model, *notes):
        warnings.warn(as_called(note), stacklevel=3)  # where the notebook called
    weighing = None
    if asked is not None:
        plan = evolve(plan, strategy=asked.identity)
        weighing = Weighing(asked.strategy, plan.pairs.symbols, plan.params, DatasetBars(dataset))
    ran = _run(plan, dataset, choose(engine, len(plan.times)), cash_rate, weighing)
    if asked is not None and strategy_check and not asked.strategy.decides():
        # Afterwards: in this process it would remember what it was asked.
        found = sample(asked.strategy, short_tape(asked.strategy, plan, dataset), plan.seed)
        if not found.ok:
            name = asked.strategy.name()
            warnings.warn(f"strategy {name} is not to be trusted: {found.said}", stacklevel=3)
    return ran


def _strategy(given: Strategy | str | None, settings: Settings) -> Chosen | None:
    """Return the strategy that was given, or that settings name; None for none."""
    if isinstance(given, Strategy):
        return chosen_strategy(given)
    spec = given or settings.strategy.strategy
    if spec is None or spec == "equal_weight":
        return None
    places = places_of(settings.strategy.path)
    return load_strategy(spec, values=json_values(settings.strategy.params), places=places)


def _run(
    plan: RunPlan, history: MarketHistory, speed: Speed, cash_rate: float, weighing: Weighing | None
) -> Backtest:
    """Run all cycles of the plan, digest them, and keep them: as tables, and packed."""
    book = plan.new_book()
    digester, tables, kept = Digester(book.symbols, book.params, book.link), Tables(book.symbols), Kept(plan)
    opening = opening_of(book.state, book.symbols)
    reckoning = Reckoning(opening, Motives())
    gathered = Gathered(int(plan.times[0]), int(plan.times[-1]), opening)
    rows = window_of(len(book.symbols))
    source = recorded(plan, history, plan.times, rows, weighing)
    decide = None if weighing is None else weighing.decided(book)
    crowded = Crowded()
    for stretch in run(book, source, speed.loop, decide):
        if weighing is not None:
            crowded.take(stretch)
        market, _, rules, out, start, stop, _ = stretch
        links = [digests.link for digests in digester.digest(market, rules, out, start, stop)]
        tables.take(market, out, start, stop, links)
        kept.take(stretch, links)
        part = Cycles(book.symbols, book.params, market, rules, out, start, stop)
        reckoning.take(part)
        gathered.take(part)
    book.link = digester.link
    if note := universe_note(crowded.most, plan.settings.stage7.universe_size):
        warnings.warn(as_called(note), stacklevel=4)  # where the notebook called
    memory = kept.ended(book, speed.name)
    still_open = resting(book.state)
    figures = reckoning.figures(cash_rate=cash_rate, still_open=still_open)
    account = Account((memory.row,))
    quote, assumed = plan.settings.stage7.universe_quote_ccy, assumed_of(account.runs, CODEC.decode)
    story = Story(
        Summary(account, quote, assumed, figures), trades_table(reckoning.round_trips(still_open)), gathered
    )
    return Backtest(plan, speed.name, story, tables.tables(), memory)
