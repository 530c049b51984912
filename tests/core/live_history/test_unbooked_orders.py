"""Orders that filled after the last cycle looked: known to have, and not in the ledger yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_database import fresh_file
from told_books import Recorded, fill_open, recorded

from meva_adapters.sql.store import SqlStore, writer
from meva_core.live_history.books import pick, standing
from meva_core.live_history.orders import INCOMPLETE, open_orders, orders_of, unbooked_orders
from meva_core.live_history.status import status_of
from meva_core.operating.steps.cancelling import cancel_open


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as made:
        yield made


def ended_with_fills(store: SqlStore) -> Recorded:
    """Return a live book whose process ended after its orders filled, and looked at them for its end."""
    account = recorded(store)
    assert account.go_on().ran.submitted > 0
    fill_open(account)
    cancel_open(account.runner.world.desk, lambda: False)
    return account


def test_what_filled_after_the_last_cycle_is_told_until_a_cycle_books_it(store: SqlStore):
    account = ended_with_fills(store)
    with store.read() as view:
        listed = pick(view, "live")
        waiting = unbooked_orders(view, listed)
        assert waiting == [one for one in orders_of(view, listed) if one.booked < one.qty]
        assert {one.attention for one in waiting} == {INCOMPLETE}
        assert open_orders(view, listed) == []
        status = status_of(view, standing(view, listed), ())
    assert (status.unsettled, status.unbooked) == (0, len(waiting))
    assert status.document()["unbooked_orders"] == len(waiting) > 0
    account.go_on()
    with store.read() as view:
        assert unbooked_orders(view, listed) == []


def test_what_is_booked_whole_is_not_told_and_what_is_canceled_unfilled_neither(store: SqlStore):
    account = recorded(store)
    account.go_on()
    cancel_open(account.runner.world.desk, lambda: False)
    with store.read() as view:
        listed = pick(view, "live")
        assert {one.status for one in orders_of(view, listed)} == {"canceled"}
        assert unbooked_orders(view, listed) == []
