"""What hypothesis draws for the emulator's exchange."""

from __future__ import annotations

from random import Random

from attrs import frozen
from hypothesis import strategies as st

from meva_adapters.emulator.exchange.orders import Method, Request, Side
from meva_adapters.emulator.exchange.pairs import Pair

E8 = 10**8
ALL_METHODS = frozenset(Method)
COARSE = Pair(1, "BTCTRY", "BTC", "TRY", E8, 1, 10 * E8, E8, 10**6 * E8, ALL_METHODS)
"""Whole-lira prices and the finest quantities: the roundings of money show."""
FINE = Pair(2, "XRPUSDT", "XRP", "USDT", 10**4, 10**4, E8, 10**4, 10**4 * E8, ALL_METHODS)
PAIRS = {pair.name: pair for pair in (COARSE, FINE)}


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """An order near 100 of the quote asset, so that orders meet; most are good, some break a rule."""
    pair = draw(st.sampled_from([COARSE, FINE]))
    side = draw(st.sampled_from(Side))
    method = draw(
        st.sampled_from([*[Method.LIMIT] * 4, Method.MARKET, Method.STOP_LIMIT, Method.STOP_MARKET])
    )
    near = st.integers(98, 102).map(lambda whole: whole * E8)
    price = draw(near) + draw(st.sampled_from([0, 0, 0, 1, -1])) * pair.price_step
    money = side is Side.BUY and not method.has_limit
    step = pair.price_step if money else pair.qty_step
    quantity = draw(st.integers(10 * E8, 900 * E8) if money else st.integers(E8 // 10, 6 * E8)) // step * step
    return Request(
        pair=pair.name,
        side=side,
        method=method,
        quantity=quantity,
        client_id=draw(st.sampled_from(["a", "b"])),
        price=price if method.has_limit else None,
        stop_price=draw(near) if method.is_stop else None,
    )


DUST = Pair(3, "SHIBUSDT", "SHIB", "USDT", 1, E8, E8, 90, 10**4, ALL_METHODS)
"""Prices of some hundred units of 1e-8: whatever is rounded, is rounded by much."""
MARKETS = {pair.name: pair for pair in (COARSE, FINE, DUST)}
_MIDDLE = {"BTCTRY": 100 * E8, "XRPUSDT": 100 * E8, "SHIBUSDT": 941}


@frozen
class Step:
    """One thing that happens: `what` it is, who does it, how much later, and what it is done with."""

    what: str
    who: int
    later: int
    number: int
    request: Request


def step_of(random: Random) -> Step:
    """Draw what happens next, mostly orders that meet others."""
    what = random.choices(["submit", "cancel", "print", "cancel_ms", "fee_on_top"], [70, 16, 10, 3, 1])[0]
    return Step(
        what,
        random.randrange(3),
        random.choice([0, 0, 1, 5, 60]),
        random.randrange(10**6),
        request_of(random),
    )


def request_of(random: Random) -> Request:
    """Draw an order around the middle of its pair; one in twenty breaks a rule."""
    pair = random.choice(list(MARKETS.values()))
    side = random.choice(list(Side))
    method = random.choices(list(Method), [10, 3, 2, 2])[0]
    spends = side is Side.BUY and not method.has_limit
    money = random.choice([2, 30, 200, 900]) * E8 + random.randrange(20 * E8)
    quantity = money if spends else money * E8 // _MIDDLE[pair.name]
    quantity -= quantity % (pair.price_step if spends else pair.qty_step)
    if random.random() < 0.03:
        quantity += random.choice([1, -quantity])
    return Request(
        pair=pair.name,
        side=side,
        method=method,
        quantity=quantity,
        client_id="",
        price=_price_of(random, pair) if method.has_limit or random.random() < 0.1 else None,
        stop_price=_price_of(random, pair) if method.is_stop else None,
    )


def _price_of(random: Random, pair: Pair) -> int:
    """Draw a price on few levels, so that they are shared; at times far away, or off the grid."""
    per_cent = random.choice([97, 98, 99, 99, 100, 100, 100, 101, 101, 102, 103, 94, 95, 105, 106, 120])
    price = _MIDDLE[pair.name] * per_cent // 100
    price += random.choice([0, 0, 0, 0, 1, -1]) * pair.price_step
    if random.random() < 0.02:
        return price * random.choice([100_000, 2_000]) // 1000 + random.choice([0, 1])
    return price
