"""`meva health`: does the exchange answer?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict, frozen

from meva_cli.exchange import exchange, streamed
from meva_cli.load import settings_for
from meva_cli.options import json_option
from meva_cli.render import print_json, print_line, print_table
from meva_core.errors import MevaError

if TYPE_CHECKING:
    from meva_adapters.btcturk import Btcturk
    from meva_core.settings import Settings

TOLERATED_SKEW_MS = 5000
STREAM_SECONDS = 5.0


@frozen
class Check:
    """One thing asked: whether it was answered well, how long it took, and what was learnt or to be done."""

    name: str
    ok: bool
    milliseconds: int
    detail: str
    action: str = ""


@click.command()
@click.option("--account", is_flag=True, help="Ask for the balances as well, with the key of the settings.")
@click.option("--stream", is_flag=True, help="Try the stream as well.")
@json_option
@click.pass_context
def health(ctx: click.Context, account: bool, stream: bool, as_json: bool) -> None:
    """Ask the exchange for its time, its rules, a book, and candles, and say how each went.

    No key is read without --account. Exit code 1 if anything failed.
    """
    settings = settings_for("exchange", "stage7").settings
    with exchange(settings, with_account=account, manners=_brisk()) as opened:
        checks = list(_checks(opened, settings, with_stream=stream))
    ok = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": ok, "exchange": settings.exchange.base_url, "checks": [asdict(c) for c in checks]})
    else:
        rows = [(c.name, "pass" if c.ok else "fail", c.milliseconds, c.detail, c.action) for c in checks]
        print_table(["check", "status", "ms", "detail", "to do"], rows)
        print_line(f"{settings.exchange.base_url}: {'healthy' if ok else 'not healthy'}")
    ctx.exit(0 if ok else 1)


def _brisk() -> Any:
    """Return manners for somebody who waits for the answer."""
    from meva_adapters.btcturk import Manners

    return Manners(attempts=2, patience=5.0, connect=3.0, total=10.0)


def _checks(opened: Btcturk, settings: Settings, *, with_stream: bool) -> Iterator[Check]:
    symbols = settings.exchange.symbols
    first = symbols[0]
    time_check = _run("time", lambda: _skew(opened))
    yield time_check
    if not time_check.ok:
        return  # everything else would fail for the same reason, slowly
    yield _run("rules", lambda: _rules(opened, symbols))
    yield _run("order book", lambda: _book(opened, first))
    yield _run("candles", lambda: _candles(opened, first))
    if opened.account is not None:
        assets = opened.account.balances
        yield _run("account", lambda: f"{len(assets())} assets")
    if with_stream:
        yield _run("stream", lambda: _stream(opened, settings, first))


def _run(name: str, ask: Callable[[], str]) -> Check:
    began = time.monotonic()
    try:
        detail, ok, action = ask(), True, ""
    except MevaError as error:
        detail, ok, action = str(error), False, error.action
    return Check(name, ok, int((time.monotonic() - began) * 1000), detail, action)


def _skew(opened: Btcturk) -> str:
    clock = opened.client.clock
    clock.sync()
    skew = clock.skew_micros // 1000
    word = "" if abs(skew) <= TOLERATED_SKEW_MS else "; set this machine's clock"
    return f"this machine is {abs(skew)} ms {'behind' if skew >= 0 else 'ahead'}{word}"


def _rules(opened: Btcturk, symbols: tuple[str, ...]) -> str:
    rules = opened.rules.rules(symbols)
    bad = [f"{rule.symbol} {rule.status.name.lower()}: {rule.reason}" for rule in rules if not rule.usable]
    if bad:
        raise MevaError("; ".join(bad), action="leave these symbols out of SYMBOLS")
    return f"{len(rules)} of {len(symbols)} configured symbols usable"


def _book(opened: Btcturk, symbol: str) -> str:
    book = opened.market.book(symbol)
    if not book.bids or not book.asks:
        raise MevaError(f"{symbol}: a side of the order book is empty")
    return f"{symbol} {book.bids[0].price:f} / {book.asks[0].price:f}"


def _candles(opened: Btcturk, symbol: str) -> str:
    now = opened.market.now() // 1_000_000
    found = opened.market.candles(symbol, 60, now - 3600, now)
    return f"{symbol}: {len(found)} of the last hour's minutes"


def _stream(opened: Btcturk, settings: Settings, symbol: str) -> str:
    with streamed(opened, settings, [symbol]) as market:
        stream = getattr(market, "stream", None)
        ends = time.monotonic() + STREAM_SECONDS
        while time.monotonic() < ends:
            if stream is not None and (book := stream.book(symbol)):
                return f"{symbol} {len(book.bids)} bids, {len(book.asks)} asks"
            time.sleep(0.05)
    raise MevaError(f"no book came within {STREAM_SECONDS:.0f} s", action="check BTCTURK_WS_URL")
