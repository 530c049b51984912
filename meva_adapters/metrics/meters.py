"""The meters of one process: figures by metric and label, in a registry of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from meva_adapters.metrics.vocabulary import VOCABULARY, Kind, Metric

_CREATED: Final = "_created"


class Meters:
    """What is told of one book. Used by several threads; a scrape reads, and waits for nobody.

    Only metrics of the vocabulary can be told, with exactly their labels: anything else is a KeyError or
    a ValueError.
    """

    def __init__(self, book: str, *, process: bool = False) -> None:
        """With `process` the registry tells of the process itself, too."""
        self._book = book
        self._registry = CollectorRegistry()
        self._made: dict[Metric, Any] = {metric: _made(metric, self._registry) for metric in VOCABULARY}
        self._shown: dict[Metric, dict[str, str]] = {}
        if process:
            ProcessCollector(registry=self._registry)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Say what a gauge shows."""
        self._of(metric, labels).set(value)

    def set_by(self, metric: Metric, value: Callable[[], float], **labels: str) -> None:
        """Say what a gauge is read from whenever somebody looks; that must be quick and raise nothing."""
        self._of(metric, labels).set_function(value)

    def choose(self, metric: Metric, label: str, chosen: str, among: Iterable[str]) -> None:
        """Have a gauge show 1 for one value of its label, and 0 for the others."""
        for value in among:
            self.set(metric, float(value == chosen), **{label: value})

    def only(self, metric: Metric, **labels: str) -> None:
        """Have a gauge show 1 for these labels and nothing for any others."""
        if self._shown.get(metric) != labels:
            self._made[metric].clear()
            self.set(metric, 1.0, **labels)
            self._shown[metric] = labels

    def add(self, metric: Metric, amount: float = 1.0, **labels: str) -> None:
        """Count; an amount of 0 makes a counter be there that nothing was counted by yet."""
        self._of(metric, labels).inc(amount)

    def observe(self, metric: Metric, seconds: float, **labels: str) -> None:
        """Take a duration into a histogram."""
        self._of(metric, labels).observe(seconds)

    def samples(self, metric: Metric) -> list[Sample]:
        """Return what there is to tell of one metric."""
        return [sample for family in self._made[metric].collect() for sample in _told(family)]

    def collect(self) -> Iterator[Family]:
        """Yield what there is to tell."""
        for family in self._registry.collect():
            if samples := _told(family):
                family.samples = samples
                yield family

    def _of(self, metric: Metric, labels: dict[str, str]) -> Any:
        return self._made[metric].labels(book=self._book, **labels)


def _told(family: Family) -> list[Sample]:
    """Return the samples of a family but those that say when each series began, which some formats have."""
    return [sample for sample in family.samples if not sample.name.endswith(_CREATED)]


def _made(metric: Metric, registry: CollectorRegistry) -> Any:
    """Return prometheus-client's own metric."""
    if metric.kind is Kind.COUNTER:
        return Counter(metric.name, metric.help, metric.labels, registry=registry)
    if metric.kind is Kind.GAUGE:
        return Gauge(metric.name, metric.help, metric.labels, registry=registry)
    return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)
