"""The kill switch as rows of a database: ours, and those of the earlier system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_database import fresh_file

from meva_adapters.sql import SqlStore, writer
from meva_core.operating.guards.kill import (
    CANCEL_OPEN,
    OWN_ROW,
    Kill,
    Level,
    Stored,
    lift_kills,
    store_kill,
    stored_kills,
    strictest,
    wants_canceled,
)

NOW = "2026-01-01T00:00:00.000000+00:00"
OLD_ON = '{"enabled": true, "reason": "flash\\u0131", "until_ts": null}'
OLD_OFF = '{"enabled": false, "reason": null, "until_ts": "2026-02-01T00:07:39.123456+00:00"}'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def put(store: SqlStore, key: str, number: int | None, text: str | None) -> None:
    with store.unit() as work:
        work.upsert("op_state", {"key": key, "int_value": number, "text_value": text, "updated_at": NOW})
        work.commit()


def kills(store: SqlStore) -> list[Kill]:
    with store.read() as view:
        return stored_kills(view)


def kill(store: SqlStore, level: Level, *, milder_too: bool = False) -> None:
    with store.unit() as work:
        store_kill(work, Stored(level, "flash crash"), NOW, milder_too=milder_too)
        work.commit()


def lift(store: SqlStore) -> list[Kill]:
    with store.unit() as work:
        lifted = lift_kills(work, "looked into", NOW)
        work.commit()
    return lifted


def test_of_all_places_the_strictest_counts() -> None:
    mild, hard, harder = Kill(Level.CANCELS, "a"), Kill(Level.ALL, "b"), Kill(Level.ALL, "c")
    assert strictest([mild, hard, harder]) is hard
    assert strictest([Kill(Level.NONE, "off")]) is None
    assert strictest([]) is None


def test_the_holder_is_asked_to_cancel_until_not_even_that_may_be_sent(store: SqlStore) -> None:
    def asked() -> bool:
        with store.read() as view:
            return wants_canceled(view)

    assert not asked()
    with store.unit() as work:
        store_kill(work, Stored(Level.CANCELS, "flash crash", CANCEL_OPEN), NOW)
        work.commit()
    assert asked()
    kill(store, Level.ALL)
    assert not asked()
    lift(store)
    kill(store, Level.CANCELS)  # by itself: it leaves SELLs where they are
    assert not asked()
    put(store, OWN_ROW, 1, "not JSON")
    assert not asked()


def test_other_rows_are_none_of_it(store: SqlStore) -> None:
    put(store, "cycle_summary:MONITOR", 1, '{"kill_switch_state": "normal"}')
    put(store, "kill_switched", 1, None)
    assert kills(store) == []


def test_what_is_stored_stops_and_becomes_no_milder_by_itself(store: SqlStore) -> None:
    kill(store, Level.CANCELS)
    assert kills(store) == [Kill(Level.CANCELS, "op_state, kill_switch:meva", "flash crash")]
    kill(store, Level.ALL)
    kill(store, Level.CANCELS)
    assert [one.level for one in kills(store)] == [Level.ALL]
    kill(store, Level.CANCELS, milder_too=True)
    assert [one.level for one in kills(store)] == [Level.CANCELS]


def test_an_automatic_kill_keeps_its_code_and_numbers(store: SqlStore) -> None:
    with store.unit() as work:
        store_kill(work, Stored(Level.CANCELS, "oversell", "K1", {"held": "0.1", "sold": "0.2"}), NOW)
        work.commit()
    with store.read() as view:
        ((text,),) = view.rows("op_state", ("text_value",), where={"key": "kill_switch:meva"})
    document = json.loads(text)
    assert (document["code"], document["numbers"]) == ("K1", {"held": "0.1", "sold": "0.2"})


@pytest.mark.parametrize(
    ("number", "text", "level"),
    [
        (1, OLD_ON, Level.ALL),
        (0, OLD_OFF, Level.NONE),
        (0, None, Level.NONE),
        (1, None, Level.ALL),
        (0, OLD_ON, Level.ALL),  # the two disagree
        (1, OLD_OFF, Level.ALL),
        (None, OLD_ON, Level.ALL),
        (None, OLD_OFF, Level.NONE),
        # What cannot be read has said it.
        (None, None, Level.ALL),
        (0, "{", Level.ALL),
        (0, "[]", Level.ALL),
        (1, '{"level": "none at all"}', Level.ALL),
    ],
)
def test_rows_of_the_earlier_system_count_and_what_cannot_be_read_stops(
    store: SqlStore, number: int | None, text: str | None, level: Level
) -> None:
    put(store, "kill_switch:LIVE", number, text)
    assert [one.level for one in kills(store)] == [level] * (level > Level.NONE)


def test_all_are_lifted_and_what_they_said_stays(store: SqlStore) -> None:
    kill(store, Level.CANCELS)
    put(store, "kill_switch:LIVE", 1, OLD_ON)
    put(store, "kill_switch:odd", 1, "{")
    assert [one.where.partition(":")[2] for one in lift(store)] == ["LIVE", "meva", "odd"]
    assert kills(store) == []
    assert lift(store) == []
    with store.read() as view:
        said = dict(view.rows("op_state", ("key", "text_value")))
    assert json.loads(said["kill_switch:LIVE"]) == {
        "enabled": False, "lifted": "looked into", "reason": "flash\u0131", "until_ts": None,
    }  # fmt: skip
    assert json.loads(said["kill_switch:odd"]) == {"enabled": False, "lifted": "looked into", "was": "{"}
    assert json.loads(said["kill_switch:meva"])["reason"] == "flash crash"


def test_one_that_was_lifted_can_be_set_again(store: SqlStore) -> None:
    kill(store, Level.ALL)
    lift(store)
    kill(store, Level.CANCELS)
    assert [one.level for one in kills(store)] == [Level.CANCELS]
