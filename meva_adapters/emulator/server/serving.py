"""Opening and closing the doors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from aiohttp import web
from attrs import frozen

from meva_adapters.emulator.manual_clock import STEP_MS
from meva_adapters.emulator.server.aside import Aside
from meva_adapters.emulator.server.sockets import Sockets
from meva_adapters.emulator.server.visitors import bare, doorman, is_anywhere
from meva_adapters.emulator.server.web import Front
from meva_adapters.emulator.world import World
from meva_core.errors import BadInput


@frozen
class Doors:
    """Where a running emulator is reached; `port` and `graph_port` are real ones."""

    host: str
    port: int
    graph_port: int

    @property
    def base_url(self) -> str:
        """The address of REST."""
        return f"http://{_authority(self.host, self.port)}"

    @property
    def graph_url(self) -> str:
        """The address of the candle host."""
        return f"http://{_authority(self.host, self.graph_port)}"

    @property
    def stream_url(self) -> str:
        """The address of the stream."""
        return f"ws://{_authority(self.host, self.port)}"


def _authority(host: str, port: int) -> str:
    """Return where a client on this machine finds a host and port: for all addresses, by loopback."""
    if is_anywhere(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return _named(host, port)


def _named(host: str, port: int) -> str:
    return f"[{bare(host)}]:{port}" if ":" in host else f"{host}:{port}"


@asynccontextmanager
async def serving(
    world: World,
    host: str,
    port: int,
    graph_port: int | None = None,
    *,
    step_seconds: float = STEP_MS / 1000,
    welcome: Iterable[str] = (),
) -> AsyncIterator[Doors]:
    """Serve a world until the block is left.

    Port 0 takes a free one, and no graph port the same as `port`. The markets move every `step_seconds`; with
    0, or a clock on command, nothing moves on its own. `welcome` are names of hosts that are served beside
    loopback and `host`, and whose pages may call. Raises BadInput for an address that cannot be listened on.
    """
    aside = Aside()
    sockets = Sockets(world, aside)
    front = Front(world, doorman(host, welcome), aside, sockets.handle)
    # No access log: it costs more than the answer. Whoever still waits for an answer at the end waits in
    # vain.
    runner = web.ServerRunner(web.Server(front.handle, access_log=None), shutdown_timeout=0.2)
    await runner.setup()
    tasks = [
        asyncio.create_task(work)
        for work in (_step(world, step_seconds), sockets.tell_books(), sockets.tell_tickers())
    ]
    try:
        first = await _listen(runner, host, port)
        second = (
            first if graph_port is None or graph_port == first else await _listen(runner, host, graph_port)
        )
        yield Doors(host, first, second)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await sockets.close()
        await runner.cleanup()
        aside.close()


async def _listen(runner: web.ServerRunner, host: str, port: int) -> int:
    known = set(runner.addresses)
    if not host:
        raise BadInput("the host to listen on is empty", action="name one, such as 127.0.0.1")
    host = host.removeprefix("[").removesuffix("]")
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, OverflowError) as e:
        raise BadInput(
            f"cannot listen on {_named(host, port)}: {e.strerror if isinstance(e, OSError) else e}",
            action="choose another --port, or stop what listens there",
        ) from e
    new = next(address for address in runner.addresses if address not in known)
    return int(new[1])


async def _step(world: World, seconds: float) -> None:
    while seconds > 0 and world.manual_clock is None:
        await asyncio.sleep(seconds)
        world.step()
