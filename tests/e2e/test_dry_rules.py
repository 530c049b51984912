"""Rules that change, vanish and come back wrong under a book: every cycle lives, says why, and is proved."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from fresh_database import fresh_file
from played_market import Played
from stage7_runs import START
from stage7_runs import rows_of as stored
from test_dry_run import cycles, new_book, no_wait, proved, recorded, session, settings_of

from meva_adapters.sql import writer
from meva_core.rules import RuleStatus

__all__ = ["meva", "recorded"]
FIRST = START + 1800
Entries = Mapping[str, Mapping[str, Any]]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return fresh_file(tmp_path / "book.db")


def without(entries: Entries, *symbols: str) -> Entries:
    return {symbol: entry for symbol, entry in entries.items() if symbol not in symbols}


def held_in(db: Path) -> set[str]:
    [row, *_] = stored(db, "SELECT state_json FROM stage7_run_state ORDER BY ts DESC")
    state = row["state_json"]["state"]
    return {symbol for symbol, qty in zip(state["symbols"], state["qty"], strict=True) if qty}


def runs_in(db: Path) -> list[str]:
    return [row["run_id"] for row in stored(db, "SELECT run_id FROM stage7_runs ORDER BY start_ts")]


def test_a_pair_that_comes_back_goes_on_with_what_was_seen_of_it_in_any_process(
    db: Path, tmp_path: Path, recorded: Any
) -> None:
    both, one = (
        settings_of(SYMBOLS="BTCTRY"),
        settings_of(SYMBOLS="BTCTRY", STAGE7_UNIVERSE_WHITELIST="BTCTRY,SOLTRY,XRPTRY"),
    )
    market = Played(*recorded, now=START)
    with writer(db, durable=False) as store:
        new_book(store, one)
        cycles(session(store, market, one), market, range(FIRST, FIRST + 180, 60))
        cycles(session(store, market, both), market, range(FIRST + 180, FIRST + 240, 60))
        cycles(session(store, market, one), market, range(FIRST + 240, FIRST + 300, 60))
        cycles(session(store, market, both), market, range(FIRST + 300, FIRST + 360, 60))
    assert len(runs_in(db)) == 4
    for run in runs_in(db):
        proved(db, run)


def test_lists_that_leave_out_what_is_held_leave_it_in_the_book(db: Path, recorded: Any) -> None:
    first, market = settings_of(SYMBOLS="BTCTRY"), Played(*recorded, now=START)
    with writer(db, durable=False) as store:
        new_book(store, first)
        cycles(session(store, market, first), market, range(FIRST, FIRST + 600, 60))
        held = sorted(held_in(db) - {"BTCTRY"})
        assert held
        later = settings_of(SYMBOLS="BTCTRY", STAGE7_UNIVERSE_BLACKLIST=",".join(held))
        cycles(session(store, market, later), market, range(FIRST + 600, FIRST + 720, 60))
    for run in runs_in(db):
        proved(db, run)


def test_metadata_without_any_pair_begin_no_book(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(recorded[0], {}, now=FIRST)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        assert dry.cycle(20, market.now, no_wait) is None
        market.pairs = recorded[1]
        assert dry.cycle(20, market.now, no_wait) is not None


def test_rules_that_change_within_their_time_are_those_of_one_process_in_all_processes(
    db: Path, tmp_path: Path, recorded: Any
) -> None:
    settings, times = settings_of(RULES_CACHE_TTL_SEC="200"), range(FIRST, FIRST + 720, 60)
    other = tmp_path / "other.db"
    fresh_file(other)

    def moved(time: int) -> Entries:
        more = {"minimumLimitOrderPrice": str(1 + time % 1000), "maximumLimitOrderPrice": "90000000"}
        return {symbol: {**entry, **more} for symbol, entry in recorded[1].items()}

    market = Played(*recorded, now=START)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        for market.now in times:
            market.pairs = moved(market.now)
            dry.cycle(20, market.now, no_wait)
    for market.now in times:
        with writer(other, durable=False) as store:
            if market.now == times[0]:
                new_book(store, settings)
            market.pairs = moved(market.now)
            session(store, market, settings).cycle(20, market.now, no_wait)
    fingerprints = "SELECT run_id, fingerprint FROM stage7_runs"
    assert stored(db, fingerprints) == stored(other, fingerprints)


def zero_tick(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    filters = [{**each, "tickSize": "0"} for each in entry["filters"]]
    return {**entry, "filters": filters}


def other_scales(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**entry, "denominatorScale": 0, "numeratorScale": 2}


def closed(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**entry, "status": "HALT"}


def unreadable(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"name": entry.get("name"), "filters": "none", "denominatorScale": "x", "numeratorScale": -1}


def empty(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


WRONG: tuple[Callable[[Mapping[str, Any]], Mapping[str, Any]], ...] = (
    zero_tick,
    other_scales,
    closed,
    unreadable,
    empty,
)


def chaos(market: Played, entries: Entries, time: int) -> None:
    """Let the exchange say something else of its pairs each minute, and nothing now and then."""
    chance = random.Random(time)
    market.is_silent_on_rules = chance.random() < 0.2
    found: dict[str, Mapping[str, Any]] = {}
    for symbol, entry in entries.items():
        kind = chance.random()
        if kind < 0.5:
            found[symbol] = entry
        elif kind < 0.85:
            found[symbol] = chance.choice(WRONG)(entry)
    market.pairs = {} if chance.random() < 0.1 else found


def test_every_cycle_lives_whatever_is_said_of_rules_and_any_process_decides_the_same(
    db: Path, tmp_path: Path, recorded: Any
) -> None:
    settings, times = settings_of(RULES_CACHE_TTL_SEC="100"), range(FIRST, FIRST + 45 * 60, 60)
    other = tmp_path / "other.db"
    fresh_file(other)
    market = Played(*recorded, now=START)
    statuses = set[int]()
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        for market.now in times:
            if market.now > FIRST:
                chaos(market, recorded[1], market.now)
            told = dry.cycle(20, market.now, no_wait)
            assert told is not None
            statuses |= set(told.stretch.rules.status.tolist())
    market = Played(*recorded, now=START)
    for market.now in times:
        with writer(other, durable=False) as store:
            if market.now == FIRST:
                new_book(store, settings)
            else:
                chaos(market, recorded[1], market.now)
            assert session(store, market, settings).cycle(20, market.now, no_wait) is not None
    assert statuses == {RuleStatus.OK, RuleStatus.MISSING, RuleStatus.INVALID}
    [run] = stored(db, "SELECT run_id, fingerprint, cycles FROM stage7_runs")
    assert [run] == stored(other, "SELECT run_id, fingerprint, cycles FROM stage7_runs")
    assert run["cycles"] == len(times)
    assert len(stored(db, "SELECT * FROM ledger_events")) > 5
    assert proved(db, run["run_id"]) == run["fingerprint"]


def test_orders_of_a_pair_that_is_delisted_end_and_its_holding_stays(
    db: Path, recorded: Any, meva: Callable[..., Any]
) -> None:
    settings, market = settings_of(RULES_CACHE_TTL_SEC="0"), Played(*recorded, now=START)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        cycles(dry, market, range(FIRST, FIRST + 600, 60))
        [row] = stored(db, "SELECT state_json FROM stage7_run_state")
        state = row["state_json"]["state"]
        ordered = {state["symbols"][i] for i in state["orders"]["symbol"]}
        gone = min(held_in(db) & ordered)
        market.pairs = without(recorded[1], gone)
        # Nothing more is shown of it either.
        market.rows = [row for row in market.rows if row.symbol != gone or row.known < FIRST + 600]
        after = cycles(dry, market, range(FIRST + 600, FIRST + 1500, 60))
    place = state["symbols"].index(gone)
    assert [int(one.stretch.rules.status[place]) for one in after[-1:]] == [RuleStatus.MISSING]
    open_orders = "SELECT count(*) AS n FROM stage7_orders WHERE symbol = '%s' AND status NOT IN (%s)"
    ended = "'FILLED', 'CANCELED', 'REJECTED'"
    assert stored(db, open_orders % (gone, ended)) == [{"n": 0}]
    assert gone in held_in(db)
    [run] = runs_in(db)
    proved(db, run)
    told = [line for line in meva("why", "--db", db).out.splitlines() if line.startswith(f"{gone}\t")]
    assert told[0].split("\t")[3] == "rules_unavailable:missing"
