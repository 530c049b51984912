"""What every exchange behind the ports promises. An adapter's tests inherit these and give it as fixtures.

The exchange lists BTCTRY and ETHTRY, has bars of the last hour, and its BTCTRY account has money to trade
with.
"""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import pytest

from meva_core.errors import BadInput, Refused, VenueReason
from meva_core.orders import Side
from meva_core.ports import Account, MarketData, RulesSource, Venue
from meva_core.rules import RuleStatus, quantize
from meva_core.venue import Book, NewOrder, OrderState, VenueFill, VenueOrder

MICROS = 1_000_000


class MarketDataContract:
    """The port `MarketData`; the fixture `market` gives one."""

    def test_the_exchanges_time_goes_on(self, market: MarketData) -> None:
        first = market.now()
        assert first <= market.now() < first + 10 * MICROS

    def test_a_book_is_sorted_and_each_price_is_there_once(self, market: MarketData) -> None:
        book = two_sided(market)
        assert book.symbol == "BTCTRY"
        assert abs(book.ts - market.now()) < 60 * MICROS
        assert all(above.price > below.price for above, below in pairwise(book.bids))
        assert all(below.price < above.price for below, above in pairwise(book.asks))
        assert book.bids[0].price < book.asks[0].price
        assert all(level.qty > 0 for level in (*book.bids, *book.asks))

    def test_a_ticker_is_one_of_the_tickers(self, market: MarketData) -> None:
        ticker = market.ticker("BTCTRY")
        tickers = market.tickers()
        assert list(tickers) == sorted(tickers)
        assert tickers["BTCTRY"].symbol == ticker.symbol == "BTCTRY"
        assert ticker.low <= ticker.last <= ticker.high
        assert abs(ticker.ts - market.now()) < 60 * MICROS

    def test_a_pair_that_does_not_exist_is_refused(self, market: MarketData) -> None:
        for ask in (market.ticker, market.book):
            with pytest.raises(Refused) as caught:
                ask("NOPETRY")
            assert caught.value.reason is VenueReason.UNKNOWN_SYMBOL

    def test_trades_come_oldest_first_and_each_once(self, market: MarketData) -> None:
        trades = market.trades("BTCTRY")
        assert all(before.ts <= after.ts for before, after in pairwise(trades))
        assert len({trade.trade_id for trade in trades}) == len(trades)

    def test_candles_are_finished_on_their_grid_and_within_what_was_asked(self, market: MarketData) -> None:
        now = market.now() // MICROS
        candles = market.candles("BTCTRY", 60, now - 1800, now + 600)
        assert 25 <= len(candles) <= 30
        stamps = [candle.ts for candle in candles]
        assert stamps == sorted(set(stamps))
        assert all(stamp % (60 * MICROS) == 0 for stamp in stamps)
        assert (now - 1800) * MICROS < stamps[0]
        assert stamps[-1] <= market.now()
        assert all(c.low <= min(c.open, c.close) and max(c.open, c.close) <= c.high for c in candles)

    def test_candles_asked_for_in_parts_are_those_asked_for_at_once(self, market: MarketData) -> None:
        now = market.now() // MICROS
        whole = market.candles("BTCTRY", 300, now - 7200, now - 600)
        first = market.candles("BTCTRY", 300, now - 7200, now - 3600)
        second = market.candles("BTCTRY", 300, now - 3600, now - 600)
        assert [*first, *second] == list(whole)

    def test_no_such_pair_no_candles(self, market: MarketData) -> None:
        now = market.now() // MICROS
        assert list(market.candles("NOPETRY", 60, now - 600, now)) == []

    def test_an_interval_that_does_not_exist_is_bad_input(self, market: MarketData) -> None:
        with pytest.raises(BadInput):
            market.candles("BTCTRY", 7, 0, 100)


