"""What a strategy may keep in mind, and how that is kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.strategy.memory import MOST, memorised, recalled

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
memories = st.dictionaries(texts, values, max_size=5)


@given(memory=memories)
def test_what_is_kept_comes_back_as_it_was_each_time_as_another(memory: dict[str, Any]) -> None:
    text = memorised(memory)
    first, second = recalled(text), recalled(text)
    assert first == second == memory
    assert first is not second
    assert memorised(first) == text
    assert memorised(dict(reversed(list(memory.items())))) == text


def test_floats_of_numpy_are_floats_and_tuples_lists() -> None:
    assert memorised({"high": np.float64(0.1), "at": (1, 2)}) == '{"at":[1,2],"high":0.1}'


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        ({"high": {"BTCTRY": float("nan")}}, r"memory\['high'\]\['BTCTRY'\]: nan has no form in JSON"),
        ({"high": [1.0, -float("inf")]}, r"memory\['high'\]\[1\]: -inf has no form"),
        ({"high": np.float64("nan")}, r"memory\['high'\]: nan has no form"),
        ({"paid": Decimal(1)}, r"memory\['paid'\]: Decimal\('1'\) is a Decimal; expected"),
        ({"n": np.int64(1)}, r"memory\['n'\]: np.int64\(1\) is a int64; expected"),
        ({"seen": {1, 2}}, "is a set; expected"),
        ({1: "one"}, "the key 1 is a int; expected a text"),
        ({"a": {(1, 2): "one"}}, r"memory\['a'\]: the key \(1, 2\) is a tuple"),
        ({"text": "\ud800"}, r"memory\['text'\]: '\\ud800' has half a character"),
        ({"a": {"\ud800": 1}}, r"memory\['a'\]: the key: '\\ud800' has half a character"),
        ({"n": 10**5000}, r"memory\['n'\]: a whole number of 16610 bits; expected at most 4096"),
        ({"text": "x" * MOST}, f"memory: {MOST + 11} bytes of JSON; expected at most {MOST}"),
    ],
)
def test_what_json_has_no_exact_form_of_is_named_with_its_place(memory: dict[Any, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        memorised(memory)


def test_what_is_within_itself_is_refused() -> None:
    memory: dict[str, Any] = {}
    memory["again"] = memory
    with pytest.raises(ValueError, match="more than 32 dicts and lists within each other"):
        memorised(memory)


def test_the_most_is_counted_in_bytes_not_in_letters() -> None:
    room = MOST - len('{"a":""}')
    assert len(memorised({"a": "x" * room})) == MOST
    with pytest.raises(ValueError, match="bytes of JSON"):
        memorised({"a": "ş" * room})
