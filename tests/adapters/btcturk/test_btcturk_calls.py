"""Calls that all processes of a host count in one file."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_exchange import Seconds

from meva_adapters.btcturk.calls import LONGEST_SECONDS, REFUSED_SECONDS, SharedCalls
from meva_adapters.btcturk.endpoints import BOOK, KLINES, TICKER
from meva_adapters.btcturk.limits import Limits, Patience
from meva_core.errors import Unavailable

ADDRESS = "https://exchange.test"


def shared(folder: Path, seconds: Seconds, address: str = ADDRESS, *, make: bool = True) -> SharedCalls:
    return SharedCalls(folder / "calls.json", address, make=make, monotonic=seconds)


def limits(folder: Path, seconds: Seconds, address: str = ADDRESS, *, make: bool = True) -> Limits:
    """Return the limits of one process, which waits for nothing."""
    calls = shared(folder, seconds, address, make=make)
    return Limits(seconds, Patience(0.0, seconds.sleep, seconds), calls)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "meva"
    made.mkdir(mode=0o700)
    return made


@given(turns=st.lists(st.tuples(st.booleans(), st.integers(0, 2_000)), max_size=60))
def test_two_processes_have_the_room_of_one(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[bool, int]]
) -> None:
    together, alone = Seconds(), Seconds()
    folder = tmp_path_factory.mktemp("calls")
    folder.chmod(0o700)
    pair = (limits(folder, together), limits(folder, together))
    one = Limits(alone, Patience(0.0, alone.sleep, alone))
    for who, milliseconds in turns:
        together.now += milliseconds / 1000
        alone.now += milliseconds / 1000
        assert pair[who].room(KLINES) == pair[not who].room(KLINES) == one.room(KLINES)
        for process in (pair[who], one):
            if process.room(KLINES):
                process.take(KLINES)


def test_a_budget_that_another_process_used_up_is_used_up(folder: Path) -> None:
    seconds = Seconds()
    first, second = limits(folder, seconds), limits(folder, seconds)
    for _ in range(162):
        first.take(BOOK)
    assert (second.room(BOOK), second.room(TICKER)) == (0, 540)
    with pytest.raises(Unavailable, match=r"60\.0 s"):
        second.take(BOOK)
    seconds.now += 60
    assert second.room(BOOK) == 162


def test_a_block_holds_for_all_and_another_address_has_budgets_of_its_own(folder: Path) -> None:
    seconds = Seconds()
    limits(folder, seconds).block(BOOK, 30)
    assert limits(folder, seconds).room(BOOK) == 0
    assert limits(folder, seconds, "http://127.0.0.1:8080").room(BOOK) == 162
    seconds.now += 30
    assert limits(folder, seconds).room(BOOK) == 162


def test_the_file_forgets_what_counts_no_more(folder: Path) -> None:
    seconds = Seconds()
    limits(folder, seconds).take(BOOK)
    limits(folder, seconds, "http://127.0.0.1:8080").take(BOOK)
    seconds.now += LONGEST_SECONDS + 1
    limits(folder, seconds).take(BOOK)
    assert json.loads((folder / "calls.json").read_text()) == {
        ADDRESS: {"made": {"orderbook": [seconds.now]}, "blocked": {}, "refused": {}}
    }
    assert (folder / "calls.json").stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_refused_is_so_for_all_until_one_is_let_in_or_a_day_has_passed(folder: Path) -> None:
    seconds = Seconds()
    for n in range(3):
        limits(folder, seconds).refused("one")
        seconds.now += 10
        assert limits(folder, seconds).refusals("one") == (n + 1, 10)
    assert limits(folder, seconds).refusals("another")[0] == 0
    assert limits(folder, seconds, "http://127.0.0.1:8080").refusals("one")[0] == 0
    seconds.now += 3_600
    limits(folder, seconds, "http://127.0.0.1:8080").take(BOOK)
    assert limits(folder, seconds).refusals("one") == (3, 3_610), "though another address wrote the file"
    limits(folder, seconds).admitted("one")
    assert limits(folder, seconds).refusals("one")[0] == 0
    limits(folder, seconds).refused("one")
    seconds.now += REFUSED_SECONDS
    assert limits(folder, seconds).refusals("one")[0] == 0


def test_calls_are_kept_for_as_long_as_a_budget_of_theirs_counts_them(folder: Path) -> None:
    """All of the file is read and written with each call: after days that is no more than after minutes."""
    seconds = Seconds()
    for _ in range(60):
        for endpoint in (BOOK, KLINES):
            limits(folder, seconds).take(endpoint)
        seconds.now += 20
    [told] = json.loads((folder / "calls.json").read_text()).values()
    assert {quota: len(made) for quota, made in told["made"].items()} == {"orderbook": 3, "graph": 30}


def test_calls_of_before_the_host_was_started_do_not_count(folder: Path) -> None:
    seconds = Seconds()
    for _ in range(162):
        limits(folder, seconds).take(BOOK)
    seconds.now = 5.0
    assert limits(folder, seconds).room(BOOK) == 162


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"https://exchange.test": 7}',
        '{"https://exchange.test": {"made": {"orderbook": 1}}}',
        '{"https://exchange.test": {"made": {"orderbook": ["a", null, NaN, 1e999]}}}',
        '{"https://exchange.test": {"made": [], "blocked": {"orderbook": "b"}}}',
    ],
)
def test_a_file_that_is_none_costs_the_calls_of_others_and_no_more(folder: Path, text: str) -> None:
    seconds = Seconds()
    mine = limits(folder, seconds)
    mine.take(BOOK)
    (folder / "calls.json").write_text(text)
    mine.take(BOOK)
    assert limits(folder, seconds).room(BOOK) in (160, 161)
    assert ADDRESS in json.loads((folder / "calls.json").read_text())


def test_without_a_place_each_keeps_to_its_own_and_says_so_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.chmod(0o777)
    seconds = Seconds()
    mine = limits(folder, seconds)
    with caplog.at_level(logging.WARNING):
        for _ in range(162):
            mine.take(BOOK)
    assert mine.room(BOOK) == 0
    (record,) = caplog.records
    assert "are not counted" in record.getMessage()
    assert "can be written to by others" in record.getMessage()
    assert list(folder.iterdir()) == []


def test_a_file_that_another_process_does_not_let_go_of_is_done_without(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = Seconds()
    mine = limits(folder, seconds)
    mine.take(BOOK)
    descriptor = os.open(folder / "calls.json", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    mine.take(BOOK)
    assert "held by another process" in caplog.text
    os.close(descriptor)
    mine.take(BOOK)
    assert mine.room(BOOK) == 159 + 1  # the call of meanwhile is not in the file


def test_where_none_is_to_be_made_none_is(folder: Path) -> None:
    seconds = Seconds()
    watching = limits(folder, seconds, make=False)
    watching.take(BOOK)
    assert list(folder.iterdir()) == []
    assert watching.room(BOOK) == 161
    limits(folder, seconds).take(BOOK)
    watching.take(BOOK)
    assert limits(folder, seconds).room(BOOK) == 160


COUNT = """
import sys
from pathlib import Path
from meva_adapters.btcturk.calls import SharedCalls
calls = SharedCalls(Path(sys.argv[1]), "address", monotonic=lambda: 50.0)
for _ in range(60):
    with calls.held() as times:
        times.add("quota", 50.0, 60.0)
"""


def test_no_call_is_lost_between_processes(folder: Path) -> None:
    command = [sys.executable, "-c", COUNT, str(folder / "calls.json")]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(json.loads((folder / "calls.json").read_text())["address"]["made"]["quota"]) == 180
