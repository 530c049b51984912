"""`meva health`: does the exchange answer?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict, frozen

from meva_cli.database import DB
from meva_cli.exchange import book_of_stream, exchange
from meva_cli.load import settings_for
from meva_cli.options import json_option
from meva_cli.render import print_json, print_line, print_table
from meva_core.errors import MevaError

if TYPE_CHECKING:
    from meva_adapters.btcturk import Btcturk
    from meva_core.live_book.book import LiveBook
    from meva_core.ports import Account
    from meva_core.settings import Settings

TOLERATED_SKEW_MS = 5000
STREAM_SECONDS = 5.0


@frozen
class Answer:
    """What was learnt, and what is to be done where that is not quite as it should be."""

    detail: str
    action: str = ""


@frozen
class Check:
    """One thing asked: `status` is pass, warn (it answers, but look at this) or fail."""

    name: str
    status: str
    milliseconds: int
    detail: str
    action: str = ""


@click.command()
@click.option("--account", is_flag=True, help="Ask for the balances as well, with the key of the settings.")
@click.option("--stream", is_flag=True, help="Try the stream as well.")
@DB
@json_option
@click.pass_context
def health(ctx: click.Context, account: bool, stream: bool, db: str | None, as_json: bool) -> None:
    """Ask the exchange for its time, its rules, a book, and candles, and say how each went.

    No key is read without --account. With it the account is also held against the book `live` of the
    database, where there is one: whose it is, and whether its balances are those of the book. Exit code 1 if
    anything failed; a warning, such as a configured symbol that this exchange does not have, fails nothing.
    """
    settings = settings_for("exchange", "stage7").settings
    with exchange(settings, with_account=account, manners=_brisk()) as opened:
        checks = list(_checks(opened, settings, with_stream=stream))
        if account and opened.account is not None:
            checks += _held_against(opened.account, settings, db)
    ok = all(check.status != "fail" for check in checks)
    if as_json:
        print_json({"ok": ok, "exchange": settings.exchange.base_url, "checks": [asdict(c) for c in checks]})
    else:
        rows = [(c.name, c.status, c.milliseconds, c.detail, c.action) for c in checks]
        print_table(["check", "status", "ms", "detail", "to do"], rows)
        print_line(f"{settings.exchange.base_url}: {'healthy' if ok else 'not healthy'}")
    ctx.exit(0 if ok else 1)


def _brisk() -> Any:
    """Return manners for somebody who waits for the answer."""
    from meva_adapters.btcturk import Manners

    return Manners(attempts=2, patience=5.0, connect=3.0, total=10.0)


def _checks(opened: Btcturk, settings: Settings, *, with_stream: bool) -> Iterator[Check]:
    symbols = settings.exchange.symbols
    yield (reached := _run("time", lambda: _skew(opened)))
    if reached.status == "fail":
        return  # everything else would fail for the same reason, slowly
    yield (ruled := _run("rules", lambda: _rules(opened, symbols)))
    first = symbols[0] if ruled.status == "fail" else _usable(opened, symbols)[0]
    yield _run("order book", lambda: _book(opened, first))
    yield _run("candles", lambda: _candles(opened, first))
    if (account := opened.account) is not None:
        yield _run("account", lambda: _balances(account))
    if with_stream:
        yield _run("stream", lambda: _stream(opened, settings, first))


def _held_against(account: Account, settings: Settings, db: str | None) -> Iterator[Check]:
    """Hold the account against the live book of the database, if it has one."""
    from meva_cli.live_history.health import live_book_of

    book = live_book_of(db)
    if book is not None and settings.exchange.api_key is not None:
        key = settings.exchange.api_key.reveal()
        yield _run("book", lambda: _against(account, key, book))


def _against(account: Account, key: str, book: LiveBook) -> Answer:
    from meva_cli.live_history.health import against

    return Answer(*against(account.balances(), key, book))


def _run(name: str, ask: Callable[[], Answer]) -> Check:
    began = time.monotonic()
    try:
        answer = ask()
        status = "warn" if answer.action else "pass"
    except MevaError as error:
        answer, status = Answer(str(error), error.action), "fail"
    return Check(name, status, int((time.monotonic() - began) * 1000), answer.detail, answer.action)


def _skew(opened: Btcturk) -> Answer:
    clock = opened.client.clock
    clock.sync()
    skew = clock.skew_micros // 1000
    detail = f"this machine is {abs(skew)} ms {'behind' if skew >= 0 else 'ahead'}"
    return Answer(detail, "" if abs(skew) <= TOLERATED_SKEW_MS else "set this machine's clock")


def _rules(opened: Btcturk, symbols: tuple[str, ...]) -> Answer:
    rules = opened.rules.rules(symbols)
    bad = [f"{rule.symbol} {rule.status.text}: {rule.reason}" for rule in rules if not rule.usable]
    if len(bad) == len(rules):
        raise MevaError("; ".join(bad), action="set SYMBOLS to pairs that this exchange has")
    if bad:
        return Answer("; ".join(bad), "leave these symbols out of SYMBOLS")
    return Answer(f"{len(rules)} of {len(symbols)} configured symbols usable")


def _usable(opened: Btcturk, symbols: tuple[str, ...]) -> list[str]:
    return [rule.symbol for rule in opened.rules.rules(symbols) if rule.usable]


def _book(opened: Btcturk, symbol: str) -> Answer:
    book = opened.market.book(symbol)
    if not book.bids or not book.asks:
        raise MevaError(f"{symbol}: a side of the order book is empty")
    return Answer(f"{symbol} {book.bids[0].price:f} / {book.asks[0].price:f}")


def _candles(opened: Btcturk, symbol: str) -> Answer:
    now = opened.market.now() // 1_000_000
    found = opened.market.candles(symbol, 60, now - 3600, now)
    return Answer(f"{symbol}: {len(found)} of the last hour's minutes")


def _balances(account: Account) -> Answer:
    balances = account.balances()
    unsound = [f"{b.asset} {b.free:f} free, {b.locked:f} locked" for b in balances.values() if not b.is_sound]
    if unsound:
        detail = f"{len(balances)} assets; below zero: {'; '.join(unsound)}"
        return Answer(detail, "ask the exchange about them; they are not traded until then")
    return Answer(f"{len(balances)} assets")


def _stream(opened: Btcturk, settings: Settings, symbol: str) -> Answer:
    book = book_of_stream(opened, settings, symbol, STREAM_SECONDS)
    return Answer(f"{symbol} {len(book.bids)} bids, {len(book.asks)} asks")
