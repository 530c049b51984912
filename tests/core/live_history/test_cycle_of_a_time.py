"""Which cycle is meant by a time: the one that sent an order then, else the newest up to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fresh_database import fresh_file
from told_books import TEXTS, Recorded, recorded

from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import BadInput
from meva_core.live_book.names import cycle_named_in
from meva_core.live_history.at import cycle_at
from meva_core.live_history.books import pick
from meva_core.live_history.cycles import cycles_in
from meva_core.live_history.orders import orders_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as made:
        yield made


def between_seconds(store: SqlStore) -> Recorded:
    """Return a book with a cycle on a whole second, and one that began within a second and sent orders."""
    account = recorded(store)
    account.exchange.prices["BTCTRY"] += 1
    account.go_on(60)
    account.go_on(60.4)
    return account


def test_a_time_of_an_order_means_the_cycle_that_sent_it(store: SqlStore):
    account = between_seconds(store)
    with store.read() as view:
        listed = pick(view, "live")
        order = orders_of(view, listed)[-1]
        name, which = cycle_at(view, listed, TEXTS, order.created)
        assert order.client_id is not None
        assert name == account.ids[-1] == cycle_named_in(order.client_id)
        assert which.startswith("The cycle that sent an order at ")
        [(ts, _)] = [one for one in cycles_in(view, listed) if one[1] == name]
        assert order.created < ts, "else any cycle up to it would do"
        shown = order.created.replace(microsecond=0)
        assert cycle_at(view, listed, TEXTS, shown)[0] == name


def test_any_other_time_means_the_newest_cycle_up_to_it(store: SqlStore):
    account = between_seconds(store)
    with store.read() as view:
        listed = pick(view, "live")
        (first, _), (last, _) = cycles_in(view, listed)
        assert cycle_at(view, listed, TEXTS, last - timedelta(seconds=3))[0] == account.ids[0]
        later = last + timedelta(days=400)
        name, which = cycle_at(view, listed, TEXTS, later)
        assert (name, which) == (account.ids[1], f"The newest cycle up to {later:%Y-%m-%dT%H:%M:%S}Z:")
        before = first - timedelta(days=1)
        with pytest.raises(BadInput, match=f"no cycle up to {before:%Y-%m-%dT%H:%M:%S}Z; its first"):
            cycle_at(view, listed, TEXTS, before)


def test_an_unreadable_cycle_beside_it_is_no_answer(store: SqlStore):
    account = between_seconds(store)
    with store.unit() as work:
        work.update("live_cycles", "cycle_id", ("inputs",), [(account.ids[1], b"junk")])
        work.commit()
    with store.read() as view:
        listed = pick(view, "live")
        created = orders_of(view, listed)[-1].created
        assert cycle_at(view, listed, TEXTS, created)[0] == account.ids[0]
