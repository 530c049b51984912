"""Lines of cycles and rules: what is written is read as the same numbers, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.replay.format.run_lines import (
    CYCLE_COLUMNS,
    RULE_COLUMNS,
    cycle_line,
    read_cycle,
    read_rule,
    rule_line,
)
from meva_core.amounts import LIMIT
from meva_core.errors import BadInput

SECONDS = st.integers(0, 4_000_000_000)
STEPS, AMOUNTS = st.integers(1, LIMIT - 1), st.integers(0, LIMIT - 1)
CYCLE = st.tuples(
    *(
        SECONDS,
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 1),
        st.integers(0, 5),
        st.integers(0, 99),
    ),
    *(st.integers(-(10**15), 10**15), st.integers(0, 10**9)),
)
RULE = st.tuples(
    *(st.integers(0, 3), st.integers(0, 1), st.integers(0, 1), STEPS, STEPS, AMOUNTS),
    *(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS),
)


@given(CYCLE)
def test_a_cycle_is_read_as_it_was_written(numbers: tuple[int, ...]) -> None:
    assert read_cycle(cycle_line(numbers).split(",")) == list(numbers)


@given(SECONDS, RULE)
def test_rules_are_read_as_they_were_written(time: int, numbers: tuple[int, ...]) -> None:
    assert read_rule(rule_line(time, "BTCTRY", numbers).split(",")) == (time, "BTCTRY", list(numbers))


def test_lines_are_plain_to_read() -> None:
    numbers = [1_767_225_600, 1, 0, 1, 0, 0, -250, 1800]
    assert cycle_line(numbers) == "2026-01-01T00:00:00Z,reduce_risk_only,normal,1,none,0,-250,1800"
    rule = [0, 1, 0, 10**6, 1, 99_91 * 10**6, 0, LIMIT - 1, 10**4, LIMIT - 1]
    expected = "2026-01-01T00:00:00Z,BTCTRY,ok,1,0,0.01,0.00000001,99.91,,,0.0001,"
    assert rule_line(1_767_225_600, "BTCTRY", rule) == expected
    assert (len(CYCLE_COLUMNS), len(RULE_COLUMNS)) == (8, 12)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("ts", cell) for cell in ("2026-01-01T00:00:00.5Z", "", "yesterday", "-1")),
        *(("base_mode", cell) for cell in ("NORMAL", "0", "", "quiet")),
        *(("reset", cell) for cell in ("2", "-1", "", "true", "1.0")),
        *(("offset", cell) for cell in ("", "1.5", "+3", "9" * 30)),
        *(("round_trip", cell) for cell in ("-1", " 1")),
    ],
)
def test_any_other_cell_of_a_cycle_is_refused_with_its_column(column: str, cell: str) -> None:
    cells = cycle_line([0, 0, 0, 0, 0, 0, 0, 0]).split(",")
    cells[CYCLE_COLUMNS.index(column)] = cell
    with pytest.raises(BadInput, match=column):
        read_cycle(cells)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("status", cell) for cell in ("OK", "", "fine")),
        *(("tick", cell) for cell in ("", "0", "-1", "1e-2", "0.000000001")),
        *(("min_notional", cell) for cell in ("", "-1", "NaN")),
        *(("max_price", cell) for cell in ("-1", "99999999999999")),
        ("candidate", "2"),
    ],
)
def test_any_other_cell_of_rules_is_refused_with_its_column(column: str, cell: str) -> None:
    cells = rule_line(0, "BTCTRY", [0, 1, 1, 1, 1, 0, 0, 1, 0, 1]).split(",")
    cells[RULE_COLUMNS.index(column)] = cell
    with pytest.raises(BadInput, match=column):
        read_rule(cells)
