"""docs/live.md has a paragraph for every alarm, every block, every rule of the permit and every oddity."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meva_cli.lazy import load_command
from meva_cli.registry import BY_PATH
from meva_core.live_book.alarms import ACCEPTABLE, BLOCKING, LASTING, AlarmCode
from meva_core.live_history.block_words import BLOCKS, NOT_SENT, ODD
from meva_core.settings import VARIABLES
from meva_core.settings.operational import ANOMALY_CODES

PAGE = Path(__file__).parents[3] / "docs" / "live.md"
TEXT = PAGE.read_text("utf-8")


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def alarm(code: str) -> str:
    [found] = re.findall(rf"(?ms)^### `{code}`: .+?\n\n(.+?)(?=\n\n###|\Z)", section("Alarms"))
    return str(found)


@pytest.mark.parametrize("code", AlarmCode)
def test_every_alarm_has_a_paragraph_that_says_how_it_ends(code: AlarmCode):
    found = alarm(str(code))
    assert len(found) > 100
    assert ("It stays." in found) == (code in LASTING)
    if code in ACCEPTABLE:
        assert re.search(r"[Aa]ccept", found)


@pytest.mark.parametrize("code", sorted(BLOCKS.keys() - set(map(str, AlarmCode))))
def test_every_block_has_a_paragraph(code: str):
    assert f"\n**`{code}`**: " in section("Why nothing is submitted in a symbol")


def test_alarms_that_block_are_named_there():
    for code in BLOCKING:
        assert f"`{code}`" in section("Why nothing is submitted in a symbol")


@pytest.mark.parametrize("code", sorted(NOT_SENT))
def test_every_rule_that_keeps_an_order_from_being_sent_has_a_paragraph(code: str):
    assert re.search(rf"(?m)^\*\*.*`{code}`.*\*\*: ", section("Why an order was decided and not sent"))


@pytest.mark.parametrize("code", ANOMALY_CODES)
def test_every_oddity_has_a_paragraph(code: str):
    assert f"\n**`{code}`**: " in section("Oddities")
    assert code in ODD


def test_every_command_and_setting_that_it_names_is_there():
    named = {
        match for block in re.findall(r"`+[^`]+`+", TEXT) for match in re.findall(r"meva ([a-z0-9 ]+)", block)
    }
    named |= {line.split("#")[0].removeprefix("meva ").strip() for line in re.findall(r"(?m)^meva .+$", TEXT)}
    for command in named:
        words = command.split()
        assert " ".join(words[:2]) in BY_PATH or words[0] in BY_PATH, command
    settings = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)", TEXT)) - set(ANOMALY_CODES)
    assert settings <= VARIABLES.keys(), settings - VARIABLES.keys()


def test_every_option_that_it_shows_is_one_of_its_commands():
    for line in re.findall(r"^meva (.+)$", TEXT, re.MULTILINE):
        words = line.split("#")[0].split()
        path = " ".join(words[:2]) if " ".join(words[:2]) in BY_PATH else words[0]
        known = {name for option in load_command(path).params for name in option.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
