"""The private endpoints that show an account: balances and transactions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from meva_adapters.emulator.api.auth import Key
from meva_adapters.emulator.api.calls import Call, Reply, check_filters, enveloped, refused
from meva_adapters.emulator.api.public import required_pair
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.api.wire import Json, balance_row, fill_row, transfer_row
from meva_adapters.emulator.exchange.accounts import Balance
from meva_adapters.emulator.exchange.orders import Fill
from meva_adapters.emulator.exchange.rejections import Reason

_WHOLE: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_MONTH_MS: Final = 30 * 86_400_000
_ROWS: Final = 200
"""Fills of one reply. There are no pages."""
_NAMES: Final = {"TRY": "Türk Lirası"}


def balances(venue: Venue, call: Call, key: Key) -> Reply:
    """GET /api/v1/users/balances: every asset, zeros included."""
    now, delay = venue.clock(), venue.policy.balances_delay_ms
    held = key.account.as_of(now - delay) if delay else key.account.balances
    nothing = Balance()
    rows = [
        balance_row(
            asset,
            _NAMES.get(asset, asset),
            held.get(asset, nothing),
            2 if asset == "TRY" else 8,
            venue.server_time,
            venue.policy.comma_decimals,
        )
        for asset in dict.fromkeys([*venue.listing.assets, *held])
    ]
    return enveloped(rows, "SUCCESS")


def trades(venue: Venue, call: Call, key: Key) -> Reply:
    """GET /api/v1/users/transactions/trade: fills, newest first, at most 200."""
    return enveloped([_row(venue, fill) for fill in islice(_fills(venue, call, key), _ROWS)], "SUCCESS")


def one_trade(venue: Venue, call: Call, key: Key) -> Reply:
    """GET /api/v1/users/transactions/trade/{id}."""
    wanted = call.path.rpartition("/")[2]
    for fill in _visible(venue, key):
        if str(fill.id) == wanted:
            return enveloped(_row(venue, fill), "SUCCESS")
    raise refused("Transaction not found", Reason.NO_SUCH_ORDER.code)


def transfers(venue: Venue, call: Call, key: Key) -> Reply:
    """GET .../crypto and .../fiat: what came and went, newest first, at most 200."""
    check_filters(call, "symbol")
    now, is_fiat = venue.clock(), call.path.lower().endswith("fiat")
    end = _whole(call, "endDate", venue.server_time)
    start = _whole(call, "startDate", end - _MONTH_MS)
    if end - start > 3 * _MONTH_MS:
        raise refused("The date range cannot be longer than 90 days.")
    kinds = {text.lower() for text in call.all("type")}
    assets = {text.upper() for text in call.all("symbol")}
    found = (
        one
        for one in reversed(key.account.transfers)
        if one.is_fiat == is_fiat
        and one.listed is not None
        and one.listed <= now
        and start <= venue.stamp(one.time) <= end
        and (not kinds or ("deposit" if one.amount > 0 else "withdrawal") in kinds)
        and (not assets or one.asset in assets)
    )
    return enveloped([transfer_row(venue.stamped(one)) for one in islice(found, _ROWS)], "SUCCESS")


def _row(venue: Venue, fill: Fill) -> Json:
    return fill_row(venue.stamped(fill), venue.exchange.pairs[fill.pair], venue.policy.fill_decimals)


def _visible(venue: Venue, key: Key) -> Iterator[Fill]:
    """Yield the fills that reads show by now, newest first."""
    newest = venue.clock() - venue.policy.fills_delay_ms
    for fill in reversed(venue.exchange.register.fills_of(key.account)):
        if fill.time <= newest:
            yield fill


def _fills(venue: Venue, call: Call, key: Key) -> Iterator[Fill]:
    check_filters(call, "orderId", "pairSymbol", "symbol")
    if call.all("orderId"):
        order_id = _whole(call, "orderId", 0)
        return (fill for fill in _visible(venue, key) if fill.order_id == order_id)
    pair = required_pair(venue, call) if call.all("pairSymbol") else None
    end = _whole(call, "endDate", venue.server_time)
    start = _whole(call, "startDate", end - _MONTH_MS)
    if end - start > 3 * _MONTH_MS:
        raise refused("The date range cannot be longer than 90 days.")
    sides = {text.lower() for text in call.all("type")}
    assets = {text.upper() for text in call.all("symbol")}
    return (
        fill
        for fill in _visible(venue, key)
        if start <= venue.stamp(fill.time) <= end
        and (pair is None or fill.pair == pair.name)
        and (not sides or fill.side.word in sides)
        and (not assets or _is_of(venue, fill, assets))
    )


def _is_of(venue: Venue, fill: Fill, assets: set[str]) -> bool:
    """Whether a fill is of the named assets: of the one that is named, or between two of those that are."""
    pair = venue.exchange.pairs[fill.pair]
    both = {pair.base, pair.quote}
    return bool(both & assets) if len(assets) == 1 else both <= assets


def _whole(call: Call, name: str, default: int) -> int:
    text = call.one(name)
    if not text:
        return default
    if not _WHOLE.fullmatch(text):
        raise refused(Reason.REQUEST.message)
    return int(text)
