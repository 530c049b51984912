"""A backtest in one call, without a database, for notebooks and scripts.

    from meva_adapters.notebook import backtest

    run = backtest("replay/sample", DRY_RUN_TRY_BALANCE=100000, STAGE7_FEES_BPS=12.5)
    print(run)                            # the figures
    run                                   # in a notebook: the figures, and the last cycles
    run.summary["net_pnl_try"]            # Decimal
    run.equity, run.fills, run.cycles     # Arrow tables, exact amounts
    run.figures["sharpe_ratio"]           # return, risk, costs, trades: docs/reference/figures.md
    run.trades                            # an Arrow table of round trips
    run.plot(), run.plot("BTCTRY")        # equity with modes and fills; marks of a symbol with its fills
    run.fills.to_pandas()                 # with pandas installed
    backtest({"BTCTRY": frame}, stamp="open", spread_bps=10)    # candles of a data frame
    run.equity["equity_try"].cast("float64").to_numpy()   # for a picture, where digits do not matter

The fingerprint is the one that `meva backtest` records for the same data and settings. Everything of the run
is held in memory: about 0.8 KB a cycle with five symbols.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from html import escape
from numbers import Integral, Real
from os import PathLike
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from meva_adapters.arrow_tables import Tables
from meva_adapters.importing.frames import Said, folder_of
from meva_adapters.pictures.charts import candles_chart, equity_chart
from meva_adapters.pictures.gathered import Gathered
from meva_adapters.pictures.svg import Picture
from meva_adapters.replay.dataset import open_dataset
from meva_adapters.replay.plans import look_ahead, plan_backtest, window_notes
from meva_adapters.replay.run_plans import Window, plan_otherwise, settings_notes
from meva_adapters.system.compiled import choose
from meva_adapters.system.speeds import Speed
from meva_adapters.trades_table import trades_table
from meva_core.amounts import E8, parse_e8, to_decimal
from meva_core.errors import BadInput, MevaError
from meva_core.figures.cycles import Cycles, opening_of
from meva_core.figures.motives import Motives
from meva_core.figures.reckoning import Reckoning
from meva_core.figures.result import Figures
from meva_core.figures.trips import resting
from meva_core.fingerprint import Digester
from meva_core.modes import Mode
from meva_core.ports import MarketHistory
from meva_core.provenance import books_note, books_of
from meva_core.settings import Settings, build_settings, settings_document, with_later
from meva_core.stages.backtest import recorded
from meva_core.stages.figures import TOTALS
from meva_core.stages.plan import RunPlan
from meva_core.stages.run import run
from meva_core.state import state_document

_ROWS: Final = 8192  # cycles in memory as columns, before they become tables
_LAST_ROWS: Final = 5
_MOST_DIGITS: Final = 400  # a float has 324 at most; a Decimal could have a thousand million
Value = str | int | bool | float | Decimal | Sequence[str] | Mapping[str, Any] | None
"""What a setting may be given as."""
_SHOWN: Final = ("ts", "mode", "equity_try", "net_pnl_try", "fees_try", "turnover_try", "orders", "fills")


def backtest(
    folder: str | PathLike[str] | Mapping[str, Any],
    settings: Settings | None = None,
    *,
    engine: str = "auto",
    start: datetime | str | float | None = None,
    end: datetime | str | float | None = None,
    step: float | None = None,
    seed: float = 0,
    adapt: bool = False,
    stamp: str | None = None,
    spread_bps: str | float | Decimal | None = None,
    depth_try: str | float | Decimal | None = None,
    tz: str | None = None,
    interval: int | None = None,
    columns: Mapping[str, str] | None = None,
    **values: Value,
) -> Backtest:
    """Run Stage 7 over the dataset in `folder` and return what it did. Writes nothing.

    Instead of a folder it may be candles by symbol, `{"BTCTRY": frame}`: data frames of any library that
    hands out Arrow (pandas, polars, pyarrow, DuckDB), or dicts of columns. They are read as `meva replay
    import` reads files: `stamp` says which end of a candle its time is (`open` or `close`), `tz` the zone of
    times without one, `interval` the seconds of a candle, `columns` which column is what
    (`{"close": "last"}`); order books are assumed `spread_bps` (10) around the closes, with `depth_try` of
    size a side. Floats count as their shortest text. A quote other than TRY is taken for the universe's,
    unless a setting names another.

    Settings are given one by one under the names of their variables (`STAGE7_FEES_BPS=12.5`), the rest are
    defaults: texts, numbers, flags, lists of symbols; a float counts as the shortest text that gives it (12.1
    is "12.1"). Or they are given as a whole in `settings`, of which a `SYMBOLS` other than the default counts
    as given. The environment and `.env` are not looked at. `engine` is `auto`, `interpreted` or `compiled`.
    `start` and `end` are inclusive: times, ISO 8601 texts (UTC without an offset) or seconds since 1970; they
    and `step`, in seconds, default to what the dataset holds. `seed` is of the simulated venue's draws,
    `adapt` lets parameters adapt. Over the market of a live run (`meva replay export`) the cycles go by its
    times, inputs and rules, and from what it began with.

    Raises BadInput for a dataset, a setting or a window that is not right; it names every fault in
    `problems`, and shows them with what to do below its message. Warns of order books that were assumed, over
    which fills are a model, not a record; of a window that the data do not fill; of
    candles that seem to be stamped at their opening, and of settings that a live run was recorded with others
    of.
    """
    frames = Said(stamp, spread_bps, depth_try, tz, interval, columns)
    with _notes(), folder_of(folder, frames) as (root, needed):
        return _backtest(
            root,
            _settings(settings, values if settings is not None else {**needed, **values}),
            engine,
            "SYMBOLS" in values,
            start=_seconds("start", start),
            end=_seconds("end", end),
            step=None if step is None else _whole("step", step),
            seed=_whole("seed", seed),
            adapt=adapt,
        )


def _backtest(
    folder: str | PathLike[str], chosen: Settings, engine: str, symbols_are_named: bool, **options: Any
) -> Backtest:
    configured: Sequence[str] | None = chosen.exchange.symbols
    if set(chosen.exchange.symbols) == set(Settings().exchange.symbols) and not symbols_are_named:
        configured = None
    dataset = open_dataset(folder)
    if dataset.run is None:
        plan, notes = plan_backtest(dataset, chosen, configured=configured, **options), []
    else:
        window = Window(**{name: options.pop(name) for name in ("start", "end", "step")})
        plan = plan_otherwise(dataset, chosen, window, configured=configured, fresh=False, **options)
        notes = settings_notes(dataset.run, plan)
    model = [note] if (note := books_note(plan.manifest)) else []
    for note in (*model, *notes, *window_notes(dataset, plan), *map(str, look_ahead(dataset))):
        warnings.warn(note, stacklevel=3)  # where the notebook called
    return _run(plan, dataset, choose(engine, len(plan.times)))


@contextmanager
def _notes() -> Iterator[None]:
    """Let an error show all that it carries: a notebook prints message and notes, and nothing else."""
    try:
        yield
    except MevaError as error:
        for note in _notes_on(error):
            error.add_note(note)
        raise


def _notes_on(error: MevaError) -> Iterator[str]:
    """Yield every problem with what to do about it, and what to do about the whole."""
    problems = error.problems if isinstance(error, BadInput) else ()
    told = str(error).splitlines()
    done = set()
    for problem in problems:
        if len(problems) > 1 or str(problem) not in told:
            named = not problem.value or problem.value in problem.message
            value = "" if named else f"{problem.value!r}: "
            yield f"{problem.where}: {value}{problem.message}"
        if problem.action:
            yield f"  To do: {problem.action}"
            done.add(problem.action)
    if error.action and error.action not in done:
        yield f"To do: {error.action}"


@frozen(eq=False, repr=False)
class Backtest:
    """What a backtest did. Printed, it shows its figures.

    `cycles` has a row per cycle, `symbols` one per cycle and symbol, `intents` one per order that was built
    or skipped, `fills` one per fill; all are Arrow tables with amounts as decimal128(38, 8) and times in UTC.
    `trades` has one per round trip: a SELL order that filled, and the lots that it took, first in, first out.
    `fingerprint` is the last link of the chain of digests, in hex.
    """

    plan: RunPlan
    engine: str
    fingerprint: str
    cycles: pa.Table
    symbols: pa.Table
    intents: pa.Table
    fills: pa.Table
    trades: pa.Table
    _reckoned: Figures
    _told: Gathered

    def plot(self, symbol: str | None = None) -> Picture:
        """Draw equity with modes, fills and drawdown, or the marks of a symbol with its fills: SVG, which a
        notebook shows and `str` gives as text. Raises BadInput for a symbol that the run did not have."""
        quote = self.plan.settings.stage7.universe_quote_ccy
        if symbol is None:
            return equity_chart(self._told, quote, alone=True)
        if symbol not in self._told.marks:
            there = ", ".join(self._told.marks)
            raise BadInput(f"{symbol} is no symbol of this run", action=f"choose one of {there}")
        return candles_chart(self._told, symbol, quote, f"symbol-{symbol}", alone=True)

    @property
    def figures(self) -> dict[str, Any]:
        """The figures of docs/reference/figures.md by name: amounts are Decimals, times aware, ratios floats.

        What is not defined is None, and why stands under `undefined` by its name.
        """
        return self._reckoned.document()

    @property
    def equity(self) -> pa.Table:
        """The equity after each cycle: `ts`, `equity_try`."""
        return self.cycles.select(["ts", "equity_try"])

    def to_arrow(self) -> dict[str, pa.Table]:
        """Return all tables by their names: `equity`, `cycles`, `symbols`, `intents`, `fills`, `trades`."""
        names = ("equity", "cycles", "symbols", "intents", "fills", "trades")
        return {name: getattr(self, name) for name in names}

    @property
    def summary(self) -> dict[str, Any]:
        """The figures that `meva backtest` prints, under their names; amounts are Decimals, times aware."""
        plan, cycles, fills = self.plan, self.cycles, self.fills
        last = cycles.slice(cycles.num_rows - 1).to_pylist()[0]
        counted = pc.value_counts(cycles["mode"].combine_chunks().dictionary_decode()).to_pylist()
        modes = {row["values"]: row["counts"] for row in counted}
        resting = pc.sum(pc.equal(fills["liquidity"].cast(pa.string()), "resting")).as_py() or 0
        return {
            "run_id": plan.run_id,
            "dataset": plan.source,
            "engine": self.engine,
            "fill_model": plan.settings.stage7.fill_model.value,
            "start": cycles["ts"][0].as_py(),
            "end": last["ts"],
            "step_seconds": plan.step_seconds,
            "symbols": list(plan.pairs.symbols),
            "cycles": cycles.num_rows,
            "cycles_traded": pc.sum(pc.greater(cycles["fills"], 0)).as_py(),
            "orders": pc.sum(cycles["orders"]).as_py(),
            "fills": fills.num_rows,
            "starting_cash_try": to_decimal(plan.starting_cash()),
            "final_equity_try": _plain(last["equity_try"]),
            **{name: _plain(last[name]) for name in TOTALS},
            "fills_resting": resting,
            "fills_taking": fills.num_rows - resting,
            "modes": {mode.name: modes.get(mode.name, 0) for mode in Mode},
            "books": books_of(plan.manifest),
            "dataset_sha256": plan.source_sha256,
            "fingerprint": self.fingerprint,
        }

    def __repr__(self) -> str:
        """Return the figures, one a line."""
        figures = self._figures()
        width = max(map(len, figures))
        return "\n".join(f"{name:<{width}}  {_shown(value)}" for name, value in figures.items())

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the figures, equity over time, and the last cycles."""
        last = self.cycles.select(list(_SHOWN)).slice(max(0, self.cycles.num_rows - _LAST_ROWS)).to_pylist()
        figures = _html(list(self._figures().items()))
        return figures + str(self.plot()) + _html([list(row.values()) for row in last], _SHOWN)

    def _figures(self) -> dict[str, Any]:
        """Return the figures as they are shown."""
        figures = self.summary
        figures["modes"] = ", ".join(f"{mode} {count}" for mode, count in figures["modes"].items())
        figures["symbols"] = ", ".join(figures["symbols"])
        # As the commands say it: cycles that had orders are counted elsewhere.
        return {"cycles_with_fills" if n == "cycles_traded" else n: value for n, value in figures.items()}


