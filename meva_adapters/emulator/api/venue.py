"""What all endpoints share: the exchange, its markets, keys, budgets, switches and clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from attrs import define, evolve, field

from meva_adapters.emulator.api.auth import PERMISSIONS, Key, Keyring, secret_bytes
from meva_adapters.emulator.api.limits import Limiter
from meva_adapters.emulator.api.policy import Policy
from meva_adapters.emulator.exchange.accounts import Transfer
from meva_adapters.emulator.exchange.events import Event, Traded
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Fill, Moment
from meva_adapters.emulator.markets.candles import Tape
from meva_adapters.emulator.markets.metadata import Listing

Listener = Callable[[Event], None]
T = TypeVar("T", Fill, Moment, Traded, Transfer)


@define(eq=False, repr=False)
class Venue:
    """The state behind the API. `clock` gives milliseconds that never go back."""

    exchange: Exchange
    listing: Listing
    tapes: dict[str, Tape]
    clock: Callable[[], int]
    policy: Policy = field(factory=Policy)
    limiter: Limiter = field(factory=Limiter)
    keyring: Keyring = field(init=False)
    listeners: list[Listener] = field(factory=list)
    _ahead: list[tuple[int, int]] = field(factory=list, init=False)
    """From when on the exchange's own clock was how far ahead, in ms; the newest last."""

    def __attrs_post_init__(self) -> None:
        self.keyring = Keyring(self.policy)
        self.obey()

    @property
    def server_time(self) -> int:
        """What the exchange says the time is, in ms."""
        return self.clock() + self.policy.clock_skew_ms

    def stamp(self, time: int) -> int:
        """Return what the exchange's own clock showed at a time of `clock`, in ms."""
        return time + next((ahead for since, ahead in reversed(self._ahead) if since <= time), 0)

    def stamped(self, happened: T) -> T:
        """Return what happened as the exchange stamps it."""
        stamp = self.stamp(happened.time)
        return happened if stamp == happened.time else evolve(happened, time=stamp)

    def obey(self) -> None:
        """Carry the switches to where they work."""
        now, ahead = self.clock(), self.policy.clock_skew_ms
        if ahead != (self._ahead[-1][1] if self._ahead else 0):
            self._ahead.append((now, ahead))
        self.exchange.cancel_ms = self.policy.cancel_ms
        self.exchange.stops_as_named = self.policy.stops_as_named
        self.exchange.clearing.fee_on_top = self.policy.market_buy_fee_on_top

    def publish(self) -> None:
        """Hand what happened on the exchange to the tapes and to everyone who listens."""
        for event in self.exchange.take_events():
            if isinstance(event, Traded):
                self.tapes[event.pair].add(event)
            for listener in self.listeners:
                listener(event)

    def open_user(
        self,
        public: str,
        secret: str,
        balances: Mapping[str, int],
        *,
        permissions: frozenset[str] = PERMISSIONS,
        addresses: frozenset[str] = frozenset(),
    ) -> Key:
        """Add a user with a key and funds in e8; raises BadInput for a key that exists or a bad secret."""
        decoded = secret_bytes(secret)
        self.keyring.check_new(public)
        key = Key(public, self.exchange.open_account(public), permissions, addresses, secret=decoded)
        self.keyring.add(key)
        for asset, amount in balances.items():
            # Held since ever: balances that are shown late show it, too.
            self.exchange.clearing.deposit(key.account, asset, amount, 0)
        return key
