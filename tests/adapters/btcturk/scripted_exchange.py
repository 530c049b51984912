"""A server on loopback that answers as a script says, byte by byte if need be."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field, frozen

from meva_adapters.btcturk import Payloads
from meva_core.rules import FallbackRules
from meva_core.settings import Secret

KEY = Secret("b7e1c0de-0000-4000-8000-000000000001")
SECRET = Secret("ZW11bGF0b3Itc2VjcmV0LWtleS0zMi1ieXRlcy14eXo=")
FALLBACK = FallbackRules(Decimal("0.01"), Decimal("0.00000001"), Decimal(10), require_metadata=True)


PAYLOADS = Payloads()


@define
class Seconds:
    """A clock that only moves when somebody sleeps, or when it is told to."""

    now: float = 1000.0
    slept: list[float] = field(factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def wait(self, seconds: float) -> bool:
        """Wait as long as is wanted."""
        self.sleep(seconds)
        return True


@frozen
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"


@frozen
class Answer:
    """What is sent back. `raw` replaces all of it; `seconds` is waited first, `drip` between single bytes.

    `before` is sent on its own, and `between` waited after it.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    raw: bytes | None = None
    seconds: float = 0.0
    drip: float = 0.0
    before: bytes = b""
    between: float = 0.0
    hang_up: bool = False

    def to_bytes(self) -> bytes:
        if self.raw is not None:
            return self.raw
        headers = {"Content-Length": str(len(self.body)), "Content-Type": "application/json", **self.headers}
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def doc(tree: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON document."""
    return Answer(status, json.dumps(tree).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


def data(tree: Any) -> Answer:
    """A document in the usual envelope."""
    return doc({"data": tree, "success": True, "message": "SUCCESS", "code": 0})


def refusal(message: str, code: int = 1000, status: int = 400) -> Answer:
    """A refusal in the usual envelope."""
    return doc({"data": None, "success": False, "message": message, "code": code}, status)


CUT = Answer(raw=b"")
"""The connection closes without a word."""
PAGE = Answer(504, b"<html>504 Gateway Time-out</html>", {"Content-Type": "text/html"})

Script = Callable[[Asked], Answer]


@define
class Server:
    """The scripted server. A call's answers are given in turn, the last one for ever."""

    url: str = ""
    asked: list[Asked] = field(factory=list)
    scripts: dict[str, deque[Answer] | Script] = field(factory=dict)
    ahead_seconds: float = 0.0
    _lock: threading.Lock = field(factory=threading.Lock)

    def on(self, call: str, *answers: Answer | Script) -> None:
        """Say what answers a call such as "GET /api/v2/ticker"."""
        first = answers[0]
        self.scripts[call] = first if callable(first) else deque(a for a in answers if isinstance(a, Answer))

    def calls(self, call: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.call == call]

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            script = self.scripts.get(asked.call)
            if script is None and asked.call == "GET /api/v2/server/time":
                return doc({"serverTime": int((time.time() + self.ahead_seconds) * 1000)})
            if script is None:
                return Answer(404)
            if callable(script):
                return script(asked)
            return script.popleft() if len(script) > 1 else script[0]


class _Handler(socketserver.StreamRequestHandler):
    script: Server

    def handle(self) -> None:
        try:
            while (asked := self._read()) is not None:
                answer = self.script.answer(asked)
                time.sleep(answer.seconds)
                self._send(answer)
                if answer.raw is not None or answer.hang_up:
                    return
        except (OSError, ValueError):  # the client went away, or spoke TLS
            return

    def _send(self, answer: Answer) -> None:
        self.wfile.write(answer.before)
        time.sleep(answer.between)
        content = answer.to_bytes()
        if not answer.drip:
            self.wfile.write(content)
            return
        for byte in content:
            self.wfile.write(bytes([byte]))
            time.sleep(answer.drip)

    def _read(self) -> Asked | None:
        line = self.rfile.readline().decode("latin-1")
        if not line:
            return None
        method, target, _ = line.split()
        headers = {}
        while (line := self.rfile.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers[name.strip()] = value.strip()
        body = self.rfile.read(int(headers.get("Content-Length", "0")))
        parts = urlsplit(target)
        return Asked(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64


@contextmanager
def serving() -> Iterator[Server]:
    """Run a scripted server on a free port of this machine."""
    script = Server()
    handler = type("Handler", (_Handler,), {"script": script})
    with _Threads(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield script
        finally:
            server.shutdown()


def closed_port() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
