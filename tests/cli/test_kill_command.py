"""`meva kill` and `meva arm`: the switch as file and row, and our own open orders taken back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from fresh_database import fresh_file
from local_exchange import LocalExchange, start_emulator, stop_emulator

from meva_adapters.sql import SqlStore, reader, writer
from meva_adapters.sql.lease import Leases
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.process import this_process
from meva_cli.operating.kill_switch import KillSwitch
from meva_core.live.desk import Desk
from meva_core.operating.guards.kill import Level, stored_kills
from meva_core.operating.steps.cancelling import resting_of
from meva_core.orders import Side
from meva_core.settings import Gates
from meva_core.venue import NewOrder, OrderState

Call = Callable[..., Any]
OPEN = {"KILL_SWITCH": "false"}
ARMED = {**OPEN, "DRY_RUN": "false", "LIVE_TRADING": "true", "LIVE_TRADING_ACK": "I_UNDERSTAND"}
DB = ("--db", "live.db")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return fresh_file(tmp_path / "live.db")


@pytest.fixture
def switch(tmp_path: Path, db: Path) -> Iterator[KillSwitch]:
    """The switch as a loop looks at it, that was begun with an open setting."""
    looks = reader(db)
    yield KillSwitch(Gates(kill_switch=False), tmp_path, looks.read)
    looks.close()


@pytest.fixture
def call(meva: Call) -> Call:
    """Run a command with these settings in its environment."""

    def with_settings(*arguments: str, **environment: str) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return meva(*arguments)

    return with_settings


# -- The switch -------------------------------------------------------------------------------------------


def test_a_kill_is_seen_by_whoever_looks_and_an_arm_takes_it_back(call: Call, switch: KillSwitch) -> None:
    assert switch.strictest() is None
    done = call("kill", "--reason", " flash\n crash", *DB, **OPEN)
    assert done.code == 0
    assert "/live.db, op_state, kill_switch:meva: all" in done.out
    found = switch.strictest()
    assert found is not None
    assert (found.level, found.reason) == (Level.ALL, "flash crash")
    armed = call("arm", "--reason", "looked into", *DB, **OPEN)
    assert (armed.code, armed.out.splitlines()[-1]) == (0, "the kill switch is off")
    assert switch.strictest() is None


def test_a_second_kill_keeps_the_reason_of_the_first_on_record(
    call: Call, switch: KillSwitch, tmp_path: Path
) -> None:
    settings = {**OPEN, "MEVA_KILL_FILE": str(tmp_path / "STOP")}
    for reason in ("flash crash", "flash crash", "a look", ""):
        assert call("kill", "--reason", reason, *DB, **settings).code == 0
    assert (tmp_path / "STOP").read_text() == "all\na look; before: flash crash\n"
    looked = KillSwitch(Gates(kill_switch=False), tmp_path, switch.views)
    assert [one.reason for one in looked.kills()] == ["a look; before: flash crash"]
    armed = call("arm", "--reason", "seen", "--json", *DB, **settings).document
    assert {one["reason"] for one in armed["lifted"]} == {"a look; before: flash crash"}
    call("kill", "--reason", "another day", *DB, **settings)
    found = switch.strictest()
    assert found is not None
    assert found.reason == "another day", "what was lifted is over"


@pytest.mark.parametrize("lines", [("true", "false"), ("false", "true")])
def test_a_switch_that_is_typed_above_or_below_another_value_kills(
    switch: KillSwitch, tmp_path: Path, lines: tuple[str, str]
) -> None:
    (tmp_path / ".env").write_text("KILL_SWITCH=false\n")
    assert switch.strictest() is None
    (tmp_path / ".env").write_text("".join(f"KILL_SWITCH={line}\n" for line in lines))
    found = switch.strictest()
    assert found is not None
    assert found.level is Level.ALL


def test_with_a_kill_file_both_are_written_and_one_is_enough(
    call: Call, switch: KillSwitch, tmp_path: Path
) -> None:
    settings = {**OPEN, "MEVA_KILL_FILE": str(tmp_path / "run" / "STOP")}
    done = call("kill", "--json", *DB, **settings).document
    assert (len(done["written"]), done["not_written"]) == (2, [])
    assert (tmp_path / "run" / "STOP").read_text() == "all\n\n"
    # Without a database, the file alone:
    (tmp_path / "run" / "STOP").unlink()
    lone = call("kill", "--db", "none.db", **settings)
    assert (lone.code, (tmp_path / "run" / "STOP").exists()) == (0, True)
    assert "not written  there is no database at" in lone.out
    # Neither of them is a failure, and says what else ends it.
    nothing = call("kill", "--db", "none.db", **OPEN)
    assert (nothing.code, "set KILL_SWITCH=true in .env" in nothing.out) == (1, True)
    armed = call("arm", "--reason", "seen", "--json", *DB, **settings).document
    assert [one["where"].partition(",")[0] for one in armed["lifted"]] == ["op_state", "MEVA_KILL_FILE"]
    assert not (tmp_path / "run" / "STOP").exists()


BROKEN = {
    "a bad value": ("MAX_OPEN_ORDERS=abc\n", "", {}),
    "a bad symbol": ("SYMBOLS=btc-try!\n", "", {}),
    "an unknown name": ("MAX_OPN_ORDERS=5\n", "", {}),
    "no assignment": ("what is this\n", "", {}),
    "a bad gate": ("LIVE_TRADING=fals\n", "", {}),
    "a bad key": ("BTCTURK_API_KEY=two words\n", "", {}),
    "a quote that stays open": ('LOG_LEVEL="INFO\n', "", {}),
    "no text": (b"# \xff\xfe\n", "", {}),
    "no TOML": ("", "[gates\nkill_switch = false\n", {}),
    "an unknown heading": ("", "[gatez]\nkill_switch = false\n", {}),
    "a bad value in TOML": ("", "[live]\nmax_open_orders = 'abc'\n", {}),
    "a bad gate in the environment": ("", "", {"LIVE_TRADING": "yess"}),
    "a bad level of logs": ("", "", {"LOG_LEVEL": "LOUD"}),
    "a bad address of the exchange": ("", "", {"BTCTURK_BASE_URL": "nowhere"}),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("home", [".env", "meva.toml", "the environment"])
@pytest.mark.parametrize("asked", [(), ("--cancel-open",)], ids=["plain", "cancels"])
def test_no_fault_of_the_settings_keeps_the_switch_from_going_on(
    call: Call, switch: KillSwitch, tmp_path: Path, fault: str, home: str, asked: tuple[str, ...]
) -> None:
    stop, (dotenv, toml, environment) = tmp_path / "STOP", BROKEN[fault]
    places = {"MEVA_KILL_FILE": str(stop), "STATE_DB_PATH": "live.db"}
    lines = "".join(f"{name}={text}\n" for name, text in places.items()) if home == ".env" else ""
    (tmp_path / ".env").write_bytes(
        lines.encode() + (dotenv if isinstance(dotenv, bytes) else dotenv.encode())
    )
    headed = f"[gates]\nmeva_kill_file = '{stop}'\n[state]\nstate_db_path = 'live.db'\n"
    (tmp_path / "meva.toml").write_text((headed if home == "meva.toml" else "") + toml)
    there = places if home == "the environment" else {}
    done = call("kill", *asked, "--reason", "in trouble", "--json", **there, **environment)
    assert (done.document["not_written"], len(done.document["written"])) == ([], 2), done.err
    assert stop.read_text() == "all\nin trouble\n"
    with reader("live.db") as looks, looks.read() as view:
        assert [str(one) for one in stored_kills(view)] == ["op_state, kill_switch:meva: all (in trouble)"]
    # What canceling takes is said, and only that is not done.
    assert (done.code, bool(done.document.get("left"))) == ((1, True) if asked else (0, False))


def test_what_names_its_places_and_cannot_be_read_is_said_and_the_other_one_is_written(
    call: Call, db: Path, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"MEVA_KILL_FILE={tmp_path / 'STOP'}\nMEVA_DATABASE_URL=nothing\n")
    lone = call("kill", "--json")
    assert (lone.code, len(lone.document["written"]), (tmp_path / "STOP").exists()) == (0, 1, True)
    assert "MEVA_DATABASE_URL: <secret> from .env line 2" in lone.document["not_written"][0]
    (tmp_path / ".env").write_text(f"MEVA_KILL_FILE=~nobody-{tmp_path.name}/STOP\nSTATE_DB_PATH=live.db\n")
    lone = call("kill", "--json")
    assert (lone.code, len(lone.document["written"])) == (0, 1)
    assert lone.document["not_written"][0].startswith("MEVA_KILL_FILE, ~nobody-")


def test_what_is_wrong_is_told_once_the_switch_is_on(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        assert (tmp_path / "STOP").exists()
        raise OSError(5, "the terminal is gone")

    (tmp_path / ".env").write_text(f"MEVA_KILL_FILE={tmp_path / 'STOP'}\nMAX_OPN_ORDERS=5\n")
    monkeypatch.setattr("meva_cli.commands.kill.say", closed)
    assert call("kill", *DB).code == 1
    assert (tmp_path / "STOP").read_text() == "all\n\n"


def test_a_working_folder_that_is_gone_does_not_keep_the_file_from_being_written(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    done = call("kill", "--json", MEVA_KILL_FILE=str(tmp_path / "STOP"), STATE_DB_PATH="live.db")
    assert (done.code, (tmp_path / "STOP").exists()) == (0, True)
    assert done.document["not_written"][0].startswith("the database: ")


def test_where_nothing_can_be_written_it_says_what_else_ends_it(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call("kill", "--db", "none.db", MEVA_KILL_FILE=str(tmp_path / "file" / "the STOP"))
    assert done.code == 1
    touch = f"nothing was written: `touch '{tmp_path / 'file' / 'the STOP'}'` as somebody who may, set "
    assert touch in done.out


def test_files_of_settings_that_may_name_other_places_and_cannot_be_read_make_it_uncertain(
    call: Call, db: Path, tmp_path: Path
) -> None:
    (tmp_path / ".env").mkdir()
    (tmp_path / "btcbot_state.db").write_bytes(db.read_bytes())
    unsure = call("kill")
    assert (unsure.code, "written  " in unsure.out, "nothing is sent" in unsure.out) == (1, True, False)
    assert "what .env names could not be read" in unsure.out
    # A MEVA_DATABASE_URL there would win over this one:
    assert call("kill", "--json", STATE_DB_PATH="live.db").document["not_known"] == [".env"]
    sure = call("kill", "--json", MEVA_DATABASE_URL=f"sqlite:///{db}")
    assert (sure.code, sure.document["not_known"]) == (0, [])
    assert call("kill", *DB).code == 0
    assert "warning: .env cannot be read: Is a directory; passed over" in sure.err


def test_what_stands_in_the_place_of_the_kill_file_and_cannot_be_taken_away_is_named(
    call: Call, db: Path, tmp_path: Path
) -> None:
    (tmp_path / "STOP").mkdir()
    settings = {**OPEN, "MEVA_KILL_FILE": str(tmp_path / "STOP")}
    killed = call("kill", "--reason", "flash", "--db", str(db), "--json", **settings)
    assert (killed.code, len(killed.document["written"]), len(killed.document["not_written"])) == (0, 1, 1)
    armed = call("arm", "--reason", "again", "--db", str(db), "--json", **settings)
    [lifted], [failed], [stands] = (armed.document[one] for one in ("lifted", "not_lifted", "stands"))
    assert lifted["where"].startswith("op_state")
    assert failed == f"MEVA_KILL_FILE, {tmp_path / 'STOP'}: it cannot be taken away: Is a directory"
    assert (armed.code, stands["where"]) == (1, f"MEVA_KILL_FILE, {tmp_path / 'STOP'}")


def test_an_arm_leaves_the_setting_and_says_which_line_it_is(call: Call, db: Path, tmp_path: Path) -> None:
    again = "a loop that began with it is to be begun anew"
    (tmp_path / ".env").write_text("# here\nKILL_SWITCH=true\n")
    armed = call("arm", "--reason", "seen", *DB)
    assert (armed.code, armed.out.splitlines()) == (
        1,
        [
            "stands  KILL_SWITCH: all (the settings say so: .env line 2)",
            f"set KILL_SWITCH=false: .env line 2; {again}",
            "the kill switch is still on",
        ],
    )
    assert (
        "set KILL_SWITCH=false: the environment; " in call("arm", "--reason", "x", *DB, KILL_SWITCH="1").out
    )
    (tmp_path / ".env").unlink()
    said = f"it is on by default: add KILL_SWITCH=false to .env; {again}"
    assert said in call("arm", "--reason", "seen", *DB).out
    assert call("arm", "--reason", "  ", *DB, **OPEN).code == 2


@pytest.mark.parametrize(
    ("name", "text", "closes"),
    [
        (".env", "KILL_SWITCH=true\n", True),
        (".env", "KILL_SWITCH=false\n", False),
        (".env", "LOG_LEVEL=DEBUG\n", False),
        (".env", "KILL_SWITCH\n", True),  # what cannot be read has said it
        (".env", "KILL_SWITCH=perhaps\n", True),
        (".env", "KILLSWITCH=true\n", True),
        ("meva.toml", "[gates]\nkill_switch = true\n", True),
        ("meva.toml", "[gates]\nkill_switch = false\n", False),
        ("meva.toml", "[gates\n", True),
    ],
)
def test_a_file_of_settings_that_changes_closes_it_and_opens_again_what_it_closed(
    switch: KillSwitch, tmp_path: Path, name: str, text: str, closes: bool
) -> None:
    assert switch.strictest() is None
    (tmp_path / name).write_text(text)
    found = switch.strictest()
    assert (found is not None) == closes
    if found is not None:
        assert found.where.startswith(name)
    (tmp_path / name).write_text("# nothing\n")
    assert switch.strictest() is None


def test_what_the_settings_said_at_the_beginning_no_file_opens(tmp_path: Path, db: Path) -> None:
    (tmp_path / ".env").write_text("KILL_SWITCH=false\n")
    looks = reader(db)
    found = KillSwitch(Gates(kill_switch=True), tmp_path, looks.read).strictest()
    looks.close()
    assert found is not None
    assert found.where == "KILL_SWITCH"


def test_a_file_that_something_else_won_over_closes_nothing_until_it_changes(
    tmp_path: Path, db: Path
) -> None:
    (tmp_path / ".env").write_text("KILL_SWITCH=true\n")
    looks = reader(db)
    switch = KillSwitch(Gates(kill_switch=False), tmp_path, looks.read)  # as the environment had it
    assert switch.strictest() is None
    (tmp_path / ".env").write_text("KILL_SWITCH=true  # at once\n")
    assert switch.strictest() is not None
    looks.close()


def test_a_file_that_kept_it_open_and_says_nothing_any_more_closes_it(
    tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KILL_SWITCH", raising=False)
    (tmp_path / ".env").write_text("KILL_SWITCH=false\n")
    looks = reader(db)
    switch = KillSwitch(Gates(kill_switch=False), tmp_path, looks.read)
    assert switch.strictest() is None
    (tmp_path / ".env").unlink()
    found = switch.strictest()
    assert found is not None
    assert found.where == "KILL_SWITCH"
    (tmp_path / "meva.toml").write_text("[gates]\nkill_switch = false\n")
    assert switch.strictest() is None
    looks.close()


# -- Orders taken back ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[LocalExchange]:
    emulator = start_emulator()
    yield emulator
    stop_emulator(emulator)


@pytest.fixture
def exchange(running: LocalExchange) -> LocalExchange:
    """The exchange, with all its budgets: it takes 10 orders a second."""
    running.control("POST", "limits/reset")
    return running


@pytest.fixture
def store(db: Path) -> Iterator[SqlStore]:
    with writer(db) as opened:
        yield opened


def place(exchange: LocalExchange, store: SqlStore) -> tuple[NewOrder, str]:
    opened = exchange.connect()
    assert opened.account is not None
    assert opened.venue is not None
    price = (opened.market.ticker("BTCTRY").last * Decimal("0.8")).quantize(Decimal(10))
    order = NewOrder(f"s4:{secrets.token_hex(4)}", "BTCTRY", Side.BUY, price, Decimal("0.001"))
    desk = Desk(opened.venue, opened.account, store, opened.client.clock, lambda milliseconds: None)
    placed = desk.place(order).record
    opened.close()
    assert placed is not None
    assert placed.order_id is not None
    return order, placed.order_id


def test_our_open_orders_are_taken_back_and_then_nothing_goes_any_more(
    call: Call, exchange: LocalExchange, store: SqlStore
) -> None:
    order, number = place(exchange, store)
    done = call("kill", "--cancel-open", *DB, **ARMED, **exchange.environment)
    assert done.code == 0, done.out
    assert f"canceled  {order.client_id}" in done.out
    opened = exchange.connect()
    assert opened.account is not None
    there = opened.account.order(number)
    opened.close()
    assert there is not None
    assert (there.state, there.qty) == (OrderState.CANCELED, Decimal(order.qty))
    # It stands at all now: a second one cancels first all the same, and finds nothing.
    again = call("kill", "--cancel-open", "--json", *DB, **ARMED, **exchange.environment).document
    assert (again["canceled"], again["left"], again["level"]) == ([], [], "all")


def test_a_kill_that_leaves_orders_at_the_exchange_names_them(
    call: Call, exchange: LocalExchange, store: SqlStore
) -> None:
    order, _ = place(exchange, store)
    done = call("kill", *DB, **OPEN)
    assert done.code == 0
    assert done.out.splitlines()[-2:] == [
        f"rests  {order.client_id}",
        "that may still fill: `meva kill --cancel-open` takes it back",
    ]
    assert call("kill", "--json", *DB, **OPEN).document["resting"] == [order.client_id]
    call("kill", "--cancel-open", *DB, **ARMED, **exchange.environment)
    assert call("kill", "--json", *DB, **OPEN).document["resting"] == []


def test_orders_that_may_not_be_taken_back_are_named(
    call: Call, exchange: LocalExchange, store: SqlStore, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meva_cli.commands.kill.STILL_SECONDS", 0.0)  # the holder does not hear
    order, _ = place(exchange, store)
    shut = call("kill", "--cancel-open", "--json", *DB, **OPEN, **exchange.environment)
    [left] = shut.document["left"]
    assert (shut.code, left["order"]) == (1, order.client_id)
    assert "set DRY_RUN=false" in left["why"]
    elsewhere = Leases(
        store, SystemClock(), process=evolve(this_process(), host="elsewhere", boot_id="another")
    )
    lease = elsewhere.take("live")
    busy = call("kill", "--cancel-open", "--json", *DB, **ARMED, **exchange.environment)
    [left] = busy.document["left"]
    assert "has not canceled it in 0 s: book live" in left["why"]
    assert (busy.code, busy.document["level"]) == (1, "all")
    # The settings of here are none of the holder's: it is waited for all the same.
    faulty = call("kill", "--cancel-open", "--json", *DB, **ARMED, MAX_OPEN_ORDERS="abc")
    assert "has not canceled it in 0 s" in faulty.document["left"][0]["why"]
    lease.release()
    without = call("kill", "--cancel-open", "--json", *DB, **OPEN)
    assert "BTCTURK_API_KEY" in without.document["left"][0]["why"]


@define
class Holder:
    """Another process that holds the book: with each wait for it so many seconds pass, and it cancels one of
    its orders, so many in all. Takes the place of `time`."""

    desk: Desk
    level: Callable[[], Level | None]
    seconds: float
    orders: int
    now: float = 0.0
    levels: list[Level | None] = field(factory=list)

    def names(self) -> list[str]:
        with self.desk.store.read() as view:
            return resting_of(view)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += self.seconds
        self.levels.append(self.level())
        rests = self.names()
        if self.orders and rests:
            self.orders -= 1
            self.desk.cancel(rests[0])
            while rests[0] in self.names():
                self.desk.settle()  # the exchange takes some milliseconds for it


@pytest.mark.parametrize(
    ("orders", "seconds", "left", "waited"),
    [(3, 50.0, 0, 150), (2, 50.0, 1, 200), (0, 20.0, 3, 60), (3, 200.0, 1, 400)],
    ids=["as it cancels", "until it stops", "that does nothing", "no longer than said"],
)
def test_a_holder_is_waited_for_as_long_as_it_cancels_and_the_switch_lets_it(
    call: Call, exchange: LocalExchange, store: SqlStore, switch: KillSwitch, monkeypatch: pytest.MonkeyPatch,
    orders: int, seconds: float, left: int, waited: float,
) -> None:  # fmt: skip
    for _ in range(3):
        place(exchange, store)
    opened = exchange.connect()
    assert opened.account is not None
    assert opened.venue is not None
    desk = Desk(opened.venue, opened.account, store, opened.client.clock, lambda milliseconds: None)
    elsewhere = evolve(this_process(), host="elsewhere", boot_id="another")
    lease = Leases(store, SystemClock(), process=elsewhere).take("live")
    holder = Holder(desk, lambda: getattr(switch.strictest(), "level", None), seconds, orders)
    monkeypatch.setattr("meva_cli.commands.kill.time", holder)
    done = call("kill", "--cancel-open", "--json", *DB, **ARMED, **exchange.environment)
    assert (len(done.document["left"]), len(done.document["ended"])) == (left, 3 - left)
    assert (done.code, done.document["level"], holder.now) == (int(left > 0), "all", waited)
    assert {*holder.levels} == {Level.CANCELS}
    assert "is asked to cancel our open orders: waiting, 300 s at most" in done.err
    assert all(
        f"has not canceled it in {waited:.0f} s: book live" in one["why"] for one in done.document["left"]
    )
    lease.release()
    monkeypatch.undo()
    call("kill", "--cancel-open", *DB, **ARMED, **exchange.environment)
    opened.close()
