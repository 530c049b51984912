"""Limits of calls: what the exchange says of them, budgets that keep them, and how long anybody waits."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from attrs import evolve
from exchange_answers import (
    BOOK,
    TICKER,
)
from scripted_exchange import (
    CUT,
    FALLBACK,
    PAGE,
    PAYLOADS,
    Seconds,
    Server,
    data,
    doc,
)

from meva_adapters.btcturk import Client, Manners, PublicData, endpoints
from meva_adapters.btcturk.limits import MAX_BLOCK_SECONDS, rate_of, retry_seconds
from meva_adapters.system.clock import SystemClock
from meva_cli.commands.fetch import patient_manners
from meva_core.errors import Unavailable, VenueReason

TICKERS = "GET /api/v2/ticker"
MICROS = 1_000_000


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7.0), (None, 5.0), ("-3", 5.0), ("soon", 5.0), ("9" * 12, MAX_BLOCK_SECONDS), ("1" * 13, 5.0)],
)
def test_n7_a_rate_limit_says_how_long_to_wait(header: str | None, wait: float) -> None:
    assert retry_seconds(header, 0) == wait


def test_n7_a_rate_limit_may_name_a_date() -> None:
    now = 1_760_000_000
    assert retry_seconds(formatdate(now + 30, usegmt=True), now * MICROS) == 30.0
    assert retry_seconds(formatdate(now - 30, usegmt=True), now * MICROS) == 0.0


def test_n7_a_limited_read_waits_as_it_is_told_and_others_do_not(
    server: Server, market: PublicData, seconds: Seconds
) -> None:
    limited = doc({"message": "TOO_MANY_REQUESTS", "success": False, "code": 429}, 429, Retry_After="7")
    server.on(TICKERS, limited, data([TICKER]))
    server.on("GET /api/v2/orderbook", data(BOOK))
    began = seconds.now
    assert list(market.tickers()) == ["BTCTRY"]
    assert seconds.now - began == pytest.approx(7.0)
    market.book("BTCTRY")
    assert seconds.now - began == pytest.approx(7.0)


@pytest.mark.parametrize("header", ["1000000000", "45"])
def test_n7_nobody_waits_longer_than_patience_lasts(
    server: Server, market: PublicData, seconds: Seconds, header: str
) -> None:
    server.on(TICKERS, doc({}, 429, Retry_After=header))
    for _ in range(5):
        with pytest.raises(Unavailable) as caught:
            market.tickers()
        assert caught.value.reason is VenueReason.RATE_LIMITED
    assert sum(seconds.slept) <= 30
    assert len(server.calls(TICKERS)) == 1


def test_patience_is_renewed_by_whoever_begins_a_cycle(
    server: Server, market: PublicData, client: Client, seconds: Seconds
) -> None:
    server.on(TICKERS, doc({}, 429, Retry_After="20"))
    with pytest.raises(Unavailable):
        market.tickers()
    client.patience.renew()
    server.on(TICKERS, data([TICKER]))
    seconds.now += 1
    assert list(market.tickers()) == ["BTCTRY"]


def test_budgets_are_kept_before_the_exchange_has_to_say_so(server: Server, seconds: Seconds) -> None:
    server.on("GET /api/v2/orderbook", data(BOOK))
    manners = Manners(patience=1000.0, monotonic=seconds, sleep=seconds.sleep)
    client = Client(server.url, server.url, SystemClock(), manners=manners)
    market, times = PublicData(client, FALLBACK, PAYLOADS), []
    for _ in range(400):
        market.book("BTCTRY")
        times.append(seconds.now)
    client.close()
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[180:], strict=False))
    assert seconds.now - times[0] == pytest.approx(120)


def test_a_budget_that_is_spent_is_said_at_once_where_waiting_is_too_long(
    server: Server, market: PublicData, seconds: Seconds
) -> None:
    server.on("GET /api/v2/orderbook", data(BOOK))
    for _ in range(162):
        market.book("BTCTRY")
    with pytest.raises(Unavailable, match=r"60\.0 s") as caught:
        market.book("BTCTRY")
    assert (caught.value.reason, seconds.slept) == (VenueReason.RATE_LIMITED, [])


def test_room_is_what_may_be_asked_without_waiting(
    server: Server, market: PublicData, client: Client, seconds: Seconds
) -> None:
    server.on("GET /api/v2/orderbook", data(BOOK))
    assert (client.room(endpoints.BOOK), client.room(endpoints.KLINES)) == (162, 108)
    for _ in range(10):
        market.book("BTCTRY")
    assert client.room(endpoints.BOOK) == 152
    seconds.now += 59
    assert client.room(endpoints.BOOK) == 152
    seconds.now += 1
    assert client.room(endpoints.BOOK) == 162
    server.on("GET /api/v2/orderbook", doc({}, 429, Retry_After="45"))
    with pytest.raises(Unavailable):
        market.book("BTCTRY")
    assert (client.room(endpoints.BOOK), client.room(endpoints.TICKER)) == (0, 540)
    seconds.now += 45
    assert client.room(endpoints.BOOK) == 161


def test_an_attempt_that_failed_is_no_part_of_the_round_trip(
    server: Server, client: Client, seconds: Seconds
) -> None:
    server.on("GET /api/v2/server/time", PAGE, doc({"serverTime": 1_760_000_000_000}))
    client.clock.sync()
    assert sum(seconds.slept) > 0
    assert client.clock.round_trip_seconds == 0
    assert client.clock.at(seconds.now) == 1_760_000_000_000_000


def test_what_may_be_asked_for_ever_is_the_least_of_the_budgets() -> None:
    assert rate_of(endpoints.KLINES) * 60 == pytest.approx(54)
    assert rate_of(endpoints.BOOK) * 60 == pytest.approx(162)


def test_until_a_deadline_a_thread_waits_as_often_as_it_ends_before(
    server: Server, market: PublicData, client: Client, seconds: Seconds
) -> None:
    server.on(TICKERS, doc({}, 429, Retry_After="20"), data([TICKER]))
    with client.patience.until(seconds.now + 25):
        assert list(market.tickers()) == ["BTCTRY"]
    server.on(TICKERS, doc({}, 429, Retry_After="20"), data([TICKER]))
    with client.patience.until(seconds.now + 20), pytest.raises(Unavailable):
        market.tickers()
    assert seconds.slept == [pytest.approx(20)]
    seconds.now += 20
    server.on(TICKERS, CUT)
    with client.patience.until(seconds.now), pytest.raises(Unavailable):
        market.tickers()
    assert len(server.calls(TICKERS)) == 4  # and nothing is tried again beyond it
    assert client.patience.wait(29.9)  # all of what is there without one is left


def test_someone_with_nothing_else_to_do_waits_every_budget_out(server: Server) -> None:
    seconds = Seconds()
    manners = evolve(patient_manners(), monotonic=seconds, sleep=seconds.sleep)
    client = Client(server.url, server.url, SystemClock(), manners=manners)
    market = PublicData(client, FALLBACK, PAYLOADS)
    server.on("GET /v1/klines/history", doc({"s": "no_data"}))
    for _ in range(600):  # more than are allowed in a minute, and in ten
        client.patience.renew()
        assert market.candles("BTCTRY", 60, 1_700_000_000, 1_700_000_060) == []
    client.close()
    assert sum(seconds.slept) >= 600
    assert len(server.calls("GET /v1/klines/history")) == 600
