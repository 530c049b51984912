"""The engine against a second one that is too plain to be wrong: equal fills, orders, funds and books."""

from __future__ import annotations

from random import Random

import pytest
from emulator_oracle import Oracle, PlainOrder, Refused, plain_pair
from emulator_strategies import E8, MARKETS, Step, step_of
from hypothesis import Phase, given
from hypothesis import strategies as st
from nightly import every
from strategies import examples

from meva_adapters.emulator.exchange.audit import faults_of
from meva_adapters.emulator.exchange.clearing import Clearing
from meva_adapters.emulator.exchange.events import Traded
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Method, Order, Request, Side
from meva_adapters.emulator.exchange.rejections import Rejected

NAMES = ("ayse", "baris", "market")
ASSETS = ("TRY", "USDT", "BTC", "XRP", "SHIB")
START = 1_700_000_000_000


class Both:
    """The engine and the oracle, told the same."""

    def __init__(self, funds: int, cancel_ms: int, fee_on_top: bool) -> None:
        self.now = START
        self.exchange = Exchange(MARKETS, cancel_ms=cancel_ms, clearing=Clearing(fee_on_top=fee_on_top))
        pairs = {name: plain_pair(pair) for name, pair in MARKETS.items()}
        self.oracle = Oracle(pairs, "market", cancel_ms, fee_on_top)
        self.tape: list[tuple[str, int, int, str]] = []
        self.count = 0
        for name in NAMES:
            account = self.exchange.open_account(name, house=name == "market")
            for asset in ASSETS:
                amount = funds * (10**5 if asset == "SHIB" else 1)
                self.exchange.clearing.deposit(account, asset, amount, self.now)
                self.oracle.free[name, asset] = amount

    def take(self, step: Step) -> None:
        """Do one thing to both, and hold all that can be seen of them against each other."""
        self.now += step.later
        getattr(self, f"_{step.what}")(step)
        self.compare()

    def _submit(self, step: Step) -> None:
        self.count += 1
        name, asked = f"o{self.count}", step.request
        if NAMES[step.who] == "market" and asked.method.is_stop:
            return  # the house does not use stops
        request = Request(
            asked.pair, asked.side, asked.method, asked.quantity, name, asked.price, asked.stop_price
        )
        numbers = {"quantity": asked.quantity, "price": asked.price or 0, "stop": asked.stop_price or 0}
        buys = asked.side is Side.BUY
        try:
            self.exchange.submit(self.exchange.accounts[step.who], request, self.now)
            said = ""
        except Rejected as e:
            said = e.message
        try:
            self.oracle.submit(
                self.now, name, NAMES[step.who], asked.pair, buys, asked.method.word, **numbers
            )
            expected = ""
        except Refused as e:
            expected = str(e)
        assert said == expected, f"{name}: {request}"

    def _cancel(self, step: Step) -> None:
        mine = [order for order in self.oracle.orders if order.who == NAMES[step.who]]
        if not mine or (NAMES[step.who] == "market" and not mine[step.number % len(mine)].open):
            return  # ended orders of the house are forgotten
        plain = mine[step.number % len(mine)]
        order = self.real_of(plain, step.number % len(mine))
        try:
            self.exchange.cancel(order.account, order.id, self.now)
            said = ""
        except Rejected as e:
            said = e.message
        try:
            self.oracle.cancel(self.now, plain)
            expected = ""
        except Refused as e:
            expected = str(e)
        assert said == expected

    def real_of(self, plain: PlainOrder, place: int) -> Order:
        if plain.who != "market":
            return list(
                self.exchange.register.of(self.exchange.accounts[NAMES.index(plain.who)]).orders.values()
            )[place]
        house = (order for order in self.exchange.register.open_orders() if order.account.house)
        return next(order for order in house if order.client_id == plain.name)

    def _print(self, step: Step) -> None:
        price = step.request.price or step.request.stop_price or MARKETS[step.request.pair].price_step
        side = step.request.side
        self.exchange.print_trade(step.request.pair, price, E8, side, self.now)
        self.oracle.print_trade(self.now, step.request.pair, price, E8, side.word)

    def _cancel_ms(self, step: Step) -> None:
        self.exchange.cancel_ms = self.oracle.cancel_ms = (0, 5, 50, 500)[step.number % 4]

    def _fee_on_top(self, step: Step) -> None:
        self.exchange.clearing.fee_on_top = self.oracle.fee_on_top = bool(step.number % 2)

    # -- Holding them against each other ----------------------------------------------------------------

    def compare(self) -> None:
        self.tape += [
            (event.pair, event.price, event.qty, event.side.word)
            for event in self.exchange.take_events()
            if isinstance(event, Traded)
        ]
        assert self.tape == self.oracle.tape
        self._compare_books()
        for account in self.exchange.accounts:
            for asset in ASSETS:
                balance = account.balance(asset)
                expected = self.oracle.free[account.name, asset], self.oracle.locked(account.name, asset)
                assert (balance.free, balance.locked) == expected, f"{account.name} {asset}"
        for account in self.exchange.accounts[:2]:
            self._compare_orders(account.name, list(self.exchange.register.of(account).orders.values()))
            fills = [
                (f.client_id, f.price, f.qty, f.fee, f.tax) for f in self.exchange.register.fills_of(account)
            ]
            plain = [(f.name, f.price, f.qty, f.fee, f.tax) for f in self.oracle.fills.get(account.name, [])]
            assert fills == plain
        for asset in ("TRY", "USDT"):
            collected = self.exchange.clearing.fees[asset] + self.exchange.clearing.taxes[asset]
            assert collected == self.oracle.collected.get(asset, 0)

    def _compare_books(self) -> None:
        """Every level, and within it every order, in the order in which they trade."""
        for name, book in self.exchange.books.items():
            for side in Side:
                levels = list(book.half(side).levels())
                shown = [(o.client_id, o.price, o.left) for level in levels for o in level.orders.values()]
                resting = self.oracle.resting(name, buys=side is Side.BUY)
                assert shown == [(o.name, o.price, o.left) for o in resting], f"{name} {side.word}"
                assert [level.total for level in levels] == [
                    sum(o.left for o in resting if o.price == level.price) for level in levels
                ]

    def _compare_orders(self, who: str, orders: list[Order]) -> None:
        plain = [order for order in self.oracle.orders if order.who == who]
        assert [(o.client_id, o.method.word, o.status.value, o.amount, o.left, o.locked) for o in orders] == [
            (o.name, o.method, o.status, o.amount, o.left, o.held) for o in plain
        ]
        ids = [order.id for order in orders]
        assert ids == sorted(set(ids))


