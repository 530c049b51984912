"""Answers Prometheus' scrapes: one page, at /metrics, from a thread beside the loop."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import TCPServer
from threading import Thread
from typing import Any, Final, cast
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client.exposition import ThreadingWSGIServer, make_wsgi_app

from meva_adapters.btcturk.hosts import is_loopback
from meva_adapters.metrics.meters import Meters
from meva_core.errors import BadInput

PATH: Final = "/metrics"
_PATIENCE_SECONDS: Final = 10.0
"""A visitor who says nothing for so long is let go."""
_REFUSALS: Final = {
    errno.EADDRINUSE: ("another program listens there", "end that one, or choose another port"),
    errno.EACCES: ("not everybody may listen there", "choose a port from 1024 on"),
    errno.EADDRNOTAVAIL: ("this machine has no such address", "choose one that it has, such as 127.0.0.1"),
}
_Answer = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Server(ThreadingWSGIServer):
    """Listens without asking what we are called: a name service may not answer for minutes."""

    def server_bind(self) -> None:
        TCPServer.server_bind(self)
        self.server_name, self.server_port = cast("tuple[str, int]", self.server_address[:2])
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Visitor(WSGIRequestHandler):
    timeout = _PATIENCE_SECONDS

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: a scrape is no event."""


@contextmanager
def serving(meters: Meters, host: str, port: int) -> Iterator[str]:
    """Answer scrapes while the block lasts, and yield the page's address; port 0 takes any that is free.

    Raises BadInput for an address that cannot be listened at.
    """
    server = _listening(host, port)
    server.set_app(_only_the_page(make_wsgi_app(meters), is_own=is_loopback(host)))
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{shown_address(host, server.server_port)}{PATH}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listening(host: str, port: int) -> ThreadingWSGIServer:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return (_Server6 if family is socket.AF_INET6 else _Server)((host, port), _Visitor)
    except OSError as error:
        otherwise = (error.strerror or str(error), "choose another address")
        why, action = _REFUSALS.get(error.errno or 0, otherwise)
        raise BadInput(f"--metrics {shown_address(host, port)}: {why}", action=action) from None


def _only_the_page(page: _Answer, *, is_own: bool) -> _Answer:
    """Return what answers with the page at its path, whole, and with 404 elsewhere.

    Where only this machine is to read it (`is_own`), it must be asked for by a name of this machine: a web
    page in a browser here may have given its own name our address.
    """

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if is_own and not is_loopback(_name_in(environ.get("HTTP_HOST", ""))):
            return refused("403 Forbidden", "ask by 127.0.0.1 or localhost\n", start)
        if environ.get("PATH_INFO") != PATH:
            return refused("404 Not Found", f"there is {PATH}\n", start)
        return page({**environ, "QUERY_STRING": ""}, start)

    def refused(status: str, text: str, start: Callable[..., Any]) -> Iterable[bytes]:
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    return answer


def _name_in(host: str) -> str:
    """Return the name in a Host header, without its port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def shown_address(host: str, port: int) -> str:
    """Return an address as it is written."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
