"""`meva why`: which cycle it explains, and that it says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from fresh_database import fresh_file
from permits import Gate
from told_books import live_file, recorded

from meva_adapters.sql import writer
from meva_core.operating.guards.permit import NotPermitted

__all__ = ["meva"]
Meva = Callable[..., Any]


@pytest.fixture
def live(tmp_path: Path) -> Path:
    return live_file(tmp_path / "live.db")


def test_a_time_beyond_the_last_cycle_says_what_it_was_taken_for(meva: Meva, live: Path) -> None:
    told = meva("why", "2031-01-01", "--db", live)
    assert (told.code, told.out.splitlines()[0]) == (0, "The newest cycle up to 2031-01-01T00:00:00Z:")
    assert told.out.split("\n", 1)[1] == meva("why", "--db", live).out
    found = [meva("why", *asked, "--db", live, "--json").document for asked in (("2031-01-01",), ())]
    assert found[0] == found[1]


def test_a_time_before_the_first_cycle_is_told_as_a_time(meva: Meva, live: Path) -> None:
    told = meva("why", "--book", "live", "2020-01-01", "--db", live)
    assert told.code == 2
    assert "book live has no cycle up to 2020-01-01T00:00:00Z; its first is of 2025-10-09T08:5" in told.err
    assert "--start" not in told.err


def test_an_order_leads_to_its_cycle_by_its_name_and_its_time(meva: Meva, live: Path) -> None:
    for order in meva("orders", "--db", live, "--json").document["orders"]:
        cycle = order["client_order_id"].split(":")[1]
        for asked in (order["client_order_id"], order["created"]):
            assert meva("why", asked, "--db", live, "--json").document["cycle_id"] == cycle


def test_orders_that_were_decided_on_and_not_sent_are_told_in_the_first_line(
    meva: Meva, tmp_path: Path
) -> None:
    db = tmp_path / "canary.db"
    with writer(fresh_file(db), durable=False) as store:
        account = recorded(store)
        account.exchange.permit = Gate(NotPermitted("not sent", why="canary"))
        account.go_on()
    told = meva("why", "--db", db).out.splitlines()
    assert told[1] == "It decided on 2 orders; 2 of 2 came to nothing, mainly because of canary; mode NORMAL."
    assert meva("report", "--db", db).out.splitlines()[1].endswith("\tcanary")
    assert "0 orders  0 fills  canary\n" in meva("status", "--db", db).out
