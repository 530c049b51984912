"""What rests at the exchange is not known where the list of open orders was not read: nothing is bought on
the strength of that, nothing that only the list shows has ended, and all goes on with the next list."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from fresh_database import fresh_file
from run_by_hand import DAY, by_ourselves, cycle, restarted, see_to
from running import Running, running

from meva_adapters.sql.store import SqlStore, writer
from meva_core.ids import client_id
from meva_core.live.standing import Standing
from meva_core.live_book.alarms import AlarmCode
from meva_core.modes import Mode
from meva_core.operating.steps.settling import ORDERS_UNREAD
from meva_core.orders import Side
from meva_core.venue import NewOrder, OrderState, UnreadOrder

BOTH = ("BTCTRY", "ETHTRY")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def buys(book: Running) -> list[str]:
    """Return the names under which something was sent that buys."""
    return [name for name in book.account.exchange.sent if ":B:" in name]


def open_pairs(book: Running) -> set[str]:
    return {alarm.pair for alarm in book.account.book.alarms}


def nameless(store: SqlStore) -> Running:
    """Return a book whose first two BUYs were taken without a word, and are shown without their names; they
    were looked for in vain until they were called absent."""
    book = running(store)
    exchange = book.account.exchange
    exchange.unheard = True
    with exchange.failing("find"):
        cycle(book)
    exchange.unheard = False
    assert len(buys(book)) == len(exchange.orders) == 2
    exchange.orders = {number: evolve(order, client_id=None) for number, order in exchange.orders.items()}
    for _ in range(4):
        cycle(book)
    assert {order.standing for order in book.account.last.orders} == {Standing.ABSENT}
    assert open_pairs(book) == {f"looks_like_ours:{number}" for number in exchange.orders}
    return book


def test_what_an_order_of_unknown_fate_looks_like_blocks_though_the_list_is_not_read(store: SqlStore) -> None:
    book = nameless(store)
    pairs = open_pairs(book)
    with book.account.exchange.failing("open_orders"):
        for _ in range(2):
            inputs = cycle(book).inputs
            assert inputs.blocked == dict.fromkeys(BOTH, ORDERS_UNREAD)
            assert open_pairs(book) == pairs
        book = restarted(book)
        assert cycle(book).inputs.blocked == dict.fromkeys(BOTH, ORDERS_UNREAD)
    assert cycle(book).inputs.blocked == dict.fromkeys(BOTH, AlarmCode.LOOKS_LIKE_OURS)
    assert len(buys(book)) == 2, "the first two, which rest"


def test_it_blocks_for_as_long_as_it_rests_not_for_the_day_that_ours_is_watched(store: SqlStore) -> None:
    book = nameless(store)
    exchange, pairs = book.account.exchange, open_pairs(book)
    exchange.pass_time(DAY)
    for _ in range(2):
        cycle(book)
        assert book.account.last.orders == (), "nothing is expected of ours any more"
        assert open_pairs(book) == pairs
    book = restarted(book)
    with exchange.failing("open_orders"):
        cycle(book)
    cycle(book)
    assert open_pairs(book) == pairs
    assert len(buys(book)) == 2

    first = next(iter(exchange.orders))
    exchange.permit, permit = None, exchange.permit
    exchange.cancel(first)
    exchange.permit = permit
    cycle(book)
    assert open_pairs(book) == pairs - {f"looks_like_ours:{first}"}
    assert len(buys(book)) == 3
    see_to(book)
    cycle(book)
    assert open_pairs(book) == set()
    assert len(buys(book)) == 4


def test_a_restored_file_sends_nothing_before_a_list_has_shown_what_it_lacks(store: SqlStore) -> None:
    book = running(store, settings={"STAGE4_BOOTSTRAP_INTENTS": "0"})
    exchange = book.account.exchange
    lost = [client_id(cycle(book).inputs.cycle, "BTCTRY", Side.BUY, n, stage=4) for n in (1, 2)]
    price = exchange.prices["BTCTRY"] - 10
    for name in lost:
        exchange._add(NewOrder(name, "BTCTRY", Side.BUY, price, price / price), name)
    book = restarted(running_with_intents(book))
    with exchange.failing("open_orders"), exchange.failing("all_orders"):
        assert cycle(book).inputs.blocked == dict.fromkeys(BOTH, ORDERS_UNREAD)
    assert open_pairs(book) == set()
    told = cycle(book)
    assert open_pairs(book) == {f"file_behind_exchange:{number}" for number in exchange.orders}
    assert told.cycle.decisions.mode.mode is Mode.OBSERVE_ONLY
    assert buys(book) == []


def running_with_intents(book: Running) -> Running:
    """Return a book whose strategy wants to buy from here on."""
    limits = evolve(book.runner.run.limits, stage4_bootstrap_intents=True)
    return evolve(book, runner=evolve(book.runner, run=evolve(book.runner.run, limits=limits)))


ROWS = {
    "a stranger's": (("7", "web-1", "ETHTRY"), set()),
    "nobody knows whose": ((None, None, "ETHTRY"), {"ETHTRY"}),
    "nobody knows of what": ((None, None, None), set(BOTH)),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_cannot_be_read_costs_the_symbol_in_which_it_may_be_ours(
    store: SqlStore, row: str
) -> None:
    book, (told, blocked) = running(store), ROWS[row]
    exchange = book.account.exchange
    exchange.unread = [UnreadOrder(*told, "its amount is no number")]
    for _ in range(2):
        told = cycle(book).read
        assert told.inputs.blocked == dict.fromkeys(blocked, ORDERS_UNREAD)
        assert any("its amount is no number" in note for note in told.notes) == bool(blocked)
    assert {name.split(":")[2] for name in buys(book)} == {*BOTH} - blocked
    exchange.unread = []
    for _ in range(2):
        assert cycle(book).inputs.blocked == {}
    assert {name.split(":")[2] for name in buys(book)} == {*BOTH}


def test_what_looks_like_ours_blocks_though_its_row_cannot_be_read_any_more(store: SqlStore) -> None:
    book = nameless(store)
    exchange, pairs = book.account.exchange, open_pairs(book)
    (number, order), _ = exchange.orders.items()
    exchange.unread = [UnreadOrder(number, None, order.symbol, "its amount is no number")]
    for seconds in (61, DAY, 61):
        inputs = cycle(book, seconds).inputs
        assert inputs.blocked[order.symbol] == ORDERS_UNREAD
        assert open_pairs(book) == pairs
    exchange.unread = []
    assert cycle(book).inputs.blocked == dict.fromkeys(BOTH, AlarmCode.LOOKS_LIKE_OURS)
    assert open_pairs(book) == pairs
    assert len(buys(book)) == 2


def test_a_strangers_order_stays_on_record_while_its_row_cannot_be_read(store: SqlStore) -> None:
    book = running(store, settings={"STAGE4_BOOTSTRAP_INTENTS": "0"})
    exchange = book.account.exchange
    numbers = [exchange._add(NewOrder("", "ETHTRY", Side.BUY, Decimal(90), Decimal(n)), None) for n in (1, 2)]

    def rows() -> dict[str, str]:
        with store.read() as view:
            return dict(view.rows("stage4_orders", ("exchange_order_id", "status")))

    cycle(book)
    exchange.unread = [UnreadOrder(numbers[0], None, "ETHTRY", "its amount is no number")]
    exchange.orders[numbers[1]] = evolve(exchange.orders[numbers[1]], state=OrderState.CANCELED)
    cycle(book)
    assert rows() == {numbers[0]: "open", numbers[1]: "unknown_closed"}
    exchange.unread = [UnreadOrder(None, None, "ETHTRY", "its number is none")]
    del exchange.orders[numbers[0]]
    cycle(book)
    assert rows()[numbers[0]] == "open", "it may be that one"
    exchange.unread = []
    cycle(book)
    assert rows() == dict.fromkeys(numbers, "unknown_closed")


def test_fills_are_booked_and_orders_taken_back_without_the_list_and_it_comes_back(store: SqlStore) -> None:
    book = running(store, settings={"STAGE4_BOOTSTRAP_INTENTS": "0", "TTL_SECONDS": "90"})
    exchange = book.account.exchange
    cycle(book)
    number = by_ourselves(book, "BTCTRY", Side.BUY, "0.1", "2990")
    exchange.trade(number, "0.04")
    book = running_with_intents(book)
    with exchange.failing("open_orders"):
        for _ in range(3):
            cycle(book)
    assert book.account.book.ledger.holding("BTCTRY").qty == 4_000_000
    assert exchange.orders[number].state.ended
    sent = len(exchange.sent)
    cycle(book)
    assert len(exchange.sent) > sent
    assert book.account.last.inputs.blocked == {}
    book.account.check()
