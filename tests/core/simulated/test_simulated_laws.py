"""Laws of the simulated exchange, whatever comes: what moves is what its fills say, nothing falls below zero,
no size is used twice, and one that was stored and read goes on as one that never stopped.

Its books are held against a count of their own, in fractions, out of what it tells of its fills.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from random import Random

from attrs import evolve
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from simulated_exchange import BTC, BTCTRY, ETHTRY, MICROS, START, TERMS, TRY, exchange, stored_and_read
from strategies import examples

from meva_core.amounts import E8, E12, parse_e8, to_decimal
from meva_core.errors import Refused, VenueReason
from meva_core.live.booking import entries_of
from meva_core.orders import Side
from meva_core.rules import floor_to
from meva_core.settings import FillModel
from meva_core.simulated.books import Books, books_of, text_of
from meva_core.simulated.touches import Touch
from meva_core.simulated.venue import SimulatedVenue
from meva_core.venue import NewOrder

MIDDLES = {"BTCTRY": 3_000_000 * E8, "ETHTRY": 40_000 * E8}
LOTS = {"BTCTRY": 1, "ETHTRY": E8 // 1000}
OPENING = {"TRY": TRY, "BTC": BTC}
ORDERS = st.tuples(
    st.sampled_from(sorted(MIDDLES)),
    st.sampled_from(Side),
    st.integers(9_850, 10_150),
    st.one_of(st.integers(200, 5_000), st.integers(50, 90_000)),
    st.integers(0, 1000),
)
"""Pair, side, the limit in 1/10 000 of the middle, what it is for in TRY, and some units more."""
SECONDS = st.sampled_from([60, 1, 3600])


def rounded(number: Fraction) -> int:
    """Return a fraction of units, half to even."""
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    assert Fraction(exact) == number, "the count itself is exact"
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


class Exchange(RuleBasedStateMachine):
    """Two exchanges that are told the same: one is stored and read now and then, the other never stops."""

    @initialize(
        model=st.sampled_from([FillModel.TOUCH, FillModel.TOUCH, FillModel.INSTANT]), fees=st.booleans()
    )
    def open(self, model: FillModel, fees: bool) -> None:
        rates = {} if fees else {"maker": 37 * 10**7, "taker": 11 * 10**7}  # the maker may pay more
        self.terms = evolve(TERMS, model=model, **rates)
        self.given, self.twin = (exchange(self.terms) for _ in range(2))
        self.names = 0
        self.used: Counter[tuple[str, int, Side]] = Counter()
        self.sizes: dict[tuple[str, int, Side], int | None] = {}

    @property
    def venue(self) -> SimulatedVenue:
        return self.given.venue

    @property
    def books(self) -> Books:
        return self.given.venue.books

    # -- What comes -----------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32), seconds=SECONDS, half=st.integers(0, 9))
    def show(self, seed: int, seconds: int, half: int) -> None:
        chance, touches = Random(seed), []
        for symbol, middle in MIDDLES.items():
            if chance.random() < 0.1:
                continue
            around = middle // 10_000 * chance.randint(9_900, 10_100) + chance.randint(0, E8)
            bid, ask = around, around + middle // 10_000 * chance.randint(0, 50)
            large = 20_000 * E8 * E8 // middle
            sizes = [chance.choice([None, 0, chance.randint(1, large), large // 20]) for _ in range(2)]
            touches.append(Touch(
                symbol=symbol, ts=0, bid=None if half == 0 else bid, ask=None if half == 1 else ask,
                bid_size=sizes[0], ask_size=sizes[1], last=chance.choice([None, around]),
            ))  # fmt: skip
        for one in (self.given, self.twin):
            one.next(*touches, seconds=seconds)
        for symbol, row in self.books.rows.items():
            self.sizes[symbol, row.touch.ts, Side.BUY] = row.touch.ask_size
            self.sizes[symbol, row.touch.ts, Side.SELL] = row.touch.bid_size
        self._took()

    @rule(wished=st.lists(ORDERS, min_size=1, max_size=5))
    def submit(self, wished: list[tuple[str, Side, int, int, int]]) -> None:
        for symbol, side, away, lira, odd in wished:
            self.names += 1
            price = MIDDLES[symbol] // 10_000 * away
            qty = to_decimal(floor_to(LOTS[symbol], lira * E8 * E8 // price + odd))
            order = NewOrder(f"o{self.names}", symbol, side, to_decimal(price - price % E8), qty)
            before, answers = self.books, []
            for one in (self.given, self.twin):
                try:
                    answers.append(one.venue.submit(order).order_id)
                except Refused as error:
                    answers.append(error.reason)
                    assert one.venue.books == before
            assert answers[0] == answers[1]
            event(str(answers[0]) if isinstance(answers[0], VenueReason) else "accepted")
        self._took()

    @precondition(lambda self: self.books.open)
    @rule(which=st.integers(0, 10))
    def cancel(self, which: int) -> None:
        order = self.books.open[which % len(self.books.open)]
        locked = self.books.locked(order.asset)
        for one in (self.given, self.twin):
            one.venue.cancel(order.order_id)
        assert self.books.locked(order.asset) == locked - order.locked

    @rule()
    def stop_and_start(self) -> None:
        books = books_of(stored_and_read(text_of(self.books)))
        rules = self.given.market.listed.values()
        self.given.venue = SimulatedVenue(books, self.terms, self.given.clock, rules=rules)

    def _took(self) -> None:
        """Count what was taken of each row: all fills of a time are of the rows of that time."""
        self.used.clear()
        for fill in self.books.fills:
            row = self.books.rows[fill.symbol]
            if fill.ts >= row.touch.ts:
                self.used[fill.symbol, row.touch.ts, fill.side] += fill.qty

    # -- What holds -----------------------------------------------------------------------------------

    @invariant()
    def what_was_stored_and_read_goes_on_as_what_never_stopped(self) -> None:
        assert self.books == self.twin.venue.books
        assert text_of(self.books) == text_of(self.twin.venue.books)

    @invariant()
    def nothing_is_below_zero_and_what_is_locked_is_held(self) -> None:
        for balance in self.venue.balances().values():
            assert balance.is_sound
            assert parse_e8(balance.total) == self.books.totals.get(balance.asset, 0)

    @invariant()
    def what_moved_is_what_fills_say_counted_apart(self) -> None:
        held: dict[str, int] = defaultdict(int, OPENING)
        for order in self.books.orders:
            gross, charged, qty = Fraction(0), Fraction(0), 0
            for fill in (one for one in self.books.fills if one.order_id == order.order_id):
                before, qty = rounded(gross), qty + fill.qty
                gross += Fraction(fill.price * fill.qty, E8)
                assert fill.notional == rounded(gross) - before
                rests = fill.resting or self.terms.model is FillModel.INSTANT
                rate = order.resting_rate if rests else self.terms.taker
                charged += Fraction(fill.notional * rate, E12)
            money = rounded(gross)
            held[order.base] += qty if order.side is Side.BUY else -qty
            held[order.quote] -= (money if order.side is Side.BUY else -money) + rounded(charged)
        assert {asset: amount for asset, amount in held.items() if amount} == {
            asset: amount for asset, amount in self.books.totals.items() if amount
        }

    @invariant()
    def what_moved_is_what_the_live_book_makes_of_the_fills(self) -> None:
        held: dict[str, int] = defaultdict(int, OPENING)
        for order in self.books.orders:
            sign = 1 if order.side is Side.BUY else -1
            for entry in entries_of(self.venue.order_fills(order.order_id)):
                held[order.base] += sign * entry.qty
                held["TRY"] -= sign * entry.notional + entry.fee
        assert {asset: held[asset] for asset in self.books.totals} == self.books.totals

    @invariant()
    def an_order_fills_within_its_limit_and_its_quantity(self) -> None:
        sums: Counter[str] = Counter()
        for fill in self.books.fills:
            order = self.books.by_id[fill.order_id]
            sums[fill.order_id] += fill.qty
            assert fill.qty > 0
            assert fill.price <= order.price if order.side is Side.BUY else fill.price >= order.price
        for order in self.books.orders:
            shown = self.venue.order(order.order_id)
            assert shown is not None
            assert shown.filled == to_decimal(sums[order.order_id])
            assert order.left >= 0

    def teardown(self) -> None:
        for fill in self.books.fills if hasattr(self, "given") else ():
            event("resting" if fill.resting else "taking")

    @invariant()
    def no_size_is_used_twice(self) -> None:
        for key, qty in self.used.items():
            size = self.sizes.get(key)
            assert self.terms.model is FillModel.INSTANT or size is None or qty <= size

    @invariant()
    def lists_and_spans_tell_of_the_same_orders_and_fills(self) -> None:
        listed, told = [], []
        for symbol in (BTCTRY.symbol, ETHTRY.symbol):
            listed += self.venue.all_orders(symbol, START, self.books.now // MICROS)
            told += self.venue.fills(symbol, START * MICROS, self.books.now)
        assert {order.order_id for order in listed} == self.books.by_id.keys()
        assert sorted(fill.fill_id for fill in told) == sorted(fill.fill_id for fill in self.books.fills)
        assert {o.order_id for o in self.venue.open_orders()} == {
            o.order_id for o in listed if not o.state.ended
        }


def test_laws_of_the_simulated_exchange() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Exchange, settings=examples(1, stateful_step_count=40)
    )
