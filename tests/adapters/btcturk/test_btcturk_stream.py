"""The stream over a real socket: it comes back, it keeps its place, it keeps its secrets."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from scripted_exchange import (
    FALLBACK,
    KEY,
    PAYLOADS,
    SECRET,
    Answer,
    Server,
    closed_port,
    data,
    doc,
    serving,
)
from test_btcturk_feed import NOW, changes, level, snapshot
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from meva_adapters.btcturk import (
    Btcturk,
    Channel,
    Client,
    PublicData,
    SharedCalls,
    Signer,
    Stream,
    StreamedMarket,
    connect,
    stream_of,
)
from meva_adapters.btcturk.endpoints import STREAM
from meva_adapters.btcturk.stream import Habits
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.events import ATTRIBUTE
from meva_core.errors import BadInput, Unavailable
from meva_core.settings import Exchange
from meva_core.venue import Book

Talk = Callable[[ServerConnection, int], None]
QUICK = Habits(first_pause=0.02, longest_pause=0.1)


@contextmanager
def speaking(talk: Talk) -> Iterator[tuple[str, list[Any]]]:
    """Run a stream server whose nth connection is held by `talk`; what clients send is kept."""
    heard: list[Any] = []
    count = iter(range(1000))

    def hear(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            heard.extend(map(json.loads, connection))

    def handle(connection: ServerConnection) -> None:
        listener = threading.Thread(target=hear, args=(connection,), daemon=True)
        place = next(count)
        listener.start()
        talk(connection, place)
        listener.join(timeout=60)

    with serve(handle, "127.0.0.1", 0, logger=logging.Logger("quiet", 60)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", heard
        server.shutdown()


@contextmanager
def streaming(url: str, **given: Any) -> Iterator[Stream]:
    stream = Stream(url, PAYLOADS, [(Channel.BOOK, "BTCTRY")], lambda: NOW, **{"habits": QUICK, **given})
    stream.start()
    try:
        yield stream
    finally:
        stream.close()


def wait_for(what: Callable[[], Any]) -> Any:
    for _ in range(6000):
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_a_book_follows_its_changes() -> None:
    def talk(connection: ServerConnection, place: int) -> None:
        connection.send(snapshot())
        connection.send(changes(1001, bids=[level(1, "3035150", "0.05")]))

    events: list[Any] = []
    with speaking(talk) as (url, heard), streaming(url, tell=events.append) as stream:
        book = wait_for(lambda: (b := stream.book("BTCTRY")) and b.bids[0].price == 3035150 and b)
        assert isinstance(book, Book)
        assert wait_for(lambda: heard)[0][1]["event"] == "BTCTRY"
        wait_for(lambda: len(events) == 2)
    assert not stream.is_connected
    assert stream.book("BTCTRY") is None


def test_a_dropped_connection_is_made_anew_and_no_old_book_is_shown_meanwhile() -> None:
    go_on = threading.Event()

    def talk(connection: ServerConnection, place: int) -> None:
        # What is closed before it was joined through is no connection yet, and not counted.
        wait_for(lambda: len(heard) > place)
        if place == 1:
            go_on.wait(60)
        connection.send(snapshot(sequence=place))
        if place == 0:
            connection.close()

    with speaking(talk) as (url, heard), streaming(url) as stream:
        wait_for(lambda: stream.connections == 2)
        assert stream.book("BTCTRY") is None
        go_on.set()
        assert wait_for(lambda: stream.book("BTCTRY")) is not None
        assert [one[1]["join"] for one in heard] == [True, True]


def test_a_gap_in_the_sequence_is_mended_on_the_same_connection() -> None:
    def talk(connection: ServerConnection, place: int) -> None:
        connection.send(snapshot(1))
        connection.send(changes(3))
        connection.send("no JSON at all")
        connection.send(snapshot(9))

    with speaking(talk) as (url, heard), streaming(url) as stream:
        assert wait_for(lambda: stream.book("BTCTRY")) is not None
        wait_for(lambda: len(heard) == 3)
        assert [one[1]["join"] for one in heard] == [True, False, True]
        assert stream.connections == 1


def test_which_books_are_followed_may_change_while_it_stands() -> None:
    def talk(connection: ServerConnection, place: int) -> None:
        if place:
            connection.send(snapshot().replace("BTCTRY", "ETHTRY"))

    with speaking(talk) as (url, heard), streaming(url) as stream:
        wait_for(lambda: len(heard) == 1)
        stream.follow(["ETHTRY"])
        wait_for(lambda: len(heard) == 3)
        asked = [(one[1]["event"], one[1]["join"]) for one in heard]
        assert asked == [("BTCTRY", True), ("BTCTRY", False), ("ETHTRY", True)]


def test_a_connection_that_answers_nothing_is_made_anew() -> None:
    """It stands, and its pings are answered: nothing but that says that nobody is there."""

    def talk(connection: ServerConnection, place: int) -> None:
        if place:
            connection.send(snapshot())

    habits = Habits(first_pause=0.02, longest_pause=0.1, answer=0.3)
    with speaking(talk) as (url, _), streaming(url, habits=habits) as stream:
        assert wait_for(lambda: stream.book("BTCTRY")) is not None
        assert stream.connections == 2
        time.sleep(0.5)
        assert stream.connections == 2, "what answered may be silent for as long as nothing is asked"
        stream.rejoin("BTCTRY")
        wait_for(lambda: stream.connections == 3)


def test_a_connection_that_speaks_garbage_is_made_anew() -> None:
    def talk(connection: ServerConnection, place: int) -> None:
        with suppress(ConnectionClosed):
            for _ in range(100 if place == 0 else 20):
                connection.send("<html>502</html>")
        if place:
            connection.send(snapshot())

    with speaking(talk) as (url, heard), streaming(url) as stream:
        assert wait_for(lambda: stream.book("BTCTRY")) is not None
        assert stream.connections == 2
        wait_for(lambda: len(heard) >= 2)
        assert len(heard) < 8, "a join for each piece of garbage would be garbage, too"


@define
class Doorman:
    """Who lets some in, and is told of those who were turned away."""

    lets: int
    turned: list[str | None] = field(factory=list)

    def enter(self) -> None:
        self.lets -= 1
        if self.lets < 0:
            raise Unavailable("too many", action="wait")

    def turned_away(self, retry_after: str | None) -> None:
        self.turned.append(retry_after)


def test_no_connection_is_made_that_the_door_does_not_let_in() -> None:
    def talk(connection: ServerConnection, place: int) -> None:
        connection.close()

    door = Doorman(2)
    with speaking(talk) as (url, _), streaming(url, door=door) as stream:
        wait_for(lambda: door.lets < -3)
        assert stream.is_failing
        assert stream.connections <= 2


def test_the_door_hears_for_how_long_the_exchange_wants_nobody(server: Server) -> None:
    server.on("GET /", Answer(429, headers={"Retry-After": "60"}))
    door = Doorman(1)
    with streaming(server.url.replace("http", "ws"), door=door) as stream:
        wait_for(lambda: door.turned)
        assert stream.is_failing
    assert door.turned == ["60"]


def test_new_connections_are_counted_with_all_calls_from_the_address(server: Server, tmp_path: Path) -> None:
    """15 a minute are the exchange's; two of ten are left to others."""
    server.on("GET /", Answer(429, headers={"Retry-After": "60"}))
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    opened = [connected(server, SharedCalls(folder / "calls.json", server.url)) for _ in range(2)]
    for _ in range(13):
        opened[0].client.count(STREAM)
    with pytest.raises(Unavailable, match="stream: no call may be made"):
        opened[1].client.count(STREAM)
    stream = stream_of(opened[1], Exchange(base_url=server.url), (), lambda: NOW)
    stream.start()
    wait_for(lambda: stream.is_failing)
    stream.close()
    assert server.asked == []
    for one in opened:
        one.close()


