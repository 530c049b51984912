"""What an answer proves. HTTP status first, then `success`, then the message; never `success` alone.

The exchange sits behind a proxy that answers with pages of its own, and its 401 says `success: true`. Codes
changed their numbers over the years, so the message decides and the code is only shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from meva_adapters.btcturk.endpoints import Endpoint
from meva_adapters.btcturk.transport import Reply
from meva_adapters.btcturk.wire import read_json, shown
from meva_core.errors import BadInput, OutcomeUnknown, Refused, Unavailable, VenueReason

_UNPROVEN: Final = frozenset({408, 425, 499})
"""Refusals by something in between, which may have passed the request on."""

_REASONS: Final[Mapping[str, VenueReason]] = {
    "Unauthorized - Invalid Nonce": VenueReason.CLOCK,
    "FAILED_ORDER_WITH_OPEN_ORDERS": VenueReason.INSUFFICIENT_FUNDS,
    "BALANCE_NOT_ENOUGH": VenueReason.INSUFFICIENT_FUNDS,
    "BALANCE_NOT_ENOUGH_WITHOUT_OPEN_ORDERS": VenueReason.INSUFFICIENT_FUNDS,
    "FAILED_MIN_TOTAL_AMOUNT": VenueReason.BELOW_MINIMUM,
    "MIN_TOTAL": VenueReason.BELOW_MINIMUM,
    "FAILED_INVALID_PRICE_SCALE": VenueReason.PRICE_SCALE,
    "FAILED_INVALID_STOP_PRICE_SCALE": VenueReason.PRICE_SCALE,
    "FAILED_INVALID_QUANTITY_SCALE": VenueReason.QUANTITY_SCALE,
    "PRICE_MUST_BE_LESS_THAN_MAXPRICE": VenueReason.PRICE_OUT_OF_RANGE,
    "PRICE_MUST_BE_LESS_THAN_MINPRICE": VenueReason.PRICE_OUT_OF_RANGE,
    "ORDER_MAX_PRICE_EXCEEDED": VenueReason.PRICE_OUT_OF_RANGE,
    "ORDER_MIN_PRICE_EXCEEDED": VenueReason.PRICE_OUT_OF_RANGE,
    "ORDER_METHOD_NOT_SUPPORTED": VenueReason.NOT_SUPPORTED,
    "ORDER_TYPE_NOT_SUPPORTED": VenueReason.NOT_SUPPORTED,
    "Order not found": VenueReason.UNKNOWN_ORDER,
    "NO_ORDER_MATCHES_YOUR_REQUEST": VenueReason.UNKNOWN_ORDER,
    "ORDER_COULD_NOT_BE_CANCELED": VenueReason.NOT_CANCELABLE,
    "ORDER_CANCEL_BLOCKED": VenueReason.MAINTENANCE,
}
_BY_STATUS: Final[Mapping[int, VenueReason]] = {
    401: VenueReason.UNAUTHORIZED,
    403: VenueReason.UNAUTHORIZED,
    429: VenueReason.RATE_LIMITED,
    503: VenueReason.MAINTENANCE,
}
_ACTIONS: Final[Mapping[VenueReason, str]] = {
    VenueReason.UNAUTHORIZED: (
        "check BTCTURK_API_KEY and BTCTURK_API_SECRET, the key's permissions and its list of addresses"
    ),
    VenueReason.CLOCK: "the clock offset is learnt anew; try again",
    VenueReason.RATE_LIMITED: "wait, and ask less often",
}


def read_verdict(endpoint: Endpoint, reply: Reply) -> Any:
    """Return the document that answers a read.

    Raises Refused when asking again cannot help, Unavailable when it may, BadInput for a good status with a
    body that is not what it should be.
    """
    if reply.status == 200:
        tree = _tree(endpoint, reply)
        if isinstance(tree, dict) and tree.get("success") is False:
            raise _refusal(endpoint, reply, tree)
        return tree
    if reply.status in (400, 401, 422) or (reply.status == 403 and _envelope(reply) is not None):
        raise _refusal(endpoint, reply, _envelope(reply))
    reason = _BY_STATUS.get(reply.status, VenueReason.UNREACHABLE)
    raise Unavailable(
        f"{_name(endpoint)}: {_answered(reply)}", action=_ACTIONS.get(reason, ""), reason=reason
    )


def write_verdict(endpoint: Endpoint, reply: Reply) -> Mapping[str, Any]:
    """Return the envelope that accepts a write.

    Raises Refused only for what proves that nothing was done, OutcomeUnknown for everything else.
    """
    envelope = _envelope(reply)
    if reply.status == 200 and envelope is not None:
        success = envelope.get("success")
        if success is True:
            return envelope
        if success is False and not envelope.get("data"):
            raise _refusal(endpoint, reply, envelope)
    if 400 <= reply.status < 500 and reply.status not in _UNPROVEN:
        raise _refusal(endpoint, reply, envelope)
    raise OutcomeUnknown(
        f"{_name(endpoint)}: {_answered(reply)}; whether it was done is not known",
        action="look the order up before anything else is done with it",
        reason=_BY_STATUS.get(reply.status, VenueReason.OTHER),
    )


def _refusal(endpoint: Endpoint, reply: Reply, envelope: Mapping[str, Any] | None) -> Refused:
    message = str((envelope or {}).get("message") or "")
    code = (envelope or {}).get("code")
    reason = _reason(message, reply.status)
    said = f"{shown(message)}, code {shown(code)}" if message else _answered(reply)
    return Refused(
        f"{_name(endpoint)}: refused: {said} (HTTP {reply.status})",
        action=_ACTIONS.get(reason, ""),
        reason=reason,
    )


def _reason(message: str, status: int) -> VenueReason:
    if message in _REASONS:
        return _REASONS[message]
    if message.startswith("Pair ") and message.rstrip(".").endswith("does not exists"):
        return VenueReason.UNKNOWN_SYMBOL
    return _BY_STATUS.get(status, VenueReason.OTHER)


def _tree(endpoint: Endpoint, reply: Reply) -> Any:
    try:
        return read_json(reply.body)
    except BadInput as error:
        raise BadInput(f"{_name(endpoint)}: {error}") from None


def _envelope(reply: Reply) -> Mapping[str, Any] | None:
    try:
        tree = read_json(reply.body)
    except BadInput:
        return None
    return tree if isinstance(tree, dict) else None


def _answered(reply: Reply) -> str:
    if 300 <= reply.status < 400:
        return f"answered HTTP {reply.status}, a redirect, which is not followed"
    if not reply.body:
        return f"answered HTTP {reply.status} with nothing in it"
    return f"answered HTTP {reply.status}: {shown(reply.body)}"


def _name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"
