"""`meva alerts --outbox` and `--test`: what people were told, and whether they can be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from played_books import FIRST, recorded_market, run_book
from stage7_runs import make_dataset
from webhook import webhook

from meva_adapters.sql import writer
from meva_core.alerts.conditions import Kind
from meva_core.alerts.message import Alert
from meva_core.alerts.outbox import note_failed, note_lost, note_sent, queue, waiting

Meva = Callable[..., Any]
DB = ("--db", "state.db")
CANARY = "canary7f3a9"


def told(meva: Meva, at: datetime) -> None:
    """A book whose first receiver took one of two alerts, and whose second one lost both."""
    meva("books", "new", "main", *DB)
    alerts = [
        Alert(f"id{n}", Kind.RISK, f"rule{n}", "on", int(at.timestamp()), f"title {n}\nalert id{n}")
        for n in range(2)
    ]
    with writer("state.db") as store, store.unit() as work:
        queue(work, "main", None, alerts, ["JSON 127.0.0.1:9", "Telegram"])
        rows = waiting(work, "main")
        note_sent(work, rows[0].number, at)
        note_lost(work, [rows[1], rows[3]])
        note_failed(work, rows[2], at + timedelta(seconds=2))
        work.commit()


def test_the_outbox_shows_each_alert_with_its_receiver_and_what_became_of_it(meva: Meva) -> None:
    told(meva, datetime(2026, 3, 1, 12, tzinfo=UTC))
    found = meva("alerts", "--outbox", *DB, "--json").document["alerts"]
    assert [(one["receiver"], one["state"], one["failed_tries"]) for one in found] == [
        ("JSON 127.0.0.1:9", "sent", 0),
        ("Telegram", "lost", 0),
        ("JSON 127.0.0.1:9", "waiting", 1),
        ("Telegram", "lost", 0),
    ]
    assert found[2]["next_try"] == "2026-03-01T12:00:02Z"
    assert [one["text"] for one in found[::2]] == ["title 0\nalert id0", "title 1\nalert id1"]
    shown = meva("alerts", "--outbox", *DB, "--last", 1)
    assert shown.out.splitlines()[1:] == [
        "2026-03-01T12:00:00Z\tmain\tTelegram\tlost\t0\ttitle 1 | alert id1"
    ]


def test_of_a_book_it_says_where_messages_to_people_are(meva: Meva, tmp_path: Path) -> None:
    """Flags of cycles and messages to people are two things: a mode that changes raises no flag."""
    made = ("--data", make_dataset(tmp_path / "data", minutes=3), "--db", "backtest.db")
    assert meva("backtest", *made).code == 0
    assert "--outbox" not in meva("alerts", "--db", "backtest.db").out
    run_book(tmp_path / "state.db", recorded_market(tmp_path), range(FIRST, FIRST + 120, 60))
    assert "0 of 2 cycles raised" in (out := meva("alerts", *DB).out)
    assert out.endswith("What people were told of books, `meva alerts --outbox` shows\n")


def test_what_was_lost_is_told_by_status_and_of_late_by_doctor(meva: Meva) -> None:
    told(meva, datetime.now(UTC) - timedelta(days=2))
    [book] = meva("status", *DB, "--json").document["books"]
    assert (book["alerts_waiting"], book["alerts_lost"]) == (1, 2)
    assert "alerts_lost\t2" in meva("status", *DB).out.replace("  ", "\t")
    checks = meva("doctor", *DB, "--offline", "--json").document["checks"]
    [check] = [one for one in checks if (one["category"], one["name"]) == ("database", "alerts")]
    assert (check["status"], check["message"]) == (
        "warn",
        "2 alerts of book main were lost in a week, each tried for a day; 1 wait",
    )


def test_what_was_lost_long_ago_is_no_warning(meva: Meva) -> None:
    told(meva, datetime.now(UTC) - timedelta(days=30))
    checks = meva("doctor", *DB, "--offline", "--json").document["checks"]
    [check] = [one for one in checks if (one["category"], one["name"]) == ("database", "alerts")]
    assert check["status"] == "pass"


def test_a_trial_says_of_each_receiver_whether_it_took_the_message(
    meva: Meva, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook() as good, webhook(lambda before: 403) as bad:
        monkeypatch.setenv("MEVA_ALERT_URLS", f"{good.url(CANARY)}, {bad.url(CANARY)}")
        ended = meva("alerts", "--test", "--json")
        shown = meva("alerts", "--test")
    first, second = ended.document["receivers"]
    assert (ended.code, first["receiver"], first["arrived"]) == (1, f"JSON 127.0.0.1:{good.port}", True)
    assert (second["arrived"], "403" in second["why"]) == (False, True)
    assert good.texts()[0].startswith("Meva: a test\n")
    assert (shown.code, len(shown.out.splitlines())) == (1, 3)
    assert CANARY not in f"{ended} {shown}"
    with webhook() as good:
        monkeypatch.setenv("MEVA_ALERT_URLS", good.url())
        assert meva("alerts", "--test").code == 0


def test_a_trial_without_receivers_says_which_setting_names_them(meva: Meva) -> None:
    ended = meva("alerts", "--test")
    assert (ended.code, "MEVA_ALERT_URLS names nobody" in ended.err) == (2, True)
    assert not Path("btcbot_state.db").exists()


def test_the_two_are_asked_for_one_at_a_time(meva: Meva) -> None:
    assert meva("alerts", "--outbox", "--test").code == 2


@pytest.mark.parametrize(
    "command",
    [("alerts", "--test"), ("run", "stage7", "--db", "a.db"), ("doctor", "--offline", "--for", "stage7")],
)
def test_without_the_library_one_message_says_what_to_install(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setenv("STAGE7_ENABLED", "true")
    monkeypatch.setenv("MEVA_ALERT_URLS", f"json://127.0.0.1:9/{CANARY}")
    ended = meva(*command)
    assert ended.code == (1 if command[0] == "doctor" else 2)
    assert (ended.out + ended.err).count("pip install 'meva[alerts]'") == 1
    assert CANARY not in ended.out + ended.err
    assert not Path("a.db").exists()


def test_no_command_shows_an_address(meva: Meva, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEVA_ALERT_URLS", f"json://u:{CANARY}@127.0.0.1:9/{CANARY}")
    for command in (
        ("config",),
        ("config", "--all", "--json"),
        ("gates",),
        ("doctor", "--offline"),
        ("status", *DB),
    ):
        ended = meva(*command)
        assert CANARY not in ended.out + ended.err, command
    assert "<secret>" in meva("config").out
