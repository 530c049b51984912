"""Tables and pairs at any width: within it, whole, and readable."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.texts.layout import pair_lines, table_lines, wide, without_spared, wrapped

AMOUNTS = st.decimals(-(10**11), 10**11, places=8).map(lambda amount: f"{amount:f}")
WORDS = st.one_of(st.text("abcdefgh_./:", min_size=1, max_size=70), AMOUNTS, st.just("取引所"))
CELLS = st.lists(WORDS, max_size=30).map(" ".join)
WIDTHS = st.integers(40, 130)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]], list[bool]]:
    """Draw columns, rows and which columns are numbers; a column may be `to do`."""
    count = draw(st.integers(1, 9))
    columns = draw(st.lists(st.text("abc_", min_size=1, max_size=12), min_size=count, max_size=count))
    if draw(st.booleans()):
        columns[-1] = "to do"
    numeric = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    cells = [AMOUNTS if number else CELLS for number in numeric]
    return columns, draw(st.lists(st.tuples(*cells).map(list), max_size=4)), numeric


def laid_out(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    return list(table_lines(columns, rows, [False] * len(columns), width, "─"))


@given(tables(), WIDTHS)
def test_a_table_never_leaves_the_terminal_and_loses_nothing(
    table: tuple[list[str], list[list[str]], list[bool]], width: int
) -> None:
    columns, rows, numeric = table
    lines = list(table_lines(columns, rows, numeric, width, "─"))
    assert max(map(wide, lines)) <= width
    shown = "\n".join(lines)
    for row in rows:
        for word in " ".join(row).split():
            # An amount stands whole on one line, and so does every word that a line has room for.
            assert word in shown or wide(word) > 30
    assert len(re.sub(r"[\s─]", "", shown)) >= sum(len(re.sub(r"\s", "", "".join(row))) for row in rows)


@given(CELLS, st.integers(30, 90), st.integers(0, 8))
def test_wrapping_keeps_every_word_in_its_place(text: str, width: int, hanging: int) -> None:
    lines = wrapped(text, width, hanging)
    assert max(map(wide, lines)) <= width
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
    assert all(line.startswith(" " * hanging) for line in lines[1:])


@given(st.dictionaries(st.text("abc_", min_size=1, max_size=20), CELLS, max_size=5), WIDTHS)
def test_pairs_stay_within_the_terminal_too(pairs: dict[str, str], width: int) -> None:
    lines = list(pair_lines(pairs, width))
    assert max(map(wide, lines), default=0) <= width
    assert [line.split()[0] for line in lines if line[:1] != " "] == list(pairs)


def test_what_fits_is_one_line_a_row() -> None:
    assert laid_out(["level", "to do"], [["error", "mend it"]], 40) == [
        "level  to do",
        "─────  ───────",
        "error  mend it",
    ]


def test_words_are_wrapped_before_a_column_is_moved() -> None:
    why = "58 TRY planned, 100 TRY needed; 42 TRY more would have let it trade"
    assert laid_out(["symbol", "why"], [["BTCTRY", why]], 48) == [
        "symbol  why",
        "──────  ────────────────────────────────────────",
        "BTCTRY  58 TRY planned, 100 TRY needed; 42 TRY",
        "        more would have let it trade",
    ]


def test_what_to_do_has_a_line_of_its_own_and_codes_follow_their_row() -> None:
    rows = [
        ["error", "candles/BTCTRY.csv", "a" * 30, "correct or remove the row"],
        ["error", "candles/ETHTRY.csv", "b" * 30, ""],
    ]
    assert laid_out(["level", "file", "value", "to do"], rows, 60) == [
        "level  file                value",
        "─────  ──────────────────  ──────────────────────────────",
        f"error  candles/BTCTRY.csv  {'a' * 30}",
        "    to do: correct or remove the row",
        f"error  candles/ETHTRY.csv  {'b' * 30}",
    ]
    assert laid_out(["level", "file", "value", "to do"], rows, 45)[2:5] == [
        "error  candles/BTCTRY.csv",
        f"    value: {'a' * 30}",
        "    to do: correct or remove the row",
    ]


@pytest.mark.parametrize(("width", "below"), [(80, False), (70, True)])
def test_a_checksum_goes_below_its_name_where_it_does_not_fit_beside(width: int, below: bool) -> None:
    lines = list(pair_lines({"fingerprint": "f" * 64, "cycles": "7"}, width))
    assert lines[0] == ("fingerprint" if below else f"fingerprint  {'f' * 64}")
    assert lines[-1] == "cycles       7"
    if below:
        assert lines[1] == f"  {'f' * 64}"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (18, ["aaaa", "bb", "cccc", "dd"]),
        (17, ["aaaa", "cccc", "dd"]),
        (13, ["aaaa", "dd"]),
        (1, ["aaaa", "dd"]),
    ],
)
def test_what_is_spared_goes_in_order_and_no_more_of_it_than_has_to(width, shown):
    rows = [["1", "22", "3", "4"], ["1", "2", "3", "44"]]
    assert without_spared(["aaaa", "bb", "cccc", "dd"], rows, ["bb", "cccc"], width) == shown
