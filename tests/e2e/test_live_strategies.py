"""A strategy on a live market: what it sees is stored, and everybody who decides again comes to the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exported_books import Live, Pairs, Rows, equal, live, meva, minutes, new_live, recorded
from nightly import every
from played_market import Played
from scraped import text_of, value_in
from stage7_runs import START, rows_of

from meva_adapters.metrics.cycles import CycleMeters
from meva_adapters.metrics.meters import Meters
from meva_adapters.strategies.loading import load
from meva_core.alerts.conditions import Kind, conditions_of
from meva_core.ids import stamp_text
from meva_core.strategy import Strategy
from meva_core.strategy.built_in import BUILT_IN

__all__ = ["equal", "live", "meva", "recorded"]
Meva = Callable[..., Any]
Equal = Callable[[], list[dict[str, Any]]]
PARAMETERS: dict[str, dict[str, Any]] = {
    "momentum": {"closes": 5, "count": 1},
    "inverse_volatility": {"closes": 5, "rebalance": "15m"},
}
OFTEN = {"STAGE7_UNIVERSE_SIZE": "4", "STAGE7_ORDER_OFFSET_BPS": "-15"}

OWN = """
from meva_core.strategy import History, Strategy, change, param, top

class Rising(Strategy):
    bars = "{bars}"
    closes = param(2, least=1, most=500)

    def needs(self) -> int:
        return self.closes + 1

    def weights(self, h: History):
        return h.on_cycles(top(change(h.close, self.closes), 2) / 2.5)
"""
RAISES = """
from meva_core.strategy import History, Strategy

class Failing(Strategy):
    def weights(self, h: History):
        if any(t in ({times}) for t in h.seconds.tolist()):
            raise LookupError("no idea")
        return h.mark * 0 + 0.2
