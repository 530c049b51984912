"""A port of this machine that leads to an emulator and can be closed: whoever connects is refused then."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from attrs import define, field
from live_account import LiveAccount

_PIECE = 2**20
_CONTROLS = b" /_emulator/"


@define
class Way:
    """Closed, it cuts the connections over which the exchange was spoken to; an emulator's time is told yet.
    With `closes` it closes once the next answer has passed: nothing is lost on the way.

    Everything of it is of the emulator's thread.
    """

    to: int
    closes: bool = False
    port: int = 0
    _server: asyncio.Server | None = None
    _spoken: set[StreamWriter] = field(factory=set)
    _all: set[StreamWriter] = field(factory=set)
    _tasks: set[asyncio.Task[None]] = field(factory=set)

    async def open(self) -> None:
        """Let in who connects."""
        self._server = await asyncio.start_server(self._leads, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse who connects."""
        assert self._server is not None
        self._server.close()
        for writer in self._spoken:
            writer.transport.abort()
        self._spoken.clear()

    async def end(self) -> None:
        """Close it for everybody."""
        await self.close()
        for writer in self._all:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)

    async def _leads(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._all.add(writer)
        first = await reader.read(_PIECE)
        speaks = _CONTROLS not in first.partition(b"\r\n")[0]
        if speaks:
            self._spoken.add(writer)
        from_there, to_there = await asyncio.open_connection("127.0.0.1", self.to)
        to_there.write(first)
        asking = asyncio.ensure_future(self._passes(reader, to_there))
        with suppress(OSError):  # it was cut
            while answer := await from_there.read(_PIECE):
                writer.write(answer)
                await writer.drain()
                if speaks and self.closes:
                    self.closes = False
                    await self.close()
        await asking
        writer.close()

    @staticmethod
    async def _passes(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                writer.write(piece)
                await writer.drain()
        writer.close()


@contextmanager
def way_to(account: LiveAccount) -> Iterator[tuple[Way, dict[str, str]]]:
    """Open a way to an account's exchange; yield it and what a command needs to take it."""
    way = Way(account.doors.port)
    account.awaited(way.open())
    address = f"http://127.0.0.1:{way.port}"
    try:
        yield way, {"BTCTURK_BASE_URL": address, "BTCTURK_GRAPH_URL": address}
    finally:
        account.awaited(way.end())