@examples(1.2, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(
    st.randoms(use_true_random=False),
    st.integers(5, 60),
    st.sampled_from([700, 10**5]),
    st.sampled_from([0, 5, 50]),
    st.booleans(),
)
def test_any_short_sequence_has_the_oracles_outcome(
    random: Random, steps: int, funds: int, cancel_ms: int, fee_on_top: bool
) -> None:
    both = Both(funds * E8 + 7, cancel_ms, fee_on_top)
    for _ in range(steps):
        both.take(step_of(random))


@pytest.mark.parametrize("seed", every(2, range(6)))
def test_long_sequences_have_the_oracles_outcome(seed: int) -> None:
    random = Random(seed)
    both = Both((1200, 10**6)[seed % 2] * E8 + seed, (0, 5, 60)[seed % 3], seed % 2 == 0)
    for _ in range(500):
        both.take(step_of(random))
    assert faults_of(both.exchange) == []
    assert len(both.tape) > 100


def test_the_sequences_reach_what_they_are_meant_to_reach() -> None:
    random, both = Random(1), Both(5000 * E8, 5, True)
    for _ in range(600):
        both.take(step_of(random))
    orders = both.oracle.orders
    assert {order.status for order in orders} == {"Untouched", "Partial", "Closed", "Canceled"}
    triggered = {o.name for o in orders if o.method.startswith("stop") and o.status == "Canceled"} & {
        o.name for o in orders if not o.method.startswith("stop")
    }
    assert len(triggered) > 10
    makers = [fill.name for fills in both.oracle.fills.values() for fill in fills]
    assert len(makers) > 1.2 * len(set(makers))  # several fills of one order
    assert any(o.method == "market" and o.status == "Canceled" and o.amount for o in orders)
    assert {order.method for order in orders} == {method.word for method in Method}