"""


def made(name: str) -> Strategy:
    return BUILT_IN[name](**PARAMETERS.get(name, {}))


def given(name: str) -> list[str]:
    pairs = [f"{key}={value}" for key, value in PARAMETERS.get(name, {}).items()]
    return ["--strategy", name, *(part for pair in pairs for part in ("-p", pair))]


@pytest.mark.parametrize("name", every(3, sorted(BUILT_IN)))
def test_a_live_run_comes_out_equal_wherever_it_is_decided_again(
    meva: Meva, live: Live, recorded: tuple[Rows, Pairs], equal: Equal, name: str
) -> None:
    live.strategy = made(name)
    market = Played(*recorded, now=START)
    live.run(market, minutes(12), **OFTEN)
    for time in minutes(13, first=minutes(12)[-1] + 60):  # a process for each cycle
        live.run(market, [time])
    [run] = live.runs()
    [again] = equal()
    told = meva("replay", "export", "--db", live.db, "more").out.splitlines()[-1]
    assert told == "next: meva backtest --data more --as-recorded --db NEW.db"
    assert (run["cycles"], again["orders"] > 0) == (25, True)
    proved = meva("prove", "--db", live.db, "--engine", "interpreted", *given(name), "--json").document
    assert (proved["proved"], proved["fingerprint"]) == (True, run["fingerprint"])


def late(symbol: str, end: int) -> int:
    """Some bars come late, some of one symbol only after the next ones, some never."""
    minute = end // 60
    if symbol == "ETHTRY":
        return (0, 70, 0, 400)[minute % 4]
    if symbol == "SOLTRY":
        return 10**9 if minute % 11 == 0 else 130
    return 3


@pytest.mark.parametrize("bars", every(2, ["1m", "3m", "5m", "10m"], 1))
def test_bars_that_come_late_are_seen_when_they_were_seen(
    meva: Meva, live: Live, recorded: tuple[Rows, Pairs], equal: Equal, tmp_path: Path, bars: str
) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN.format(bars=bars))
    spec = f"{file}:Rising"
    live.strategy = load(spec)
    market = Played(*recorded, now=START, late=late)
    live.run(market, minutes(17), **OFTEN)
    for time in minutes(5, first=minutes(17)[-1] + 60):
        live.run(market, [time])
    live.run(market, minutes(16, first=minutes(22)[-1] + 60))
    [run] = live.runs()
    [again] = equal("--strategy", spec)
    assert again["orders"] > 0
    told = meva("replay", "export", "--db", live.db, "once more").out.splitlines()[-1]
    assert told == (
        "next: meva backtest --data 'once more' --as-recorded --db NEW.db --strategy FILE.py:Class, "
        "where strategy rising is"
    )
    proved = meva("prove", "--db", live.db, "--engine", "interpreted", "--strategy", spec, "--json").document
    assert (proved["proved"], proved["fingerprint"]) == (True, run["fingerprint"])


def test_a_process_for_each_cycle_comes_to_what_a_loop_comes_to(
    recorded: tuple[Rows, Pairs], tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN.format(bars="5m"))
    books = []
    for name, size in (("loop", 30), ("each", 1)):
        (tmp_path / name).mkdir()
        book = new_live(tmp_path / name)
        book.strategy, market = load(f"{file}:Rising"), Played(*recorded, now=START, late=late)
        for at in range(0, 30, size):
            book.run(market, minutes(30)[at : at + size], **OFTEN)
        [run] = book.runs()
        seen = rows_of(
            book.db, "SELECT known, kind, symbol, stamp, cells FROM stage7_rows WHERE kind <> 'clock'"
        )
        key = ["known", "kind", "symbol", "stamp"]
        books.append((run["fingerprint"], sorted(([row[k] for k in key] for row in seen), key=str)))
    assert books[0] == books[1]


def test_another_strategy_or_other_parameters_are_another_run_that_has_all_it_needs(
    meva: Meva, live: Live, recorded: tuple[Rows, Pairs], equal: Equal
) -> None:
    market = Played(*recorded, now=START)
    at = minutes(6)
    longer = BUILT_IN["momentum"](closes=25, count=1)
    for strategy in (None, made("momentum"), longer, made("fixed_weights"), None):
        live.strategy = strategy
        told = live.run(market, at, **OFTEN)
        assert told[0].began
        at = minutes(6, first=at[-1] + 60)
        wanted = told[-1].stretch.state.wanted
        assert (wanted >= 0).any() == (strategy is not None)
    assert len(live.runs()) == 5
    equal()
    listed = meva("books", "--db", live.db, "--json").document["books"][0]["runs"]
    changed = [[one["name"] for one in run["changed"]] for run in listed]
    assert all("strategy" in names for names in changed if names)
    proved = meva("prove", "--db", live.db, "--book", "main", *given("momentum"), "--json").document
    assert proved["proved"] is True
    [row] = rows_of(
        live.db, "SELECT count(*) AS n FROM stage7_rows WHERE kind = 'past60' AND symbol = 'BTCTRY'"
    )
    assert row["n"] == 2  # once for the first strategy, once more for the one that needs more


def test_a_strategy_that_fails_leaves_the_book_as_it_is_and_stops_it_after_the_third_time(
    meva: Meva, live: Live, recorded: tuple[Rows, Pairs], equal: Equal, tmp_path: Path
) -> None:
    times = [*minutes(20)]
    failing = (*times[5:9], times[12])
    file = tmp_path / "own.py"
    file.write_text(RAISES.format(times=", ".join(map(str, failing))))
    live.strategy = load(f"{file}:Failing")
    market = Played(*recorded, now=START)
    told = live.run(market, times[:7], STAGE7_MAX_CONSECUTIVE_LOSSES="1000", **OFTEN)
    told += [live.run(market, [time])[0] for time in times[7:9]]
    told += live.run(market, times[9:])
    modes = {one.time: meva("why", "--db", live.db, stamp_text(one.time), "--json").document for one in told}
    failed = [modes[time]["mode"]["final"] for time in times[4:10]]
    assert failed == ["NORMAL", *["REDUCE_RISK_ONLY"] * 2, *["OBSERVE_ONLY"] * 2, "NORMAL"]
    third = modes[times[7]]
    assert third["mode"]["bound_by"] == ["strategy"]
    assert third["main_reason"] == "strategy_failed"
    assert third["reasons"][-1]["value"] == "3"
    assert {one["code"] for one in third["symbols"]} == {"no_opinion"}
    [again] = equal("--strategy", f"{file}:Failing")
    assert again["orders"] > 0
    prove = ("prove", "--db", live.db, "--engine", "interpreted", "--json")
    assert meva(*prove).document["proved"] is True
    assert meva(*prove, "--strategy", f"{file}:Failing").document["proved"] is True


def test_people_are_told_of_a_failure_and_of_the_third_in_a_row_and_metrics_count_them(
    live: Live, recorded: tuple[Rows, Pairs], tmp_path: Path
) -> None:
    times = [*minutes(8)]
    file = tmp_path / "own.py"
    file.write_text(RAISES.format(times=", ".join(map(str, times[2:6]))))
    live.strategy = load(f"{file}:Failing")
    market, meters = Played(*recorded, now=START), Meters("main")
    counted, told = CycleMeters(meters, "stage7"), list[list[str]]()
    with live.process(market, **OFTEN) as dry:
        for market.now in times:
            cycle = dry.cycle(20, market.now, lambda seconds: None)
            assert cycle is not None
            counted.tell(cycle)
            found = [one for one in conditions_of(cycle) if one.kind is Kind.STRATEGY]
            told.append([one.about for one in found])
            assert all("no idea" in one.text for one in found[:1])
    failed, stopped = ["strategy_failed"], ["strategy_failed", "strategy_stopped"]
    assert told == [[], [], failed, failed, stopped, stopped, [], []]
    assert value_in(text_of(meters), "meva_strategy_failures_total") == 4
