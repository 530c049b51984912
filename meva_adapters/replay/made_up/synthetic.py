"""Made-up markets: correlated random walks with calm and nervous times, spreads that widen, volume and gaps.

Everything is computed in integers from SHA-256 and a counter, so one seed gives the same bytes on every
machine and with every version of the libraries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import isqrt
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from meva_adapters.replay.format.layout import CANDLES, EXCHANGEINFO, KINDS, ORDERBOOK, TICKER
from meva_adapters.replay.format.rendering import Column, csv_blocks
from meva_adapters.replay.format.wide import quote_volume, range_extremes
from meva_adapters.replay.made_up.profiles import Profile, exchangeinfo, profile_of
from meva_adapters.replay.recording.writer import write_json, write_manifest
from meva_adapters.system.files import make_folder, replacing
from meva_core.errors import BadInput

PPB: Final = 10**9
_FINE: Final = 10**6
_SPREAD: Final = 37837
"""Standard deviation of `_bells`."""
_DAY: Final = 86400
_MAX_ROWS: Final = 20_000_000
_LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999, the last that ISO 8601 writes in four digits."""
_MOST_LOTS: Final = 2**42
_MEAN_SKEW: Final = 10_240


def write_synthetic(
    path: str | PathLike[str],
    *,
    symbols: Sequence[str],
    minutes: int,
    seed: int,
    start: int,
    step_seconds: int = 60,
    ticker: bool = True,
    sizes: bool = True,
    gaps: bool = True,
) -> None:
    """Write made-up markets with metadata and manifest into `path`, an empty folder or a new one.

    `start` is the first stamp in seconds since 1970; rows follow every `step_seconds` for `minutes`. `sizes`
    records quantities in the book, `gaps` leaves rows out as outages do. Raises BadInput for symbols outside
    the grammar, a span of fewer than two rows, and a folder that holds something.
    """
    root, names = Path(path), tuple(sorted(set(symbols)))
    rows = _rows(names, minutes, start, step_seconds)
    profiles = {name: profile_of(name) for name in names}
    claim_folder(root)
    for kind in KINDS:
        if ticker or kind != TICKER:
            (root / kind).mkdir(mode=0o700)
    tide = _bells(seed, "tide", rows)
    for name, profile in profiles.items():
        walk = _walk(profile, tide, _bells(seed, name, rows), step_seconds)
        market = _SymbolWriter(root, name, profile, seed, walk, start, step_seconds, gaps)
        market.candles()
        market.orderbook(sizes=sizes)
        if ticker:
            market.ticker()
    write_json(root / EXCHANGEINFO, exchangeinfo(names, start))
    write_manifest(root, source=f"synthetic, seed {seed}", api_version="", interval_seconds=step_seconds)


def _rows(names: tuple[str, ...], minutes: int, start: int, step_seconds: int) -> int:
    """Return how many rows a symbol gets. Raises BadInput for a span that cannot be written."""
    rows = minutes * 60 // step_seconds if step_seconds > 0 else 0
    last = start + rows * step_seconds
    if not names or not 2 <= rows <= _MAX_ROWS or not 0 <= start <= last <= _LAST_SECOND:
        raise BadInput(
            f"{len(names)} symbols, {minutes} minutes in steps of {step_seconds} s from {start}: "
            f"expected at least one symbol, 2 to {_MAX_ROWS} rows, and the years 1970 to 9999"
        )
    return rows


def claim_folder(root: Path) -> None:
    """Create `root` or take it as it is, empty. Raises BadInput if it holds something or is no folder."""
    try:
        make_folder(root)
        taken = next(root.iterdir(), None)
    except OSError as e:
        raise BadInput(
            f"{root}: cannot be used as a folder: {e.strerror}", action="name another folder"
        ) from e
    if taken is not None:
        raise BadInput(
            f"{root}: the folder is not empty, it holds {taken.name}", action="name a new or an empty folder"
        )


# -- Draws --------------------------------------------------------------------------------------------


