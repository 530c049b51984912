"""Which end of a candle its stamp is, told by the order books: a close fits the book of its own time.

A dataset says so in its manifest, and without one a stamp is the close. Where that is wrong, every cycle sees
one bar into the future. The mid between the two rows of the book around a time is held against the closes: of
candles stamped at their close it fits at the stamp, of those stamped at their opening one step later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np

from meva_adapters.replay.checking.reading import BLOCK, FileFacts, checked_blocks
from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.stamps import MICROS
from meva_core.errors import BadInput

_CANDLES: Final = 20_000
"""So many candles at most are looked at."""
_BLOCKS: Final = 64
"""So many blocks of a file at most are read for them."""
_LEAST: Final = 20
"""Fewer closes that fit better on one side say nothing."""
_SIGMAS: Final = 4
_APART: Final = 2
"""Rows of the book further apart than so many steps say nothing of the time between them."""


class Votes(NamedTuple):
    """How many closes fit the book better at their stamp, and how many one step later."""

    at_stamp: int
    one_later: int

    @property
    def say_opening(self) -> bool:
        """Whether stamps are opening times beyond doubt: three of five, and no play of chance."""
        total = self.at_stamp + self.one_later
        lead = self.one_later - self.at_stamp
        return total >= _LEAST and 5 * self.one_later >= 3 * total and lead**2 >= _SIGMAS**2 * total


def count_votes(candles: Rows, books: Rows, step_seconds: int) -> Votes:
    """Hold closes against mids. Both are rows in order; closes whose price stood still have no vote."""
    step = step_seconds * MICROS
    good = (books.values["best_bid"] > 0) & (books.values["best_ask"] >= books.values["best_bid"])
    at = books.ts[good]
    if step <= 0 or len(at) < 2:
        return Votes(0, 0)
    # Only a comparison: no price comes of it.
    mids = (books.values["best_bid"][good] + books.values["best_ask"][good]).astype(np.float64) / 2
    closes = candles.values["close"].astype(np.float64)
    near, far = _between(at, mids, candles.ts, step), _between(at, mids, candles.ts + step, step)
    misfit = np.abs(near - closes) - np.abs(far - closes)  # NaN where a time has no book
    return Votes(int((misfit < 0).sum()), int((misfit > 0).sum()))


def _between(at: Any, mids: Any, times: Any, step: int) -> Any:
    """Return the mid at each time, on the line between the rows around it; NaN where they lie far apart."""
    after = np.searchsorted(at, times, side="left")
    known = (after < len(at)) & ((after > 0) | (at[np.minimum(after, len(at) - 1)] == times))
    after = np.where(known, after, 0)
    before = np.where(at[after] == times, after, after - 1)
    known &= at[after] - at[before] <= _APART * step
    found = np.interp(times, at, mids)
    return np.where(known, found, np.nan)


def look(candles: FileFacts, books: FileFacts) -> Votes:
    """Count the votes of one symbol, of the first candles that its order book reaches."""
    none = Votes(0, 0)
    try:
        closes = _sample(checked_blocks(candles, ("ts", "close"), BLOCK), books.first_ts, _CANDLES)
        if closes is None:
            return none
        until = int(closes.ts[-1]) + _APART * candles.step_seconds * MICROS
        wanted = ("ts", "best_bid", "best_ask")
        mids = _span(checked_blocks(books, wanted, BLOCK), int(closes.ts[0]), until)
    except BadInput:
        return none  # it changed since it was checked: whoever reads it next says so
    return none if mids is None else count_votes(closes, mids, candles.step_seconds)


def _sample(blocks: Iterable[Rows], first: int, most: int) -> Rows | None:
    """Return up to `most` rows from the first that is not before `first` on."""
    for rows in islice(blocks, _BLOCKS):
        place = int(np.searchsorted(rows.ts, first))
        if place < len(rows.ts):
            return _part(rows, place, place + most)
    return None


def _span(blocks: Iterable[Rows], first: int, last: int) -> Rows | None:
    """Return the rows of (first, last], with one before."""
    found = list(_reaching(islice(blocks, _BLOCKS), first, last))
    if not found:
        return None
    values = {name: np.concatenate([rows.values[name] for rows in found]) for name in found[0].values}
    return Rows(found[0].line, np.concatenate([rows.ts for rows in found]), values)


def _reaching(blocks: Iterable[Rows], first: int, last: int) -> Iterator[Rows]:
    before: Rows | None = None
    for rows in blocks:
        if rows.ts[-1] >= first:
            if before is not None:
                yield _part(before, len(before.ts) - 1, len(before.ts))
            yield rows
            before = None
        else:
            before = rows
        if rows.ts[-1] > last:
            return


def _part(rows: Rows, start: int, end: int) -> Rows:
    values = {name: column[start:end] for name, column in rows.values.items()}
    return Rows(rows.line, rows.ts[start:end], values)


def report_opening(faults: FaultList, votes: dict[str, Votes], step_seconds: int, *, stated: bool) -> None:
    """Warn of symbols whose candles are stamped at their opening while they are read as stamped at the
    close."""
    early = sorted(symbol for symbol, counted in votes.items() if counted.say_opening)
    if not early:
        return
    fit = sum(votes[symbol].one_later for symbol in early)
    total = fit + sum(votes[symbol].at_stamp for symbol in early)
    assumed = "the manifest says that stamps are closes" if stated else "stamps are taken for closes"
    faults.warning(
        "opening_stamps",
        f"{assumed}, but {fit} of {total} closes fit the order book {step_seconds} s later: "
        f"candles stamped at their opening, which a run would see {step_seconds} s too early",
        column="stamp",
        value=", ".join(early),
        action=f'if so, write "stamp": "open", "interval": {step_seconds} into manifest.json',
    )