def _run(plan: RunPlan, history: MarketHistory, speed: Speed) -> Backtest:
    """Run all cycles of the plan, digest them, and keep them as tables."""
    book = plan.new_book()
    digester, tables = Digester(book.symbols, book.params, book.link), Tables(book.symbols)
    opening = opening_of(book.state, book.symbols)
    reckoning = Reckoning(opening, Motives())
    told = Gathered(int(plan.times[0]), int(plan.times[-1]), opening.equity / E8)
    for stretch in run(book, recorded(plan, history, plan.times, _ROWS), speed.loop):
        market, _, rules, out, start, stop, _ = stretch
        links = [digests.link for digests in digester.digest(market, rules, out, start, stop)]
        tables.take(market, out, start, stop, links)
        part = Cycles(book.symbols, book.params, market, rules, out, start, stop)
        reckoning.take(part)
        told.take(part)
    still_open = resting(state_document(book.state, book.symbols)["orders"])
    figures = reckoning.figures(still_open=still_open)
    trades = trades_table(reckoning.round_trips(still_open))
    link = digester.link.hex()
    return Backtest(plan, speed.name, link, **tables.tables(), trades=trades, reckoned=figures, told=told)


# -- What is given ------------------------------------------------------------------------------------


def _settings(settings: Settings | None, values: Mapping[str, Any]) -> Settings:
    """Return the settings as a whole; raise BadInput for both kinds at once, or a name that nothing reads."""
    if settings is not None:
        if values:
            raise BadInput(
                f"settings were given as a whole and one by one ({', '.join(values)})",
                action="give one or the other",
            )
        return settings
    known = with_later(settings_document(Settings()))
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0)[0]
            raise BadInput(f"{name} is no setting that a backtest reads; the nearest one is {near}")
    return build_settings({name: _text(name, value) for name, value in values.items()})


