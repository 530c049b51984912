"""The private endpoints that place, cancel and look up orders."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import orjson

from meva_adapters.emulator.api.auth import Key
from meva_adapters.emulator.api.calls import (
    Call,
    Failed,
    Reply,
    check_filters,
    enveloped,
    order_refused,
    refused,
)
from meva_adapters.emulator.api.public import find_pair, required_pair
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.api.wire import accepted_row, method_of, order_row
from meva_adapters.emulator.bounds import is_writable
from meva_adapters.emulator.exchange.orders import Moment, Order, Request, Side
from meva_adapters.emulator.exchange.rejections import Reason, Rejected
from meva_adapters.system.strict_json import read_json
from meva_core.amounts import E8, LIMIT
from meva_core.errors import BadInput

_DECIMAL: Final = re.compile(r"[0-9]{0,12}(?:\.[0-9]{1,16})?", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_LAST_PAGE: Final = 10**9
_SIDES: Final = {side.word: side for side in Side}
_ACCEPTED: Final = orjson.dumps({"success": True, "message": "SUCCESS", "code": 0})


def place(venue: Venue, call: Call, key: Key) -> Reply:
    """POST /api/v1/order: an acceptance, without status and fills."""
    fields = _fields(call)
    try:
        request = _request(venue, fields)
        order = venue.exchange.submit(key.account, request, venue.clock())
    except Rejected as e:
        raise order_refused(e.message, e.code) from None
    data = accepted_row(order, venue.exchange.pairs[order.pair], venue.stamp(order.created))
    body = {"httpStatusCode": 200, "data": data, "success": True, "message": "SUCCESS", "code": 0}
    return Reply(200, orjson.dumps(body))


def cancel(venue: Venue, call: Call, key: Key) -> Reply:
    """DELETE /api/v1/order?id=: an acceptance; the order may still trade."""
    text = call.one("id") or (_fields(call).get("id") if call.body else None)
    if not text or not _WHOLE.fullmatch(str(text)):
        raise order_refused(Reason.REQUEST.message, Reason.REQUEST.code)
    try:
        venue.exchange.cancel(key.account, int(text), venue.clock())
    except Rejected as e:
        raise order_refused(e.message, e.code) from None
    return Reply(200, _ACCEPTED)


def one_order(venue: Venue, call: Call, key: Key) -> Reply:
    """GET /api/v1/order/{id}."""
    text = call.path.rpartition("/")[2]
    order = venue.exchange.register.find(int(text)) if _WHOLE.fullmatch(text) else None
    moment = None if order is None or order.account is not key.account else _seen(venue, order)
    if order is None or moment is None:
        raise refused(Reason.NO_SUCH_ORDER.message, Reason.NO_SUCH_ORDER.code)
    return enveloped(order_row(order, venue.exchange.pairs[order.pair], moment), "SUCCESS")


def open_orders(venue: Venue, call: Call, key: Key) -> Reply:
    """GET /api/v1/openOrders: of one pair or of all, sells and buys apart."""
    check_filters(call, "pairSymbol")
    pair = required_pair(venue, call) if call.all("pairSymbol") else None
    rows: dict[str, list[dict[str, Any]]] = {"asks": [], "bids": []}
    for order, moment in _open(venue, key):
        if pair is None or order.pair == pair.name:
            row = order_row(order, venue.exchange.pairs[order.pair], moment)
            rows["asks" if order.side else "bids"].append(row)
    return enveloped(rows, "SUCCESS")


def all_orders(venue: Venue, call: Call, key: Key) -> Reply:
    """GET /api/v1/allOrders: of one pair, newest first, in pages; its times are seconds."""
    pair = required_pair(venue, call)
    check_filters(call, "pairSymbol", "orderId")
    start, end = _seconds(venue, call, "startTime"), _seconds(venue, call, "endTime")
    least = _whole(call, "orderId", 0)
    limit = min(1000, _whole(call, "limit", 100) or 100)
    page = min(_LAST_PAGE, _whole(call, "page", 1) or 1)
    found = (
        (order, moment)
        for order in reversed(venue.exchange.register.of(key.account).orders.values())
        if order.pair == pair.name
        and order.id >= least
        and (start is None or venue.stamp(order.created) >= start * 1000)
        and (end is None or venue.stamp(order.created) <= end * 1000 + 999)
        and (moment := _seen(venue, order)) is not None
    )
    rows = islice(found, (page - 1) * limit, page * limit)
    return enveloped([order_row(order, pair, moment) for order, moment in rows], "SUCCESS")


def _seen(venue: Venue, order: Order) -> Moment | None:
    """Return what a read shows of an order now, None while it does not show it yet."""
    delay = venue.policy.orders_delay_ms
    moment = order.as_of(venue.clock() - delay) if delay else order.past[-1]
    return None if moment is None else venue.stamped(moment)


def _open(venue: Venue, key: Key) -> Iterator[tuple[Order, Moment]]:
    records = venue.exchange.register.of(key.account)
    # With a delay, what has ended since may still look open.
    orders = records.orders if venue.policy.orders_delay_ms else records.open
    for order in orders.values():
        moment = _seen(venue, order)
        if moment is not None and moment.status.is_open:
            yield order, moment


def _fields(call: Call) -> dict[str, Any]:
    """Return the members of a JSON body by names in lower case, numbers as they were written.

    Query parameters win over them. A name that is there twice, in whatever case, is refused: nobody can say
    which of the two was meant.
    """
    kind = call.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Failed(Reply(415, b""))
    try:
        body = read_json(call.body or b"{}", numbers="text")
    except BadInput:
        raise order_refused(Reason.REQUEST.message, Reason.REQUEST.code) from None
    if not isinstance(body, dict) or not all(is_writable(str(value)) for value in body.values()):
        raise order_refused(Reason.REQUEST.message, Reason.REQUEST.code)
    fields = {name.lower(): value for name, value in body.items()}
    if len(fields) < len(body):
        raise order_refused(Reason.REQUEST.message, Reason.REQUEST.code)
    return {**fields, **{name: values[-1] for name, values in call.query.items()}}


def _request(venue: Venue, fields: dict[str, Any]) -> Request:
    """Return the order that a body asks for; raises Rejected for one that cannot be read."""
    name = str(fields.get("pairsymbol") or "")
    if not name or len(name) > 20:
        raise Rejected.because(Reason.REQUEST)
    pair = find_pair(venue, name)
    if pair is None:
        raise Rejected(Reason.REQUEST.code, f"Pair {name} does not exists.")
    side = _SIDES.get(str(fields.get("ordertype")).lower())
    if side is None:
        raise Rejected.because(Reason.SIDE)
    method = method_of(str(fields.get("ordermethod")))
    if method is None:
        raise Rejected.because(Reason.METHOD)
    quantity = _amount(fields, "quantity", Reason.QUANTITY_SCALE)
    if quantity is None:
        raise Rejected.because(Reason.REQUEST)
    return Request(
        pair=pair.name,
        side=side,
        method=method,
        quantity=quantity,
        client_id=_client_id(venue, fields),
        price=_amount(fields, "price", Reason.PRICE_SCALE),
        stop_price=_amount(fields, "stopPrice", Reason.STOP_SCALE),
    )


def _amount(fields: dict[str, Any], name: str, too_fine: Reason) -> int | None:
    """Return a decimal as e8, None for an absent one.

    The exchange reads plain digits only, never an exponent.
    """
    value = fields.get(name.lower())
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise Rejected(Reason.REQUEST.code, f"The field {name} must match the decimal pattern.")
    whole, _, fraction = value.partition(".")
    if fraction[8:].strip("0"):
        raise Rejected.because(too_fine)
    amount = int(whole or 0) * E8 + int(fraction[:8].ljust(8, "0"))
    if amount >= LIMIT:
        raise Rejected.because(Reason.PARAMETER)
    return amount


def _client_id(venue: Venue, fields: dict[str, Any]) -> str:
    """Return the client's name for the order, or one made up."""
    value = fields.get("neworderclientid")
    if value is None or value == "":
        number = venue.exchange.register.next_id_to_come
        return str(uuid.UUID(bytes=hashlib.blake2b(str(number).encode(), digest_size=16).digest()))
    if not isinstance(value, str) or len(value) > 50:
        raise Rejected.because(Reason.REQUEST)
    return value


def _whole(call: Call, name: str, default: int) -> int:
    text = call.one(name)
    if text is None or text == "":
        return default
    if not _WHOLE.fullmatch(text):
        raise refused(Reason.REQUEST.message)
    return int(text)


def _seconds(venue: Venue, call: Call, name: str) -> int | None:
    """Return a time of allOrders, which is in seconds: milliseconds look like the far future."""
    if not call.one(name):
        return None
    value = _whole(call, name, 0)
    if value > venue.server_time // 1000 + 86400:
        raise refused(f"{name} cannot be bigger than current unix timestamp.", 1038)
    return value
