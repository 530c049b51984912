"""A running emulator for tests: real sockets on a free port, its event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import Any

import requests
from loops import wind_up

from meva_adapters.emulator.server.clock import SteadyClock
from meva_adapters.emulator.server.serving import Doors, serving
from meva_adapters.emulator.world import Options, World, build_world

E8 = 10**8
KEY = "b7e1c0de-0000-4000-8000-000000000001"
SECRET = "ZW11bGF0b3Itc2VjcmV0LWtleS0zMi1ieXRlcy14eXo="
BALANCES = {"TRY": 1_000_000 * E8, "BTC": 2 * E8, "USDT": 10_000 * E8, "XRP": 50_000 * E8}


def options(**changes: Any) -> Options:
    """What an emulator is started with, unless a test says otherwise."""
    return Options(**{"key": KEY, "secret": SECRET, "balances": BALANCES, "seed": 7, **changes})


def signed(key: str = KEY, secret: str = SECRET, stamp: int | None = None) -> dict[str, str]:
    """The headers of a private call, computed here and not by the code under test."""
    text = str(int(time.time() * 1000) if stamp is None else stamp)
    digest = hmac.new(base64.b64decode(secret), (key + text).encode(), hashlib.sha256).digest()
    return {
        "X-PCK": key,
        "X-Stamp": text,
        "X-Signature": base64.b64encode(digest).decode(),
        "Content-Type": "application/json",
    }


class HandClock:
    """Milliseconds that pass when a test says so, so that no test depends on how fast a machine is."""

    def __init__(self, now: int = 0) -> None:
        self.now = now or int(time.time() * 1000)

    def __call__(self) -> int:
        return self.now

    def forward(self, milliseconds: int) -> None:
        self.now += milliseconds


def fresh_world(clock: HandClock) -> World:
    """Return a world as `build_world(options(), clock)` makes it, in a fraction of the time: a copy.

    The clock is set to when the one was made that is copied.
    """
    world, its_clock = _made()
    clock.now = its_clock.now
    return deepcopy(world, {id(its_clock): clock})


@cache
def _made() -> tuple[World, HandClock]:
    clock = HandClock()
    return build_world(options(), clock), clock


class Emulator:
    """A client's view of a running emulator, signing by the emulator's own clock."""

    def __init__(self, doors: Doors, stop: Callable[[], None], clock: Callable[[], int]) -> None:
        self.doors = doors
        self.stop = stop
        self.clock = clock

    def signed(self) -> dict[str, str]:
        """The headers of a private call made now."""
        return signed(stamp=self.clock())

    def forward(self, milliseconds: int) -> None:
        """Let time pass, where it passes by hand."""
        assert isinstance(self.clock, HandClock)
        self.clock.forward(milliseconds)

    def get(self, path: str, *, sign: bool = False, **kwargs: Any) -> requests.Response:
        """GET a path."""
        headers = self.signed() if sign else {}
        return requests.get(self.doors.base_url + path, headers=headers, timeout=60, **kwargs)

    def read(self, path: str, **params: Any) -> Any:
        """Return the data of a signed GET that has to succeed."""
        reply = self.get(path, sign=True, params=params)
        assert reply.status_code == 200, (reply.status_code, reply.text)
        return reply.json()["data"]

    def order(self, **fields: Any) -> requests.Response:
        """POST an order."""
        url = self.doors.base_url + "/api/v1/order"
        return requests.post(url, json=fields, headers=self.signed(), timeout=60)

    def cancel(self, order_id: int) -> requests.Response:
        """DELETE an order."""
        url = f"{self.doors.base_url}/api/v1/order?id={order_id}"
        return requests.delete(url, headers=self.signed(), timeout=60)

    def control(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Call the control endpoint."""
        return requests.request(method, f"{self.doors.base_url}/_emulator/{path}", timeout=60, **kwargs)


async def _watched(world: World, watch: Callable[[World], None]) -> None:
    while True:
        watch(world)
        await asyncio.sleep(0.05)
        world.step()


@contextmanager
def running(
    given: Options | None = None,
    *,
    still: bool = False,
    clock: Any = None,
    watch: Callable[[World], None] | None = None,
) -> Iterator[Emulator]:
    """Run an emulator until the block is left. A `still` one's markets move on command only.

    `watch` looks at the world after each move, before anyone is told of it.
    """
    time_of_day = clock or SteadyClock()
    loop = asyncio.new_event_loop()
    ready: Future[Doors] = Future()
    stop = asyncio.Event()

    async def main() -> None:
        chosen = given or options()
        copied = isinstance(clock, HandClock) and chosen == options()
        world = fresh_world(clock) if copied else build_world(chosen, time_of_day)
        async with serving(world, "127.0.0.1", 0, step_seconds=0 if still or watch else 0.05) as doors:
            moving = asyncio.create_task(_watched(world, watch)) if watch else None
            ready.set_result(doors)
            await stop.wait()
            if moving is not None:
                moving.cancel()

    def work() -> None:
        try:
            loop.run_until_complete(main())
        except BaseException as e:
            if ready.done():
                raise
            ready.set_exception(e)
        finally:
            wind_up(loop)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield Emulator(ready.result(timeout=60), lambda: loop.call_soon_threadsafe(stop.set), time_of_day)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=60)
