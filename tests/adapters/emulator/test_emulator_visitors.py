"""Programs may call the emulator, pages that a browser shows may not."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import requests
from emulator_server import Emulator, HandClock, running
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.btcturk.transport import is_loopback as meva_takes
from meva_adapters.emulator.server.serving import Doors
from meva_adapters.emulator.server.visitors import Doorman, doorman

HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running(still=True, clock=HandClock()) as emulator:
        yield emulator


def asked(
    guard: Doorman, host: str, origin: str | None = None, site: str = "", address: str = HERE
) -> str | None:
    return guard.refusal([host], [] if origin is None else [origin], site, address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8765",
        "localhost",
        "LOCALHOST:1",
        "[::1]:8765",
        "127.1.2.3",
        "app.localhost",
        "localhost.:80",
    ],
)
def test_loopback_has_many_names(host: str) -> None:
    assert asked(doorman("127.0.0.1", ()), host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.7", "", "a@127.0.0.1",
     "127.0.0.1:8765/x", "[::1", "127.0.0.1 evil", "2130706433"],
)  # fmt: skip
def test_a_name_that_nobody_serves_here_is_refused_whatever_it_resolves_to(host: str) -> None:
    assert asked(doorman("127.0.0.1", ()), host) is not None


def test_the_address_that_is_served_is_a_name_and_so_is_the_one_a_request_came_to() -> None:
    assert asked(doorman("192.0.2.7", ()), "192.0.2.7:8765") is None
    assert asked(doorman("trader.lan", ()), "Trader.LAN:8765") is None
    assert asked(doorman("0.0.0.0", ()), "192.0.2.7:8765", address="192.0.2.7") is None
    assert asked(doorman("0.0.0.0", ()), "192.0.2.8:8765", address="192.0.2.7") is not None
    assert asked(doorman("0.0.0.0", ("emulator",)), "emulator:8765", address="192.0.2.7") is None


def test_one_host_header_is_needed() -> None:
    guard = doorman(HERE, ())
    assert guard.refusal([], [], "", HERE) is not None
    assert guard.refusal([HERE, "evil.example"], [], "", HERE) is not None


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        ("http://127.0.0.1:8765", True),
        ("http://127.0.0.1:3000", False),
        ("http://localhost:8765", False),
        ("http://evil.example", False),
        ("http://evil.example:8765", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("chrome-extension://127.0.0.1:8765", False),
        ("https://pro.example", True),
    ],
)
def test_an_origin_is_the_host_that_is_called_or_was_let_in(origin: str, passes: bool) -> None:
    assert (asked(doorman(HERE, ("pro.example",)), "127.0.0.1:8765", origin) is None) is passes


@pytest.mark.parametrize(
    ("site", "passes"),
    [("", True), ("none", True), ("same-origin", True), ("same-site", False), ("cross-site", False)],
)
def test_what_a_browser_says_of_a_request_without_an_origin_counts(site: str, passes: bool) -> None:
    assert (asked(doorman(HERE, ()), HERE, site=site) is None) is passes


@given(host=st.text(max_size=30), origin=st.text(max_size=30))
def test_no_name_passes_but_those_that_are_served(host: str, origin: str) -> None:
    if asked(doorman(HERE, ()), host, origin) is None:
        assert (
            host.lower().strip("[]").startswith(("127.", "localhost", "::1", "[::1")) or ".localhost" in host
        )
        assert origin.lower().endswith(host.lower())


CALLS = (
    ("POST", "/_emulator/limits/reset"),
    ("GET", "/_emulator/state"),
    ("GET", "/api/v2/server/time"),
    ("GET", "/v1/klines/history?symbol=BTCTRY&resolution=1"),
    ("POST", "/api/v1/order"),
)


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "header",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_no_endpoint_answers_a_page(
    emulator: Emulator, method: str, path: str, header: dict[str, str]
) -> None:
    headers = {**emulator.signed(), **header}
    reply = requests.request(method, emulator.doors.base_url + path, headers=headers, json={}, timeout=60)
    assert reply.status_code == 403
    message: Any = reply.json().get("error") or reply.json().get("message")
    assert "here" in message


def test_the_stream_shakes_no_hands_with_a_page(emulator: Emulator) -> None:
    async def greeting(**headers: str) -> str:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(emulator.doors.stream_url + "/ws/", headers=headers) as stream,
        ):
            return str(await stream.receive_str())

    assert json.loads(asyncio.run(greeting()))[0] == 991
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            asyncio.run(greeting(**headers))
        assert refusal.value.status == 403


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b'{"cancel_ms": 7}', 200),
        ("Application/JSON; charset=utf-8", b'{"cancel_ms": 7}', 200),
        ("text/plain", b'{"cancel_ms": 8}', 415),
        ("application/x-www-form-urlencoded", b'{"cancel_ms": 8}', 415),
        ("text/plain", b"", 415),
        (None, b'{"cancel_ms": 8}', 415),
        (None, b"", 200),
        ("application/json", b" " * (2**20 + 1), 400),
    ],
)
def test_a_control_call_is_called_json(
    emulator: Emulator, kind: str | None, body: bytes, status: int
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    reply = emulator.control("POST", "policy", data=body, headers=headers)
    assert reply.status_code == status, reply.text
    assert ("error" in reply.json()) is (status != 200)
    assert emulator.control("GET", "state").json()["policy"]["cancel_ms"] in (7, 20)


def test_a_host_may_be_told_twice_by_nobody(emulator: Emulator) -> None:
    with socket.create_connection((emulator.doors.host, emulator.doors.port), timeout=60) as raw:
        raw.sendall(b"GET /_emulator/state HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n")
        assert raw.recv(12).split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8765"),
        ("::1", "http://[::1]:8765"),
        ("[::1]", "http://[::1]:8765"),
        ("0.0.0.0", "http://127.0.0.1:8765"),
        ("::", "http://[::1]:8765"),
        ("localhost", "http://localhost:8765"),
    ],
)
def test_the_address_that_is_printed_is_one_that_meva_takes(host: str, url: str) -> None:
    doors = Doors(host, 8765, 8766)
    assert (doors.base_url, doors.stream_url) == (url, url.replace("http", "ws"))
    assert doors.graph_url == url.replace("8765", "8766")
    assert meva_takes(requests.compat.urlsplit(doors.base_url).hostname or "")
