"""A fresh database is what the metadata say, on both kinds; one at another revision is refused."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import main
from alembic.script import ScriptDirectory
from nightly import NIGHTLY
from stored_runs import record_stretches, stretch

from meva_adapters.sql import current, ensure, reader, writer
from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.engine import looking_at
from meva_adapters.sql.inspection import shape_of
from meva_adapters.sql.migrate import alembic_config, downgrade, upgrade
from meva_adapters.sql.revisions import HEAD, KNOWN, OWN_TABLES, migrations_folder
from meva_adapters.sql.tables import META
from meva_core.errors import StoreBusy, StoreUnready

ROOT = Path(__file__).parents[3]
BOTH = ("sqlite", "postgresql")
ON_SQLITE = pytest.mark.parametrize("place", BOTH if NIGHTLY else BOTH[:1], indirect=True)
"""What a revision does to PostgreSQL is seen in the other tests; in nightly runs in these as well."""


@pytest.fixture(params=BOTH)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there is no database of ours yet, of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "state.db")
    new_postgres: Callable[[], str] = request.getfixturevalue("new_postgres")
    return new_postgres()


def test_the_program_knows_the_revisions_that_are_there() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert scripts.get_current_head() == HEAD
    assert tuple(sorted(script.revision for script in scripts.walk_revisions())) == KNOWN


def test_revisions_import_nothing_of_ours() -> None:
    for path in (migrations_folder() / "versions").glob("*.py"):
        assert "meva" not in "".join(line for line in path.read_text().splitlines() if "import" in line)


def empty(place: str) -> str:
    """Make an empty database there, and return where."""
    if "://" not in place:
        Path(place).touch()
    return place


def described(place: str) -> dict[str, object]:
    """Return all that a database says of its tables, whatever the order of their columns."""
    found: dict[str, object] = {}
    with looking_at(database_url(place)) as connection:
        looks = sa.inspect(connection)
        for table in looks.get_table_names():
            parts: list[object] = [
                *looks.get_columns(table), *looks.get_foreign_keys(table),
                *looks.get_unique_constraints(table), *looks.get_check_constraints(table),
            ]  # fmt: skip
            for index in looks.get_indexes(table):
                options = index.pop("dialect_options", {})
                parts += [index, {name: str(value) for name, value in options.items()}]
            found[table] = sorted(map(repr, parts)), looks.get_pk_constraint(table)
    return found


def test_migrations_build_what_the_metadata_say(place: str) -> None:
    upgrade(empty(place))
    config = alembic_config()
    with looking_at(database_url(place)) as connection:
        config.attributes["connection"] = connection
        command.check(config)


def test_what_is_created_at_once_is_what_the_revisions_come_to(place: str) -> None:
    upgrade(empty(place))
    migrated = described(place)
    if "://" in place:
        engine = sa.create_engine(database_url(place))
        with engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        engine.dispose()
    else:
        Path(place).unlink()
    ensure(place)
    assert described(place) == migrated
    assert set(migrated) == {*META.tables, "alembic_version"}


def test_own_tables_are_those_that_the_first_revision_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ensure(path)
    downgrade(path, "0001")
    with closing(sqlite3.connect(path)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert set(META.tables) - names == OWN_TABLES - {"schema_changes"}


def test_ensuring_twice_changes_nothing(place: str) -> None:
    ensure(place)
    ensure(place)
    assert str(current(place)) == f"revision {HEAD}"
    assert upgrade(place).added == []


def moment(seconds: int) -> datetime:
    """Return a time so many seconds after the first of January 2026."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def test_down_and_up_again_ends_where_it_began(place: str) -> None:
    ensure(place)
    assert "table stage7_runs" in downgrade(place, "0001").released
    assert current(place).revision == "0001"
    assert "table stage7_runs" in upgrade(place).added
    test_migrations_build_what_the_metadata_say(place)


