"""The modes: a chain, whose combination obeys the laws of a lattice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.errors import BadInput
from meva_core.modes import Mode, combine, parse_mode

modes = st.sampled_from(Mode)


def test_the_chain_runs_from_normal_to_observing() -> None:
    assert sorted(Mode) == [Mode.NORMAL, Mode.REDUCE_RISK_ONLY, Mode.OBSERVE_ONLY]
    assert [int(mode) for mode in sorted(Mode)] == [0, 1, 2]  # stored, so they stay


@given(modes, modes)
def test_combining_is_commutative(a: Mode, b: Mode) -> None:
    assert combine(a, b) == combine(b, a)


@given(modes, modes, modes)
def test_combining_is_associative(a: Mode, b: Mode, c: Mode) -> None:
    assert combine(a, combine(b, c)) == combine(combine(a, b), c) == combine(a, b, c)


@given(modes)
def test_combining_is_idempotent_and_normal_changes_nothing(a: Mode) -> None:
    assert combine(a, a) == combine(a, Mode.NORMAL) == combine(a) == a
    assert combine() == Mode.NORMAL


@given(modes, modes, modes)
def test_combining_is_monotone_and_never_less_restrictive(a: Mode, b: Mode, c: Mode) -> None:
    assert combine(a, b) >= a
    if a <= b:
        assert combine(a, c) <= combine(b, c)


@given(modes)
def test_a_name_in_any_case_gives_its_mode(mode: Mode) -> None:
    assert parse_mode(mode.name) is parse_mode(f" {mode.name.lower()} ") is mode


@pytest.mark.parametrize("text", ["", "2", "OBSERVE", "obſerve_only", "NORMAL\n"])
def test_any_other_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(
        BadInput, match=r"base mode: .* expected one of NORMAL, REDUCE_RISK_ONLY, OBSERVE_ONLY"
    ):
        parse_mode(text, "base mode")
