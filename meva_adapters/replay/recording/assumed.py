"""Order books that were not recorded: assumed around the closes, a stated spread apart, and said to be so."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

from meva_adapters.replay.format.layout import CANDLES, KINDS, ORDERBOOK
from meva_adapters.replay.recording.appending import csv_line, stamped_lines
from meva_adapters.system.files import replacing
from meva_core.amounts import format_e8, parse_e8
from meva_core.errors import BadInput
from meva_core.rules import SymbolRules

_BPS: Final = 10_000


def assume_books(root: Path, symbol: str, rules: SymbolRules, spread_bps: Decimal) -> None:
    """Write an order book row for every candle: bid and ask around its close, on the tick, never equal."""
    tick = parse_e8(rules.tick_size, "tick") if rules.tick_size is not None else 1
    half = parse_e8(spread_bps, "spread")  # in 1e-8 bps
    with replacing(root / ORDERBOOK / f"{symbol}.csv") as file:
        file.write(",".join(KINDS[ORDERBOOK].columns).encode() + b"\n")
        for ts, line in stamped_lines(root / CANDLES / f"{symbol}.csv"):
            close = parse_e8(line.split(b",")[4].decode("ascii"), "close")
            bid, ask = around(close, half, tick)
            file.write(csv_line(ts, (format_e8(bid), format_e8(ask))))


def around(close: int, spread_bps_e8: int, tick: int) -> tuple[int, int]:
    """Return bid and ask, all in e8: half the spread below and above, rounded outwards to the tick.

    Raises BadInput where the bid would not be above zero.
    """
    unit = 2 * _BPS * 10**8
    bid = close * (unit - spread_bps_e8) // (unit * tick) * tick
    # The floor of the negative is the ceiling.
    ask = -(-close * (unit + spread_bps_e8) // (unit * tick)) * tick
    if ask == bid:
        ask += tick
    if bid <= 0:
        raise BadInput(f"a price of {format_e8(close)} leaves no bid at a tick of {format_e8(tick)}")
    return bid, ask
