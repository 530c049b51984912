"""The database: there, ours, at this program's revision, sound, with room to grow; who holds its books."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meva_adapters.texts.words import counted
from meva_cli.checks.check import STAGE7, Check, Look, World
from meva_cli.render import as_text, to_the_second
from meva_core.errors import MevaError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

    from meva_core.ports import Reads

LOOK: Final = Look("database")
MB: Final = 10**6
LARGE_LOG: Final = 256 * MB
_A_CYCLE: Final = 9_000
_A_SYMBOL: Final = 1_250
"""Bytes that a live cycle takes, and each symbol of it more, measured with a cycle a minute."""
_TOLD_BY: Final = 100
"""So many cycles of its own tell how large a database grows."""
_USUAL_SYMBOLS: Final = 200
_DAY: Final = 86_400
_AHEAD: Final = timedelta(seconds=60)
_OF_LATE: Final = timedelta(days=7)


def database_checks(world: World) -> Iterator[Check]:
    """Look at the database without a trace of it."""
    if world.url is None:
        return
    from meva_adapters.sql.engine import file_of
    from meva_adapters.sql.glance import LeftInTheMiddle

    path = file_of(world.url)
    if path is not None and not path.exists():
        yield from _not_there(world, path)
        return
    try:
        yield from _there(world, world.url, path)
    except LeftInTheMiddle as error:
        yield LOOK.warned("open", str(error), error.action)
    except MevaError as error:
        yield from LOOK.refused("open", error)


def _not_there(world: World, path: Path) -> Iterator[Check]:
    folder = path.absolute().parent
    if not folder.is_dir():
        yield LOOK.failed("there", f"there is no folder {folder} for {path}", "make it, or mend the settings")
    elif not os.access(folder, os.W_OK):
        action = "make it writable, or name a file elsewhere with --db"
        yield LOOK.failed("there", f"{path} is not there, and {folder} cannot be written to", action)
    else:
        yield LOOK.passed("there", f"{path} is not there yet: the first run makes it")
        yield from _room(world, folder, 0, 0)


def _there(world: World, url: URL, path: Path | None) -> Iterator[Check]:
    from meva_adapters.sql.addresses import shown
    from meva_adapters.sql.glance import glancing_at
    from meva_adapters.sql.reads import SqlReads
    from meva_adapters.sql.revisions import HEAD, identify, require_head

    name = shown(url)
    with glancing_at(url) as connection:
        if path is not None:
            yield from _writable(path)
        if identify(connection).state == "empty":
            yield LOOK.passed("revision", f"{name} is empty: the first run makes its tables")
            return
        require_head(connection, name)
        yield LOOK.passed("revision", f"{name} is at revision {HEAD}")
        if path is not None:
            yield from _sound(world, connection, path)
    with glancing_at(url) as connection:
        reads = SqlReads(connection, name)
        yield from _books(reads, world, path)
        yield from _account_books(reads)


def _writable(path: Path) -> Iterator[Check]:
    from meva_adapters.sql.glance import log_bytes

    for place in (path, path.absolute().parent):
        if not os.access(place, os.W_OK):
            yield LOOK.failed("writable", f"{place} is read-only", f"chmod u+w {place}")
            return
    yield LOOK.passed("writable", f"{path} and its folder can be written to")
    log = log_bytes(path)
    seen = f"the log beside it has {log // MB} MB"
    if log > LARGE_LOG:
        action = "end what reads it for long; the log is taken in when nobody reads"
        yield LOOK.warned("log", seen, action)
    else:
        yield LOOK.passed("log", seen)


def _sound(world: World, connection: Connection, path: Path) -> Iterator[Check]:
    size = path.stat().st_size
    if size > world.integrity_bytes:
        if not world.quick:
            yield LOOK.passed("integrity", f"{size // MB} MB are not gone through without --deep")
        return
    found = connection.exec_driver_sql("PRAGMA quick_check(5)").scalars().all()
    if list(found) == ["ok"]:
        yield LOOK.passed("integrity", "the quick check finds nothing")
    else:
        action = f"keep the file and restore a backup; `meva db check --db {path}` says more"
        yield LOOK.failed("integrity", "; ".join(map(str, found)), action)


def _books(reads: Reads, world: World, path: Path | None) -> Iterator[Check]:
    from meva_core.stages.book_runs import books_of

    now = datetime.now(UTC)
    cycles = symbols = 0
    for book in books_of(reads):
        if book.closed_at is not None:
            continue
        yield from _lease(reads, book.name, now)
        if not world.quick:
            yield from _alerts(reads, book.name, now)
        run = None if book.run_id is None else reads.run(book.run_id)
        if run is not None:
            symbols = max(symbols, run["symbols_json"].count(",") + 1)
            if run["last_ts"] > now + _AHEAD:
                yield LOOK.warned(
                    "clock",
                    f"the last cycle of book {book.name} is that of {as_text(run['last_ts'])}, ahead of this "
                    "machine's clock: no cycle begins before the exchange's clock has passed it",
                    "see which of clock and database is wrong",
                )
    if path is not None:
        counted = reads.rows("stage7_runs", ("cycles",))
        cycles = sum(count or 0 for (count,) in counted)
        yield from _room(world, path.absolute().parent, cycles, symbols, path)


def _account_books(reads: Reads) -> Iterator[Check]:
    """Look at the books of Stages 3 and 4: whether each stands as it was stored."""
    if next(reads.rows("live_books", ("book",), limit=1), None) is None:
        return  # without loading what reads them
    from meva_core.live_history.apart import row_apart, views_apart
    from meva_core.live_history.books import listed_books
    from meva_core.operating.records.stored import RESTORE

    for listed in listed_books(reads):
        if apart := [*row_apart(reads, listed)]:
            yield LOOK.failed("book", "; ".join(apart), RESTORE)
        elif apart := [*views_apart(reads, listed)]:
            action = "nothing is decided by that; keep a copy and find out who changed it"
            yield LOOK.warned("book", "; ".join(apart), action)
        else:
            yield LOOK.passed("book", f"book {listed.name} stands as it was stored")


def _lease(reads: Reads, book: str, now: datetime) -> Iterator[Check]:
    from meva_adapters.sql.lease import Standing, holding, named
    from meva_adapters.system.process import started_at, this_process

    held = holding(reads, book)
    standing = None if held is None else held.standing(this_process(), now, started_at)
    if held is None or standing is Standing.ENDED:
        yield LOOK.passed("lease", f"nobody holds book {book}")
        return
    who = named(held.process)
    if standing is Standing.ACTIVE:
        ends = to_the_second(held.expires)
        yield LOOK.passed("lease", f"book {book} is held by {who} until {ends} unless it is moved on")
    else:
        yield LOOK.passed("lease", f"book {book} was left by {who} ({standing}): a run takes it over")


def a_cycle_takes(symbols: int) -> int:
    """Return how many bytes a live cycle of so many symbols takes, by what was measured elsewhere."""
    return _A_CYCLE + _A_SYMBOL * symbols


def _alerts(reads: Reads, book: str, now: datetime) -> Iterator[Check]:
    """Look at the queue of alerts: what was lost of late."""
    from meva_core.alerts.outbox import counts

    found, of_late = counts(reads, book), counts(reads, book, now - _OF_LATE)
    if of_late.lost:
        action = "`meva alerts --outbox` shows them, `meva alerts --test` says who takes one"
        seen = f"{of_late.lost} alerts of book {book} were lost in a week, each tried for a day"
        yield LOOK.warned("alerts", f"{seen}; {found.waiting} wait", action)
    elif any((found.sent, found.waiting, found.lost)):
        seen = f"{found.sent} alerts of book {book} were sent, {found.waiting} wait, {found.lost} were lost"
        yield LOOK.passed("alerts", seen)


def _room(world: World, folder: Path, cycles: int, symbols: int, path: Path | None = None) -> Iterator[Check]:
    """Hold the free room of a disk against what cycles take in a day."""
    free = shutil.disk_usage(folder).free
    if world.purpose != STAGE7:
        yield LOOK.passed("room", f"{free // MB} MB are free")
        return
    if path is not None and cycles >= _TOLD_BY:
        a_cycle, told = path.stat().st_size // cycles, f"by its {cycles} cycles so far"
    else:
        count = symbols or _USUAL_SYMBOLS
        a_cycle, told = a_cycle_takes(count), f"reckoned for {counted(count, 'symbol')}"
    a_day = a_cycle * _DAY // world.interval
    seen = f"{free // MB} MB are free; a day of cycles each {world.interval} s takes {a_day // MB} MB, {told}"
    action = f"make room in {folder}, run less often, or name a file elsewhere with --db"
    if free < a_day // 24:
        yield LOOK.failed("room", f"{seen}: not enough for an hour", action)
    elif free < 7 * a_day:
        yield LOOK.warned("room", f"{seen}: not enough for a week", action)
    else:
        yield LOOK.passed("room", seen)