class RulesContract:
    """The port `RulesSource`; the fixture `rules` gives one."""

    def test_rules_come_in_the_order_asked_and_every_symbol_has_a_status(self, rules: RulesSource) -> None:
        eth, nope, btc = rules.rules(["ETHTRY", "NOPETRY", "BTCTRY"])
        assert [rule.symbol for rule in (eth, nope, btc)] == ["ETHTRY", "NOPETRY", "BTCTRY"]
        assert (btc.status, nope.status) == (RuleStatus.OK, RuleStatus.MISSING)
        assert nope.reason
        assert btc.tick_size is not None
        assert btc.tick_size > 0

    def test_metadata_holds_the_entries_that_rules_come_from(self, rules: RulesSource) -> None:
        metadata = rules.metadata()
        assert {"BTCTRY", "ETHTRY"} <= metadata.pairs.keys()
        assert b"BTCTRY" in metadata.document


def two_sided(market: MarketData) -> Book:
    """A book with both sides: one may be empty for a moment, after a trade through all that rested there."""
    for _ in range(500):
        book = market.book("BTCTRY")
        if book.bids and book.asks:
            return book
        time.sleep(0.02)
    raise AssertionError("a side of the book stays empty")


def new_order(market: MarketData, rules: RulesSource, away: str, side: Side = Side.BUY) -> NewOrder:
    """An order of about 1000 TRY, `away` times the touch that it would trade against, on the grid."""
    book = two_sided(market)
    touch = book.asks[0] if side is Side.BUY else book.bids[0]
    (rule,) = rules.rules(["BTCTRY"])
    price, qty, _ = quantize(rule, side, round(touch.price * Decimal(away), 8), Decimal("0.00033333"))
    return NewOrder(f"t-{uuid4().hex[:20]}", "BTCTRY", side, price, qty)


def wait_for_fills(account: Account, order_id: str, qty: Decimal) -> list[VenueFill]:
    for _ in range(1000):
        fills = list(account.order_fills(order_id))
        if sum(fill.qty for fill in fills) == qty:
            return fills
        time.sleep(0.02)
    raise AssertionError("the fills never came")


def wait_for_state(account: Account, order_id: str, state: OrderState) -> VenueOrder:
    for _ in range(1000):
        order = account.order(order_id)
        if order is not None and order.state is state:
            return order
        time.sleep(0.02)
    raise AssertionError(f"the order is not {state}")


