"""Whatever is ordered and canceled, by whomever: the exchange's identities hold."""

from __future__ import annotations

from emulator_strategies import E8, PAIRS, requests
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from strategies import examples

from meva_adapters.emulator.exchange.audit import faults_of
from meva_adapters.emulator.exchange.clearing import Clearing
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Order, Request, Side, Status
from meva_adapters.emulator.exchange.rejections import Rejected

TRADERS = ("ayse", "baris", "market")


class Trading(RuleBasedStateMachine):
    """Three traders, one of them of the house, on two pairs."""

    @initialize(cancel_ms=st.sampled_from([0, 5]), on_top=st.booleans(), rich=st.booleans())
    def open(self, cancel_ms: int, on_top: bool, rich: bool) -> None:
        self.now = 1_700_000_000_000
        self.exchange = Exchange(PAIRS, cancel_ms=cancel_ms, clearing=Clearing(fee_on_top=on_top))
        for name in TRADERS:
            account = self.exchange.open_account(name, house=name == "market")
            for asset in ("TRY", "USDT", "BTC", "XRP"):
                amount = 10**6 * E8 if rich else 1500 * E8 + 7
                self.exchange.clearing.deposit(account, asset, amount, self.now)
        self.orders: list[Order] = []

    @rule(request=requests(), trader=st.integers(0, 2), later=st.integers(0, 10))
    def submit(self, request: Request, trader: int, later: int) -> None:
        self.now += later
        self.exchange.advance(self.now)
        before = self._funds()
        best = self._best(request)
        try:
            order = self.exchange.submit(self.exchange.accounts[trader], request, self.now)
        except Rejected:
            assert self._funds() == before
            return
        self.orders.append(order)
        self._holds_priority(order, best)

    @rule(number=st.integers(0, 200), later=st.integers(0, 10))
    def cancel(self, number: int, later: int) -> None:
        self.now += later
        if not self.orders:
            return
        order = self.orders[number % len(self.orders)]
        was_open, was_asked = order.status.is_open, order.cancel_due is not None
        try:
            self.exchange.cancel(order.account, order.id, self.now)
        except Rejected:
            assert was_asked or not was_open or not order.status.is_open
            return
        assert was_open
        assert order.status is Status.CANCELED or order.cancel_due == self.now + self.exchange.cancel_ms

    @rule(side=st.sampled_from(Side), whole=st.integers(97, 103))
    def print_trade(self, side: Side, whole: int) -> None:
        self.exchange.print_trade("BTCTRY", whole * E8, E8, side, self.now)
        assert self.exchange.books["BTCTRY"].last > 0

    @invariant()
    def identities_hold(self) -> None:
        if hasattr(self, "exchange"):
            assert faults_of(self.exchange) == []

    @invariant()
    def ended_orders_hold_nothing(self) -> None:
        for order in getattr(self, "orders", ()):
            assert order.status.is_open or order.locked == 0
            assert 0 <= order.left <= order.amount

    def teardown(self) -> None:
        """Cancel everything: then nothing is locked, and all money is where the deposits say."""
        if not hasattr(self, "exchange"):
            return
        for order in list(self.exchange.register.open_orders()):
            if order.cancel_due is None:
                self.exchange.cancel(order.account, order.id, self.now)
        self.exchange.advance(self.now + 1000)
        assert all(b.locked == 0 for a in self.exchange.accounts for b in a.balances.values())
        assert faults_of(self.exchange) == []
        assert all(not book.bids and not book.asks for book in self.exchange.books.values())

    def _funds(self) -> list[tuple[str, str, int, int]]:
        return [
            (a.name, asset, b.free, b.locked)
            for a in self.exchange.accounts
            for asset, b in a.balances.items()
        ]

    def _best(self, request: Request) -> list[Order]:
        """The orders that a request may meet, in the order in which it must meet them."""
        half = self.exchange.books[request.pair].half(request.side.other)
        resting = [order for level in half.levels() for order in level.orders.values()]
        sign = 1 if request.side is Side.BUY else -1
        assert resting == sorted(resting, key=lambda order: sign * order.price)
        return resting

    def _holds_priority(self, order: Order, best: list[Order]) -> None:
        """Every order before one that traded is gone: better prices first, then the older of a price."""
        touched = [place for place, maker in enumerate(best) if maker.updated == self.now and maker.filled]
        if not order.method.is_stop and touched:
            assert all(
                maker.left == 0 for maker in best[: touched[-1]] if maker.status is not Status.CANCELED
            )


Trading.TestCase.settings = examples(
    1.5, stateful_step_count=40, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain}
)
TestTrading = Trading.TestCase
