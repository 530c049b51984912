"""What faults do to replies."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any, Final

import orjson
from attrs import define

from meva_adapters.emulator.api.calls import HTML, Call, Reply, order_refused
from meva_adapters.emulator.api.router import answer, begin
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.exchange.orders import Method, Request
from meva_adapters.emulator.faults.kinds import REPLY, REQUEST
from meva_adapters.emulator.faults.rules import FaultRules, Rule

GATEWAY_PAGE: Final = (
    b"<!DOCTYPE html><html><head><title>504: Gateway time-out</title></head>"
    b"<body><h1>Error 504</h1><p>Cloudflare</p></body></html>"
)
_OVERSIZE: Final = 4 * 2**20 + 1
_DEPTH: Final = 100_000
_BOMB: Final = 64 * 2**20
_MOST: Final = 2**20
"""Bytes from which on nothing is made larger: rules add up."""
_ORDER_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_PLACE: Final = re.compile(r"[0-9]{1,9}")


@define
class Delivery:
    """How a reply goes out: after a wait, in pieces, cut short, or not at all.

    `length` is what Content-Length says where it is not the truth. `end` is `reset` or `silence` where
    nothing is sent, or where the connection is cut after the body. `rules` are still to spoil the reply.
    """

    reply: Reply
    wait_seconds: float = 0.0
    piece: int = 0
    piece_seconds: float = 0.0
    length: int | None = None
    end: str = ""
    encoding: str = ""
    rules: Sequence[Rule] = ()

    def finish(self) -> None:
        """Do the work that is left of the reply, and spoil it."""
        self.reply.finish()
        rules, self.rules = self.rules, ()
        for rule in rules:
            _ON_REPLY[rule.fault](rule, self)


def deliver(venue: Venue, faults: FaultRules, call: Call) -> Delivery:
    """Answer a call under rules of faults, whole."""
    delivery = begin_delivery(venue, faults, call)
    delivery.finish()
    return delivery


def begin_delivery(venue: Venue, faults: FaultRules, call: Call) -> Delivery:
    """Do what a call asks for under rules of faults; the delivery is still to be finished."""
    if not faults.rules:
        return Delivery(begin(venue, call))
    lost: Delivery | None = None
    for rule in faults.strikes(call.method, call.path, when=REQUEST):
        lost = _before(rule, venue, call) or lost
    if lost is not None:
        return lost
    delivery = Delivery(begin(venue, call))
    struck = faults.strikes(call.method, call.path, when=REPLY)
    if any(rule.fault == "fill_after" for rule in struck):
        _fill(venue, call)
        venue.publish()
    delivery.rules = [rule for rule in struck if rule.fault != "fill_after"]
    return delivery


def _before(rule: Rule, venue: Venue, call: Call) -> Delivery | None:
    """Do what a rule does before the request is looked at; return a delivery if it is not to be."""
    if rule.fault == "answer":
        kind = HTML if rule["html"] else "application/json; charset=utf-8"
        return Delivery(Reply(rule["status"], rule["body"].encode(), kind, dict(rule["headers"])))
    if rule.fault == "reject":
        return Delivery(order_refused(rule["message"], rule["code"]).reply)
    if rule.fault == "lose_request":
        delivery = Delivery(Reply(200, b""))
        _lose(rule, delivery)
        return delivery
    if rule.fault == "twice":
        answer(venue, call)
    else:
        _fill(venue, call)
    return None


def _fill(venue: Venue, call: Call) -> None:
    """Let the market trade with all of the order that a cancel is about."""
    text = call.one("id") or ""
    order = venue.exchange.register.find(int(text)) if _ORDER_ID.fullmatch(text) else None
    house = next((account for account in venue.exchange.accounts if account.house), None)
    if order is None or house is None or not order.status.is_open or order.method is not Method.LIMIT:
        return
    # Better orders of the same side stand before it, so the whole of them is taken.
    levels = venue.exchange.books[order.pair].half(order.side).levels()
    ahead = sum(level.total for level in levels if (level.price - order.price) * (1 - 2 * order.side) >= 0)
    request = Request(order.pair, order.side.other, Method.LIMIT, ahead, "race", order.price)
    rest = venue.exchange.place_house(house, request, venue.clock())
    if rest.status.is_open:
        venue.exchange.cancel(house, rest.id, venue.clock())


def _lose(rule: Rule, delivery: Delivery) -> None:
    delivery.wait_seconds = rule["seconds"]
    if rule["end"] == "504":
        delivery.reply = Reply(504, GATEWAY_PAGE, HTML)
    elif rule["end"] == "empty":
        delivery.reply = Reply(200, b"")
    else:
        delivery.end = rule["end"]


def _late(rule: Rule, delivery: Delivery) -> None:
    delivery.wait_seconds += rule["seconds"]


def _drip(rule: Rule, delivery: Delivery) -> None:
    delivery.piece, delivery.piece_seconds = max(1, rule["bytes"]), rule["seconds"]


def _cut(rule: Rule, delivery: Delivery) -> None:
    whole = delivery.reply.body
    delivery.reply.body = whole[: rule["at"]]
    if rule["whole_length"]:
        delivery.length, delivery.end = len(whole), "reset"


def _garble(rule: Rule, delivery: Delivery) -> None:
    reply = delivery.reply
    if rule["how"] == "bomb":
        reply.body, delivery.encoding = _bomb(), "gzip"
    elif rule["how"] == "bad_gzip":
        packed = gzip.compress(reply.body, 9, mtime=0)
        reply.body, delivery.encoding = packed[: len(packed) // 2], "gzip"
    elif len(reply.body) < _MOST:
        reply.body = _GARBLED[rule["how"]](reply.body)


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * _BOMB, 9, mtime=0)


def _edit(rule: Rule, delivery: Delivery) -> None:
    tree = _tree(delivery.reply.body)
    *way, last = rule["path"].split(".")
    place = tree
    for step in way:
        place = _member(place, step)
    if isinstance(place, list) and _PLACE.fullmatch(last) and int(last) < len(place):
        key: Any = int(last)
    elif isinstance(place, dict) and (last in place or not rule["remove"]):
        key = last
    else:
        return
    if rule["remove"]:
        del place[key]
    else:
        place[key] = rule["value"]
    delivery.reply.body = orjson.dumps(tree)


def _tree(body: bytes) -> Any:
    """Return a JSON body with its fractions digit by digit; None for what another fault has spoiled."""
    try:
        return json.loads(body, parse_float=lambda text: orjson.Fragment(text.encode()))
    except (ValueError, RecursionError):
        return None


def _member(place: Any, step: str) -> Any:
    if isinstance(place, list) and _PLACE.fullmatch(step):
        return place[int(step)] if int(step) < len(place) else None
    return place.get(step) if isinstance(place, dict) else None


def _rows(rule: Rule, delivery: Delivery) -> None:
    tree = _tree(delivery.reply.body) if len(delivery.reply.body) < _MOST else None
    rows = tree.get("data") if isinstance(tree, dict) else None
    if not isinstance(rows, list):
        return
    seed = hashlib.blake2b(delivery.reply.body, digest_size=8).digest()
    if rule["how"] == "shuffle":
        Random(seed).shuffle(rows)  # noqa: S311 - disorder, not secrecy
    else:
        rows[:] = {"repeat": rows + rows, "halve": rows[: len(rows) // 2], "empty": []}[rule["how"]]
    delivery.reply.body = orjson.dumps(tree)


_GARBLED: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "bom": lambda body: b"\xef\xbb\xbf" + body,
    "utf16": lambda body: body.decode(errors="replace").encode("utf-16"),
    "html": lambda body: GATEWAY_PAGE,
    "oversize": lambda body: body + b" " * max(0, _OVERSIZE - len(body)),
    "deep": lambda body: b"[" * _DEPTH,
}
_ON_REPLY: Final[Mapping[str, Callable[[Rule, Delivery], None]]] = {
    "lose_reply": _lose,
    "late": _late,
    "drip": _drip,
    "cut": _cut,
    "garble": _garble,
    "edit": _edit,
    "rows": _rows,
}
