"""Columns by the words of their headers."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Final

PRICES: Final = ("open", "high", "low", "close")

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "ts": (
        "opentime", "opentimestamp", "opendatetime", "timeperiodstart", "starttime", "timestart", "timeopen",
        "unix", "unixtimestamp", "timestamp", "ts", "epoch", "datetime", "time", "date", "gmttime", "dateutc",
        "timeutc", "datetimeutc", "utctime", "localtime", "candletime", "start", "begin", "tarih", "t",
        "indexlevel0",
    ),
    "close_time": (
        "closetime", "closetimestamp", "closedatetime", "timeperiodend", "timeclose", "endtime", "end",
    ),
    "open": ("open", "o", "openprice", "priceopen", "first", "acilis"),
    "high": ("high", "h", "highprice", "pricehigh", "max", "yuksek"),
    "low": ("low", "l", "lowprice", "pricelow", "min", "dusuk"),
    "close": ("close", "c", "closeprice", "priceclose", "last", "kapanis", "simdi", "price", "adjclose"),
    "volume": (
        "volume", "v", "vol", "basevolume", "volumebase", "baseassetvolume", "volumefrom", "volumecrypto",
        "hacim", "hac", "volumen", "tickvol", "amount",
    ),
    "quote_volume": (
        "quotevolume", "quoteassetvolume", "volumequote", "volumeto", "quotevol", "qav", "volumecurrency",
        "volumefiat", "turnover", "volccyquote", "volquote", "volccy",
    ),
    "symbol": (
        "symbol", "pair", "market", "instrument", "instrumentname", "instrumentid", "instid", "tradingpair",
        "productid", "ticker", "sym",
    ),
    "price": ("price", "p", "tradeprice", "rate"),
    "qty": ("qty", "quantity", "amount", "size", "volume", "q", "basevolume", "lastqty", "quantitybtc"),
    "best_bid": ("bestbid", "bid", "bidprice", "bestbidprice", "bidprice1", "bid1", "bidspx0"),
    "best_ask": ("bestask", "ask", "askprice", "bestaskprice", "askprice1", "ask1", "askspx0"),
    "bid_qty": ("bidqty", "bidsize", "bidamount", "bidvolume", "bestbidqty", "bestbidsize", "bidquantity"),
    "ask_qty": ("askqty", "asksize", "askamount", "askvolume", "bestaskqty", "bestasksize", "askquantity"),
}  # fmt: skip
"""Words of each role, the surest first, without case, marks and separators."""
OF_OPENING: Final = frozenset(
    {"opentime", "opentimestamp", "opendatetime", "timeperiodstart", "starttime", "timestart", "timeopen"}
)
"""Words that say that a time is that of the opening."""
_DOTLESS: Final = str.maketrans({"ı": "i", "İ": "i"})


def bare(name: str) -> str:
    """Return a name's letters and digits, in lower case and without marks."""
    plain = unicodedata.normalize("NFKD", name.translate(_DOTLESS))
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalnum())


def columns_of(role: str, names: Iterable[str]) -> list[str]:
    """Return the columns whose names say that they have a role, the surest first."""
    by_word: dict[str, str] = {}
    for name in names:
        by_word.setdefault(bare(name), name)
    return [by_word[word] for word in WORDS[role] if word in by_word]


def volumes_by_currency(names: Collection[str], symbol: str) -> dict[str, str]:
    """Return the columns that say whose volume they have: `Volume BTC` and `Volume USDT` of BTCUSDT."""
    found = {}
    for name in names:
        word = bare(name).upper()
        currency = word.removeprefix("VOLUME") if word.startswith("VOLUME") else word.removesuffix("VOLUME")
        if currency in (word, symbol) or len(currency) < 2:
            continue
        if symbol.startswith(currency):
            found["volume"] = name
        elif symbol.endswith(currency):
            found["quote_volume"] = name
    return found
