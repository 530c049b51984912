"""The emulator as a process: from its options to its end by a signal."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

from meva_adapters.emulator.manual_clock import ManualClock
from meva_adapters.emulator.server.clock import SteadyClock
from meva_adapters.emulator.server.serving import Doors, serving
from meva_adapters.emulator.world import Options, World, build_world


def run_until_stopped(
    options: Options,
    host: str,
    port: int,
    graph_port: int | None,
    ready: Callable[[Doors, World], None],
    welcome: Sequence[str] = (),
    clock: ManualClock | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, and call `ready` once the doors are open; by the machine's time, or by a
    clock on command.

    SIGINT counts even where it was ignored when this began, as it is for the background jobs of a script: a
    server that such a script left behind would keep its port. Raises BadInput for files that no exchange can
    be made from, and for an address that is taken.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, host, port, graph_port, ready, welcome, clock))


async def _serve(
    options: Options,
    host: str,
    port: int,
    graph_port: int | None,
    ready: Callable[[Doors, World], None],
    welcome: Sequence[str],
    clock: ManualClock | None,
) -> None:
    stop = asyncio.Event()
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    world = build_world(options, clock or SteadyClock())
    async with serving(world, host, port, graph_port, welcome=welcome) as doors:
        ready(doors, world)
        await stop.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where it is installed: it serves a tenth to a fifth more requests."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop
