"""P9 without a process of its own: whatever is changed in a database of a live book is refused with one clear
message and left as it is, or is told, or is nothing that the book stands on."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve, frozen
from command_line import meva
from fresh_database import fresh_file
from told_books import Recorded, asking, fill_open, live_file, recorded

from meva_adapters.sql.check import require_whole
from meva_adapters.sql.store import SqlStore, reader, writer
from meva_adapters.text_codec import ZstdTexts
from meva_core.errors import StoreCorrupt, StoreError, StoreUnready
from meva_core.live.live_orders import Record, rows
from meva_core.live.owner import ACCOUNT
from meva_core.live_book.balances import gaps
from meva_core.live_book.book import LiveBook
from meva_core.operating.records import stored
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.stored_cycles import orders_apart, stored_cycles
from meva_core.operating.starting import taken_up
from meva_core.operating.steps.reading import Process

__all__ = ["meva"]
Meva = Callable[..., Any]
TEXTS = ZstdTexts()
LATER = 2 * 10**15
"""After all that was recorded, in microseconds."""


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A database with a live book of two days, an alarm open, all of it in one file."""
    path = live_file(tmp_path / "live.db")
    with closing(sqlite3.connect(path)) as there:
        there.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@frozen
class Begun:
    """What a process begins with that takes a book up, and what it takes its orders to ask."""

    book: LiveBook
    carried: Carried
    process: Process
    orders: tuple[Any, ...]

    @property
    def is_told(self) -> bool:
        """Whether people are told of a book that its rows do not make, or of an order that cannot be read."""
        return any(one.code == "K2" for one in self.book.alarms) or None in self.orders


def begun(db: Path) -> Begun:
    with writer(db, durable=False) as store:
        taken = taken_up(store, "live", LATER)
        with store.read() as view:
            found, orders = stored.stored_book(view, "live"), rows(view, ACCOUNT)
    assert found is not None
    asked = [(one.client_id, one.content) if isinstance(one, Record) else None for one in orders]
    return Begun(taken.book, found[1], taken.process, tuple(asked))


def change(db: Path, *statements: str) -> None:
    with closing(sqlite3.connect(db)) as there:
        for statement in statements:
            assert there.execute(statement).rowcount == 1
        there.commit()
        there.execute("PRAGMA wal_checkpoint(TRUNCATE)")


