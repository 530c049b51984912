"""The one place that talks HTTP: one request for one whole answer, or a clear word on how it failed.

No redirects, no proxies or credentials from the environment, no cookies, certificates verified, plain HTTP
to this machine only. One deadline holds for the whole answer, and one size for its decoded body.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from attrs import field, frozen
from requests.auth import AuthBase

from meva_adapters.btcturk.hosts import is_loopback
from meva_adapters.btcturk.sockets import DeadlineAdapter
from meva_core import __version__
from meva_core.errors import BadInput
from meva_core.settings.secret import masked_address

MAX_BODY: Final = 4 * 2**20
_PIECE: Final = 2**16
_FAULTS: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    ArithmeticError,
    EOFError,
    OSError,
    ValueError,
)
"""What the libraries raise for an answer that is not HTTP. Not all of it is wrapped: a chunk with a length
below zero is a ValueError of the socket's file."""


class NotSent(Exception):
    """No connection came about: the exchange has seen nothing of the request."""


class NoAnswer(Exception):
    """The request may have been read, and no whole answer came."""


@frozen
class Request:
    """One request. `query` goes into the address, `body` is JSON text."""

    method: str
    path: str
    query: Mapping[str, object] = {}
    body: bytes | None = field(default=None, repr=False)
    auth: AuthBase | None = field(default=None, repr=False)


@frozen
class Reply:
    """A whole answer, of whatever status. `seconds` is how long it took, where somebody looked."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str | None = None
    location: str | None = field(default=None, repr=False)
    seconds: float = 0.0


class Transport:
    """A connection to one host. May be used by several threads."""

    def __init__(self, base_url: str, *, connect_seconds: float = 5.0, total_seconds: float = 15.0) -> None:
        """Raises BadInput for an address that is not HTTPS and not on this machine."""
        self._base = check_address(base_url, secure="https", plain="http")
        self._connect = connect_seconds
        self._total = total_seconds
        self._session = _new_session()

    def __repr__(self) -> str:
        return f"Transport({self._base})"

    @property
    def base_url(self) -> str:
        """The address that requests go to."""
        return self._base

    def exchange(self, request: Request) -> Reply:
        """Send one request and return the answer. Never sends twice.

        Raises NotSent or NoAnswer. Their messages name the cause and show no header.
        """
        try:
            response = self._session.request(
                request.method,
                self._base + request.path,
                params={name: str(value) for name, value in request.query.items()},
                data=request.body,
                headers={"Content-Type": "application/json"},
                auth=request.auth,
                # requests hands its time-out on to urllib3, which takes this one.
                timeout=urllib3.Timeout(connect=self._connect, total=self._total),  # type: ignore[arg-type]
                allow_redirects=False,
                stream=True,
            )
        except _FAULTS as error:
            raise _failure(error) from None
        with response:
            return Reply(
                response.status_code,
                self._body(response),
                response.headers.get("Retry-After"),
                response.headers.get("Location"),
            )

    def _body(self, response: requests.Response) -> bytes:
        """Read the body up to its cap; what goes on beyond it is not an answer."""
        parts: list[bytes] = []
        size = 0
        try:
            for part in response.raw.stream(_PIECE, decode_content=True):
                size += len(part)
                if size > MAX_BODY:
                    raise NoAnswer(f"the answer is larger than {MAX_BODY} bytes")
                parts.append(part)
        except _FAULTS as error:
            raise NoAnswer(f"the answer broke off ({_brief(error)})") from None
        return b"".join(parts)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def check_address(url: str, *, secure: str, plain: str) -> str:
    """Return an address without a slash at its end.

    Raises BadInput unless its scheme is `secure`, or `plain` and the host this machine.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if (parts.scheme == secure and host) or (parts.scheme == plain and is_loopback(host)):
        return url.rstrip("/")
    raise BadInput(
        f"{masked_address(url)}: not an address that begins with {secure}://",
        action=f"use {secure}://; {plain}:// is for an emulator on this machine (127.0.0.1) only",
    )


def _new_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.headers.update(
        {
            "User-Agent": f"meva/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
    )
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    session.mount("https://", DeadlineAdapter())
    session.mount("http://", DeadlineAdapter())
    return session


_NEVER_CONNECTED: Final = (
    urllib3.exceptions.ConnectTimeoutError,  # name resolution, refused connections and TLS are below it
    urllib3.exceptions.LocationParseError,
)


def _failure(error: BaseException) -> NotSent | NoAnswer:
    """Return what a failure proves: only a connection that never came about was read by nobody."""
    for cause in _causes(error):
        if isinstance(cause, _NEVER_CONNECTED):
            return NotSent(_brief(cause))
    return NoAnswer(_brief(error))


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and what it wraps: as argument, as `reason`, or as the one it was raised from."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo and len(found) < 20:
        cause = todo.pop()
        if isinstance(cause, BaseException) and not any(cause is known for known in found):
            found.append(cause)
            todo += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
    return found


def _brief(error: BaseException) -> str:
    """Name the innermost cause in words; addresses and headers stay out."""
    for cause in reversed(_causes(error)):
        if isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError):
            return (
                "timed out"
                if not isinstance(cause, urllib3.exceptions.NewConnectionError)
                else "no connection"
            )
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return type(error).__name__
