"""Signatures, and the stamps that they are made over."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from scripted_exchange import KEY, SECRET, Seconds

from meva_adapters.btcturk import Signer
from meva_adapters.btcturk.clock import ASK_AGAIN_SECONDS, MAX_AGE_SECONDS, VenueClock
from meva_core.errors import BadInput, Unavailable, VenueReason
from meva_core.settings import Secret

VECTORS = [
    (KEY, SECRET, 1700000000000, "l7IssY58WE5eyGoYJoOK7dJZsRA3ZqYLOsQMdM9HSxA="),
    (KEY, SECRET, 1767225600123, "MapS13dbabfBoBuJMgreWNKsFVYbu5Gh7BbXEDbriOw="),
    (
        Secret("public-key"),
        Secret("cHJpdmF0ZS1zZWNyZXQ="),
        1710000000123,
        "24D7bBb13KfoyRwLS09OVMtKonfSUs6BgOBZ65m7r7E=",
    ),
    (
        Secret("test-public-key"),
        Secret("dGVzdC1zZWNyZXQta2V5LWZvci11bml0LXRlc3Rz"),
        1735689600000,
        "7gyFGcOS+qnq46h/rl83VtpaEAsh8Th3Z3lQrF7g2I0=",
    ),
]


@pytest.mark.parametrize(("key", "secret", "stamp", "signature"), VECTORS)
def test_the_published_signatures_come_out(key: Secret, secret: Secret, stamp: int, signature: str) -> None:
    assert Signer(key, secret).sign(stamp) == signature


def test_the_login_of_the_stream_is_signed_over_its_small_nonce() -> None:
    assert Signer(KEY, SECRET).sign(3000) == "Yk90P0OmNRLXPvnkL6i8h3yuDIA8s4FHZlyA+kk/as8="


@pytest.mark.parametrize("secret", ["not base64!", "abc", "ZW11bGF0b3I", "ÄÖ=="])
def test_a_secret_that_is_not_base64_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(BadInput) as caught:
        Signer(KEY, Secret(secret))
    assert secret not in f"{caught.value}{caught.value.action}{caught.value!r}"


class Wall:
    """This machine's time of day, as wrong as a test wants it."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def micros(self) -> int:
        return self.now


SERVER_MS = 1_760_000_000_000


def new_clock(seconds: Seconds, wall: Wall, delay: float = 0.0) -> VenueClock:
    def ask() -> int:
        seconds.now += delay
        return SERVER_MS

    return VenueClock(ask, wall, seconds, seconds.wait)


def test_stamps_follow_the_exchange_however_wrong_this_machines_time_is() -> None:
    seconds, wall = Seconds(), Wall()
    clock = new_clock(seconds, wall)
    assert clock.stamp_ms() == SERVER_MS
    wall.now -= 3_600_000_000
    seconds.now += 1.5
    assert clock.stamp_ms() == SERVER_MS + 1500


def test_half_of_the_round_trip_is_added() -> None:
    assert new_clock(Seconds(), Wall(), delay=0.5).micros() == SERVER_MS * 1000 + 250_000


def test_a_round_trip_that_could_hide_the_tolerance_sets_no_clock() -> None:
    with pytest.raises(Unavailable, match="too long to set a clock"):
        new_clock(Seconds(), Wall(), delay=4.5).stamp_ms()


def test_the_skew_is_the_exchanges_time_less_ours() -> None:
    seconds, wall = Seconds(), Wall()
    wall.now = SERVER_MS * 1000 - 5_000_000
    clock = new_clock(seconds, wall)
    clock.sync()
    assert clock.skew_micros == 5_000_000


def test_the_offset_is_learnt_again_when_it_is_old_or_was_wrong() -> None:
    seconds, asked = Seconds(), []
    clock = VenueClock(lambda: asked.append(1) or SERVER_MS, Wall(), seconds, seconds.wait)
    clock.stamp_ms()
    clock.stamp_ms()
    assert len(asked) == 1
    seconds.now += MAX_AGE_SECONDS + 1
    clock.stamp_ms()
    clock.forget()
    clock.stamp_ms()
    assert len(asked) == 3


def test_an_offset_may_be_believed_and_kept_without_an_answer() -> None:
    seconds, wall, asked = Seconds(), Wall(), []
    clock = VenueClock(lambda: asked.append(1) or SERVER_MS, wall, seconds, seconds.wait)
    assert clock.at(seconds.now) is None
    clock.keep()
    assert clock.at(seconds.now) is None
    clock.believe(7_000_000)
    assert clock.at(seconds.now + 1.5) == wall.now + 8_500_000
    seconds.now += MAX_AGE_SECONDS + 1
    assert clock.is_old
    wall.now -= 3_600_000_000  # the time of day does not count any more
    clock.keep()
    assert not clock.is_old
    assert clock.micros() == Wall().now + 7_000_000 + int((MAX_AGE_SECONDS + 1) * 1_000_000)
    assert asked == []


class Silent:
    """An exchange that tells its time until it falls silent."""

    def __init__(self) -> None:
        self.is_silent = False
        self.asked = 0

    def ask(self) -> int:
        self.asked += 1
        if self.is_silent:
            raise Unavailable("no answer", reason=VenueReason.UNREACHABLE)
        return SERVER_MS


