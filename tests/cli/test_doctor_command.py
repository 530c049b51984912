"""`meva doctor`: what it sees, what it says to do, and that looking changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from local_exchange import LocalExchange, start_emulator, stop_emulator
from played_books import FIRST, recorded_market, run_book
from stage7_runs import edit_cell
from started import run as run_apart

from meva_adapters.btcturk import SharedCalls
from meva_adapters.btcturk.endpoints import BOOK, SERVER_TIME
from meva_adapters.sql import writer
from meva_adapters.sql.lease import Leases
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.process import Process
from meva_cli.checks.exchange import certificate

Meva = Callable[..., Any]
DB = ("--db", "state.db")
OFFLINE = ("--for", "stage7", "--offline")


@pytest.fixture(scope="module")
def exchange() -> Iterator[LocalExchange]:
    emulator = start_emulator()
    emulator.connect().client.clock.sync()  # the first answer takes longest, and is not asked twice
    yield emulator
    stop_emulator(emulator)


def checks(ended: Any, status: str | None = None) -> dict[tuple[str, str], dict[str, str]]:
    """Return the checks by category and name, those of a status if one is given."""
    found = ended.document["checks"]
    assert ended.document["ok"] == all(check["status"] != "fail" for check in found)
    assert ended.code == (0 if ended.document["ok"] else 1)
    return {(check["category"], check["name"]): check for check in found if status in (None, check["status"])}


def doctor(meva: Meva, *more: str, **environment: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"STAGE7_ENABLED": "true", **environment}.items():
            patch.setenv(name, value)
        return meva("doctor", *more, "--json")


def traces(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


# -- What it sees -----------------------------------------------------------------------------------------


def test_in_a_fresh_folder_nothing_fails_and_nothing_is_made(meva: Meva, tmp_path: Path) -> None:
    ended = meva("doctor", "--json")
    found = checks(ended)
    assert ended.document["for"] == "backtest"
    assert {category for category, _ in found} == {
        *("settings", "gates", "database", "data", "strategy", "keys", "system"),
    }
    assert "STAGE7_ENABLED=true" in found["gates", "stage7"]["message"]
    assert list(tmp_path.iterdir()) == []


def test_for_stage_7_the_shut_gate_fails_with_the_line_that_opens_it(meva: Meva) -> None:
    failed = checks(meva("doctor", *OFFLINE, "--json"), "fail")
    assert list(failed) == [("gates", "stage7")]
    assert failed["gates", "stage7"]["action"] == "set STAGE7_ENABLED=true (it is false)"
    assert checks(doctor(meva, "--offline"), "fail") == {}


def test_gates_that_contradict_each_other_fail_one_by_one(meva: Meva) -> None:
    ended = doctor(meva, "--offline", LIVE_TRADING="true", DRY_RUN="false")
    failed = [check for check in ended.document["checks"] if check["status"] == "fail"]
    assert {check["name"] for check in failed} == {"contradictions"}
    assert "set LIVE_TRADING=false" in failed[0]["action"] + failed[1]["action"]


@pytest.mark.parametrize(
    ("values", "name", "said"),
    [
        ({"NOTIONAL_CAP_TRY_PER_CYCLE": "0"}, "turnover", "no new order is placed"),
        ({"MIN_ORDER_NOTIONAL_TRY": "2000"}, "turnover", "is above NOTIONAL_CAP_TRY_PER_CYCLE=1000"),
        ({"MAX_POSITION_NOTIONAL_TRY": "9"}, "position", "nothing is ever bought"),
        ({"DRY_RUN_TRY_BALANCE": "300"}, "cash", "a new book has nothing to invest"),
        ({"TRY_CASH_TARGET": "700"}, "cash", "is above TRY_CASH_MAX=600"),
        ({"TTL_SECONDS": "59"}, "interval", "an order ends before the next cycle"),
        ({"STAGE7_RISK_COOLDOWN_SEC": "5"}, "interval", "a cooldown is over before the next cycle"),
        ({"STAGE7_UNIVERSE_WHITELIST": "BTCTRY"}, "universe", "above the 1 pairs"),
        ({"MAX_ORDERS_PER_CYCEL": "3"}, "names", "did you mean MAX_ORDERS_PER_CYCLE?"),
    ],
)
def test_values_that_leave_nothing_to_do_are_told(
    meva: Meva, values: dict[str, str], name: str, said: str
) -> None:
    warned = checks(doctor(meva, "--offline", **values), "warn")["settings", name]
    assert said in warned["message"]
    assert warned["action"]


def test_of_values_that_leave_something_to_do_nothing_is_told(meva: Meva) -> None:
    assert "settings" not in {category for category, _ in checks(doctor(meva, "--offline"), "warn")}


def test_settings_that_cannot_be_read_fail_one_by_one_and_the_database_is_looked_at(
    meva: Meva, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("TTL_SECONDS=soon\nSTAGE7_FEES_BPS=-1\n")
    ended = doctor(meva, "--offline")
    failed = [check["message"] for check in ended.document["checks"] if check["status"] == "fail"]
    assert sorted(message.split(":")[0] for message in failed) == ["STAGE7_FEES_BPS", "TTL_SECONDS"]
    assert ("database", "there") in checks(ended)
    (tmp_path / ".env").write_text("NO SETTING")
    assert checks(doctor(meva, "--offline"), "fail")


def test_keys_that_are_not_needed_and_files_that_others_read_are_told_without_the_key(
    meva: Meva, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("BTCTURK_API_KEY=c4n4ry\n")
    (tmp_path / ".env").chmod(0o644)
    ended = doctor(meva, "--offline")
    warned = checks(ended, "warn")
    assert "BTCTURK_API_KEY from .env line 1" in warned["keys", "credentials"]["message"]
    assert warned["keys", "files"]["action"] == "run `chmod 600 .env`"
    assert "c4n4ry" not in ended.out + ended.err


def test_a_dataset_is_looked_at_as_validate_does(meva: Meva, tmp_path: Path) -> None:
    meva("replay", "init", "data", "--minutes", "30")
    named = {"MEVA_REPLAY_DATASET": "data"}
    assert "can be run" in checks(doctor(meva, "--offline", **named))["data", "dataset"]["message"]
    book = next((tmp_path / "data" / "orderbook").glob("*.csv"))
    edit_cell(book, 3, "best_bid", "-1")
    assert checks(doctor(meva, "--offline", **named), "fail")["data", "dataset"]["action"]
    missing = checks(doctor(meva, "--offline", MEVA_REPLAY_DATASET="nowhere"), "fail")
    assert "is no folder" in missing["data", "dataset"]["message"]


# -- The database -----------------------------------------------------------------------------------------


def test_a_database_of_another_kind_revision_or_state_fails(meva: Meva, tmp_path: Path) -> None:
    def failed() -> dict[tuple[str, str], dict[str, str]]:
        return checks(doctor(meva, "--offline", *DB), "fail")

    meva("books", "new", "main", *DB)
    assert failed() == {}
    meva("db", "downgrade", "0003", *DB)
    assert failed()["database", "open"]["action"].startswith("meva db upgrade")
    meva("db", "upgrade", *DB)
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "newer than this program's" in failed()["database", "open"]["message"]
    (tmp_path / "state.db").write_bytes(b"no database at all" * 100)
    assert failed()["database", "open"]


def test_what_a_killed_process_left_beside_the_file_stops_no_run(meva: Meva, tmp_path: Path) -> None:
    meva("books", "new", "main", *DB)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as holder:
        holder.execute("UPDATE stage7_books SET book = book")
        log = (tmp_path / "state.db-wal").read_bytes()
    (tmp_path / "state.db-shm").unlink(missing_ok=True)
    (tmp_path / "state.db-wal").write_bytes(log)
    before = traces(tmp_path)
    ended = doctor(meva, "--offline", *DB)
    assert "has to be taken in" in checks(ended, "warn")["database", "open"]["message"]
    assert (ended.code, traces(tmp_path)) == (0, before)


def test_an_empty_file_is_what_a_run_makes_its_tables_in(meva: Meva, tmp_path: Path) -> None:
    (tmp_path / "state.db").touch()
    found = checks(doctor(meva, "--offline", *DB))["database", "revision"]
    assert (found["status"], "is empty" in found["message"]) == ("pass", True)
    assert (tmp_path / "state.db").stat().st_size == 0


def test_a_damaged_page_is_found(meva: Meva, tmp_path: Path) -> None:
    meva("books", "new", "main", *DB)
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        [[page]] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'idx_stage7_alerts_book_ts'"
        )
        [[size]] = connection.execute("PRAGMA page_size")
    with open(tmp_path / "state.db", "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    assert checks(doctor(meva, "--offline", *DB), "fail")["database", "integrity"]


def test_folders_that_are_not_there_fail(meva: Meva) -> None:
    failed = checks(doctor(meva, "--offline", "--db", "no/where.db"), "fail")
    assert "there is no folder" in failed["database", "there"]["message"]


def test_it_tells_who_holds_a_book_and_a_last_cycle_that_lies_ahead(meva: Meva, tmp_path: Path) -> None:
    meva("books", "new", "main", *DB)
    assert "nobody holds book main" in checks(doctor(meva, "--offline", *DB))["database", "lease"]["message"]
    with writer(tmp_path / "state.db") as store:
        Leases(store, SystemClock(), Process("elsewhere", 7, 1, "boot", "pid:[9]")).take("main")
    held = checks(doctor(meva, "--offline", *DB))["database", "lease"]
    assert "book main is held by process 7 on elsewhere until" in held["message"]
    run_book(tmp_path / "state.db", recorded_market(tmp_path), [FIRST])
    assert ("database", "clock") not in checks(doctor(meva, "--offline", *DB))
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="microseconds")
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute("UPDATE stage7_runs SET last_ts = ?", (ahead,))
        connection.commit()
    assert (
        "ahead of this machine's clock"
        in (checks(doctor(meva, "--offline", *DB), "warn")["database", "clock"]["message"])
    )


def test_how_much_a_database_grows_is_told_beforehand_and_then_by_its_own_cycles(
    meva: Meva, tmp_path: Path
) -> None:
    db, market = tmp_path / "state.db", recorded_market(tmp_path, minutes=140)

    def told() -> tuple[int, str]:
        message = checks(doctor(meva, "--offline", *DB))["database", "room"]["message"]
        seen = re.search(r"60 s takes (\d+) MB, (.*)", message)
        assert seen is not None
        return int(seen[1]) * 10**6 // 1440, seen[2]

    run_book(db, market, range(FIRST, FIRST + 600, 60))
    beforehand, size = told(), db.stat().st_size
    assert beforehand[1] == "reckoned for 4 symbols"
    run_book(db, market, range(FIRST + 600, FIRST + 6060, 60))
    grown = (db.stat().st_size - size) // 91
    assert grown / 2 <= beforehand[0] <= grown * 2
    assert told()[1] == "by its 101 cycles so far"
    assert grown / 2 <= told()[0] <= grown * 2


# -- It changes nothing -----------------------------------------------------------------------------------


def dump(db: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        return [*connection.iterdump()]


@pytest.mark.parametrize("more", [(), ("--deep",), ("--for", "stage4")])
def test_it_leaves_no_trace_alone_and_beside_a_holder(
    meva: Meva, tmp_path: Path, exchange: LocalExchange, more: tuple[str, ...]
) -> None:
    db = tmp_path / "work" / "state.db"
    db.parent.mkdir()
    run_book(db, recorded_market(tmp_path), [FIRST, FIRST + 60])
    has_key = "stage4" in more  # which is asked what it may do
    address = {n: value for n, value in exchange.environment.items() if has_key or "API_" not in n}
    environment = {
        **os.environ,
        **address,
        "STAGE7_ENABLED": "true",
        "MEVA_CACHE_DIR": str(tmp_path / "none"),
    }

    def looked() -> dict[str, Any]:
        done = run_apart("doctor", "--db", "state.db", "--json", *more, cwd=db.parent, env=environment)
        assert done.returncode in (0, 1), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    for end in ("-shm", "-wal"):  # as a machine that was switched off cleanly leaves it
        db.with_name(f"state.db{end}").unlink(missing_ok=True)
    before = traces(tmp_path)
    assert any(check["category"] == "exchange" for check in looked()["checks"])
    assert traces(tmp_path) == before
    rows = dump(db)
    with writer(db) as store:
        lease = Leases(store, SystemClock()).take("main")
        held, before = dump(db), traces(tmp_path)
        told = [check["message"] for check in looked()["checks"] if check["name"] == "lease"]
        assert told[0].startswith(f"book main is held by process {os.getpid()} on ")
        assert traces(tmp_path) == before
        assert dump(db) == held != rows
        with store.unit() as work:  # a cycle that is being written keeps nobody from looking
            lease.renew(work)
            assert looked()["checks"]
            work.commit()


# -- The exchange -----------------------------------------------------------------------------------------


def test_it_asks_four_questions_and_reckons_what_a_loop_asks_for(
    meva: Meva, exchange: LocalExchange, tmp_path: Path
) -> None:
    address = {name: value for name, value in exchange.environment.items() if "API_" not in name}
    exchange.fault("late", "*", seconds=0.001)  # counts every request
    before = exchange.control("GET", "state")["happened"].get("late", 0)
    address["MEVA_CACHE_DIR"] = str(tmp_path / "none")
    ended = doctor(meva, "--interval", "5", SYMBOLS="BTCTRY,NOSUCHTRY", **address)
    assert exchange.control("GET", "state")["happened"]["late"] - before == 4
    exchange.control("DELETE", "faults")
    found = checks(ended)
    assert found["exchange", "others"]["message"].startswith("no other process of this host")
    assert ("exchange", "answers") not in found, found["exchange", "answers"]
    assert {name for category, name in found if category == "exchange"} >= {
        *("latency", "clock", "metadata", "tickers", "book", "budget"),
    }
    assert "a cycle each 5 s" in found["exchange", "budget"]["message"]
    assert found["rules", "BTCTRY"]["status"] == "pass"
    assert found["rules", "NOSUCHTRY"]["status"] == "fail"
    loose = doctor(meva, SYMBOLS="NOSUCHTRY,BTCTRY", STAGE7_RULES_REQUIRE_METADATA="false", **address)
    assert checks(loose)["rules", "NOSUCHTRY"]["status"] == "warn"


def test_it_tells_what_others_asked_and_counts_its_own_calls_where_all_are_counted(
    meva: Meva, exchange: LocalExchange, tmp_path: Path
) -> None:
    address = {name: value for name, value in exchange.environment.items() if "API_" not in name}
    folder = tmp_path / "cache" / "meva"
    folder.mkdir(parents=True, mode=0o700)
    own = {**address, "SYMBOLS": "BTCTRY", "MEVA_CACHE_DIR": str(tmp_path / "cache")}
    calls = SharedCalls(folder / "calls.json", address["BTCTURK_BASE_URL"])
    with calls.held() as times:
        for _ in range(3):
            times.add(BOOK.quota, monotonic(), 60)
    told = checks(doctor(meva, **own))["exchange", "others"]["message"]
    assert "asked it 3 times in the last minute, 3 books and 0 bars" in told
    with calls.held() as times:
        assert len(times.made[BOOK.quota]) == 4
        assert len(times.made[SERVER_TIME.quota]) == 1
        times.block(BOOK.quota, monotonic() + 60)
    blocked = checks(doctor(meva, **own), "warn")["exchange", "others"]["message"]
    assert blocked == "the exchange takes no more calls for now: orderbook"


def test_for_a_loop_with_the_stream_that_is_tried_and_reckoned_with(
    meva: Meva, exchange: LocalExchange, tmp_path: Path
) -> None:
    address = {name: value for name, value in exchange.environment.items() if "API_" not in name}
    own = {**address, "SYMBOLS": "BTCTRY", "MEVA_CACHE_DIR": str(tmp_path / "none")}
    exchange.fault("late", "GET *", seconds=0.001)  # counts every request
    before = exchange.control("GET", "state")["happened"].get("late", 0)
    found = checks(doctor(meva, "--stream", "--interval", "1", **own))
    assert exchange.control("GET", "state")["happened"]["late"] - before == 4
    exchange.control("DELETE", "faults")
    assert "it told BTCTRY: " in found["exchange", "stream"]["message"]
    assert "only books that it lacks are asked for" in found["exchange", "budget"]["message"]
    assert {found["exchange", name]["status"] for name in ("stream", "budget")} == {"pass"}
    assert ("exchange", "stream") not in checks(doctor(meva, **own))


def test_a_stream_that_is_not_heard_is_worth_a_look_and_stops_no_loop(
    meva: Meva, exchange: LocalExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meva_cli.checks.answers._STREAM_SECONDS", 0.2)
    address = {name: value for name, value in exchange.environment.items() if "API_" not in name}
    own = {**address, "SYMBOLS": "BTCTRY", "MEVA_CACHE_DIR": str(tmp_path / "none")}
    ended = doctor(meva, "--stream", **{**own, "BTCTURK_WS_URL": "ws://127.0.0.1:9"})
    told = checks(ended, "warn")["exchange", "stream"]
    assert (ended.code, "BTCTURK_WS_URL" in told["action"]) == (0, True)
    assert "a loop asks for books then" in told["message"]


def test_without_the_library_of_the_stream_a_loop_with_it_may_not_begin(
    meva: Meva, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "was not tried" in checks(doctor(meva, "--offline", "--stream"))["exchange", "stream"]["message"]
    monkeypatch.setitem(sys.modules, "websockets", None)
    failed = checks(doctor(meva, "--offline", "--stream"), "fail")
    assert failed["exchange", "stream"]["action"] == "pip install 'meva[stream]'"
    assert failed["exchange", "stream"]["code"] == "bad_input"


def test_the_stream_is_for_stage_7_whatever_the_settings_open(meva: Meva) -> None:
    assert doctor(meva, "--offline", "--stream", STAGE7_ENABLED="false").document["for"] == "stage7"
    refused = meva("doctor", "--stream", "--for", "backtest")
    assert (refused.code, "--stream is for Stage 7" in refused.err) == (2, True)


def test_an_exchange_that_does_not_answer_fails_once(meva: Meva) -> None:
    failed = checks(doctor(meva, BTCTURK_BASE_URL="http://127.0.0.1:9"), "fail")
    assert list(failed) == [("exchange", "answers")]


def test_what_200_pairs_at_5_s_come_to_is_told_offline(meva: Meva) -> None:
    told = checks(doctor(meva, "--offline", "--interval", "5"), "warn")["exchange", "budget"]
    assert "at no interval does a cycle ask for all books" in told["message"]
    listed = ",".join(f"C{place:02}TRY" for place in range(20))
    few = doctor(meva, "--offline", "--interval", "5", STAGE7_UNIVERSE_WHITELIST=listed)
    assert "from an interval of 8 s on" in checks(few)["exchange", "budget"]["message"]


def test_a_certificate_is_looked_at_where_there_is_one() -> None:
    assert list(certificate("http://127.0.0.1:9")) == []
    [check] = certificate("https://127.0.0.1:9")
    assert (check.status, "it cannot be seen" in check.message) == ("warn", True)


# -- Before a run -----------------------------------------------------------------------------------------


def test_a_run_begins_with_nothing_that_fails_and_says_what_is_worth_a_look(
    meva: Meva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTCTURK_BASE_URL", "http://127.0.0.1:9")  # whether it answers stops no run
    monkeypatch.setattr("meva_cli.commands.run_stage7.SINGLE_DEADLINE", 2.0)
    shut = meva("run", "stage7", *DB)
    assert shut.code == 2
    assert shut.err == (
        "Error: gates: Stage 7 may not run: stage7_disabled\nTo do: set STAGE7_ENABLED=true (it is false)\n"
    )
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("STAGE7_ENABLED", "true")
    monkeypatch.setenv("MEVA_REPLAY_DATASET", "nowhere")
    assert "data: MEVA_REPLAY_DATASET=nowhere is no folder" in meva("run", "stage7", *DB).err
    monkeypatch.delenv("MEVA_REPLAY_DATASET")
    monkeypatch.setenv("TTL_SECONDS", "30")
    ended = meva("run", "stage7", *DB)
    assert ended.code == 1
    assert "warning: settings: TTL_SECONDS=30 is below the interval of 60 s" in ended.err
    meva("db", "downgrade", "0003", *DB)
    old = meva("run", "stage7", *DB)
    assert (old.code, "this program needs revision" in old.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("STAGE7_ENABLED", "false", "bad_input"),
        ("STAGE7_FEES_BPS", "many", "bad_setting"),
        ("STATE_DB_PATH", "elsewhere/state.db", "bad_input"),
        ("STATE_DB_PATH", "old.db", "store_unready"),
    ],
)
def test_what_stops_a_run_has_the_code_of_the_first_thing_that_is_not_right(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: str
) -> None:
    if value == "old.db":
        meva("books", "new", "main", "--db", "old.db")
        meva("db", "downgrade", "0003", "--db", "old.db")
    monkeypatch.setenv("STAGE7_ENABLED", "true")
    monkeypatch.setenv(name, value)
    refused = meva("run", "stage7", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (2, code), refused.document


# -- A strategy -------------------------------------------------------------------------------------------


def test_a_strategy_is_loaded_with_its_parameters_and_what_it_needs_is_reckoned(meva: Meva) -> None:
    said = ("--strategy", "momentum", "-p", "closes=90")
    found = checks(doctor(meva, "--offline", "--for", "stage7", *said))
    assert found["strategy", "policy"]["message"].startswith(
        "momentum, version 1, closes=90, count=3; source "
    )
    assert "it needs 91 bars of 60 s, made of the exchange's of 60 s" in found["strategy", "bars"]["message"]
    assert found["strategy", "time"]["status"] == "pass"
    slow = checks(doctor(meva, "--offline", *said, STRATEGY_TIMEOUT_SEC="40"), "warn")
    assert "it may take 40 s of each 60 s" in slow["strategy", "time"]["message"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["--strategy", "momentum", "-p", "close=9"], "has no parameter 'close'; did you mean closes?"),
        (["--strategy", "own.py:Own"], "own.py cannot be loaded: ZeroDivisionError"),
        (["--strategy", "odd.py:Odd"], "bars of 90s cannot be made of those of the exchange"),
        (
            ["--set", 'STRATEGY_PARAMS={"closes": 9, "closes": 8}', "--strategy", "momentum"],
            "has a name twice",
        ),
        (["-p", "closes=9"], "parameters of a strategy were given, but no strategy"),
    ],
)
def test_a_strategy_that_cannot_run_fails(meva: Meva, said: list[str], why: str) -> None:
    head = "from meva_core.strategy import Strategy\n"
    Path("own.py").write_text(f"{head}1 / 0\n")
    odd = 'class Odd(Strategy):\n    bars = "90s"\n    def needs(self):\n        return 1\n'
    odd += "    def weights(self, h):\n        return h.on_cycles(h.close)\n"
    Path("odd.py").write_text(head + odd)
    found = checks(doctor(meva, "--offline", "--for", "stage7", *said), "fail")
    assert why in found["strategy", "policy"]["message"]
    begun = meva("run", "stage7", "--db", "a.db", *said)
    assert (begun.code, why in begun.err, Path("a.db").exists()) == (2, True, False)


def test_no_strategy_is_loaded_where_it_is_to_be_left_alone(meva: Meva) -> None:
    Path("own.py").write_text("open('ran', 'w')\n")
    ended = doctor(meva, "--offline", "--no-strategy", "--strategy", "own.py:Own")
    assert checks(ended)["strategy", "policy"]["message"] == "own.py:Own; it was not loaded"
    assert not Path("ran").exists()
