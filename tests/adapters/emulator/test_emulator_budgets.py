"""Request budgets: where windows begin, how long blocks last, who shares one."""

from __future__ import annotations

import json

import pytest
from emulator_desk import ORDER, Desk
from emulator_server import SECRET, signed
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.api.calls import Call, Failed
from meva_adapters.emulator.api.limits import BUDGETS, Limiter
from meva_adapters.emulator.api.router import answer

DOCUMENTED = {
    "balances": {(120, 60)},
    "order.post": {(300, 60), (10, 1)},
    "order.delete": {(300, 60), (10, 1)},
    "order.get": {(900, 60), (30, 1)},
    "open_orders": {(300, 60)},
    "all_orders": {(300, 60)},
    "transactions.trade": {(120, 60)},
    "transactions.other": {(90, 60)},
    "ticker": {(600, 60)},
    "orderbook": {(180, 60)},
    "ohlcs": {(120, 60)},
    "graph": {(600, 600)},
    "stream": {(15, 60)},
}


def spend(limiter: Limiter, endpoint: str, now: int, address: str = "a", account: str = "x") -> int | None:
    """Return how many seconds to wait, None when the request passes."""
    try:
        limiter.spend(endpoint, address, account, now)
    except Failed as e:
        return int(e.reply.headers["Retry-After"])
    return None


def test_the_budgets_are_the_documented_ones() -> None:
    assert {name: {(b.most, b.seconds) for b in budgets} for name, budgets in BUDGETS.items()} == DOCUMENTED


@pytest.mark.parametrize("endpoint", sorted(BUDGETS))
def test_each_budget_lets_as_many_through_as_it_says_and_then_blocks_its_period(endpoint: str) -> None:
    tightest = min(BUDGETS[endpoint], key=lambda budget: budget.most)
    limiter, now = Limiter(), 10**12
    assert [spend(limiter, endpoint, now) for _ in range(tightest.most)] == [None] * tightest.most
    assert spend(limiter, endpoint, now) == tightest.seconds
    assert spend(limiter, endpoint, now + tightest.seconds * 1000 - 1) == 1
    assert spend(limiter, endpoint, now + tightest.seconds * 1000) is None


@given(st.lists(st.integers(0, 12_000), max_size=120))
def test_windows_begin_with_the_first_request_and_blocks_last_a_whole_period(gaps: list[int]) -> None:
    """Against a plain reading of the rule, for the fifteen handshakes of a minute."""
    limiter, now = Limiter(), 10**12
    began, count, blocked_until = 0, 0, 0
    for gap in gaps:
        now += gap
        waits = spend(limiter, "stream", now)
        if now < blocked_until:
            assert waits == -(-(blocked_until - now) // 1000)
            continue
        if not began or now >= began + 60_000 or (blocked_until and began < blocked_until):
            began, count, blocked_until = now, 0, 0
        count += 1
        if count > 15:
            blocked_until = now + 60_000
        assert waits == (60 if count > 15 else None)


def test_the_last_request_of_a_window_blocks_beyond_the_window() -> None:
    limiter = Limiter()
    times = [0] * 15 + [59_000]
    assert [spend(limiter, "stream", 10**12 + time) for time in times] == [None] * 15 + [60]
    assert spend(limiter, "stream", 10**12 + 60_000) == 59
    assert spend(limiter, "stream", 10**12 + 119_000) is None


def test_a_short_budget_frees_while_the_long_one_still_counts() -> None:
    limiter, now = Limiter(), 10**12
    for second in range(30):
        waits = [spend(limiter, "order.post", now + second * 1500) for _ in range(10)]
        assert waits == [None] * 10
    assert spend(limiter, "order.post", now + 46_000) == 60
    assert spend(limiter, "order.delete", now + 46_000) is None
    assert spend(limiter, "order.post", now + 106_000) is None


def test_orders_are_counted_by_account_and_address_and_reads_by_address() -> None:
    limiter, now = Limiter(), 10**12
    for _ in range(10):
        assert spend(limiter, "order.post", now, "a", "x") is None
    assert spend(limiter, "order.post", now, "a", "x") == 1
    assert spend(limiter, "order.post", now, "a", "y") is None
    assert spend(limiter, "order.post", now, "b", "x") is None
    for number in range(120):
        assert spend(limiter, "balances", now, "a", str(number)) is None
    assert spend(limiter, "balances", now, "a", "x") == 60
    assert spend(limiter, "balances", now, "b", "x") is None


def test_what_has_no_budget_is_never_blocked_and_a_reset_gives_all_back() -> None:
    limiter = Limiter()
    assert all(spend(limiter, "exchangeinfo", 10**12) is None for _ in range(5000))
    for _ in range(16):
        spend(limiter, "stream", 10**12)
    limiter.reset()
    assert spend(limiter, "stream", 10**12) is None


def test_candles_of_days_count_in_the_budget_of_the_whole_host() -> None:
    desk = Desk()
    for minute in range(6):
        for _ in range(100):
            assert desk.call("GET", "/v1/ohlcs", pair="BTCTRY").status == 200
        desk.clock.forward(60_000 if minute < 5 else 0)
    reply = desk.call("GET", "/v1/klines/history", symbol="BTCTRY", resolution="60")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "600")
    assert desk.call("GET", "/api/v2/ticker").status == 200


def test_a_429_says_what_was_exceeded_in_the_words_of_its_policy() -> None:
    desk = Desk()
    for _ in range(180):
        assert desk.call("GET", "/api/v2/orderbook", pairSymbol="BTCTRY").status == 200
    reply = desk.call("GET", "/api/v2/orderBook", pairSymbol="BTCTRY")
    assert json.loads(reply.body) == {
        "message": "TOO_MANY_REQUESTS",
        "success": False,
        "code": 429,
        "details": "Quota exceeded. Maximum allowed: 180 per 1m.",
        "limit": "180",
        "period": "1m",
        "policy": "ip",
    }
    for _ in range(10):
        desk.buy()
    body = json.loads(desk.call("POST", ORDER, {}).body)
    assert (body["details"], body["limit"], body["period"], body["policy"]) == (
        "Quota exceeded. Please try again in 1 second(s).",
        "10",
        "1s",
        "account + ip",
    )


def test_calls_that_are_not_signed_well_spend_nothing() -> None:
    desk = Desk()
    for _ in range(40):
        assert answer(desk.venue, Call("POST", ORDER)).status == 401
    desk.buy()
    desk.venue.open_user("other", SECRET, {})
    headers = {name.lower(): value for name, value in signed("other", stamp=desk.clock()).items()}
    assert answer(desk.venue, Call("GET", "/api/v1/openOrders", headers=headers)).status == 200
