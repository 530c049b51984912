"""Of the tables that have a row for every cycle, what is asked for is made, as in the whole, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from golden_worlds import KINDS
from hypothesis import given
from hypothesis import strategies as st
from recorded import CASH, Recorded, golden, recorded, wide
from strategies import examples, worlds

from meva_adapters.codec import CODEC
from meva_adapters.sql.columns import META
from meva_adapters.system.texts import ArrowTexts
from meva_core.errors import BadInput
from meva_core.ids import canonical_json
from meva_core.trace import COLUMNS, ONLY_COLUMNS, TABLES, Renderer, Terms, parts_of, rows

DEFAULTS = {
    "stage7_run_metrics": {"no_metrics_reason": None},
    "stage7_risk_decisions": {"id": None, "caps_json": "{}", "metrics_json": "{}"},
}
"""Columns that Meva never fills, as a row has them that leaves them out; a database numbers its rows."""
ARROW = ArrowTexts()


def terms_of(stretch: Recorded, **options: Any) -> Terms:
    return Terms(stretch.names, stretch.params, CASH, **options)


def asked(
    stretch: Recorded, terms: Terms, table: str, columns: tuple[str, ...], cycles: Any = None
) -> list[tuple[Any, ...]]:
    """The rows of a stretch, or of some of its cycles, with these columns."""
    places = np.arange(stretch.stop)[cycles] if isinstance(cycles, slice) else cycles
    digests = (
        stretch.digests if places is None else [stretch.digests[c - stretch.start] for c in places.tolist()]
    )
    return [
        row
        for part in parts_of(
            terms,
            stretch.market,
            stretch.rules,
            stretch.out,
            stretch.start,
            stretch.stop,
            cycles=cycles,
            seq=stretch.seq,
            digests=iter(digests),
        )
        for row in rows(table, columns, part)
    ]


def expected(
    stretch: Recorded, table: str, columns: tuple[str, ...], cycles: Any = None
) -> list[tuple[Any, ...]]:
    """The same cells of all rows as the plain renderer makes them."""
    whole, names = stretch.rendered.rows[table], COLUMNS[table]
    chosen = range(len(whole)) if cycles is None else (c - stretch.start for c in cycles)
    defaults = DEFAULTS.get(table, {})
    return [
        tuple(defaults[column] if column in defaults else whole[k][names.index(column)] for column in columns)
        for k in chosen
    ]


def typed(found: list[tuple[Any, ...]]) -> list[list[tuple[str, Any]]]:
    """Values with their types: 1 is not True in a database."""
    return [[(type(value).__name__, value) for value in row] for row in found]


@st.composite
def questions(draw: st.DrawFn, stretch: Recorded) -> tuple[str, tuple[str, ...], Any, list[int]]:
    """A table, some of its columns in any order, and some cycles of a stretch, as given and by number."""
    table = draw(st.sampled_from(sorted(TABLES)))
    columns = tuple(draw(st.lists(st.sampled_from(sorted(TABLES[table])), min_size=1, max_size=5)))
    within = st.integers(stretch.start, stretch.stop)
    if draw(st.booleans()):
        first, last = sorted((draw(within), draw(within)))
        return table, columns, slice(first, last), list(range(first, last))
    some = draw(st.lists(st.integers(stretch.start, stretch.stop - 1), max_size=12))
    return table, columns, np.array(some, dtype=np.int64), some


def options() -> st.SearchStrategy[dict[str, Any]]:
    """Ways to make the same text, some or many cycles at a time."""
    ways = ({"encode": canonical_json}, {"encode": CODEC.encode, "texts": lambda: ARROW})
    return st.builds(
        lambda way, cells, few: {**way, "cells": cells, "few": few},
        *(st.sampled_from(values) for values in (ways, (1, 17, 8192), (0, 30))),
    )


@given(data=st.data(), name=st.sampled_from(sorted(KINDS)), option=options())
def test_any_columns_of_any_cycles_are_those_of_the_whole(
    data: st.DataObject, name: str, option: dict[str, Any]
) -> None:
    stretch = data.draw(st.sampled_from(golden(name)))
    table, columns, cycles, numbers = data.draw(questions(stretch))
    found = asked(stretch, terms_of(stretch, **option), table, columns, cycles)
    assert typed(found) == typed(expected(stretch, table, columns, numbers))


@examples(0.7)
@given(data=st.data(), world=worlds(), option=options())
def test_any_columns_of_any_world_are_those_of_the_whole(
    data: st.DataObject, world: Any, option: dict[str, Any]
) -> None:
    for stretch in recorded(world, room=40):
        table, columns, cycles, numbers = data.draw(questions(stretch))
        found = asked(stretch, terms_of(stretch, **option), table, columns, cycles)
        assert typed(found) == typed(expected(stretch, table, columns, numbers))


@given(data=st.data(), width=st.sampled_from((1, 7, 60, 200)), option=options())
def test_any_number_of_symbols_may_be_asked_about(
    data: st.DataObject, width: int, option: dict[str, Any]
) -> None:
    stretch = wide(width)
    table, columns, cycles, numbers = data.draw(questions(stretch))
    found = asked(stretch, terms_of(stretch, **option), table, columns, cycles)
    assert typed(found) == typed(expected(stretch, table, columns, numbers))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("table", TABLES)
def test_each_column_alone_is_that_of_the_whole(name: str, table: str) -> None:
    for stretch in golden(name)[:4]:
        terms = terms_of(stretch, texts=lambda: ARROW, few=0)
        for column in TABLES[table]:
            assert asked(stretch, terms, table, (column,)) == expected(stretch, table, (column,))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("table", TABLES)
def test_every_other_cycle_newest_first_is_that_of_the_whole(name: str, table: str) -> None:
    for stretch in golden(name):
        backwards = np.arange(stretch.stop - 1, stretch.start - 1, -2)
        found = asked(stretch, terms_of(stretch), table, COLUMNS[table], backwards)
        assert found == stretch.rendered.rows[table][::-2]


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_table_may_be_asked_for(table: str) -> None:
    assert TABLES[table].keys() == set(META.tables[table].columns.keys())
    for column in TABLES[table].keys() - set(COLUMNS[table]):
        default = META.tables[table].columns[column].server_default
        assert DEFAULTS[table][column] == (default.arg if default is not None else None)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", KINDS)
def test_what_happened_is_rendered_alone_as_with_the_rest(name: str) -> None:
    whole, alone = golden(name), None
    for stretch in whole:
        alone = alone or Renderer(stretch.names, stretch.params, CASH, ONLY_COLUMNS)
        found = alone.render(stretch.market, stretch.rules, stretch.out, stretch.start, stretch.stop)
        for table, expected_rows in stretch.rendered.rows.items():
            assert found.rows[table] == ([] if table in TABLES else expected_rows)
        assert found.order_changes == stretch.rendered.order_changes
        assert alone.seq == stretch.seq + stretch.stop - stretch.start


# -- Nothing else is looked at --------------------------------------------------------------------------


class Watched:
    """Columns of which it is noted what was looked at."""

    def __init__(self, of: Any, seen: set[str], path: str = "") -> None:
        self._of, self._seen, self._path = of, seen, path

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if isinstance(found, tuple):
            return Watched(found, self._seen, f"{self._path}{name}.")
        self._seen.add(self._path + name)
        return found

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._of._fields)


INTENTS = {"journal.intents_end", "journal.intents.code", "journal.intents.symbol"}
OF_INTENTS = {f"journal.intents.{name}" for name in golden("ordinary")[0].out.journal.intents._fields}
OF_EVENTS = {f"journal.events.{name}" for name in golden("ordinary")[0].out.journal.events._fields}
DECIDED = {"journal.intents_end", "journal.events_end", "market.time"} | OF_INTENTS | OF_EVENTS


def group(name: str) -> set[str]:
    return {f"{name}.{column}" for column in getattr(golden("ordinary")[0].out, name)._fields}


@pytest.mark.parametrize(
    ("table", "columns", "looked_at"),
    [
        ("stage7_cycle_trace", ("cycle_id", "ts"), {"market.time"}),
        ("stage7_cycle_trace", ("run_id",), set()),
        ("stage7_cycle_trace", ("active_param_version",), {"adapt.version_before"}),
        ("stage7_cycle_trace", ("selected_universe_json",), {"select.rank", "select.selected"}),
        ("stage7_cycle_trace", ("order_decisions_json",), DECIDED),
        ("stage7_cycle_trace", ("order_intents_json",), DECIDED - OF_EVENTS - {"journal.events_end"}),
        (
            "stage7_cycle_trace",
            ("account_json",),
            {f"account.{name}" for name in ("cash_whole", "cash_rest", "qty", "value", "cost")}
            | {"measure.valuation"},
        ),
        (
            "stage7_ledger_metrics",
            ("ts", "equity_try"),
            {"market.time", "account.equity_whole", "account.equity_rest"},
        ),
        ("stage7_ledger_metrics", ("max_drawdown", "max_drawdown_ratio"), {"account.max_drawdown"}),
        ("stage7_ledger_metrics", ("starting_cash_try",), set()),
        ("stage7_run_metrics", ("mode_final",), {"plan.mode"}),
        ("stage7_run_metrics", ("fills_written_count",), {"journal.fills_end"}),
        ("stage7_run_metrics", ("events_appended",), {"journal.events_end"}),
        (
            "stage7_run_metrics",
            ("intents_planned_count", "intents_skipped_count"),
            {"journal.intents_end", "journal.intents.status"},
        ),
        ("stage7_run_metrics", ("oms_filled_count",), {"journal.events_end", "journal.events.kind"}),
        (
            "stage7_run_metrics",
            ("alert_flags_json",),
            {"assess.fired", "assess.fresh", "journal.events_end", "journal.events.kind"},
        ),
        (
            "stage7_run_metrics",
            ("no_trades_reason",),
            {"plan.code", "select.code", "journal.intents.status"} | INTENTS,
        ),
        ("stage7_run_metrics", ("no_metrics_reason", "persist_ms"), set()),
        ("stage7_cycle_digests", ("seq", "link_sha256", "settle_sha256", "adapt_sha256"), set()),
        ("stage7_risk_decisions", ("inputs_hash",), group("assess")),
        ("stage7_risk_decisions", ("reasons_json",), {"assess.fired"}),
        ("stage7_risk_decisions", ("mode", "allow_submit"), {"assess.verdict", "plan.mode"}),
        ("stage7_risk_decisions", ("id", "caps_json", "metrics_json", "allow_cancel"), set()),
    ],
)
def test_only_what_a_column_needs_is_looked_at(
    table: str, columns: tuple[str, ...], looked_at: set[str]
) -> None:
    seen: set[str] = set()
    for stretch in golden("ordinary"):
        lazy: Any = Watched(stretch.market, seen, "market."), Watched(stretch.out, seen)
        watched = evolve(stretch, market=lazy[0], out=lazy[1])
        assert asked(watched, terms_of(stretch), table, columns) == expected(stretch, table, columns)
    assert seen == looked_at


@pytest.mark.parametrize("table", TABLES)
def test_columns_may_be_anything_with_their_names(table: str) -> None:
    for stretch in golden("adapting"):
        seen: set[str] = set()
        lazy: Any = Watched(stretch.out, seen)
        [part] = parts_of(
            terms_of(stretch),
            stretch.market,
            stretch.rules,
            lazy,
            stretch.start,
            stretch.stop,
            seq=stretch.seq,
            digests=stretch.digests,
        )
        assert list(rows(table, COLUMNS[table], part)) == stretch.rendered.rows[table]


def test_no_texts_are_made_by_column_for_a_few_cycles() -> None:
    asked_for = []

    def texts() -> ArrowTexts:
        asked_for.append(1)
        return ARROW

    stretch = max(golden("ordinary"), key=lambda found: found.stop - found.start)
    width = len(stretch.names.symbols)
    terms = terms_of(stretch, texts=texts, few=2 * width)
    two, three = (np.arange(stretch.start, stretch.start + n) for n in (2, 3))
    for cycles, times in ((two, 0), (three, 1)):
        found = asked(stretch, terms, "stage7_cycle_trace", COLUMNS["stage7_cycle_trace"], cycles)
        assert found == stretch.rendered.rows["stage7_cycle_trace"][: len(cycles)]
        assert len(asked_for) == times


def test_digests_are_taken_only_where_they_are_asked_for() -> None:
    stretch = golden("ordinary")[0]
    [part] = parts_of(
        terms_of(stretch), stretch.market, stretch.rules, stretch.out, stretch.start, stretch.stop, seq=5
    )
    places = [row for (row,) in rows("stage7_cycle_digests", ("seq",), part)]
    assert places == list(range(5, 5 + stretch.stop - stretch.start))
    with pytest.raises(AssertionError, match="digests of the cycles were not given"):
        rows("stage7_cycle_digests", ("link_sha256",), part)


@pytest.mark.parametrize(
    ("table", "column", "named"),
    [
        ("stage7_orders", "status", "'stage7_orders' is no table that has a row for every cycle"),
        (
            "stage7_ledger_metrics",
            "equity",
            "'equity' is no column of stage7_ledger_metrics; expected one of",
        ),
    ],
)
def test_what_is_not_there_is_named(table: str, column: str, named: str) -> None:
    stretch = golden("ordinary")[0]
    [part] = parts_of(
        terms_of(stretch), stretch.market, stretch.rules, stretch.out, stretch.start, stretch.stop
    )
    with pytest.raises(BadInput, match=named):
        rows(table, (column,), part)
