"""Books of the stream held against tickers: how fresh one is, and when it is of no use."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from scripted_exchange import PAYLOADS
from test_btcturk_feed import changes, level, snapshot

from meva_adapters.btcturk import Channel
from meva_adapters.btcturk.agreement import Agreement
from meva_adapters.btcturk.feed import Feed
from meva_adapters.btcturk.followed import KEPT_MICROS, Showing
from meva_core.venue import Ticker

SECOND = 10**6
NOW = 1_760_000_000 * SECOND
BID, ASK = Decimal(3035100), Decimal(3036600)  # of the snapshot
TICK = Decimal(10)


class Told:
    """A book whose frames come at seconds that a test names, and the tickers that it is held against."""

    def __init__(self) -> None:
        self.feed = Feed(PAYLOADS, [(Channel.BOOK, "BTCTRY")])
        self.feed.opening(NOW)
        self.agreement = Agreement()
        self.feed.receive(snapshot(1000), NOW)
        self.sequence = 1000

    def moves(self, at: float, bid: int) -> None:
        """A better bid comes, and those before it go."""
        self.sequence += 1
        gone = [level(3, str(touch.bid), "1") for touch in self.showing().touches if touch.bid != bid]
        text = changes(self.sequence, bids=[*gone, level(1, str(bid), "0.5")])
        assert self.feed.receive(text, NOW + int(at * SECOND))[1] == []

    def showing(self) -> Showing:
        showing = self.feed.showing("BTCTRY")
        assert showing is not None
        return showing

    def judged(self, at: float | None = None, bid: int | None = None, ask: int | None = None) -> float | None:
        """Hold the book against a ticker of a second, and return as of which second it stands."""
        ticker = None
        if at is not None:
            prices = (BID if bid is None else Decimal(bid), ASK if ask is None else Decimal(ask))
            moment = NOW + int(at * SECOND)
            one = Decimal(1)
            ticker = Ticker("BTCTRY", moment, one, one, one, *prices, one)
        stamp = self.agreement.judge("BTCTRY", self.showing(), ticker, TICK)
        return None if stamp is None else (stamp - NOW) / SECOND


def test_a_book_is_as_old_as_its_last_frame() -> None:
    told = Told()
    assert told.judged() == 0
    told.moves(7, 3035200)
    assert told.judged() == 7


@pytest.mark.parametrize("off", [0, 10, -10])
def test_a_ticker_that_shows_the_same_within_a_tick_makes_it_younger(off: int) -> None:
    told = Told()
    assert told.judged(20, int(BID) + off, int(ASK) - off) == 20
    assert told.judged() == 20
    assert told.judged(15) == 20, "an older one says nothing"


@pytest.mark.parametrize(("bid", "ask"), [(11, 0), (-11, 0), (0, 11), (0, -11)])
def test_a_ticker_that_shows_anything_else_speaks_against_it_and_two_running_end_it(
    bid: int, ask: int
) -> None:
    told = Told()
    assert told.judged(20, int(BID) + bid, int(ASK) + ask) is None
    assert told.judged(20, int(BID) + bid, int(ASK) + ask) is None
    assert not told.agreement.is_spent("BTCTRY"), "it is one ticker, seen twice"
    assert told.judged() is None
    assert told.judged(25, int(BID) + bid, int(ASK) + ask) is None
    assert told.agreement.is_spent("BTCTRY")
    told.agreement.left("BTCTRY")
    assert told.judged() == 0


def test_a_ticker_that_agrees_ends_the_doubt() -> None:
    told = Told()
    told.judged(20, int(BID) + 500)
    assert told.judged(25) == 25
    told.judged(30, int(BID) + 500)
    assert not told.agreement.is_spent("BTCTRY")


def test_where_no_ticker_ever_agrees_a_book_is_left_ever_more_seldom() -> None:
    """It may be the tickers that are wrong, of all pairs at once."""
    told, left = Told(), []
    for number in range(1, 200):
        told.judged(5 * number, 1)
        if told.agreement.is_spent("BTCTRY"):
            left.append(number)
            told.agreement.left("BTCTRY")
    assert left == [2, 6, 14, 30, 62, 126, 190]
    told.judged(1000)
    told.judged(1005, 1)
    told.judged(1010, 1)
    assert told.agreement.is_spent("BTCTRY"), "one that agreed begins the count anew"


def test_what_a_ticker_says_before_the_frame_comes_is_taken_back_with_it() -> None:
    told = Told()
    assert told.judged(20, 3035300) is None
    told.moves(20.7, 3035300)
    assert told.judged() == 20.7
    assert told.judged(25, 3035900) is None
    assert not told.agreement.is_spent("BTCTRY")


def test_a_ticker_is_held_against_what_was_shown_around_its_time() -> None:
    told = Told()
    told.moves(10, 3035200)
    told.moves(11, 3035400)
    for at, bid, agrees in (
        (9.5, int(BID), True),
        (10.5, 3035200, True),
        (10.4, 3035300, True),  # in between, which was not sent
        (10.9, 3035400, True),
    ):
        other = Told()
        other.moves(10, 3035200)
        other.moves(11, 3035400)
        assert (other.judged(at, bid) == 11) is agrees, at
    assert told.judged(13, 3035200) is None, "the stream is late"


def test_a_stream_that_comes_late_is_not_taken_for_fresh_though_it_never_rests() -> None:
    """Its frames are newer than any ticker, and show what the market was half a minute ago."""
    told = Told()
    for second in range(1, 61):
        told.moves(second, int(BID) + 100 * (second - 30 if second > 30 else 0) + 10 * (second % 2))
        if second > 35:
            assert told.judged(second - 0.5, int(BID) + 100 * second) is None
    assert told.agreement.is_spent("BTCTRY")


def test_touches_are_kept_for_a_while_and_the_one_that_stands_for_ever() -> None:
    told = Told()
    for second in range(200):
        told.moves(1 + second, int(BID) + 100 * (1 + second % 7))
    touches = told.showing().touches
    kept = KEPT_MICROS // SECOND
    assert kept <= len(touches) <= kept + 2
    around = told.showing().around(NOW + 150 * SECOND, NOW + 151 * SECOND)
    assert [(touch.since - NOW) // SECOND for touch in around] == [150, 151]
    assert told.showing().around(NOW, NOW + SECOND) == ()
    assert told.judged(1, 5) == 200, "of then nothing is known any more"


def test_an_empty_side_agrees_with_an_empty_side_alone() -> None:
    told = Told()
    gone = [level(3, "3035100", "1")]
    told.feed.receive(changes(1001, bids=gone), NOW)
    showing = told.showing()
    assert (showing.bid, showing.ask is None) == (None, False)
    one = Decimal(1)
    empty = Ticker("BTCTRY", NOW + 9 * SECOND, one, one, one, None, ASK, one)
    assert told.agreement.judge("BTCTRY", showing, empty, TICK) == NOW + 9 * SECOND
    assert told.judged(12) is None


def test_a_crossed_book_is_one_that_no_ticker_shows() -> None:
    """A change that was lost without a gap; where the market itself is crossed, tickers show it, too."""
    told = Told()
    told.moves(5, int(ASK) + 100)
    assert told.judged(8) is None
    assert told.judged(13) is None
    assert told.agreement.is_spent("BTCTRY")
    crossed = Told()
    crossed.moves(5, int(ASK) + 100)
    assert crossed.judged(8, int(ASK) + 100) == 8


def test_best_levels_come_with_what_rests_there() -> None:
    told = Told()
    told.moves(3, 3035200)
    showing = told.showing()
    assert showing.bid is not None
    assert (showing.bid.price, showing.bid.qty, showing.at) == (3035200, Decimal("0.5"), NOW + 3 * SECOND)
    none = json.dumps([432, {"CS": 1002, "PS": "BTCTRY", "BO": [level(0, "3035200", "0")], "AO": []}])
    told.feed.receive(none, NOW + 4 * SECOND)
    assert told.showing().bid is None, "nothing rests there any more"
