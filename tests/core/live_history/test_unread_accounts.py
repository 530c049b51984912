"""Cycles that could not read the account: they look like any other, and what they say is of before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_database import fresh_file
from told_books import TEXTS, recorded

from meva_adapters.sql.store import SqlStore, writer
from meva_cli.operating.told import cycle_told, line_of
from meva_core.errors import Refused, VenueReason
from meva_core.live_history.books import pick, standing
from meva_core.live_history.cycles import cycles_in, opened
from meva_core.live_history.explain import document, explained
from meva_core.live_history.lines import lines_of
from meva_core.live_history.status import status_of

REFUSED = (
    "the balances cannot be read: balances: 401. To do: check the key; `meva health --account` says whether "
    "it is taken then"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as made:
        yield made


def test_a_refused_key_is_told_where_people_look_afterwards(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = recorded(store, STAGE4_BOOTSTRAP_INTENTS="0")
    account.go_on()

    def refuses() -> None:
        raise Refused("balances: 401", action="check the key", reason=VenueReason.UNAUTHORIZED)

    with monkeypatch.context() as patch:
        patch.setattr(type(account.exchange), "balances", lambda self: refuses())
        told = account.go_on()
    assert REFUSED in told.read.notes
    assert "(account not read: equity is of the last read)" in line_of(cycle_told(told))
    with store.read() as view:
        listed = pick(view, "live")
        book = standing(view, listed)
        status = status_of(view, book, ()).document()
        why = document(explained(opened(view, listed, TEXTS, account.ids[1])))
        before, line = lines_of(view, book, cycles_in(view, listed))
    assert (status["account_read"], status["account_unread"], REFUSED in status["notes"]) == (
        False,
        REFUSED,
        True,
    )
    assert (why["account_read"], REFUSED in why["notes"]) == (False, True)
    assert (before.account_unread, before.notes, before.reason) == ("", (), "nothing_asked")
    assert line.reason == status["main_reason"] == why["main_reason"] == "balances_unread"
    account.go_on()
    with store.read() as view:
        status = status_of(view, standing(view, listed), ()).document()
    assert (status["account_read"], status["notes"]) == (True, [])


def test_what_only_passes_by_itself_is_told_without_advice(store: SqlStore) -> None:
    account = recorded(store)
    with account.exchange.failing("balances"):
        told = account.go_on()
    assert "the balances cannot be read: balances : no answer" in told.read.notes


def test_a_cycle_that_read_all_is_recorded_as_it_always_was(store: SqlStore) -> None:
    account = recorded(store)
    account.go_on()
    with store.read() as view:
        [(decisions, envelope)] = view.rows("cycle_audit", ("decisions_json", "envelope_json"))
    assert json.loads(decisions).keys() == {"dropped", "cancels", "universe", "not_done"}
    assert "account_unread" not in json.loads(envelope)
