"""`meva arm --accept`: open alarms are named, accepted one by one, and keep the switch on until then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fresh_database import fresh_file
from live_cycles import a_book

from meva_adapters.sql import reader, writer
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import raised
from meva_core.operating.accepting import acceptances
from meva_core.operating.guards.kill import stored_kills
from meva_core.operating.records import recording
from meva_core.operating.records.carried import Carried

Call = Callable[..., Any]
DB = ("--db", "live.db")
SINCE = 1_760_000_000 * 10**6
STRAY = Alarm(AlarmCode.STRAY, "77", "BTCTRY", {"order": "77", "name": "s4:x"}, since=SINCE)
SPACED = Alarm(AlarmCode.FILLS_LOST, "BTCTRY BUY of 5", "BTCTRY", since=SINCE)
ABSENT = Alarm(AlarmCode.ABSENT, "s4:y", "ETHTRY", since=SINCE)
MISSING = Alarm(AlarmCode.BALANCE_UNEXPLAINED, "TRY", numbers={"missing": "100"}, since=SINCE)


@pytest.fixture
def arm(meva: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `meva arm` on a database whose live book has these alarms, after `meva kill`."""
    monkeypatch.setenv("KILL_SWITCH", "false")
    path = fresh_file(tmp_path / "live.db")
    assert meva("kill", "--reason", "looks odd", *DB).code == 0

    def run(*arguments: str, alarms: tuple[Alarm, ...] | None = None, book: str = "live") -> Any:
        if alarms is not None:
            with writer(path) as store, store.unit() as work:
                made = evolve(a_book(), name=book)
                recording.opened(work, raised(made, alarms, SINCE), Carried())
                work.commit()
        return meva("arm", *arguments, *DB)

    return run


def is_killed(tmp_path: Path) -> bool:
    with reader(tmp_path / "live.db") as store, store.read() as view:
        return bool(stored_kills(view))


def test_an_open_integrity_alarm_keeps_the_switch_on_until_it_is_accepted(arm: Call, tmp_path: Path) -> None:
    refused = arm("--reason", "all well", alarms=(STRAY, SPACED, ABSENT))
    assert refused.code == 1
    assert refused.out.splitlines() == [
        "open  K10:BTCTRY BUY of 5, BTCTRY, since 2025-10-09 08:53:20",
        "open  K5:77, BTCTRY, name s4:x, order 77, since 2025-10-09 08:53:20",
        "open  absent:s4:y, ETHTRY, since 2025-10-09 08:53:20",
        "stands  op_state, kill_switch:meva: all (looks odd)",
        "nothing is lifted while that is open: look into it, then `meva arm --accept 'K10:BTCTRY BUY of 5'"
        " --accept K5:77 --reason TEXT`",
    ]
    half = arm("--accept", "K5:77", "--reason", "my other program", "--json")
    assert (half.code, half.document["accepted"], half.document["lifted"]) == (1, ["K5:77"], [])
    assert [one["alarm"] for one in half.document["open"]] == ["K10:BTCTRY BUY of 5", "absent:s4:y"]
    assert is_killed(tmp_path)
    done = arm("--accept", "K10:BTCTRY BUY of 5", "--reason", "the exchange has no more")
    assert (done.code, done.out.splitlines()[-1]) == (0, "the kill switch is off")
    assert not is_killed(tmp_path)
    with reader(tmp_path / "live.db") as store, store.read() as view:
        kept = acceptances(view, "live")
    assert [(one.pair, one.reason) for one in kept] == [
        ("K5:77", "my other program"),
        ("K10:BTCTRY BUY of 5", "the exchange has no more"),
    ]


