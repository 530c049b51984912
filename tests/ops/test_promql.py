"""The reader of queries itself, by queries whose answer anyone can see."""

from __future__ import annotations

import pytest
from promql import Matcher, Selector, selected


@pytest.mark.parametrize(
    ("query", "metrics", "labels"),
    [
        ("up", {"up"}, set()),
        ("time() - a_seconds > 3 * b_seconds + 30", {"a_seconds", "b_seconds"}, set()),
        ("(time() - a > 600) unless on (book, instance) b", {"a", "b"}, {"book", "instance"}),
        (
            "histogram_quantile(0.9, sum by (part, le) (rate(a_bucket[15m]))) > 2.5",
            {"a_bucket"},
            {"part", "le"},
        ),
        ("sum(rate(a[$__rate_interval])) by (x) / sum without (y) (b offset 5m)", {"a", "b"}, {"x", "y"}),
        ('a{b="c d, e{f}", g=~"h|i"} and on () j or k', {"a", "j", "k"}, set()),
        ("max_over_time(a[1h:5m]) == bool 1e3", {"a"}, set()),
        ("count by (x) (a) > on (x) group_left (z) b", {"a", "b"}, {"x", "z"}),
    ],
)
def test_a_query_names_its_metrics_and_labels(query: str, metrics: set[str], labels: set[str]) -> None:
    found = selected(query)
    assert {selector.metric for selector in found.selectors} == metrics
    assert found.labels == labels


def test_conditions_are_read_with_their_values() -> None:
    [selector] = selected('a{b="c, d", e=~"f|g", h!="", i!~`j`}').selectors
    conditions = (Matcher("b", "=", "c, d"), Matcher("e", "=~", "f|g"), Matcher("h", "!=", ""))
    assert selector == Selector("a", (*conditions, Matcher("i", "!~", "j")))


@pytest.mark.parametrize("query", ["a ? b", "a{b=c}", "a{b}"])
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(ValueError):
        selected(query)
