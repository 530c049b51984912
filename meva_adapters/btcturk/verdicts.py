"""What an answer proves. HTTP status first, then `success`, then the message; never `success` alone.

The exchange sits behind a proxy that answers with pages of its own, and its 401 says `success: true`. Codes
changed their numbers over the years, so the message decides and the code is only shown.

A read is answered by an envelope that says in so many words that it is a success: whatever else has a list
in it, an empty one of a program that failed, proves nothing of what is not in it.

A write is refused by a message that is known to refuse it, and by nothing else: `success: false` with any
other words is what a program says that failed after it had placed the order, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from meva_adapters.btcturk.endpoints import Endpoint
from meva_adapters.btcturk.transport import Reply
from meva_adapters.btcturk.wire import member, read_json, shown
from meva_core.errors import BadInput, OutcomeUnknown, Refused, Unavailable, VenueReason

_UNPROVEN: Final = frozenset({408, 425, 499})
"""Refusals by something in between, which may have passed the request on."""

_SUBMITS: Final[Mapping[str, VenueReason]] = {
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
    "FAILED_MARKET_ORDER": VenueReason.OTHER,
    "FAILED_LIMIT_ORDER": VenueReason.OTHER,
    "FAILED_ORDER_PARAMETER": VenueReason.OTHER,
    "PARAMETERS_ERROR": VenueReason.OTHER,
    "FAILED_STOP_PRICE_GREATER_THAN_BEST_ASK": VenueReason.OTHER,
    "FAILED_STOP_PRICE_LESS_THAN_BEST_BID": VenueReason.OTHER,
    "STOP_PRICE_GREATER_THAN_MARKET": VenueReason.OTHER,
    "STOP_PRICE_LESS_THAN_MARKET": VenueReason.OTHER,
}
"""The documented refusals of a new order: nothing rests."""
_CANCELS: Final[Mapping[str, VenueReason]] = {
    "Order not found": VenueReason.UNKNOWN_ORDER,
    "NO_ORDER_MATCHES_YOUR_REQUEST": VenueReason.UNKNOWN_ORDER,
    "ORDER_COULD_NOT_BE_CANCELED": VenueReason.NOT_CANCELABLE,
    "ORDER_CANCEL_BLOCKED": VenueReason.MAINTENANCE,
}
"""The documented refusals of a cancel: nothing was canceled."""
_ANYTHING: Final[Mapping[str, VenueReason]] = {
    "INVALID_REQUEST_ERROR": VenueReason.OTHER,
    "TOO_MANY_REQUESTS": VenueReason.RATE_LIMITED,
    "Too many requests": VenueReason.RATE_LIMITED,
}
"""The documented refusals of any call: it was not looked at."""


def _folded(*tables: Mapping[str, VenueReason]) -> Mapping[str, VenueReason]:
    return {message.casefold(): reason for table in tables for message, reason in table.items()}


_REASONS: Final = _folded(_SUBMITS, _CANCELS, _ANYTHING)
_PROOFS: Final = {"POST": _folded(_SUBMITS, _ANYTHING), "DELETE": _folded(_CANCELS, _ANYTHING)}
"""What refuses a write, by its method."""
_UNAUTHORIZED: Final = "unauthorized"
_SUCCESSES: Final = (None, 0, "0", "SUCCESS")
"""The codes of a success; there may be none."""
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
    VenueReason.MAINTENANCE: "run again later: `meva health` says when it answers",
    VenueReason.UNREACHABLE: "run again later: `meva health` says when it answers",
}


class Garbled(BadInput):
    """A good status with no document: a page of what stands in between, or half an answer. It may pass."""


def is_mistimed(reply: Reply) -> bool:
    """Whether an answer refuses the stamp of a request: it says nothing about the key."""
    return reply.status == 401 and _reason(_message(_envelope(reply)), 401) is VenueReason.CLOCK


def read_verdict(endpoint: Endpoint, reply: Reply) -> Any:
    """Return the document that answers a read.

    Raises Refused when asking again cannot help, Unavailable when it may, Garbled for a good status with a
    body that is no document.
    """
    if reply.status == 200:
        tree = _tree(endpoint, reply)
        envelope = tree if isinstance(tree, dict) else None
        if _succeeds(endpoint, envelope):
            return tree
        if _known(_message(envelope), _REASONS) is None:
            raise _failure(endpoint, reply)
        raise _refusal(endpoint, reply, envelope)
    if reply.status in (400, 401, 422) or (reply.status == 403 and _envelope(reply) is not None):
        raise _refusal(endpoint, reply, _envelope(reply))
    raise _failure(endpoint, reply)


def write_verdict(endpoint: Endpoint, reply: Reply) -> Mapping[str, Any]:
    """Return the envelope that accepts a write.

    Raises Refused only for words that are known to prove that nothing was done, OutcomeUnknown for
    everything else.
    """
    envelope = _envelope(reply)
    if reply.status == 200 and envelope is not None and _accepts(envelope):
        return envelope
    if envelope is not None and _proves_refusal(endpoint, reply.status, envelope):
        raise _refusal(endpoint, reply, envelope)
    raise OutcomeUnknown(
        f"{_name(endpoint)}: {_answered(reply)}; whether it was done is not known",
        action="look the order up before anything else is done with it",
        reason=_BY_STATUS.get(reply.status, VenueReason.OTHER),
    )


def _succeeds(endpoint: Endpoint, envelope: Mapping[str, Any] | None) -> bool:
    """Whether an answer to a read is one; without an envelope, unless it says that it is none."""
    if endpoint.bare:
        return envelope is None or member(envelope, "success") is not False
    return envelope is not None and _accepts(envelope)


def _accepts(envelope: Mapping[str, Any]) -> bool:
    return member(envelope, "success") is True and member(envelope, "code") in _SUCCESSES


def _proves_refusal(endpoint: Endpoint, status: int, envelope: Mapping[str, Any]) -> bool:
    """Whether these are words of the exchange itself that refuse this very call."""
    if member(envelope, "data"):
        return False
    message = _message(envelope)
    if status == 401:  # whose body says `success: true`
        return message.casefold().startswith(_UNAUTHORIZED)
    if status == 429:
        return _known(message, _REASONS) is VenueReason.RATE_LIMITED
    refuses = status == 200 or (400 <= status < 500 and status not in _UNPROVEN)
    if not refuses or member(envelope, "success") is not False:
        return False
    return _known(message, _PROOFS.get(endpoint.method, {})) is not None


def _failure(endpoint: Endpoint, reply: Reply) -> Unavailable:
    reason = _BY_STATUS.get(
        reply.status, VenueReason.OTHER if reply.status == 200 else VenueReason.UNREACHABLE
    )
    return Unavailable(
        f"{_name(endpoint)}: {_answered(reply)}", action=_ACTIONS.get(reason, ""), reason=reason
    )


def _refusal(endpoint: Endpoint, reply: Reply, envelope: Mapping[str, Any] | None) -> Refused:
    message = _message(envelope)
    reason = _reason(message, reply.status)
    said = _said(message, envelope) if message else _answered(reply)
    return Refused(
        f"{_name(endpoint)}: refused: {said} (HTTP {reply.status})",
        action=_ACTIONS.get(reason, ""),
        reason=reason,
    )


def _message(envelope: Mapping[str, Any] | None) -> str:
    return "" if envelope is None else str(member(envelope, "message") or "")


def _known(message: str, table: Mapping[str, VenueReason]) -> VenueReason | None:
    """Return what a message of a table means, None for one that is not in it."""
    words = message.strip().rstrip(".").casefold()
    if words.startswith("pair ") and words.endswith(("does not exists", "does not exist")):
        return VenueReason.UNKNOWN_SYMBOL
    return table.get(words)


def _reason(message: str, status: int) -> VenueReason:
    if status == 401:
        # The stamp is called a nonce in every wording of its refusal.
        return VenueReason.CLOCK if "nonce" in message.casefold() else VenueReason.UNAUTHORIZED
    known = _known(message, _REASONS)
    return _BY_STATUS.get(status, VenueReason.OTHER) if known is None else known


def _tree(endpoint: Endpoint, reply: Reply) -> Any:
    try:
        return read_json(reply.body)
    except BadInput as error:
        raise Garbled(
            f"{_name(endpoint)}: {error}",
            action="run again later; if it stays, something else answers at this address",
        ) from None


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
    envelope = _envelope(reply)
    if message := _message(envelope):
        return f"answered HTTP {reply.status}: {_said(message, envelope)}"
    return f"answered HTTP {reply.status}: {shown(reply.body)}"


def _said(message: str, envelope: Mapping[str, Any] | None) -> str:
    success, code = (None if envelope is None else member(envelope, name) for name in ("success", "code"))
    told = "" if isinstance(success, bool) else f"success {shown(success)}, "
    return f"{shown(message)}, {told}code {shown(code)}"


def _name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"
