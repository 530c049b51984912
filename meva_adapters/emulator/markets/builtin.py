"""The metadata that the emulator serves when it is given none: a few pairs in the exchange's own shape.

They have the quirks that clients stumble over: whole-lira prices, a tick coarser than the price step,
whole-unit quantities, a pair without market orders, null amounts, minima just under the advertised ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple


class ListedPair(NamedTuple):
    """One pair: scales as the exchange names them, the price it starts near, and its display tick."""

    id: int
    base: str
    quote: str
    base_scale: int
    quote_scale: int
    has_fraction: bool
    tick: str
    minimum: str
    start: str
    methods: tuple[str, ...] = ("MARKET", "LIMIT", "STOP_MARKET", "STOP_LIMIT")


_LISTED: Final = (
    ListedPair(1, "BTC", "TRY", 8, 0, False, "10", "99.91", "3036000"),
    ListedPair(2, "ETH", "TRY", 8, 0, False, "1", "99.91", "98400"),
    ListedPair(4, "XRP", "TRY", 4, 3, True, "0.001", "99.91", "58.5"),
    ListedPair(5, "LTC", "TRY", 8, 1, True, "0.1", "99.91", "4120"),
    ListedPair(18, "USDT", "TRY", 2, 3, True, "0.001", "99.91", "41.25"),
    ListedPair(19, "BTC", "USDT", 8, 0, False, "1", "9.91", "73600"),
    ListedPair(20, "ETH", "USDT", 8, 1, True, "0.1", "9.91", "2385"),
    ListedPair(21, "XRP", "USDT", 4, 4, True, "0.0001", "9.91", "1.418"),
    ListedPair(31, "XLM", "TRY", 4, 4, True, "0.0001", "99.91", "9.25", ("LIMIT", "STOP_LIMIT")),
    ListedPair(131, "AAVE", "TRY", 4, 2, True, "0.01", "99.91", "8050"),
    ListedPair(160, "SHIB", "USDT", 0, 8, True, "0.00000001", "9.91", "0.0000094"),
    ListedPair(171, "SOL", "TRY", 4, 1, True, "0.1", "99.91", "6120"),
)
START_PRICES: Final[Mapping[str, str]] = {row.base + row.quote: row.start for row in _LISTED}
"""Where seeded prices start, by pair."""
_NAMES: Final = {
    "TRY": "Türk Lirası",
    "USDT": "Tether",
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "XRP": "Ripple",
    "LTC": "Litecoin",
    "XLM": "Stellar",
    "AAVE": "Aave",
    "SHIB": "Shiba Inu",
    "SOL": "Solana",
}


def builtin_document() -> dict[str, Any]:
    """Return the `data` of an exchangeinfo reply, without its server time."""
    assets = list(dict.fromkeys(asset for row in _LISTED for asset in (row.quote, row.base)))
    return {
        "timeZone": "UTC",
        "serverTime": 0,
        "symbols": [_symbol(number, row) for number, row in enumerate(_LISTED)],
        "currencies": [_currency(number, asset) for number, asset in enumerate(assets, start=1)],
        "currencyOperationBlocks": [
            {"currencySymbol": asset.title(), "withdrawalDisabled": False, "depositDisabled": False}
            for asset in assets
        ],
    }


def symbol_document(row: ListedPair, order: int) -> dict[str, Any]:
    """Return one pair as exchangeinfo shows it, without bounds of its limit prices."""
    decimals = f".{'0' * row.quote_scale}" if row.has_fraction and row.quote_scale else ""
    return {
        "id": row.id,
        "name": row.base + row.quote,
        "nameNormalized": f"{row.base}_{row.quote}",
        "status": "TRADING",
        "numerator": row.base,
        "denominator": row.quote,
        "numeratorScale": row.base_scale,
        "denominatorScale": row.quote_scale,
        "hasFraction": row.has_fraction,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.0000000000001",
                "maxPrice": "10000000",
                "tickSize": row.tick,
                "minExchangeValue": row.minimum,
                "minAmount": None,
                "maxAmount": None,
            }
        ],
        "orderMethods": list(row.methods),
        "displayFormat": "#,##0" + decimals,
        "commissionFromNumerator": False,
        "order": order,
        "priceRounding": False,
        "isNew": False,
        "marketPriceWarningThresholdPercentage": 0.25,
        "maximumOrderAmount": None,
    }


def _symbol(number: int, row: ListedPair) -> dict[str, Any]:
    return symbol_document(row, 1000 + number)


def _currency(number: int, asset: str) -> dict[str, Any]:
    fiat = asset == "TRY"
    return {
        "id": number,
        "symbol": asset,
        "name": _NAMES[asset],
        "minWithdrawal": "0",
        "minDeposit": "0",
        "precision": 2 if fiat else 8,
        "currencyType": "FIAT" if fiat else "CRYPTO",
        "address": {"minLen": None, "maxLen": None},
        "tag": {"enable": False, "name": None, "minLen": None, "maxLen": None},
        "color": "#000000",
        "isAddressRenewable": False,
        "getAutoAddressDisabled": False,
        "isPartialWithdrawalEnabled": False,
        "isNew": False,
    }
