"""The books: what fills do to cash, lots and totals, against plain sums."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meva_core.amounts import E8, LIMIT, join_pair, to_decimal
from meva_core.ledger import add_lot, book, priced, share_of, take_lots
from meva_core.live.booking import entries_of
from meva_core.loop import views
from meva_core.orders import Side
from meva_core.state import CASH, FEES, ORDER_COLUMNS, REALIZED, SLIPPAGE, TURNOVER, State, new_state
from meva_core.venue import VenueFill

prices = st.one_of(st.integers(1, 10**12), st.integers(1, 1_000))
quantities = st.one_of(st.integers(1, 10**10), st.integers(1, 1_000))
fees = st.sampled_from((0, 20 * E8, 1, 10**12 - 1, 12_345_678))
Fill = tuple[Side, int, int, int]
fills = st.lists(st.tuples(st.sampled_from(Side), prices, quantities, prices), max_size=25)
"""(side, price, quantity, mark)."""


def new_book(room: int = 64) -> State:
    """Return an empty book of one symbol, read and written as the interpreted engine does."""
    return views(new_state(1, 0, (0,) * 6, 0, room=room))


def order(s: State, k: int, side: Side) -> int:
    for name in ORDER_COLUMNS:
        getattr(s, name)[k] = 0
    s.order_side[k] = side
    return k


def fill(s: State, k: int, price: int, qty: int, mark: int, fee: int) -> tuple[int, int, int, int]:
    """Price and book a fill of order k as the simulated venue does; return (notional, fee, reference,
    cost)."""
    notional, charged = priced(s, k, price, qty, fee)
    return notional, charged, *book(s, k, qty, notional, charged, mark)


def total(s: State, place: int) -> int:
    return join_pair(s.money[place], s.money[place + 1])


def possible(fills: list[Fill]) -> list[Fill]:
    """Return the fills with sells cut to what is held then."""
    held, kept = 0, []
    for side, price, qty, mark in fills:
        amount = qty if side is Side.BUY else min(qty, held)
        if amount > 0:
            held += amount if side is Side.BUY else -amount
            kept.append((side, price, amount, mark))
    return kept


def run(s: State, fills: list[Fill], fee: int) -> list[tuple[int, int, int, int]]:
    return [fill(s, order(s, 0, side), price, qty, mark, fee) for side, price, qty, mark in possible(fills)]


@given(fills=fills, fee=fees, mark=prices)
def test_nothing_is_made_or_lost(fills: list[Fill], fee: int, mark: int) -> None:
    s = new_book()
    run(s, fills, fee)
    value = round(Fraction(s.qty[0] * mark, E8))
    gross = total(s, REALIZED) + value - s.cost[0]
    assert gross - total(s, FEES) - total(s, SLIPPAGE) == total(s, CASH) + value


@given(fills=fills, fee=fees)
def test_totals_are_the_sums_of_the_fills(fills: list[Fill], fee: int) -> None:
    s = new_book()
    booked = run(s, fills, fee)
    sides = [side for side, *_ in possible(fills)]
    signed = [n if side is Side.SELL else -n for side, (n, *_) in zip(sides, booked, strict=True)]
    assert total(s, TURNOVER) == sum(n for n, *_ in booked)
    assert total(s, FEES) == sum(f for _, f, *_ in booked)
    assert total(s, CASH) == sum(signed) - total(s, FEES)
    for side, (n, f, reference, _), (_, price, qty, mark) in zip(sides, booked, possible(fills), strict=True):
        assert n == round(Fraction(price * qty, E8))
        assert f == round(Fraction(n * fee, 10**12))
        at_mark = round(Fraction(mark * qty, E8))
        assert reference == (min(n, at_mark) if side is Side.BUY else max(n, at_mark))


@given(fills=fills, fee=fees)
def test_cost_and_slippage_of_buys_sum_to_what_was_paid(fills: list[Fill], fee: int) -> None:
    s = new_book()
    booked = run(s, fills, fee)
    kept = possible(fills)
    bought = [(n, r) for (side, *_), (n, _, r, _) in zip(kept, booked, strict=True) if side is Side.BUY]
    taken = sum(cost for *_, cost in booked)
    assert sum(r for _, r in bought) == taken + s.cost[0]
    assert sum(n for n, _ in bought) == taken + s.cost[0] + sum(n - r for n, r in bought)


@given(fills=fills, fee=fees, price=prices)
def test_nothing_held_costs_nothing(fills: list[Fill], fee: int, price: int) -> None:
    s = new_book()
    run(s, fills, fee)
    if s.qty[0] > 0:
        fill(s, order(s, 0, Side.SELL), price, s.qty[0], price, fee)
    assert s.qty[0] == s.cost[0] == s.paid[0] == s.lot_count[0] == 0


@given(fills=fills, fee=fees)
def test_average_cost_is_what_was_paid_and_leaves_in_parts(fills: list[Fill], fee: int) -> None:
    s = new_book()
    held = paid = 0
    for side, price, qty, mark in possible(fills):
        notional, charged, *_ = fill(s, order(s, 0, side), price, qty, mark, fee)
        if side is Side.BUY:
            held, paid = held + qty, paid + notional + charged
        else:
            held, paid = held - qty, paid - (paid * qty // held)
        assert (s.qty[0], s.paid[0]) == (held, paid)


def test_average_cost_of_the_example_of_the_contract() -> None:
    """Buy 0.01 at 3 000 000 and sell 0.004 at 3 050 000, fee 24 bps."""
    s = new_book()
    fill(s, order(s, 0, Side.BUY), 3_000_000 * E8, E8 // 100, 2_999_000 * E8, 24 * E8)
    assert s.paid[0] == 30_072 * E8  # 3 007 200 a piece
    notional, charged, *_ = fill(
        s, order(s, 0, Side.SELL), 3_050_000 * E8, E8 * 4 // 1000, 3_051_000 * E8, 24 * E8
    )
    assert notional - charged - (30_072 * E8 - s.paid[0]) == 14_192 * E8 // 100
    assert s.cost[0] == E8 * 29_990 * 6 // 10


def test_what_was_paid_stays_an_amount_in_machine_integers() -> None:
    """Three times half of what there is: the lots keep count of what they can, the average stops at most."""
    s = new_state(1, 0, (0,) * 6, 0)
    with np.errstate(over="raise"):
        for _ in range(3):
            book(s, order(s, 0, Side.BUY), E8, LIMIT // 2, LIMIT // 4, 1)
        assert s.paid[0] == LIMIT
        book(s, order(s, 0, Side.SELL), 2 * E8, 1, 0, 1)
    assert s.paid[0] == LIMIT - LIMIT * 2 // 3


@given(fills=fills, fee=fees, cut=st.integers(0, 25))
def test_folding_in_parts_is_folding_at_once(fills: list[Fill], fee: int, cut: int) -> None:
    kept = possible(fills)
    parts, whole = new_book(), new_book()
    for part in (kept[:cut], kept[cut:]):
        for side, price, qty, mark in part:
            fill(parts, order(parts, 0, side), price, qty, mark, fee)
    run(whole, kept, fee)
    assert all(a.tolist() == b.tolist() for a, b in zip(parts, whole, strict=True))


@given(slices=st.lists(st.tuples(prices, quantities), min_size=1, max_size=8), fee=fees, mark=prices)
def test_slices_of_an_order_cost_what_the_whole_order_costs(
    slices: list[tuple[int, int]], fee: int, mark: int
) -> None:
    s = new_book()
    order(s, 0, Side.BUY)
    booked = [fill(s, 0, price, qty, mark, fee) for price, qty in slices]
    exact = sum(Fraction(price * qty, E8) for price, qty in slices)
    assert sum(n for n, *_ in booked) == s.order_notional[0] == round(exact)
    assert sum(f for _, f, *_ in booked) == s.order_fee[0] == round(Fraction(round(exact) * fee, 10**12))
    worst = max(price for price, _ in slices) * sum(qty for _, qty in slices)
    assert s.order_notional[0] <= round(Fraction(worst, E8))


@given(
    side=st.sampled_from(Side),
    slices=st.lists(st.tuples(prices, quantities, prices), min_size=1, max_size=8),
    fee=fees,
)
def test_what_an_exchange_charged_is_booked_as_what_a_fill_costs(
    side: Side, slices: list[tuple[int, int, int]], fee: int
) -> None:
    """One order, filled by the simulated venue and by an exchange that charges the same, slice by slice."""
    simulated, real = new_book(), new_book()
    for s in (simulated, real):
        add_lot(s, 0, 10**12, 10**14)
        s.qty[0] = 10**12
        order(s, 0, side)
    booked = [fill(simulated, 0, price, qty, mark, fee) for price, qty, mark in slices]
    told = [
        venue_fill(side, price, qty, charged)
        for (price, qty, _), (_, charged, *_) in zip(slices, booked, strict=True)
    ]
    entries = zip(slices, entries_of(told), booked, strict=True)
    for (_, qty, mark), entry, (notional, charged, reference, cost) in entries:
        assert (entry.qty, entry.notional, entry.fee) == (qty, notional, charged)
        assert book(real, 0, entry.qty, entry.notional, entry.fee, mark) == (reference, cost)
    # An exchange's prices may be finer than the exact sum holds, so it is the simulated venue's alone.
    for name in set(State._fields) - {"order_gross", "order_gross_rest"}:
        assert getattr(simulated, name).tolist() == getattr(real, name).tolist(), name


def venue_fill(side: Side, price: int, qty: int, fee: int) -> VenueFill:
    amounts = to_decimal(price), to_decimal(qty), to_decimal(fee)
    return VenueFill("1", "7", None, "BTCTRY", side, *amounts, "TRY", 0)


@given(notional=st.integers(0, 10**6), fee=st.integers(0, 10**3), mark=prices)
def test_a_fill_below_a_unit_moves_money_and_makes_no_lot(notional: int, fee: int, mark: int) -> None:
    s = new_book()
    book(s, order(s, 0, Side.BUY), 0, notional, fee, mark)
    assert s.qty[0] == s.cost[0] == s.paid[0] == s.lot_count[0] == 0
    assert total(s, CASH) == -notional - fee == -total(s, SLIPPAGE) - total(s, FEES)


@given(notional=st.integers(0, 10**6), fee=st.integers(0, 10**3))
def test_a_fill_below_a_unit_is_paid_for_what_is_held(notional: int, fee: int) -> None:
    s = new_book()
    book(s, order(s, 0, Side.BUY), E8, E8, 0, E8)
    book(s, order(s, 0, Side.BUY), 0, notional, fee, E8)
    assert s.paid[0] == E8 + notional + fee


@given(price=prices, qty=quantities, fee=fees)
def test_pricing_a_fill_books_nothing(price: int, qty: int, fee: int) -> None:
    s, before = new_book(), new_book()
    order(s, 0, Side.BUY)
    notional, charged = priced(s, 0, price, qty, fee)
    assert notional == round(Fraction(price * qty, E8))
    assert charged == round(Fraction(notional * fee, 10**12))
    assert join_pair(s.order_gross[0], s.order_gross_rest[0]) == price * qty
    for name in set(State._fields) - {"order_gross", "order_gross_rest"}:
        assert getattr(s, name).tolist() == getattr(before, name).tolist(), name


@given(lots=st.lists(st.tuples(quantities, quantities), max_size=12), parts=st.lists(quantities, max_size=12))
def test_lots_go_first_in_first_out(lots: list[tuple[int, int]], parts: list[int]) -> None:
    s, plain = new_book(room=16), [list(lot) for lot in lots]
    for qty, cost in lots:
        add_lot(s, 0, qty, cost)
    for part in parts:
        wanted = min(part, sum(qty for qty, _ in plain))
        expected, left = 0, wanted
        while left > 0:
            qty, cost = plain[0]
            taken = min(qty, left)
            piece = cost if taken == qty else cost * taken // qty
            plain[0] = [qty - taken, cost - piece]
            if taken == qty:
                del plain[0]
            expected, left = expected + piece, left - taken
        assert take_lots(s, 0, wanted) == expected
    assert s.cost[0] == sum(cost for _, cost in plain)
    assert s.lot_count[0] == len(plain)


def test_the_ring_of_lots_turns_without_losing_any() -> None:
    s = new_book(room=3)
    taken: list[Any] = []
    for turn in range(10):
        add_lot(s, 0, 10, turn)
        add_lot(s, 0, 10, 100 + turn)
        taken += [take_lots(s, 0, 10), take_lots(s, 0, 10)]
    assert taken == [cost for turn in range(10) for cost in (turn, 100 + turn)]


@given(data=st.data(), whole=st.one_of(st.integers(1, LIMIT - 1), st.integers(1, 100)))
def test_a_share_is_exact_over_the_whole_range(data: st.DataObject, whole: int) -> None:
    amount = data.draw(st.one_of(st.integers(0, LIMIT - 1), st.integers(0, 1_000)))
    part = data.draw(st.one_of(st.integers(0, whole), st.just(whole)))
    assert share_of(amount, part, whole) == amount * part // whole


def test_a_share_does_not_wrap_in_machine_integers() -> None:
    most = np.int64(LIMIT - 1)
    with np.errstate(over="raise"):
        assert share_of(most, most - 1, most) == (LIMIT - 1) * (LIMIT - 2) // (LIMIT - 1)
