"""The stream over WebSocket: handshakes, pings, and one writer for each connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import WSMsgType, web

from meva_adapters.emulator.api.calls import Failed, Reply
from meva_adapters.emulator.faults.kinds import HANDSHAKE
from meva_adapters.emulator.faults.replies import Delivery
from meva_adapters.emulator.server.aside import Aside
from meva_adapters.emulator.server.web import response_of
from meva_adapters.emulator.stream.hub import Hub
from meva_adapters.emulator.stream.session import Session
from meva_adapters.emulator.world import World

_PING_SECONDS: Final = 15.0
_PATIENCE_SECONDS: Final = 45.0
_BACKLOG: Final = 10_000
"""Frames that wait for a slow reader before it is hung up on."""
_TOO_SLOW: Final = 1008
_BOOKS_EVERY: Final = 0.77
_TICKERS_EVERY: Final = 1.0


class Sockets:
    """All connections to the stream of one world."""

    def __init__(self, world: World, aside: Aside) -> None:
        self._world = world
        self._aside = aside
        self.hub = Hub(world.venue)
        world.venue.listeners.append(self.hub.tell)
        self._open: set[web.WebSocketResponse] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Shake hands and serve until one side has had enough."""
        refusal = self._refusal(request.remote or "")
        if refusal is not None:
            return response_of(Delivery(refusal), "")
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=2**16)
        await socket.prepare(request)
        self._open.add(socket)
        try:
            await _Connection(socket, self.hub, self._world).serve()
        finally:
            self._open.discard(socket)
        return socket

    async def tell_books(self) -> None:
        """Send changed books, again and again."""
        while True:
            await asyncio.sleep(_BOOKS_EVERY)
            self.hub.tell_books()

    async def tell_tickers(self) -> None:
        """Send tickers, again and again."""
        while True:
            await asyncio.sleep(_TICKERS_EVERY)
            reading = self.hub.candle_reading()
            self.hub.tell_tickers(await self._aside.do(reading) if reading else {})

    async def close(self) -> None:
        """Hang up on everyone."""
        for socket in list(self._open):
            await socket.close(code=1001)

    def _refusal(self, address: str) -> Reply | None:
        for rule in self._world.faults.strikes("STREAM", "handshake", when=HANDSHAKE):
            return Reply(rule["status"], b"", headers=dict(rule["headers"]))
        venue = self._world.venue
        if not venue.policy.limits:
            return None
        try:
            venue.limiter.spend("stream", address, "", venue.clock())
        except Failed as e:
            return e.reply
        return None


class _Connection:
    """One client: a reader, a writer and a pinger."""

    def __init__(self, socket: web.WebSocketResponse, hub: Hub, world: World) -> None:
        self._socket = socket
        self._hub = hub
        self._out: asyncio.Queue[str | int] = asyncio.Queue()
        self._session = Session(world.faults, self._send, self._out.put_nowait)
        self._answered = asyncio.get_running_loop().time()

    async def serve(self) -> None:
        """Read until the connection ends."""
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._ping())]
        self._hub.open(self._session)
        try:
            async for message in self._socket:
                if message.type is WSMsgType.PONG:
                    self._answered = asyncio.get_running_loop().time()
                elif message.type is WSMsgType.PING:
                    await self._socket.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    self._hub.receive(self._session, message.data)
        finally:
            self._hub.close(self._session)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, ConnectionError):
                    await task

    def _send(self, text: str) -> None:
        self._out.put_nowait(text if self._out.qsize() < _BACKLOG else _TOO_SLOW)

    async def _write(self) -> None:
        """Send what is waiting, in order; a number in the queue is the code to close with."""
        while True:
            item = await self._out.get()
            if isinstance(item, int):
                await self._socket.close(code=item)
                return
            await self._socket.send_str(item)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            if asyncio.get_running_loop().time() - self._answered >= _PATIENCE_SECONDS:
                self._out.put_nowait(1000)
                return
            await self._socket.ping()
