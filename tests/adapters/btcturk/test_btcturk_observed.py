"""What an observer hears of the calls: each request once, with what its answer proves."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest
from attrs import define, field
from exchange_answers import BALANCE, BOOK, TICKER
from scripted_exchange import (
    CUT,
    FALLBACK,
    KEY,
    PAGE,
    PAYLOADS,
    SECRET,
    Answer,
    Seconds,
    Server,
    closed_port,
    data,
    doc,
    refusal,
)

from meva_adapters.btcturk import Client, Manners, PrivateData, PublicData, Signer
from meva_adapters.btcturk.endpoints import BALANCES as BALANCES_READ
from meva_adapters.btcturk.endpoints import BOOK as BOOKS
from meva_adapters.btcturk.endpoints import Endpoint
from meva_adapters.btcturk.limits import allowed
from meva_adapters.btcturk.observed import OUTCOMES, Beating, Slowest
from meva_adapters.system.clock import SystemClock
from meva_core.errors import BadInput, MevaError, OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.orders import Side
from meva_core.venue import NewOrder
from tests.permits import Gate

TICKERS = "GET /api/v2/ticker"
BALANCES = "GET /api/v1/users/balances"
POST = "POST /api/v1/order"


@define
class Heard:
    """An observer that keeps all it hears."""

    came: Counter[tuple[str, str]] = field(factory=Counter)
    seconds: list[float] = field(factory=list)
    again: Counter[str] = field(factory=Counter)
    kept_back: Counter[str] = field(factory=Counter)
    room: dict[str, int] = field(factory=dict)

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        self.came[endpoint.quota, outcome] += 1
        self.seconds.append(seconds)

    def repeated(self, endpoint: Endpoint) -> None:
        self.again[endpoint.quota] += 1

    def withheld(self, endpoint: Endpoint) -> None:
        self.kept_back[endpoint.quota] += 1

    def left(self, endpoint: Endpoint, calls: int) -> None:
        self.room[endpoint.quota] = calls


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def observed(server: Server, seconds: Seconds, heard: Heard) -> Callable[..., Client]:
    def make(url: str = server.url) -> Client:
        manners = Manners(connect=60.0, total=60.0, patience=5.0, monotonic=seconds, sleep=seconds.sleep)
        signer = Signer(KEY, SECRET)
        return Client(url, url, SystemClock(), signer=signer, manners=manners, observer=heard)

    return make


def test_each_request_is_heard_once_with_how_long_it_took(
    server: Server, observed: Callable[..., Client], seconds: Seconds, heard: Heard
) -> None:
    def slow(asked: object) -> Answer:
        seconds.now += 0.25
        return data([TICKER])

    server.on(TICKERS, slow)
    PublicData(observed(), FALLBACK, PAYLOADS).tickers()
    assert (heard.came, heard.seconds) == ({("ticker", "answered"): 1}, [0.25])
    assert not heard.again
    assert not heard.kept_back


@pytest.mark.parametrize(
    ("answer", "outcome", "error"),
    [
        (CUT, "no_answer", Unavailable),
        (PAGE, "unreachable", Unavailable),
        (Answer(200, b"<html>"), "garbled", BadInput),
        (refusal("Too many requests", status=429), "rate_limited", Unavailable),
        (Answer(503), "maintenance", Unavailable),
        (doc({"success": False, "message": "INVALID_REQUEST_ERROR"}), "other", Refused),
    ],
    ids=["cut", "page", "garbled", "429", "503", "refused"],
)
def test_a_failed_request_is_heard_by_why_it_failed_and_each_attempt_by_itself(
    server: Server,
    observed: Callable[..., Client],
    heard: Heard,
    answer: Answer,
    outcome: str,
    error: type[MevaError],
) -> None:
    server.on(TICKERS, answer)
    with pytest.raises(error):
        PublicData(observed(), FALLBACK, PAYLOADS).tickers()
    asked = len(server.calls(TICKERS))
    assert heard.came == {("ticker", outcome): asked}
    assert heard.again["ticker"] == asked - 1
    assert outcome in OUTCOMES


def test_a_connection_that_never_came_about_is_an_outcome_of_its_own(
    observed: Callable[..., Client], heard: Heard
) -> None:
    with pytest.raises(Unavailable):
        PublicData(observed(f"http://127.0.0.1:{closed_port()}"), FALLBACK, PAYLOADS).tickers()
    assert heard.came == {("ticker", "no_connection"): 3}


def test_what_became_of_a_write_is_heard_and_one_that_is_not_sent_is_none(
    server: Server, observed: Callable[..., Client], heard: Heard
) -> None:
    order = NewOrder("bot-7f3a-1", "BTCTRY", Side.BUY, Decimal(2124576), Decimal("0.0005"))
    server.on(POST, PAGE)
    client = observed()
    with pytest.raises(OutcomeUnknown):
        PrivateData(client, Gate(), PAYLOADS).submit(order)
    assert heard.came["order post", "outcome_unknown"] == 1
    before = Counter(heard.came)
    with pytest.raises(BadInput):
        PrivateData(client, Gate(shut=BadInput("the kill switch is on")), PAYLOADS).submit(order)
    assert heard.came == before


def test_what_the_budgets_leave_is_heard_with_each_call_and_what_they_forbid_too(
    server: Server, observed: Callable[..., Client], heard: Heard, seconds: Seconds
) -> None:
    server.on("GET /api/v2/orderbook", data(BOOK))
    client = observed()
    market = PublicData(client, FALLBACK, PAYLOADS)
    most = allowed(BOOKS.budgets[0])
    for called in range(1, most + 1):
        market.book("BTCTRY")
        assert heard.room["orderbook"] == most - called
    with pytest.raises(Unavailable) as caught:
        market.book("BTCTRY")
    assert caught.value.reason is VenueReason.RATE_LIMITED
    assert heard.kept_back == {"orderbook": 1}
    assert heard.came == {("orderbook", "answered"): most}, "what is not sent is no request"
    seconds.now += BOOKS.budgets[0].seconds
    market.book("BTCTRY")
    assert heard.room["orderbook"] == most - 1


def test_while_a_refused_key_keeps_private_calls_closed_each_is_withheld_and_uses_no_budget(
    server: Server, observed: Callable[..., Client], heard: Heard, seconds: Seconds
) -> None:
    refused = doc({"success": True, "message": "Unauthorized - Invalid Public key", "code": 1037}, 401)
    server.on(BALANCES, refused)
    server.on(TICKERS, data([TICKER]))
    client, gate = observed(), Gate()
    account = PrivateData(client, gate, PAYLOADS)
    order = NewOrder("bot-7f3a-1", "BTCTRY", Side.BUY, Decimal(2124576), Decimal("0.0005"))
    for _ in range(3):
        with pytest.raises(Refused):
            account.balances()
    room = client.room(BALANCES_READ)
    for ask in (
        account.balances,
        account.open_orders,
        lambda: account.submit(order),
        lambda: account.cancel("1"),
    ):
        with pytest.raises(Unavailable, match="no private call is made for another 600 s") as caught:
            ask()
        assert caught.value.reason is VenueReason.UNAUTHORIZED
        assert "key" in caught.value.action
    assert heard.kept_back == dict.fromkeys(("balances", "openOrders", "order post", "order delete"), 1)
    assert (client.room(BALANCES_READ), gate.submits, gate.cancels) == (room, [], [])
    assert PublicData(client, FALLBACK, PAYLOADS).tickers()
    seconds.now += 600
    server.on(BALANCES, data([BALANCE]))
    assert "TRY" in account.balances()
    assert len(server.calls(BALANCES)) == 4


def test_whoever_supervises_hears_of_each_attempt_that_has_ended_whatever_came_of_it(
    server: Server, seconds: Seconds, heard: Heard
) -> None:
    beats: list[float] = []
    observer = Slowest(Beating(heard, lambda: beats.append(seconds.now)))
    manners = Manners(connect=60.0, total=60.0, patience=5.0, monotonic=seconds, sleep=seconds.sleep)
    client = Client(server.url, server.url, SystemClock(), manners=manners, observer=observer)

    def hangs(asked: object) -> Answer:
        seconds.now += 15
        return CUT

    server.on(TICKERS, hangs)
    with pytest.raises(Unavailable):
        PublicData(client, FALLBACK, PAYLOADS).tickers()
    apart = [later - beat for beat, later in itertools.pairwise(beats)]
    assert len(beats) == 3
    assert max(apart) < 30, "45 s in all, and a beat in each third of the 90 s of a watchdog"
    assert heard.came == {("ticker", "no_answer"): 3}
