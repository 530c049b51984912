"""A live loop and the commands beside it: what ends it, what keeps it from sending, who else may trade."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from live_account import (
    ARMED,
    OFTEN,
    LiveAccount,
    book_of,
    called,
    differences,
    live_account,
    looping,
    staged,
)
from stage7_runs import rows_of
from started import Started

from meva_adapters.emulator.api.calls import Call
from meva_core.live.live_orders import stamp

PATIENT: Final = """
from meva_core.strategy import Intent, Side, Strategy

class Patient(Strategy):
    '''Asks for a price that never comes.'''
    id = "patient"
    version = 1

    def decide(self, view, memory):
        seen = [s for s in view.symbols if s.bid and not s.orders]
        return [Intent(s.name, Side.BUY, 300, limit=s.bid / 2) for s in seen]
"""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAccount]:
    with live_account(tmp_path_factory.mktemp("exchange")) as served:
        yield served


@pytest.fixture
def account(exchange: LiveAccount, tmp_path: Path) -> LiveAccount:
    return exchange.another(tmp_path, tmp_path.name)


def cycles_of(process: Started, count: int) -> list[str]:
    """Wait for so many cycles, and return their lines."""
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def quiet(account: LiveAccount) -> list[str]:
    """Let all come to rest, and return what does not agree then."""
    assert called(account, "arm", "--reason", "test", "--db", "a.db").returncode == 0
    assert staged(account, "--observe", cycles=3).returncode == 0
    return differences(account, account.folder / "a.db")


def resting(account: LiveAccount) -> list[str]:
    return [order.client_id for order in account.ours() if order.status.is_open]


@pytest.mark.parametrize("way", ["--live", "--dry-run"])
def test_whoever_supervises_it_hears_of_each_call_of_a_cycle_before_the_next(
    account: LiveAccount, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.chdir(account.folder)  # a socket's name is short, and a test's folder is not
    told: list[tuple[str, int]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind("n")
        supervisor.setblocking(False)

        def hear(call: Call) -> None:
            beats = 0
            with suppress(BlockingIOError):
                while True:
                    beats += supervisor.recv(100) == b"WATCHDOG=1"
            told.append((call.path, beats))

        account.hears(hear)
        try:
            ended = staged(account, way, NOTIFY_SOCKET="n", WATCHDOG_USEC="90000000")
        finally:
            account.hears(lambda call: None)
    assert ended.returncode == 0, ended.stderr
    assert len(told) > 6
    assert [path for path, beats in told[1:] if not beats] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_cycle_and_its_orders_are_canceled_if_that_is_asked(
    account: LiveAccount, number: int
) -> None:
    process = looping(account, "--cancel-on-exit")
    cycles_of(process, 3)
    process.send_signal(number)
    _, err = process.communicate(60)
    assert process.returncode == 130, err
    assert "open still" not in err
    assert resting(account) == []
    assert quiet(account) == []


def test_a_second_signal_waits_for_no_cycle_and_what_was_sent_is_found_again(account: LiveAccount) -> None:
    process = looping(account)
    cycles_of(process, 2)
    process.terminate()
    process.terminate()
    process.communicate(60)
    assert process.returncode == 130
    assert quiet(account) == []


@pytest.mark.parametrize("name", sorted(ARMED))
def test_each_gate_that_is_shut_keeps_a_live_run_from_beginning(account: LiveAccount, name: str) -> None:
    shut = {"DRY_RUN": "true", "LIVE_TRADING": "false", "LIVE_TRADING_ACK": "yes", "KILL_SWITCH": "true"}
    others = {**ARMED, "LIVE_TRADING": "false"} if name in ("DRY_RUN", "KILL_SWITCH") else {}
    ended = staged(account, "--live", **{**others, name: shut[name]})
    assert ended.returncode == 2, ended.stdout
    assert name in ended.stderr
    assert account.ours() == []


def test_a_kill_keeps_a_loop_from_sending_until_it_is_taken_back(account: LiveAccount) -> None:
    process = looping(account)
    cycles_of(process, 2)
    assert called(account, "kill", "--reason", "look", "--db", "a.db").returncode == 0
    cycles_of(process, 1)  # it may have been under way
    sent = len(account.ours())
    assert all("OBSERVE_ONLY" in line for line in cycles_of(process, 2))
    assert len(account.ours()) == sent
    assert called(account, "arm", "--reason", "seen", "--db", "a.db").returncode == 0
    cycles_of(process, 3)
    assert len(account.ours()) > sent
    process.terminate()
    _, err = process.communicate(60)
    assert "the kill switch is on: op_state, kill_switch:meva: all (look)" in err
    assert "the kill switch is off again" in err
    assert quiet(account) == []


def test_a_loop_takes_back_what_rests_when_it_is_killed_so(account: LiveAccount) -> None:
    process = looping(account, TTL_SECONDS="86400")
    cycles_of(process, 4)
    done = called(account, "kill", "--cancel-open", "--reason", "look", "--db", "a.db")
    assert done.returncode == 0, done.stdout
    assert resting(account) == []
    process.terminate()
    process.communicate(60)
    assert quiet(account) == []


def test_a_kill_takes_back_what_the_file_lacks_and_leaves_what_is_another_s(account: LiveAccount) -> None:
    assert staged(account, cycles=2, TTL_SECONDS="86400").returncode == 0
    run = book_of(account.folder / "a.db")["run"]
    names = [f"s4:{run}-20251231000000:BTCTRY:B:7", "s4:zzzzzzz-20251231000000:BTCTRY:B:7", "by-hand"]
    for name in names:
        account.by_hand("BTCTRY", "buy", "0.0001", "2000000", newOrderClientId=name)
    account.quiet(cancel_ms=0)  # no time passes while it waits
    done = called(account, "kill", "--cancel-open", "--reason", "look", "--db", "a.db")
    account.quiet()
    assert done.returncode == 0, done.stdout
    assert f"canceled  {names[0]}" in done.stdout
    assert {order.client_id for order in account.orders() if order.status.is_open} == {*names[1:]}


@pytest.mark.parametrize(
    ("text", "shuts"), [(b"KILL_SWITCH=true\n", True), (b"KILL_SWITCH=false\n", False), (b"\xff= =\n", True)]
)
def test_a_file_of_settings_that_changes_shuts_a_loop_or_does_not(
    account: LiveAccount, text: bytes, shuts: bool
) -> None:
    process = looping(account)
    cycles_of(process, 1)
    (account.folder / ".env").write_bytes(text)
    cycles_of(process, 1)
    sent = len(account.ours())
    lines = cycles_of(process, 3)
    process.terminate()
    process.communicate(60)
    (account.folder / ".env").unlink()
    assert all(("OBSERVE_ONLY" in line) == shuts for line in lines)
    assert (len(account.ours()) == sent) == shuts


def test_a_canary_sends_so_many_buys_a_day_and_no_more_over_restarts(account: LiveAccount) -> None:
    for _ in range(3):
        ended = staged(account, "--canary", "2", "100000", cycles=2)
        assert ended.returncode == 0, ended.stderr
    buys = [order for order in account.ours() if order.client_id.split(":")[3] == "B"]
    assert len(buys) == 2
    assert "the canary may send 2 of 100000 TRY" in ended.stderr
    assert quiet(account) == []


def test_a_canary_is_refused_where_the_settings_make_the_run_a_dry_one(account: LiveAccount) -> None:
    dry = {"DRY_RUN": "true", "LIVE_TRADING": "false"}
    ended = staged(account, "--canary", "2", "100000", **dry)
    assert (ended.returncode, "DRY_RUN is true: this would be a dry one" in ended.stderr) == (2, True)
    assert not (account.folder / "a.db").exists()


def test_a_program_hears_what_keeps_a_live_run_from_beginning(account: LiveAccount) -> None:
    shut = {"LIVE_TRADING": "false", "LIVE_TRADING_ACK": ""}
    ended = staged(account, "--live", "--json", **shut)
    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["code"]) == (2, "blocked_by_policy")
    assert error["message"] == "a live run may not begin: live_not_armed"
    assert error["action"].startswith(
        "set LIVE_TRADING=true (it is false); set LIVE_TRADING_ACK=I_UNDERSTAND"
    )


def test_an_account_is_traded_by_one_process_of_this_host_whatever_its_database(account: LiveAccount) -> None:
    process = looping(account)
    cycles_of(process, 1)
    for more in ({"db": "a.db"}, {"db": "b.db"}, {"db": "a.db", "stage": "stage3"}):
        ended = staged(account, **more)
        assert ended.returncode == 2, ended.stdout
        assert "is traded by process" in ended.stderr
    process.kill()
    process.communicate(60)
    assert staged(account).returncode == 0, "a dead one holds nothing"
    assert quiet(account) == []


def test_another_host_on_the_same_account_is_noticed_within_a_cycle(account: LiveAccount) -> None:
    """By the one that was there, which trades nothing, once the other has something at the exchange; and by
    a newcomer at once, as what the other has there rests far from the market."""
    (account.folder / "strategies" / "patient.py").write_text(PATIENT)
    second, third = ({"MEVA_CACHE_DIR": str(account.folder / name)} for name in ("second", "third"))
    idle = {"STAGE4_STRATEGIES": "baseline_mean_reversion_v1", "STAGE4_BOOTSTRAP_INTENTS": "0"}
    patient = {"STAGE3_STRATEGIES": "patient", "TTL_SECONDS": "86400"}
    there = looping(account, interval=OFTEN, **idle)
    cycles_of(there, 1)
    other = looping(account, stage="stage3", db="b.db", interval=OFTEN, **patient, **second)
    _, told = there.communicate(60)
    assert there.returncode == 1, told
    assert "ended by K5:" in told
    # A cycle's time is in whole seconds, rounded up: one of a second later began when the order was there.
    sent = stamp(1000 * (min(order.created for order in account.ours()) + 1000))
    later = rows_of(account.folder / "a.db", "SELECT ts FROM live_cycles WHERE ts > ?", sent)
    assert len(later) <= 1, "it went on beside the other"

    newcomer = staged(account, db="c.db", cycles=5, **third)
    looked = staged(account, "--observe", db="c.db", cycles=3, **third)
    assert other.poll() is None
    other.terminate()
    other.communicate(60)
    assert newcomer.returncode == 1, newcomer.stderr
    assert "ended by K5:" in newcomer.stderr
    assert len(newcomer.stdout.splitlines()) == 1
    assert not any(book_of(account.folder / "c.db")["run"] in order.client_id for order in account.ours())
    assert looked.returncode == 1, looked.stderr
    assert len(looked.stdout.splitlines()) == 3, "what sends nothing goes on looking"
    assert looked.stderr.count("a live run ends after it, and this one goes on looking") == 1
    assert "open still, and ends a live run: K5:" in looked.stderr


def test_a_key_of_another_account_trades_no_book_of_this_one(
    exchange: LiveAccount, account: LiveAccount
) -> None:
    staged(account, cycles=2)
    ended = staged(account, BTCTURK_API_KEY=exchange.key)
    assert ended.returncode == 2
    assert "none of the book's orders is known to it" in ended.stderr
    assert staged(account).returncode == 0