class AccountContract:
    """The ports `Account` and `Venue`; the fixtures `account`, `venue`, `market` and `rules` give them."""

    def test_balances_add_up(self, account: Account) -> None:
        balances = account.balances()
        assert list(balances) == sorted(balances)
        assert balances["TRY"].total == balances["TRY"].free + balances["TRY"].locked
        assert balances["TRY"].free > 1000

    def test_an_order_rests_until_it_is_canceled_and_cancelling_is_asked_for_once(
        self, account: Account, venue: Venue, market: MarketData, rules: RulesSource
    ) -> None:
        order = new_order(market, rules, "0.8")
        locked = account.balances()["TRY"].locked
        accepted = venue.submit(order)
        (resting,) = [o for o in account.open_orders("BTCTRY") if o.order_id == accepted.order_id]
        assert (resting.client_id, resting.price, resting.qty) == (order.client_id, order.price, order.qty)
        assert (resting.state, resting.filled, resting.side) == (OrderState.OPEN, 0, Side.BUY)
        assert account.balances()["TRY"].locked >= locked + order.price * order.qty
        assert resting in account.open_orders()
        venue.cancel(accepted.order_id)
        ended = wait_for_state(account, accepted.order_id, OrderState.CANCELED)
        assert ended.filled == 0
        assert account.balances()["TRY"].locked == locked
        with pytest.raises(Refused) as caught:
            venue.cancel(accepted.order_id)
        assert caught.value.reason in (VenueReason.UNKNOWN_ORDER, VenueReason.NOT_CANCELABLE)

    @pytest.mark.parametrize(("side", "away"), [(Side.BUY, "1.01"), (Side.SELL, "0.99")])
    def test_an_order_that_crosses_fills_and_money_moves_by_what_its_fills_say(
        self,
        account: Account,
        venue: Venue,
        market: MarketData,
        rules: RulesSource,
        side: Side,
        away: str,
    ) -> None:
        before = account.balances()
        order = new_order(market, rules, away, side)
        accepted = venue.submit(order)
        fills = wait_for_fills(account, accepted.order_id, order.qty)
        ended = wait_for_state(account, accepted.order_id, OrderState.FILLED)
        assert ended.left == 0
        assert {(fill.side, fill.symbol, fill.client_id) for fill in fills} == {
            (side, "BTCTRY", order.client_id)
        }
        paid = sum(fill.price * fill.qty for fill in fills)
        fees = sum(fill.fee for fill in fills)
        sign = -1 if side is Side.BUY else 1
        after = account.balances()
        assert fees > 0
        assert abs(after["TRY"].total - before["TRY"].total - (sign * paid - fees)) <= Decimal("0.01")
        assert after["BTC"].total - before["BTC"].total == -sign * order.qty

    def test_fills_of_a_span_are_those_of_its_orders(
        self, account: Account, venue: Venue, market: MarketData, rules: RulesSource
    ) -> None:
        start = market.now() - MICROS
        orders = [new_order(market, rules, "1.01") for _ in range(3)]
        accepted = [venue.submit(order) for order in orders]
        each = [wait_for_fills(account, a.order_id, o.qty) for a, o in zip(accepted, orders, strict=True)]
        end = market.now() + MICROS
        span = account.fills("BTCTRY", start, end)
        ours = {a.order_id for a in accepted}
        expected = sorted(fill.fill_id for fills in each for fill in fills)
        assert sorted(fill.fill_id for fill in span if fill.order_id in ours) == expected
        assert all(start <= fill.ts <= end for fill in span)
        assert all(before.ts <= after.ts for before, after in pairwise(span))
        assert list(account.fills("ETHTRY", start, market.now() + MICROS)) == []

    def test_all_orders_of_a_span_have_open_ended_and_canceled_ones(
        self, account: Account, venue: Venue, market: MarketData, rules: RulesSource
    ) -> None:
        start = market.now() // MICROS - 1
        resting = venue.submit(new_order(market, rules, "0.8"))
        filled = venue.submit(new_order(market, rules, "1.01"))
        wait_for_state(account, filled.order_id, OrderState.FILLED)
        venue.cancel(resting.order_id)
        wait_for_state(account, resting.order_id, OrderState.CANCELED)
        listed = account.all_orders("BTCTRY", start, market.now() // MICROS + 1)
        states = {order.order_id: order.state for order in listed}
        assert states[resting.order_id] is OrderState.CANCELED
        assert states[filled.order_id] is OrderState.FILLED
        assert [int(o.order_id) for o in listed] == sorted({int(o.order_id) for o in listed})

    def test_an_order_is_found_under_our_own_name_for_it_whatever_became_of_it(
        self, account: Account, venue: Venue, market: MarketData, rules: RulesSource
    ) -> None:
        since = market.now() // MICROS - 1
        for away in ("0.8", "1.01"):
            order = new_order(market, rules, away)
            assert list(venue.find("BTCTRY", order.client_id, since)) == []
            accepted = venue.submit(order)
            (found,) = venue.find("BTCTRY", order.client_id, since)
            assert found.order_id == accepted.order_id

    def test_orders_that_do_not_exist_are_none_and_cannot_be_canceled(
        self, account: Account, venue: Venue
    ) -> None:
        assert account.order("999999999999") is None
        with pytest.raises(Refused):
            venue.cancel("999999999999")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"price": Decimal("2000000.5")}, VenueReason.PRICE_SCALE),
            ({"qty": Decimal("0.000123456789")}, VenueReason.QUANTITY_SCALE),
            ({"qty": Decimal("0.00001")}, VenueReason.BELOW_MINIMUM),
            ({"qty": Decimal(900)}, VenueReason.INSUFFICIENT_FUNDS),
        ],
    )
    def test_an_order_that_breaks_a_rule_is_refused_with_its_reason(
        self,
        venue: Venue,
        account: Account,
        market: MarketData,
        rules: RulesSource,
        change: dict[str, Decimal],
        reason: VenueReason,
    ) -> None:
        good = new_order(market, rules, "0.9")
        given = {"price": good.price, "qty": good.qty, **change}
        order = NewOrder(good.client_id, "BTCTRY", Side.BUY, **given)
        with pytest.raises(Refused) as caught:
            venue.submit(order)
        assert caught.value.reason is reason
        assert list(venue.find("BTCTRY", order.client_id, market.now() // MICROS - 5)) == []
