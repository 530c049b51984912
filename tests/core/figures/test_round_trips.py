"""Round trips: what they are, and that their results add up."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from meva_core.figures.cycles import Lot, Opening
from meva_core.figures.trips import Fill, Trips
from meva_core.orders import Side

amounts = st.integers(1, 10**13)


def fill(side: Side, time: int, qty: int, notional: int, fee: int, order: int = 0, **other: str) -> Fill:
    """Return a fill of one symbol, at the mark."""
    symbol = other.get("symbol", "BTCTRY")
    return Fill(time, symbol, side, order or time, 0, 0, 1, qty, notional, fee, notional)


@st.composite
def histories(draw):
    """Draw an opening and fills that never sell what is not held; some orders have several fills."""
    held: dict[str, int] = defaultdict(int)
    opening = {}
    if draw(st.booleans()):
        lots = draw(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=3))
        opening["BTCTRY"] = tuple(Lot(*lot) for lot in lots)
        held["BTCTRY"] = sum(qty for qty, _ in lots)
    fills = []
    for time in range(1, draw(st.integers(1, 25))):
        symbol = draw(st.sampled_from(["BTCTRY", "ETHTRY"]))
        side = draw(st.sampled_from([Side.BUY, Side.SELL])) if held[symbol] else Side.BUY
        qty = draw(amounts if side == Side.BUY else st.integers(1, held[symbol]))
        order = (time - draw(st.integers(0, 2))) * 10 + side * 2 + (symbol == "ETHTRY")
        held[symbol] += qty if side == Side.BUY else -qty
        fills.append(fill(side, time, qty, draw(amounts), draw(st.integers(0, 10**9)), order, symbol=symbol))
    return Opening(0, lots=opening), fills


@given(histories())
def test_results_are_what_cash_gained_and_what_open_lots_cost(history):
    opening, fills = history
    trips = Trips.after(opening)
    for one in fills:
        trips.take(one)
    cash = sum((-1 if one.side == Side.BUY else 1) * one.notional - one.fee for one in fills)
    results = sum(trip.result for trip in trips.done())
    assert results == cash + trips.open_cost - opening.cost


@given(histories())
def test_every_sell_order_with_a_fill_is_one_round_trip_of_what_it_sold(history):
    opening, fills = history
    trips = Trips.after(opening)
    sold = defaultdict(int)
    for one in fills:
        trips.take(one)
        if one.side == Side.SELL:
            sold[one.submitted, one.n] += one.qty
    assert {trip.order: trip.qty for trip in trips.done()} == sold
    closed = [trip.closed for trip in trips.done()]
    assert closed == sorted(closed)


def test_a_lot_gives_its_share_rounded_down_and_its_last_piece_takes_the_rest():
    trips = Trips()
    trips.take(fill(Side.BUY, 0, qty=3, notional=99, fee=1))
    for time in (10, 20, 30):
        trips.take(fill(Side.SELL, time, qty=1, notional=40, fee=1))
    assert [trip.cost for trip in trips.done()] == [33, 33, 34]
    assert [trip.result for trip in trips.done()] == [6, 6, 5]
    assert trips.open_cost == 0


def test_the_oldest_lot_goes_first_and_its_age_counts_by_quantity():
    trips = Trips()
    trips.take(fill(Side.BUY, 0, qty=2, notional=20, fee=0))
    trips.take(fill(Side.BUY, 60, qty=10, notional=200, fee=0))
    trips.take(fill(Side.SELL, 120, qty=3, notional=70, fee=2))
    [trip] = trips.done()
    assert (trip.opened, trip.closed, trip.cost, trip.result) == (0, 120, 40, 28)
    assert trip.held_seconds == float(Fraction(2 * 120 + 1 * 60, 3))
    assert trip.share == 28 / 40


def test_the_age_is_that_at_the_last_fill_of_an_order():
    trips = Trips()
    trips.take(fill(Side.BUY, 0, qty=4, notional=40, fee=0))
    trips.take(fill(Side.SELL, 60, qty=1, notional=10, fee=0, order=50))
    trips.take(fill(Side.SELL, 180, qty=1, notional=10, fee=0, order=50))
    [trip] = trips.done()
    assert (trip.qty, trip.held_seconds) == (2, 180)


def test_nobody_knows_the_age_of_what_a_book_began_with():
    trips = Trips.after(Opening(0, lots={"BTCTRY": (Lot(5, 50),)}))
    trips.take(fill(Side.BUY, 0, qty=5, notional=60, fee=0))
    trips.take(fill(Side.SELL, 60, qty=7, notional=70, fee=0))
    [trip] = trips.done()
    assert (trip.opened, trip.held_seconds, trip.cost) == (None, None, 50 + 24)


def test_an_order_that_still_rests_is_marked_and_counts_with_what_it_sold():
    trips = Trips()
    trips.take(fill(Side.BUY, 0, qty=5, notional=50, fee=0))
    trips.take(fill(Side.SELL, 60, qty=2, notional=30, fee=0))
    [trip] = trips.done(still_open=[(60, 0), (99, 0)])
    assert (trip.open, trip.result) == (True, 10)
