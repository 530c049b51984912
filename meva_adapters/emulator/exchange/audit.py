"""The exchange's identities, computed from scratch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from meva_adapters.emulator.exchange.book import HalfBook
from meva_adapters.emulator.exchange.fees import reservation
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Method, Side


def faults_of(exchange: Exchange) -> list[str]:
    """Return every identity that does not hold, in words; nothing when all do."""
    checks = (_negative, _not_conserved, _locked_without_order, _over_reserved, _crossed, _levels, _fills)
    return [fault for check in checks for fault in check(exchange)]


def totals(exchange: Exchange) -> dict[str, int]:
    """Return per asset what all accounts hold together, free and locked."""
    held: Counter[str] = Counter()
    for account in exchange.accounts:
        for asset, balance in account.balances.items():
            held[asset] += balance.total
    return dict(held)


def _negative(exchange: Exchange) -> Iterator[str]:
    for account in exchange.accounts:
        for asset, balance in account.balances.items():
            if balance.free < 0 or balance.locked < 0:
                yield f"{account.name} has {balance.free} free and {balance.locked} locked {asset}"


def _not_conserved(exchange: Exchange) -> Iterator[str]:
    held, clearing = totals(exchange), exchange.clearing
    for asset in sorted({*held, *clearing.deposits}):
        there = held.get(asset, 0) + clearing.fees[asset] + clearing.taxes[asset]
        if there != clearing.deposits[asset]:
            yield f"{asset}: {there} are there, {clearing.deposits[asset]} were deposited"


def _locked_without_order(exchange: Exchange) -> Iterator[str]:
    locked: Counter[tuple[int, str]] = Counter()
    for order in exchange.register.open_orders():
        pair = exchange.pairs[order.pair]
        locked[order.account.number, pair.base if order.side else pair.quote] += order.locked
    for account in exchange.accounts:
        for asset, balance in account.balances.items():
            held = locked[account.number, asset]
            if balance.locked != held:
                yield f"{account.name} has {balance.locked} {asset} locked, its orders hold {held}"


def _over_reserved(exchange: Exchange) -> Iterator[str]:
    """Resting orders hold what is left of them, buys with the maker's commission, and no more."""
    for order in exchange.register.open_orders():
        if order.method is Method.LIMIT:
            rate = order.account.fees.rate(exchange.pairs[order.pair].quote, maker=True)
            most = order.left if order.side else reservation(order.price, order.left, rate)
            if order.locked > most:
                yield f"order {order.id} holds {order.locked}, it needs {most} at most"


def _crossed(exchange: Exchange) -> Iterator[str]:
    for name, book in exchange.books.items():
        bid, ask = book.touch(Side.BUY), book.touch(Side.SELL)
        if bid is not None and ask is not None and bid >= ask:
            yield f"{name}: bid {bid} is not below ask {ask}"


def _levels(exchange: Exchange) -> Iterator[str]:
    for name, book in exchange.books.items():
        for half in (book.bids, book.asks):
            yield from _levels_of(name, half)


def _levels_of(name: str, half: HalfBook) -> Iterator[str]:
    for level in half.levels():
        total = sum(order.left for order in level.orders.values())
        if total != level.total or not level.orders or min(o.left for o in level.orders.values()) <= 0:
            yield f"{name}: level {level.price} says {level.total}, its orders add up to {total}"


def _fills(exchange: Exchange) -> Iterator[str]:
    for account in exchange.accounts:
        for order in exchange.register.of(account).orders.values():
            total = sum(fill.qty for fill in order.fills)
            if total != order.filled:
                yield f"order {order.id}: filled {order.filled}, its fills add up to {total}"
