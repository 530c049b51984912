"""Fills of any fineness into amounts of 10^-8: nothing is lost, whatever the order and the digits."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.live.booking import Entry, Sums, entries_of, entry_of, missing_quantity, sum_of
from meva_core.orders import Side
from meva_core.venue import Method, OrderState, VenueFill, VenueOrder

LOT = Decimal("0.0001")
FINE = st.decimals(min_value=0, max_value=10**9, places=16)
FILLS = st.lists(
    st.builds(
        lambda price, qty, fee, asset: fill(price, qty, fee, asset),
        st.decimals(min_value=Decimal("1e-12"), max_value=10**7, places=12),
        FINE,
        FINE,
        st.sampled_from(("TRY", "BNB")),
    ),
    max_size=12,
)


def fill(
    price: Decimal | str, qty: Decimal | str, fee: Decimal | str = "0", asset: str = "TRY", exact: bool = True
) -> VenueFill:
    amounts = Decimal(price), Decimal(qty), Decimal(fee)
    return VenueFill("1", "7", None, "AAVETRY", Side.BUY, *amounts, asset, 0, exact)


def order(qty: str, left: str | None) -> VenueOrder:
    amounts = Decimal(1), Decimal(qty), None if left is None else Decimal(left)
    return VenueOrder("7", None, "AAVETRY", Side.BUY, Method.LIMIT, *amounts, OrderState.OPEN, "", None, None)


def units(amount: Fraction, rounding: str) -> int:
    """An amount in e8, reckoned another way."""
    whole, rest = divmod(amount * 10**8, 1)
    up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
    return int(whole) + (rounding == ROUND_HALF_EVEN and up)


def totals(entries: Sequence[Entry], asset: str) -> tuple[int, int, int]:
    fees = sum(entry.fee for entry in entries if entry.fee_asset == asset)
    return sum(entry.qty for entry in entries), sum(entry.notional for entry in entries), fees


def test_a_fill_finer_than_a_unit_is_booked_and_its_rest_comes_with_a_later_one() -> None:
    """As it was seen on the wire."""
    first = fill("100", "0.6393864025", "3.6433234567891")
    second = fill("100", "0.3606135975", "0.0000000032109")
    assert entries_of([first, second]) == [
        Entry(63938640, 6393864025, 364332346, "TRY"),
        Entry(36061360, 3606135975, 0, "TRY"),
    ]


@given(FILLS)
def test_entries_add_up_to_the_exact_sums_rounded_once(fills: list[VenueFill]) -> None:
    entries = entries_of(fills)
    qty = sum((Fraction(one.qty) for one in fills), Fraction(0))
    notional = sum((Fraction(one.price) * Fraction(one.qty) for one in fills), Fraction(0))
    for asset in ("TRY", "BNB"):
        fee = sum((Fraction(one.fee) for one in fills if one.fee_asset == asset), Fraction(0))
        expected = units(qty, ROUND_FLOOR), units(notional, ROUND_HALF_EVEN), units(fee, ROUND_HALF_EVEN)
        assert totals(entries, asset) == expected


@given(FILLS, st.randoms(use_true_random=False))
def test_the_order_in_which_fills_come_moves_no_total(fills: list[VenueFill], shuffler: Random) -> None:
    entries = entries_of(fills)
    shuffler.shuffle(fills)
    assert totals(entries_of(fills), "TRY") == totals(entries, "TRY")


@given(FILLS, st.integers(0, 12))
def test_going_on_from_sums_is_as_booking_all_at_once(fills: list[VenueFill], cut: int) -> None:
    sums = Sums()
    for one in fills[:cut]:
        sums = sums.plus(one)
    later = []
    for one in fills[cut:]:
        later.append(entry_of(one, sums))
        sums = sums.plus(one)
    assert entries_of(fills)[cut:] == later


@given(FILLS)
def test_no_entry_is_negative(fills: list[VenueFill]) -> None:
    assert all(min(entry.qty, entry.notional, entry.fee) >= 0 for entry in entries_of(fills))


@given(FILLS)
def test_the_precision_of_the_caller_moves_nothing(fills: list[VenueFill]) -> None:
    with localcontext(prec=3):
        narrow = entries_of(fills)
    assert narrow == entries_of(fills)


@pytest.mark.parametrize(
    ("filled", "fills", "missing"),
    [
        (("0.5", "0"), [fill("1", "0.33840811"), fill("1", "0.16159189")], "0"),
        (("0.5", "0"), [fill("1", "0.33840811")], "0.16159189"),
        (("0.5", "0"), [fill("1", "0.4999"), fill("1", "0.0002")], "-0.0001"),
        # Rounded to the lot: by the fills that are not exact, and by what is left.
        (("0.5", "0"), [fill("1", "0.3384", exact=False), fill("1", "0.1615", exact=False)], "0"),
        (("0.5", "0"), [fill("1", "0.3384", exact=False), fill("1", "0.1613", exact=False)], "0.0003"),
        (("0.5", "0"), [fill("1", "0.5"), fill("1", "0", exact=False)], "0"),
        (("0.5", "0.1616"), [fill("1", "0.33840811")], "0"),
        (("0.5", "0.5"), [], "0"),
        (("0.5", "0.4"), [], "0.1"),
        (("0.5", None), [fill("1", "0.5")], None),
    ],
)
def test_fills_are_held_against_what_the_exchange_says_was_filled(
    filled: tuple[str, str | None], fills: list[VenueFill], missing: str | None
) -> None:
    expected = None if missing is None else Decimal(missing)
    assert missing_quantity(order(*filled), fills, LOT) == expected


def test_sums_are_exact_beyond_28_digits() -> None:
    long = Decimal("12345678901234567890.12345678901234567")
    assert sum_of([long, long, Decimal("1e-30")]) == Fraction(long) * 2 + Fraction(1, 10**30)
