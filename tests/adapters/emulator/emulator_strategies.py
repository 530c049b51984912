"""What hypothesis draws for the emulator's exchange."""

from __future__ import annotations

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