@ON_SQLITE
def test_what_holds_rows_stays_on_the_way_down_and_is_gone_on_with(place: str) -> None:
    ensure(place)
    made = [stretch(0), stretch(10)]
    with writer(place) as store:
        record_stretches(store, *made)
    downgrade(place, "0003")
    changes = downgrade(place, "0002")
    assert changes.released == ["table stage7_states", "column stage7_runs.form"]
    assert changes.kept == [f"table stage7_{name}: it holds rows" for name in ("stretches", "forms")]
    downgrade(place, "0001")
    assert current(place).revision == "0001"
    assert "table stage7_states" in upgrade(place).added
    test_migrations_build_what_the_metadata_say(place)
    with reader(place) as store, store.read() as view:
        assert list(view.stretches(made[0].run_id)) == made


@ON_SQLITE
def test_a_book_its_lease_and_its_rows_stay_on_the_way_down_and_are_gone_on_with(place: str) -> None:
    ensure(place)
    held = {
        "instance_id": "book:main", "pid": 7, "db_path": "state.db",
        "started_at_epoch": 1, "heartbeat_at_epoch": 2,
        "book": "main", "token": "ab", "expires_at": moment(30),
    }  # fmt: skip
    with writer(place) as store, store.unit() as work:
        work.upsert(
            "stage7_books", {"book": "main", "created_at": moment(0), "starting_cash_try": Decimal(1000)}
        )
        row = ("main", "2026-01-01T00:01:00.000000+00:00", "ticker", "BTCTRY", 1_767_225_659_250_000, '["1"]')
        work.insert("stage7_rows", ("book", "known", "kind", "symbol", "stamp", "cells"), [row])
        work.upsert("process_instances", held)
        work.commit()
    downgrade(place, "0005")
    changes = downgrade(place, "0003")
    emptied = ("host", "process_started", "boot_id", "pid_namespace", "acquired_at", "heartbeat_at")
    assert set(changes.released) == {
        "table stage7_alerts",
        *(f"index idx_stage7_alerts_{name}" for name in ("book_ts", "unsent")),
        *(f"column stage7_runs.{name}" for name in ("book", "continues", "genesis")),
        *(f"column process_instances.{name}" for name in emptied),
    }
    downgrade(place, "0001")
    assert "table stage7_alerts" in upgrade(place).added
    test_migrations_build_what_the_metadata_say(place)
    with reader(place) as store, store.read() as view:
        assert list(view.rows("stage7_rows", ("known", "stamp"), start=moment(59), end=moment(60))) == [
            (moment(60), 1_767_225_659_250_000)
        ]
        assert not list(view.rows("stage7_rows", ("known",), start=moment(60)))  # by the exchange's stamp
        assert list(view.rows("process_instances", ("token", "expires_at", "host"))) == [
            ("ab", moment(30), None)
        ]


def indexes_of(place: str, table: str) -> set[str]:
    """Return the names of a table's indexes, but for that of its key."""
    with looking_at(database_url(place)) as connection:
        return {name for name in shape_of(connection).indexes if name.startswith(f"idx_{table}_")}


def seen_row(symbol: str, seconds: int) -> tuple[str, str, str, str, int, str]:
    """Return a row of a live market as it is stored, stamped a quarter of a second before it was known."""
    known = moment(seconds).isoformat(timespec="microseconds")
    return "main", known, "ticker", symbol, (1_767_225_600 + seconds) * 10**6 - 250_000, '["1"]'


