"""Strategies: everything that hypothesis draws for these tests.

A world (market, rules, settings, inputs of a run) is drawn in two layers: hypothesis draws what kind of world
it is and a seed, and a plain generator fills in the cells. So worlds are rich, run for many cycles, cost
little, and still shrink: to fewer cycles, fewer symbols, fewer defects.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from attrs import define, evolve
from hypothesis import settings
from hypothesis import strategies as st
from oracle.world import CycleInput, Row, World, is_amount

from meva_core.amounts import LIMIT, to_decimal
from meva_core.modes import Mode
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.settings import FillModel, InvalidRules, Live, MarkSource, ScoreWeights, Settings, Stage7

E8 = 10**8
START = 1_700_000_000
NAMES = ("AAATRY", "BTCTRY", "DOGECOINTRY", "ETHTRY", "SOLTRY", "ZZZZZZZZZZZZZTRY")

amounts = st.one_of(
    st.integers(0, LIMIT - 1),
    st.integers(0, 10**10),
    st.sampled_from((0, 1, E8 - 1, E8, E8 + 1, LIMIT - 1)),
    # Products and quotients turn around powers of ten and two, and halves of them.
    st.builds(
        lambda base, power, more: min(LIMIT - 1, max(0, base**power // 2 + more)),
        st.sampled_from((2, 10)),
        st.integers(0, 18),
        st.integers(-2, 2),
    ),
)
"""Amounts in e8 over the whole range, with weight on its ends and on boundaries."""

signed_amounts = st.builds(lambda amount, sign: amount * sign, amounts, st.sampled_from((1, -1)))
steps = st.sampled_from(tuple(map(Decimal, ("0.00000001", "0.0005", "0.01", "0.025", "1", "10"))))
"""Ticks and lots."""


def examples(times: float, **more: Any) -> settings:
    """Return settings, and `more`, of a test that wants so many times the examples of the profile."""
    return settings(max_examples=max(1, int(settings.default.max_examples * times)), **more)


# -- Worlds -------------------------------------------------------------------------------------------


@define
class Kind:
    """What kind of world it is; hypothesis draws this, the generator the rest."""

    seed: int
    symbols: int
    cycles: int
    step: int
    price: str
    volatility: float
    defects: float
    still: float
    sizes: str
    balance: int
    odd_rules: float
    inputs: float


kinds = st.builds(
    Kind,
    seed=st.integers(0, 2**32 - 1),
    symbols=st.integers(1, len(NAMES)),
    cycles=st.integers(1, 30),
    step=st.sampled_from((60, 5, 300, 3_600, 40_000)),
    price=st.sampled_from(("ordinary", "ordinary", "ordinary", "mixed", "tiny", "huge")),
    volatility=st.sampled_from((0.002, 0.0, 0.02, 0.3)),
    defects=st.sampled_from((0.0, 0.05, 0.3)),
    still=st.sampled_from((0.0, 0.0, 0.5)),
    sizes=st.sampled_from(("none", "large", "small", "mixed")),
    balance=st.sampled_from((1_000 * E8, 100_000 * E8, 100_000 * E8, 10**9 * E8, LIMIT - 1, 50 * E8)),
    odd_rules=st.sampled_from((0.0, 0.2, 0.6)),
    inputs=st.sampled_from((0.0, 0.0, 0.2)),
)

short_kinds = kinds.map(lambda kind: evolve(kind, cycles=1 + kind.cycles % 10))
"""For laws that hold of every cycle alike, and are asked again and again of one run."""

_seeds = st.sampled_from((0, 1, 12_345, 2**31 - 1, 2**62, -7))
_flags = st.booleans()

_PRICES = {
    "ordinary": (E8, 10**5 * E8),
    "tiny": (1, 10**5),
    "huge": (10**6 * E8, LIMIT - 1),
    "mixed": (1, LIMIT - 1),
}


@st.composite
def worlds(draw: st.DrawFn, kinds: st.SearchStrategy[Kind] = kinds) -> World:
    """Draw a whole run."""
    kind = draw(kinds)
    chance = Random(kind.seed)
    symbols = NAMES[: kind.symbols]
    settings = draw(run_settings(kind.balance))
    prices = [_log_uniform(chance, *_PRICES[kind.price]) for _ in symbols]
    paths = [_rows(kind, price, settings, Random(chance.random())) for price in prices]
    times = _times(kind, chance)
    rules = [_rules(symbol, price, kind, chance) for symbol, price in zip(symbols, prices, strict=True)]
    return World(
        symbols=symbols,
        rules=tuple(rules),
        candidates=_some(symbols, rules, kind, chance),
        configured=_some(symbols, rules, kind, chance),
        settings=settings,
        seed=draw(_seeds),
        adapt=draw(_flags),
        cycles=tuple(_inputs(kind, time, tuple(path(time) for path in paths), chance) for time in times),
    )


@st.composite
def wished_worlds(draw: st.DrawFn, kinds: st.SearchStrategy[Kind] = kinds) -> World:
    """Draw a run with a strategy that wishes for this and that."""
    world = draw(worlds(kinds))
    chance = Random(draw(st.integers(0, 2**32 - 1)))
    often = draw(st.sampled_from((1.0, 0.3, 0.05)))
    cycles = tuple(
        evolve(given, weights=_weights(len(world.symbols), often, chance), strategy_failed=_failed(chance))
        for given in world.cycles
    )
    return evolve(world, cycles=cycles, strategy=draw(st.sampled_from((1, -5, 2**62))))


def _failed(chance: Random) -> int:
    """Return how often in a row a strategy has failed: not at all at most times."""
    return chance.randint(1, 4) if chance.random() < 0.1 else 0


def _weights(symbols: int, often: float, chance: Random) -> tuple[int | None, ...]:
    """Return a cycle's weights: none at most times, else some that sum up to about 1 at most."""
    if chance.random() >= often:
        return (None,) * symbols
    parts = [chance.choice((0.0, 1.0, chance.random(), chance.random() / 1000)) for _ in range(symbols)]
    total = max(1.0, sum(parts))
    whole = [round(part / total * 10**6) * 100 for part in parts]
    return tuple(None if chance.random() < 0.2 else part for part in whole)


