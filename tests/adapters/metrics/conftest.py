"""Meters of a book, and what they show."""

from __future__ import annotations

import pytest
from scraped import Value, text_of, value_in

from meva_adapters.metrics.meters import Meters


@pytest.fixture
def meters() -> Meters:
    return Meters("main")


@pytest.fixture
def value(meters: Meters) -> Value:
    """What a metric shows now."""
    return lambda metric, **labels: value_in(text_of(meters), getattr(metric, "name", metric), **labels)