# -- Values that any program could have read ------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "column"),
    [
        ("$.book.figures.peak", '"1"', "book_json"),  # would disarm RISK_MAX_DRAWDOWN_TRY
        ("$.book.figures.day_open", '"1"', "book_json"),
        ("$.book.alarms", "[]", "book_json"),
        ("$.book.cursors.BTCTRY", "1760186200000", "book_json"),
        ("$.book.ledger.cash", '"1"', "book_json"),
        ("$.book.memories.asks", r'"{\"n\":2}"', "book_json"),
        ("$.sha256.state", '"0"', "book_json"),
        ("$.refusals", "9", "state_json"),
    ],
)
def test_a_changed_value_in_the_row_of_a_book_is_refused_by_all_who_read_it(
    meva: Meva, db: Path, place: str, value: str, column: str
) -> None:
    change(db, f"UPDATE live_books SET {column} = json_set({column}, '{place}', json('{value}'))")
    before = db.read_bytes()
    said = f"book live is damaged: {column} in its row of live_books is not what was stored"
    with pytest.raises(StoreCorrupt, match=said):
        begun(db)
    checked = meva("db", "check", "--db", db, "--json")
    assert (checked.code, checked.document["sound"]) == (1, False)
    assert [line.startswith(said) for line in checked.document["books_apart"]] == [True]
    assert meva("recheck", "--db", db).code == 1
    shown = meva("risk", "show", "--book", "live", "--db", db)
    assert (shown.code, shown.err.startswith(f"Error: {said}")) == (2, True)
    assert db.read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("run_id = 'aaaaaaa'", "is of run aaaaaaa, and the book in it of "),
        ("link_sha256 = zeroblob(32)", "link 00000000"),
        ("last_cycle_id = (SELECT min(cycle_id) FROM live_cycles)", "and the last that is done is cycle "),
    ],
)
def test_a_row_that_is_of_another_time_than_its_cycles_is_refused(
    meva: Meva, db: Path, changed: str, said: str
) -> None:
    change(db, f"UPDATE live_books SET {changed}")
    before = db.read_bytes()
    with pytest.raises(StoreCorrupt, match="book live is damaged: its row in live_books ") as raised:
        begun(db)
    assert said in str(raised.value)
    assert meva("db", "check", "--db", db, "--json").document["books_apart"] == [str(raised.value)]
    assert db.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE cursors SET value = value + 100000000 WHERE key = 'fills_cursor:BTCTRY'",
            "cursors, fills_cursor:BTCTRY: it is ",
        ),
        ("UPDATE positions SET qty = '7' WHERE symbol = 'SOLTRY'", "positions, SOLTRY: qty is 7, and the"),
        (
            "DELETE FROM stage4_positions WHERE symbol = 'SOLTRY'",
            "stage4_positions, SOLTRY: qty is not there",
        ),
    ],
)
def test_rows_that_only_follow_from_a_book_decide_nothing_and_are_named(
    meva: Meva, db: Path, statement: str, said: str
) -> None:
    whole = begun(db)
    change(db, statement)
    assert begun(db) == whole
    checked = meva("db", "check", "--db", db, "--json")
    assert checked.code == 1
    assert checked.document["books_apart"][0].startswith(said)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE stage4_orders SET price = '1' WHERE id = 1", ": its price is 1, and was decided as 3000"),
        ("UPDATE stage4_orders SET qty = '9999' WHERE id = 1", ": its qty is 9999, and was decided as 0.036"),
        ("DELETE FROM stage4_orders WHERE id = 1", ": its row is not there, and was decided as sent"),
    ],
)
def test_an_order_that_has_ended_is_held_against_the_decision_that_sent_it(
    meva: Meva, db: Path, statement: str, said: str
) -> None:
    whole = begun(db)
    change(db, statement)
    assert begun(db).book == whole.book
    [told] = meva("db", "check", "--deep", "--db", db, "--json").document["books_apart"]
    assert told.startswith("order s4:")
    assert said in told


@pytest.mark.parametrize(("column", "value"), [("price", "1"), ("qty", "9")])
def test_an_order_that_rests_is_held_against_the_exchange_before_anything_is_sent(
    tmp_path: Path, column: str, value: str
) -> None:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store:
        account = recorded(store)
        asking(account)
        account.go_on()
        with store.unit() as work:
            work.update("stage4_orders", "id", (column,), [(1, value)])
            work.commit()
        account.runner.process = taken_up(store, "live", LATER).process
        told = account.go_on()
    assert told.inputs.blocked == {"ETHTRY": "order_not_as_thought"}
    assert told.cycle.decisions.mode.mode.name == "OBSERVE_ONLY"
    assert told.ran.submitted == 0
    assert "is under our name or number, and is another: ETHTRY BUY 2.5 at 90" in told.ran.notes[0]


def test_a_replacement_asks_for_less_by_what_the_order_before_it_filled(db: Path) -> None:
    with reader(db) as looks, looks.read() as view:
        first = next(stored_cycles(view, "live", TEXTS))
        action = first.decisions["actions"][0]
        assert (action["kind"], action["qty"]) == ("submit", "0.03666666")
        for kind, qty, apart in (
            ("replace", "0.04", []),
            ("replace", "0.03", ["qty"]),
            ("submit", "0.04", ["qty"]),
        ):
            decided = evolve(first, decisions={"actions": [{**action, "kind": kind, "qty": qty}]})
            assert [one.field.rpartition(".")[2] for one in orders_apart(view, decided)] == apart


