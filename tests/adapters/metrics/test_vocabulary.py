"""What metrics are called: as Prometheus' own lint wants it, and with few label values."""

from __future__ import annotations

import re

import pytest

from meva_adapters.metrics import vocabulary
from meva_adapters.metrics.label_values import VALUES
from meva_adapters.metrics.vocabulary import BUILD, RUN, SECTIONS, VOCABULARY, Kind, Metric

UNITS = ("seconds", "bytes", "ratio", "try")
WORDS_OF_OTHER_UNITS = re.compile(r"(ms|millis|micros|minutes|hours|percent|kb|mb|usd)")


def test_every_metric_is_in_the_vocabulary_once() -> None:
    defined = [found for found in vars(vocabulary).values() if isinstance(found, Metric)]
    assert sorted(metric.name for metric in VOCABULARY) == sorted({metric.name for metric in defined})
    assert len(VOCABULARY) == sum(map(len, SECTIONS.values())) == len({metric.name for metric in VOCABULARY})


@pytest.mark.parametrize("metric", VOCABULARY, ids=lambda metric: metric.name)
def test_names_are_as_prometheus_wants_them(metric: Metric) -> None:
    assert re.fullmatch(r"meva(_[a-z]+)+", metric.name)
    words = metric.name.split("_")
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert not [word for word in words if WORDS_OF_OTHER_UNITS.fullmatch(word)]
    units = [word for word in words if word in UNITS]
    last = words[-2] if metric.kind is Kind.COUNTER else words[-1]
    assert units in ([], [last]), "a unit stands last, before _total"
    if metric.kind is Kind.HISTOGRAM:
        assert units == ["seconds"]
        assert list(metric.buckets) == sorted(set(metric.buckets))
    assert not metric.name.endswith(("_count", "_sum", "_bucket", "_created"))


def test_what_labels_may_be_is_a_closed_set_of_few_values() -> None:
    labelled = {metric: set(metric.more) for metric in VOCABULARY if metric.more}
    told_apart = {metric: set(labels) for metric, labels in VALUES.items()}
    assert told_apart == {metric: more for metric, more in labelled.items() if metric not in (BUILD, RUN)}
    for metric, labels in VALUES.items():
        for label, values in labels.items():
            assert len(set(values)) == len(values) <= 25, (metric.name, label)


@pytest.mark.parametrize("metric", VOCABULARY, ids=lambda metric: metric.name)
def test_labels_are_few_and_none_is_a_symbol_an_order_or_a_text(metric: Metric) -> None:
    assert metric.labels[0] == "book"
    assert len(set(metric.labels)) == len(metric.labels) <= 4
    assert not set(metric.labels) & {"symbol", "order", "order_id", "message", "error", "path", "le", "url"}
    assert metric.help
    assert metric.help[-1] != "."
