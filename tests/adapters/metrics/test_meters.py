"""Meters: only what the vocabulary has, each book apart, and nothing of when a series began."""

from __future__ import annotations

import pytest
from scraped import Value, text_of

from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.parts import Stopwatch
from meva_adapters.metrics.vocabulary import Kind, Metric


def test_nothing_is_told_before_anything_is_known(meters: Meters) -> None:
    assert text_of(meters) == ""


def test_what_is_not_in_the_vocabulary_cannot_be_told(meters: Meters) -> None:
    with pytest.raises(KeyError):
        meters.set(Metric("meva_other", Kind.GAUGE, "another"), 1.0)
    with pytest.raises(ValueError):
        meters.set(v.EQUITY, 1.0, symbol="BTCTRY")
    with pytest.raises(ValueError):
        meters.add(v.CYCLES)


def test_counters_gauges_and_histograms_show_what_they_were_told(meters: Meters, value: Value) -> None:
    meters.add(v.FEES, 1.25)
    meters.add(v.FEES, 0.5)
    meters.set(v.EQUITY, -7.5)
    meters.observe(v.CYCLE_SECONDS, 0.3, part="store")
    assert (value(v.FEES), value(v.EQUITY)) == (1.75, -7.5)
    name = v.CYCLE_SECONDS.name
    assert (value(f"{name}_count", part="store"), value(f"{name}_sum", part="store")) == (1, 0.3)
    assert value(f"{name}_bucket", part="store", le="0.25") == 0
    assert value(f"{name}_bucket", part="store", le="0.5") == 1
    assert "_created" not in text_of(meters)


def test_a_choice_shows_1_for_one_value_alone(meters: Meters, value: Value) -> None:
    for chosen in ("NORMAL", "OBSERVE_ONLY"):
        meters.choose(v.MODE, "mode", chosen, ("NORMAL", "OBSERVE_ONLY"))
    assert [value(v.MODE, mode=mode) for mode in ("NORMAL", "OBSERVE_ONLY")] == [0, 1]


def test_a_run_that_is_over_is_told_no_more(meters: Meters, value: Value) -> None:
    for run in ("first", "second", "second"):
        meters.only(v.RUN, stage="stage7", run_id=run)
    assert value(v.RUN, stage="stage7", run_id="first") is None
    assert value(v.RUN, stage="stage7", run_id="second") == 1


def test_a_gauge_may_be_read_from_elsewhere_when_somebody_looks(meters: Meters, value: Value) -> None:
    looked = []
    meters.set_by(v.LEASE_HELD, lambda: float(len(looked)))
    looked.append("once")
    assert value(v.LEASE_HELD) == 1


def test_two_books_of_a_process_do_not_know_of_each_other() -> None:
    one, other = Meters("main"), Meters("other")
    one.set(v.EQUITY, 1.0)
    assert text_of(other) == ""


def test_a_part_is_told_without_the_parts_within_it(meters: Meters, value: Value) -> None:
    now = [0.0]

    def sum_of(part: str) -> float | None:
        return value(f"{v.CYCLE_SECONDS.name}_sum", part=part)

    watch = Stopwatch(meters, lambda: now[0])
    with watch.mark("decide"):
        now[0] += 1.0
        with watch.mark("store"):
            now[0] += 4.0
        now[0] += 2.0
        with watch.mark("store"):
            now[0] += 8.0
    with pytest.raises(ZeroDivisionError), watch.mark("measure"):
        now[0] += 16.0 / len(now[1:])
    assert [sum_of(part) for part in ("decide", "store", "measure")] == [3.0, 12.0, 0.0]
