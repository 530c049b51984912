"""A receiver of webhooks on this machine: what came, and what it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import define, field


@define(slots=False)
class Webhook:
    """What came, in order: the path and the document. `answer` says the status by how many came before."""

    port: int = 0
    answer: Callable[[int], int] = lambda before: 200
    came: list[tuple[str, dict[str, Any]]] = field(factory=list)
    taken: list[dict[str, Any]] = field(factory=list)
    _changed: threading.Condition = field(factory=threading.Condition)

    def url(self, path: str = "hook") -> str:
        """The receiver in the notation of apprise."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def texts(self) -> list[str]:
        """What was taken, as one text each."""
        return [f"{one['title']}\n{one['message']}" for one in list(self.taken)]

    def until(self, count: int, seconds: float = 30.0) -> None:
        """Wait until so many were taken."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.taken) >= count, seconds)
        assert found, f"{len(self.taken)} of {count} were taken, {len(self.came)} came"

    def take(self, path: str, document: dict[str, Any]) -> int:
        """Take one in, and return the status to answer with."""
        with self._changed:
            before = len(self.came)
            self.came.append((path, document))
        status = self.answer(before)
        with self._changed:
            if status < 300:
                self.taken.append(document)
            self._changed.notify_all()
        return status


@contextmanager
def webhook(answer: Callable[[int], int] = lambda before: 200) -> Iterator[Webhook]:
    """Serve a webhook on a port of its own."""
    found = Webhook(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = found.take(self.path, json.loads(body or b"{}"))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
