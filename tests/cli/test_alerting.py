"""What is told of how a command ended: what ends a loop or fails a cycle, not what may not begin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import frozen
from fresh_database import fresh_file
from stage7_runs import rows_of
from webhook import Webhook, webhook

from meva_adapters.sql import SqlStore, writer
from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.lease import Lease, Leases
from meva_adapters.system.clock import SystemClock
from meva_cli.alerting import alerting
from meva_core.alerts.herald import Herald
from meva_core.errors import BadInput, BrokenBooks, CycleNotStored, Unavailable
from meva_core.settings import Alerts, Secret
from meva_core.stages.book_runs import make_book


@frozen
class Held:
    """A book that is held, and who is told of it."""

    path: Path
    store: SqlStore
    lease: Lease
    hook: Webhook

    def ends_with(self, error: BaseException, *, loop: bool, begun: bool = True) -> list[str]:
        """Return the titles of what is told when a run ends with an error."""
        with pytest.raises(type(error)):
            self._end(error, loop=loop, begun=begun)
        return [text.splitlines()[0].removeprefix("Meva, book main: ") for text in self.hook.texts()]

    def _end(self, error: BaseException, *, loop: bool, begun: bool) -> None:
        url, told = database_url(str(self.path)), Alerts(urls=(Secret(self.hook.url()),))
        clock = SystemClock()
        with alerting(url, self.store, self.lease, told, clock, loop=loop, beat=lambda: None) as herald:
            assert isinstance(herald, Herald)
            if begun:
                with self.store.read() as reads:
                    herald.look(reads, None, 0)
            raise error


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    path = fresh_file(tmp_path / "state.db")
    with writer(path) as store, webhook() as hook:
        with store.unit() as work:
            make_book(work, "main", Decimal(1000), datetime.now(UTC))
            work.commit()
        yield Held(path, store, Leases(store, SystemClock()).take("main"), hook)


def test_what_ends_a_loop_is_told_with_what_it_was(held: Held) -> None:
    assert held.ends_with(CycleNotStored("the disk is full"), loop=True) == ["database", "no more cycles"]


@pytest.mark.parametrize("loop", [True, False])
def test_a_fault_of_the_program_is_told(held: Held, loop: bool) -> None:
    assert held.ends_with(BrokenBooks("cash does not add up"), loop=loop) == ["no more cycles"]
    assert "BrokenBooks: cash does not add up" in held.hook.texts()[0]


def test_a_single_cycle_that_had_no_answer_queues_that_and_sends_it(held: Held) -> None:
    assert held.ends_with(Unavailable("the exchange does not answer"), loop=False) == ["no cycle"]
    [row] = rows_of(held.path, "SELECT kind, sent_at FROM stage7_alerts")
    assert (row["kind"], row["sent_at"] is not None) == ("data", True)


@pytest.mark.parametrize("loop", [True, False])
def test_what_may_not_begin_is_not_told_and_writes_nothing(held: Held, loop: bool) -> None:
    assert held.ends_with(BadInput("a newer state"), loop=loop, begun=False) == []
    assert rows_of(held.path, "SELECT * FROM stage7_alerts") == []


def test_a_loop_that_may_not_go_on_is_told(held: Held) -> None:
    assert held.ends_with(BadInput("book main was closed"), loop=True) == ["no more cycles"]


def test_an_interrupt_is_not_told(held: Held) -> None:
    assert held.ends_with(KeyboardInterrupt(), loop=True) == []
