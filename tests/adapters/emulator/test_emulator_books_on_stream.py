"""Books by diff: whoever joins when, whatever is traded, a client's copy is what REST shows. No sockets."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from attrs import Factory, define
from emulator_desk import Desk
from emulator_server import E8
from hypothesis import Phase, given
from hypothesis import strategies as st
from strategies import examples

from meva_adapters.emulator.exchange.orders import Side
from meva_adapters.emulator.faults.rules import FaultRules, Rule
from meva_adapters.emulator.stream.hub import Hub
from meva_adapters.emulator.stream.session import Session

PAIR = "BTCTRY"
Book = dict[str, dict[str, str]]


@define(eq=False)
class Reader:
    """A client that keeps a book by the rules of the documentation, and complains when they are broken."""

    hub: Hub
    texts: list[str] = Factory(list)
    books: dict[str, Book] = Factory(dict)
    changes: dict[str, int] = Factory(dict)
    session: Session = None  # type: ignore[assignment]

    def __attrs_post_init__(self) -> None:
        self.session = Session(FaultRules(), self.texts.append, lambda code: None)
        self.hub.open(self.session)

    def say(self, channel: str, join: bool) -> None:
        """Join or leave a channel."""
        body = {"type": 151, "channel": channel, "event": PAIR, "join": join}
        self.hub.receive(self.session, json.dumps([151, body]))
        self.read()
        if not join:
            self.books.pop(channel, None)

    def read(self) -> None:
        """Take in all frames that have come."""
        for text in self.texts:
            kind, body = json.loads(text)
            if kind == 431:
                channel = body["channel"]
                self._expect(channel, body["CS"], first=channel not in self.books)
                self.books[channel] = {side: {r["P"]: r["A"] for r in body[side]} for side in ("AO", "BO")}
            elif kind == 432:
                self._expect("obdiff", body["CS"], first=False)
                assert body["AO"] or body["BO"]
                for side in ("AO", "BO"):
                    self._change(self.books["obdiff"][side], body[side])
        self.texts.clear()

    def _expect(self, channel: str, change: int, *, first: bool) -> None:
        assert change == (1000 if first else self.changes[channel] + 1)
        self.changes[channel] = change

    def _change(self, side: dict[str, str], rows: list[dict[str, Any]]) -> None:
        for row in rows:
            assert (row["P"] in side) is (row["CP"] in (0, 3)), row
            if row["CP"] == 3:
                del side[row["P"]]
            else:
                assert side.get(row["P"]) != row["A"]
                side[row["P"]] = row["A"]


def shown(desk: Desk) -> Book:
    """The book of REST, in the shape that a reader keeps."""
    data = desk.read("/api/v2/orderbook", pairSymbol=PAIR)
    plain = {
        name: {price: amount.rstrip("0").rstrip(".") for price, amount in data[side]}
        for name, side in (("AO", "asks"), ("BO", "bids"))
    }
    assert [int(price) for price, _ in data["asks"]] == sorted(int(price) for price, _ in data["asks"])
    assert [int(p) for p, _ in data["bids"]] == sorted((int(p) for p, _ in data["bids"]), reverse=True)
    return plain


def act(random: Random, desk: Desk, readers: list[Reader]) -> None:
    """Do one thing: trade, cancel, join, leave, or pass on what has changed."""
    draw = random.random()
    if draw < 0.6:
        side = random.choice(list(Side))
        price = 3_000_000 + random.randrange(-90, 91) + (60 if side else -60)
        desk.offer(side, price * E8, random.choice([1, 2, 3, 50]) * E8 // 100)
    elif draw < 0.75:
        mine = [order for order in desk.exchange.register.open_orders() if order.account is desk.house]
        if mine:
            desk.exchange.cancel(desk.house, random.choice(mine).id, desk.clock())
    elif draw < 0.9:
        reader = random.choice(readers)
        reader.say(random.choice(["obdiff", "obdiff", "orderbook"]), random.random() < 0.7)
    else:
        tell(desk, readers)


def tell(desk: Desk, readers: list[Reader]) -> None:
    """Pass on what has changed, and look that every copy is what REST shows."""
    readers[0].hub.tell_books()
    expected = shown(desk)
    for reader in readers:
        reader.read()
        for channel, book in reader.books.items():
            assert book == expected, channel


@examples(0.8, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(st.randoms(use_true_random=False), st.integers(20, 150), st.sampled_from([0, 130]))
def test_every_copy_of_the_book_is_what_rest_shows_whoever_joined_when(
    random: Random, steps: int, levels: int
) -> None:
    desk = Desk()
    desk.switch(limits=False)
    hub = Hub(desk.venue)
    readers = [Reader(hub) for _ in range(3)]
    for number in range(levels):  # beyond the hundred levels that are shown
        desk.offer(Side.BUY, (2_999_999 - number) * E8, E8)
        desk.offer(Side.SELL, (3_000_001 + number) * E8, E8)
    for _ in range(steps):
        act(random, desk, readers)
    tell(desk, readers)


def test_joining_the_full_book_takes_nothing_from_one_that_is_kept_by_diff() -> None:
    desk = Desk()
    hub = Hub(desk.venue)
    reader = Reader(hub)
    desk.offer(Side.BUY, 3_000_000 * E8)
    reader.say("obdiff", True)
    desk.offer(Side.BUY, 2_999_000 * E8)
    reader.say("orderbook", True)
    tell(desk, [reader])
    assert set(reader.books) == {"obdiff", "orderbook"}


def test_a_book_that_comes_back_to_what_it_was_sends_no_diff() -> None:
    desk = Desk()
    hub = Hub(desk.venue)
    reader = Reader(hub)
    reader.say("obdiff", True)
    order = desk.offer(Side.BUY, 3_000_000 * E8)
    desk.exchange.cancel(desk.house, order.id, desk.clock())
    hub.tell_books()
    assert reader.texts == []


def test_whoever_leaves_hears_nothing_and_counts_anew_when_he_is_back() -> None:
    desk = Desk()
    hub = Hub(desk.venue)
    reader = Reader(hub)
    reader.say("obdiff", True)
    desk.offer(Side.BUY, 3_000_000 * E8)
    tell(desk, [reader])
    assert reader.changes["obdiff"] == 1001
    reader.say("obdiff", False)
    desk.offer(Side.BUY, 2_999_000 * E8)
    hub.tell_books()
    assert reader.texts == []
    reader.say("obdiff", True)
    assert reader.changes["obdiff"] == 1000
    tell(desk, [reader])


def test_a_dropped_diff_leaves_a_gap_in_the_change_numbers() -> None:
    desk = Desk()
    hub = Hub(desk.venue)
    texts: list[str] = []
    rules = FaultRules(rules=[Rule("drop", "STREAM 432", after=1, times=1)])
    session = Session(rules, texts.append, lambda code: None)
    hub.open(session)
    hub.receive(session, json.dumps([151, {"type": 151, "channel": "obdiff", "event": PAIR, "join": True}]))
    for price in (3_000_000, 2_999_000, 2_998_000):
        desk.offer(Side.BUY, price * E8)
        hub.tell_books()
    diffs = [body["CS"] for kind, body in map(json.loads, texts) if kind == 432]
    assert diffs == [1001, 1003]