def reordered(world: World, order: list[int]) -> World:
    """Return the same world with its symbols in another order."""

    def pick(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[i] for i in order)

    cycles = tuple(evolve(given, rows=pick(given.rows)) for given in world.cycles)
    return evolve(world, symbols=pick(world.symbols), rules=pick(world.rules), cycles=cycles)


def _log_uniform(chance: Random, low: int, high: int) -> int:
    return min(high, max(low, int(low * (high / low) ** chance.random())))


def _times(kind: Kind, chance: Random) -> list[int]:
    """Return cycle times: mostly regular, some on the edge of a day."""
    times = [START - START % 86_400 + chance.choice((0, -2 * kind.step, 43_200)) + 3 * kind.step]
    while len(times) < kind.cycles:
        step = kind.step
        if chance.random() < kind.defects / 2:
            step = chance.choice((1, 7 * kind.step, 86_400))
        times.append(times[-1] + step)
    return times


def _some(symbols: tuple[str, ...], rules: list[SymbolRules], kind: Kind, chance: Random) -> frozenset[str]:
    return frozenset(
        symbol
        for symbol, rule in zip(symbols, rules, strict=True)
        if rule.tradable and chance.random() >= kind.odd_rules / 4
    )


def _inputs(kind: Kind, time: int, rows: tuple[Row, ...], chance: Random) -> CycleInput:
    def rarely(value: Any, usual: Any) -> Any:
        return value if chance.random() < kind.inputs else usual

    return CycleInput(
        time,
        rows,
        base_mode=rarely(chance.choice(tuple(Mode)), Mode.NORMAL),
        override_mode=rarely(chance.choice(tuple(Mode)), Mode.NORMAL),
        reset=rarely(True, False),
        fault_kind=rarely(chance.randint(1, 5), 0),
        fault_count=chance.randint(0, 4),
    )


def _rows(kind: Kind, price: int, settings: Settings, chance: Random) -> Any:
    """Return a function from cycle times, in order, to the rows of one symbol."""
    lookback = settings.stage7.vol_lookback
    trend = chance.choice((0.0, 0.0, -0.5, 0.5)) * kind.volatility
    state = {"price": float(price), "row": _NOTHING, "closes": ()}
    state["closes"] = tuple(
        _near(chance, price, kind.volatility) for _ in range(chance.randint(0, lookback + 2))
    )

    def row(time: int) -> Row:
        state["price"] = min(
            LIMIT - 1.0, max(1.0, state["price"] * (1 + trend + kind.volatility * chance.gauss(0, 1)))
        )
        centre = min(LIMIT - 1, int(state["price"]))
        if chance.random() >= max(kind.defects, kind.still):
            state["row"] = _book(kind, time, centre, state["row"], chance)
        if chance.random() >= kind.defects:
            state["row"] = _ticker(kind, time, centre, state["row"], chance)
        if chance.random() < 0.7:
            state["closes"] = (*state["closes"], centre)[-lookback:]
        return evolve(state["row"], closes=state["closes"][-lookback:])

    return row


