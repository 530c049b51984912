"""Accounts: what is free, what open orders hold, and what it was a moment ago."""

from __future__ import annotations

from collections import deque
from typing import Final

from attrs import Factory, define, field, frozen

from meva_adapters.emulator.exchange.fees import FeeSchedule
from meva_core.errors import BrokenBooks

_REMEMBERED: Final = 4096


@define
class Balance:
    """An asset in an account, e8: `free` may be spent, `locked` belongs to open orders."""

    free: int = 0
    locked: int = 0

    @property
    def total(self) -> int:
        """Free and locked together."""
        return self.free + self.locked


@frozen
class Transfer:
    """What its user brought into an account, or took out (`amount` below zero); amounts are e8, times ms.

    `fee` was taken beside the amount. `listed` is from when lists show it, None for never.
    """

    id: int
    asset: str
    amount: int
    fee: int
    time: int
    listed: int | None

    @property
    def is_fiat(self) -> bool:
        """Whether it is in the list of money; coins have one of their own."""
        return self.asset == "TRY"


@define(eq=False)
class TradingAccount:
    """Someone who trades.

    `house` accounts make the market: nobody looks up their orders, nothing is told to them.
    """

    name: str
    number: int
    fees: FeeSchedule
    house: bool = False
    balances: dict[str, Balance] = Factory(dict)
    transfers: list[Transfer] = Factory(list)
    _past: deque[tuple[int, str, int, int]] = field(factory=lambda: deque(maxlen=_REMEMBERED))

    def balance(self, asset: str) -> Balance:
        """Return the balance of an asset, with nothing in it if it was never held."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def deposit(self, asset: str, amount: int, now: int) -> None:
        """Add to what is free."""
        self._remember(asset, now)
        self.balance(asset).free += amount

    def reserve(self, asset: str, amount: int, now: int) -> None:
        """Move from free to locked; the caller has looked that it is there."""
        self._remember(asset, now)
        balance = self.balance(asset)
        if not 0 <= amount <= balance.free:
            raise BrokenBooks(f"account {self.name}: cannot lock {amount} of {balance.free} {asset}")
        balance.free -= amount
        balance.locked += amount

    def release(self, asset: str, amount: int, now: int) -> None:
        """Move from locked back to free."""
        self.pay(asset, amount, now)
        self.balance(asset).free += amount

    def pay(self, asset: str, amount: int, now: int) -> None:
        """Take away from what is locked."""
        self._remember(asset, now)
        balance = self.balance(asset)
        if not 0 <= amount <= balance.locked:
            raise BrokenBooks(f"account {self.name}: cannot take {amount} of {balance.locked} locked {asset}")
        balance.locked -= amount

    def as_of(self, time: int) -> dict[str, Balance]:
        """Return all balances as they were at `time` in ms, as far back as is remembered."""
        then = {asset: Balance(b.free, b.locked) for asset, b in self.balances.items()}
        for stamp, asset, free, locked in reversed(self._past):
            if stamp <= time:
                break
            then[asset] = Balance(free, locked)
        return then

    def _remember(self, asset: str, now: int) -> None:
        if not self.house:
            balance = self.balance(asset)
            self._past.append((now, asset, balance.free, balance.locked))
