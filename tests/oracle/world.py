"""What a cycle is given, as plain values; None stands for what is not there."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from attrs import frozen

from meva_core.modes import Mode
from meva_core.rules import SymbolRules
from meva_core.settings import Settings

E8 = 10**8
LIMIT = 92 * 10**17


def e8(amount: Decimal) -> int:
    """Return a Decimal that is exact in 1e-8 as an int of it."""
    scaled = Fraction(amount) * E8
    assert scaled.denominator == 1
    return int(scaled)


def bps(number: Decimal) -> Fraction:
    """Return basis points as a ratio."""
    return Fraction(number) / 10_000


def is_amount(number: int | Fraction) -> bool:
    """Whether a number of 1e-8 can be an amount."""
    return 0 <= number < LIMIT


@frozen
class Row:
    """One symbol as a cycle sees it: book, ticker and the last closes. Stamps in micros, amounts in 1e-8."""

    book_ts: int | None
    bid: int | None
    ask: int | None
    bid_qty: int | None
    ask_qty: int | None
    ticker_ts: int | None
    last: int | None
    high: int | None
    low: int | None
    quote_volume: int | None
    closes: tuple[int, ...]


@frozen
class CycleInput:
    """All that reaches one cycle from outside."""

    time: int
    rows: tuple[Row, ...]
    base_mode: Mode = Mode.NORMAL
    override_mode: Mode = Mode.NORMAL
    reset: bool = False
    fault_kind: int = 0
    fault_count: int = 0
    strategy_failed: int = 0
    """How often in a row the strategy has failed."""
    weights: tuple[int | None, ...] = ()
    """What a strategy wishes for, in 1e-8 of what can be invested; None goes on as decided."""


@frozen
class World:
    """A whole run: symbols sorted by name, their rules, settings, and cycles."""

    symbols: tuple[str, ...]
    rules: tuple[SymbolRules, ...]
    candidates: frozenset[str]
    configured: frozenset[str]
    settings: Settings
    seed: int
    adapt: bool
    cycles: tuple[CycleInput, ...]
    strategy: int = 0