_NOTHING = Row(None, None, None, None, None, None, None, None, None, None, ())


def _near(chance: Random, price: int, volatility: float) -> int:
    return min(LIMIT - 1, max(1, int(price * (1 + volatility * chance.gauss(0, 1)))))


def _stamp(kind: Kind, time: int, before: int | None, chance: Random) -> int:
    late = chance.choice((0, 0, 0, 1, 30, 61, -2)) if chance.random() < kind.defects else 0
    return max(before or 0, time * 10**6 - late * 10**6 - chance.choice((0, 0, 1, 999_999)))


def _book(kind: Kind, time: int, centre: int, before: Row, chance: Random) -> Row:
    half = int(centre * chance.choice((0, 1, 5, 20, 100)) / 10_000)
    bid, ask = max(1, centre - half), min(LIMIT - 1, centre + half + chance.choice((0, 0, 1)))
    defect = chance.random()
    if defect < kind.defects / 4:
        bid, ask = min(LIMIT - 1, ask + 1 + half), bid
    sides = (None if kind.defects / 4 <= defect < kind.defects / 2 else bid, ask)
    if kind.defects / 2 <= defect < kind.defects * 0.6:
        sides = (bid, None)
    sizes = [_size(kind, centre, chance) for _ in sides]
    stamp = _stamp(kind, time, before.book_ts, chance)
    if stamp == before.book_ts:
        return before
    return evolve(before, book_ts=stamp, bid=sides[0], ask=sides[1], bid_qty=sizes[0], ask_qty=sizes[1])


