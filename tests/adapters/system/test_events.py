"""The vocabulary of the logs: every event that is logged stands in it, with no other fields."""

from __future__ import annotations

import ast
import json
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import meva_adapters
import meva_cli
import meva_core
from meva_adapters.system import events
from meva_adapters.system.events import BOUND, EVENTS, Event, bound
from meva_adapters.system.logs import set_up_logs

ROOTS = [Path(package.__path__[0]) for package in (meva_core, meva_adapters, meva_cli)]
SAYS = {"log": 2, "log_error": 2, "warn": 3, "say": 2, "log_only": 2}
"""Functions that an event goes through, and how many arguments come before its fields at most."""
NO_FIELDS = {"level", "before", "colour"}
PAST = ("debug", "info", "warning", "error", "exception", "critical")
"""Methods of a logger that know no vocabulary."""
CALLED = re.compile(rf"\b({'|'.join((*SAYS, *PAST))})\(")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    set_up_logs("text", "INFO")
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="module")
def calls() -> list[tuple[Path, ast.Call]]:
    """All calls in those modules of the program that call one of these; other modules are not taken apart."""
    paths = [path for root in ROOTS for path in sorted(root.rglob("*.py"))]
    texts = [(path, text) for path in paths if CALLED.search(text := path.read_text())]
    nodes = ((path, node) for path, text in texts for node in ast.walk(ast.parse(text)))
    return [(path, node) for path, node in nodes if isinstance(node, ast.Call)]


def event_of(node: ast.AST) -> Event | None:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    found = getattr(events, name, None) if name.isupper() else None
    return found if isinstance(found, Event) else None


def test_every_event_is_logged_somewhere_and_with_fields_of_its_own_only(
    calls: list[tuple[Path, ast.Call]],
) -> None:
    logged = set()
    for path, call in calls:
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name not in SAYS:
            continue
        owner = (
            function.value if isinstance(function, ast.Attribute) and name in ("log", "log_error") else None
        )
        event = event_of(owner) if owner is not None else event_of(call.args[0]) if call.args else None
        if event is None:
            continue
        logged.add(event.name)
        named = {keyword.arg for keyword in call.keywords if keyword.arg} - NO_FIELDS
        assert named <= set(event.fields), (path.name, event.name, named)
    assert logged == set(EVENTS)


def test_nothing_is_logged_past_the_vocabulary(calls: list[tuple[Path, ast.Call]]) -> None:
    past = [
        f"{path.name}:{call.lineno}"
        for path, call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in PAST
        and getattr(call.func.value, "id", getattr(call.func.value, "attr", "")).lower().strip("_") == "log"
    ]
    assert past == []


def test_names_are_words_of_their_own() -> None:
    assert len(EVENTS) > 25
    for event in EVENTS.values():
        assert event.name.replace("_", "").isalpha()
        assert event.about
        taken = {"event", "message", "level", "logger", "ts", "exception", *BOUND}
        assert not taken & set(event.fields), event.name


def test_an_event_bears_its_fields_and_what_is_bound_from_every_thread(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("json", "INFO")
    log = logging.getLogger("meva_adapters.test")

    def fail() -> None:
        events.QUESTION_FAILED.log(log, "book of BTCTRY: no answer", what="book", symbol="BTCTRY", reason="x")

    with bound(book="main"):
        events.bind(run_id="abc1234", cycle_id="abc1234-20260101000000")
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    fail()
    inside, outside = map(json.loads, capsys.readouterr().err.splitlines())
    assert inside["event"] == "question_failed"
    assert inside["message"] == "book of BTCTRY: no answer"
    assert (inside["what"], inside["symbol"], inside["reason"]) == ("book", "BTCTRY", "x")
    assert [inside[name] for name in BOUND] == ["main", "abc1234", "abc1234-20260101000000"]
    assert not set(BOUND) & set(outside)


def test_in_text_the_sentence_is_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("text", "INFO")
    with bound(book="main"):
        events.FRAME_DROPPED.log(logging.getLogger("meva_adapters.test"), "a frame is dropped", kind="431")
    line = capsys.readouterr().err
    assert "a frame is dropped" in line
    assert "book=main" in line
    assert "kind" not in line
    assert "frame_dropped" not in line
