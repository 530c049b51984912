"""Figures of recorded markets, against pandas: amounts to the last digit, ratios to 1e-12.

pandas is given the tables that a run leaves, in Decimals, and the market's metadata; nothing of how figures
are made is used.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from stage7_runs import BUSY, START

from meva_adapters.notebook import Backtest, backtest
from meva_adapters.replay import write_synthetic
from meva_cli.commands.demo import DEMO

D = Decimal
UNIT = D("1E-8")
SAMPLE = Path(__file__).parents[2] / "replay/sample"
NEAR = {"rel": 1e-12, "abs": 0}
QUIET = {"STAGE7_MAX_DATA_AGE_SEC": "4000", "TTL_SECONDS": "3600", "STAGE7_MAX_DAILY_LOSS_TRY": "900000"}


class World(NamedTuple):
    """A market, the settings of a run over it, the run, and what it left as data frames."""

    folder: Path
    settings: Mapping[str, str]
    run: Backtest
    cycles: pd.DataFrame
    symbols: pd.DataFrame
    fills: pd.DataFrame


REAL = Path(__file__).parents[3] / "shared/data/real-5m"
MARKETS = ["sample", "forty days", *(["recorded"] if REAL.is_dir() else [])]


@pytest.fixture(scope="module", params=MARKETS)
def world(request, tmp_path_factory):
    if request.param == "sample":
        folder, settings = SAMPLE, DEMO
    elif request.param == "recorded":
        folder, settings = REAL, {**BUSY, **QUIET}
    else:
        folder, settings = tmp_path_factory.mktemp("days") / "market", {**BUSY, **QUIET}
        names = ("BTCTRY", "ETHTRY", "SOLTRY", "XRPTRY")
        write_synthetic(
            folder, symbols=names, minutes=40 * 1440, seed=5, start=START + 7200, step_seconds=3600
        )
    step = 3600 if request.param == "recorded" else None
    run = backtest(folder, engine="interpreted", step=step, **settings)
    frames = (table.to_pandas() for table in (run.cycles, run.symbols, run.fills))
    return World(folder, settings, run, *frames)


@pytest.fixture(scope="module")
def figures(world):
    return world.run.figures


def opening(world: World) -> D:
    return D(world.settings["DRY_RUN_TRY_BALANCE"])


def seconds(world: World) -> float:
    ts = world.cycles["ts"]
    return (ts.iloc[-1] - ts.iloc[0]).total_seconds()


def weighted_mean(world: World, values: pd.Series) -> float:
    weights = -world.cycles["ts"].diff(-1).dt.total_seconds().iloc[:-1]
    return (values.iloc[:-1].astype("float64") * weights).sum() / weights.sum()


# -- Equity -------------------------------------------------------------------------------------------


def test_equity_and_return(world, figures):
    equity = world.cycles["equity_try"]
    assert figures["opening_equity_try"] == opening(world)
    assert figures["final_equity_try"] == equity.iloc[-1]
    assert figures["net_pnl_try"] == equity.iloc[-1] - opening(world) == world.cycles["net_pnl_try"].iloc[-1]
    assert figures["return_ratio"] == pytest.approx(float(equity.iloc[-1] / opening(world) - 1), **NEAR)
    assert figures["days"] == seconds(world) / 86_400


def test_the_worst_fall(world, figures):
    points = pd.concat([pd.Series([opening(world)]), world.cycles["equity_try"]], ignore_index=True)
    times = pd.concat([world.cycles["ts"].iloc[:1], world.cycles["ts"]], ignore_index=True)
    peaks = pd.Series([max(points[: n + 1]) for n in range(len(points))])
    falls = (peaks - points) / peaks
    low = next(n for n, fall in enumerate(falls) if fall == falls.max())
    assert figures["max_drawdown_try"] == peaks[low] - points[low]
    assert figures["max_drawdown_ratio"] == falls.max().quantize(UNIT, ROUND_DOWN)
    assert figures["max_drawdown_ratio"] == world.cycles["max_drawdown_ratio"].iloc[-1]
    assert figures["drawdown_low"] == times[low]
    assert figures["drawdown_start"] == times[max(n for n in range(low) if points[n] == peaks[low])]
    again = [times[n] for n in range(low, len(points)) if points[n] >= peaks[low]]
    assert figures["drawdown_recovered"] == (again[0] if again else None)


# -- Days ---------------------------------------------------------------------------------------------


def closes(world: World) -> pd.Series:
    """Return equity before the first whole day and at the end of each."""
    ts, equity = world.cycles["ts"], world.cycles["equity_try"]
    days = pd.date_range(ts.iloc[0].ceil("D"), ts.iloc[-1].floor("D"), freq="D")
    before = {day: equity[ts < day] for day in days}
    return pd.Series([found.iloc[-1] if len(found) else opening(world) for found in before.values()], days)


def test_days_and_what_is_reckoned_from_them(world, figures):
    found = closes(world)
    assert figures["whole_days"] == max(0, len(found) - 1)
    names = ("annual_return_ratio", "volatility_ratio", "sharpe_ratio", "sortino_ratio", "calmar_ratio")
    if figures["whole_days"] < 30:
        assert [figures[name] for name in names] == [None] * 5
        assert {figures["undefined"][name] for name in names} == {"too_few_days"}
        return
    # Differences in Decimals: in floats they would lose the digits that both equities share.
    daily = pd.Series([float(b / a - 1) for a, b in pairwise(found)], found.index[1:])
    annual = (
        float(world.cycles["equity_try"].iloc[-1] / opening(world)) ** (365 * 86_400 / seconds(world)) - 1
    )
    downside = (daily.clip(upper=0) ** 2).mean() ** 0.5
    points = pd.concat([pd.Series([opening(world)]), world.cycles["equity_try"]], ignore_index=True)
    fall = max(1 - point / max(points[: n + 1]) for n, point in enumerate(points))
    expected = {
        "annual_return_ratio": annual,
        "volatility_ratio": daily.std() * 365**0.5,
        "sharpe_ratio": daily.mean() / daily.std() * 365**0.5,
        "sortino_ratio": daily.mean() / downside * 365**0.5,
        "calmar_ratio": annual / float(fall),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected, **NEAR)
    assert figures["worst_day_ratio"] == pytest.approx(daily.min(), **NEAR)
    assert figures["worst_day"] == f"{daily.idxmin() - pd.Timedelta(days=1):%Y-%m-%d}"


def test_the_second_market_has_days_enough(world, figures):
    assert (figures["whole_days"] >= 30) == (world.folder not in (SAMPLE, REAL))


# -- Costs, exposure, modes ---------------------------------------------------------------------------


def test_costs_turnover_and_exposure(world, figures):
    last, equity = world.cycles.iloc[-1], world.cycles["equity_try"]
    fees, slippage, turnover = (
        world.fills[name].sum() for name in ("fee_try", "slippage_try", "notional_try")
    )
    assert (figures["fees_try"], figures["slippage_try"], figures["turnover_try"]) == (
        fees,
        slippage,
        turnover,
    )
    assert (fees, slippage, turnover) == (last["fees_try"], last["slippage_try"], last["turnover_try"])
    assert figures["costs_try"] == fees + slippage
    assert figures["costs_bps"] == pytest.approx(float((fees + slippage) * 10_000 / turnover), **NEAR)
    mean = weighted_mean(world, equity)
    assert figures["turnover_times"] == pytest.approx(float(turnover) / mean, **NEAR)
    a_day = float(turnover) / mean / (seconds(world) / 86_400)
    assert figures["turnover_a_day_times"] == (
        None if world.folder == SAMPLE else pytest.approx(a_day, **NEAR)
    )
    share = pd.Series([float(a / b) for a, b in zip(equity - world.cycles["cash_try"], equity, strict=True)])
    assert figures["exposure_ratio"] == pytest.approx(weighted_mean(world, share), **NEAR)


def test_modes_and_what_mostly_restricted(world, figures):
    counts = world.cycles["mode"].value_counts()
    assert {mode: n for mode, n in figures["modes"].items() if n} == counts[counts > 0].to_dict()
    assert sum(figures["mode_ratios"].values()) == pytest.approx(1)
    if world.folder == SAMPLE:
        fired = world.cycles["risk_reasons"].astype(str).str.contains(figures["mostly"])
        observing = world.cycles["mode"] == "OBSERVE_ONLY"
        assert figures["mostly"] == "daily_loss_breach"
        assert figures["mostly_cycles"] == (fired & observing).sum()


# -- Trades -------------------------------------------------------------------------------------------


def round_trips(world: World) -> list[dict[str, Any]]:
    """Return the round trips, taken FIFO from the table of fills."""
    lots: dict[str, deque[list[Any]]] = defaultdict(deque)
    orders: dict[Any, dict[str, Any]] = {}
    for f in world.fills.itertuples():
        if f.side == "BUY":
            lots[f.symbol].append([f.qty, f.notional_try + f.fee_try, f.ts])
            continue
        name = (f.submitted_ts, f.n)
        trip = orders.setdefault(name, {"result": D(0), "cost": D(0), "qty": D(0), "ages": []})
        trip["result"] += f.notional_try - f.fee_try
        trip["closed"], left = f.ts, f.qty
        while left:
            lot = lots[f.symbol][0]
            qty = min(left, lot[0])
            cost = lot[1] if qty == lot[0] else (lot[1] * qty / lot[0]).quantize(UNIT, ROUND_DOWN)
            lot[0], lot[1], left = lot[0] - qty, lot[1] - cost, left - qty
            trip["cost"] += cost
            trip["result"] -= cost
            trip["qty"] += qty
            trip["ages"].append((qty, lot[2]))
            if not lot[0]:
                lots[f.symbol].popleft()
    left_over = sum(lot[1] for found in lots.values() for lot in found)
    return [{**trip, "open_cost": left_over} for trip in orders.values()]


def held(trip: Mapping[str, Any]) -> float:
    ages = sum(qty * D((trip["closed"] - ts).total_seconds()) for qty, ts in trip["ages"])
    return float(ages / trip["qty"])


def test_round_trips(world, figures):
    trips = round_trips(world)
    results = pd.Series([trip["result"] for trip in trips], dtype=object)
    wins, losses = results[results > 0], results[results < 0]
    assert len(wins)
    assert (
        figures["round_trips"]
        == len(trips)
        == world.fills[world.fills["side"] == "SELL"][["submitted_ts", "n"]].drop_duplicates().shape[0]
    )
    assert figures["won_ratio"] == pytest.approx(len(wins) / len(trips), **NEAR)
    assert figures["profit_factor_ratio"] == pytest.approx(float(wins.sum() / -losses.sum()), **NEAR)
    means = {"mean_win_try": wins, "mean_loss_try": losses, "expectancy_try": results}
    for name, found in means.items():
        assert figures[name] == (found.sum() / len(found)).quantize(UNIT, ROUND_HALF_EVEN)
    median = pd.Series([held(trip) for trip in trips]).median()
    assert figures["held_median_seconds"] == pytest.approx(median, **NEAR)


def test_results_add_up_to_cash_and_what_open_lots_cost(world, figures):
    trips = round_trips(world)
    cash = world.cycles["cash_try"].iloc[-1]
    assert figures["results_try"] == sum(trip["result"] for trip in trips)
    assert figures["open_cost_try"] == trips[0]["open_cost"]
    assert figures["results_try"] == cash - opening(world) + figures["open_cost_try"]


def test_the_table_of_trades_is_of_these_round_trips(world, figures):
    trades = world.run.trades.to_pandas()
    assert list(trades["result_try"]) == [trip["result"] for trip in sorted(round_trips(world), key=_closed)]
    assert trades["result_try"].sum() == figures["results_try"]
    assert (trades["proceeds_try"] - trades["cost_try"] - trades["result_try"] >= 0).all()
    assert set(trades["reason"]) <= {
        "universe_full",
        "above_target",
        "share_below_minimum",
        "below_min_volume",
    }


def _closed(trip):
    return trip["closed"]


# -- Symbols ------------------------------------------------------------------------------------------


def test_symbols_add_up_to_the_net_result(world, figures):
    rows = pd.DataFrame(figures["symbols"])
    assert rows["net_try"].sum() == figures["net_pnl_try"]
    assert list(rows["net_try"]) == sorted(rows["net_try"], reverse=True)
    fills = world.fills.astype({"symbol": str}).groupby("symbol")
    by_name = rows.set_index("symbol")
    for name, column in (("fees_try", "fee_try"), ("slippage_try", "slippage_try")):
        summed = fills[column].sum()
        assert {s: by_name[name][s] for s in summed.index} == summed.to_dict()
    assert {s: by_name["fills"][s] for s in fills.size().index} == fills.size().to_dict()
    last = world.cycles.iloc[-1]
    for name in ("realized", "unrealized"):
        assert rows[f"{name}_try"].sum() == last[f"{name}_pnl_try"]
    total = rows["net_try"].abs().sum()
    shares = [float(net / total) for net in rows["net_try"]]
    assert list(rows["share_ratio"]) == pytest.approx(shares, **NEAR)


# -- Benchmarks ---------------------------------------------------------------------------------------


def held_from_the_first_mark(world: World, symbol: str, money: D) -> D:
    """Return what money comes to that buys a pair at its first mark and holds it."""
    marks = world.symbols[world.symbols["symbol"] == symbol]["mark_price_try"].dropna()
    pairs = json.loads((world.folder / "exchangeinfo.json").read_text())
    pairs = pairs.get("data", pairs)["symbols"] if isinstance(pairs, dict) else pairs
    [pair] = [pair for pair in pairs if pair["name"] == symbol]
    lot = D(1).scaleb(-int(pair["numeratorScale"]))
    fee = D(world.settings.get("STAGE7_FEES_BPS", "20"))
    qty = (money * 10_000 / (10_000 + fee) / marks.iloc[0]).quantize(lot, ROUND_DOWN)
    paid = (qty * marks.iloc[0]).quantize(UNIT, ROUND_HALF_EVEN)
    charged = (paid * fee / 10_000).quantize(UNIT, ROUND_HALF_EVEN)
    return money - paid - charged + (qty * marks.iloc[-1]).quantize(UNIT, ROUND_HALF_EVEN)


def test_benchmarks(world, figures):
    names = list(world.run.plan.pairs.symbols)
    money = opening(world)
    part = (money / len(names)).quantize(UNIT, ROUND_DOWN)
    together = sum(held_from_the_first_mark(world, name, part) for name in names) + money - part * len(names)
    assert figures["equal_parts_return_ratio"] == pytest.approx(float(together / money - 1), **NEAR)
    alone = {name: float(held_from_the_first_mark(world, name, money) / money - 1) for name in names}
    assert {row["symbol"]: row["return_ratio"] for row in figures["pairs_held"]} == pytest.approx(
        alone, **NEAR
    )
    assert figures["best_pair"] == max(alone, key=alone.get)
    assert figures["best_pair_return_ratio"] == pytest.approx(max(alone.values()), **NEAR)


# -- Out of the database ------------------------------------------------------------------------------


def test_stored_columns_give_the_same_figures(world, figures, meva, monkeypatch):
    for name, value in world.settings.items():
        monkeypatch.setenv(name, value)
    step = ["--step", world.run.plan.step_seconds]
    ended = meva(
        "backtest", "--data", world.folder, *step, "--db", "a.db", "--engine", "interpreted", "--json"
    )
    shown = ended.document["figures"]
    asked = meva("report", "--db", "a.db", "--summary", "--json").document
    assert shown == asked
    assert {name: asked[name] for name in figures} == json.loads(json.dumps(figures, default=_as_json))


def _as_json(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else value.isoformat().replace("+00:00", "Z")
