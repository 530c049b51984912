"""Candles, and the same candles in the layouts that people have them in, by their public descriptions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

START = 1_704_067_200
"""2024-01-01T00:00:00Z"""
CENT = Decimal("0.01")


class Bar(NamedTuple):
    """One candle: its opening in seconds since 1970, and exact numbers."""

    ts: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @property
    def quote_volume(self) -> Decimal:
        """What was traded in the quote currency: the volume times the middle of the candle."""
        return self.volume * (self.high + self.low) / 2

    @property
    def prices(self) -> tuple[Decimal, ...]:
        """The four prices."""
        return self.open, self.high, self.low, self.close


def bars(
    count: int = 60, *, start: int = START, step: int = 60, seed: int = 7, price: str = "42000"
) -> list[Bar]:
    """Return candles that wander; each opens within a cent of where the one before it closed."""
    draw = random.Random(seed)
    last = Decimal(price)
    found = []
    for place in range(count):
        opening = last + draw.choice([0, 0, 0, 1, -1]) * CENT
        path = [opening]
        for _ in range(6):
            path.append(path[-1] + draw.randint(-2500, 2500) * CENT)
        last = path[-1]
        volume = Decimal(draw.randint(10_000, 9_999_999)).scaleb(-5)
        found.append(Bar(start + place * step, opening, max(path), min(path), last, volume))
    return found


def line(*cells: object, mark: str = ",") -> str:
    """Return one line of cells."""
    return mark.join(map(str, cells))


def text(lines: Iterable[str]) -> bytes:
    """Return lines as a file has them."""
    return "".join(one + "\n" for one in lines).encode()


def iso(seconds: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time as it is written."""
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


def binance(rows: Sequence[Bar], *, header: bool = False, unit: int = 1000, step: int = 60) -> bytes:
    """Return a file of Binance's archive: twelve columns, the end of a candle one unit before the next."""
    names = (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
        "taker_buy_volume,taker_buy_quote_volume,ignore"
    )
    lines = [names] if header else []
    for bar in rows:
        end = (bar.ts + step) * unit - 1
        half = bar.volume / 2
        lines.append(
            line(
                bar.ts * unit,
                *bar.prices,
                bar.volume,
                end,
                bar.quote_volume,
                7,
                half,
                bar.quote_volume / 2,
                0,
            )
        )
    return text(lines)


def cryptodatadownload(rows: Sequence[Bar], *, comment: bool = True, mixed: bool = False) -> bytes:
    """Return a file of CryptoDataDownload: a line of comment, the newest first; `mixed`: epochs in s, ms."""
    lines = ["https://www.CryptoDataDownload.com"] if comment else []
    lines.append("unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount")
    for place, bar in enumerate(reversed(rows)):
        unix = bar.ts * 1000 if mixed and place % 2 else bar.ts
        lines.append(line(unix, iso(bar.ts), "BTC/USDT", *bar.prices, bar.volume, bar.quote_volume, 12))
    return text(lines)


def plain(rows: Sequence[Bar], *, header: str = "timestamp,open,high,low,close,volume") -> bytes:
    """Return a plain file with epochs in seconds."""
    return text([header, *(line(bar.ts, *bar.prices, bar.volume) for bar in rows)])


def written(rows: Sequence[Bar], form: str, *, mark: str = ",") -> bytes:
    """Return a plain file with written times."""
    head = "date,open,high,low,close,volume".replace(",", mark)
    return text([head, *(line(iso(bar.ts, form), *bar.prices, bar.volume, mark=mark) for bar in rows)])