@pytest.mark.parametrize("is_doubted", [True, False])
def test_once_learnt_the_time_is_told_by_the_last_offset_while_the_exchange_is_silent(
    is_doubted: bool,
) -> None:
    """What was done has to be recorded: only what is to be sent waits for a time that is sure."""
    seconds, exchange = Seconds(), Silent()
    clock = VenueClock(exchange.ask, Wall(), seconds, seconds.wait)
    exchange.is_silent = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            clock.micros()
    exchange.is_silent = False
    clock.sync()
    exchange.is_silent, exchange.asked = True, 0
    passed = 1.0 if is_doubted else MAX_AGE_SECONDS + 1
    seconds.now += passed
    if is_doubted:
        clock.forget()
    told = SERVER_MS * 1000 + int(passed * 1_000_000)
    assert [clock.micros() for _ in range(9)] == [told] * 9
    assert clock.stamp_by_last_ms() == told // 1000
    assert exchange.asked == 1, "each question in vain could take a minute"
    with pytest.raises(Unavailable):
        clock.stamp_ms()
    seconds.now += ASK_AGAIN_SECONDS
    exchange.is_silent = False
    assert clock.micros() == SERVER_MS * 1000, "it is asked again, and believed"
    assert not clock.is_old


@given(steps=st.lists(st.floats(min_value=0, max_value=0.003), max_size=50), back=st.integers(0, 10_000))
def test_stamps_strictly_increase_even_when_the_exchange_steps_back(steps: list[float], back: int) -> None:
    seconds = Seconds()
    times = iter([SERVER_MS, *[SERVER_MS - back] * 100])
    clock = VenueClock(lambda: next(times), Wall(), seconds, seconds.wait)
    stamps = []
    for place, step in enumerate(steps):
        seconds.now += step
        if place == 10:
            clock.forget()
        stamps.append(clock.stamp_ms())
    assert all(b > a for a, b in pairwise(stamps))


@define
class Exchange:
    """An exchange that takes stamps within 5 s of its time, each above the last, and may tell a wrong time.

    `wrong` are the errors, in ms, of its next answers.
    """

    seconds: Seconds
    wrong: list[int] = field(factory=list)
    stepped: int = 0
    last: int = 0

    def time_ms(self) -> int:
        return SERVER_MS + int(self.seconds.now * 1000) + self.stepped

    def ask(self) -> int:
        return self.time_ms() + (self.wrong.pop(0) if self.wrong else 0)

    def takes(self, stamp: int) -> bool:
        if abs(stamp - self.time_ms()) > 5000 or stamp <= self.last:
            return False
        self.last = stamp
        return True


def calls_until_taken(exchange: Exchange, clock: VenueClock, most: int = 4) -> int:
    for call in range(1, most + 1):
        stamp = clock.stamp_ms()
        if exchange.takes(stamp):
            clock.took(stamp)
            return call
        clock.refused(stamp)
    raise AssertionError(f"no stamp was taken in {most} calls")


@pytest.mark.parametrize(
    "error", [-3_600_000, -10_000, -5_100, -2_500, 2_500, 4_900, 5_100, 10_000, 3_600_000]
)
def test_one_wrong_time_costs_one_refusal_and_no_wait(error: int) -> None:
    seconds = Seconds()
    exchange = Exchange(seconds)
    clock = VenueClock(exchange.ask, Wall(), seconds, seconds.wait)
    assert calls_until_taken(exchange, clock) == 1
    seconds.now += 1
    clock.forget()
    exchange.wrong.append(error)
    assert calls_until_taken(exchange, clock) <= 2
    seconds.now += 1
    assert calls_until_taken(exchange, clock) == 1
    assert sum(seconds.slept) <= 5  # a stamp that was taken although it was ahead is waited for


@given(
    st.lists(st.tuples(st.integers(-20_000, 20_000), st.floats(0, 30), st.booleans()), max_size=20),
)
def test_whatever_times_are_told_the_right_one_ends_the_refusals(
    happenings: list[tuple[int, float, bool]],
) -> None:
    seconds = Seconds()
    exchange = Exchange(seconds)
    clock = VenueClock(exchange.ask, Wall(), seconds, seconds.wait)
    for error, pause, forget in happenings:
        exchange.wrong = [error]
        seconds.now += pause
        if forget:
            clock.forget()
        stamp = clock.stamp_ms()
        if exchange.takes(stamp):
            clock.took(stamp)
        else:
            clock.refused(stamp)
    exchange.wrong = []
    assert calls_until_taken(exchange, clock) <= 2


@pytest.mark.parametrize(("back", "waits"), [(1_000, []), (3_000, [3.0]), (20_000, [20.0]), (3_600_000, [])])
def test_an_exchange_that_steps_back_is_waited_for_if_that_is_not_too_long(
    back: int, waits: list[float]
) -> None:
    """Stamps that were taken stay behind, unless the exchange's time is so far away that they cannot."""
    seconds = Seconds()
    exchange = Exchange(seconds)
    clock = VenueClock(exchange.ask, Wall(), seconds, seconds.wait)
    assert calls_until_taken(exchange, clock) == 1
    exchange.stepped = -back
    clock.forget()
    stamp = clock.stamp_ms()
    assert seconds.slept == waits
    assert abs(stamp - exchange.time_ms()) <= 2000
    assert (stamp > exchange.last) == (back < 3_600_000)


def test_a_wait_for_which_there_is_no_patience_sends_nothing() -> None:
    seconds = Seconds()
    exchange = Exchange(seconds)
    clock = VenueClock(exchange.ask, Wall(), seconds, lambda lead: False)
    assert calls_until_taken(exchange, clock) == 1
    exchange.stepped = -10_000
    clock.forget()
    with pytest.raises(Unavailable, match=r"10\.0 s ahead of the exchange's time") as caught:
        clock.stamp_ms()
    assert caught.value.reason is VenueReason.CLOCK


def test_threads_never_share_a_stamp() -> None:
    clock = new_clock(Seconds(), Wall())
    stamps: list[int] = []
    threads = [
        threading.Thread(target=lambda: stamps.extend(clock.stamp_ms() for _ in range(200))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(stamps)) == 1600