def connected(server: Server, calls: SharedCalls) -> Btcturk:
    return connect(Exchange(base_url=server.url), FALLBACK, SystemClock(), calls=calls)


def test_it_ends_soon_whoever_does_not_answer() -> None:
    def talk(connection: ServerConnection, place: int) -> None:
        connection.send(snapshot())

    with speaking(talk) as (url, _):
        stream = Stream(url, PAYLOADS, [(Channel.BOOK, "BTCTRY")], lambda: NOW)
        stream.start()
        wait_for(lambda: stream.book("BTCTRY"))
        began = time.monotonic()
        stream.close()
        assert time.monotonic() - began < 8, "it waited for an answer"
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections, and shakes no hands
        stream = Stream(f"ws://127.0.0.1:{deaf.getsockname()[1]}", PAYLOADS, [], lambda: NOW)
        stream.start()
        wait_for(lambda: stream._raw is not None)
        began = time.monotonic()
        stream.close()
        assert time.monotonic() - began < 8, "it waited for hands to be shaken"
        assert not stream._thread.is_alive()


def test_a_listener_that_fails_does_not_end_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    def talk(connection: ServerConnection, place: int) -> None:
        connection.send(snapshot())

    def fail(event: Any) -> None:
        raise RuntimeError("the listener's own fault")

    with speaking(talk) as (url, _), streaming(url, tell=fail) as stream:
        assert wait_for(lambda: stream.book("BTCTRY")) is not None
        wait_for(lambda: "was not taken" in caplog.text)
        assert stream.is_connected


