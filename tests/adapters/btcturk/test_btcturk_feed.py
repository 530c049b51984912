"""The stream without its socket: books by changes, events, and frames of any kind."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from exchange_answers import FILL
from hypothesis import given
from hypothesis import strategies as st
from scripted_exchange import KEY, PAYLOADS, SECRET

from meva_adapters.btcturk import Channel, Signer
from meva_adapters.btcturk.feed import Feed, LoggedIn, OrderChange, OrderNews
from meva_core.orders import Side
from meva_core.venue import Book, Ticker, Trade, VenueFill

NOW = 1_760_000_000_000_000
JOINS = [(Channel.BOOK, "BTCTRY"), (Channel.TRADE, "BTCTRY")]
LEAVE = {"type": 151, "channel": "obdiff", "event": "BTCTRY", "join": False}
JOIN = {**LEAVE, "join": True}


def feed() -> Feed:
    made = Feed(PAYLOADS, JOINS)
    made.opening(0)
    return made


def snapshot(sequence: int = 1000, bids: Any = None, asks: Any = None) -> str:
    return frame(
        431,
        CS=sequence,
        PS="BTCTRY",
        AO=asks or [{"A": "0.00411", "P": "3036600"}, {"A": "0.2", "P": "3041000"}],
        BO=bids or [{"A": "0.01862", "P": "3035100"}],
        channel="obdiff",
        event="BTCTRY",
    )


def frame(kind: int, **body: Any) -> str:
    return json.dumps([kind, {**body, "type": kind}])


def changes(sequence: int, asks: Any = (), bids: Any = ()) -> str:
    return frame(
        432, CS=sequence, PS="BTCTRY", AO=list(asks), BO=list(bids), channel="obdiff", event="BTCTRY"
    )


def level(change: int, price: str, amount: str) -> dict[str, Any]:
    return {"CP": change, "P": price, "A": amount}


def told(made: Feed, *texts: str) -> list[Any]:
    return [event for text in texts for event in made.receive(text, NOW)[0]]


def sent(made: Feed, text: str) -> list[Any]:
    return [json.loads(answer)[1] for answer in made.receive(text, NOW)[1]]


def test_a_book_is_its_snapshot_with_every_change() -> None:
    made = feed()
    events = told(
        made,
        snapshot(),
        changes(
            1001,
            asks=[level(0, "3036600", "0.0031"), level(3, "3041000", "0.2")],
            bids=[level(1, "3035150", "0.05")],
        ),
    )
    assert all(isinstance(event, Book) for event in events)
    book = made.book("BTCTRY", NOW)
    assert book == events[-1]
    assert [(one.price, one.qty) for one in book.asks] == [(Decimal(3036600), Decimal("0.0031"))]
    assert [one.price for one in book.bids] == [3035150, 3035100]


@pytest.mark.parametrize("sequence", [1000, 1002, 999, 5])
def test_a_change_out_of_sequence_hides_the_book_and_joins_anew(sequence: int) -> None:
    made = feed()
    told(made, snapshot())
    assert sent(made, changes(sequence)) == [LEAVE, JOIN]
    assert made.book("BTCTRY", NOW) is None
    assert told(made, changes(sequence + 1)) == []
    assert told(made, snapshot(7))
    assert made.book("BTCTRY", NOW) is not None


@pytest.mark.parametrize(
    "text",
    [
        changes(1001, bids=[level(2, "1", "1")]),
        changes(1001, bids=[{"P": "x", "A": "1", "CP": 0}]),
        changes(1001, bids=[level(1, "-5", "1")]),
        frame(432, CS=1001, PS="BTCTRY", AO=[]),
        "[432,",
        "{}",
        "[432]",
    ],
)
def test_a_change_that_cannot_be_read_hides_the_book_and_joins_anew(text: str) -> None:
    made = feed()
    told(made, snapshot())
    assert sent(made, text) == [LEAVE, JOIN]
    assert made.book("BTCTRY", NOW) is None
    assert sum(made.dropped.values()) == 1


def test_a_frame_that_cannot_be_read_costs_the_book_it_names_and_no_other() -> None:
    made = feed()
    made.follow(["BTCTRY", "ETHTRY"], NOW)
    told(made, snapshot(), snapshot().replace("BTCTRY", "ETHTRY"))
    assert sent(made, changes(1001, bids=[level(2, "1", "1")])) == [LEAVE, JOIN]
    assert (made.book("BTCTRY", NOW), made.book("ETHTRY", NOW) is None) == (None, False)
    assert [one["event"] for one in sent(made, "no JSON")] == ["ETHTRY", "ETHTRY"], "the other is on its way"


def test_which_books_are_followed_may_change() -> None:
    made = Feed(PAYLOADS, [])
    assert made.opening(NOW) == []
    joined = [json.loads(text)[1] for text in made.follow(["BTCTRY", "ETHTRY"], NOW)]
    assert joined == [JOIN, {**JOIN, "event": "ETHTRY"}]
    told(made, snapshot())
    left = [json.loads(text)[1] for text in made.follow(["ETHTRY", "XRPTRY"], NOW)]
    assert left == [LEAVE, {**JOIN, "event": "XRPTRY"}]
    assert told(made, snapshot()) == [], "what was on its way is of no use"
    assert made.book("BTCTRY", NOW) is None
    assert [json.loads(text)[1]["event"] for text in made.opening(NOW)] == ["ETHTRY", "XRPTRY"]
    assert made.rejoin("BTCTRY", NOW) == []


def test_a_book_that_does_not_come_is_asked_for_again_and_ever_more_seldom() -> None:
    made = Feed(PAYLOADS, JOINS)
    made.opening(NOW)
    asked = []
    for second in range(0, 3000, 5):
        if texts := made.overdue(NOW + second * 10**6):
            assert [json.loads(text)[1] for text in texts] == [LEAVE, JOIN]
            asked.append(second)
    assert asked == [10, 30, 70, 150, 310, 630, 1270, 1910, 2550]
    told(made, snapshot())
    assert made.overdue(NOW + 10**12) == []


def test_a_clock_that_is_set_back_leaves_no_book_waiting() -> None:
    made = feed()
    made.opening(NOW + 3600 * 10**6)
    assert len(made.overdue(NOW)) == 2


def test_a_book_is_begun_anew_once_at_a_time() -> None:
    made = feed()
    told(made, snapshot())
    assert [json.loads(text)[1] for text in made.rejoin("BTCTRY", NOW)] == [LEAVE, JOIN]
    assert made.rejoin("BTCTRY", NOW) == []
    assert made.showing("BTCTRY") is None
    told(made, snapshot())
    assert made.showing("BTCTRY") is not None


def test_changes_before_the_snapshot_are_left_out() -> None:
    made = feed()
    assert made.receive(changes(3), NOW) == ([], [])


def test_a_new_connection_begins_without_the_books_of_the_old_one() -> None:
    made = feed()
    told(made, snapshot())
    assert [json.loads(text)[1] for text in made.opening(0)] == [JOIN, {**JOIN, "channel": "trade"}]
    assert made.book("BTCTRY", NOW) is None


def test_the_login_is_the_one_that_the_exchange_documents() -> None:
    made = Feed(PAYLOADS, [], Signer(KEY, SECRET))
    (text,) = made.opening(NOW)
    assert json.loads(text) == [
        114,
        {
            "type": 114,
            "publicKey": "b7e1c0de-0000-4000-8000-000000000001",
            "timestamp": 1760000000000,
            "nonce": 3000,
            "signature": "Yk90P0OmNRLXPvnkL6i8h3yuDIA8s4FHZlyA+kk/as8=",
        },
    ]
    assert told(made, frame(114, id=0, ok=True, message=None)) == [LoggedIn(True, "")]
    assert told(made, frame(114, ok=False, message="no")) == [LoggedIn(False, "no")]


def test_trades_come_one_by_one_and_in_a_batch_after_joining() -> None:
    item = {"D": "1760000003000", "I": "101963779399182812", "A": "0.0042000000", "P": "3036600.0", "S": 0}
    batch = frame(421, symbol="BTCTRY", items=[{**item, "D": "1760000004000", "S": 1}, item])
    first, second, third = told(
        feed(), batch, frame(422, **item, PS="BTCTRY", channel="trade", event="BTCTRY")
    )
    assert (
        first
        == third
        == Trade(
            "101963779399182812", "BTCTRY", 1760000003000000, Side.BUY, Decimal(3036600), Decimal("0.0042")
        )
    )
    assert second.side is Side.SELL


def test_a_ticker_is_stamped_with_the_time_it_came() -> None:
    body = {"B": "3035100", "A": "3036600", "PS": "BTCTRY", "H": "3066900", "L": "2991500", "LA": "3036000"}
    (ticker,) = told(feed(), frame(402, **body, V="23.38650000", DS="TRY", NS="BTC", PId=1))
    assert isinstance(ticker, Ticker)
    assert (ticker.ts, ticker.volume, ticker.bid) == (NOW, Decimal("23.3865"), Decimal(3035100))


def test_news_of_our_own_orders() -> None:
    fill = json.dumps([423, FILL])
    match = frame(441, id=25338000004, user=1, isBid=True, method=0, pair=1, symbol="BTCTRY", clientId="c")
    new = frame(451, id=25338000003, symbol="BTCTRY", newOrderClientId="bot-7f3a-3", price="1", amount="1")
    dummy = frame(451, id=0, symbol="", newOrderClientId="")
    events = told(feed(), fill, match, new, dummy)
    assert isinstance(events[0], VenueFill)
    assert events[1:] == [
        OrderNews(OrderChange.MATCHED, "25338000004", "c"),
        OrderNews(OrderChange.INSERTED, "25338000003", "bot-7f3a-3"),
    ]


def test_frames_of_other_kinds_are_nothing_to_us() -> None:
    greeting = frame(991, current="6.0.0", min="2.3.0")
    assert told(feed(), greeting, frame(100, ok=True, message="join|obdiff:BTCTRY"), frame(201)) == []


KINDS = [100, 114, 402, 421, 422, 423, 431, 432, 441, 451, 452, 453, 991]
FIELDS = ["A", "P", "CP", "CS", "PS", "AO", "BO", "D", "I", "S", "id", "ok", "symbol", "items", "B", "H", "L"]
BODIES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["1", "-1", "NaN", "BTCTRY", "x", "1e999", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner),
    max_leaves=12,
)


@given(
    texts=st.lists(
        st.tuples(st.sampled_from(KINDS), BODIES).map(json.dumps)
        | st.binary(max_size=40)
        | st.text(max_size=40)
        | st.sampled_from(["[" * 100_000, "[432,{}]", snapshot(), changes(1001)]),
        max_size=8,
    )
)
def test_no_frame_raises_and_no_book_is_shown_crossed_by_one(texts: list[Any]) -> None:
    made = feed()
    for text in texts:
        made.receive(text, NOW)
        book = made.book("BTCTRY", NOW)
        assert book is None or all(one.price > 0 and one.qty > 0 for one in (*book.bids, *book.asks))


LEVELS = st.dictionaries(st.integers(1, 30), st.integers(1, 9), max_size=12)


@given(books=st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=8))
def test_changes_lead_from_any_book_to_any_other(books: list[tuple[dict[int, int], dict[int, int]]]) -> None:
    made = feed()
    bids, asks = books[0]
    body = {"PS": "BTCTRY", "CS": 1, "BO": rows(bids), "AO": rows(asks)}
    told(made, frame(431, **body))
    for place, (next_bids, next_asks) in enumerate(books[1:], 2):
        told(made, changes(place, difference(asks, next_asks), difference(bids, next_bids)))
        bids, asks = next_bids, next_asks
        book = made.book("BTCTRY", NOW)
        assert book is not None
        assert [(one.price, one.qty) for one in book.bids] == sorted(bids.items(), reverse=True)
        assert [(one.price, one.qty) for one in book.asks] == sorted(asks.items())
        showing = made.showing("BTCTRY")
        assert showing is not None
        assert (showing.bid, showing.ask) == (next(iter(book.bids), None), next(iter(book.asks), None))
        assert showing.around(NOW, NOW)[-1] == showing.touches[-1]


def rows(side: dict[int, int]) -> list[dict[str, str]]:
    return [{"P": str(price), "A": str(amount)} for price, amount in side.items()]


def difference(old: dict[int, int], new: dict[int, int]) -> list[dict[str, Any]]:
    gone = [level(3, str(price), "1") for price in old.keys() - new.keys()]
    return gone + [level(0 if p in old else 1, str(p), str(a)) for p, a in new.items() if old.get(p) != a]