def _size(kind: Kind, centre: int, chance: Random) -> int | None:
    if kind.sizes == "none" or (kind.sizes == "mixed" and chance.random() < 0.5):
        return None
    worth = chance.choice((0, 5, 40, 300) if kind.sizes == "small" else (10**4, 10**6)) * E8
    return min(LIMIT - 1, worth * E8 // centre + chance.randint(0, 9))


def _ticker(kind: Kind, time: int, centre: int, before: Row, chance: Random) -> Row:
    last = _near(chance, centre, 0.001)
    high, low = max(last, _near(chance, last, 0.02)), min(last, _near(chance, last, 0.02))
    volume = (
        _log_uniform(chance, E8, LIMIT - 1) if chance.random() < 0.1 else chance.randint(1, 50) * 10**5 * E8
    )
    missing = chance.random()
    return evolve(
        before,
        ticker_ts=_stamp(kind, time, before.ticker_ts, chance),
        last=None if missing < kind.defects / 4 else last,
        high=None if missing < kind.defects / 3 else high,
        low=low,
        quote_volume=None if missing > 1 - kind.defects / 4 else volume,
    )


def _rules(symbol: str, price: int, kind: Kind, chance: Random) -> SymbolRules:
    """Return rules that mostly suit the price."""
    odd = chance.random() < kind.odd_rules
    if odd and chance.random() < 0.4:
        return SymbolRules(symbol, chance.choice((RuleStatus.MISSING, RuleStatus.INVALID)), reason="drawn so")
    fine = 10 ** max(0, len(str(price)) - chance.choice((5, 6, 9)))
    tick = chance.choice((1, 10**6, 5 * 10**4, E8, 10 * E8)) if odd else fine
    lot = chance.choice((1, 10**4, 5 * 10**4, E8, 10 * E8)) if odd else chance.choice((1, 10**4))
    bounds: list[Decimal | None] = [None, None, None, None]
    if odd and chance.random() < 0.5:
        ordinary = max(1, 200 * E8 * E8 // price)
        around = (price // 2, price * 2, ordinary // 50, ordinary)
        bounds = [to_decimal(bound) if is_amount(bound) and bound else None for bound in around]
    return SymbolRules(
        symbol,
        RuleStatus.FALLBACK if odd else RuleStatus.OK,
        to_decimal(tick),
        to_decimal(lot),
        to_decimal(chance.choice((10 * E8, 9_991 * 10**6, 1, 10**4 * E8)) if odd else 10 * E8),
        *bounds,
        tradable=not (odd and chance.random() < 0.1),
    )


# -- Settings -----------------------------------------------------------------------------------------


# The strategies are made once: to make and check them anew costs more than to draw from them.


def _mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Mostly the usual value: with thirty settings to draw, something is unusual in every world."""
    return st.sampled_from((usual,) * (4 * len(others)) + others)


def _numbers(*texts: str) -> st.SearchStrategy[Decimal]:
    return _mostly(*map(Decimal, texts))


def _shares(balance: int, *parts: str) -> st.SearchStrategy[Decimal]:
    """Amounts that suit a balance."""
    return _mostly(*(to_decimal(min(LIMIT - 1, int(balance * Decimal(part)))) for part in parts))


@cache
def run_settings(balance: int) -> st.SearchStrategy[Settings]:
    """Return settings of a run that starts with `balance`, over all that Stage 7 reads."""
    live = st.builds(
        Live,
        ttl_seconds=st.sampled_from((120, 1, 60, 400, 10**6, 9 * 10**10)),
        min_order_notional_try=_numbers("10", "0.00000001", "25.5", "300"),
        dry_run_try_balance=st.just(to_decimal(balance)),
        max_orders_per_cycle=st.sampled_from((2, 1, 3, 20, 10**9)),
        notional_cap_try_per_cycle=_shares(balance, "0.3", "0.1", "1", "3", "0.02", "0"),
        max_position_notional_try=_shares(balance, "1", "0.3", "0.1", "0"),
        try_cash_target=_shares(balance, "0.1", "0", "0.6", "2"),
        try_cash_max=_shares(balance, "0.2", "0", "1"),
    )
    return st.builds(Settings, live=live, stage7=_stage7(balance))


def _stage7(balance: int) -> st.SearchStrategy[Stage7]:
    weights = _numbers("0.3", "0", "0.2", "7")
    return st.builds(
        Stage7,
        slippage_bps=_numbers("25", "0", "0.5", "300", "9999.99999999"),
        fees_bps=_numbers("20", "0", "0.12345678", "500", "9999.99999999"),
        mark_price_source=st.sampled_from(MarkSource),
        fill_model=_mostly(FillModel.TOUCH, FillModel.INSTANT),
        universe_size=st.sampled_from((20, 1, 2, 3, 60)),
        min_quote_volume_try=_numbers("0", "100000", "2000000", "90000000000"),
        max_spread_bps=_numbers("1000000", "0", "12", "60.5", "20000", "15000"),
        vol_lookback=st.sampled_from((20, 2, 3, 5)),
        score_weights=st.builds(ScoreWeights, st.just(Decimal("0.5")), weights, weights),
        order_offset_bps=st.sampled_from(
            tuple(map(Decimal, ("5", "0", "-30", "-999.99999999", "3", "60.5")))
        ),
        rules_invalid_metadata_policy=_mostly(InvalidRules.SKIP_SYMBOL, InvalidRules.OBSERVE_ONLY_CYCLE),
        max_drawdown_pct=_numbers("0.25", "1", "0.00000001", "0.003", "0.02"),
        max_daily_loss_try=_shares(balance, "1", "0", "0.001", "0.01"),
        max_consecutive_losses=st.sampled_from((3, 1, 2, 10**9)),
        max_data_age_sec=_mostly(60, 1, 10**6, 9 * 10**10),
        spread_spike_bps=_numbers("300", "20000", "15000", "150", "0"),
        risk_cooldown_sec=st.sampled_from((900, 0, 60, 9 * 10**10)),
        loss_guardrail_mode=st.sampled_from((Mode.REDUCE_RISK_ONLY, Mode.OBSERVE_ONLY)),
        sim_reject_prob_bps=_mostly(0, 2_000, 10_000),
        rate_limit_rps=_numbers("5", "0.00000001", "0.01", "1000000"),
        rate_limit_burst=st.sampled_from((5, 1, 2, 10**9)),
        retry_max_attempts=st.sampled_from((3, 1, 2, 7)),
        reject_spike_threshold=st.sampled_from((3, 1)),
        rebalance_band_bps=_numbers("0", "0", "100", "0.00000001", "3333.33333333", "10000"),
    )
