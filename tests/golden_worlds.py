"""Worlds of the golden fingerprints: made of integers and SHA-256 alone, so the same everywhere and for ever.

They are not drawn by hypothesis and not by `random`: a new version of either must not change them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from attrs import define, evolve, frozen
from oracle.world import E8, LIMIT, CycleInput, Row, World

from meva_core.amounts import to_decimal
from meva_core.modes import Mode
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.settings import build_settings

T = TypeVar("T")
NAMES: Final = ("AAATRY", "BTCTRY", "DOGETRY", "ETHTRY", "SOLTRY", "XRPTRY", "YYYTRY", "ZZZTRY")
MIDNIGHT: Final = 1_767_225_600
NOTHING: Final = Row(*[None] * 10, ())


@define
class Chance:
    """Draws out of a seed and a count."""

    seed: str
    count: int = 0

    def below(self, bound: int) -> int:
        """Return a number from 0 to bound - 1."""
        self.count += 1
        drawn = hashlib.sha256(f"{self.seed} {self.count}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") % bound

    def one_of(self, *things: T) -> T:
        """Return one of them."""
        return things[self.below(len(things))]

    def hits(self, percent: int) -> bool:
        """Whether something that happens so often happens now."""
        return self.below(100) < percent


@frozen(kw_only=True)
class Kind:
    """What kind of world it is. Percents say how often something is so; prices are e8, moves in bps."""

    settings: Mapping[str, str]
    symbols: int = 4
    cycles: int = 48
    step: int = 60
    start: int = MIDNIGHT - 12 * 60
    price: int = 100 * E8
    moves: int = 60
    drift: int = 0
    half_spread: tuple[int, ...] = (0, 1, 3, 8)
    sizes: tuple[int, ...] = (50, 400, 20_000)
    old: int = 0
    one_sided: int = 0
    inputs: int = 0
    odd_rules: int = 0
    unlisted: int = 0
    adapt: bool = False
    run_seed: int = 0


BUSY: Final[Mapping[str, str]] = {
    "DRY_RUN_TRY_BALANCE": "10000",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "4000",
    "MAX_POSITION_NOTIONAL_TRY": "3000",
    "MAX_ORDERS_PER_CYCLE": "4",
    "STAGE7_ORDER_OFFSET_BPS": "-10",
    "STAGE7_MAX_DAILY_LOSS_TRY": "5000",
}
KINDS: Final[Mapping[str, Kind]] = {
    "ordinary": Kind(settings=BUSY, symbols=5),
    "falling": Kind(
        settings=BUSY
        | {
            "STAGE7_MAX_DRAWDOWN_PCT": "0.05",
            "STAGE7_MAX_DAILY_LOSS_TRY": "200",
            "STAGE7_MAX_CONSECUTIVE_LOSSES": "2",
            "STAGE7_UNIVERSE_SIZE": "2",
            "STAGE7_RISK_COOLDOWN_SEC": "300",
        },
        symbols=5,
        drift=-40,
        moves=150,
    ),
    "losing": Kind(
        settings=BUSY
        | {
            "STAGE7_MAX_CONSECUTIVE_LOSSES": "1",
            "STAGE7_LOSS_GUARDRAIL_MODE": "observe_only",
            "STAGE7_UNIVERSE_SIZE": "2",
            "STAGE7_SCORE_WEIGHTS": '{"liquidity":0,"spread":1,"volatility":0}',
        },
        symbols=5,
        moves=100,
    ),
    "stale": Kind(settings=BUSY, old=60, one_sided=12, step=45, symbols=4),
    "thin": Kind(
        settings=BUSY
        | {
            "STAGE7_MIN_QUOTE_VOLUME_TRY": "200000",
            "STAGE7_MAX_SPREAD_BPS": "14",
            "STAGE7_SPREAD_SPIKE_BPS": "30",
        },
        half_spread=(0, 1, 3, 8, 20),
        symbols=6,
    ),
    "faults": Kind(settings=BUSY | {"STAGE7_UNIVERSE_SIZE": "2"}, inputs=40, symbols=4, cycles=64),
    "throttled": Kind(
        settings=BUSY
        | {
            "STAGE7_RATE_LIMIT_RPS": "0.01",
            "STAGE7_RATE_LIMIT_BURST": "1",
            "STAGE7_SIM_REJECT_PROB_BPS": "4000",
            "STAGE7_UNIVERSE_SIZE": "2",
            "TTL_SECONDS": "60",
        },
        run_seed=7,
        symbols=5,
    ),
    "odd rules": Kind(settings=BUSY | {"MAX_ORDERS_PER_CYCLE": "9"}, odd_rules=100, symbols=8),
    "observed": Kind(
        settings=BUSY
        | {
            "STAGE7_RULES_INVALID_METADATA_POLICY": "observe_only_cycle",
            "STAGE7_UNIVERSE_SIZE": "2",
            "STAGE7_SCORE_WEIGHTS": '{"liquidity":0,"spread":1,"volatility":1}',
        },
        odd_rules=40,
        symbols=6,
        moves=120,
        cycles=60,
    ),
    "instant": Kind(
        settings=BUSY
        | {"STAGE7_FILL_MODEL": "instant", "STAGE7_MARK_PRICE_SOURCE": "last", "STAGE7_UNIVERSE_SIZE": "2"},
        run_seed=2**31,
        symbols=5,
    ),
    "adapting": Kind(
        settings=BUSY
        | {
            "STAGE7_UNIVERSE_SIZE": "3",
            "STAGE7_MAX_DRAWDOWN_PCT": "0.02",
            "STAGE7_REJECT_SPIKE_THRESHOLD": "1",
            "STAGE7_SIM_REJECT_PROB_BPS": "1500",
        },
        adapt=True,
        symbols=5,
        cycles=96,
        inputs=6,
    ),
    "small": Kind(
        settings={
            "DRY_RUN_TRY_BALANCE": "150",
            "TRY_CASH_TARGET": "0",
            "NOTIONAL_CAP_TRY_PER_CYCLE": "60",
            "MIN_ORDER_NOTIONAL_TRY": "40",
            "MAX_ORDERS_PER_CYCLE": "1",
            "STAGE7_UNIVERSE_SIZE": "5",
            "STAGE7_ORDER_OFFSET_BPS": "2",
        },
        symbols=6,
        unlisted=20,
        sizes=(0, 5, 30),
        moves=200,
    ),
    "tiny prices": Kind(
        settings=BUSY | {"STAGE7_ORDER_OFFSET_BPS": "5", "TTL_SECONDS": "400"}, price=3, symbols=5, moves=900
    ),
    "huge": Kind(
        settings={
            "DRY_RUN_TRY_BALANCE": "80000000000",
            "NOTIONAL_CAP_TRY_PER_CYCLE": "80000000000",
            "MAX_POSITION_NOTIONAL_TRY": "80000000000",
            "MAX_ORDERS_PER_CYCLE": "9",
            "STAGE7_UNIVERSE_SIZE": "3",
            "STAGE7_MAX_DAILY_LOSS_TRY": "90000000000",
        },
        price=10**6 * E8,
        symbols=5,
        sizes=(10**9,),
        moves=30,
    ),
}
"""The runs by their names."""


def world_of(name: str, kind: Kind) -> World:
    """Return the world of a kind; its name is its seed."""
    chance = Chance(name)
    symbols = NAMES[: kind.symbols]
    prices = [kind.price * chance.one_of(1, 2, 7, 30) for _ in symbols]
    rules = [_rules(place, price, kind, chance) for place, price in enumerate(prices)]
    paths = [_path(kind, price, chance) for price in prices]
    tradable = [rule.symbol for rule in rules if rule.tradable]
    return World(
        symbols=symbols,
        rules=tuple(rules),
        candidates=frozenset(symbol for symbol in tradable if not chance.hits(kind.unlisted)),
        configured=frozenset(tradable),
        settings=build_settings(kind.settings),
        seed=kind.run_seed,
        adapt=kind.adapt,
        cycles=tuple(_cycles(kind, paths, chance)),
    )


def _cycles(kind: Kind, paths: list[Iterator[Row]], chance: Chance) -> Iterator[CycleInput]:
    for c in range(kind.cycles):
        given = CycleInput(kind.start + c * kind.step, tuple(next(path) for path in paths))
        if chance.hits(kind.inputs):
            given = evolve(given, fault_kind=1 + chance.below(5), fault_count=1 + chance.below(4))
        if chance.hits(kind.inputs // 2):
            given = evolve(given, base_mode=chance.one_of(*Mode), override_mode=chance.one_of(*Mode))
        yield evolve(given, reset=chance.hits(kind.inputs // 2))


def _path(kind: Kind, price: int, chance: Chance) -> Iterator[Row]:
    """Yield a symbol's row as each cycle sees it."""
    row, closes, volume = NOTHING, (), chance.one_of(10, 300, 4_000) * 1_000 * E8
    for c in range(kind.cycles):
        move = chance.below(2 * kind.moves + 1) - kind.moves + kind.drift
        price = min(LIMIT // 4, max(2, price + price * move // 10_000))
        closes = (*closes, price)[-20:]
        if c == 0 or not chance.hits(kind.old):
            row = _row(kind, kind.start + c * kind.step, price, volume, chance)
        yield evolve(row, closes=closes)


def _row(kind: Kind, time: int, price: int, volume: int, chance: Chance) -> Row:
    half = price * chance.one_of(*kind.half_spread) // 10_000
    bid, ask = max(1, price - half), price + half
    lost = chance.hits(kind.one_sided)
    size = [chance.one_of(*kind.sizes) * E8 * E8 // price for _ in range(2)]
    stamp = (time - chance.below(5)) * 10**6
    sizes = [min(LIMIT - 1, quantity) for quantity in size]
    high, low = price + price // 50, max(1, price - price // 50)
    book = (stamp, None if lost else bid, ask, *sizes)
    return Row(*book, stamp, None if lost else price, high, low, volume, ())


def _rules(place: int, price: int, kind: Kind, chance: Chance) -> SymbolRules:
    """Return rules that suit the price; where they are odd, each symbol's are odd in a way of their own."""
    symbol, ordinary = NAMES[place], 100 * E8 * E8 // price  # a quantity worth 100 TRY
    if not chance.hits(kind.odd_rules):
        return _rule(symbol, max(1, price // 100_000), max(1, ordinary // 100_000), 10 * E8)
    odd: list[SymbolRules] = [
        SymbolRules(symbol, RuleStatus.MISSING, reason="made so"),
        SymbolRules(symbol, RuleStatus.INVALID, reason="made so"),
        _rule(symbol, price * 9, 1, 10 * E8),
        _rule(symbol, max(1, price // 30), 1, 10 * E8),
        _rule(symbol, 1, max(1, ordinary * 50), 1),
        _rule(symbol, 1, 1, 10 * E8, min_price=price * 2),
        _rule(symbol, 1, 1, 10 * E8, min_qty=ordinary * 40),
        _rule(symbol, 1, 1, 10 * E8, max_qty=ordinary * 10),
    ]
    return odd[place]


def _rule(symbol: str, tick: int, lot: int, least: int, **bounds: int) -> SymbolRules:
    amounts: dict[str, Decimal] = {name: to_decimal(bound) for name, bound in bounds.items()}
    given: dict[str, Any] = {"tick_size": to_decimal(tick), "lot_size": to_decimal(lot)}
    return SymbolRules(symbol, RuleStatus.OK, min_notional_try=to_decimal(least), **given, **amounts)
