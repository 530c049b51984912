"""The stream over real sockets: channels, books by diff, logins, user events, faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from emulator_server import KEY, Emulator, HandClock, running

LOGIN = {
    "type": 114,
    "publicKey": KEY,
    "timestamp": 1760000000000,
    "nonce": 3000,
    "signature": "Yk90P0OmNRLXPvnkL6i8h3yuDIA8s4FHZlyA+kk/as8=",
}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running(still=True, clock=HandClock()) as emulator:
        emulator.control("POST", "policy", json={"cancel_ms": 0})
        quote(emulator, 3_000_000)
        yield emulator


def quote(emulator: Emulator, bid: int) -> None:
    emulator.control("POST", "quote", json={"pair": "BTCTRY", "bid": str(bid), "ask": str(bid + 100)})


class Client:
    """A client that keeps every frame it has read."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.frames: list[tuple[int, Any]] = []

    async def say(self, kind: int, **body: Any) -> None:
        await self._socket.send_str(json.dumps([kind, {"type": kind, **body}]))

    async def join(self, channel: str, event: str, join: bool = True) -> Any:
        await self.say(151, channel=channel, event=event, join=join)
        return await self.next(100)

    async def next(self, kind: int, within: float = 5.0) -> Any:
        """Read until a frame of that type comes; None when it does not in time, or the connection ends."""
        try:
            async with asyncio.timeout(within):
                while True:
                    message = await self._socket.receive()
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        return None
                    found, body = json.loads(message.data)
                    self.frames.append((found, body))
                    if found == kind:
                        return body
        except TimeoutError:
            return None

    async def raw(self, text: str) -> None:
        await self._socket.send_str(text)


def talk(emulator: Emulator, act: Callable[[Client], Awaitable[None]], path: str = "/") -> list[int]:
    """Connect, act, and return the types of all frames that were read."""

    async def run() -> list[int]:
        url = emulator.doors.base_url + path
        async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=0) as socket:
            client = Client(socket)
            await act(client)
            return [kind for kind, _ in client.frames]

    return asyncio.run(run())


async def in_thread(act: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, act)


@pytest.mark.parametrize("path", ["/", "/ws", "/market"])
def test_a_connection_is_greeted_with_the_version(emulator: Emulator, path: str) -> None:
    async def act(client: Client) -> None:
        assert await client.next(991) == {"type": 991, "current": "6.0.0", "min": "2.3.0"}

    talk(emulator, act, path)


