"""What a made-up market of a pair looks like: its magnitude, its grid, its liveliness. Whole numbers only."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from attrs import frozen

from meva_core.errors import BadInput
from meva_core.symbols import is_symbol

_QUOTES: Final = ("TRY", "USDT", "USDC", "BTC")


@frozen
class Profile:
    """A pair's market. The price is in ticks, a tick in 10^-price_places, quantities in 10^-qty_places.

    `volatility_ppb` is the typical return of a minute in 10^-9, `spread_ppb` the typical spread, `turnover`
    the traded amount of a day in the quote currency.
    """

    price: int
    tick: int
    price_places: int
    qty_places: int
    volatility_ppb: int
    spread_ppb: int
    turnover: int


# Magnitudes as on the exchange, where a tick is 10 lira for one pair and 0.00000001 for another.
_KNOWN: Final[dict[str, Profile]] = {
    "BTCTRY": Profile(400_000, 10, 0, 8, 550_000, 250_000, 2_400_000_000),
    "ETHTRY": Profile(150_000, 1, 0, 8, 700_000, 300_000, 1_100_000_000),
    "SOLTRY": Profile(81_250, 1, 1, 6, 950_000, 450_000, 420_000_000),
    "AVAXTRY": Profile(124_050, 1, 2, 4, 1_000_000, 700_000, 160_000_000),
    "XRPTRY": Profile(118_420, 1, 3, 4, 900_000, 400_000, 650_000_000),
    "USDTTRY": Profile(41_250, 1, 3, 2, 60_000, 60_000, 3_800_000_000),
    "DOGETRY": Profile(93_410, 1, 4, 2, 1_100_000, 600_000, 240_000_000),
    "SHIBTRY": Profile(52_310, 1, 8, 0, 1_150_000, 650_000, 190_000_000),
}


def profile_of(symbol: str) -> Profile:
    """Return the profile of a pair; one that is not known here gets one that follows from its name.

    Raises BadInput if `symbol` is not in the grammar of symbols.
    """
    if not is_symbol(symbol):
        raise BadInput(
            f"symbol: {symbol!r} is not a pair symbol; expected 5 to 16 of A-Z and 0-9, such as BTCTRY"
        )
    if symbol in _KNOWN:
        return _KNOWN[symbol]
    number = int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big")
    return Profile(
        price=20_000 + number % 180_000,
        tick=1,
        price_places=number // 2**20 % 9,
        qty_places=8 - number // 2**20 % 9,
        volatility_ppb=500_000 + number // 2**24 % 900_000,
        spread_ppb=300_000 + number // 2**44 % 900_000,
        turnover=20_000_000 + number // 2**28 % 500_000_000,
    )


def pair_of(symbol: str) -> tuple[str, str]:
    """Return the base and the quote currency of a symbol."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote), quote
    return symbol[:-3], symbol[-3:]


def exchangeinfo(symbols: tuple[str, ...], server_seconds: int) -> dict[str, Any]:
    """Return pair metadata in the exchange's own shape, as its REST answer has it."""
    pairs = [_pair(symbol, place) for place, symbol in enumerate(symbols)]
    data = {
        "timeZone": "UTC",
        "serverTime": server_seconds * 1000,
        "symbols": pairs,
        "currencies": [],
        "currencyOperationBlocks": [],
    }
    return {"data": data, "success": True, "message": None, "code": 0}


def _pair(symbol: str, place: int) -> dict[str, Any]:
    profile, (base, quote) = profile_of(symbol), pair_of(symbol)
    scale = profile.price_places
    return {
        "id": place + 1,
        "name": symbol,
        "nameNormalized": f"{base}_{quote}",
        "status": "TRADING",
        "numerator": base,
        "denominator": quote,
        "numeratorScale": profile.qty_places,
        "denominatorScale": scale,
        "hasFraction": scale > 0,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.0000000000001",
                "maxPrice": "10000000",
                "tickSize": _plain(profile.tick, scale),
                "minExchangeValue": "99.91" if quote == "TRY" else "9.91",
                "minAmount": None,
                "maxAmount": None,
            }
        ],
        "orderMethods": ["MARKET", "LIMIT", "STOP_MARKET", "STOP_LIMIT"],
        "displayFormat": "#,##0." + "0" * scale if scale else "#,###",
        "commissionFromNumerator": False,
        "order": 1000 + place,
        "priceRounding": False,
        "isNew": False,
        "maximumOrderAmount": None,
        "maximumLimitOrderPrice": None,
        "minimumLimitOrderPrice": None,
    }


def _plain(units: int, places: int) -> str:
    whole, rest = divmod(units, 10**places)
    return f"{whole}.{rest:0{places}d}" if places else str(whole)
