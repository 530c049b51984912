"""A person who trades the same account by hand, about every so often: buys and sells, also of what the bot
holds and in pairs that are not configured, lets orders rest, cancels, brings in and takes out money and
coins.
"""

from __future__ import annotations

from random import Random
from typing import Final

from attrs import define, field

from meva_adapters.rehearsal.faults import Fault, Faults
from meva_adapters.rehearsal.pairs import Pair
from meva_adapters.rehearsal.shown import Listed, Shown
from meva_adapters.rehearsal.time_there import SECOND
from meva_adapters.rehearsal.truth import MONEY, QUOTE, Order, Q, Truth, decimal_of
from meva_core.orders import Side
from meva_core.venue import VenueFlow

HOUR: Final = 3600
_STEP: Final = Q // 10**8
_LARGEST: Final = 3_000 * MONEY
"""TRY of an act at most."""


@define
class Person:
    """`every` is how many seconds lie between two acts, on average; 0 is a person who does nothing."""

    truth: Truth
    shown: Shown
    faults: Faults
    random: Random
    every: int
    next_at: int = 0
    acts: int = 0
    unseen_out: int = 0
    """How many acts took something out that no list showed by then."""
    done: list[str] = field(factory=list)

    def lives(self, until: int) -> None:
        """Do what falls into the time until then, in microseconds; the time is the truth's by now."""
        if not self.every:
            return
        if not self.next_at:
            self.next_at = self.truth.time.now + self._pause()
        while self.next_at <= until:
            self.next_at += self._pause()
            self.acts += 1
            self._act()

    def _pause(self) -> int:
        return int(self.random.expovariate(1 / self.every) * SECOND) + 1

    def _act(self) -> None:
        kinds = ("buy", "sell", "sell", "in", "out", "rest", "cancel", "cancel_ours")
        kind = self.random.choice(kinds)
        if kind in ("buy", "sell"):
            self._trade(Side.BUY if kind == "buy" else Side.SELL)
        elif kind in ("in", "out"):
            self._transfer(kind == "in")
        elif kind == "rest":
            if self.faults.happens(Fault.RESTS_BY_HAND):
                self._rest()
        else:
            self._cancel(ours=kind == "cancel_ours")

    def _trade(self, side: Side) -> None:
        """Trade at once, at the market."""
        pair = self._pair()
        if pair is None:
            return
        price = pair.ask if side is Side.BUY else pair.bid
        qty = self._quantity(pair, side, price)
        if qty and self.truth.affords(pair, side, price, qty):
            self.faults.count(Fault.BY_HAND)
            self.done.append(f"{side.name} {pair.name} {decimal_of(qty, 10)}")
            order = self.truth.takes(None, pair, side, price, qty)
            self.truth.cancels(order)

    def _rest(self) -> None:
        pair, side = self._pair(), self.random.choice(tuple(Side))
        if pair is None:
            return
        away = pair.price // self.random.choice((50, 100, 500))
        price = pair.bid - away if side is Side.BUY else pair.ask + away
        price -= price % pair.tick
        qty = self._quantity(pair, side, price)
        if qty and self.truth.affords(pair, side, price, qty):
            self.truth.takes(None, pair, side, price, qty)

    def _cancel(self, *, ours: bool) -> None:
        found = [one for one in self.truth.open() if self._is_ours(one) == ours]
        if found and (not ours or self.faults.happens(Fault.CANCELS_OURS)):
            self.truth.cancels(self.random.choice(found))

    def _transfer(self, come: bool) -> None:
        """Bring something in, or take it out: what lists show of it, they show at once, later or never."""
        asset = self.random.choice((QUOTE, QUOTE, *(pair.asset for pair in self.truth.pairs.values())))
        amount = self._amount(asset, come)
        if not amount:
            return
        self.truth.transfers(asset, amount)
        kind, late = self.random.choice(
            ((Fault.FLOW_LISTED, 0), (Fault.FLOW_LISTED_LATE, HOUR * SECOND), (Fault.FLOW_UNLISTED, None))
        )
        self.faults.count(kind)
        self.unseen_out += not come and late != 0
        now = self.truth.time.now
        places = 18 if asset == QUOTE else 10
        fee = decimal_of(0, 8)
        flow = VenueFlow(f"list:{self.truth.number()}", asset, decimal_of(amount, places), fee, now)
        self.shown.flows_listed.append(Listed(None if late is None else now + late, flow))
        self.done.append(f"{asset} {decimal_of(amount, places)}, {kind}")

    def _amount(self, asset: str, come: bool) -> int:
        free = self.truth.free(asset)
        if asset == QUOTE:
            wanted = self.random.randint(1, 300_000) * MONEY // 100
        else:
            pair = self.truth.pairs[f"{asset}{QUOTE}"]
            wanted = self.random.randint(1, 3_000) * MONEY // pair.price
            wanted -= wanted % _STEP
        if come:
            return wanted
        out = min(wanted, free)
        return -(out - out % (MONEY // 100 if asset == QUOTE else _STEP)) if out > 0 else 0

    def _pair(self) -> Pair | None:
        listed = [pair for pair in self.truth.pairs.values() if pair.listed]
        return self.random.choice(listed) if listed else None

    def _quantity(self, pair: Pair, side: Side, price: int) -> int:
        most = self.random.randint(1, 100) * _LARGEST // 100 // price
        if side is Side.SELL:
            most = min(most, self.truth.free(pair.asset))
        return max(0, most - most % (_STEP * pair.lot))

    def _is_ours(self, order: Order) -> bool:
        return order.name is not None and order.name.startswith(("s3:", "s4:"))