def test_everything_is_acknowledged_but_a_second_join(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        assert await client.join("trade", "BTCTRY") == {
            "type": 100,
            "ok": True,
            "message": "join|trade:BTCTRY",
        }
        assert (await client.join("trade", "BTCTRY"))["ok"] is False
        assert (await client.join("trade", "btctry"))["ok"] is True
        assert (await client.join("nonsense", "NOPE"))["ok"] is True
        left = await client.join("trade", "BTCTRY", join=False)
        assert (left["ok"], left["message"]) == (True, "leave|trade:BTCTRY")

    talk(emulator, act)


def test_garbage_is_ignored_and_the_connection_stays_open(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        for text in ("nope", "{}", "[151]", "[999,{}]", '[151,{"channel":1}]', "[" * 5000, "[151,[]]"):
            await client.raw(text)
        await client.say(151, channel="trade", event=["BTCTRY"], join=True)
        assert (await client.join("ticker", "BTCTRY"))["message"] == "join|ticker:BTCTRY"

    talk(emulator, act)


def test_tickers_come_again_and_again(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        await client.join("ticker", "BTCTRY")
        ticker = await client.next(402)
        assert (ticker["PS"], ticker["B"], ticker["A"], ticker["PId"]) == ("BTCTRY", "3000000", "3000100", 1)
        again = await client.next(402)
        assert (again["B"], again["LA"]) == (ticker["B"], ticker["LA"])
        await client.join("ticker", "all")
        everything = await client.next(401)
        assert len(everything["items"]) == 12

    talk(emulator, act)


def test_trades_come_as_a_list_first_and_then_one_by_one(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        await client.join("trade", "BTCTRY")
        listed = await client.next(421)
        assert 0 < len(listed["items"]) <= 50
        await in_thread(
            lambda: emulator.order(
                pairSymbol="BTCTRY", orderType="buy", orderMethod="market", quantity="3000"
            )
        )
        trade = await client.next(422)
        assert (trade["PS"], trade["P"], trade["S"]) == ("BTCTRY", "3000100.0000000000", 0)
        assert trade["D"].isdigit()
        assert int(trade["I"]) > int(listed["items"][0]["I"])

    talk(emulator, act)


def test_a_book_kept_by_diffs_equals_the_full_book(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        await client.join("obdiff", "BTCTRY")
        first = await client.next(431)
        assert first["channel"] == "obdiff"
        book = {side: {row["P"]: row["A"] for row in first[side]} for side in ("AO", "BO")}
        change = first["CS"]
        for bid in (3_000_200, 2_999_000, 2_999_050):
            await in_thread(lambda bid=bid: quote(emulator, bid))
            diff = await client.next(432)
            assert diff["CS"] == change + 1
            change = diff["CS"]
            for side in ("AO", "BO"):
                for row in diff[side]:
                    assert (row["P"] in book[side]) is (row["CP"] != 1)
                    if row["CP"] == 3:
                        del book[side][row["P"]]
                    else:
                        book[side][row["P"]] = row["A"]
        await client.join("orderbook", "BTCTRY")
        full = await client.next(431)
        assert full["channel"] == "orderbook"
        assert book == {side: {row["P"]: row["A"] for row in full[side]} for side in ("AO", "BO")}
        prices = [Decimal(row["P"]) for row in full["AO"]]
        assert prices == sorted(prices)

    talk(emulator, act)


def test_an_unchanged_book_is_silent(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        await client.join("obdiff", "BTCTRY")
        assert await client.next(432, within=1.8) is None

    assert talk(emulator, act).count(431) == 1


def test_the_forming_candle_is_told(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        await client.join("tradeview", "BTCTRY_60")
        candle = await client.next(428)
        assert (candle["P"], candle["R"], candle["D"] % 3600) == ("BTCTRY", "60", 0)
        assert Decimal(candle["L"]) <= Decimal(candle["C"]) <= Decimal(candle["H"])

    talk(emulator, act)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signature": "AAAA"}, "Unauthorized - Invalid Signature"),
        ({"nonce": 1760000000000}, "Unauthorized - Invalid Request"),
        ({"publicKey": "nobody"}, "Unauthorized - Invalid Public key"),
    ],
)
def test_a_bad_login_is_told_why(emulator: Emulator, change: dict[str, Any], message: str) -> None:
    async def act(client: Client) -> None:
        await client.say(114, **{**LOGIN, **change})
        assert await client.next(114) == {"type": 114, "id": 0, "ok": False, "message": message}

    talk(emulator, act)


def test_a_login_gets_the_news_of_its_own_orders(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        await client.say(114, **LOGIN)
        assert (await client.next(114))["ok"] is True
        assert (await client.next(451))["id"] == 0
        fields = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit"}
        reply = await in_thread(
            lambda: emulator.order(**fields, quantity="0.001", price="2999000", newOrderClientId="w-1")
        )
        order_id = reply.json()["data"]["id"]
        inserted = await client.next(451)
        assert (inserted["id"], inserted["newOrderClientId"]) == (order_id, "w-1")
        assert (inserted["numLeft"], inserted["denomLeft"]) == ("0.001", "3002.5988")
        await in_thread(lambda: quote(emulator, 2_990_000))
        match = await client.next(441)
        assert (match["id"], match["amount"], match["isBid"]) == (order_id, "0.0010000000", True)
        fill = await client.next(423)
        assert "type" not in fill
        assert (fill["orderId"], fill["price"]) == (order_id, "2999000")
        reply = await in_thread(lambda: emulator.order(**fields, quantity="0.001", price="2980000"))
        await in_thread(lambda: emulator.cancel(reply.json()["data"]["id"]))
        removed = await client.next(452)
        assert removed["numLeft"] == "0.0010000000000000"

    assert 453 not in talk(emulator, act)


def test_nobody_is_told_of_the_orders_of_others(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        await client.next(991)
        await in_thread(
            lambda: emulator.order(
                pairSymbol="BTCTRY", orderType="sell", orderMethod="market", quantity="0.01"
            )
        )
        assert await client.next(451, within=0.3) is None

    assert talk(emulator, act) == [991]


def test_the_silence_of_long_sessions_leaves_only_fills(emulator: Emulator) -> None:
    emulator.control("POST", "policy", json={"user_events": False})

    async def act(client: Client) -> None:
        await client.say(114, **LOGIN)
        await client.next(451)
        await in_thread(
            lambda: emulator.order(
                pairSymbol="BTCTRY", orderType="sell", orderMethod="market", quantity="0.001"
            )
        )
        assert await client.next(423) is not None

    kinds = talk(emulator, act)
    assert 441 not in kinds
    assert kinds.count(451) == 1


def test_frames_can_be_dropped_repeated_and_held(emulator: Emulator) -> None:
    rules = [
        {"fault": "drop", "on": "STREAM 432", "times": 1},
        {"fault": "repeat", "on": "STREAM 422", "times": 1},
        {"fault": "hold", "on": "STREAM 421", "times": 1},
    ]
    assert emulator.control("POST", "faults", json={"rules": rules}).status_code == 200

    async def act(client: Client) -> None:
        await client.join("obdiff", "BTCTRY")
        first = await client.next(431)
        await in_thread(lambda: quote(emulator, 3_000_300))
        while not (await in_thread(lambda: emulator.control("GET", "state").json()["happened"])):
            assert await client.next(432, within=0.1) is None
        await in_thread(lambda: quote(emulator, 3_000_500))
        assert (await client.next(432))["CS"] == first["CS"] + 2
        await client.join("trade", "BTCTRY")
        await in_thread(
            lambda: emulator.order(
                pairSymbol="BTCTRY", orderType="sell", orderMethod="market", quantity="0.001"
            )
        )
        await client.next(421)
        assert [kind for kind, _ in client.frames[-3:]] == [422, 422, 421]

    talk(emulator, act)
    happened = emulator.control("GET", "state").json()["happened"]
    assert happened == {"drop": 1, "repeat": 1, "hold": 1}


def test_a_connection_can_be_closed_in_place_of_a_frame(emulator: Emulator) -> None:
    emulator.control("POST", "faults", json={"fault": "close", "on": "STREAM 402", "code": 1011})

    async def act(client: Client) -> None:
        await client.join("ticker", "BTCTRY")
        assert await client.next(402) is None

    assert 402 not in talk(emulator, act)


def test_the_sixteenth_handshake_of_a_minute_is_too_many(emulator: Emulator) -> None:
    async def act(client: Client) -> None:
        await client.next(991)

    for _ in range(15):
        talk(emulator, act)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
        talk(emulator, act)


def test_a_handshake_can_be_refused_with_a_time_to_wait(emulator: Emulator) -> None:
    rule = {"fault": "refuse", "status": 503, "headers": {"Retry-After": "9"}, "after": 1, "times": 1}
    assert emulator.control("POST", "faults", json=rule).status_code == 200

    async def act(client: Client) -> None:
        await client.next(991)

    assert talk(emulator, act) == [991]
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503") as refusal:
        talk(emulator, act)
    assert refusal.value.headers is not None
    assert refusal.value.headers["Retry-After"] == "9"
    assert talk(emulator, act) == [991]


def test_the_emulator_stops_with_clients_connected() -> None:
    with running() as emulator:

        async def run() -> None:
            url = emulator.doors.base_url
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
                await socket.receive()
                emulator.stop()
                message = await asyncio.wait_for(socket.receive(), 5)
                assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)

        asyncio.run(run())
