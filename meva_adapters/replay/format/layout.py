"""What a dataset folder holds: its kinds of files, their columns and the limits of a line."""

from __future__ import annotations

from typing import Final

from attrs import frozen

CANDLES: Final = "candles"
ORDERBOOK: Final = "orderbook"
TICKER: Final = "ticker"
BARS: Final = "bars"
"""A folder beside the market of a run with a strategy: of each interval in seconds that this looked at a
folder, with a file a symbol."""
EXCHANGEINFO: Final = "exchangeinfo.json"
MANIFEST: Final = "manifest.json"
CYCLES: Final = "cycles.csv"
RULES: Final = "rules.csv"
SETTINGS: Final = "settings.json"
GENESIS: Final = "genesis.json"
OF_A_RUN: Final = (CYCLES, RULES, SETTINGS, GENESIS)
"""What lies beside the market of a run that was written out; the last is there if it went on from another."""

TEXT: Final = ".csv"
COLUMNAR: Final = ".parquet"
FORMATS: Final = (TEXT, COLUMNAR)
"""What the name of a table ends with."""

KNOWN: Final = "known"
"""The last column that a file of any kind may have: when whoever recorded it had the row."""
AHEAD_SECONDS: Final = 2
"""So far a row's stamp may lie ahead of when it was known: two clocks never agree."""

MAX_CELL: Final = 64
"""Bytes of a cell. The longest amount has 20 characters; the rest is room for zeros."""
MAX_LINE: Final = 512
"""Bytes of a line without its end."""


MAY_BE_EMPTY: Final = frozenset({"best_bid", "best_ask", "bid_qty", "ask_qty"})
"""Columns whose cells may be empty where rows say when they were known: that side of the book was empty, or
nobody told its size."""


def empty_columns(columns: tuple[str, ...]) -> frozenset[str]:
    """Return which of a file's columns may have empty cells."""
    return MAY_BE_EMPTY.intersection(columns) if KNOWN in columns else frozenset()


@frozen
class Kind:
    """One kind of table: its folder, its columns, and the columns that may follow, all or none; after
    these may stand KNOWN."""

    folder: str
    columns: tuple[str, ...]
    optional: tuple[str, ...]
    prices: frozenset[str]
    required: bool
    min_rows: int

    @property
    def headers(self) -> tuple[tuple[str, ...], ...]:
        """The headers that a file of this kind may have."""
        return (*self.bare_headers, *((*header, KNOWN) for header in self.bare_headers))

    @property
    def bare_headers(self) -> tuple[tuple[str, ...], ...]:
        """Those of them without KNOWN."""
        return (self.columns, self.columns + self.optional) if self.optional else (self.columns,)


KINDS: Final[dict[str, Kind]] = {
    CANDLES: Kind(
        folder=CANDLES,
        columns=("ts", "open", "high", "low", "close", "volume"),
        optional=(),
        prices=frozenset({"open", "high", "low", "close"}),
        required=True,
        min_rows=2,
    ),
    ORDERBOOK: Kind(
        folder=ORDERBOOK,
        columns=("ts", "best_bid", "best_ask"),
        optional=("bid_qty", "ask_qty"),
        prices=frozenset({"best_bid", "best_ask"}),
        required=True,
        min_rows=2,
    ),
    TICKER: Kind(
        folder=TICKER,
        columns=("ts", "last", "high", "low", "volume"),
        optional=("quote_volume",),
        prices=frozenset({"last", "high", "low"}),
        required=False,
        min_rows=1,
    ),
}
VOLUME: Final = "volume"
"""The column in base currency. It may outgrow an amount, so it is kept as whole coins and a rest."""

COLUMN_MEANINGS: Final[dict[str, str]] = {
    "ts": "time at which the row was complete; never decreasing within a file",
    "open": "first price of the interval, in the quote currency",
    "high": "highest price",
    "low": "lowest price",
    "close": "last price of the interval",
    "volume": "traded quantity in the base currency",
    "best_bid": "highest price that a buyer offers; with `known` it may be empty: nobody offers any",
    "best_ask": "lowest price that a seller asks; with `known` it may be empty: nobody asks any",
    "bid_qty": "quantity at the best bid, in the base currency; with `known` it may be empty: not told",
    "ask_qty": "quantity at the best ask, in the base currency; with `known` it may be empty: not told",
    "last": "last traded price",
    "quote_volume": "traded amount of 24 hours, in the quote currency",
    KNOWN: "whole second at which whoever recorded it had the row; never decreasing within a file",
}