def _draws(seed: int, stream: str, count: int) -> Any:
    """Return `count` uniform uint64: a counter from a hashed start, mixed as splitmix64 does."""
    origin = np.frombuffer(hashlib.sha256(f"{seed}/{stream}".encode()).digest()[:8], dtype="<u8")
    x = origin + np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _lanes(draws: Any) -> tuple[Any, Any, Any, Any]:
    """Split each draw into four uniform numbers below 2^16."""
    a, b, c, d = (
        ((draws >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64) for shift in (0, 16, 32, 48)
    )
    return a, b, c, d


def _bells(seed: int, stream: str, count: int) -> Any:
    """Return bell-shaped integers around 0: sums of four uniform ones."""
    a, b, c, d = _lanes(_draws(seed, f"bell/{stream}", count))
    return a + b + c + d - 131070


# -- Prices -------------------------------------------------------------------------------------------


class _Walk(NamedTuple):
    """Closing prices in ticks and the volatility of each step in 10^-9, arrays [rows]; and what is usual."""

    close: Any
    volatility: Any
    usual: int


def _walk(profile: Profile, tide: Any, own: Any, step_seconds: int) -> _Walk:
    """Walk with a common tide and an own part; large moves raise the volatility of those that follow."""
    usual = profile.volatility_ppb * isqrt(step_seconds * 10**6 // 60) // 1000
    shocks = ((tide * 10 + own * 12) // 16).tolist()
    base = price = profile.price * _FINE
    volatility, lowest = usual, 2 * _FINE
    closes, volatilities = [], []
    for shock in shocks:
        # A weak pull towards the base keeps a year within the magnitude of its pair.
        move = shock * volatility // _SPREAD - (price - base) * 5000 // base
        price = max(lowest, price + price * move // PPB)
        volatility = (88 * volatility + 12 * abs(move) + 2 * usual) // 100
        closes.append(price // _FINE)
        volatilities.append(volatility)
    return _Walk(np.array(closes, dtype=np.int64), np.array(volatilities, dtype=np.int64), usual)


class _SymbolWriter:
    """The files of one symbol."""

    def __init__(
        self,
        root: Path,
        symbol: str,
        profile: Profile,
        seed: int,
        walk: _Walk,
        start: int,
        step_seconds: int,
        gaps: bool,
    ) -> None:
        self._root = root
        self._symbol = symbol
        self._profile = profile
        self._seed = seed
        self._walk = walk
        self._rows = len(walk.close)
        self._stamps = start + np.arange(self._rows, dtype=np.int64) * step_seconds
        self._step = step_seconds
        self._gaps = gaps
        self._high, self._low = self._range()
        self._volume = self._lots()

    def candles(self) -> None:
        """Write the candles: each opens at the close before it."""
        close = self._walk.close
        opens = np.concatenate((close[:1], close[:-1]))
        self._write(
            CANDLES, [*map(self._price, (opens, self._high, self._low, close)), self._qty(self._volume)]
        )

    def orderbook(self, *, sizes: bool) -> None:
        """Write best bid and ask around the close; the spread follows the volatility, and at times jumps."""
        close = self._walk.close
        below, above, rare, bids = _lanes(_draws(self._seed, f"book/{self._symbol}", self._rows))
        half = close * (self._profile.spread_ppb // 2) // PPB * self._walk.volatility // self._walk.usual
        half *= np.where(_stretches(rare < 24, 6), 12, 1)
        bid = np.maximum(1, close - half * (below + 2**15) // 2**16)
        ask = np.maximum(bid + 1, close + half * (above + 2**15) // 2**16)
        columns = [self._price(bid), self._price(ask)]
        if sizes:
            asks, *_ = _lanes(_draws(self._seed, f"sizes/{self._symbol}", self._rows))
            usual_size = max(8, int(np.median(self._volume)) * 60 // (8 * self._step))
            columns += [self._qty(1 + usual_size * (size + 2**12) // 2**15) for size in (bids, asks)]
        self._write(ORDERBOOK, columns, optional=sizes)

    def ticker(self) -> None:
        """Write the figures of the last 24 hours, outages included: the exchange knew them."""
        end = np.arange(1, self._rows + 1, dtype=np.int64)
        start = np.maximum(0, end - max(1, _DAY // self._step))
        high, low = range_extremes(self._high, self._low, start, end)
        volume = _rolling(self._volume, start, end)
        turnover = Column(_rolling(self._cents(), start, end), 2)
        self._write(
            TICKER,
            [*map(self._price, (self._walk.close, high, low)), self._qty(volume), turnover],
            optional=True,
        )

    def _range(self) -> tuple[Any, Any]:
        close = self._walk.close
        opens = np.concatenate((close[:1], close[:-1]))
        up, down, *_ = _lanes(_draws(self._seed, f"wick/{self._symbol}", self._rows))
        reach = close * self._walk.volatility // PPB
        high = np.maximum(opens, close) + reach * up // 2**16
        low = np.maximum(1, np.minimum(opens, close) - reach * down // 2**16)
        return high, low

    def _lots(self) -> Any:
        """Traded quantity: skewed, and larger in nervous times."""
        profile = self._profile
        lots = 10 ** (profile.price_places + profile.qty_places)
        per_step = profile.turnover * self._step * lots // (_DAY * profile.price * profile.tick)
        first, second, third, _ = _lanes(_draws(self._seed, f"volume/{self._symbol}", self._rows))
        skew = (first * second >> 16) * (third + 2**13) >> 16
        nervous = np.minimum(2**10 * self._walk.volatility // self._walk.usual, 2**14)
        return 1 + min(max(per_step, 64), _MOST_LOTS) * (nervous * skew >> 10) // _MEAN_SKEW

    def _cents(self) -> Any:
        """Traded amount of each row in 0.01 of the quote currency."""
        profile = self._profile
        whole = self._volume // 10**profile.qty_places
        rest = (self._volume - whole * 10**profile.qty_places) * 10 ** (8 - profile.qty_places)
        price = self._walk.close * (profile.tick * 10 ** (8 - profile.price_places))
        amount, _ = quote_volume(whole, rest, price)
        return amount // 10**6

    def _price(self, ticks: Any) -> Column:
        return Column(ticks * self._profile.tick, self._profile.price_places)

    def _qty(self, lots: Any) -> Column:
        return Column(lots, self._profile.qty_places)

    def _write(self, kind: str, columns: list[Column], *, optional: bool = False) -> None:
        kept = self._kept(kind)
        layout = KINDS[kind]
        header = ",".join(layout.columns + (layout.optional if optional else ()))
        with replacing(self._root / kind / f"{self._symbol}.csv") as file:
            file.write(header.encode() + b"\n")
            for block in csv_blocks(self._stamps[kept], [Column(c.values[kept], c.places) for c in columns]):
                file.write(block)

    def _kept(self, kind: str) -> Any:
        """Which rows are kept: outages hit the whole market or one pair, a single row is lost in one file."""
        kept = np.ones(self._rows, dtype=bool)
        if self._gaps:
            market, *_ = _lanes(_draws(self._seed, "outage", self._rows))
            pair, *_ = _lanes(_draws(self._seed, f"outage/{self._symbol}", self._rows))
            row, *_ = _lanes(_draws(self._seed, f"outage/{self._symbol}/{kind}", self._rows))
            kept &= ~(_stretches(market < 4, 25) | _stretches(pair < 16, 4) | (row < 64))
            kept[[0, -1]] = True
        return kept


def _stretches(starts: Any, length: int) -> Any:
    """Which rows lie less than `length` rows behind a start."""
    count = np.cumsum(starts)
    before = np.concatenate((np.zeros(length, dtype=count.dtype), count))[: len(count)]
    return count > before


def _rolling(values: Any, start: Any, end: Any) -> Any:
    sums = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(values)))
    return sums[end] - sums[start]
