"""Every query of rules and dashboard asks for what is told: metrics, labels, and values of labels."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import pytest
from ops_files import Query, dashboard, promtool, queries
from promql import Matcher, selected

from meva_adapters.metrics.label_values import VALUES
from meva_adapters.metrics.vocabulary import PROCESS, VOCABULARY, Metric, sample_names

OURS: Mapping[str, Metric] = {name: metric for metric in VOCABULARY for name in sample_names(metric)}
OF_PROMETHEUS = {"up", *PROCESS}
"""What is told of each target, by Prometheus and by its client: with the labels of the target alone."""
TARGET = {"job", "instance"}


def plain(query: str) -> str:
    """A query without what Grafana puts in."""
    return query.replace("$__rate_interval", "5m").replace("$book", "main")


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.place)
def test_a_query_names_what_is_told(query: Query) -> None:
    found = selected(plain(query.text))
    assert found.selectors
    known: set[str] = set()
    for selector in found.selectors:
        assert selector.metric in {*OURS, *OF_PROMETHEUS}, f"nobody tells {selector.metric}"
        metric = OURS.get(selector.metric)
        labels = TARGET if metric is None else TARGET | set(metric.labels)
        if selector.metric.endswith("_bucket"):
            labels = labels | {"le"}
        known |= labels
        for matcher in selector.matchers:
            assert matcher.label in labels, f"{selector.metric} has no label {matcher.label}"
            if metric is not None and matcher.label != "book":
                check_values(metric, matcher)
    assert found.labels <= known


def check_values(metric: Metric, matcher: Matcher) -> None:
    """A query that asks for a value that there is none of would be silent for ever."""
    values = VALUES[metric][matcher.label]
    asked = matcher.value.split("|") if matcher.sign in ("=~", "!~") else [matcher.value]
    assert set(asked) <= set(values), f"{metric.name} never has {matcher.label} {asked}"


def test_what_is_told_is_asked_for_by_some_query() -> None:
    """What is told and shown nowhere is told for nothing."""
    shown = {
        OURS[selector.metric]
        for query in queries()
        for selector in selected(plain(query.text)).selectors
        if selector.metric in OURS
    }
    assert {metric.name for metric in VOCABULARY} - {metric.name for metric in shown} == set()


def test_the_dashboard_is_whole() -> None:
    board = dashboard()
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)\}?", " ".join(chain.from_iterable(_texts(board)))))
    assert used <= variables
    assert "book" in used
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        legends = [target["legendFormat"] for target in panel.get("targets", ())]
        assert len(set(legends)) == len(legends), panel["title"]
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(places)) == len(places)


UNITS: Mapping[str, str] = {
    "seconds": "s",
    "bytes": "bytes",
    "ratio": "percentunit",
    "try": "suffix: TRY",
}
"""The unit of a panel by the unit in the names of its metrics."""
UNITLESS = {"short", "none", "bool_yes_no"}
RATES = {"Cycles a minute": "short", "Lease ends in": "s", "CPU": "percentunit"}
"""What is reckoned of seconds, and of nothing with seconds, by panel."""


def unit_of(metric: str) -> str | None:
    """Return the unit that a metric's name says."""
    counted = re.search(r"_(bucket|sum|count)$", metric)
    if counted is not None and counted[1] == "count":
        return None
    base = metric.removesuffix("_total").removesuffix(counted[0] if counted else "")
    return UNITS.get(base.rpartition("_")[2])


def test_a_panel_has_the_unit_of_what_it_shows() -> None:
    for panel in dashboard()["panels"]:
        names = {s.metric for t in panel.get("targets", ()) for s in selected(plain(t["expr"])).selectors}
        units = {unit_of(name) for name in names} - {None}
        if not names:
            continue
        shown = panel["fieldConfig"]["defaults"]["unit"]
        if (expected := RATES.get(panel["title"])) is not None:
            assert shown == expected, panel["title"]
        elif units:
            assert {shown} == units, panel["title"]
        else:
            assert shown in UNITLESS, panel["title"]


def test_variables_ask_for_labels_that_there_are() -> None:
    source, *asked = dashboard()["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert asked
    for variable in asked:
        found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
        assert found is not None, variable["definition"]
        assert variable["query"]["query"] == variable["definition"]
        assert found[2] in OURS[found[1]].labels
        assert variable["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for panel in dashboard()["panels"]:
        for of in (panel, *panel.get("targets", ())):
            assert of.get("datasource", variable["datasource"]) == variable["datasource"], panel["title"]


def test_prometheus_own_parser_reads_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:query_{place}:x", "expr": plain(query.text)}
        for place, query in enumerate(queries())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML
    command = [promtool(), "check", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_legends_name_labels_that_the_query_keeps() -> None:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            found = selected(plain(target["expr"]))
            kept = {label for selector in found.selectors for label in _labels(selector.metric)}
            if " by (" in target["expr"]:
                kept &= found.labels
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept, target["expr"]


def _labels(metric: str) -> set[str]:
    return TARGET | (set(OURS[metric].labels) if metric in OURS else set())


def _texts(tree: object) -> list[list[str]]:
    if isinstance(tree, dict):
        return [text for value in tree.values() for text in _texts(value)]
    if isinstance(tree, list):
        return [text for value in tree for text in _texts(value)]
    return [[tree]] if isinstance(tree, str) else []
