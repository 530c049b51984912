"""`meva risk`: what the rules of risk measured, and a person's word after a drawdown breach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from played_books import FIRST, recorded_market, run_book
from played_market import Played
from stage7_runs import rows_of
from told_books import dry_file

Meva = Callable[..., Any]
DB = ("--db", "state.db")
BREACHED = {"STAGE7_MAX_DRAWDOWN_PCT": "0.0001", "STAGE7_RISK_COOLDOWN_SEC": "120"}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return recorded_market(tmp_path_factory.mktemp("played"))


def minutes(first: int, last: int) -> range:
    return range(FIRST + 60 * first, FIRST + 60 * last, 60)


def test_it_shows_what_each_rule_measured_against_its_limit(
    meva: Meva, tmp_path: Path, market: Played
) -> None:
    told = run_book(tmp_path / "state.db", market, minutes(0, 5))
    shown = meva("risk", "show", *DB, "--json").document
    [ledger] = rows_of(
        tmp_path / "state.db", "SELECT equity_try FROM stage7_ledger_metrics ORDER BY ts DESC LIMIT 1"
    )
    assert (shown["run_id"], shown["latched"]) == (told[-1].run_id, False)
    assert float(shown["equity_try"]) == float(ledger["equity_try"])
    assert (shown["cooldown_mode"], shown["resets_waiting"]) == (None, [])
    rules = {(rule["code"], rule["unit"]): rule for rule in shown["rules"]}
    assert [code for code, _ in rules] == [
        "max_drawdown_breach",
        "daily_loss_breach",
        "consecutive_loss_guardrail",
        "stale_market_data",
        "market_liquidity_guardrail",
        "market_liquidity_guardrail",
        "cooldown_enforced",
    ]
    assert not any(rule["fired"] for rule in rules.values())
    age = rules["stale_market_data", "s"]
    assert (age["value"], age["limit"], age["setting"]) == ("0", "120", "STAGE7_MAX_DATA_AGE_SEC")
    loss = rules["daily_loss_breach", "TRY"]
    assert (loss["limit"], loss["setting_value"]) == ("60000", "60000")
    assert "daily_loss_breach\tfalse\t" in meva("risk", "show", *DB).out


def test_a_breach_stays_until_a_person_resets_it_and_one_cycle_takes_that_in(
    meva: Meva, tmp_path: Path, market: Played
) -> None:
    run_book(tmp_path / "state.db", market, minutes(0, 8), **BREACHED)
    shown = meva("risk", "show", *DB)
    assert "latched\ttrue" in shown.out
    assert "To do: `meva risk reset --book main --reason TEXT`" in shown.out
    stored = meva("risk", "reset", "--reason", "  seen,\n a test ", *DB, "--json")
    assert (stored.code, stored.document["done"], stored.document["reason"]) == (0, "stored", "seen, a test")
    assert meva("risk", "reset", "--reason", "again", *DB, "--json").document["done"] == "waits_already"
    [waits] = meva("risk", "show", *DB, "--json").document["resets_waiting"]
    assert waits == {name: stored.document[name] for name in ("ts", "reason", "equity_try")}

    [told] = run_book(tmp_path / "state.db", market, minutes(8, 9), **BREACHED)
    after = meva("risk", "show", *DB, "--json").document
    assert (after["resets_waiting"], after["latched"]) == ([], False)
    assert told.stretch.out.assess.latched.tolist() == [0]
    resets = rows_of(tmp_path / "state.db", "SELECT book, run_id, reason FROM stage7_risk_resets")
    assert resets == [{"book": "main", "run_id": told.run_id, "reason": "seen, a test"}]
    assert meva("prove", "--book", "main", *DB).code == 0


def test_where_nothing_is_latched_that_is_said_and_nothing_is_stored(
    meva: Meva, tmp_path: Path, market: Played
) -> None:
    meva("books", "new", "main", *DB)
    assert "has had no cycle yet" in meva("risk", "show", *DB).out
    for cycle in range(2):
        ended = meva("risk", "reset", "--reason", "to be sure", *DB)
        assert ended.code == 0
        assert ended.out == "book main has no drawdown breach that is latched: nothing was stored\n"
        run_book(tmp_path / "state.db", market, minutes(cycle, cycle + 1))
    assert rows_of(tmp_path / "state.db", "SELECT * FROM stage7_risk_resets") == []


def test_without_a_name_it_shows_the_book_that_was_written_last(
    meva: Meva, tmp_path: Path, market: Played
) -> None:
    meva("books", "new", "main", *DB)
    assert meva("risk", "show", *DB, "--json").document["book"] == "main"
    run_book(tmp_path / "state.db", market, minutes(0, 1), "other")
    run_book(tmp_path / "state.db", market, minutes(1, 2))
    assert meva("risk", "show", *DB, "--json").document["book"] == "main"
    run_book(tmp_path / "state.db", market, minutes(2, 3), "other")
    assert meva("risk", "show", *DB, "--json").document["book"] == "other"


def test_beside_books_of_stages_3_and_4_a_reset_wants_a_name(meva: Meva, tmp_path: Path) -> None:
    dry_file(tmp_path / "state.db")
    assert meva("risk", "show", *DB, "--json").document["book"] == "stage4-dry"
    ended = meva("risk", "reset", "--reason", "seen", *DB)
    assert (ended.code, "the database has stage4-dry" in ended.err) == (2, True)
    assert "meva books new" not in ended.err
    assert meva("risk", "reset", "--reason", "seen", "--book", "stage4-dry", *DB).code == 0


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501])
def test_a_reason_has_to_say_something(meva: Meva, reason: str) -> None:
    meva("books", "new", "main", *DB)
    ended = meva("risk", "reset", "--reason", reason, *DB)
    assert ended.code == 2
    assert "the reason of a reset has" in ended.err


def test_books_that_are_not_there_or_closed_are_refused(meva: Meva) -> None:
    meva("books", "new", "old", *DB)
    meva("books", "close", "old", *DB)
    missing = meva("risk", "reset", "--reason", "seen", *DB)
    assert (missing.code, "there is no book 'main'" in missing.err) == (2, True)
    closed = meva("risk", "reset", "--book", "old", "--reason", "seen", *DB)
    assert (closed.code, "book 'old' was closed on" in closed.err) == (2, True)
    assert meva("risk", "show", "--book", "other", *DB).code == 2
    assert meva("risk", "show", "--book", "old", *DB).code == 0