def test_before_a_run_a_damaged_book_fails_and_rows_that_only_follow_from_one_warn(
    meva: Meva, db: Path
) -> None:
    def looked() -> tuple[str, str]:
        checks = meva("doctor", "--offline", "--db", db, "--json").document["checks"]
        [found] = [(one["status"], one["message"]) for one in checks if one["name"] == "book"]
        return found

    assert looked() == ("pass", "book live stands as it was stored")
    change(db, "UPDATE positions SET qty = '7' WHERE symbol = 'SOLTRY'")
    assert looked()[0] == "warn"
    change(db, "UPDATE live_books SET state_json = replace(state_json, ':0', ':1')")
    status, message = looked()
    assert (status, message.partition(":")[0]) == ("fail", "book live is damaged")


def test_a_cycle_and_a_booked_fill_are_named_by_a_deep_check(meva: Meva, db: Path) -> None:
    fill = "event_id = (SELECT min(event_id) FROM ledger_events WHERE type = 'FILL')"
    change(
        db,
        "UPDATE live_cycles SET outcomes_json = '[]' WHERE ts = (SELECT min(ts) FROM live_cycles)",
        f"UPDATE ledger_events SET meta_json = json_set(meta_json, '$.posting.fee', '7') WHERE {fill}",
    )
    told = meva("db", "check", "--deep", "--db", db, "--json").document["books_apart"]
    assert told[0] == "book live: the rows fold to another book than the stored one"
    assert told[1].startswith("cycle ")
    assert told[1].endswith(": its outcomes is not what was stored, by its SHA-256")


@pytest.mark.parametrize(
    "changed",
    [
        "DELETE FROM ledger_events WHERE event_id = 'fill:10003'",
        "UPDATE ledger_events SET meta_json = json_set(meta_json, '$.posting.qty', '-5') "
        "WHERE event_id = 'fill:10003'",
        "UPDATE live_books SET opening_json = json_set(opening_json, '$.cash', '5')",
    ],
)
def test_rows_that_make_another_book_or_none_are_an_alarm(db: Path, changed: str) -> None:
    change(db, changed)
    assert "K2:live" in {alarm.pair for alarm in begun(db).book.alarms}


def test_a_row_that_a_person_changed_on_purpose_is_taken_once_its_seal_is_out(meva: Meva, db: Path) -> None:
    whole = begun(db)
    changed = "json_remove(json_set(book_json, '$.book.figures.peak', '20000'), '$.sha256')"
    change(db, f"UPDATE live_books SET book_json = {changed} WHERE book = 'live'")
    found = begun(db)
    assert found.book.figures == evolve(whole.book.figures, peak=20_000 * 10**8)
    assert meva("risk", "reset", "--book", "live", "--reason", "looked at", "--db", db).code == 0
    with closing(sqlite3.connect(db)) as there:
        [[text]] = there.execute("SELECT book_json FROM live_books")
    assert "sha256" in json.loads(text)
    assert meva("db", "check", "--deep", "--db", db).code == 0


# -- Bytes ------------------------------------------------------------------------------------------------


def places(data: bytes, size: int, random: Random) -> Iterator[int]:
    """Yield some places of a file: anywhere, and in its rows of books, orders, cycles and of what was
    booked."""
    for _ in range(4):
        yield random.randrange(len(data) - size)
    for begins in (b'{"book":{"acc', b'"valuations"', b"BTCTRYs4:", b'{"fill":', b'{"actions"', b'"sha256":'):
        at = data.find(begins)
        yield min(at + random.randrange(300), len(data) - size)


@pytest.mark.parametrize("size", [1, 4, 64])
def test_changed_bytes_are_refused_or_told_or_are_none_of_a_book_s(meva: Meva, db: Path, size: int) -> None:
    data, whole, random = db.read_bytes(), begun(db), Random(size)
    refused = 0
    for place in places(data, size, random):
        damaged = bytearray(data)
        damaged[place : place + size] = (byte ^ random.randint(1, 255) for byte in damaged[place:][:size])
        db.write_bytes(damaged)
        try:
            found = begun(db)
        except StoreError:
            refused += 1
            assert db.read_bytes() == damaged
            assert [file.name for file in db.parent.glob("live.db*")] == ["live.db"]
            continue
        if not (found.is_told or found == whole):
            assert meva("db", "check", "--deep", "--db", db).code == 1, place
    assert refused


