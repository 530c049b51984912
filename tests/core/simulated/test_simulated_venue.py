"""The exchange of dry runs: what fills, at which price and fee, what is refused, and what is stored."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from simulated_exchange import (
    BTC,
    BTCTRY,
    ETHTRY,
    MICROS,
    RULES,
    START,
    TAKER,
    TERMS,
    TRY,
    Exchange,
    exchange,
    stored_and_read,
    touch,
)

from meva_core.amounts import E8
from meva_core.errors import BadInput, Refused, StoreBusy, VenueReason
from meva_core.orders import Side
from meva_core.rules import RuleStatus
from meva_core.settings import FillModel, build_settings
from meva_core.simulated.books import Books, books_of, opened, text_of
from meva_core.simulated.terms import terms_of
from meva_core.simulated.venue import SimulatedVenue
from meva_core.venue import NewOrder, OrderState


def buy(price: str, qty: str, name: str = "a", symbol: str = "BTCTRY") -> NewOrder:
    return NewOrder(name, symbol, Side.BUY, Decimal(price), Decimal(qty))


def sell(price: str, qty: str, name: str = "a", symbol: str = "BTCTRY") -> NewOrder:
    return NewOrder(name, symbol, Side.SELL, Decimal(price), Decimal(qty))


@pytest.fixture
def quoted() -> Exchange:
    """An exchange at which BTC is 2 990 000 to 3 000 000, of whatever size."""
    made = exchange()
    made.show(touch("2990000", "3000000"), touch("149000", "150000", symbol="ETHTRY"))
    return made


def filled(given: Exchange, order_id: str) -> list[tuple[str, str, str]]:
    """Return the fills of an order as (quantity, price, fee)."""
    return [(f"{f.qty:f}", f"{f.price:f}", f"{f.fee:f}") for f in given.venue.order_fills(order_id)]


# -- What fills ---------------------------------------------------------------------------------------


def test_an_order_that_crosses_pays_the_touch_with_slippage_and_the_takers_fee(quoted: Exchange) -> None:
    taken = quoted.venue.submit(buy("3100000", "0.01"))
    assert filled(quoted, taken.order_id) == [("0.01", "3007500", "72.18")]
    assert quoted.venue.balances()["TRY"].total == Decimal(100_000) - Decimal(30075) - Decimal("72.18")
    sold = quoted.venue.submit(sell("2900000", "0.01"))
    assert filled(quoted, sold.order_id) == [("0.01", "2982525", "71.5806")]


def test_slippage_never_goes_beyond_the_limit(quoted: Exchange) -> None:
    taken = quoted.venue.submit(buy("3000000", "0.01"))
    assert filled(quoted, taken.order_id) == [("0.01", "3000000", "72")]


def test_an_order_that_rests_fills_at_its_limit_with_the_makers_fee_when_a_newer_row_reaches_it(
    quoted: Exchange,
) -> None:
    rests = quoted.venue.submit(buy("2980000", "0.01")).order_id
    quoted.show(touch("2900000", "2980000"))
    assert filled(quoted, rests) == []  # not newer than the row that it met
    quoted.next(touch("2970000", "2980001"))
    assert filled(quoted, rests) == []
    quoted.next(touch("2970000", "2980000"))
    assert filled(quoted, rests) == [("0.01", "2980000", "35.76")]
    assert quoted.venue.order_fills(rests)[0].ts == quoted.clock.now


def test_a_size_is_used_once_best_price_first_then_older_and_in_whole_lots(quoted: Exchange) -> None:
    first, better, second = (
        quoted.venue.submit(buy(price, "0.7", name, "ETHTRY")).order_id
        for price, name in (("40000", "a"), ("41000", "b"), ("40000", "c"))
    )
    row = touch("39000", "40000", symbol="ETHTRY", sizes=(None, "1.0006"))
    quoted.next(row)
    assert filled(quoted, better) == [("0.7", "41000", "34.44")]
    assert filled(quoted, first) == [("0.3", "40000", "14.4")]
    assert filled(quoted, second) == []
    took = quoted.venue.submit(buy("40000", "0.003", "d", "ETHTRY"))
    assert filled(quoted, took.order_id) == []  # less than a lot is left
    quoted.show(evolve(row, ts=quoted.clock.now))
    again = quoted.venue.submit(buy("40000", "0.003", "e", "ETHTRY"))
    assert filled(quoted, again.order_id) == []  # the same row, shown again
    quoted.next(row)
    assert [filled(quoted, one)[-1][0] for one in (first, second)] == ["0.4", "0.6"]


def test_what_takes_part_rests_for_the_rest_and_pays_each_fee_for_its_part(quoted: Exchange) -> None:
    quoted.next(touch("2990000", "3000000", sizes=("1", "0.004")))
    order = quoted.venue.submit(buy("3000000", "0.01")).order_id
    free = quoted.venue.balances()["TRY"].free
    assert filled(quoted, order) == [("0.004", "3000000", "28.8")]
    assert free == Decimal(100_000) - Decimal("12028.8") - Decimal("18021.6")
    quoted.next(touch("2990000", "3000000"))
    assert filled(quoted, order)[1:] == [("0.006", "3000000", "21.6")]
    assert quoted.venue.balances()["TRY"].free == free


@pytest.mark.parametrize(
    "row",
    [touch("3000000", "2990000"), touch(None, "2900000"), touch("2990000", None)],
    ids=["crossed", "no bid", "no ask"],
)
def test_nothing_fills_against_half_a_book(quoted: Exchange, row: object) -> None:
    rests = quoted.venue.submit(buy("2980000", "0.01")).order_id
    quoted.next(row)  # type: ignore[arg-type]
    assert filled(quoted, rests) == []
    assert filled(quoted, quoted.venue.submit(buy("3100000", "0.01", "b")).order_id) == []


def test_nothing_fills_against_a_row_that_is_too_old(quoted: Exchange) -> None:
    rests = quoted.venue.submit(buy("2980000", "0.01")).order_id
    quoted.clock.now += 3600 * MICROS
    quoted.show(touch("2900000", "2910000", ts=quoted.clock.now - 61 * MICROS))
    assert filled(quoted, rests) == []
    quoted.show(touch("2900000", "2910000", ts=quoted.clock.now - 60 * MICROS))
    assert len(filled(quoted, rests)) == 1


def test_at_once_all_of_it_fills_at_the_mark_within_its_limit() -> None:
    given = exchange(evolve(TERMS, model=FillModel.INSTANT))
    given.show(touch("2990000", "3000000"))
    done = given.venue.submit(buy("3100000", "0.0001")).order_id
    assert filled(given, done) == [("0.0001", "3002487.5", "0.720597")]
    far = given.venue.submit(buy("2000000", "0.0001", "b")).order_id
    assert filled(given, far) == [("0.0001", "2000000", "0.48")]
    for n in range(12):
        given.venue.submit(sell(str(2_000_000 + n), "0.01", f"c{n}"))
    fills = [fill for fill in given.venue.books.fills if fill.side is Side.SELL]
    assert {fill.price for fill in fills} == {29_875_125 * E8 // 10}
    assert {fill.qty for fill in fills} == {E8 // 100, 6 * E8 // 1000, 4 * E8 // 1000}


def test_at_once_means_at_the_next_mark_where_there_is_none() -> None:
    given = exchange(evolve(TERMS, model=FillModel.INSTANT))
    given.show(touch(None, "3000000"))
    waits = given.venue.submit(buy("3100000", "0.0001")).order_id
    assert filled(given, waits) == []
    given.next(touch(None, "3000000", last="3000000"))
    assert filled(given, waits) == [("0.0001", "3007500", "0.7218")]


# -- What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (buy("3000000", "0.01", symbol="NOPETRY"), VenueReason.UNKNOWN_SYMBOL),
        (buy("2990000.5", "0.01"), VenueReason.PRICE_SCALE),
        (buy("150000", "0.0015", symbol="ETHTRY"), VenueReason.QUANTITY_SCALE),
        (buy("2990000", "0.000123456789"), VenueReason.QUANTITY_SCALE),
        (buy("2990000", "0.00003341"), VenueReason.BELOW_MINIMUM),
        (buy("10000001", "0.001"), VenueReason.PRICE_OUT_OF_RANGE),
        (buy("999999999999", "0.001"), VenueReason.PRICE_OUT_OF_RANGE),
        (buy("150000", "50.001", symbol="ETHTRY"), VenueReason.OTHER),
        (buy("2990000", "900"), VenueReason.INSUFFICIENT_FUNDS),
        (sell("2990000", "2.00000001"), VenueReason.INSUFFICIENT_FUNDS),
        (sell("150000", "1", symbol="ETHTRY"), VenueReason.INSUFFICIENT_FUNDS),
    ],
)
def test_an_order_is_refused_as_the_exchange_would_and_nothing_changes(
    quoted: Exchange, order: NewOrder, reason: VenueReason
) -> None:
    before = quoted.venue.books
    with pytest.raises(Refused) as caught:
        quoted.venue.submit(order)
    assert caught.value.reason is reason
    assert quoted.venue.books == before


def test_what_is_no_order_never_leaves(quoted: Exchange) -> None:
    for order in (buy("0", "1"), buy("1", "-1"), buy("NaN", "1"), buy("1", "1E+30"), buy("1", "1", "a b")):
        with pytest.raises(BadInput):
            quoted.venue.submit(order)


def test_a_pair_that_takes_no_orders_says_so(quoted: Exchange) -> None:
    quoted.market.listed = {
        "BTCTRY": evolve(BTCTRY, tradable=False),
        "ETHTRY": evolve(ETHTRY, status=RuleStatus.INVALID, tick_size=None),
    }
    quoted.next()
    for symbol in ("BTCTRY", "ETHTRY"):
        with pytest.raises(Refused) as caught:
            quoted.venue.submit(buy("150000", "1", symbol=symbol))
        assert caught.value.reason is VenueReason.NOT_SUPPORTED


def test_money_that_orders_hold_back_is_not_free(quoted: Exchange) -> None:
    quoted.venue.submit(buy("2000000", "0.0499"))
    held = Decimal(99800) * Decimal("1.0012")
    assert quoted.venue.balances()["TRY"].locked == held
    with pytest.raises(Refused) as caught:
        quoted.venue.submit(buy("2000000", "0.0001", "b"))
    assert caught.value.reason is VenueReason.INSUFFICIENT_FUNDS


def test_all_of_the_money_can_be_spent_with_its_fee_and_not_a_unit_more() -> None:
    cost = 3000 * E8 + 3000 * TAKER // 10**4
    for cash, fits in ((cost, True), (cost - 1, False)):
        given = exchange(books=opened("stage3-dry", cash))
        given.show(touch("2990000", "3000000"))
        if fits:
            given.venue.submit(buy("3000000", "0.001"))
            assert given.venue.books.totals == {"TRY": 0, "BTC": E8 // 1000}
        else:
            with pytest.raises(Refused):
                given.venue.submit(buy("3000000", "0.001"))


@pytest.mark.parametrize(("price", "reason"), [
    ("3000000", VenueReason.NOT_CANCELABLE), ("2000000", VenueReason.UNKNOWN_ORDER),
])  # fmt: skip
def test_what_has_ended_cannot_be_canceled(quoted: Exchange, price: str, reason: VenueReason) -> None:
    order = quoted.venue.submit(buy(price, "0.001")).order_id
    if price == "2000000":
        quoted.venue.cancel(order)
    with pytest.raises(Refused) as caught:
        quoted.venue.cancel(order)
    assert caught.value.reason is reason


def test_a_pair_that_is_listed_no_more_shows_its_orders_and_one_that_never_was_does_not(
    quoted: Exchange,
) -> None:
    rests = quoted.venue.submit(buy("2000000", "0.001")).order_id
    quoted.market.listed = {"ETHTRY": ETHTRY}
    quoted.next(touch("1000000", "1000001"))
    assert [order.order_id for order in quoted.venue.open_orders("BTCTRY")] == [rests]
    assert filled(quoted, rests) == []
    for ask in (quoted.venue.open_orders, lambda symbol: quoted.venue.find(symbol, "a", START)):
        with pytest.raises(Refused) as caught:
            ask("XRPTRY")
        assert caught.value.reason is VenueReason.UNKNOWN_SYMBOL


# -- What is stored -----------------------------------------------------------------------------------


def test_a_name_given_twice_makes_two_orders_as_at_the_exchange(quoted: Exchange) -> None:
    first, second = (quoted.venue.submit(buy("2000000", "0.001")).order_id for _ in range(2))
    found = quoted.venue.find("BTCTRY", "a", START - 60)
    assert [order.order_id for order in found] == [first, second]
    assert int(second) > int(first)


def test_numbers_come_of_content_and_two_books_share_none() -> None:
    names = []
    for book in ("stage3-dry", "stage3-dry", "stage4-dry"):
        given = exchange(books=Books(name=book, totals={"TRY": TRY}))
        given.show(touch("2990000", "3000000"))
        names.append([given.venue.submit(buy("2000000", "0.001", name)).order_id for name in "ab"])
    assert names[0] == names[1]
    assert not set(names[0]) & set(names[2])


def test_the_books_are_one_document_and_come_back_of_it(quoted: Exchange) -> None:
    quoted.venue.submit(buy("2000000", "0.001"))
    quoted.venue.submit(buy("3000000", "0.001", "b"))
    books = quoted.venue.books
    text = text_of(books)
    assert books_of(stored_and_read(text)) == books
    assert text_of(books_of(stored_and_read(text))) == text
    with pytest.raises(BadInput):
        books_of({"name": "stage4-dry"})


def test_a_change_is_kept_before_anyone_is_answered_or_it_has_not_happened(quoted: Exchange) -> None:
    kept: list[Books] = []

    def keep(books: Books) -> None:
        if len(kept) == 2:
            raise StoreBusy("another holds it")
        kept.append(books)

    venue = SimulatedVenue(quoted.venue.books, TERMS, quoted.clock, keep)
    venue.meet(START, [], RULES)
    order = venue.submit(buy("2000000", "0.001")).order_id
    assert kept[-1].by_id[order].is_open
    for act in (lambda: venue.cancel(order), lambda: venue.submit(buy("2000000", "0.001", "b"))):
        with pytest.raises(StoreBusy):
            act()
    assert venue.books == kept[-1]


def test_what_has_been_booked_is_forgotten_and_what_rests_is_not(quoted: Exchange) -> None:
    rests = quoted.venue.submit(buy("2000000", "0.001")).order_id
    old = quoted.venue.submit(buy("3000000", "0.001", "b")).order_id
    quoted.next(touch("2990000", "3000000"))
    young = quoted.venue.submit(buy("3000000", "0.001", "c")).order_id
    balances = quoted.venue.balances()
    quoted.venue.forget(quoted.clock.now)
    assert [order.order_id for order in quoted.venue.books.orders] == [rests, young]
    assert [fill.order_id for fill in quoted.venue.books.fills] == [young]
    assert quoted.venue.order(old) is None
    assert quoted.venue.balances() == balances


def test_a_clock_that_goes_back_moves_nothing_back(quoted: Exchange) -> None:
    now = quoted.clock.now
    quoted.clock.now -= 10 * MICROS
    quoted.show(touch("2990000", "3000000"))
    accepted = quoted.venue.submit(buy("3000000", "0.001"))
    assert accepted.ts == now
    assert [fill.ts for fill in quoted.venue.order_fills(accepted.order_id)] == [now]


def test_an_account_begins_with_its_money_and_the_settings_say_what_it_is_charged() -> None:
    assert opened("stage3-dry", 1000 * E8) == Books(name="stage3-dry", totals={"TRY": 1000 * E8})
    terms = terms_of(build_settings({"FEE_BPS_MAKER": "3", "STAGE7_SLIPPAGE_BPS": "2.5"}), seed=7)
    assert (terms.maker, terms.taker, terms.slippage, terms.seed) == (3 * E8, TAKER, 25 * E8 // 10, 7)
    with pytest.raises(BadInput, match="FEE_BPS_TAKER: 10001 bps"):
        terms_of(build_settings({"FEE_BPS_TAKER": "10001"}))


def test_the_state_of_an_order_is_the_exchanges_word(quoted: Exchange) -> None:
    quoted.next(touch("2990000", "3000000", sizes=("1", "0.004")))
    part = quoted.venue.submit(buy("3000000", "0.01")).order_id
    rests = quoted.venue.submit(buy("2000000", "0.001", "b")).order_id
    shown = {
        order.order_id: (order.state, order.status, order.filled) for order in quoted.venue.open_orders()
    }
    assert shown == {
        part: (OrderState.PARTIAL, "Partial", Decimal("0.004")),
        rests: (OrderState.OPEN, "Untouched", 0),
    }
    quoted.venue.cancel(part)
    ended = quoted.venue.order(part)
    assert ended is not None
    assert (ended.state, ended.status, ended.left) == (OrderState.CANCELED, "Canceled", Decimal("0.006"))


def test_balances_tell_of_every_listed_asset(quoted: Exchange) -> None:
    assert {asset: balance.total for asset, balance in quoted.venue.balances().items()} == {
        "BTC": Decimal(BTC) / E8,
        "ETH": 0,
        "TRY": Decimal(100_000),
    }
