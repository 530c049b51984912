"""Reading meters as Prometheus does."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from meva_adapters.metrics.meters import Meters

Shown = dict[tuple[str, frozenset[tuple[str, str]]], float]
Value = Callable[..., float | None]


@lru_cache(maxsize=4)
def samples_in(text: str) -> Shown:
    """All samples of a text, by name and labels. A text is asked for one sample after the other."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value_in(text: str, name: str, **labels: str) -> float | None:
    """What a sample of book main shows, None where there is none."""
    return samples_in(text).get((name, frozenset({"book": "main", **labels}.items())))


def text_of(meters: Meters) -> str:
    return generate_latest(meters).decode()
