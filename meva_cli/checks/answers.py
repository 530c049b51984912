"""What the exchange says to the few questions that the checks ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from attrs import define, field

from meva_cli.exchange import exchange, shared_calls
from meva_core.errors import MevaError
from meva_core.settings import Settings
from meva_core.stages.plan import Pairs, choose_pairs
from meva_core.venue import Book, Metadata, Ticker

T = TypeVar("T")
_MINUTE: Final = 60


@define
class Answered:
    """The answers, None where there was none; `errors` by question say why. `skew_micros` is how far the
    exchange's clock is ahead of ours, `milliseconds` how long its time took to come. `others` counts by
    quota what processes of this host asked in the minute before, `blocked` are quotas that the exchange has
    no calls left for."""

    skew_micros: int | None = None
    milliseconds: int = 0
    metadata: Metadata | None = None
    pairs: Pairs | None = None
    tickers: Mapping[str, Ticker] | None = None
    book: Book | None = None
    others: Mapping[str, int] = field(factory=dict)
    blocked: tuple[str, ...] = ()
    errors: dict[str, MevaError] = field(factory=dict)


def ask(settings: Settings) -> Answered:
    """Ask for time, metadata, all tickers and one book, within the budgets and about ten seconds."""
    from meva_adapters.btcturk import Manners

    found = Answered()
    _look_at_others(found, settings)
    brisk = Manners(attempts=1, patience=5.0, connect=3.0, total=5.0)
    with exchange(settings, manners=brisk, make_file=False) as opened:
        clock = opened.client.clock
        began = time.monotonic()
        _asked(found, "time", clock.sync)
        found.milliseconds = int((time.monotonic() - began) * 1000)
        if "time" in found.errors:
            return found  # all else would fail for the same reason, slowly
        found.skew_micros = clock.skew_micros
        found.metadata = _asked(found, "metadata", opened.rules.metadata)
        if (metadata := found.metadata) is not None:
            found.pairs = _asked(found, "metadata", lambda: _chosen(metadata, settings))
        found.tickers = _asked(found, "tickers", opened.market.tickers)
        if (symbol := _first(found, settings)) is not None:
            found.book = _asked(found, "book", lambda: opened.market.book(symbol))
    return found


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
