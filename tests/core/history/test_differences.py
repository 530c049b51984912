"""Where two documents first differ."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.history.differences import first_difference

leaves = st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(document=documents)
def test_equal_documents_do_not_differ(document: Any) -> None:
    assert first_difference(document, deepcopy(document), "x") is None


@given(a=documents, b=documents)
def test_a_difference_is_found_in_both_directions_or_in_none(a: Any, b: Any) -> None:
    there, back = first_difference(a, b, "x"), first_difference(b, a, "x")
    if there is None or back is None:
        assert there == back
        return
    assert there[0] == back[0]
    assert there[1:] == back[:0:-1]
    assert there[1] != there[2]
    assert there[0].startswith("x")


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ({"p": 1, "q": {"r": [1, 2]}}, {"p": 1, "q": {"r": [1, 3]}}, ("x.q.r[1]", 2, 3)),
        ({"p": [1]}, {"p": [1, 2]}, ("x.p.length", 1, 2)),
        ({"p": 1}, {}, ("x.p", 1, None)),
        ([], {}, ("x", [], {})),
        ({"symbols": ["A", "B"], "v": [1, 2]}, {"symbols": ["A", "B"], "v": [1, 5]}, ("x.v[B]", 2, 5)),
        ({"symbols": ["A"], "v": [1]}, {"symbols": ["B"], "v": [1]}, ("x.symbols[0]", "A", "B")),
        (
            {"cycle_id": "a-1", "client_order_id": "s7:a"},
            {"cycle_id": "b-1", "client_order_id": "s7:b"},
            None,
        ),
    ],
)
def test_the_path_names_the_place_and_names_of_runs_do_not_count(
    a: Any, b: Any, found: tuple[str, Any, Any] | None
) -> None:
    assert first_difference(a, b, "x") == found