def test_rows_lose_their_indexes_on_the_way_up_and_get_them_back_and_nothing_else_changes(place: str) -> None:
    was, now = {"idx_stage7_rows_book_known", "idx_stage7_rows_book_kind_symbol_known"}, set[str]()
    alerts = {"idx_stage7_alerts_book_ts", "idx_stage7_alerts_unsent"}
    columns = ("book", "known", "kind", "symbol", "stamp", "cells")
    told = ("book", "ts", "kind", "text", "key")
    ensure(place)
    downgrade(place, "0003")
    upgrade(place, "0004")
    assert indexes_of(place, "stage7_rows") == was
    assert indexes_of(place, "stage7_alerts") == now
    upgrade(place)
    rows = [seen_row(symbol, seconds) for seconds in (60, 120) for symbol in ("BTCTRY", "ETHTRY")]
    with writer(place) as store, store.unit() as work:
        work.upsert(
            "stage7_books", {"book": "main", "created_at": moment(0), "starting_cash_try": Decimal(1)}
        )
        work.insert("stage7_rows", columns, rows)
        work.insert("stage7_alerts", told, [("main", rows[0][1], "mode", "told", "mode=ON @a")])
        work.commit()
    downgrade(place, "0005")
    back = downgrade(place, "0004")
    assert (set(back.added), back.kept) == ({f"index {name}" for name in was}, [])
    assert set(back.released) == {f"index {name}" for name in alerts}
    assert indexes_of(place, "stage7_rows") == was
    again = upgrade(place, "0005")
    assert set(again.released) == {f"index {name}" for name in was}
    assert set(again.added) == {f"index {name}" for name in alerts}
    assert indexes_of(place, "stage7_rows") == now
    upgrade(place)
    test_migrations_build_what_the_metadata_say(place)
    with reader(place) as store, store.read() as view:
        assert sorted(view.as_stored("stage7_rows", columns)) == sorted(rows)
        assert [text for (text,) in view.rows("stage7_alerts", ("text",))] == ["told"]


@ON_SQLITE
def test_what_an_upgrade_makes_and_takes_away_again_it_does_not_speak_of(place: str) -> None:
    ensure(place)
    downgrade(place, "0003")
    changes = upgrade(place)
    assert not [what for what in (*changes.added, *changes.released) if "idx_stage7_rows" in what]


def test_postgresql_keeps_packed_bytes_as_they_are(new_postgres: Callable[[], str]) -> None:
    place = new_postgres()
    ensure(place)
    of_table = "attrelid = 'stage7_stretches'::regclass"
    query = f"SELECT attname::text, attstorage::text FROM pg_attribute WHERE {of_table}"
    for _ in range(2):
        with looking_at(database_url(place)) as connection:
            stored = {row[0]: row[1] for row in connection.execute(sa.text(query))}
        assert (stored["body"], stored["links"], stored["form"]) == ("e", "e", "x")
        downgrade(place, "0002")
        upgrade(place)


@ON_SQLITE
def test_below_the_adoption_there_is_no_way_back(place: str) -> None:
    ensure(place)
    with pytest.raises(StoreUnready, match="there is only the backup"):
        downgrade(place, "base")
    assert current(place).revision == HEAD


def test_another_revision_is_refused_with_the_command_to_type(place: str) -> None:
    ensure(place)
    downgrade(place, "0001")
    for attempt in (ensure, reader, writer):
        with pytest.raises(
            StoreUnready, match="is at revision 0001; this program needs revision 0006"
        ) as error:
            attempt(place)
        assert error.value.action.startswith("meva db upgrade --db ")


