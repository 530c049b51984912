"""What the commands say of a live book that is not quite as its last cycle left, or saw, it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from fresh_database import fresh_file
from told_books import SETTINGS, dry_days, fill_open, live_file, recorded

from meva_adapters.sql import writer
from meva_core.operating.steps.cancelling import cancel_open
from meva_core.operational.limits import limits_from
from meva_core.settings import build_settings

__all__ = ["meva"]
Meva = Callable[..., Any]
TOLD = (
    "! 2 orders have filled, and not all of that is booked yet; the next cycle books it, or "
    "`meva run stage4 --observe` where no process runs the book\n"
)


@pytest.mark.parametrize("command", ["positions", "pnl", "status"])
def test_what_filled_after_the_last_cycle_is_told_until_it_is_booked(
    meva: Meva, tmp_path: Path, command: str
) -> None:
    db = tmp_path / "live.db"

    def unbooked() -> int:
        found = meva(command, "--db", db, "--json").document
        of_book = found["books"][0] if command == "status" else found
        count: int = of_book["unbooked_orders"]
        return count

    with writer(fresh_file(db), durable=False) as store:
        account = recorded(store)
        account.go_on()
        fill_open(account)
        cancel_open(account.runner.world.desk, lambda: False)
        assert TOLD in meva(command, "--db", db).out
        assert unbooked() == 2
        account.go_on()
        assert "not all of that is booked" not in meva(command, "--db", db).out
        assert unbooked() == 0


def test_status_says_that_the_account_was_not_read_and_why(meva: Meva, tmp_path: Path) -> None:
    db = tmp_path / "live.db"
    with writer(fresh_file(db), durable=False) as store:
        account = recorded(store)
        account.go_on()
        assert "could not be read" not in meva("status", "--db", db).out
        with account.exchange.failing("balances"), account.exchange.failing("fills"):
            account.go_on()
    told = meva("status", "--db", db).out
    unread = "the balances cannot be read: balances : no answer\n"
    assert f"! equity is that of the last read of the account: {unread}" in told
    assert told.count(unread) == 1
    assert told.count("its fills cannot be read") == 1
    assert "! and 1 more that could not be read; `meva why --book live` names all\n" in told
    why = meva("why", "--db", db).out
    assert "What could not be read:\n  BTCTRY: its fills" in why
    assert why.count("its fills cannot be read") == 2
    assert f"  {unread}" in why


def test_what_has_no_mark_is_shown_with_the_value_that_equity_counts(meva: Meva, tmp_path: Path) -> None:
    db = tmp_path / "live.db"
    with writer(fresh_file(db), durable=False) as store:
        account = recorded(store)
        account.go_on()
        fill_open(account)
        cancel_open(account.runner.world.desk, lambda: False)
        settings = build_settings({**SETTINGS, "SYMBOLS": "SOLTRY"})
        account.under(limits=limits_from(settings))
        account.go_on()
    found = meva("positions", "--db", db, "--json").document
    assert {one["mark_try"] for one in found["positions"]} == {None}
    for one in found["positions"]:
        assert (one["valued_at"], one["value_try"]) == ("cost", one["fifo_cost_try"])
        assert Decimal(one["unrealized_try"]) == Decimal(one["value_try"]) - Decimal(one["paid_try"])
    values = sum(Decimal(one["value_try"]) for one in found["positions"])
    assert Decimal(found["cash_try"]) + values == Decimal(found["equity_try"])
    shown = meva("positions", "--db", db).out
    assert "ETHTRY, BTCTRY have no mark, and count at the cost of the lots, as in equity.\n" in shown
    assert ",cost," in meva("positions", "--db", db, "--format", "csv").out


# -- Where one of several is damaged --------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "books"])
def test_a_damaged_book_keeps_no_other_from_being_shown(meva: Meva, tmp_path: Path, command: str) -> None:
    db = live_file(tmp_path / "live.db")
    meva("books", "new", "main", "--db", db)
    with writer(db, durable=False) as store:
        dry_days(store)
        with store.unit() as work:
            work.update("live_books", "book", ("state_json",), [("stage4-dry", "{}")])
            work.commit()
    ended, told = meva(command, "--db", db), meva(command, "--db", db, "--json")
    assert (ended.code, told.code) == (2, 2)
    words = "book stage4-dry is damaged: state_json in its row of live_books is not what was stored"
    assert ended.err.startswith(f"Error: {words}")
    assert "\nTo do: keep the database and restore a backup" in ended.err
    for name in ("live", "main"):
        assert any(name in line.split() for line in ended.out.splitlines())
    assert [one["book"] for one in told.document["books"]] == ["main", "live"]
    assert told.document["error"]["message"].startswith(words)
