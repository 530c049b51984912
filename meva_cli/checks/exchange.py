"""The exchange: that it answers, how its clock stands to ours, and what its budgets let a loop ask for."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from meva_adapters.texts.words import counted
from meva_cli.checks.answers import RIGHTS, STREAM, Answered
from meva_cli.checks.check import STAGE7, Check, Look, World
from meva_core.errors import BadInput

LOOK: Final = Look("exchange")
SKEW_MICROS: Final = 2_000_000
"""Clocks that are so far apart are worth a look..."""
LARGEST_SKEW_MICROS: Final = 30_000_000
"""...and nobody trades with money by such ones."""
SLOW_MILLISECONDS: Final = 2_000
CERTIFICATE_DAYS: Final = 14
USUAL_PAIRS: Final = 200
_OLD_BOOK: Final = 60
"""Seconds; of one older than that nobody knows much."""


def exchange_checks(world: World) -> Iterator[Check]:
    """Ask the exchange what anyone may ask, four questions at most, and reckon what a loop asks for."""
    if not world.is_live:
        return
    settings = world.settings
    if world.offline:
        yield LOOK.passed("answers", "not asked")
        if world.purpose == STAGE7:
            yield from _streaming(world)
            yield from _reckoned_offline(world)
        return
    found = world.answers
    yield from _others(found)
    if "time" in found.errors:
        yield from LOOK.refused("answers", found.errors["time"])
        return
    yield from _clock(found, is_fatal=world.has_account)
    yield from _answers(found)
    yield from certificate(settings.exchange.base_url)
    if found.pairs is not None and world.purpose == STAGE7:
        count = sum(rule.symbol in found.pairs.candidates and rule.tradable for rule in found.pairs.rules)
        yield from _streaming(world)
        yield from reckoned(count, world, "candidates by the exchange's metadata")
        if settings.stage7.universe_size > count:
            size = f"STAGE7_UNIVERSE_SIZE={settings.stage7.universe_size}"
            action = f"set it to {count} or less"
            yield LOOK.warned("universe", f"{size} is above the {count} candidates: all are selected", action)


def _others(found: Answered) -> Iterator[Check]:
    """Yield what processes of this host asked the exchange before: all share one budget."""
    from meva_adapters.btcturk import endpoints

    if found.blocked:
        quotas = ", ".join(found.blocked)
        action = "wait; end a loop, or something else behind this address"
        yield LOOK.warned("others", f"the exchange takes no more calls for now: {quotas}", action)
    total = sum(found.others.values())
    books, bars = (found.others.get(one.quota, 0) for one in (endpoints.BOOK, endpoints.KLINES))
    if total:
        seen = (
            f"processes of this host asked it {counted(total, 'time')} in the last minute, "
            f"{counted(books, 'book')} and {counted(bars, 'bar')}"
        )
        yield LOOK.passed("others", f"{seen}: all share one budget")
    elif not found.blocked:
        yield LOOK.passed("others", "no other process of this host asked it in the last minute")


def _clock(found: Answered, *, is_fatal: bool) -> Iterator[Check]:
    took = f"its time took {found.milliseconds} ms"
    if found.milliseconds > SLOW_MILLISECONDS:
        yield LOOK.warned("latency", f"{took} to come: few books can be asked for in a cycle", "see the line")
    else:
        yield LOOK.passed("latency", took)
    skew = (found.skew_micros or 0) // 1000
    seen = f"this machine's clock is {abs(skew)} ms {'behind' if skew >= 0 else 'ahead of'} the exchange's"
    if is_fatal and abs(found.skew_micros or 0) >= LARGEST_SKEW_MICROS:
        action = "set this machine's clock, and let the network keep it (NTP)"
        yield LOOK.failed("clock", f"{seen}: Stages 3 and 4 do not begin with that", action)
    elif abs(found.skew_micros or 0) > SKEW_MICROS:
        yield LOOK.warned("clock", f"{seen}; cycles go by the exchange's", "set this machine's clock")
    else:
        yield LOOK.passed("clock", seen)


def _answers(found: Answered) -> Iterator[Check]:
    from meva_adapters.btcturk.connect import API_VERSION

    for name, error in found.errors.items():
        if name not in (*RIGHTS, STREAM):  # what the key may do, and the stream, are looked at by themselves
            yield from LOOK.refused(name, error)
    if found.metadata is not None and "metadata" not in found.errors:
        yield LOOK.passed("metadata", f"API {API_VERSION}, {counted(len(found.metadata.pairs), 'pair')}")
    if found.tickers is not None:
        yield LOOK.passed("tickers", f"{len(found.tickers)} tickers in one answer")
    if (book := found.book) is not None:
        if book.bids and book.asks:
            yield LOOK.passed("book", f"{len(book.bids)} bids and {len(book.asks)} asks")
        else:
            yield LOOK.warned("book", "a side of it is empty", "try again; it may be a thin market")


def _streaming(world: World) -> Iterator[Check]:
    """Look whether a loop could have the stream: without its library it does not begin, without an answer it
    asks for books as one without the stream does."""
    if not world.stream:
        return
    from meva_adapters.btcturk.stream import require_websockets

    try:
        require_websockets()
    except BadInput as error:
        yield from LOOK.refused(STREAM, error)
        return
    if world.offline:
        yield LOOK.passed(STREAM, "the library is there; the stream was not tried")
        return
    book, fault = world.answers.streamed, world.answers.errors.get(STREAM)
    if book is not None:
        yield LOOK.passed(STREAM, f"it told {book.symbol}: {len(book.bids)} bids and {len(book.asks)} asks")
    elif fault is not None:
        yield LOOK.warned(STREAM, f"{fault}: a loop asks for books then, as without --stream", fault.action)


def _reckoned_offline(world: World) -> Iterator[Check]:
    settings = world.settings
    named = {*settings.stage7.universe_whitelist} - {*settings.stage7.universe_blacklist}
    told = "candidates by the whitelist" if named else "candidates, a number that the exchange is near"
    yield from reckoned(len(named) or USUAL_PAIRS, world, told)


def reckoned(candidates: int, world: World, of: str) -> Iterator[Check]:
    """Yield what a loop with so many candidates asks for, and what the budgets do not let it."""
    from meva_adapters.measuring.reckoning import reckon

    settings, interval = world.settings, world.interval
    ahead = settings.stage7.universe_size + len(settings.exchange.symbols)
    found = reckon(candidates, interval, ahead=ahead, rules_ttl=settings.exchange.rules_cache_ttl_sec)
    seen = (
        f"{candidates} {of}, a cycle each {interval} s: {found.books_a_minute:.0f} books, "
        f"{found.bars_a_minute:.0f} bars, {found.requests_a_minute:.0f} requests a minute; "
        f"touches of all from the tickers of each cycle, the oldest book {found.oldest_book_seconds} s old"
    )
    if found.asks_all:
        yield LOOK.passed("budget", f"{seen}; every cycle asks for all books")
        return
    if world.stream:
        yield LOOK.passed("budget", f"{seen}; with the stream only books that it lacks are asked for")
        return
    shortest = found.shortest_interval
    seen += (
        f"; all books are asked for from an interval of {shortest} s on"
        if shortest is not None
        else "; at no interval does a cycle ask for all books"
    )
    if found.oldest_book_seconds <= _OLD_BOOK and shortest is None:
        yield LOOK.passed("budget", seen)
        return
    longer = f"--interval {shortest}, or " if shortest is not None else ""
    action = (
        f"{longer}fewer candidates (STAGE7_UNIVERSE_WHITELIST), or a loop with --stream; "
        "sizes limit fills only where a book is known"
    )
    yield LOOK.warned("budget", seen, action)


def certificate(address: str, trusted: str | None = None) -> Iterator[Check]:
    """Yield how long the certificate of an address is still good, where it has one that can be seen.

    `trusted` is a file of certificates that vouch for others, by default that by which requests are made.
    """
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    parts = urlsplit(address)
    if parts.scheme != "https" or parts.hostname is None:
        return
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), timeout=3) as line,
            ssl.create_default_context(cafile=trusted or DEFAULT_CA_BUNDLE_PATH).wrap_socket(
                line, server_hostname=parts.hostname
            ) as secure,
        ):
            shown = secure.getpeercert() or {}
    except (OSError, ValueError) as error:
        yield LOOK.warned(
            "certificate", f"it cannot be seen: {error}", "behind a proxy that is as it must be"
        )
        return
    ends = shown.get("notAfter")
    days = int((ssl.cert_time_to_seconds(str(ends)) - time.time()) // 86_400)
    seen = f"the exchange's certificate is good for {counted(days, 'day')}"
    if days < CERTIFICATE_DAYS:
        yield LOOK.warned("certificate", seen, "nothing; it is theirs to renew, and requests fail if not")
    else:
        yield LOOK.passed("certificate", seen)
