"""The kinds of faults and what each takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import Factory, frozen

REQUEST: Final = "before a request is looked at"
REPLY: Final = "on the reply"
FRAME: Final = "on a frame of the stream"
HANDSHAKE: Final = "on the stream's handshake"
ENDS: Final = ("504", "empty", "reset", "silence")
"""How a caller is left without an answer: Cloudflare's page, an empty 200, a cut connection, nothing."""


@frozen
class Kind:
    """A kind of fault: when it strikes, what it does, its settings with their defaults.

    `choices` are the values that a setting may have, for those that have few; `ranges` are the least and the
    largest that a number may be.
    """

    strikes: str
    about: str
    takes: Mapping[str, object] = Factory(dict)
    choices: Mapping[str, tuple[str, ...]] = Factory(dict)
    ranges: Mapping[str, tuple[float, float]] = Factory(dict)


_STATUSES: Final = (200, 599)
"""Of answers that end a request."""
_HOUR: Final = (0, 3600)
_LOST: Final[Mapping[str, object]] = {"end": "504", "seconds": 0.0}
_MISSING_FUNDS: Final[Mapping[str, object]] = {"code": 1122, "message": "FAILED_ORDER_WITH_OPEN_ORDERS"}

KINDS: Final[Mapping[str, Kind]] = {
    "answer": Kind(
        REQUEST,
        "answers in the exchange's place; the request is not looked at",
        {"status": 503, "body": "", "html": False, "headers": {}},
        ranges={"status": _STATUSES},
    ),
    "reject": Kind(
        REQUEST, "refuses an order or a cancel", _MISSING_FUNDS, ranges={"code": (-(2**31), 2**31 - 1)}
    ),
    "lose_request": Kind(
        REQUEST,
        "drops the request after `seconds`: nothing was done",
        _LOST,
        {"end": ENDS},
        {"seconds": _HOUR},
    ),
    "twice": Kind(REQUEST, "accepts an order twice, under one client id"),
    "fill_first": Kind(REQUEST, "fills a limit order just before its cancel is looked at"),
    "fill_after": Kind(REPLY, "fills a limit order while its accepted cancel is still to take effect"),
    "lose_reply": Kind(
        REPLY, "drops the reply after `seconds`: all was done", _LOST, {"end": ENDS}, {"seconds": _HOUR}
    ),
    "late": Kind(REPLY, "sends the reply `seconds` later", {"seconds": 1.0}, ranges={"seconds": _HOUR}),
    "drip": Kind(
        REPLY,
        "sends `bytes` every `seconds`",
        {"bytes": 1, "seconds": 0.05},
        ranges={"bytes": (0, 2**20), "seconds": _HOUR},
    ),
    "cut": Kind(
        REPLY,
        "cuts the body after `at` bytes, and says the length of the whole or of the part",
        {"at": 20, "whole_length": True},
        ranges={"at": (0, 2**30)},
    ),
    "garble": Kind(
        REPLY,
        "spoils the body",
        {"how": "html"},
        {"how": ("html", "bom", "utf16", "deep", "oversize", "bad_gzip", "bomb")},
    ),
    "edit": Kind(
        REPLY,
        "sets the member at a path such as `data.0.price`, or takes it out",
        {"path": "data", "value": None, "remove": False},
    ),
    "rows": Kind(
        REPLY,
        "disorders the list in `data`",
        {"how": "shuffle"},
        {"how": ("shuffle", "repeat", "halve", "empty")},
    ),
    "drop": Kind(FRAME, "drops the frame"),
    "repeat": Kind(FRAME, "sends the frame twice"),
    "hold": Kind(FRAME, "sends the frame after the next one"),
    "silent": Kind(
        FRAME,
        "sends nothing from this frame on, for `frames` frames or, with 0, as long as the connection stands",
        {"frames": 0},
        ranges={"frames": (0, 2**30)},
    ),
    "lag": Kind(
        FRAME,
        "sends this frame and all that follow on the connection `frames` frames late",
        {"frames": 100},
        ranges={"frames": (1, 2**20)},
    ),
    "spoil": Kind(
        FRAME,
        "spoils the frame: cuts it, sends a page in its place, or takes all members out of it",
        {"how": "cut"},
        {"how": ("cut", "html", "bare")},
    ),
    "close": Kind(
        FRAME,
        "closes the connection in the frame's place",
        {"code": 1011},
        ranges={"code": (1000, 4999)},
    ),
    "refuse": Kind(
        HANDSHAKE,
        "answers the handshake with a status",
        {"status": 429, "headers": {"Retry-After": "60"}},
        ranges={"status": _STATUSES},
    ),
}