# -- Files ------------------------------------------------------------------------------------------------


def test_a_file_that_is_read_only_can_be_looked_at_and_not_taken_up(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begun(db)
    db.chmod(0o400)
    if os.geteuid() == 0:  # who may write to it all the same
        monkeypatch.setattr("meva_adapters.sql.engine.os.access", lambda *_: False)
    before = db.read_bytes()
    with pytest.raises(StoreUnready, match="is read-only") as raised:
        begun(db)
    assert "chmod" in raised.value.action
    monkeypatch.undo()
    with reader(db) as looks, looks.read() as view:
        assert stored.stored_book(view, "live") == (whole.book, whole.carried)
    assert db.read_bytes() == before


@frozen
class Logged:
    """A book that went on after its log was taken into the file, and once more: `files` are early, at each of
    these times and at the end, without their logs and with them; `books` are all that there ever were."""

    account: Recorded
    folder: Path
    books: list[LiveBook]

    def put(self, main: str, log: str | None) -> Path:
        """Return a file of one time with the log of another beside it."""
        path = Path(shutil.copy(self.folder / f"{main}.db", self.folder / "put.db"))
        if log is not None:
            shutil.copy(self.folder / f"{log}.db-wal", f"{path}-wal")
        return path


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    path = fresh_file(tmp_path / "written.db")
    books = []
    with writer(path, durable=False) as store:
        account = recorded(store)
        asking(account)
        for at in ("early", "late", "end"):
            for _ in range(2):
                account.go_on()
                fill_open(account)
                account.exchange.prices["BTCTRY"] += 3
                books.append(account.book)
            shutil.copy(path, tmp_path / f"{at}.db")
            shutil.copy(f"{path}-wal", tmp_path / f"{at}.db-wal")
            with closing(sqlite3.connect(path)) as there:
                there.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Logged(account, tmp_path, books)


def goes_on(logged: Logged, store: SqlStore) -> Recorded:
    """Return the account with another file of its book, as the next process has it."""
    runner = logged.account.runner
    desk = evolve(runner.world.desk, store=store)
    process = taken_up(store, "live", logged.account.exchange.now).process
    runner = evolve(runner, store=store, world=evolve(runner.world, desk=desk), process=process)
    return Recorded(logged.account.exchange, runner)


def test_a_file_without_its_log_is_an_older_one_and_submits_nothing_until_a_person_has_looked(
    logged: Logged,
) -> None:
    with writer(logged.put("end", None), durable=False) as store:
        account = goes_on(logged, store)
        assert account.book == logged.books[3]
        told = [account.go_on() for _ in range(4)]
        assert {one.cycle.decisions.mode.mode.name for one in told} == {"OBSERVE_ONLY"}
        assert "file_behind_exchange" in {alarm.code for alarm in account.book.alarms}
        assert [one.ran.submitted for one in told] == [0, 0, 0, 0]
        assert not any(gaps(account.book, account.exchange.balances()).values())


@pytest.mark.parametrize(
    ("main", "log"), [("end", "early"), ("end", "late"), ("late", "end"), ("early", "late"), ("early", "end")]
)
def test_a_log_that_was_left_over_is_refused_or_told_or_makes_a_book_that_there_was(
    logged: Logged, main: str, log: str
) -> None:
    db = logged.put(main, log)
    try:
        found = begun(db)
    except StoreCorrupt:
        return
    except KeyError:  # no book is found, and no run may open one
        with pytest.raises(StoreCorrupt, match="is damaged"):
            require_whole(db)
        return
    assert found.is_told or found.book in logged.books


def test_a_log_of_another_book_is_refused_or_told(logged: Logged, tmp_path: Path) -> None:
    path = fresh_file(tmp_path / "other.db")
    with writer(path, durable=False) as store:
        recorded(store, funds={"TRY": "555"}).go_on()
        shutil.copy(f"{path}-wal", tmp_path / "foreign.db-wal")
    try:
        found = begun(logged.put("end", "foreign"))
    except StoreCorrupt:
        return
    assert found.is_told