def test_a_new_file_is_its_owners_alone_and_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ensure(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_a_kill_left_empty_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch()
    ensure(path)
    assert current(path).revision == HEAD


def test_an_old_file_keeps_its_journal_mode(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE fills (fill_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, symbol TEXT NOT NULL,"
            " side TEXT NOT NULL, price TEXT NOT NULL, qty TEXT NOT NULL, fee TEXT NOT NULL,"
            " fee_currency TEXT NOT NULL, ts TEXT NOT NULL)"
        )
        connection.commit()
    upgrade(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_looking_at_a_file_does_not_change_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ensure(path)
    before = path.read_bytes()
    current(path)
    with reader(path) as store, store.read() as view:
        view.count()
    assert path.read_bytes() == before


def test_an_upgrade_waits_for_a_writer_and_is_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    ensure(path)
    downgrade(path, "0001")
    monkeypatch.setattr("meva_adapters.sql.engine.BUSY_SECONDS", 0.2)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
         " c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()", str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreBusy, match=f"locked by process {holder.pid} "):
            upgrade(path)
    finally:
        holder.communicate("")
    assert upgrade(path).added


def test_plain_alembic_does_the_same_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("STATE_DB_PATH", str(tmp_path / "state.db"))
    monkeypatch.delenv("MEVA_DATABASE_URL", raising=False)

    def alembic(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "alembic", *arguments]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    assert alembic("upgrade", "head").returncode == 0
    assert alembic("current").stdout == "0006 (head)\n"
    for arguments in (["check"], ["downgrade", "-1"]):
        main(arguments)  # what `alembic` runs; it ends with an exit code where it failed
    assert current(tmp_path / "state.db").revision == "0005"
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as connection:
        columns = "order_id, symbol, side, price, qty, status, created_at, updated_at"
        connection.execute(f"CREATE TABLE orders ({columns})")
    named = alembic("-x", f"db={old}", "current")
    assert (named.returncode, named.stdout) == (0, f"{old}: generation 1 of the earlier system\n")
    missing = alembic("-x", f"db={tmp_path / 'none.db'}", "current")
    assert missing.returncode == 255
    assert missing.stdout.startswith("FAILED: there is no database at")
    assert len(missing.stdout.splitlines()) == 1
    assert missing.stderr == ""


LIVE = """
INSERT INTO live_books VALUES ('live', 'abc1234', '{now}', '[]', '{{}}', '{{}}', '{{}}', NULL, NULL, NULL);
INSERT INTO live_flows
    VALUES ('live', 'flow:1', 1, 'deposit', 'TRY', '250.5', '250.5', '{now}', 'c', 0, NULL);
INSERT INTO stage4_orders (symbol, side, price, qty, status, created_at, updated_at, filled_qty, strategy)
    VALUES ('BTCTRY', 'BUY', '1', '2', 'open', '{now}', '{now}', '0.000000001', 's');
"""
OF_A_BOOK = (
    "actions",
    "orders",
    "fills",
    "stage4_fills",
    "applied_fills",
    "stage4_replace_transactions",
    "pnl_snapshots",
    "account_snapshots",
    "allocation_plans",
    "cycle_audit",
    "cycle_metrics",
    "stage4_run_metrics",
    "risk_decisions",
    "anomaly_events",
    "stage4_orders",
)
"""Tables of several books, but for the ledger, which has named them since 0002."""


def test_a_live_book_and_what_was_noted_of_an_order_stay_on_the_way_down_and_are_gone_on_with(
    place: str,
) -> None:
    ensure(place)
    with writer(place) as store, store.unit() as work:
        for statement in LIVE.format(now=moment(0).isoformat()).split(";\n")[:3]:
            work._connection.execute(sa.text(statement))
        work.commit()
    changes = downgrade(place, "0005")
    assert set(changes.kept) == {
        *(f"table {name}: it holds rows" for name in ("live_books", "live_flows")),
        *(f"column stage4_orders.{name}: it holds values" for name in ("filled_qty", "strategy")),
    }
    assert set(changes.released) == {
        "table live_cycles",
        "column process_instances.account",
        "column pnl_snapshots.cycle_id",
        *(f"column {table}.{name}" for table in OF_A_BOOK for name in ("book", "run_id")),
        *(f"column stage4_orders.{name}" for name in ("fill_complete", "decision_mark_try", "purpose")),
    }
    downgrade(place, "0001")
    assert "table live_cycles" in upgrade(place).added
    test_migrations_build_what_the_metadata_say(place)
    with reader(place) as store, store.read() as view:
        assert list(view.rows("live_flows", ("id", "amount", "ts"))) == [
            ("flow:1", Decimal("250.5"), moment(0))
        ]
        columns = ("filled_qty", "strategy", "purpose", "book")
        assert list(view.rows("stage4_orders", columns)) == [(Decimal("0.000000001"), "s", None, None)]
