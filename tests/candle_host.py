"""A small exchange on loopback that has one pair's candles, and the faults that candle hosts have."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field

PAIR = {
    "name": "BATTRY",
    "status": "TRADING",
    "numerator": "BAT",
    "denominator": "TRY",
    "numeratorScale": 4,
    "denominatorScale": 3,
    "hasFraction": True,
    "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.001", "minExchangeValue": "99.91"}],
    "orderMethods": ["MARKET", "LIMIT"],
    "commissionFromNumerator": False,
}
HTML = "<html><body>temporarily unavailable</body></html>"
ERROR = json.dumps({"s": "error", "errmsg": "internal error"})


@define
class CandleHost:
    """`spoil` gives another body for a page, by the page's number; `asked` keeps what was asked for."""

    url: str = ""
    traded: Callable[[int], bool] = lambda at: True
    price: Callable[[int], Any] = lambda at: 6
    spoil: Callable[[int], str | None] = lambda page: None
    settles: int = 0
    asked: list[tuple[int, int]] = field(factory=list)

    def bars(self, first: int, last: int) -> str:
        """Return the bars that open in [first, last]; the youngest `settles` seconds of them still change."""
        times = [at for at in range(-(-first // 60) * 60, last + 1, 60) if self.traded(at)]
        prices = [self.price(at) for at in times]
        volumes = [1 if at > time.time() - self.settles else 50 for at in times]
        return json.dumps({"s": "ok", "t": times, **dict.fromkeys("ohlc", prices), "v": volumes})

    def answer(self, path: str, query: dict[str, str]) -> str:
        """Return the body for one request."""
        if path.endswith("time"):
            return json.dumps({"serverTime": int(time.time() * 1000)})
        if path.endswith("exchangeinfo"):
            return json.dumps({"data": {"symbols": [PAIR]}, "success": True, "message": None, "code": 0})
        first, last = int(query["from"]), int(query["to"])
        self.asked.append((first, last))
        return self.spoil(len(self.asked)) or self.bars(first, last)


@contextmanager
def candle_host() -> Iterator[CandleHost]:
    """Serve while the block lasts."""
    host = CandleHost()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = host.answer(url.path, dict(parse_qsl(url.query))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
