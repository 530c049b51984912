"""A book of simulated money that this process holds while a command runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs

from meva_adapters.system import events
from meva_cli.database import shown_database
from meva_cli.notes import say
from meva_cli.render import as_text
from meva_core.errors import StoreError

if TYPE_CHECKING:
    from decimal import Decimal

    from sqlalchemy import URL

    from meva_adapters.sql import SqlStore
    from meva_adapters.sql.lease import Heartbeat, Lease
    from meva_core.settings import Settings

LOOK_SECONDS: Final = 1.0
"""So often a loop looks whether a book that another process holds is free."""


@attrs.frozen
class HeldBook:
    """A book that this process holds: its database, its lease and what moves that on, and the settings, with
    the book's own starting cash."""

    store: SqlStore
    lease: Lease
    heart: Heartbeat
    settings: Settings


@contextmanager
def held_book(
    url: URL, name: str, settings: Settings, alive: Callable[[], None] | None
) -> Iterator[HeldBook]:
    """Hold a book; it is made where it is the main one and not there.

    With `alive`, called while it waits, another holder's lease is given the time in which it expires.
    """
    from meva_adapters.sql import ensure, writer
    from meva_adapters.sql.lease import held, named
    from meva_adapters.system.clock import SystemClock
    from meva_core.stages.book_runs import (
        MAIN,
        book_settings,
        check_name,
        find_book,
        make_book,
        pick_book,
        require_open,
    )

    check_name(name)
    ensure(url)
    with writer(url) as store:
        with store.unit() as work:
            if name == MAIN and find_book(work, name) is None:
                made = make_book(work, name, settings.live.dry_run_try_balance, datetime.now(UTC))
                work.commit()
                cash = as_text(made.starting_cash)
                place = shown_database(url)
                words = f"book {name} is made in {place} with {cash} TRY"
                say(events.BOOK_MADE, words, cash_try=cash, database=place)
        with store.read() as reads:
            require_open(pick_book(reads, name))
            of_book = book_settings(reads, name, settings)
        own, given = (each.live.dry_run_try_balance for each in (of_book, settings))
        waiting = None if alive is None else waiting_for(alive)
        with held(url, name, SystemClock(), waiting=waiting) as (lease, heart):
            if lease.took_over is not None:
                words = f"book {name} is taken over from a process that did not give it back"
                say(events.BOOK_TAKEN_OVER, words, process=named(lease.took_over.process))
            say_what_cash_counts(store, name, own, given)
            yield HeldBook(store, lease, heart, of_book)


def say_what_cash_counts(store: SqlStore, name: str, own: Decimal, given: Decimal) -> None:
    """Say once that settings do not change what a book began with, and again for each other amount."""
    from meva_core.stages.cash_given import is_news, note_given

    with store.read() as reads:
        if not is_news(reads, name, own, given):
            return
    if own != given:
        began = f"book {name} began with {as_text(own)} TRY"
        words = f"{began}; DRY_RUN_TRY_BALANCE={as_text(given)} changes nothing of it"
        say(events.CASH_IGNORED, words, own_try=as_text(own), given_try=as_text(given))
    with (
        suppress(StoreError),
        store.unit() as work,
    ):  # a busy database keeps no cycle from it: it is said again
        note_given(work, name, given, datetime.now(UTC))
        work.commit()


def waiting_for(alive: Callable[[], None]) -> Callable[[str], None]:
    """Return what is called each second while another process holds a book, with why."""
    said: set[str] = set()

    def wait(why: str) -> None:
        if not said:
            said.add(why)
            say(events.BOOK_WAITED_FOR, f"{why}; waiting whether it is given back or expires")
        alive()
        time.sleep(LOOK_SECONDS)

    return wait
