"""Strategies whose answers are drawn by what they are shown, so that two processes agree only where both are
shown the same to the last bit: each keeps in mind a digest of all that it saw."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, ClassVar

import numpy as np

from meva_core.strategy import History, Intent, LiveView, Side, Strategy, Target
from meva_core.strategy.built_in import (
    BaselineMeanReversionV1,
    BuyAndHold,
    FixedWeights,
    InverseVolatility,
    Momentum,
    ProfitAwareV1,
)

DECIDING = (BaselineMeanReversionV1(), BaselineMeanReversionV1(anchor="closes:3600:3"), ProfitAwareV1())
WEIGHING = (BuyAndHold(), FixedWeights(), InverseVolatility(closes=4), Momentum(closes=5))
COLUMNS = (
    *("bar", "seconds", "bar_seconds", "open", "high", "low", "close", "volume", "bid", "ask", "mid", "mark"),
    *("last", "day_high", "day_low", "day_quote_volume", "book_age", "ticker_age"),
)


def digest_of(history: History, seen: object = None) -> str:
    """Return a digest of everything that is shown."""
    digest = hashlib.sha256(f"{history.symbols} {history.before} {seen!r}".encode())
    for name in COLUMNS:
        column = np.ascontiguousarray(getattr(history, name))
        digest.update(f"{name} {column.dtype} {column.shape}".encode() + column.tobytes())
    return digest.hexdigest()


class Looking(Strategy):
    """Draws what it answers by all that it sees."""

    bars: ClassVar[str | None] = "1h"

    def needs(self) -> int:
        return 5

    def decide(self, view: LiveView, memory: dict[str, Any]) -> Any:
        saw = digest_of(view.history, view)
        memory["n"], memory["saw"] = memory.get("n", 0) + 1, [saw, *memory.get("saw", ())][:3]
        memory["shares"] = {"at": [0.1, 1e-300, -0.0, 2**80], "ğ": None}
        return self.drawn(Random(saw), view)

    def drawn(self, random: Random, view: LiveView) -> Any:
        raise NotImplementedError


class Orders(Looking):
    """Answers with intents and targets, also such as it yields one by one, or as those of Meva do."""

    def drawn(self, random: Random, view: LiveView) -> Any:
        if random.random() < 0.4:
            return random.choice(DECIDING).decide(view, {})
        items = [self.item(random, view) for _ in range(random.randint(0, 5))]
        return random.choice((items, tuple(items), iter(items), dict.fromkeys(items).keys(), None))

    def item(self, random: Random, view: LiveView) -> Intent | Target:
        name, amount = random.choice(view.symbols).name, Decimal(random.randint(0, 10**12)) / 10**7
        reason, confidence = random.choice(("", "a dip")), random.choice((None, 0.25, "0.1", Decimal(1)))
        limit = random.choice((None, amount + 1, Fraction(10**9, 3), "12.5"))
        match random.randint(0, 5):
            case 0:
                return Target(name, value_try=amount, reason=reason)
            case 1:
                return Target(name, weight=random.random() / 5)
            case 2:
                return Intent(name, Side.SELL, qty=amount, limit=limit, confidence=confidence)
            case 3:
                return Intent(name, "SELL", str(amount), limit=limit, purpose="reduce", reason=reason)
            case _:
                return Intent(name, Side.BUY, amount, limit=limit, reason=reason, confidence=confidence)


class Shares(Looking):
    """Answers with a dict of weights, of all kinds of numbers."""

    bars = "1m"

    def drawn(self, random: Random, view: LiveView) -> Mapping[str, Any]:
        return {
            one.name: random.choice(
                (
                    random.random() / 5, np.float64(random.random() / 5), np.float32(0.1), np.array(0.05), 0,
                    True if random.random() < 0.05 else 0, Decimal("0.1000005"), Fraction(1, 7), -1e-12,
                    float("nan"), np.nan, Decimal("nan"), None,
                )
            )
            for one in random.sample(view.symbols, random.randint(0, len(view.symbols)))
        }  # fmt: skip


class Row(Strategy):
    """Answers for histories."""

    bars = "1h"

    def needs(self) -> int:
        return 7

    def weights(self, h: History) -> Any:
        random = Random(digest_of(h))
        if random.random() < 0.4:
            return random.choice(WEIGHING).weights(h)
        row = [random.choice((0.1, 0.0, random.random() / 5, np.nan)) for _ in h.symbols]
        return np.array([row]) if random.random() < 0.9 else np.array(row)


class Slips(Looking):
    """Answers what is none, or raises, or keeps what cannot be kept."""

    def drawn(self, random: Random, view: LiveView) -> Any:
        name = view.symbols[0].name
        match random.randint(0, 15):
            case 0:
                raise LookupError(f"no idea of {name}")
            case 1:
                raise SystemExit(7)
            case 2:
                return [Intent(name, Side.BUY, 150.5)]
            case 3:
                return [Intent("NONETRY", Side.BUY, 150)]
            case 4:
                return {"NONETRY": 0.5}
            case 5:
                return {one.name: 0.3 for one in view.symbols}
            case 6:
                return random.choice((7, "BTCTRY", b"x", [7], [{name: 0.5}], 0.5, (name,)))
            case 7:
                return {name: random.choice((-0.5, 1.5, "0.5", [], 10**400, float("inf")))}
            case 8:
                return {7: 0.5}
            case 9:
                return (self.item(n, name) for n in range(3))
            case 10:
                return Unreadable()
            case 11:
                self.forgets(random)
            case 12:
                memory_of(view)["at"] = 1
            case 13:
                view.history.bid[0, 0] = 1.0
        return [Intent(name, Side.BUY, 150)]

    def decide(self, view: LiveView, memory: dict[str, Any]) -> Any:
        answer = super().decide(view, memory)
        random = Random(memory["saw"][0][::-1])
        if random.random() < 0.2:
            memory["bad"] = random.choice((float("nan"), Decimal(1), {7: 1}, "x" * 16_384, "\ud800", 2**5000))
        return answer

    def item(self, n: int, name: str) -> Intent:
        if n == 2:
            raise ValueError("only two of them")
        return Intent(name, Side.BUY, 150)

    def forgets(self, random: Random) -> None:
        import decimal

        decimal.getcontext().prec = random.choice((1, 3))


def memory_of(view: LiveView) -> dict[str, Any]:
    """Return what is frozen, as if it were not."""
    return view.symbols  # type: ignore[return-value]


class Unreadable:
    """What cannot be looked at."""

    def __repr__(self) -> str:
        raise RecursionError("no end of it")