@pytest.mark.parametrize("wrong", ["K5:78", "K", "stray", "K1:77", "K1", "absent:"])
def test_a_wrong_alarm_is_bad_input_that_names_what_is_open(arm: Call, tmp_path: Path, wrong: str) -> None:
    refused = arm("--accept", "absent:s4:y", "--accept", wrong, "--reason", "x", alarms=(STRAY, ABSENT))
    assert refused.code == 2
    assert f"{wrong!r}: no such alarm of book live is open" in refused.err
    assert "open, and to be accepted: K5:77" in refused.err
    assert is_killed(tmp_path)
    with reader(tmp_path / "live.db") as store, store.read() as view:
        assert acceptances(view, "live") == [], "all of them, or none"


@pytest.mark.parametrize("given", [("K5",), ("K5", "K5:77"), ("K5:77", "K5", "K5")])
def test_a_code_alone_names_the_one_alarm_that_has_it(
    arm: Call, tmp_path: Path, given: tuple[str, ...]
) -> None:
    asked = [part for one in given for part in ("--accept", one)]
    done = arm(*asked, "--reason", "my other program", "--json", alarms=(STRAY, ABSENT))
    assert (done.code, done.document["accepted"]) == (0, ["K5:77"])
    assert [one["alarm"] for one in done.document["open"]] == ["absent:s4:y"]
    with reader(tmp_path / "live.db") as store, store.read() as view:
        assert [one.pair for one in acceptances(view, "live")] == ["K5:77"]


@pytest.mark.parametrize("given", [("K5",), ("K5:77", "K5"), ("K5", "K5:77")])
def test_a_code_that_several_alarms_have_names_none_of_them(
    arm: Call, tmp_path: Path, given: tuple[str, ...]
) -> None:
    asked = [part for one in given for part in ("--accept", one)]
    refused = arm(*asked, "--reason", "x", alarms=(STRAY, evolve(STRAY, about="78"), ABSENT))
    assert refused.code == 2
    assert "'K5': 2 alarms of book live have that code: K5:77, K5:78" in refused.err
    assert "name each that is to be accepted as CODE:OBJECT" in refused.err
    assert is_killed(tmp_path)
    with reader(tmp_path / "live.db") as store, store.read() as view:
        assert acceptances(view, "live") == []


def test_without_an_alarm_those_that_are_open_are_listed(arm: Call, tmp_path: Path) -> None:
    listed = arm("--accept", alarms=(STRAY, MISSING))
    assert listed.code == 2
    assert listed.out.splitlines() == [
        "open  K5:77, BTCTRY, name s4:x, order 77, since 2025-10-09 08:53:20",
        "open  balance_unexplained:TRY, missing 100, since 2025-10-09 08:53:20; it ends by itself",
    ]
    assert "--accept names no alarm; book live has 2 open" in listed.err
    assert is_killed(tmp_path)


def test_what_ends_by_itself_is_not_accepted(arm: Call) -> None:
    refused = arm("--accept", "balance_unexplained:TRY", "--reason", "x", alarms=(MISSING,))
    assert refused.code == 2
    assert "it ends by itself" in refused.err


def test_without_a_book_or_an_open_alarm_there_is_nothing_to_accept(arm: Call) -> None:
    refused = arm("--accept", "K5:77", "--reason", "x")
    assert refused.code == 2
    assert "no alarm is open that can be accepted" in refused.err


def test_the_book_of_a_dry_run_has_no_part_in_the_switch(arm: Call, tmp_path: Path) -> None:
    dry = ("--book", "stage4-dry")
    done = arm("--accept", "K5:77", "--reason", "tried out", *dry, alarms=(STRAY,), book="stage4-dry")
    assert (done.code, done.out.splitlines()) == (0, ["accepted  K5:77: the next cycle takes it in"])
    assert is_killed(tmp_path)
    assert arm("--reason", "x", *dry).code == 2


def test_a_reason_is_asked_for(arm: Call, tmp_path: Path) -> None:
    for reason in ((), ("--reason", " ")):
        refused = arm(*reason)
        assert refused.code == 2
        assert "--reason is missing" in refused.err
    assert is_killed(tmp_path)
