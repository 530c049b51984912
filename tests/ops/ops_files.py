"""The files in `ops/`, as their readers see them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops"
RULES = OPS / "prometheus" / "meva.rules.yml"
RULE_TESTS = OPS / "prometheus" / "meva.rules.test.yml"
SCRAPE = OPS / "prometheus" / "scrape.yml"
DASHBOARD = OPS / "grafana" / "meva.json"
COMPOSE = OPS / "compose" / "compose.yml"
SYSTEMD = OPS / "systemd"


class Query(NamedTuple):
    """A query and where it stands."""

    place: str
    text: str


def tree_of(path: Path) -> Any:
    """The document of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    """All alerts."""
    return [rule for group in tree_of(RULES)["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def queries() -> list[Query]:
    """All queries of rules and dashboard."""
    found = [Query(f"rule {rule['alert']}", rule["expr"]) for rule in rules()]
    for panel in dashboard()["panels"]:
        found += [Query(f"panel {panel['title']}", target["expr"]) for target in panel.get("targets", ())]
    return found


def promtool() -> str:
    """Prometheus' own tool: `apt-get install prometheus`, or PROMTOOL."""
    found = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (it comes with prometheus): its checks are left out")
    return found
