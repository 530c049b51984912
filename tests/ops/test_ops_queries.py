"""Every query of rules and dashboard asks for what is told: metrics, labels, and values of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain

import pytest
from ops_files import Query, dashboard, queries
from promql import Matcher, selected

from meva_adapters.btcturk.observed import OUTCOMES as CALLS
from meva_adapters.metrics import cycles
from meva_adapters.metrics.vocabulary import PROCESS, VOCABULARY, Metric, sample_names
from meva_core.live_market import TouchFrom
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.reasons import RISK_RULES
from meva_core.stages.dry_loop import Missed
from meva_core.stages.parts import PARTS

OURS: Mapping[str, Metric] = {name: metric for metric in VOCABULARY for name in sample_names(metric)}
OF_PROMETHEUS = {"up", *PROCESS}
"""What is told of each target, by Prometheus and by its client: with the labels of the target alone."""
TARGET = {"job", "instance"}
VALUES: Mapping[tuple[str, str], set[str]] = {
    ("meva_cycles_total", "outcome"): set(cycles.OUTCOMES),
    ("meva_cycles_missed_total", "reason"): set(Missed),
    ("meva_cycle_duration_seconds", "part"): set(PARTS),
    ("meva_symbols", "state"): set(cycles.SYMBOL_STATES),
    ("meva_touch_symbols", "source"): {source.name.lower() for source in TouchFrom},
    ("meva_exchange_requests_total", "outcome"): set(CALLS),
    ("meva_mode", "mode"): {mode.name for mode in Mode},
    ("meva_risk_rule_fired", "rule"): {code.text for code in RISK_RULES},
    ("meva_orders_total", "outcome"): set(cycles.ORDER_OUTCOMES.values()),
    ("meva_fills_total", "side"): {side.name for side in Side},
    ("meva_database_size_bytes", "part"): {"main", "log"},
}
"""What labels may be; a query that asks for another value would be silent for ever."""


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
    values = VALUES[metric.name, matcher.label]
    asked = matcher.value.split("|") if matcher.sign in ("=~", "!~") else [matcher.value]
    assert set(asked) <= values, f"{metric.name} never has {matcher.label} {asked}"


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
