"""Amounts: text in, text out, and every product and quotient against Python's own integers."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from strategies import amounts, signed_amounts

from meva_core import amounts as kernels
from meva_core.amounts import (
    BAD,
    E8,
    E12,
    LIMIT,
    digits_of,
    format_e8,
    is_usable,
    join_pair,
    midpoint,
    mul_e8,
    net_of_rate,
    pair_add,
    pair_carry,
    pair_clamped,
    pair_sum,
    parse_e8,
    product_parts,
    scale,
    scale_down,
    scale_up,
    to_decimal,
)
from meva_core.errors import BadInput

rates = st.one_of(st.integers(0, E12), st.sampled_from((0, 1, E12 - 1, E12, 20 * 10**8)))
factors = st.one_of(st.integers(0, 2 * E12), st.sampled_from((0, 1, E12 - 1, E12, E12 + 1, 2 * E12)))
wholes = st.integers(-(10**15), 10**15)
rests = st.integers(0, E8 - 1)


def held(exact: int) -> int:
    """Return a number as kernels do: BAD beyond the range."""
    return exact if 0 <= exact < LIMIT else BAD


# -- Text and Decimal ---------------------------------------------------------------------------------


@given(amount=signed_amounts)
def test_an_amount_survives_text_and_decimal(amount: int) -> None:
    assert parse_e8(format_e8(amount)) == amount
    assert parse_e8(to_decimal(amount)) == amount
    assert to_decimal(amount) == Decimal(amount).scaleb(-8)


@given(amount=signed_amounts)
def test_text_of_an_amount_is_plain_and_short(amount: int) -> None:
    text = format_e8(amount)
    assert not set(text) - set("-0123456789.")
    assert text != "-0"
    assert "." not in text or text[-1] not in "0."
    assert not text.lstrip("-").startswith("0") or text.lstrip("-").startswith("0.") or text == "0"


@given(amount=signed_amounts, zeros=st.integers(0, 40), shift=st.integers(-30, 30))
def test_zeros_behind_and_exponents_do_not_change_an_amount(amount: int, zeros: int, shift: int) -> None:
    text = format_e8(amount)
    assert parse_e8(text + ("0" * zeros if "." in text else "." + "0" * (zeros + 1))) == amount
    digits = amount * 10**zeros
    assert parse_e8(Decimal((int(amount < 0), tuple(map(int, str(abs(digits)))), -8 - zeros))) == amount
    assert parse_e8(Decimal(f"{text}E{shift}") * Decimal(10) ** -shift) == amount


@given(amount=amounts, digit=st.integers(1, 9), place=st.integers(0, 40), negative=st.booleans())
def test_a_digit_beyond_the_eighth_is_refused(amount: int, digit: int, place: int, negative: bool) -> None:
    text = f"{'-' * negative}{amount // E8}.{amount % E8:08d}{'0' * place}{digit}"
    for value in (text, Decimal(text)):
        with pytest.raises(BadInput, match="more than 8 decimal places"):
            parse_e8(value, "price")


@given(over=st.integers(0, 10**30), negative=st.booleans())
def test_what_is_too_large_is_refused(over: int, negative: bool) -> None:
    number = Decimal(LIMIT + over).scaleb(-8) * (-1 if negative else 1)
    with pytest.raises(BadInput, match=r"price: .* is too large; amounts stay below 92 000 000 000"):
        parse_e8(number, "price")


@pytest.mark.parametrize(
    "value",
    [
        "", " 1", "1 ", "+1", ".5", "5.", "1e3", "1_000", "1,5", "--1", "0x1", "NaN", "inf", "-", "١٢", "1\n",
        "9" * 61, None, 1.5, True, b"1", Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"),
    ],
)  # fmt: skip
def test_what_is_no_plain_number_is_refused(value: Any) -> None:
    with pytest.raises(BadInput, match=r"^price: "):
        parse_e8(value, "price")


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (Decimal("0E+999999"), 0),
        (Decimal("-0.00"), 0),
        ("-0", 0),
        (Decimal("1." + "0" * 5000), E8),
        (Decimal("9.1E+10"), 91 * 10**17),
        (Decimal("91999999999.99999999"), LIMIT - 1),
        (91_999_999_999, 91_999_999_999 * E8),
    ],
    ids=[
        "zero and exponent",
        "minus zero",
        "text of minus zero",
        "many zeros",
        "exponent",
        "the largest",
        "int",
    ],
)
def test_odd_forms_of_numbers_are_read_exactly(value: Any, amount: int) -> None:
    assert parse_e8(value) == amount


@pytest.mark.parametrize(
    "value",
    [Decimal("1" * 5000), Decimal("0." + "1" * 5000), Decimal("1E+999999"), 10**5000],
    ids=["digits", "decimal places", "exponent", "int"],
)
def test_numbers_of_any_length_are_refused_in_a_short_message(value: Any) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_e8(value, "volume")
    assert len(str(refusal.value)) < 200


# -- Products and quotients ---------------------------------------------------------------------------


@given(a=amounts, b=amounts)
@example(a=LIMIT - 1, b=E8)
@example(a=LIMIT - 1, b=E8 + 1)
@example(a=(2**31 - 1) * E8 + E8 - 1, b=41 * E8 + 90 * 10**6)
def test_a_product_is_exact_or_bad(a: int, b: int) -> None:
    q, r = product_parts(a, b)
    assert (q, r) == (divmod(a * b, E8) if a * b // E8 < LIMIT else (BAD, 0))
    assert mul_e8(a, b) == held(round(Fraction(a * b, E8)))
    assert mul_e8(a, b) == mul_e8(b, a)


@given(a=amounts, factor=factors)
def test_a_scaled_amount_is_exact_or_bad(a: int, factor: int) -> None:
    exact = Fraction(a * factor, E12)
    assert scale(a, factor) == held(round(exact))
    assert scale_up(a, factor) == held(math.ceil(exact))
    assert scale_down(a, factor) == held(math.floor(exact))


@given(a=amounts, b=amounts)
@example(a=LIMIT - 1, b=LIMIT - 1)
@example(a=LIMIT - 1, b=92 * 10**9)
@example(a=92 * 10**9, b=92 * 10**13)
@example(a=1, b=LIMIT - 1)
def test_a_quotient_is_exact_or_bad(a: int, b: int) -> None:
    assume(b > 0)
    assert kernels.div_e8(a, b) == held(a * E8 // b)


@given(a=amounts, rate=rates)
def test_what_is_left_of_an_amount_for_a_fee_is_the_most_that_fits(a: int, rate: int) -> None:
    assume(rate < E12)
    spent = net_of_rate(a, rate)
    assert spent == a * E12 // (E12 + rate)
    assert spent * (E12 + rate) <= a * E12 < (spent + 1) * (E12 + rate)


@given(a=amounts, b=amounts)
def test_the_middle_is_rounded_half_to_even(a: int, b: int) -> None:
    low, high = sorted((a, b))
    assert midpoint(low, high) == round(Fraction(low + high, 2))


# -- Pairs --------------------------------------------------------------------------------------------


@given(whole=wholes, rest=rests, added=st.lists(signed_amounts))
def test_a_pair_adds_as_one_number_and_stays_normal(whole: int, rest: int, added: list[int]) -> None:
    pair = [whole, rest]
    for amount in added:
        pair_add(pair, 0, amount)
        assert 0 <= pair[1] < E8
    assert join_pair(*pair) == whole * E8 + rest + sum(added)


@given(a=st.tuples(wholes, rests), b=st.tuples(wholes, rests), sign=st.sampled_from((1, -1)))
def test_pairs_add_and_subtract_as_numbers(a: tuple[int, int], b: tuple[int, int], sign: int) -> None:
    cells = [*a, *b]
    pair_sum(cells, 0, cells, 2, sign)
    assert join_pair(*cells[:2]) == join_pair(*a) + sign * join_pair(*b)
    assert 0 <= cells[1] < E8
    assert tuple(cells[2:]) == b


@given(whole=st.integers(-(2**62), 2**62), rest=rests)
def test_a_pair_as_one_amount_is_held_within_the_range(whole: int, rest: int) -> None:
    assert pair_clamped(whole, rest) == max(1 - LIMIT, min(LIMIT - 1, whole * E8 + rest))


@given(
    start=st.tuples(st.integers(-(10**17), 10**17), st.integers(0, 10**8 - 1)),
    added=st.lists(st.integers(-(10**18), 10**18), max_size=20),
)
def test_sums_that_are_carried_once_give_what_adding_one_by_one_gives(start, added):
    one, once = list(start), list(start)
    for amount in added:
        pair_add(one, 0, amount)
    pair_carry(once, 0, sum(amount // E8 for amount in added), sum(amount % E8 for amount in added))
    assert once == one
    assert join_pair(*once) == join_pair(*start) + sum(added)


@pytest.mark.parametrize(
    ("number", "shown", "usable"),
    [
        ("1E+3", "1000", True),
        ("-0.000000010", "-0.000000010", True),
        ("1E-30", f"0.{'0' * 29}1", True),
        ("0E+999999", "0E+999999", False),
        ("1E+999999999", "1E+999999999", False),
        ("-1E-999999999", "-1E-999999999", False),
        ("NaN", "NaN", False),
        ("-Infinity", "-Infinity", False),
    ],
)
def test_a_number_of_a_file_is_written_out_only_as_far_as_anybody_would_read(
    number: str, shown: str, usable: bool
) -> None:
    assert digits_of(Decimal(number)) == shown
    assert is_usable(Decimal(number)) is usable


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_that_is_written_out_is_the_same_number_in_few_letters(number: Decimal) -> None:
    text = digits_of(number)
    assert Decimal(text) == number
    assert len(text) <= 250 + len(str(number))
