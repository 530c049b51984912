"""Gates, switches, lease and mode of a live loop, over real sockets: only what is armed sends, and whatever
shuts between a plan and its sends stops them, as the exchange's own account of what came says.

Doors are shut while the exchange has the loop's call in its hands: no moment is left to chance.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen
from live_account import LiveAccount, armed, called, differences, live_account, staged
from nightly import NIGHTLY, every
from stage7_runs import rows_of

from meva_adapters.emulator.api.calls import Call
from meva_adapters.sql import writer
from meva_cli.database import address_of
from meva_cli.operating.plan import Plan, Way
from meva_cli.operating.run import at_work
from meva_cli.pace import EMULATOR, timepiece
from meva_core.amounts import to_decimal
from meva_core.modes import Mode
from meva_core.operating.guards.kill import lift_kills
from meva_core.operating.guards.permit import NotPermitted
from meva_core.orders import Side
from meva_core.settings import build_settings
from meva_core.venue import NewOrder

PAIRS = ("BTCTRY", "ETHTRY")
STEADY = '''
from meva_core.strategy import Intent, Side, Strategy

class Steady(Strategy):
    """Asks in every cycle for a BUY that rests, to be taken back in the next, and for a BUY or a SELL."""
    id = "steady"
    version = 1

    def decide(self, view, memory):
        n = memory["n"] = memory.get("n", 0) + 1
        far, near = view.symbols
        asked = [Intent(near.name, Side.BUY, 150, limit=near.ask)]
        if near.to_sell and n % 2:
            asked = [Intent(near.name, Side.SELL, qty=near.to_sell, limit=near.bid, purpose="reduce")]
        return asked + [Intent(far.name, Side.BUY, 130 + n % 9, limit=far.bid * 98 / 100)]
'''
SETTINGS = {
    "SYMBOLS": ",".join(PAIRS),
    "STAGE4_STRATEGIES": "steady",
    "TTL_SECONDS": "5",
    "MEVA_KILL_FILE": "STOP",
}
INTERVAL = 10


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAccount]:
    with live_account(tmp_path_factory.mktemp("exchange"), PAIRS) as served:
        yield served


@pytest.fixture(scope="module")
def traded(exchange: LiveAccount, quick_folder: Path) -> LiveAccount:
    """An account whose book has seen two cycles with all gates open."""
    found = exchange.another(quick_folder, quick_folder.name)
    (quick_folder / "strategies" / "steady.py").write_text(STEADY)
    ended = staged(found, interval=INTERVAL, cycles=2, **SETTINGS)
    assert ended.returncode == 0, ended.stderr
    return found


@pytest.fixture
def account(traded: LiveAccount) -> Iterator[LiveAccount]:
    yield traded
    traded.hears(lambda call: None)


# -- The mode ----------------------------------------------------------------------------------------------


def ran_in(account: LiveAccount, mode: str, limit: str) -> set[str]:
    """Run cycles in a mode, and return the kinds of writes that left."""
    before, writes = len(account.ours()), list[str]()
    account.hears(lambda call: writes.append(call.method))
    more = {"ENABLE_AUTO_KILL_SWITCH": "false", **SETTINGS, limit: "0.01"}
    ended = staged(account, interval=INTERVAL, cycles=3, **more)
    assert ended.returncode == 0, ended.stderr
    assert {line.split()[2] for line in ended.stdout.splitlines()} == {mode}
    sent = {order.side.word.upper() for order in account.ours()[before:]}
    return sent | ({"cancel"} if "DELETE" in writes else set())


def test_i24_where_risk_is_reduced_sells_and_cancels_go(account: LiveAccount) -> None:
    assert ran_in(account, "REDUCE_RISK_ONLY", "RISK_MAX_FEE_TRY_PER_DAY") == {"SELL", "cancel"}


# -- Between a plan and its sends --------------------------------------------------------------------------


@frozen
class Door:
    """What is shut, how, and how it is opened again; `said` is why nothing goes, and `lets` the one kind of
    write that does."""

    name: str
    shut: Callable[[Path], object]
    reopen: Callable[[Path], object]
    said: str = "kill switch is on: "
    lets: str = ""

    def __str__(self) -> str:
        """Return its name."""
        return self.name


def in_file(name: str, text: str, said: str = "kill switch is on: ") -> Door:
    return Door(
        f"{name}: {text.splitlines()[-1]}",
        lambda folder: (folder / name).write_text(text),
        lambda folder: (folder / name).unlink(),
        said,
    )


def kill(folder: Path) -> None:
    """Run the command, beside the loop that is at it."""
    done = called(ACCOUNTS[folder], "kill", "--reason", "look", "--db", "a.db")
    assert done.returncode == 0, done.stderr


def arm(folder: Path) -> None:
    with writer(folder / "a.db") as store, store.unit() as work:
        lift_kills(work, "seen", "2026-01-01T00:00:00+00:00")
        work.commit()


def executed(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "a.db", timeout=5)) as connection, connection:
        connection.execute(statement)


ACCOUNTS: dict[Path, LiveAccount] = {}
"""The accounts of these tests by their folders, for what runs a command."""
EARLIER = "REPLACE INTO op_state (key, int_value, updated_at) VALUES ('kill_switch:stage3', 1, '2026-01-01')"
DOORS = [
    in_file(".env", "KILL_SWITCH=true\n"),
    in_file("meva.toml", "[gates]\nkill_switch = true\n"),
    in_file(".env", "what is this\n"),
    Door("STOP", lambda at: (at / "STOP").touch(), lambda at: (at / "STOP").unlink()),
    Door("STOP: cancels", lambda at: (at / "STOP").write_text("cancels\n"), lambda at: (at / "STOP").unlink(),
         lets="DELETE"),
    Door("meva kill", kill, arm),
    Door("row of the earlier system", lambda at: executed(at, EARLIER), arm),
    in_file(".env", "LIVE_TRADING=false\n", "live_not_armed: set "),
    in_file(".env", "DRY_RUN=true\n", "dry_run: set "),
    in_file("meva.toml", '[gates]\nlive_trading_ack = "no"\n', "live_not_armed: set "),
    in_file(".env", "BTCTURK_API_KEY=another\n", "live_not_armed: set "),
    in_file(".env", "BTCTURK_API_SECRET=\n", "live_not_armed: set "),
]  # fmt: skip


@define
class Seen:
    """What came of one cycle: the methods of the writes that came while the door was open, and after."""

    open: list[str] = field(factory=list)
    shut: list[str] = field(factory=list)


@define
class Doorman:
    """Shuts a door in each cycle of a loop: when its last reads are on their way, which come before its plan,
    or when its first write is there. It is opened again when the next cycle begins."""

    folder: Path
    turns: list[tuple[Door, bool]]
    cycles: list[Seen] = field(factory=list)
    is_shut: bool = False

    def hears(self, call: Call) -> None:
        """Hear of a call before it is answered."""
        is_write = call.method in ("POST", "DELETE")
        if call.path.endswith("/server/time"):
            if self.is_shut:
                self.door[0].reopen(self.folder)
            self.is_shut = False
            self.cycles.append(Seen())
        if not 1 < len(self.cycles) <= 1 + len(self.turns):  # the first asks for the time alone
            return
        door, by_write = self.door
        if is_write:
            (self.cycles[-1].shut if self.is_shut else self.cycles[-1].open).append(call.method)
        if not self.is_shut and (is_write if by_write else call.path.endswith("/users/balances")):
            door.shut(self.folder)
            self.is_shut = True

    @property
    def door(self) -> tuple[Door, bool]:
        """The door of this cycle, and whether its first write shuts it."""
        return self.turns[len(self.cycles) - 2]


def audits_of(account: LiveAccount) -> list[dict[str, int]]:
    rows = rows_of(account.folder / "a.db", "SELECT counts_json FROM cycle_audit ORDER BY ts")
    return [row["counts_json"] for row in rows]


def test_a_book_that_is_another_s_between_plan_and_send_is_traded_no_more(account: LiveAccount) -> None:
    taken = "UPDATE process_instances SET token = 'another' WHERE instance_id = 'book:live'"
    lost = Door("lease", lambda at: executed(at, taken), lambda at: None)
    doorman = Doorman(account.folder, [(lost, True)])
    account.hears(doorman.hears)
    ended = staged(account, interval=INTERVAL, cycles=3, **SETTINGS)
    assert ended.returncode == 1, ended.stdout
    assert "book live is no longer ours" in ended.stderr
    assert len(doorman.cycles) == 2, "it began no other cycle"
    assert (len(doorman.cycles[1].open), doorman.cycles[1].shut) == (1, [])
    executed(account.folder, "UPDATE process_instances SET status = 'ended'")


def test_s6_i25_whatever_shuts_between_plan_and_send_stops_the_send(account: LiveAccount) -> None:
    turns = list(product(DOORS, (False, True)))
    if not NIGHTLY:
        turns = [(door, n % 2 == 0) for n, door in enumerate(DOORS)]
    ACCOUNTS[account.folder] = account
    doorman = Doorman(account.folder, turns)
    account.hears(doorman.hears)
    ended = staged(account, interval=INTERVAL, cycles=len(turns) + 1, **SETTINGS)
    assert ended.returncode == 0, ended.stderr
    blocked = re.findall(r"^blocked: .*not sent, (?:the )?(.*)", ended.stderr, re.MULTILINE)
    *audits, last = audits_of(account)[-1 - len(turns) :]
    for (door, by_write), seen, audit in zip(turns, doorman.cycles[1:-1], audits, strict=True):
        assert len(seen.open) == by_write, door
        assert {*seen.shut} <= {door.lets}, door
        assert audit["blocked_by_policy"] > 0, f"{door}: something was to be sent"
        assert audit["executed"] == len(seen.open) + len(seen.shut)
        told, blocked = blocked[: audit["blocked_by_policy"]], blocked[audit["blocked_by_policy"] :]
        assert all(door.said in one for one in told), told
    assert blocked == []
    assert last["submitted"] == 2, "with all doors open it sends again"


def test_i24_where_only_observed_is_cancels_go_and_then_the_books_agree(account: LiveAccount) -> None:
    assert ran_in(account, "OBSERVE_ONLY", "RISK_MAX_DAILY_DRAWDOWN_TRY") == {"cancel"}
    assert differences(account, account.folder / "a.db") == []


# -- A run that only observes ------------------------------------------------------------------------------


def test_i24_an_observing_run_has_nothing_to_write_with_though_all_gates_are_open(
    account: LiveAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its permit would let this order through: it is given a plan."""
    monkeypatch.chdir(account.folder)
    environment = armed(account, **SETTINGS)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    settings = build_settings(environment)
    url, plan = address_of("a.db"), Plan(stage=4, way=Way.OBSERVE)
    writes: list[str] = []
    account.hears(lambda call: writes.append(call.method) if call.method in ("POST", "DELETE") else None)
    with (
        timepiece(EMULATOR, account.doors.base_url) as clock,
        at_work(plan, settings, url, clock, lambda: False) as work,
    ):
        told = work.runner.cycle()
        assert told.read.account_read
        assert work.permits is not None
        mark = to_decimal(next(one.mark for one in told.inputs.symbols if one.name == "BTCTRY"))
        order = NewOrder(f"s4:{told.inputs.cycle}:BTCTRY:B:9", "BTCTRY", Side.BUY, mark, Decimal("0.0001"))
        with work.permits.planned(Mode.NORMAL, {"BTCTRY": mark}):
            with pytest.raises(NotPermitted) as refused:
                work.desk.place(order)
            assert refused.value.why == "observe"
    assert writes == []


# -- Before it begins --------------------------------------------------------------------------------------

SHUT = {
    "KILL_SWITCH": "true",
    "DRY_RUN": "true",
    "LIVE_TRADING": "false",
    "LIVE_TRADING_ACK": "yes",
    "BTCTURK_API_KEY": "",
    "BTCTURK_API_SECRET": "",
}
COMBINATIONS = [
    {name: SHUT[name] for name, is_shut in zip(SHUT, drawn, strict=True) if is_shut}
    for drawn in product((False, True), repeat=len(SHUT))
]


@pytest.mark.parametrize("shut", every(9, COMBINATIONS[1:]), ids=", ".join)
def test_i24_of_all_gates_together_none_but_the_armed_ones_begins(
    exchange: LiveAccount, meva: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, shut: dict[str, str]
) -> None:
    calls: list[Call] = []
    exchange.hears(calls.append)
    for name, text in {**armed(exchange, **SETTINGS), **shut}.items():
        monkeypatch.setenv(name, text)
    ended = meva("run", "stage4", "--live", "--db", "a.db")
    exchange.hears(lambda call: None)
    assert ended.code == 2, ended.out
    assert any(name in ended.err for name in shut)
    assert [call.path for call in calls] == []
