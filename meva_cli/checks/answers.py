"""What the exchange says to the few questions that the checks ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import define, field

from meva_cli.exchange import book_of_stream, exchange, shared_calls
from meva_core.errors import BadInput, MevaError
from meva_core.settings import Settings
from meva_core.stages.plan import Pairs, choose_pairs
from meva_core.venue import Book, Metadata, Ticker

if TYPE_CHECKING:
    from meva_adapters.btcturk import Btcturk
    from meva_core.ports import Account

T = TypeVar("T")
BALANCES: Final = "balances"
ORDERS: Final = "orders"
FILLS: Final = "fills"
STREAM: Final = "stream"
_STREAM_SECONDS: Final = 5.0
RIGHTS: Final = (BALANCES, ORDERS, FILLS)
"""What a key is for: one question tells of each."""
_MINUTE: Final = 60
_ANY_PAIR: Final = "BTCTRY"


@define
class Answered:
    """The answers, None where there was none; `errors` by question say why. `skew_micros` is how far the
    exchange's clock is ahead of ours, `milliseconds` how long its time took to come. `others` counts by
    quota what processes of this host asked in the minute before, `blocked` are quotas that the exchange has
    no calls left for. `rights` are those of RIGHTS that were asked with the key; `key_error` says why none
    could be."""

    skew_micros: int | None = None
    milliseconds: int = 0
    metadata: Metadata | None = None
    pairs: Pairs | None = None
    tickers: Mapping[str, Ticker] | None = None
    book: Book | None = None
    streamed: Book | None = None
    """What the stream told of the same pair, if it was tried."""
    others: Mapping[str, int] = field(factory=dict)
    blocked: tuple[str, ...] = ()
    errors: dict[str, MevaError] = field(factory=dict)
    rights: list[str] = field(factory=list)
    key_error: BadInput | None = None


def ask(settings: Settings, *, with_account: bool = False, with_stream: bool = False) -> Answered:
    """Ask for time, metadata, all tickers and one book, within the budgets and about ten seconds.

    With an account, ask for its balances, open orders and newest fills, too: what a key may not do, the
    exchange tells in no other way. With the stream, join that book there, too.
    """
    found = Answered()
    _look_at_others(found, settings)
    try:
        with _opened(found, settings, with_account=with_account) as opened:
            _ask_all(found, settings, opened)
            if with_stream and "time" not in found.errors:
                symbol = _first(found, settings) or _ANY_PAIR
                found.streamed = _asked(
                    found, STREAM, lambda: book_of_stream(opened, settings, symbol, _STREAM_SECONDS)
                )
    except BadInput as error:  # an address that is none
        found.errors["time"] = error
    return found


def _ask_all(found: Answered, settings: Settings, opened: Btcturk) -> None:
    clock = opened.client.clock
    began = time.monotonic()
    _asked(found, "time", clock.sync)
    found.milliseconds = int((time.monotonic() - began) * 1000)
    if "time" in found.errors:
        return  # all else would fail for the same reason, slowly
    found.skew_micros = clock.skew_micros
    found.metadata = _asked(found, "metadata", opened.rules.metadata)
    if (metadata := found.metadata) is not None:
        found.pairs = _asked(found, "metadata", lambda: _chosen(metadata, settings))
    found.tickers = _asked(found, "tickers", opened.market.tickers)
    if (symbol := _first(found, settings)) is not None:
        found.book = _asked(found, "book", lambda: opened.market.book(symbol))
    if opened.account is not None:
        _ask_account(found, opened, opened.account, symbol or _ANY_PAIR)


@contextmanager
def _opened(found: Answered, settings: Settings, *, with_account: bool) -> Iterator[Btcturk]:
    """Open the exchange; a key that cannot be used keeps nobody from asking what anyone may."""
    from meva_adapters.btcturk import Manners
    from meva_adapters.btcturk.connect import check_account

    brisk = Manners(attempts=1, patience=5.0, connect=3.0, total=5.0)
    if with_account:
        try:
            check_account(settings.exchange)
        except BadInput as error:
            found.key_error, with_account = error, False
    with exchange(settings, with_account=with_account, manners=brisk, make_file=False) as opened:
        yield opened


def _ask_account(found: Answered, opened: Btcturk, account: Account, symbol: str) -> None:
    now = opened.client.clock.micros()
    questions: Mapping[str, Callable[[], object]] = {
        BALANCES: account.balances,
        ORDERS: account.open_orders,
        FILLS: lambda: account.fills(symbol, now - _MINUTE * 10**6, now),
    }
    for right in RIGHTS:
        # A key that was refused has its clock learnt anew, which would be a fifth question.
        opened.client.clock.believe(found.skew_micros or 0)
        _asked(found, right, questions[right])
        found.rights.append(right)


def _look_at_others(found: Answered, settings: Settings) -> None:
    calls = shared_calls(settings, make=False)
    if calls is None:
        return
    now = time.monotonic()
    with calls.held() as times:
        counted = {quota: sum(at > now - _MINUTE for at in made) for quota, made in times.made.items()}
        found.blocked = tuple(sorted(quota for quota, until in times.blocked.items() if until > now))
    found.others = {quota: count for quota, count in counted.items() if count}


def _asked(found: Answered, name: str, question: Callable[[], T]) -> T | None:
    try:
        return question()
    except MevaError as error:
        found.errors[name] = error
        return None


def _chosen(metadata: Metadata, settings: Settings) -> Pairs:
    return choose_pairs([*metadata.pairs], metadata.pairs, settings, settings.exchange.symbols)


def _first(found: Answered, settings: Settings) -> str | None:
    """Return a pair whose book there should be: a configured one that may be traded, else any candidate."""
    if found.pairs is None:
        return None
    usable = [rule.symbol for rule in found.pairs.rules if rule.usable and rule.tradable]
    return next((name for name in (*settings.exchange.symbols, *usable) if name in usable), None)
