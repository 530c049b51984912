"""The worlds of a rehearsal: everything that is drawn from a seed before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Final

from attrs import frozen

from meva_adapters.rehearsal.faults import ADDED, Fault, draw_rates
from meva_adapters.rehearsal.pairs import Pair, draw_pairs
from meva_core.operating.guards.permit import Canary

_CANARIES: Final = 0.2
"""In so many worlds of one the program runs as a canary."""
_ADOPTED: Final = 0.2
"""In so many worlds of one the book is opened over what an earlier system left."""
INTERVALS: Final = (10, 30, 60, 60, 60, 300, 900, 3600)
BEGINS: Final = 1_800_000_000
"""When worlds begin, seconds since 1970."""


@frozen(kw_only=True)
class Shape:
    """What a rehearsal is of: how it is drawn is up to the seed, as far as it is not given here.

    `settings` are a user's own, by their names; without any they are drawn, too. `interval` is in seconds.
    `rates` are those of faults. `hand_every` is how often a person acts, in seconds, on average; 0 for never.
    """

    stage: int | None = None
    settings: Mapping[str, str] | None = None
    interval: int | None = None
    rates: Mapping[Fault, float] | None = None
    hand_every: int | None = None
    pairs: tuple[str, ...] = ()
    without: frozenset[Fault] = frozenset()
    """Faults that are left out."""
    attended: bool = True
    """Whether somebody runs the program; without, only the exchange and a person do anything."""
    canary: Canary | None = None
    """What the program is held to; drawn, where rates are."""
    adopted: bool = False
    """Whether the database is one that an earlier system left; drawn, where rates are."""
    earlier: bool = False
    """Whether it is as it was drawn before kinds were added: for seeds that are kept from then."""


@frozen(kw_only=True)
class World:
    """One world as it was drawn."""

    seed: int
    stage: int
    interval: int
    pairs: Mapping[str, Pair]
    symbols: tuple[str, ...]
    settings: Mapping[str, str]
    rates: Mapping[Fault, float]
    hand_every: int
    there: Mapping[str, int]
    """What the account begins with, by asset, in whole units of TRY or thousandths of coins."""
    maker: int
    taker: int
    cash_step: int
    fine: bool
    hidden: int
    attended: bool
    canary: Canary | None = None
    adopted: bool = False
    """Whether an earlier system left orders and a position in the database."""
    begins: int = BEGINS


def stream(seed: int, name: str) -> Random:
    """Return the random numbers of one part of a world: what one part draws moves no other."""
    return Random(f"{seed}:{name}")  # noqa: S311  # nothing here is secret


def draw(seed: int, shape: Shape) -> World:
    """Return the world of a seed."""
    random = stream(seed, "world")
    pairs = draw_pairs(random, shape.pairs)
    names = sorted(pairs)
    configured = shape.pairs or tuple(sorted(random.sample(names, max(2, len(names) - 1))))
    rates = draw_rates(random) if shape.rates is None else dict(shape.rates)
    canary, adopted = shape.canary, shape.adopted
    if shape.rates is None and not shape.earlier:
        later = stream(seed, "added")
        rates.update(draw_rates(later, ADDED))
        canary = canary or _canary(later)
        adopted = adopted or later.random() < _ADOPTED
    rates = {kind: rate for kind, rate in rates.items() if kind not in shape.without}
    interval = random.choice(INTERVALS)
    stage = random.choice((3, 4, 4))
    hand = random.choice((0, 1800, 5400, 5400, 20_000))
    drawn = _settings(random)
    settings = {**(drawn if shape.settings is None else shape.settings), "SYMBOLS": ",".join(configured)}
    return World(
        seed=seed,
        stage=shape.stage or stage,
        interval=shape.interval or interval,
        pairs=pairs,
        symbols=tuple(configured),
        settings=settings,
        rates=rates,
        hand_every=hand if shape.hand_every is None else shape.hand_every,
        there={"TRY": random.randint(2_000, 100_000)}
        | {pairs[name].asset: random.choice((0, random.randint(1, 2_000))) for name in names},
        maker=random.choice((0, 600, 1200, 1800)),
        taker=random.choice((1200, 2400, 2400, 3500)),
        cash_step=random.choice((1, 10**10, 10**16)),
        fine=random.random() < 0.3,
        hidden=random.choice((0, 0, 2, 20)) * 10**6,
        attended=shape.attended,
        canary=canary,
        adopted=adopted,
        begins=BEGINS + random.randint(0, 10**6),
    )


def _canary(random: Random) -> Canary | None:
    """Return what a program is held to that its trader does not trust yet; mostly it is trusted."""
    count, notional = random.randint(1, 12), random.choice((500, 2_000, 20_000))
    return Canary(count, Decimal(notional)) if random.random() < _CANARIES else None


def _settings(random: Random) -> dict[str, str]:
    """Return settings under which much is traded."""
    choice = random.choice
    return {
        "MAX_ORDERS_PER_CYCLE": choice(("2", "5", "20")),
        "MAX_OPEN_ORDERS": choice(("3", "5", "20")),
        "MAX_OPEN_ORDERS_PER_SYMBOL": choice(("1", "2", "3")),
        "COOLDOWN_SECONDS": choice(("0", "0", "60")),
        "TTL_SECONDS": choice(("30", "120", "600")),
        "NOTIONAL_CAP_TRY_PER_CYCLE": choice(("1000", "5000", "20000")),
        "RISK_MAX_POSITION_PCT": choice(("0.3", "1", "1")),
        "RISK_MAX_GROSS_EXPOSURE_TRY": choice(("10000", "1000000")),
        "RISK_MAX_DRAWDOWN_TRY": choice(("3000", "100000")),
        "RISK_MAX_DAILY_DRAWDOWN_TRY": choice(("1000", "100000")),
        "MAX_DRAWDOWN_PCT": choice(("10", "90")),
        "UNIVERSE_MAX_SPREAD_BPS": "2000",
        "ENABLE_AUTO_KILL_SWITCH": choice(("true", "true", "false")),
    }
