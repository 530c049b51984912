"""The transport over real sockets: deadlines, sizes, redirects, proxies, and what a failure proves."""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_exchange import CUT, Answer, Asked, Server, closed_port, doc, serving
from strategies import examples

from meva_adapters.btcturk.transport import MAX_BODY, NoAnswer, NotSent, Request, Transport
from meva_core.errors import BadInput

GET = Request("GET", "/x")


@pytest.fixture
def transport(server: Server) -> Iterator[Transport]:
    made = Transport(server.url, connect_seconds=0.5, total_seconds=0.5)
    yield made
    made.close()


def test_an_answer_comes_back_whole(server: Server, transport: Transport) -> None:
    server.on("GET /x", doc({"a": 1}, Retry_After="7"))
    reply = transport.exchange(GET)
    assert (reply.status, reply.body, reply.retry_after) == (200, b'{"a": 1}', "7")


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Answer(seconds=3), "silence"),
        (Answer(body=b"x" * 200, drip=0.05), "a dripping head and body"),
        (
            Answer(
                raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 99, drip=0.01
            ),
            "chunks",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_deadline_holds_for_the_whole_answer(
    server: Server, transport: Transport, answer: Answer, what: str
) -> None:
    server.on("GET /x", answer)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="timed out"):
        transport.exchange(GET)
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize(
    "answer",
    [
        CUT,
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}"),
        Answer(raw=b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}"),
        Answer(raw=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99),
        Answer(raw=b"not HTTP at all\r\n\r\n"),
        Answer(body=gzip.compress(b"x" * 5000)[:-20], headers={"Content-Encoding": "gzip"}),
        Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_broken_answer_is_none(server: Server, transport: Transport, answer: Answer) -> None:
    server.on("GET /x", answer)
    if answer.body[:2] == b"\x1f\x8b":  # a cut gzip stream may end silently: then JSON shows it
        try:
            assert len(transport.exchange(GET).body) < 5000
        except NoAnswer:
            return
    else:
        with pytest.raises(NoAnswer):
            transport.exchange(GET)


@pytest.mark.parametrize("status", [100, 102, 103])
def test_an_interim_answer_leaves_the_answer_to_its_own_request(
    server: Server, transport: Transport, status: int
) -> None:
    interim = f"HTTP/1.1 {status} Wait\r\nLink: </x>\r\n\r\n".encode() * 2

    def answer(asked: Asked) -> Answer:
        number = asked.query["number"].encode()
        # What follows its interim answer later is what another request would take for its own.
        return Answer(body=number, before=interim, between=0.05) if number == b"2" else Answer(body=number)

    server.on("GET /x", answer)
    for number in (b"1", b"2", b"3", b"4"):
        assert transport.exchange(Request("GET", "/x", {"number": number.decode()})).body == number


@pytest.mark.parametrize("size", [MAX_BODY, MAX_BODY + 1])
@pytest.mark.parametrize("packed", [False, True])
def test_a_body_is_read_up_to_its_cap(server: Server, size: int, packed: bool) -> None:
    body = b"x" * size
    headers = {"Content-Encoding": "gzip"} if packed else {}
    server.on("GET /x", Answer(body=gzip.compress(body) if packed else body, headers=headers))
    transport = Transport(server.url)
    if size <= MAX_BODY:
        assert transport.exchange(GET).body == body
    else:
        with pytest.raises(NoAnswer, match="larger than"):
            transport.exchange(GET)
    transport.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: Server, transport: Transport, status: int) -> None:
    with serving() as elsewhere:
        server.on("POST /x", Answer(status, headers={"Location": f"{elsewhere.url}/y"}))
        assert transport.exchange(Request("POST", "/x", body=b"{}")).status == status
        assert elsewhere.asked == []


def test_the_environment_changes_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        server.on("GET /x", doc({}))
        transport = Transport(server.url)
        assert transport.exchange(GET).status == 200
        assert proxy.asked == []
        transport.close()


def test_cookies_are_not_kept(server: Server, transport: Transport) -> None:
    server.on("GET /x", doc({}, Set_Cookie="session=1; Path=/"))
    transport.exchange(GET)
    transport.exchange(GET)
    assert all("Cookie" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize("url", ["nobody listens", "https://localhost:1", "https://name.invalid"])
def test_only_a_connection_that_never_came_about_proves_that_nothing_was_sent(url: str) -> None:
    url = closed_port() if url == "nobody listens" else url
    transport = Transport(url, connect_seconds=0.5, total_seconds=1.0)
    with pytest.raises(NotSent):
        transport.exchange(Request("POST", "/x"))
    transport.close()


def test_a_failed_tls_handshake_sends_nothing(server: Server) -> None:
    # A plain server at the other end: the handshake fails before any request could be read.
    transport = Transport(server.url.replace("http://", "https://"), connect_seconds=0.5, total_seconds=1.0)
    with pytest.raises(NotSent):
        transport.exchange(Request("POST", "/x"))
    assert all(asked.method != "POST" for asked in server.asked)
    transport.close()


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "https://", "http://0.0.0.0"],
)
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    with pytest.raises(BadInput, match="https"):
        Transport(url)


def test_logs_and_errors_show_no_header(
    server: Server, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("GET /x", CUT)
    with pytest.raises(NoAnswer) as caught:
        transport.exchange(GET)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "application/json" not in caplog.text


@examples(0.8)
@given(raw=st.binary(max_size=300) | st.binary(max_size=80).map(lambda b: b"HTTP/1.1 200 OK\r\n" + b))
def test_any_bytes_are_an_answer_or_none(raw: bytes) -> None:
    with serving() as server:
        server.on("GET /x", Answer(raw=raw))
        transport = Transport(server.url, connect_seconds=1.0, total_seconds=1.0)
        with suppress(NoAnswer):
            assert isinstance(transport.exchange(GET).body, bytes)
        transport.close()
