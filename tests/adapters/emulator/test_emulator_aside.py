"""Who asks for all of a pair's history keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from threading import Event

import aiohttp
import pytest
from emulator_server import HandClock, fresh_world

from meva_adapters.emulator.markets.bars import Bars, no_bars
from meva_adapters.emulator.server.serving import Doors, serving
from meva_adapters.emulator.world import World

PATIENCE = 60


class SlowHistory:
    """A history that is read only once somebody else was answered."""

    seconds = 60

    def __init__(self) -> None:
        self.asked, self.others = Event(), Event()
        self.waited_in_vain = False

    def between(self, first: int, last: int) -> Bars:
        """Wait for the others."""
        self.asked.set()
        self.waited_in_vain |= not self.others.wait(PATIENCE)
        return no_bars()

    daily = between


@pytest.fixture
def world() -> World:
    return fresh_world(HandClock())


async def text_of(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as reply:
        assert reply.status == 200
        return await reply.text()


def others_are_served(world: World, path: str) -> bool:
    """Whether a request is answered while `path` is being made, and that one after it."""
    slow = SlowHistory()
    world.venue.tapes["BTCTRY"].histories = (slow,)

    async def ask(doors: Doors) -> bool:
        async with aiohttp.ClientSession() as session:
            long = asyncio.create_task(text_of(session, doors.base_url + path))
            assert await asyncio.to_thread(slow.asked.wait, PATIENCE)
            assert "serverTime" in await text_of(session, doors.base_url + "/api/v2/server/time")
            answered_before = not long.done()
            slow.others.set()
            await long
            return answered_before and not slow.waited_in_vain

    async def main() -> bool:
        async with serving(world, "127.0.0.1", 0, step_seconds=0) as doors:
            return await ask(doors)

    return asyncio.run(main())


@pytest.mark.parametrize(
    "path",
    [
        "/v1/klines/history?symbol=BTCTRY&resolution=1&from=0",
        "/v1/klines/history?symbol=BTCTRY&resolution=1D&from=0",
        "/v1/ohlcs?pair=BTCTRY&from=0",
        "/api/v2/ohlc?pairSymbol=BTCTRY",
    ],
)
def test_all_of_a_pairs_history_is_made_while_others_are_served(world: World, path: str) -> None:
    assert others_are_served(world, path)


def test_a_fault_on_a_long_reply_strikes_what_was_made(world: World) -> None:
    async def main() -> str:
        async with (
            serving(world, "127.0.0.1", 0, step_seconds=0) as doors,
            aiohttp.ClientSession() as session,
        ):
            rule = {"fault": "edit", "path": "s", "value": "spoilt", "on": "GET /v1/klines/*"}
            async with session.post(doors.base_url + "/_emulator/faults", json=rule) as reply:
                assert reply.status == 200
            url = f"{doors.base_url}/v1/klines/history?symbol=BTCTRY&resolution=1D&from=0"
            return await text_of(session, url)

    assert '"s":"spoilt"' in asyncio.run(main())
