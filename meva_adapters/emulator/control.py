"""The control endpoint: what a test or a rehearsal does to the exchange from outside its API.

Everything is below `/_emulator/`, in plain JSON, for whoever reaches the port: the emulator is meant for
loopback. What a call asks for happens whole or not at all.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from meva_adapters.emulator.api.auth import PERMISSIONS
from meva_adapters.emulator.api.calls import Call, Reply, bare
from meva_adapters.emulator.bounds import (
    MOST_ACCOUNTS,
    MOST_COUNT,
    MOST_MS,
    brief,
    check_range,
    check_text,
    read_document,
)
from meva_adapters.emulator.exchange.audit import faults_of, totals
from meva_adapters.emulator.exchange.orders import Side
from meva_adapters.emulator.exchange.rejections import Rejected
from meva_adapters.emulator.faults.rules import rules_of
from meva_adapters.emulator.manual_clock import ManualClock
from meva_adapters.emulator.markets.driver import on_grid
from meva_adapters.emulator.world import World
from meva_core.amounts import E8, format_e8, parse_e8
from meva_core.errors import BadInput

PREFIX: Final = "/_emulator/"
_ASSET: Final = re.compile(r"[0-9A-Z]{1,20}", re.ASCII)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_MOST_NAMES: Final = 1_000
_LONGEST_MOVE_MS: Final = 600_000
"""Of a clock at once: nobody is answered meanwhile, and that takes seconds."""
_HIGHEST_QUOTE: Final = 10**9 * E8
"""What rests at such a price can still be paid for out of what the house has."""


def control(world: World, call: Call) -> Reply:
    """Do what a control call says; answer with what came of it, or with a 400 and a message."""
    act = _ACTS.get((call.method, call.path.removeprefix(PREFIX)))
    if act is None:
        known = [f"{method} {PREFIX}{path}" for method, path in _ACTS]
        asked = f"{call.method} {brief(call.path)}"
        return _failed(f"no control {asked}; there is {', '.join(known)}", 404)
    try:
        body = read_document(call.body or b"{}")
        if not isinstance(body, dict):
            raise BadInput("the body has to be a JSON object")
        answer = act(world, body)
    except (BadInput, Rejected) as e:
        return _failed(str(e), 400)
    world.venue.publish()
    return bare(answer)


def state(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the audit: broken identities (none), sums by asset, orders, faults, switches, budgets."""
    exchange = world.venue.exchange
    clearing = exchange.clearing
    open_orders = list(exchange.register.open_orders())
    return {
        "broken": faults_of(exchange),
        "time": world.venue.clock(),
        "cpu_seconds": time.process_time(),
        "position": world.driver.position,
        "held": _texts(totals(exchange)),
        "deposits": _texts(clearing.deposits),
        "fees": _texts(clearing.fees),
        "taxes": _texts(clearing.taxes),
        "accounts": [_account(world, place) for place in range(len(exchange.accounts))],
        "open_orders": len(open_orders),
        "pairs": len(exchange.pairs),
        "policy": attrs.asdict(world.venue.policy),
        "rules": [attrs.asdict(rule) for rule in world.faults.rules],
        "happened": dict(world.faults.happened),
        "over_budget": dict(world.venue.limiter.refused),
    }


def _account(world: World, place: int) -> dict[str, Any]:
    account = world.venue.exchange.accounts[place]
    records = world.venue.exchange.register.of(account)
    return {
        "name": account.name,
        "house": account.house,
        "orders": len(records.orders),
        "open": len(records.open),
        "fills": len(records.fills),
    }