def _text(name: str, value: Value) -> str:
    """Return a value as the environment would hold it."""
    if value is None or isinstance(value, str):
        return "none" if value is None else value
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, Integral | Real | Decimal):
        return _digits(name, value)
    if isinstance(value, Mapping):
        return json.dumps({key: _text(f"{name}.{key}", item) for key, item in value.items()})
    if isinstance(value, Sequence | set | frozenset) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise BadInput(
        f"{name}: {value!r} is a {type(value).__name__}; expected text, a number, a flag or a list of texts",
        action=f'write {name}="..." as the environment would hold it',
    )


def _digits(name: str, value: Any) -> str:
    """Return a number in plain digits; a float by the shortest text that gives it, so 0.1 is 0.1."""
    if isinstance(value, Integral):
        return str(int(value))
    # NumPy's own repr names its type, its str does not; of Python's floats both are the shortest text.
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise BadInput(f"{name}: {value} is not a number of a usable size", action=f"give {name} another")
    return f"{number.to_integral_value():f}" if number == number.to_integral_value() else f"{number:f}"


def _whole(name: str, value: Any) -> int:
    """Return a whole number, which may be given as a float without a fraction."""
    whole = not isinstance(value, bool | np.bool_) and isinstance(value, Integral | Real | Decimal)
    digits = _digits(name, value) if whole else ""
    if not digits.removeprefix("-").isdigit():
        raise BadInput(f"{name}: {value!r} is not a whole number", action=f"give {name} as an int")
    return int(digits)


def _seconds(name: str, moment: datetime | str | float | None) -> int | None:
    """Return a time as seconds since 1970."""
    if moment is None:
        return None
    if not isinstance(moment, str | datetime):
        return _whole(name, moment)
    try:
        moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        raise BadInput(
            f"{name}: {moment!r} is no ISO 8601 time; expected one such as 2026-01-31T12:00:00Z"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment.microsecond:
        raise BadInput(f"{name}: {moment} has a fraction of a second; cycles run on whole seconds")
    return int(moment.timestamp())


# -- What is shown ------------------------------------------------------------------------------------


def _plain(amount: Decimal) -> Decimal:
    """Return an amount without trailing zeros."""
    return to_decimal(parse_e8(amount))


def _html(rows: Sequence[Sequence[Any]], head: Sequence[str] = ()) -> str:
    """Return a table; amounts are never cut."""
    cells = [("th", head)] if head else []
    cells += [("td", [_shown(value) for value in row]) for row in rows]
    lines = ("".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) for tag, texts in cells)
    return "<table>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table>\n"


def _shown(value: Any) -> str:
    return f"{_plain(value):f}" if isinstance(value, Decimal) else str(value)
