"""A read of the balances, and the moment that it is of.

An exchange may show balances late: for minutes it shows those of a moment before the last fills. Such a read
is old news. It cannot contradict what came after its moment, and is compared with the book as that stood
then. It is late where all assets say so alike: each agrees with the book at that moment, but for what had
stood unexplained already. Where a person took out what had just been bought, TRY does not.

A person may have done something else right before, which no look knows yet. Then a read is late where, of all
that moved since a moment, nothing agrees with the book of now, something does with that of the moment, and
the rest lies nearer to it. Where one asset alone is what it was at an earlier moment, nobody knows: that
counts as less than ours, but is not booked before the moment is ten minutes old (`may_be_old`). Either only
as long as no read has shown what came after the moment.

What a read shows of an asset whose fills could not all be read says nothing: they may explain it. Then it
says nothing of TRY, which they were paid with, either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from attrs import frozen

from meva_core.amounts import E6
from meva_core.live_book.book import LiveBook
from meva_core.live_book.ledger import QUOTE, asset_of, symbol_of
from meva_core.live_book.moves import LATE_MICROS, since
from meva_core.live_book.opening import units_down
from meva_core.venue import Balance

_CENT: Final = E6
"""What an exchange may round a fill's TRY by, e8; coins it rounds by one unit."""


@frozen
class Reading:
    """Balances that were read, and the moment that they are of, in microseconds. `is_late` says that this is
    one before the last things that moved them."""

    balances: Mapping[str, Balance]
    moment: int
    is_late: bool = False

    def gap(self, book: LiveBook, asset: str) -> int:
        """Return U: what the exchange had of an asset, at the reading's moment, beyond the book and what is
        foreign, e8; below zero what lacked."""
        came, _ = since(book.moves, asset, self.moment)
        return gap(book, self.balances, asset) + came

    def unseen(self, book: LiveBook, asset: str) -> int:
        """Return how many moves of an asset an agreement with this reading says nothing of."""
        return since(book.moves, asset, self.moment)[1]


def reading_of(book: LiveBook, balances: Mapping[str, Balance], read_at: int) -> Reading:
    """Return balances, which were there by `read_at`, with the moment that they are of: the newest at which
    they agree with the book, or `read_at` where they do at none."""
    latest = Reading(balances, read_at)
    shown = {asset: latest.gap(book, asset) for asset in assets_of(book) if asset in balances}
    if not _news(book, shown):
        return latest
    found = [
        (len(_news(book, then)), ts)
        for ts, then in _before(book, shown, read_at)
        if not _news(book, then) or _is_of_before(book, shown, then, ts)
    ]
    # The least that is left unexplained says which moment it is; of those alike, the newest comes first.
    return Reading(balances, min(found, key=lambda one: one[0])[1] - 1, is_late=True) if found else latest


def may_be_old(book: LiveBook, reading: Reading, asset: str) -> bool:
    """Whether an asset's balance, which differs from the book, is the one of before some of the last things
    that moved it: what is shown late, or what a person took out right after it had come. One that has
    differed for longer than balances are shown late is none, whatever moves meanwhile."""
    look = book.look(asset)
    if look.reads and reading.moment - look.since >= 2 * LATE_MICROS:
        return False
    shown = {asset: reading.gap(book, asset)}
    before = _before(book, shown, reading.moment)
    earlier = [then[asset] for ts, then in before if ts > book.seen.get(asset, 0)]
    return not is_rounding(book, asset, shown[asset]) and any(
        is_rounding(book, asset, gap) for gap in earlier
    )


def without_unread(book: LiveBook, reading: Reading, symbols: Iterable[str]) -> Reading:
    """Return a reading without what fills of these symbols may explain, which are not all in the book yet.
    One that is late agreed as it is."""
    coins = {asset_of(symbol) for symbol in symbols} & reading.balances.keys()
    open_yet = {asset for asset in coins if not is_rounding(book, asset, reading.gap(book, asset))}
    if reading.is_late or not open_yet:
        return reading
    rest = {name: one for name, one in reading.balances.items() if name not in {*open_yet, QUOTE}}
    return reading_of(book, rest, reading.moment)


def assets_of(book: LiveBook) -> list[str]:
    """Return TRY and the assets that the book holds, has held, or knows as foreign."""
    held = {asset_of(symbol) for symbol in book.ledger.holdings}
    return [QUOTE, *sorted({*held, *book.ledger.foreign} - {QUOTE})]


def gap(book: LiveBook, balances: Mapping[str, Balance], asset: str) -> int:
    """Return what the exchange shows of an asset beyond the book as it stands and what is foreign, e8."""
    holding = book.ledger.holding(symbol_of(asset))
    there = book.ledger.cash if asset == QUOTE else holding.qty + book.ledger.foreign.get(asset, 0)
    return units_down(balances[asset]) - there


def is_rounding(book: LiveBook, asset: str, gap: int) -> bool:
    """Whether a gap may come of how the fills since the last agreement were rounded."""
    return abs(gap) <= spare(book, asset)


def spare(book: LiveBook, asset: str) -> int:
    """Return what roundings may come to since the last agreement."""
    return (_CENT if asset == QUOTE else 1) * (book.look(asset).fills + 1)


def _before(book: LiveBook, shown: Mapping[str, int], read_at: int) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield, newest first, the stamps of what moved the account in the last minutes, in microseconds, and
    what the gaps of assets would have been right before each."""
    then = dict(shown)
    moved = [one for one in book.moves if read_at - LATE_MICROS < one.ts <= read_at]
    for ts, moves in groupby(reversed(moved), key=lambda one: one.ts):
        for move in moves:
            then = {asset: gap + move.of(asset) for asset, gap in then.items()}
        yield ts, then


def _is_of_before(book: LiveBook, shown: Mapping[str, int], then: Mapping[str, int], ts: int) -> bool:
    """Whether what a read shows is of the moment before a stamp, though something has gone or come that
    nobody has looked at yet. `shown` are its gaps, `then` what they were at that moment, e8."""
    moved = {asset for asset, gap in then.items() if gap != shown[asset]}
    news = {asset: _new(book, asset, then[asset]) for asset in moved}
    is_nearer = all(gap < _new(book, asset, shown[asset]) for asset, gap in news.items())
    is_unseen = all(book.seen.get(asset, 0) < ts for asset in moved)
    return len(moved) > 1 and is_unseen and is_nearer and not all(news.values())


def _news(book: LiveBook, gaps: Mapping[str, int]) -> list[str]:
    """Return the assets whose gaps are neither none nor what the last look had left unexplained."""
    return [asset for asset, gap in gaps.items() if _new(book, asset, gap)]


def _new(book: LiveBook, asset: str, gap: int) -> int:
    """Return how far a gap is from none, or from what the last look had left unexplained, e8; 0 within
    roundings."""
    apart = min(abs(gap), abs(gap - book.look(asset).gap))
    return apart if apart > spare(book, asset) else 0