def test_pauses_between_attempts_grow_so_that_the_handshake_limit_holds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = closed_port().replace("http", "ws")
    with streaming(url, habits=Habits(first_pause=0.01, longest_pause=0.04)):
        wait_for(lambda: caplog.text.count("broke off") >= 4)
    told = [getattr(record, ATTRIBUTE) for record in caplog.records if "broke off" in record.message]
    pauses = [fields["pause_seconds"] for _, fields in told]
    assert pauses[:4] == [0.01, 0.02, 0.04, 0.04]
    # As it is by default: 1, 2, 4, ... and then a minute, far below 15 a minute.
    assert Habits().longest_pause == 60.0


def test_a_redirect_is_not_followed(server: Server) -> None:
    with serving() as elsewhere:
        where = elsewhere.url.replace("http", "ws")
        server.on("GET /", Answer(302, headers={"Location": f"{where}/"}))
        signer = Signer(KEY, SECRET)
        with streaming(server.url.replace("http", "ws"), signer=signer) as stream:
            wait_for(lambda: len(server.asked) >= 2)
            assert not stream.is_connected
        assert elsewhere.asked == []


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy, speaking(lambda c, place: c.send(snapshot())) as (url, _):
        for name in ("http_proxy", "ALL_PROXY", "ws_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with streaming(url) as stream:
            assert wait_for(lambda: stream.book("BTCTRY")) is not None
        assert proxy.asked == []


def test_a_login_shows_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def talk(connection: ServerConnection, place: int) -> None:
        connection.send(json.dumps([114, {"type": 114, "ok": True}]))
        connection.send("[114,{}]")
        connection.close()

    with speaking(talk) as (url, heard), streaming(url, signer=Signer(KEY, SECRET)) as stream:
        wait_for(lambda: stream.connections >= 2)
    assert heard[0][1]["publicKey"] == KEY.reveal()
    for secret in (KEY.reveal(), heard[0][1]["signature"], SECRET.reveal()):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "url", ["ws://example.com", "http://127.0.0.1", "wss://", "ws://127.0.0.1.example.com"]
)
def test_an_unsafe_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="wss"):
        Stream(url, PAYLOADS, [], lambda: 0)


class Streamed:
    """A stream that shows one book and falls silent, beside REST that says what a test lets it say."""

    def __init__(self, server: Server, stream: Stream) -> None:
        self.client = Client(server.url, server.url, SystemClock())
        self.market = StreamedMarket(PublicData(self.client, FALLBACK, PAYLOADS), stream)
        self.server = server
        server.on("GET /api/v2/orderbook", data({"timestamp": 5, "bids": [["1", "1"]], "asks": [["2", "1"]]}))
        self.at(NOW)

    def at(self, micros: int) -> None:
        self.server.on("GET /api/v2/server/time", doc({"serverTime": micros // 1000}))
        self.client.clock.forget()

    def ticker(self, seconds: int, bid: str) -> None:
        row = {"pair": "BTCTRY", "timestamp": NOW // 1000 + seconds * 1000, "bid": bid, "ask": "3036600"}
        prices = dict.fromkeys(("last", "high", "low", "volume"), "3036000")
        self.server.on("GET /api/v2/ticker", data([{**row, **prices}]))
        self.market.tickers()

    def book(self) -> tuple[int, int]:
        """The best bid, and after how many seconds it is stamped; those of REST are of 1970."""
        book = self.market.book("BTCTRY")
        return int(book.bids[0].price), max(-1, (book.ts - NOW) // 10**6)


@pytest.fixture
def silent(server: Server) -> Iterator[Streamed]:
    with speaking(lambda c, place: c.send(snapshot())) as (url, _), streaming(url) as stream:
        wait_for(lambda: stream.book("BTCTRY"))
        streamed = Streamed(server, stream)
        yield streamed
        streamed.client.close()


def test_books_come_from_the_stream_while_it_has_them_and_from_rest_otherwise(silent: Streamed) -> None:
    assert silent.book() == (3035100, 0)
    silent.market.stream.close()
    assert silent.book() == (1, -1)


def test_a_book_is_as_old_as_its_last_frame_or_the_ticker_that_shows_the_same(silent: Streamed) -> None:
    silent.at(NOW + 20 * 10**6)
    assert silent.book() == (3035100, 0)
    silent.ticker(20, "3035100")
    assert silent.book() == (3035100, 20)
    silent.at(NOW + 60 * 10**6)
    assert silent.book() == (1, -1), "of which nothing was heard for long is asked for"


def test_a_book_that_two_tickers_speak_against_is_left(silent: Streamed) -> None:
    for seconds in (5, 10):
        assert silent.market.stream.showing("BTCTRY") is not None
        silent.at(NOW + seconds * 10**6)
        silent.ticker(seconds, "3039000")
        assert silent.book() == (1, -1)
    assert silent.market.stream.showing("BTCTRY") is None
