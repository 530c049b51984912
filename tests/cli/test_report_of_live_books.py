"""`meva report` of books of Stages 3 and 4: what its cycles add up to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import meva
from fresh_database import fresh_file
from told_books import recorded

from meva_adapters.sql import reader, writer
from meva_cli.live_history.report import totals_lines
from meva_core.live_history.books import pick, standing
from meva_core.live_history.cycles import cycles_in
from meva_core.live_history.lines import Totals, lines_of
from meva_core.live_history.orders import canceled_of
from meva_core.operating.steps.cancelling import cancel_open

__all__ = ["meva"]
Meva = Callable[..., Any]


def test_orders_that_no_cycle_canceled_are_counted_as_what_they_are(meva: Meva, tmp_path: Path) -> None:
    db = tmp_path / "live.db"
    with writer(fresh_file(db), durable=False) as store:
        account = recorded(store)
        sent = account.go_on().ran.submitted
        cancel_open(account.runner.world.desk, lambda: False)
        account.go_on()
    found = meva("report", "--db", db, "--json").document["totals"]
    assert (found["canceled"], found["orders_canceled"]) == (0, sent)
    with reader(db) as store, store.read() as view:
        listed, totals = pick(view, "live"), Totals()
        cycles = cycles_in(view, listed)
        book = standing(view, listed)
        assert len(list(totals.counted(lines_of(view, book, cycles)))) == 2
        lines = list(totals_lines(book, totals, canceled_of(view, listed, dict(cycles).values())))
        assert canceled_of(view, listed, [cycles[1][1]]) == 0
    assert f"Of these orders {sent} stand as canceled: `meva kill`" in lines[1]