def set_policy(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Change switches."""
    world.venue.policy.change(body)
    world.venue.obey()
    return attrs.asdict(world.venue.policy)


def add_faults(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Add rules: `{"rules": [...]}`, or one rule by itself."""
    rules = rules_of(body.get("rules", [body]), "faults")
    world.faults.add(*rules)
    return {"rules": len(world.faults.rules)}


def clear_faults(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Take all rules away."""
    world.faults.clear()
    return {"rules": 0}


def reset_limits(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give every budget back, and forget failed signatures."""
    world.venue.limiter.reset()
    world.venue.keyring.forgive()
    return {}


def forward(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Move the recorded market on by `seconds` of its own, or all markets by one step."""
    now = world.venue.clock()
    if "seconds" in body:
        seconds = _whole(body, "seconds")
        check_range(seconds, "seconds", 0, MOST_COUNT)
        world.driver.forward(seconds, now)
    else:
        world.step()
    return {"position": world.driver.position}


def time_now(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the time, and whether it passes on command."""
    return {"time": world.venue.clock(), "manual": world.manual_clock is not None}


def move_clock(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Let time pass on a manual clock, by `milliseconds` or `until` a time; the markets move meanwhile."""
    clock = world.manual_clock
    if clock is None:
        raise BadInput("the clock goes by itself", action="serve with --clock manual")
    for _ in clock.pass_until(_moved_to(clock, body)):
        world.step()
    world.venue.exchange.advance(clock.now)
    return time_now(world, body)


def _moved_to(clock: ManualClock, body: Mapping[str, Any]) -> int:
    """Return the time that a clock is to show."""
    if ("until" in body) == ("milliseconds" in body):
        raise BadInput("expected either milliseconds, or until, a time in milliseconds since 1970")
    name = "until" if "until" in body else "milliseconds"
    time = _whole(body, name) + (0 if name == "until" else clock.now)
    if time - clock.now > _LONGEST_MOVE_MS:
        raise BadInput(
            f"{name} is {brief(body[name])}, which is {time - clock.now} ms from now; a clock moves by at "
            f"most {_LONGEST_MOVE_MS} ms at once"
        )
    return time


def quote(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Quote `pair` around `bid` and `ask`: what rests beyond them trades."""
    asked = body.get("pair")
    pair = world.venue.exchange.pairs.get(asked) if isinstance(asked, str) else None
    if pair is None:
        raise BadInput(f"pair {brief(asked)} is not listed")
    bid, ask = on_grid(pair, _amount(body, "bid"), _amount(body, "ask"))
    if bid == 0:
        raise BadInput("bid and ask have to be above 0")
    if ask > _HIGHEST_QUOTE:
        raise BadInput(f"ask is {format_e8(ask)}; at most {format_e8(_HIGHEST_QUOTE)} is quoted")
    world.driver.ladders[pair.name].move(bid, ask, world.venue.clock())
    book = world.venue.exchange.books[pair.name]
    return {side.word: format_e8(book.touch(side) or 0) for side in Side}


def add_account(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Add a user: `key`, `secret`, `balances` by asset, and its `permissions` and `addresses` if not all."""
    if len(world.venue.exchange.accounts) >= MOST_ACCOUNTS:
        raise BadInput(f"there are {MOST_ACCOUNTS} accounts, which is the most there can be")
    given = _object(body, "balances")
    if len(given) > _MOST_NAMES:
        raise BadInput(f"balances has {len(given)} assets; at most {_MOST_NAMES} are taken")
    for asset in given:
        if not _ASSET.fullmatch(asset):
            raise BadInput(f"balances: {brief(asset)} is no asset; expected capitals and digits, such as TRY")
    balances = {asset: parse_e8(text, asset) for asset, text in given.items()}
    for asset, amount in balances.items():
        if amount < 0:
            raise BadInput(f"{asset} is {format_e8(amount)}; a balance cannot be negative")
    key = _text(body, "key")
    if not _KEY.fullmatch(key):
        raise BadInput(f"key is {brief(key)}; expected up to 200 printable ASCII characters, none blank")
    permissions = _names(body, "permissions", PERMISSIONS)
    if permissions - PERMISSIONS:
        raise BadInput(
            f"permissions: {brief(sorted(permissions - PERMISSIONS))} are not known",
            action=f"name any of {', '.join(sorted(PERMISSIONS))}",
        )
    world.venue.open_user(
        key,
        _text(body, "secret"),
        balances,
        permissions=permissions,
        addresses=_names(body, "addresses", frozenset()),
    )
    return {"accounts": len(world.venue.exchange.accounts)}


def move_funds(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """Let the user of `key` bring in `amount` of `asset`, or take it out (below 0) for a `fee` beside it.

    Lists show it after `listed_after_ms`, at once without that, never where that is null.
    """
    venue, asset = world.venue, body.get("asset")
    if not isinstance(asset, str) or not _ASSET.fullmatch(asset):
        raise BadInput(f"asset is {brief(asset)}; expected capitals and digits, such as TRY")
    amount = _amount(body, "amount")
    fee = _amount(body, "fee") if "fee" in body else 0
    if not amount or fee < 0:
        raise BadInput(f"amount is {format_e8(amount)}, fee {format_e8(fee)}; nothing moves by that")
    never = body.get("listed_after_ms", 0) is None
    delay = None if never else _whole(body, "listed_after_ms") if "listed_after_ms" in body else 0
    if delay is not None:
        check_range(delay, "listed_after_ms", 0, MOST_MS)
    key = venue.keyring.find(_text(body, "key"))
    if key is None:
        raise BadInput("key: there is no user with this key")
    exchange, now = venue.exchange, venue.clock()
    exchange.advance(now)
    made = exchange.clearing.transfer(key.account, asset, amount, fee, now, delay)
    return {"id": made.id, "time": venue.stamp(made.time), "free": format_e8(key.account.balance(asset).free)}


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise BadInput(f"{name} is {brief(value)}; expected an object")
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} is {brief(value)}; expected a text")
    return check_text(value, name, 1_000)


def _names(body: Mapping[str, Any], name: str, default: frozenset[str]) -> frozenset[str]:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadInput(f"{name} is {brief(value)}; expected a list of texts")
    if len(value) > _MOST_NAMES:
        raise BadInput(f"{name} has {len(value)} texts; at most {_MOST_NAMES} are taken")
    return frozenset(value)


def _whole(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if type(value) is not int or value < 0:
        raise BadInput(f"{name} is {brief(value)}; expected a whole number")
    return value


def _amount(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadInput(f'{name} is {brief(value)}; expected an amount as a text, such as "3000000"')
    return parse_e8(value, name)


def _texts(amounts: Mapping[str, int]) -> dict[str, str]:
    return {asset: format_e8(amount) for asset, amount in sorted(amounts.items())}


def _failed(message: str, status: int) -> Reply:
    return Reply(status, json.dumps({"error": message}).encode())


_ACTS: Final[Mapping[tuple[str, str], Callable[[World, Mapping[str, Any]], dict[str, Any]]]] = {
    ("GET", "state"): state,
    ("POST", "policy"): set_policy,
    ("POST", "faults"): add_faults,
    ("DELETE", "faults"): clear_faults,
    ("POST", "limits/reset"): reset_limits,
    ("POST", "forward"): forward,
    ("GET", "clock"): time_now,
    ("POST", "clock"): move_clock,
    ("POST", "quote"): quote,
    ("POST", "accounts"): add_account,
    ("POST", "transfers"): move_funds,
}
