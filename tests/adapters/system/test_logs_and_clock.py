"""Logs and the clock: one line an event on stderr, nothing secret in it, time in microseconds."""

from __future__ import annotations

import json
import logging
import time
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import structlog

from meva_adapters.system import events
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.logs import set_up_logs
from meva_core.settings import Secret, build_settings, secrets_in

SECRET = Secret("canary")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    set_up_logs("text", "INFO")
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for package in ("meva_core", "meva_adapters", "meva_cli"):
        logging.getLogger(package).setLevel(logging.NOTSET)


def test_json_logs_are_one_object_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "INFO")
    structlog.get_logger("meva_adapters.test").info("cycle recorded", cycle_id="abc", key=Secret("canary"))
    logging.getLogger("library").warning("slow %s", "answer")
    out, err = capsys.readouterr()
    first, second = map(json.loads, err.splitlines())
    assert out == ""
    assert (first["event"], first["cycle_id"], first["key"]) == ("cycle recorded", "abc", "<secret>")
    assert (first["level"], first["logger"]) == ("info", "meva_adapters.test")
    assert first["ts"].endswith("Z")
    assert (second["event"], second["level"], second["logger"]) == ("slow answer", "warning", "library")


def test_text_logs_name_event_and_fields_and_hide_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("text", "INFO")
    structlog.get_logger("meva_adapters.test").warning("late", age_sec=61, key=Secret("canary"))
    line = capsys.readouterr().err
    assert "late" in line
    assert "age_sec=61" in line
    assert "canary" not in line
    assert "\x1b" not in line  # not a terminal


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("ERROR", []),
        ("WARNING", ["ours 30", "theirs 30"]),
        ("INFO", ["ours 20", "ours 30", "theirs 30"]),
        ("DEBUG", ["ours 10", "ours 20", "ours 30", "theirs 10", "theirs 20", "theirs 30"]),
    ],
)
def test_libraries_are_quiet_unless_somebody_debugs(
    level: str, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json", level)
    for severity in (10, 20, 30):
        structlog.get_logger("meva_adapters.test").log(severity, f"ours {severity}")
    for severity in (10, 20, 30):
        logging.getLogger("alembic.runtime").log(severity, "theirs %d", severity)
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == shown


def test_a_later_set_up_replaces_the_earlier(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("text", "INFO")
    set_up_logs("json", "INFO")
    structlog.get_logger("meva_adapters.test").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_logged_without_the_values_of_its_variables(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json" if form == "json" else "text", "INFO")
    try:
        sign(SECRET)
    except ValueError:
        structlog.get_logger("meva_adapters.test").exception("failed")
    err = capsys.readouterr().err
    assert "ValueError" in err
    assert "canary" not in err
    if form == "json":
        (line,) = err.splitlines()
        assert json.loads(line)["exception"][0]["exc_value"] == "odd"


CANARY = 'c4n4ry"/+key='
CANARIES = (
    Secret(CANARY),
    Secret("postgresql://meva:p4ssw0rd%21x@db.example/meva"),
    Secret("short"),
)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_hidden_however_it_came_into_a_line(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json" if form == "json" else "text", "DEBUG", CANARIES)
    log = logging.getLogger("library")
    shapes = [CANARY, json.dumps(CANARY), quote(CANARY, safe=""), b64encode(CANARY.encode()).decode()]
    shapes += [CANARY.encode().hex(), "p4ssw0rd%21x", "p4ssw0rd!x", CANARIES[1].reveal()]
    for shape in shapes:
        log.warning("sent %s to the exchange", shape)
        log.warning("sent", extra={"header": shape})
        structlog.get_logger("meva_adapters.test").warning("sent", header=shape, all=[{"headers": shape}])
        events.ROW_LEFT_OUT.log(logging.getLogger("meva_adapters.test"), f"left out: {shape}", what=shape)
        try:
            raise ValueError(shape) from KeyError(shape)
        except ValueError:
            log.exception("failed with %s", shape)
    out, err = capsys.readouterr()
    assert err.count("<secret>") >= 5 * len(shapes)
    for shape in shapes:
        assert shape not in out + err
    log.warning("a short answer")
    assert "a short answer" in capsys.readouterr().err, "what is too short to be a secret is in many words"


def test_only_the_secrets_of_the_last_settings_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "INFO", CANARIES)
    set_up_logs("json", "INFO")
    logging.getLogger("library").warning("p4ssw0rd!x")
    assert "p4ssw0rd!x" in capsys.readouterr().err


def test_all_secrets_of_settings_are_found() -> None:
    given = {
        "BTCTURK_API_KEY": "c4n4ry-key",
        "BTCTURK_API_SECRET": "c4n4ry-secret",
        "MEVA_DATABASE_URL": "sqlite:///c4n4ry.db",
        "MEVA_ALERT_URLS": "ntfy://c4n4ry-topic, json://c4n4ry-host",
    }
    found = {secret.reveal() for secret in secrets_in(build_settings(given))}
    assert found == {text.strip() for value in given.values() for text in value.split(",")}


def sign(secret: Secret) -> None:
    """Fail while a secret is revealed."""
    key = secret.reveal()
    raise ValueError("odd" if key else "")


def test_the_clock_counts_microseconds_of_the_machines_day() -> None:
    before = time.time_ns() // 1000
    assert before <= SystemClock().micros() <= time.time_ns() // 1000
