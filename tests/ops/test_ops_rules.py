"""Alert rules: whole, each with a runbook that is there, and firing when they should."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ops_files import ROOT, RULE_TESTS, RULES, SCRAPE, promtool, rules, tree_of
from promql import selected

from meva_adapters.metrics.vocabulary import VOCABULARY
from meva_cli.registry import BY_PATH
from meva_core.settings import VARIABLES

RUNBOOKS = ROOT / "docs" / "runbooks.md"
DURATION = re.compile(r"[0-9]+[smhd]")


def anchor_of(heading: str) -> str:
    """What a heading is linked by."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_what_is_wrong_and_what_to_do(rule: dict[str, object]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Meva[A-Za-z]+", str(rule["alert"]))
    assert DURATION.fullmatch(str(rule.get("for", "1m")))
    labels, told = rule["labels"], rule["annotations"]
    assert isinstance(labels, dict)
    assert isinstance(told, dict)
    assert labels in ({"severity": "critical"}, {"severity": "warning"})
    assert set(told) == {"summary", "runbook_url"}
    page, _, anchor = told["runbook_url"].partition("#")
    assert anchor in map(anchor_of, headings(ROOT / page)), f"no heading for {told['runbook_url']}"
    assert anchor == anchor_of(str(rule["alert"]))
    known = {label for metric in VOCABULARY for label in metric.labels} | {"instance", "job"}
    assert set(re.findall(r"\$labels\.(\w+)", told["summary"])) <= known


def test_alerts_have_one_name_each_and_every_runbook_an_alert() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert set(headings(RUNBOOKS)) - {"Runbooks"} == set(names)


def test_runbooks_name_commands_settings_metrics_and_headings_that_there_are() -> None:
    text = RUNBOOKS.read_text(encoding="utf-8")
    for words in re.findall(r"`meva ([a-z][a-z ]*[a-z])", text):
        assert any(BY_PATH.get(" ".join(words.split()[:n])) for n in (1, 2)), words
    names = {variable.name for variable in VARIABLES.values()} | {"MEVA_CACHE_DIR"}
    assert set(re.findall(r"\b(?:STAGE7|MEVA)_[A-Z_]+\b", text)) <= names
    for query in re.findall(r"`(meva_[^`]+)`", text):
        for selector in selected(query).selectors:
            assert selector.metric in {metric.name for metric in VOCABULARY}
    anchors = set(map(anchor_of, headings(RUNBOOKS)))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_alert_is_made_to_fire_by_a_test() -> None:
    text = RULE_TESTS.read_text(encoding="utf-8")
    missing = [rule["alert"] for rule in rules() if rule["alert"] not in text]
    assert not missing
    assert tree_of(SCRAPE)["rule_files"] == [RULES.name]


@pytest.mark.parametrize(
    "words",
    [("check", "rules", RULES.name), ("check", "config", SCRAPE.name), ("test", "rules", RULE_TESTS.name)],
    ids=["rules", "config", "tests"],
)
def test_prometheus_own_tool_agrees(words: tuple[str, ...]) -> None:
    command = [promtool(), *words]
    done = subprocess.run(command, cwd=RULES.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
