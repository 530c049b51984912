"""Calls and replies, apart from any server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from attrs import Factory, define, frozen

from meva_adapters.emulator.exchange.rejections import Reason

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=UTF-8"


@frozen
class Call:
    """A request. Query values are lists, as names may repeat; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]] = Factory(dict)
    headers: Mapping[str, str] = Factory(dict)
    body: bytes = b""
    remote: str = "127.0.0.1"

    def one(self, name: str) -> str | None:
        """Return the last value of a query parameter, None when it is absent."""
        values = self.query.get(name)
        return values[-1] if values else None


@define
class Reply:
    """A response with its whole body."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = Factory(dict)


class Failed(Exception):
    """A call that is answered with an error; `reply` is the answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body)
        self.reply = reply


def enveloped(data: Any, message: str | None = None, code: int | str = 0) -> Reply:
    """Return a success with its data in the envelope."""
    return Reply(200, orjson.dumps({"data": data, "success": True, "message": message, "code": code}))


def bare(data: Any) -> Reply:
    """Return a success without an envelope."""
    return Reply(200, orjson.dumps(data))


def refused(message: str, code: int = Reason.REQUEST.code, status: int = 400) -> Failed:
    """Return a refusal in the short form: no data, no HTTP status inside."""
    return Failed(Reply(status, orjson.dumps({"success": False, "message": message, "code": code})))


def order_refused(message: str, code: int, status: int = 400) -> Failed:
    """Return a refusal as the order endpoint words it."""
    body = {"httpStatusCode": status, "data": None, "success": False, "message": message, "code": code}
    return Failed(Reply(status, orjson.dumps(body)))
