"""A backtest in one call, without a database, for notebooks and scripts.

    from meva_adapters.notebook import backtest

    run = backtest("replay/sample", DRY_RUN_TRY_BALANCE=100000, STAGE7_FEES_BPS="12.5")
    run                                   # in a notebook: the figures, and the last cycles
    run.summary["net_pnl_try"]            # Decimal
    run.equity, run.fills, run.cycles     # Arrow tables, exact amounts
    run.fills.to_pandas()                 # with pandas installed
    run.equity["equity_try"].cast("float64").to_numpy()   # for a picture, where digits do not matter

The fingerprint is the one that `meva backtest` records for the same data and settings. Everything of the run
is held in memory: about 0.8 KB a cycle with five symbols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from html import escape
from os import PathLike
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen

from meva_adapters.arrow_tables import Tables
from meva_adapters.replay.dataset import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.system.compiled import Speed, choose
from meva_core.amounts import parse_e8, to_decimal
from meva_core.engine import Engine
from meva_core.errors import BadInput
from meva_core.fingerprint import Digester
from meva_core.modes import Mode
from meva_core.ports import MarketHistory
from meva_core.settings import Settings, build_settings, settings_document
from meva_core.stages.plan import RunPlan
from meva_core.stages.record import TOTALS
from meva_core.steps.inputs import no_inputs

_LAST_ROWS: Final = 5
_SHOWN: Final = ("ts", "mode", "equity_try", "net_pnl_try", "fees_try", "turnover_try", "orders", "fills")


def backtest(
    folder: str | PathLike[str],
    settings: Settings | None = None,
    *,
    engine: str = "auto",
    start: datetime | str | int | None = None,
    end: datetime | str | int | None = None,
    step: int | None = None,
    seed: int = 0,
    adapt: bool = False,
    **values: str | int | bool | Decimal,
) -> Backtest:
    """Run Stage 7 over the dataset in `folder` and return what it did. Writes nothing.

    Settings are given one by one under the names of their variables (`STAGE7_FEES_BPS="10"`), the rest are
    defaults, or as a whole in `settings`, of which a `SYMBOLS` other than the default counts as given. The
    environment and `.env` are not looked at. `engine` is `auto`, `interpreted` or `compiled`. `start` and
    `end` are inclusive: times, ISO 8601 texts (UTC without an offset) or seconds since 1970; they and `step`,
    in seconds, default to what the dataset holds. `seed` is of the simulated venue's draws, `adapt` lets
    parameters adapt.

    Raises BadInput for a dataset, a setting or a window that is not right; it names every fault in
    `problems`.
    """
    chosen = _settings(settings, values)
    configured = chosen.exchange.symbols
    dataset = open_dataset(folder)
    plan = plan_backtest(
        dataset,
        chosen,
        configured=None
        if configured == Settings().exchange.symbols and "SYMBOLS" not in values
        else configured,
        start=_seconds("start", start),
        end=_seconds("end", end),
        step=step,
        seed=seed,
        adapt=adapt,
    )
    return _run(plan, dataset, choose(engine, len(plan.times)))


@frozen(eq=False)
class Backtest:
    """What a backtest did.

    `cycles` has a row per cycle, `symbols` one per cycle and symbol, `intents` one per order that was built
    or skipped, `fills` one per fill; all are Arrow tables with amounts as decimal128(38, 8) and times in UTC.
    `fingerprint` is the last link of the chain of digests, in hex.
    """

    plan: RunPlan = field(repr=False)
    engine: str
    fingerprint: str
    cycles: pa.Table = field(repr=False)
    symbols: pa.Table = field(repr=False)
    intents: pa.Table = field(repr=False)
    fills: pa.Table = field(repr=False)

    @property
    def equity(self) -> pa.Table:
        """The equity after each cycle: `ts`, `equity_try`."""
        return self.cycles.select(["ts", "equity_try"])

    def to_arrow(self) -> dict[str, pa.Table]:
        """Return all tables by their names."""
        return {name: getattr(self, name) for name in ("cycles", "symbols", "intents", "fills")}

    @property
    def summary(self) -> dict[str, Any]:
        """The figures that `meva backtest` prints, under their names; amounts are Decimals, times aware."""
        plan, cycles, fills = self.plan, self.cycles, self.fills
        last = cycles.slice(cycles.num_rows - 1).to_pylist()[0]
        counted = pc.value_counts(cycles["mode"].combine_chunks().dictionary_decode()).to_pylist()
        modes = {row["values"]: row["counts"] for row in counted}
        resting = pc.sum(pc.equal(fills["liquidity"].cast(pa.string()), "resting")).as_py() or 0
        return {
            "run_id": plan.run,
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
            "fingerprint": self.fingerprint,
        }

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the figures, and the last cycles."""
        figures = self.summary
        figures["modes"] = ", ".join(f"{mode} {count}" for mode, count in figures["modes"].items())
        figures["symbols"] = ", ".join(figures["symbols"])
        last = self.cycles.select(list(_SHOWN)).slice(max(0, self.cycles.num_rows - _LAST_ROWS)).to_pylist()
        return _html(list(figures.items())) + _html([list(row.values()) for row in last], _SHOWN)


def _run(plan: RunPlan, history: MarketHistory, speed: Speed) -> Backtest:
    """Run all cycles of the plan, digest them, and keep them as tables."""
    rules, symbols = plan.pairs.columns(), plan.pairs.symbols
    engine = Engine(rules, plan.params, plan.new_state(), speed.loop)
    digester, tables = Digester(symbols, plan.params, rules), Tables(symbols)
    for market in history.windows(plan.times, plan.params.vol_lookback, symbols=symbols):
        for start, stop, out in engine.advance(market, no_inputs(len(market.time))):
            links = [digests.link for digests in digester.digest(market, out, start, stop)]
            tables.take(market, out, start, stop, links)
    return Backtest(plan, speed.name, digester.link.hex(), **tables.tables())


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
    known = settings_document(Settings())
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0)[0]
            raise BadInput(f"{name} is no setting that a backtest reads; the nearest one is {near}")
    return build_settings({name: _text(name, value) for name, value in values.items()})


def _text(name: str, value: Any) -> str:
    """Return a value as the environment would hold it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    raise BadInput(
        f"{name}: {value!r} is a {type(value).__name__}; expected text, a whole number or a Decimal",
        action=f'write {name}="{value}"',
    )


def _seconds(name: str, moment: datetime | str | int | None) -> int | None:
    """Return a time as seconds since 1970."""
    if moment is None or isinstance(moment, int):
        return moment
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
