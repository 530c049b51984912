"""The laws of the live book, over drawn histories of an account.

A venue with books of its own: fills of any fineness, ours and a person's, shown late, in another order, twice
and without a name; money and coins that come and go, listed or not. After every step the identities hold and
the rows fold to the book; once all was shown, book and venue agree.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from attrs import define, evolve, field
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from live_books import ACCOUNT, OPENED, SECOND, check_laws
from strategies import examples
from usable_funds import to_sell

from meva_core.amounts import E8
from meva_core.live.standing import Standing
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_book.attribution import Ours, Whose, of_fill
from meva_core.live_book.balances import explained, gaps
from meva_core.live_book.batch import Batch, BatchBooked, book_batch, reclaimed
from meva_core.live_book.book import Booked, LiveBook, accepted, book_of, raised, text_of
from meva_core.live_book.complete import looked_at
from meva_core.live_book.figures import assessed
from meva_core.live_book.ledger import DAY_MICROS
from meva_core.live_book.opening import Read, opened
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import FILLS, Kind, Posting
from meva_core.live_book.readings import reading_of
from meva_core.orders import Side
from meva_core.venue import EXACT, Balance, VenueFill, VenueFlow

PAIRS = {"BTCTRY": "BTC", "ETHTRY": "ETH"}
symbols = st.sampled_from(sorted(PAIRS))
quantities = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(3), places=4)
slices = st.decimals(min_value=Decimal("0.0000000001"), max_value=Decimal(1), places=10)
prices = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(5000), places=3)
marks = st.integers(1, 5000 * E8)
fees = st.decimals(min_value=0, max_value=Decimal(9), places=12)


@define
class Seen:
    """An order at the venue, and what of it was told."""

    number: str
    symbol: str
    side: Side
    own: bool
    name: str | None
    left: Decimal
    fills: list[VenueFill] = field(factory=list)


class AccountMachine(RuleBasedStateMachine):
    @initialize(cash=st.integers(10**4, 10**6), coins=st.integers(0, 2))
    def open_the_book(self, cash: int, coins: int) -> None:
        self.there: dict[str, Decimal] = {"TRY": Decimal(cash), "BTC": Decimal(coins), "ETH": Decimal(0)}
        self.now = OPENED
        self.marks: dict[str, int] = {}
        self.book = opened("live", ACCOUNT, Read(OPENED, self.balances()), {})
        self.opening = self.book.ledger
        self.postings: list[Posting] = []
        self.orders: dict[str, OwnOrder] = {}  # by the venue's number
        self.venue: dict[str, Seen] = {}
        self.hidden: list[VenueFill] = []
        self.shown: list[VenueFill] = []
        self.known: dict[str, VenueFill] = {}
        self.listed: list[VenueFlow] = []
        self.to_list: list[VenueFlow] = []
        self.numbers = 0

    # -- The venue ------------------------------------------------------------------------------------

    def balances(self) -> dict[str, Balance]:
        return {asset: Balance(asset, total, Decimal(0)) for asset, total in self.there.items()}

    def number(self) -> str:
        self.numbers += 1
        return str(self.numbers)

    @rule(symbol=symbols, qty=quantities, price=prices, mark=st.none() | marks, named=st.booleans())
    def buy(self, symbol: str, qty: Decimal, price: Decimal, mark: int | None, named: bool) -> None:
        self.place(symbol, Side.BUY, qty, price, mark, named)

    @rule(symbol=symbols, price=prices, mark=st.none() | marks, named=st.booleans(), part=st.integers(1, 4))
    def sell(self, symbol: str, price: Decimal, mark: int | None, named: bool, part: int) -> None:
        orders = list(self.orders.values())
        free = to_sell(self.book, symbol, self.balances()[PAIRS[symbol]], orders) // part
        if free > 0:
            self.place(symbol, Side.SELL, Decimal(free).scaleb(-8), price, mark, named)

    def place(
        self, symbol: str, side: Side, qty: Decimal, price: Decimal, mark: int | None, named: bool
    ) -> None:
        number = self.number()
        name = f"s4:{self.book.run}-20251009085320:{symbol}:{side.name[0]}:{number}"
        self.venue[number] = Seen(number, symbol, side, True, name, qty)
        self.orders[number] = OwnOrder(
            symbol, side, price, qty, Standing.OPEN if named else Standing.UNKNOWN, name,
            number if named else None, mark, created=self.now,
        )  # fmt: skip

    @rule(symbol=symbols, side=st.sampled_from(Side), qty=quantities)
    def a_person_places(self, symbol: str, side: Side, qty: Decimal) -> None:
        number = self.number()
        self.venue[number] = Seen(number, symbol, side, False, None, qty)

    @rule(
        which=st.integers(0, 9),
        part=st.none() | slices,
        price=prices,
        fee=fees,
        named=st.booleans(),
        late=st.booleans(),
        in_coins=st.booleans(),
    )
    def fill(
        self,
        which: int,
        part: Decimal | None,
        price: Decimal,
        fee: Decimal,
        named: bool,
        late: bool,
        in_coins: bool = False,
    ) -> None:
        able = [order for order in self.venue.values() if order.left > 0]
        if not able:
            return
        order = able[-1 - which % len(able)]
        asset = PAIRS[order.symbol]
        qty = order.left if part is None else min(order.left, part)
        if order.side is Side.SELL:
            qty = min(qty, self.there[asset])
        if qty <= 0:
            return
        sign = 1 if order.side is Side.BUY else -1
        taken = EXACT.multiply(fee, Decimal("0.001")) if in_coins else Decimal(0)
        money = Decimal(0) if in_coins else fee
        change = EXACT.subtract(EXACT.multiply(EXACT.multiply(price, qty), Decimal(-sign)), money)
        coins = EXACT.add(self.there[asset], EXACT.subtract(qty * sign, taken))
        if EXACT.add(self.there["TRY"], change) < 0 or coins < 0:
            return
        order.left = EXACT.subtract(order.left, qty)
        self.there["TRY"] = EXACT.add(self.there["TRY"], change)
        self.there[asset] = coins
        self.now += SECOND
        fill = VenueFill(
            f"9{self.number()}", order.number, order.name if named else None, order.symbol, order.side, price,
            qty, *((taken, asset) if in_coins else (fee, "TRY")), self.now,
        )  # fmt: skip
        order.fills.append(fill)
        (self.hidden if late else self.shown).append(fill)

    @rule(
        asset=st.sampled_from(("TRY", "BTC", "ETH")),
        amount=quantities,
        out=st.booleans(),
        tells=st.booleans(),
    )
    def flow(self, asset: str, amount: Decimal, out: bool, tells: bool) -> None:
        change = -min(amount, self.there[asset]) if out else amount
        if not change:
            return
        self.now += SECOND
        self.there[asset] = EXACT.add(self.there[asset], change)
        flow = VenueFlow(f"fiat:{self.number()}", asset, change, Decimal(0), self.now)
        (self.listed if tells else self.to_list).append(flow)

    @rule()
    def list_late(self) -> None:
        self.listed += self.to_list
        self.to_list = []

    @rule()
    def show_late(self) -> None:
        self.shown += self.hidden
        self.hidden = []

    # -- The book -------------------------------------------------------------------------------------

    def ours(self) -> Ours:
        return Ours(tuple(self.orders.values()), frozenset({self.book.run}), self.now, self.book.accepted)

    def took(self, came: BatchBooked) -> None:
        self.took_booked(came.booked)
        numbers = {order.client_id: number for number, order in self.orders.items()}
        for order in came.ours.orders:
            self.orders[numbers[order.client_id]] = order
        self.known |= {fill.fill_id: fill for fill in came.fills}

    def took_booked(self, booked: Booked) -> None:
        self.book, self.postings = booked.book, [*self.postings, *booked.postings]
        killing = [alarm for alarm in booked.alarms if alarm.kills]
        # A SELL that was called absent may have been of coins that were sold again since.
        assert {alarm.code for alarm in killing} <= {AlarmCode.OVERSELL}
        self.book = raised(self.book, killing, self.now)
        for alarm in killing:
            self.book = accepted(self.book, alarm.pair)

    @rule(
        symbol=symbols,
        side=st.sampled_from(Side),
        qty=quantities,
        price=prices,
        fee=fees,
        mark=st.none() | marks,
    )
    def trade(
        self, symbol: str, side: Side, qty: Decimal, price: Decimal, fee: Decimal, mark: int | None
    ) -> None:
        """The usual: sent, filled, read."""
        if side is Side.BUY:
            self.buy(symbol, qty, price, mark, True)
        else:
            self.sell(symbol, price, mark, True, 1)
        self.fill(0, None, price, fee, True, False)
        self.read(symbol, tuple(fill for fill in self.shown if fill.symbol == symbol), True)

    @rule(symbol=symbols, side=st.sampled_from(Side), qty=quantities, price=prices, mark=marks)
    def an_order_that_nobody_heard_of_fills_without_a_name(
        self, symbol: str, side: Side, qty: Decimal, price: Decimal, mark: int
    ) -> None:
        if side is Side.BUY:
            self.buy(symbol, qty, price, mark, False)
        else:
            self.sell(symbol, price, mark, False, 2)
        self.unknown_orders_are_called_absent()
        self.fill(0, None, price, Decimal(1), False, False)
        self.read(symbol, tuple(fill for fill in self.shown if fill.symbol == symbol), True)

    @rule(symbol=symbols, data=st.data(), asked=st.booleans())
    def read_fills(self, symbol: str, data: Any, asked: bool) -> None:
        there = [fill for fill in self.shown if fill.symbol == symbol]
        order = data.draw(st.permutations(there)) if len(there) < 8 else there
        self.read(symbol, (*order, *order[:2]), asked)

    def read(self, symbol: str, fills: tuple[VenueFill, ...], asked: bool) -> None:
        batch = Batch(symbol, fills, self.known, asked, self.now)
        self.took(book_batch(self.book, batch, self.ours(), self.marks))

    @rule()
    def an_answer_tells_the_numbers(self) -> None:
        self.tell_numbers()

    def tell_numbers(self) -> None:
        """Orders of unknown fate are found; what was booked as a person's proves to be ours."""
        for number, order in self.orders.items():
            if order.order_id is None:
                self.orders[number] = evolve(order, order_id=number, standing=Standing.OPEN, complete=False)
        self.reclaim()

    def reclaim(self) -> None:
        mine = {posting.cause for posting in self.postings if posting.kind in FILLS}
        for symbol in PAIRS:
            ours = self.ours()
            wrong = [
                fill
                for fill in self.known.values()
                if fill.symbol == symbol
                and f"fill:{fill.fill_id}" not in mine
                and of_fill(fill, ours).whose is Whose.OWN
            ]
            if wrong:
                batch = Batch(symbol, tuple(wrong), {}, True, self.now)
                came = reclaimed(self.book, batch, self.postings, ours, self.marks)
                for fill in wrong:
                    if fill.fill_id not in came.waits:
                        del self.known[fill.fill_id]
                self.took(came)

    @rule()
    def unknown_orders_are_called_absent(self) -> None:
        """Too early, as it happens: their fills have not been shown under a name."""
        for number, order in self.orders.items():
            if order.order_id is None:
                self.orders[number] = evolve(order, standing=Standing.ABSENT, complete=True)

    @rule()
    def quiet_balances(self) -> None:
        """The balances are read, whatever is under way: a frozen word of `filled` looks quiet."""
        self.now += 40 * SECOND
        self.look_at_balances()

    def look_at_balances(self) -> None:
        reading = reading_of(self.book, self.balances(), self.now)
        self.took_booked(explained(self.book, reading, self.listed, self.marks, self.now))

    @rule(symbol=symbols, mark=marks, fresh=st.booleans())
    def cycle(self, symbol: str, mark: int, fresh: bool) -> None:
        self.marks = {**self.marks, symbol: mark}
        equity = self.book.ledger.equity(self.marks)
        figures = assessed(self.book.figures, equity, self.now // DAY_MICROS, fresh=fresh)
        self.book = evolve(self.book, figures=figures, cycles=self.book.cycles + 1)
        assert figures.drawdown >= 0

    @rule()
    def restart(self) -> None:
        text = text_of(self.book)
        self.book = book_of(json.loads(text))
        assert text_of(self.book) == text

    # -- What holds -----------------------------------------------------------------------------------

    @invariant()
    def the_laws_hold(self) -> None:
        check_laws(self.opening, self.postings, self.book, self.marks)
        for order in self.orders.values():
            assert order.sums.qty <= order.qty

    def teardown(self) -> None:
        if not hasattr(self, "book"):
            return
        self.list_late()
        self.show_late()
        self.tell_numbers()
        # Ten minutes in which a balance may be an old one, and three reads of each rest.
        for _ in range(24):
            self.now += 60 * SECOND
            for symbol in PAIRS:
                self.read(symbol, tuple(fill for fill in self.shown if fill.symbol == symbol), True)
            self.reclaim()  # what had to wait is tried in each cycle
            self.look_at_balances()
            self.the_laws_hold()
        self.nothing_is_lost_and_nothing_twice()
        self.book_and_venue_agree()

    def nothing_is_lost_and_nothing_twice(self) -> None:
        """I3, I4, I22: the own fills of the file are the venue's."""
        rows = [posting.id for posting in self.postings if posting.kind in FILLS]
        there = [fill for order in self.venue.values() if order.own for fill in order.fills]
        assert sorted(rows) == sorted(f"fill:{fill.fill_id}" for fill in there)
        for number, order in self.orders.items():
            seen = self.venue[number]
            filled = EXACT.subtract(order.qty, seen.left)
            assert order.sums.qty == filled
            ended = evolve(order, standing=Standing.FILLED, filled=filled)
            assert looked_at(self.book, ended, self.now)[1].complete

    def book_and_venue_agree(self) -> None:
        """I20, and coins; no listed flow is booked twice."""
        assert {asset: gap for asset, gap in gaps(self.book, self.balances()).items() if gap} == {}
        assert not self.book.waits
        booked = [one.id for one in self.postings if one.kind is not Kind.PROOF]
        assert all(sum(f"flow:{flow.flow_id}" == name for name in booked) <= 1 for flow in self.listed)
        figures: LiveBook = self.book
        assert figures.ledger.seq == len(self.postings)


AccountMachine.TestCase.settings = examples(1, stateful_step_count=40)
TestBookLaws = AccountMachine.TestCase
