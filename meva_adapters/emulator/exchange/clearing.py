"""Money: reservations of orders, settlement of matches, and what is collected."""

from __future__ import annotations

from collections import Counter

from attrs import Factory, define

from meva_adapters.emulator.exchange.accounts import TradingAccount, Transfer
from meva_adapters.emulator.exchange.fees import (
    commission_of,
    notional_of,
    reservation,
    spendable,
    split,
    with_commission,
)
from meva_adapters.emulator.exchange.orders import Fill, Order, Side
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.exchange.rejections import Reason, Rejected


@define(eq=False)
class Clearing:
    """Moves funds between accounts. Counters map assets to e8 amounts.

    `fee_on_top` says that a market buy pays its commission beside the money to spend; otherwise out of it.
    """

    fee_on_top: bool = True
    deposits: Counter[str] = Factory(Counter)
    fees: Counter[str] = Factory(Counter)
    taxes: Counter[str] = Factory(Counter)
    next_fill: int = 1181163798900000001
    next_transfer: int = 760000001

    def deposit(self, account: TradingAccount, asset: str, amount: int, now: int) -> None:
        """Bring new funds in, or (below 0) take out what is free."""
        account.deposit(asset, amount, now)
        self.deposits[asset] += amount

    def transfer(
        self, account: TradingAccount, asset: str, amount: int, fee: int, now: int, delay: int | None
    ) -> Transfer:
        """Let a user bring funds in or take them out, listed after a delay in ms, or never; raises Rejected,
        with nothing changed, for more than is free."""
        if account.balance(asset).free + amount - fee < 0:
            raise Rejected.because(Reason.BALANCE)
        self.deposit(account, asset, amount - fee, now)
        listed = None if delay is None else now + delay
        made = Transfer(self.next_transfer, asset, amount, fee, now, listed)
        self.next_transfer += 1
        account.transfers.append(made)
        return made

    def budget_of(self, order: Order, pair: Pair) -> int:
        """Return how much notional a buy without a limit may spend."""
        if self.fee_on_top:
            return order.quantity
        return spendable(order.quantity, order.account.fees.rate(pair.quote, maker=False))

    def reserve(self, order: Order, pair: Pair, *, takes: bool, now: int) -> None:
        """Lock what a new order may cost; raises Rejected, with nothing changed, when that is not free."""
        asset, amount = self._cost(order, pair, takes)
        balance = order.account.balance(asset)
        if amount > balance.free:
            raise Rejected.because(Reason.OPEN_ORDERS if balance.locked else Reason.BALANCE)
        order.account.reserve(asset, amount, now)
        order.locked = amount

    def rest(self, order: Order, pair: Pair, now: int) -> None:
        """Give back what a resting order no longer needs, as it pays the maker's rate."""
        if order.side is Side.SELL:
            return
        rate = order.account.fees.rate(pair.quote, maker=True)
        needed = min(order.locked, reservation(order.price, order.left, rate))
        order.account.release(pair.quote, order.locked - needed, now)
        order.locked = needed

    def free(self, order: Order, pair: Pair, now: int) -> None:
        """Give back all that an order still holds."""
        asset = pair.base if order.side else pair.quote
        order.account.release(asset, order.locked, now)
        order.locked = 0

    def settle(
        self, taker: Order, maker: Order, pair: Pair, price: int, qty: int, now: int
    ) -> tuple[Fill, Fill]:
        """Exchange `qty` for money, take both commissions, and return the taker's and the maker's fill.

        The orders' `left` must have been reduced before, so that their fills show what they are now.
        """
        notional = notional_of(price, qty)
        pair_of_fills = []
        for order, is_maker in ((taker, False), (maker, True)):
            rate = order.account.fees.rate(pair.quote, maker=is_maker)
            fee, tax = split(commission_of(notional, rate))
            self._pay(order, pair, qty, notional, fee + tax, now)
            self.fees[pair.quote] += fee
            self.taxes[pair.quote] += tax
            pair_of_fills.append(self._fill(order, price, qty, fee, tax, now))
        return pair_of_fills[0], pair_of_fills[1]

    def _pay(self, order: Order, pair: Pair, qty: int, notional: int, commission: int, now: int) -> None:
        account = order.account
        if order.side is Side.BUY:
            account.pay(pair.quote, notional + commission, now)
            order.locked -= notional + commission
            account.deposit(pair.base, qty, now)
        else:
            account.pay(pair.base, qty, now)
            order.locked -= qty
            account.deposit(pair.quote, notional - commission, now)

    def _fill(self, order: Order, price: int, qty: int, fee: int, tax: int, now: int) -> Fill:
        number = self.next_fill
        self.next_fill += 1
        return Fill(number, order.id, order.client_id, now, order.pair, order.side, price, qty, fee, tax)

    def _cost(self, order: Order, pair: Pair, takes: bool) -> tuple[str, int]:
        """Return what a new order may cost, and of which asset."""
        if order.side is Side.SELL:
            return pair.base, order.amount
        rate = order.account.fees.rate(pair.quote, maker=not takes)
        if order.method.has_limit:
            return pair.quote, reservation(order.price, order.amount, rate)
        return pair.quote, with_commission(order.budget, rate) if self.fee_on_top else order.quantity
