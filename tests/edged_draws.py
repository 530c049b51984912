"""What cycles of Stages 3 and 4 may meet, drawn at random: markets, accounts, states, settings."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Final, TypeVar

from edged_settings import calm_and_odd
from operational_cases import CYCLE, DAY, TIME
from oracle.operational.sums import worth

from meva_core.modes import Mode
from meva_core.operational.inputs import (
    Balances,
    BookView,
    DegradeState,
    OwnOrder,
    Position,
    RiskState,
    Sent,
    Signals,
    SymbolView,
)
from meva_core.operational.limits import Limits, limits_from
from meva_core.orders import Side
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.settings import build_settings

T = TypeVar("T")
E8: Final = 10**8
MICROS: Final = 10**6
TTL: Final = 120 * MICROS
LEAST: Final = 9_991_000_000
MARKS: Final = {
    "AAATRY": 1_234_567,
    "BTCTRY": 3_000_000 * E8,
    "DOGETRY": 450_000_000,
    "ETHTRY": 100_000 * E8,
    "LINKTRY": 71_234_000_000,
    "PEPETRY": 27,
    "SOLTRY": 5_000 * E8,
    "USDTTRY": 3_412_000_000,
    "XRPTRY": E8,
    "ZETTATRY": 9_999_999,
}
"""Marks in 1e-8 TRY: from some that have few units to some of which few coins are bought."""


class Draw:
    """One case in the making. In a calm one most settings leave room, in others anything may be in the way;
    `rare` is how often something odd is there."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.names = sorted(self.random.sample([*MARKS], self.random.choice((1, 2, 3, 3, 4, 6))))
        self.rare = self.one(0.0, 0.0, 0.01, 0.03, 0.1)
        self.calm = self.random.random() < 0.6

    def one(self, *found: T) -> T:
        return self.random.choice(found)

    def rarely(self, times: float = 1.0) -> bool:
        return self.random.random() < self.rare * times

    def usually(self, first: T, *others: T) -> T:
        """Return the first of some values, in cases that are not calm any of them."""
        return first if self.calm or self.random.random() < 0.5 else self.one(first, *others)

    def near(self, number: int) -> int:
        """Return a number, or what is a unit beside it."""
        return number + self.one(-1, 0, 0, 1)

    # -- The market ------------------------------------------------------------------------------------

    def symbol(self, name: str) -> SymbolView:
        one = self.one
        last = max(2, MARKS[name] * one(1000, 1000, 1013, 997) // 1000)
        half = one(0, 0, last // 2000, self.usually(0, last // 200, last // 100 + one(0, 1)))
        bid: int | None = max(1, last - half)
        ask: int | None = last + half
        mark: int | None = last
        if self.rarely():
            bid, ask = one((None, ask), (bid, None), (None, None), (ask, bid), (0, ask))
            mark = one(last, last, None)
        if self.rarely(0.5):
            mark = None
        is_old = self.rarely(3)
        return SymbolView(
            name=name,
            rules=self.rules(name, last),
            bid=bid,
            ask=ask,
            mark=mark,
            valuation=mark or (None if self.rarely(3) else one(last, last + 1)),
            last=last,
            quote_volume=one(None, 0, 10**14, 2 * 10**14),
            age=one(29, 30, 31, None) if is_old else one(0, 1, 5),
            ticker_age=one(29, 30, 31, None) if is_old else one(0, 3),
            listed=not self.rarely(0.3),
        )

    def rules(self, name: str, mark: int) -> SymbolRules:
        one = self.one
        if self.rarely(0.4):
            return SymbolRules(name, one(RuleStatus.INVALID, RuleStatus.MISSING), quote="TRY", reason="odd")
        ticks = [tick for tick in (1, 100, 10**4, 10**6, E8, 10 * E8) if tick * 50 < mark] or [1]
        bounds: dict[str, Decimal | None] = {}
        if self.rarely(2):
            bounds["min_qty"] = plain(one(1, E8 // 10, 100 * E8 * E8 // mark))
            bounds["max_qty"] = plain(one(60, 100, 300, 1000) * E8 * E8 // mark + 1)
        if self.rarely():
            bounds["min_price"] = plain(self.near(mark))
        if self.rarely():
            bounds["max_price"] = plain(self.near(mark))
        return SymbolRules(
            name,
            one(RuleStatus.OK, RuleStatus.OK, RuleStatus.FALLBACK),
            tick_size=plain(one(1, *ticks)),
            lot_size=plain(one(1, 1, 1, 10**4, 10**6, *([E8] if mark < 10 * E8 else []))),
            min_notional_try=plain(one(LEAST, LEAST, 10 * E8, 1)),
            quote="USDT" if self.rarely(0.3) else "TRY",
            tradable=not self.rarely(0.3),
            **bounds,
        )

    # -- The account -----------------------------------------------------------------------------------

    def position(self, seen: SymbolView) -> list[Position]:
        price = seen.valuation or seen.last or 1
        amount = self.one(0, 5, 60, 99, 100, 150, 200, 700, 900, 1500, 3000) * E8 + self.one(0, 0, 1, 9_991)
        qty, cost = amount * E8 // price, amount * self.one(1000, 1000, 990, 1006, 900, 1200) // 1000
        value = 0 if seen.valuation is None else worth(qty, seen.valuation)
        return [Position(seen.name, qty, cost, value)] if qty else []

    def order(self, seen: SymbolView, n: int, stage: int) -> OwnOrder:
        one, mark, side = self.one, seen.valuation or seen.last or 1, self.one(*Side)
        price = max(1, mark * one(10_000, 10_000, 10_005, 9_995, 9_990, 10_020) // 10_000 + one(0, 0, 1, -1))
        qty = one(100, 120, 150, 150, 400) * E8 * E8 // mark + one(0, 1)
        left = qty if self.random.random() < 0.7 else qty * one(50, 99, 98) // 100
        left = left // 9_999 * 9_999 or left  # of which 1 % more and less are whole numbers
        standing = one(*["open"] * 9, *["partially_filled"] * 4, "cancel_requested")
        if self.rarely():
            standing = one("unknown", "sending", "filled", "canceled", "absent")
        age = one(MICROS, *[60 * MICROS] * 4, TTL - 1, TTL, TTL + 1, 900 * MICROS)
        drifted = one(mark * 10_000 // 10_025, mark * 10_000 // 9_975)
        return OwnOrder(
            client_id=f"s{stage}:{CYCLE[:-1]}1:{seen.name}:{side.name[0]}:{n}",
            exchange_id=str(n),
            symbol=seen.name,
            side=side,
            price=price,
            qty=qty,
            left=left,
            standing=standing,
            created=TIME * MICROS - age,
            decision_mark=one(None, mark, mark, mark, self.near(drifted)),
        )

    def balances(self, book: BookView) -> Balances:
        free, lacks = {"TRY": book.cash}, {}
        for position in book.positions:
            free[position.symbol.removesuffix("TRY")] = position.qty
        for asset in [*free]:
            if self.rarely(2):
                lacks[asset] = self.one(-1, 1, -free[asset] // 3, -free[asset], 10 * E8)
            if self.rarely():
                free[asset] = self.one(0, free[asset] // 2, free[asset] + E8)
            if self.rarely(0.3):
                del free[asset]
        return Balances(free, lacks)

    def last_sent(self) -> list[Sent]:
        pairs = [(name, side) for name in self.names for side in Side if self.random.random() < 0.1]
        return [Sent(*pair, TIME * MICROS - self.near(60 * MICROS)) for pair in pairs]

    # -- What is carried along -------------------------------------------------------------------------

    def risk(self, equity: int) -> RiskState:
        one = self.one
        peak = self.near(equity + 3000 * E8) if self.rarely(2) else equity
        opened = self.near(equity + 1000 * E8) if self.rarely(2) else equity - one(0, E8, -E8)
        return RiskState(
            peak=peak,
            percent_peak=one(peak, equity * 10 // 9 + one(0, 1)) if self.rarely(3) else peak,
            day=DAY,
            day_open=opened,
            fees_today=self.usually(0, 10 * E8, 10 * E8 + 1),
            realized_today=self.near(-1000 * E8) if self.rarely(2) else one(0, -E8, E8),
            breached=one((), ("day",), ("peak",), ("day", "peak")),
            breached_day=one(None, DAY, DAY, DAY - 1),
            killed_day=one(None, None, DAY, DAY - 1),
            killed_at_peak=one(False, False, True),
        )

    def degrade(self) -> DegradeState:
        one, override = self.one, self.one(*Mode) if self.rarely(3) else Mode.NORMAL
        often = self.usually(0.02, 0.2)
        return DegradeState(
            override=override,
            until=0 if override is Mode.NORMAL else TIME + one(-1, 0, 1, 900, 1800),
            warned=tuple(self.random.random() < often for _ in range(one(0, 1, 5, 9, 10))),
            diverged=self.rarely(3),
            divergence_since=one(None, TIME - 599, TIME - 600, TIME - 601),
            divergence_looks=one(0, 2, 3, 4),
        )

    def signals(self) -> Signals:
        one = self.one
        if not self.rarely(3):
            return Signals(looked=one(True, False))
        asset = one("TRY", "BTC", "ETH", "NONE")
        amount = self.near(one(50, 200) * E8)
        if asset in ("BTC", "ETH"):
            amount = amount * E8 // MARKS[f"{asset}TRY"]
        return Signals(
            slowest_call_ms=one(None, 1999, 2000),
            refusals=one(0, 2, 3, 9),
            stalls={one(*self.names): one(4, 5)},
            skew_ms=one(0, 30_000, 30_001, -30_000, -30_001),
            shortfalls=one({}, {asset: amount}, {asset: amount, "XRP": 3 * E8}),
            looked=one(True, True, False),
        )

    # -- Settings --------------------------------------------------------------------------------------

    def limits(self) -> Limits:
        given = {name: self.usually(*values) for name, values in calm_and_odd().items()}
        given["SYMBOLS"] = ",".join(name for name in MARKS if not self.rarely()) or "BTCTRY"
        if not self.calm and self.rarely(5):
            given |= {"RISK_MAX_FEE_TRY_PER_DAY": self.one("10", "11"), "MIN_ORDER_NOTIONAL_TRY": "99.92"}
        if self.rarely(2):
            given["RISK_MIN_CASH_TRY"] = self.one("0", "500", "2500")
        if self.rarely():
            given["UNIVERSE_DENY_SYMBOLS"] = self.one(*self.names)
        if self.rarely():
            some = self.random.sample(self.names, self.random.randint(1, len(self.names)))
            given["UNIVERSE_ALLOW_SYMBOLS"] = ",".join(some)
        return limits_from(build_settings(given))


def plain(amount: int) -> Decimal:
    """Return an amount of 1e-8 as a Decimal."""
    return Decimal(amount).scaleb(-8)
