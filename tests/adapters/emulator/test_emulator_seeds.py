"""Seeds: equal ones make equal markets, faults and ids, and the markets are those of their candles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator_server import E8, HandClock, fresh_world, options

from meva_adapters.emulator.api.calls import Call
from meva_adapters.emulator.api.router import answer
from meva_adapters.emulator.exchange.audit import faults_of
from meva_adapters.emulator.exchange.orders import Method, Request, Side
from meva_adapters.emulator.faults.kinds import REPLY
from meva_adapters.emulator.faults.rules import Rule
from meva_adapters.emulator.world import World, build_world

NOW = 1_700_000_012_345


def world(seed: int, steps: int = 0, every: int = 250) -> tuple[World, HandClock]:
    """A world that has lived for so many steps from a fixed moment on."""
    clock = HandClock(NOW)
    made = build_world(options(seed=seed), clock)
    for _ in range(steps):
        clock.forward(every)
        made.step()
    return made, clock


def look(made: World, path: str, **query: str) -> Any:
    """Return what a public GET shows."""
    reply = answer(made.venue, Call("GET", path, {name: [value] for name, value in query.items()}))
    assert reply.status == 200
    return json.loads(reply.body)


def everything(made: World) -> list[Any]:
    """All that the public sees."""
    pairs = list(made.venue.exchange.pairs)
    return [
        look(made, "/api/v2/ticker"),
        *(look(made, "/api/v2/orderbook", pairSymbol=pair) for pair in pairs),
        *(look(made, "/api/v2/trades", pairSymbol=pair) for pair in pairs),
        *(
            look(
                made, "/v1/klines/history", symbol=pair, resolution="15", **{"from": str(NOW // 1000 - 9000)}
            )
            for pair in pairs
        ),
    ]


def test_equal_seeds_are_equal_in_every_pair_and_unequal_ones_in_none() -> None:
    one, same, other = (everything(world(seed, steps=12)[0]) for seed in (3, 3, 4))
    assert one == same
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_a_copied_world_goes_on_as_one_that_was_made() -> None:
    one, other = (HandClock(), HandClock())
    copied, again = fresh_world(one), fresh_world(other)
    made = build_world(options(), HandClock(one.now))
    assert (one.now, copied.venue.clock, again.venue.clock) == (other.now, one, other)
    for _ in range(12):
        for world in (copied, made):
            clock = world.venue.clock
            assert isinstance(clock, HandClock)
            clock.forward(250)
            world.step()
    books, trades = "/api/v2/orderbook", "/api/v2/trades"
    shown = [
        [look(world, "/api/v2/ticker"), *(look(world, path, pairSymbol="BTCTRY") for path in (books, trades))]
        for world in (copied, made, again)
    ]
    assert shown[0] == shown[1] != shown[2]


def test_a_market_does_not_depend_on_who_looks_or_orders_elsewhere() -> None:
    quiet, busy = world(5)[0], world(5)[0]
    for made in (quiet, busy):
        clock = made.venue.clock
        assert isinstance(clock, HandClock)
        for _ in range(12):
            clock.forward(250)
            made.step()
            if made is busy:
                everything(made)
                made.driver.ladders["XRPTRY"].move(57 * E8, 58 * E8, clock())
    shown = [look(made, "/api/v2/orderbook", pairSymbol="BTCTRY") for made in (quiet, busy)]
    assert shown[0] == shown[1]


def test_books_tickers_and_candles_of_a_pair_are_around_one_price() -> None:
    made, clock = world(7, steps=24, every=1000)
    second = clock() // 1000
    for path, taker in made.driver.seeded:
        name, middle = taker.pair.name, path.price(second)
        book = made.venue.exchange.books[name]
        bid, ask = book.touch(Side.BUY), book.touch(Side.SELL)
        assert bid is not None
        assert ask is not None
        spread = max(middle // 100, 4 * taker.pair.price_step)
        assert bid < ask
        assert abs(bid - middle) < spread
        assert abs(book.last - middle) < spread
        day = made.venue.tapes[name].day(second)
        assert day.low <= book.last <= day.high
        assert day.volume > 0
        [history] = made.venue.tapes[name].histories
        before = history.between(second - 3600, second)
        assert int(before.close[-1]) == path.price(int(before.time[-1]) + 60)
    assert faults_of(made.venue.exchange) == []


def test_makers_keep_twenty_levels_on_the_grid_on_either_side() -> None:
    made, _ = world(9, steps=30)
    for name, pair in made.venue.exchange.pairs.items():
        book = made.venue.exchange.books[name]
        for side in Side:
            levels = list(book.half(side).levels())
            assert 15 <= len(levels) <= 20
            assert all(level.price % pair.price_step == 0 for level in levels)
            assert all(level.total % pair.qty_step == 0 for level in levels)


@pytest.mark.parametrize("side", Side)
def test_a_small_move_leaves_the_levels_behind_the_touch_where_they_are(side: Side) -> None:
    made, clock = world(9)
    ladder, book = made.driver.ladders["BTCTRY"], made.venue.exchange.books["BTCTRY"]
    standing = []
    for bid in (3_000_000, 3_000_001):
        ladder.move(bid * E8, (bid + 100) * E8, clock())
        standing.append([number for level in book.half(side).levels() for number in level.orders])
    assert len(set(standing[0]) & set(standing[1])) >= 18
    assert standing[0][0] != standing[1][0]


@pytest.mark.parametrize("side", Side)
def test_what_was_taken_of_a_level_is_there_again_with_the_next_move_though_the_price_stood_still(
    side: Side,
) -> None:
    made, clock = world(9)
    exchange, ladder = made.venue.exchange, made.driver.ladders["BTCTRY"]
    half = exchange.books["BTCTRY"].half(side)

    def moved() -> list[tuple[int, int]]:
        ladder.move(3_000_000 * E8, 3_000_100 * E8, clock())
        return [(level.price, level.total) for level in half.levels()]

    whole, version = moved(), exchange.books["BTCTRY"].version
    assert moved() == whole
    assert exchange.books["BTCTRY"].version == version, "nobody took anything: nothing is placed anew"
    for qty in (ladder.pair.qty_step, whole[0][1]):  # some of the best, and all of it
        request = Request("BTCTRY", side.other, Method.LIMIT, qty, "taker", whole[0][0])
        exchange.place_house(made.driver.strangers, request, clock())
        assert [(level.price, level.total) for level in half.levels()] != whole
        assert moved() == whole


def test_minutes_follow_each_other_without_a_gap_or_a_double_across_the_start() -> None:
    made, clock = world(11, steps=300, every=1000)
    now = clock() // 1000
    for name, tape in made.venue.tapes.items():
        times = tape.candles("1", now - 7200, now).time
        assert len(set(times.tolist())) == len(times)
        assert (times[1:] > times[:-1]).all(), name
    times = made.venue.tapes["BTCTRY"].candles("1", now - 7200, now).time
    assert set((times[1:] - times[:-1]).tolist()) == {60}


@pytest.mark.parametrize("pair", ["BTCTRY", "SHIBUSDT", "XRPUSDT"])
def test_no_volume_that_is_shown_is_negative(pair: str) -> None:
    made = world(7)[0]
    row = look(made, "/api/v2/ticker", pairSymbol=pair)["data"][0]
    assert row["volume"] > 0
    for resolution in ("1", "60", "1D", "1W", "1M"):
        reply = look(made, "/v1/klines/history", symbol=pair, resolution=resolution, **{"from": "0"})
        assert min(reply["v"]) > 0, resolution


def test_the_seed_of_the_options_is_the_seed_of_the_faults() -> None:
    def struck(seed: int) -> list[bool]:
        rules = world(seed)[0].faults
        rules.add(Rule("late", probability=0.5))
        return [bool(rules.strikes("GET", "/", when=REPLY)) for _ in range(64)]

    assert struck(1) == struck(1) != struck(2)
