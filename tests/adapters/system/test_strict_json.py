"""One reader for all JSON from outside: what it refuses, what it keeps, and that its work is linear."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.system import strict_json
from meva_adapters.system.strict_json import MAX_DEPTH, read_json, read_json_file
from meva_core.errors import BadInput

EIGHT_MILLION = 8 * 10**6

REFUSED = {
    "NaN": "NaN is not a number",
    "[-Infinity]": "-Infinity is not a number",
    "[1e999999999]": "1e999999999 is too large or too fine",
    "[1e-999999999]": "1e-999999999 is too large or too fine",
    "[1e99999999999999999999]": "not a JSON document",
    f"[{'9' * EIGHT_MILLION}]": f"a number of {EIGHT_MILLION} digits",
    f"[0.{'9' * EIGHT_MILLION}]": "is too long for an amount",
    f"[1e{'9' * EIGHT_MILLION}]": "is too long for an amount",
    '{"a": 1, "b": {"c": 1, "d": 2, "c": 3}}': "the key 'c' is repeated within an object",
    "[" * 10**6: "nested too deeply",
    "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1): f"nested deeper than {MAX_DEPTH}",
    '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1): f"nested deeper than {MAX_DEPTH}",
    r'["\ud800"]': "half of a surrogate pair",
    r'{"\udfff": 1}': "half of a surrogate pair",
    "\ufeff[]": "not a JSON document",
    "[] []": "not a JSON document",
    "": "not a JSON document",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:20]))
def test_what_no_later_step_could_take_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_json(text)
    assert REFUSED[text] in str(refused.value)
    assert len(str(refused.value)) < 400


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(BadInput, match="not a JSON document"):
        read_json(b'["\xff"]')


def test_numbers_keep_every_digit() -> None:
    assert read_json("[0.10, 1e-8, 12345678901234567890, -0.0]") == [
        Decimal("0.10"),
        Decimal("1E-8"),
        12345678901234567890,
        Decimal("-0.0"),
    ]
    assert read_json("[0.10, 1e-8, 007]".replace("007", "7"), numbers="text") == ["0.10", "1e-8", "7"]
    assert read_json("[0.5, 2]", numbers="float") == [0.5, 2]
    with pytest.raises(BadInput, match="too large"):
        read_json("[1e999]", numbers="float")


def test_a_document_as_deep_as_allowed_and_whole_pairs_of_surrogates_pass() -> None:
    assert read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert read_json(r'{"\ud83d\ude00": "\ud83d\ude00"}') == {"😀": "😀"}


def test_a_repeated_key_is_found_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    class Key(str):
        def __hash__(self) -> int:
            return super().__hash__()

        def __eq__(self, other: object) -> bool:
            nonlocal looks
            looks += 1
            return super().__eq__(other)

    pairs = [(Key(f"k{number}"), number) for number in range(30_000)] + [(Key("k7"), 7)]
    with pytest.raises(ValueError, match="the key 'k7' is repeated"):
        strict_json._unique(pairs)
    assert looks < 100  # each key is compared with its equals alone, not with all that came before


def test_a_file_is_named_in_what_is_said_about_it(tmp_path: Path) -> None:
    path = tmp_path / "exchangeinfo.json"
    with pytest.raises(BadInput, match=r"exchangeinfo\.json: cannot be read: No such file"):
        read_json_file(path)
    path.write_text('{"a": 1, "a": 2}')
    with pytest.raises(BadInput, match=r"exchangeinfo\.json: not a JSON document: the key 'a' is repeated"):
        read_json_file(path)


def test_a_document_above_the_limit_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strict_json, "MAX_BYTES", 10)
    path = tmp_path / "large.json"
    path.write_text("[1, 2, 3, 4, 5]")
    with pytest.raises(BadInput, match=r"large\.json: .*11 bytes; at most 10 are"):
        read_json_file(path)


@given(
    body=st.binary(max_size=200)
    | st.text(alphabet='[]{}":,0123456789eE.-+truefalsn \\ud', max_size=200).map(str.encode)
)
def test_any_bytes_are_a_document_or_bad_input(body: bytes) -> None:
    with suppress(BadInput):
        read_json(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=20,
    )
)
def test_what_json_writes_is_read_as_it_was(tree: object) -> None:
    assert read_json(json.dumps(tree)) == tree
