"""What whoever imports says, beside the files: every choice is on record in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from meva_core.amounts import digits_of
from meva_core.errors import BadInput
from meva_core.symbols import canonical_symbol

ROLES: Final[Mapping[str, str]] = {
    "ts": "the time of a row",
    "time": "the time of day, where `ts` is a date alone",
    "close_time": "the end of a candle",
    "open": "the first price",
    "high": "the highest price",
    "low": "the lowest price",
    "close": "the last price",
    "volume": "the quantity in the base currency",
    "quote_volume": "the amount in the quote currency",
    "symbol": "the pair",
    "price": "the price of a trade",
    "qty": "the quantity of a trade",
    "best_bid": "the highest price that a buyer offers",
    "best_ask": "the lowest price that a seller asks",
    "bid_qty": "the quantity at the best bid",
    "ask_qty": "the quantity at the best ask",
}
"""What a column may be taken for."""
TRADES_INTERVAL: Final = 60
"""Seconds of the candles that trades are made into, where nobody says another length."""


@frozen(kw_only=True)
class Choices:
    """The choices of one import; None is not said.

    `stamp` is `open` or `close`, `dates` `dmy` or `mdy`, `decimal` the decimal mark (`.` or `,`), `integers`
    `whole` or `e8`. `columns` maps roles to columns by name or by number from 1, `-` for none. `names` maps
    symbols as the files have them to symbols of the dataset; `symbol` is the one symbol of all files.
    """

    stamp: str | None = None
    interval: int | None = None
    tz: str | None = None
    dates: str | None = None
    decimal: str | None = None
    integers: str | None = None
    columns: Mapping[str, str] = field(factory=dict)
    names: Mapping[str, str] = field(factory=dict)
    symbol: str | None = None
    spread_bps: Decimal = Decimal(10)
    depth_try: Decimal | None = None
    round_cells: bool = False
    drop_bad: bool = False
    exchangeinfo: Path | None = None

    def document(self) -> dict[str, Any]:
        """Return what was chosen, as the manifest has it."""
        said: dict[str, Any] = {
            "stamp": self.stamp,
            "interval": self.interval,
            "tz": self.tz,
            "dates": self.dates,
            "decimal": self.decimal,
            "integers": self.integers,
            "columns": dict(self.columns),
            "as": dict(self.names),
            "symbol": self.symbol,
            "spread_bps": digits_of(self.spread_bps),
            "depth_try": None if self.depth_try is None else digits_of(self.depth_try),
            "round": self.round_cells,
            "drop_bad": self.drop_bad,
            "exchangeinfo": None if self.exchangeinfo is None else self.exchangeinfo.name,
        }
        return {name: value for name, value in said.items() if value not in (None, False, {})}


def parse_columns(text: str) -> dict[str, str]:
    """Return `ts=date,close=last` by role. Raises BadInput for a role that there is not, or one twice."""
    found: dict[str, str] = {}
    for part in text.split(","):
        role, mark, column = (piece.strip() for piece in part.partition("="))
        if not mark or not column:
            raise BadInput(
                f"--columns: {part!r} is not ROLE=COLUMN", action="write --columns ts=date,close=last"
            )
        if role not in ROLES:
            raise BadInput(
                f"--columns: {role!r} is no role", action=f"name roles of these: {', '.join(ROLES)}"
            )
        if role in found:
            raise BadInput(f"--columns: {role} is named twice", action="name each role once")
        found[role] = column
    return found


def parse_names(texts: tuple[str, ...]) -> dict[str, str]:
    """Return `BTCUSDT=BTCTRY`, one or several with commas, by the symbol of the files."""
    found: dict[str, str] = {}
    for part in ",".join(texts).split(",") if texts else ():
        source, mark, name = part.partition("=")
        if not mark:
            raise BadInput(f"--as: {part!r} is not SYMBOL=SYMBOL", action="write --as BTCUSDT=BTCTRY")
        source, name = canonical_symbol(source, "--as"), canonical_symbol(name, "--as")
        if found.get(source, name) != name:
            raise BadInput(f"--as: {source} is given two names", action="give it one")
        found[source] = name
    return found
