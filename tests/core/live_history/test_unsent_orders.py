"""Cycles that decided on orders none of which went out: what kept them back is what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_database import fresh_file
from permits import Gate
from told_books import TEXTS, Recorded, recorded

from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import VenueReason
from meva_core.live_history.books import pick, standing
from meva_core.live_history.cycles import cycles_in, opened
from meva_core.live_history.explain import Explained, document, explained
from meva_core.live_history.lines import Line, Totals, lines_of
from meva_core.live_history.status import status_of
from meva_core.operating.guards.permit import NotPermitted


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as made:
        yield made


def told(store: SqlStore, account: Recorded) -> tuple[Line, Explained, Totals]:
    """Return what is told of the last cycle."""
    with store.read() as view:
        listed = pick(view, account.runner.name)
        cycles, totals = cycles_in(view, listed, last=1), Totals()
        [line] = totals.counted(lines_of(view, standing(view, listed), cycles))
        return line, explained(opened(view, listed, TEXTS, cycles[0][1])), totals


@pytest.mark.parametrize("why", ["canary", "dry_run", "lease"])
def test_what_was_refused_at_the_door_is_counted_and_named(store: SqlStore, why: str):
    account = recorded(store)
    account.exchange.permit = Gate(NotPermitted("not sent", why=why))
    ran = account.go_on().ran
    assert ran.blocked_by_policy > 0
    line, found, totals = told(store, account)
    assert (line.orders, line.blocked, line.reason) == (0, ran.blocked_by_policy, why)
    assert (found.main, document(found)["main_reason"]) == (why, why)
    assert totals.document()["reasons"] == {why: 1}
    with store.read() as view:
        status = status_of(view, standing(view, pick(view, "live")), ()).document()
    assert (status["orders"], status["main_reason"]) == (0, why)


def test_what_the_exchange_refused_is_named_by_its_code(store: SqlStore):
    account = recorded(store)
    account.exchange.refuse = VenueReason.PRICE_OUT_OF_RANGE
    assert account.go_on().ran.rejected > 0
    line, found, _ = told(store, account)
    assert (line.orders, line.blocked, line.reason) == (0, 0, found.main)
    assert found.main == str(VenueReason.PRICE_OUT_OF_RANGE)


def test_what_was_sent_is_not_said_to_be_kept_back(store: SqlStore):
    account = recorded(store)
    assert account.go_on().ran.submitted > 0
    line, found, _ = told(store, account)
    assert (line.blocked, line.reason, found.refused) == (0, "ok", ())
