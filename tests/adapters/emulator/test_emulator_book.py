"""The book and the waiting stops alone: levels, sums and order by a plain list's measure."""

from __future__ import annotations

from emulator_strategies import E8
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.book import Book, HalfBook
from meva_adapters.emulator.exchange.fees import FREE
from meva_adapters.emulator.exchange.orders import Method, Order, Side
from meva_adapters.emulator.exchange.stops import StopBook

NOBODY = TradingAccount("nobody", 1, FREE)


def order(number: int, side: Side, price: int, qty: int = E8, stop: int = 0) -> Order:
    return Order(number, NOBODY, "X", side, Method.LIMIT, price, stop, qty, "c", 0, amount=qty, left=qty)


@given(
    st.sampled_from(Side),
    st.lists(st.tuples(st.sampled_from("aaart"), st.integers(1, 9), st.integers(1, 5)), max_size=60),
)
def test_a_side_is_sorted_by_price_and_each_price_by_arrival(
    side: Side, steps: list[tuple[str, int, int]]
) -> None:
    half, plain = HalfBook(side), list[Order]()
    for number, (what, price, qty) in enumerate(steps):
        if what == "a":
            plain.append(order(number, side, price, qty))
            half.add(plain[-1])
        elif plain:
            chosen = plain[(price * 7 + qty) % len(plain)]
            if what == "t":
                half.trade(chosen, min(qty, chosen.left))
            if what == "r" or chosen.left == 0:
                plain.remove(chosen)
            if what == "r":
                half.remove(chosen)
        ranked = sorted(plain, key=lambda o: o.price if side is Side.SELL else -o.price)  # stable
        levels = list(half.levels())
        assert [o for level in levels for o in level.orders.values()] == ranked
        assert [level.price for level in levels] == list(dict.fromkeys(o.price for o in ranked))
        assert all(level.total == sum(o.left for o in level.orders.values()) for level in levels)
        assert len(half) == len(levels)
        best = half.best()
        assert (best and best.price) == (ranked[0].price if ranked else None)
        at = half.at(price)
        assert (at is None) is (price not in {o.price for o in ranked})


@given(st.sampled_from(Side), st.integers(1, 9), st.none() | st.integers(1, 9))
def test_an_order_crosses_at_the_other_sides_best_price_and_beyond(
    side: Side, price: int, other: int | None
) -> None:
    book = Book()
    assert book.touch(side) is book.touch(side.other) is None
    if other is not None:
        book.half(side.other).add(order(1, side.other, other))
        book.half(side).add(order(2, side, 1 if side is Side.BUY else 10**9))
    meets = other is not None and (price >= other if side is Side.BUY else price <= other)
    assert book.crosses(side, price) is meets
    assert book.touch(side.other) == other


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
def test_a_book_knows_the_last_price_and_the_extremes(prices: list[int]) -> None:
    book = Book()
    for price in prices:
        book.print(price)
    assert (book.last, book.lowest, book.highest) == (prices[-1], min(prices), max(prices))


@given(
    st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 20)), max_size=15),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_the_oldest_stop_that_is_reached_comes_first(stops: list[tuple[Side, int]], a: int, b: int) -> None:
    waiting = StopBook()
    orders = [order(number, side, 5, stop=stop) for number, (side, stop) in enumerate(stops)]
    for one in orders:
        waiting.add(one)
    assert waiting.next_reached(0, 0) is None
    lowest, highest = min(a, b), max(a, b)
    reached = [
        one
        for one in orders
        if (one.stop_price <= highest if one.side is Side.BUY else one.stop_price >= lowest)
    ]
    found = []
    while stop := waiting.next_reached(lowest, highest):
        waiting.remove(stop)
        found.append(stop)
    assert found == reached
