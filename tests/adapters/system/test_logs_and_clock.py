"""Logs and the clock: one line an event on stderr, nothing secret in it, time in microseconds."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import pytest
import structlog

from meva_adapters.system.clock import SystemClock
from meva_adapters.system.logs import set_up_logs
from meva_core.settings import Secret

SECRET = Secret("canary")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_logs_are_one_object_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "INFO")
    structlog.get_logger("meva.test").info("cycle recorded", cycle_id="abc", key=Secret("canary"))
    logging.getLogger("library").warning("slow %s", "answer")
    out, err = capsys.readouterr()
    first, second = map(json.loads, err.splitlines())
    assert out == ""
    assert (first["event"], first["cycle_id"], first["key"]) == ("cycle recorded", "abc", "<secret>")
    assert (first["level"], first["logger"]) == ("info", "meva.test")
    assert first["ts"].endswith("Z")
    assert (second["event"], second["level"], second["logger"]) == ("slow answer", "warning", "library")


def test_text_logs_name_event_and_fields_and_hide_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("text", "INFO")
    structlog.get_logger("meva.test").warning("late", age_sec=61, key=Secret("canary"))
    line = capsys.readouterr().err
    assert "late" in line
    assert "age_sec=61" in line
    assert "canary" not in line
    assert "\x1b" not in line  # not a terminal


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_below_the_level_is_not_written(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json" if form == "json" else "text", "WARNING")
    structlog.get_logger("meva.test").info("quiet")
    logging.getLogger("library").info("quiet")
    assert capsys.readouterr().err == ""


def test_a_later_set_up_replaces_the_earlier(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("text", "INFO")
    set_up_logs("json", "INFO")
    structlog.get_logger("meva.test").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_logged_without_the_values_of_its_variables(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json" if form == "json" else "text", "INFO")
    try:
        sign(SECRET)
    except ValueError:
        structlog.get_logger("meva.test").exception("failed")
    err = capsys.readouterr().err
    assert "ValueError" in err
    assert "canary" not in err
    if form == "json":
        (line,) = err.splitlines()
        assert json.loads(line)["exception"][0]["exc_value"] == "odd"


def sign(secret: Secret) -> None:
    """Fail while a secret is revealed."""
    key = secret.reveal()
    raise ValueError("odd" if key else "")


def test_the_clock_counts_microseconds_of_the_machines_day() -> None:
    before = time.time_ns() // 1000
    assert before <= SystemClock().micros() <= time.time_ns() // 1000
