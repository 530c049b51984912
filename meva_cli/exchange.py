"""The composition root of what talks to the exchange."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from meva_adapters.system.clock import SystemClock, Timepiece
from meva_adapters.system.events import SETTING_WARNED
from meva_cli.notes import say
from meva_core.errors import MevaError
from meva_core.ports import MarketData, Permit
from meva_core.settings import Settings
from meva_core.venue import Book

if TYPE_CHECKING:
    from meva_adapters.btcturk import Btcturk, Manners, Observer, SharedCalls
    from meva_adapters.measuring import StreamedBooks
    from meva_adapters.replay.recording.recording import Source

_LOOK: Final = 0.05
"""Seconds between looks whether the stream has told a book."""


@contextmanager
def exchange(
    settings: Settings,
    *,
    with_account: bool = False,
    manners: Manners | None = None,
    make_file: bool = True,
    clock: Timepiece | None = None,
    observer: Observer | None = None,
    permit: Permit | None = None,
) -> Iterator[Btcturk]:
    """Open the exchange of the settings; for reading alone, unless there is a `permit`, which is asked before
    each write. No key is read without `with_account`, and where it goes to a host that is not the exchange's
    own, that is said in red. `make_file` as `shared_calls` has it.
    `clock` is what is gone by, this machine's by default, and waited by unless `manners` say otherwise;
    `observer` hears of each call.
    """
    # Imported here: it costs a command that asks nothing more than all its own work.
    from meva_adapters.btcturk import Manners, connect
    from meva_core.stages.plan import fallback_of

    ours = clock or SystemClock()
    opened = connect(
        settings.exchange,
        fallback_of(settings),
        ours,
        with_account=with_account,
        manners=manners or Manners(monotonic=ours.monotonic, sleep=ours.sleep),
        calls=shared_calls(settings, make=make_file, clock=ours),
        observer=observer,
        permit=permit,
    )
    try:
        if with_account:
            warn_of_foreign_host(settings)
        yield opened
    finally:
        opened.close()


def shared_calls(
    settings: Settings, *, make: bool = True, clock: Timepiece | None = None
) -> SharedCalls | None:
    """Return where the calls of all processes of this host to the exchange are counted, None without a place
    for it; `make` says whether a file that is not there is made.

    Those who go by another `clock` than this machine's have a file of their own for each address: times of
    several clocks cannot be held against each other.
    """
    from meva_adapters.btcturk import SharedCalls
    from meva_adapters.system.compiled import shelf

    folder, address, ours = shelf(), settings.exchange.base_url, clock or SystemClock()
    if folder is None:
        return None
    own = "" if isinstance(ours, SystemClock) else f"-by-{re.sub('[^0-9A-Za-z]+', '-', address)}"
    return SharedCalls(folder / f"calls{own}.json", address, make=make, monotonic=ours.monotonic)


def warn_of_foreign_host(settings: Settings) -> None:
    """Say where the key goes, if that is neither the exchange nor this machine."""
    from meva_adapters.btcturk.hosts import foreign_host

    if (host := foreign_host(settings.exchange)) is not None:
        warning = f"the key and its signatures go to {host}, since BTCTURK_ALLOW_HOSTS names it"
        say(SETTING_WARNED, warning, before="warning: ", colour="red")


@contextmanager
def streamed(opened: Btcturk, settings: Settings, symbols: Sequence[str]) -> Iterator[MarketData]:
    """Take these symbols' books from the stream, where it has them; without symbols there is no stream."""
    if not symbols:
        yield opened.market
        return
    from meva_adapters.btcturk import Channel, StreamedMarket, stream_of

    joins = [(Channel.BOOK, symbol) for symbol in symbols]
    stream = stream_of(opened, settings.exchange, joins, opened.market.now)
    stream.start()
    try:
        yield StreamedMarket(opened.market, stream)
    finally:
        stream.close()


def book_of_stream(opened: Btcturk, settings: Settings, symbol: str, within: float) -> Book:
    """Return a book as the stream tells it, joined for that alone.

    Raises MevaError where none comes within so many seconds, BadInput where the library is not installed.
    """
    with streamed(opened, settings, [symbol]) as market:
        stream = getattr(market, "stream", None)
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            if stream is not None and (book := stream.book(symbol)):
                found: Book = book
                return found
            time.sleep(_LOOK)
    raise MevaError(f"no book came within {within:.0f} s", action="check BTCTURK_WS_URL")


@contextmanager
def streamed_books(opened: Btcturk, settings: Settings) -> Iterator[StreamedBooks]:
    """Keep a stream while the block runs, for books that a measure then follows."""
    from meva_adapters.btcturk import stream_of
    from meva_adapters.measuring import StreamedBooks, arrivals

    stream = stream_of(opened, settings.exchange, (), arrivals(opened))
    stream.start()
    try:
        yield StreamedBooks(stream)
    finally:
        stream.close()


def source_of(settings: Settings) -> Source:
    """Return what a manifest says of where its data come from."""
    from meva_adapters.btcturk.connect import API_VERSION
    from meva_adapters.replay.recording.recording import Source

    return Source(f"btcturk {settings.exchange.base_url}", API_VERSION)


def now_seconds() -> int:
    """Return this machine's time in whole seconds."""
    return int(time.time())
