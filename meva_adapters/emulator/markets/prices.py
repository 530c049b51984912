"""Prices that nobody recorded: a seeded path that can be asked for any minute, in any order.

The path is value noise: random knots at several spacings, joined by straight lines and added up. A knot is a
hash of seed, pair, spacing and position, so the candles of last year and the price of this second are one
path, and need no state.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np

from meva_adapters.emulator.markets.bars import Bars

_MILLION: Final = 10**6
_OCTAVES: Final = (
    # Spacing of the knots in seconds, largest deviation in parts per million of the price.
    (30 * 86400, 120_000),
    (7 * 86400, 50_000),
    (86400, 25_000),
    (4 * 3600, 9_000),
    (3600, 4_000),
    (600, 1_500),
    (60, 500),
)
_SAMPLES: Final = 4
_AHEAD: Final = 256
"""Seconds that are computed at once: one costs as much as hundreds."""


class PricePath:
    """The prices of one pair around `start`, an e8 price, on the grid of `step`."""

    def __init__(self, seed: int, pair: str, start: int, step: int) -> None:
        digest = hashlib.blake2b(f"{seed}:{pair}".encode(), digest_size=8).digest()
        self._key = np.uint64(int.from_bytes(digest, "big"))
        self._start = start
        self._step = step
        self._ahead: dict[int, int] = {}

    def price(self, second: int) -> int:
        """Return the price at a time in seconds."""
        if second not in self._ahead:
            seconds = np.arange(second, second + _AHEAD, dtype=np.int64)
            self._ahead = dict(zip(seconds.tolist(), self.prices(seconds).tolist(), strict=True))
        return self._ahead[second]

    def prices(self, seconds: Any) -> Any:
        """Return the prices at times, both int64 [n]."""
        parts = np.zeros(len(seconds), dtype=np.int64)
        for octave, (spacing, size) in enumerate(_OCTAVES):
            knot, rest = seconds // spacing, seconds % spacing
            low, high = self._noise(octave, knot, size), self._noise(octave, knot + 1, size)
            parts += low + (high - low) * rest // spacing
        # Whole steps first: a price times a million would not fit.
        steps = max(1, self._start // self._step)
        moved = steps // _MILLION * parts + steps % _MILLION * parts // _MILLION
        return np.maximum(1, steps + moved) * self._step

    def minutes(self, first: int, last: int, typical: int) -> Bars:
        """Return the minute bars that open from second `first` to `last`, whole minutes, both included.

        `typical` is the e8 volume of an average minute.
        """
        opens = np.arange(first, last + 1, 60, dtype=np.int64)
        offsets = np.arange(_SAMPLES + 1, dtype=np.int64) * (60 // _SAMPLES)
        grid = self.prices((opens[:, None] + offsets[None, :]).ravel()).reshape(len(opens), _SAMPLES + 1)
        share = self._noise(63, opens, 900_000) + _MILLION
        volume = typical // _MILLION * share + typical % _MILLION * share // _MILLION
        return Bars(opens, grid[:, 0], grid.max(axis=1), grid.min(axis=1), grid[:, -1], volume)

    def _noise(self, octave: int, knot: Any, size: int) -> Any:
        """Return a number from -size to size for each knot."""
        with np.errstate(over="ignore"):
            x = knot.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + self._key
            x += np.uint64(octave + 1) * np.uint64(0xD1B54A32D192ED03)
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x ^= x >> np.uint64(31)
        return (x % np.uint64(2 * size + 1)).astype(np.int64) - size
