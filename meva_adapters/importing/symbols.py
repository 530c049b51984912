"""Which pair a file is of: by a column, by its name, or by what was said."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Final

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.unsaid import Unsaid
from meva_core.errors import BadInput
from meva_core.symbols import canonical_symbol, is_symbol

QUOTES: Final = (
    "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "GBP", "TRY", "BRL", "JPY", "AUD", "BTC", "ETH",
    "BNB",
)  # fmt: skip
_PLACES: Final = frozenset({
    "BINANCE", "BITSTAMP", "BITFINEX", "BYBIT", "BTCTURK", "COINBASE", "GEMINI", "KRAKEN", "KUCOIN", "OKX",
    "POLONIEX", "BITTREX", "PARIBU", "HUOBI", "GATEIO", "BITMEX", "DERIBIT", "COINBASEUSD", "BITSTAMPUSD",
    "KRAKENUSD",
})  # fmt: skip


def quote_of(symbol: str) -> str:
    """Return the quote currency of a pair, empty where none is known at its end."""
    found = [quote for quote in QUOTES if symbol.endswith(quote) and len(symbol) > len(quote) + 1]
    return max(found, key=len, default="")


def symbol_in(name: str) -> str | None:
    """Return the pair that a file's name tells, None if it tells none."""
    parts = [part.upper() for part in re.split(r"[^A-Za-z0-9]+", Path(name).name.partition(".")[0])]
    for base, quote in pairwise(parts):
        if quote in QUOTES and base not in _PLACES and not base.isdigit() and is_symbol(base + quote):
            return base + quote
    for part in parts:
        if part not in _PLACES and is_symbol(part) and quote_of(part):
            return part
    return None


def symbol_for(found: str | None, table: str, choices: Choices) -> tuple[str, str]:
    """Return the symbol that a table is imported as, and why. Raises BadInput where nothing tells it."""
    if choices.symbol is not None:
        return choices.symbol, "as --symbol says"
    if found is not None:
        try:
            symbol, why = canonical_symbol(found, table), "its own column says it"
        except BadInput as error:
            raise Unsaid(str(error), choice="symbol", action="say the pair with --symbol BTCTRY") from error
    else:
        told = symbol_in(table)
        if told is None:
            raise Unsaid(
                f"{table}: neither its name nor a column tells the pair",
                choice="symbol",
                action="say it with --symbol BTCTRY",
            )
        symbol, why = told, "its name"
    if symbol in choices.names:
        return choices.names[symbol], f"{symbol}, {why}; --as renames it"
    return symbol, why
