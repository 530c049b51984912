"""Calls and replies, apart from any server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson
from attrs import Factory, define, field, frozen

from meva_adapters.emulator.exchange.rejections import Reason

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=UTF-8"


def _path(path: str) -> str:
    return path.rstrip("/") or "/"


def _by_name(query: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return a query by names in lower case: the exchange reads a name however it is written."""
    found: dict[str, list[str]] = {}
    for name, values in query.items():
        found.setdefault(name.lower(), []).extend(values)
    return found


@frozen
class Call:
    """A request. A slash at the end of its path is not there.

    Query values are lists, as names may repeat; names of headers and of the query are in lower case.
    """

    method: str
    path: str = field(converter=_path)
    query: Mapping[str, list[str]] = field(factory=dict, converter=_by_name)
    headers: Mapping[str, str] = Factory(dict)
    body: bytes = b""
    remote: str = "127.0.0.1"

    def one(self, name: str) -> str | None:
        """Return the last value of a query parameter, None when it is absent."""
        values = self.all(name)
        return values[-1] if values else None

    def all(self, name: str) -> list[str]:
        """Return all values of a query parameter."""
        return self.query.get(name.lower(), [])


@define
class Reply:
    """A response with its whole body, or with the `work` that makes it.

    Work touches nothing that changes, so it may be done beside the event loop.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = Factory(dict)
    work: Callable[[], bytes] | None = None

    def finish(self) -> Reply:
        """Do the work that is left, and return the reply."""
        if self.work is not None:
            self.body, self.work = self.work(), None
        return self


_FILTER: Final = re.compile(r".*(?:pair|symbol).*|.*ids?", re.ASCII)
"""What is left of a parameter's name, without all that is no letter, where it says which rows are wanted."""


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


def check_filters(call: Call, *names: str) -> None:
    """Raise Failed for a filter without a value, and for one that is none of `names`.

    Not seen, either would widen the answer to everything: all fills where those of one order were asked for.
    """
    known = {name.lower() for name in names}
    for name, values in call.query.items():
        if name in known and not all(values):
            raise refused(f"The parameter {name} has no value.")
        if name not in known and _FILTER.fullmatch(re.sub("[^a-z]", "", name)):
            raise refused(f"The parameter {name[:50]} is not known here.")
