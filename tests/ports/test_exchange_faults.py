"""What goes wrong between us and an exchange, and what is known afterwards:

rows N1 to N16 over a whole exchange.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from exchange_contract import MICROS, new_order, wait_for_fills, wait_for_state
from local_exchange import LocalExchange, start_emulator, stop_emulator

from meva_adapters.btcturk import Btcturk, PrivateData
from meva_core.errors import BadInput, OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.live.booking import entries_of, missing_quantity
from meva_core.orders import Side
from meva_core.settings import Secret
from meva_core.venue import NewOrder, OrderState

ORDER = "POST /api/v1/order"
CANCEL = "DELETE /api/v1/order"
ENDS = ["504", "empty", "reset"]


@pytest.fixture
def account(btcturk: Btcturk) -> PrivateData:
    assert isinstance(btcturk.account, PrivateData)
    return btcturk.account


@pytest.fixture
def order(btcturk: Btcturk) -> NewOrder:
    return new_order(btcturk.market, btcturk.rules, "0.8")


def since(btcturk: Btcturk) -> int:
    return btcturk.market.now() // MICROS - 30


@pytest.mark.parametrize("end", ENDS)
def test_n2_a_request_that_was_lost_left_nothing(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder, end: str
) -> None:
    local.fault("lose_request", ORDER, times=1, end=end)
    with pytest.raises(OutcomeUnknown):
        account.submit(order)
    assert list(account.find("BTCTRY", order.client_id, since(btcturk))) == []


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("away", "state"), [("0.8", OrderState.OPEN), ("1.01", OrderState.FILLED)])
def test_n3_an_order_whose_reply_was_lost_is_found_once(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, end: str, away: str, state: OrderState
) -> None:
    order = new_order(btcturk.market, btcturk.rules, away)
    local.fault("lose_reply", ORDER, times=1, end=end)
    with pytest.raises(OutcomeUnknown):
        account.submit(order)
    (found,) = account.find("BTCTRY", order.client_id, since(btcturk))
    assert (found.state, found.qty, found.price) == (state, order.qty, order.price)


def test_n3_silence_after_acceptance_is_found(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder
) -> None:
    local.fault("lose_reply", ORDER, times=1, end="silence", seconds=30.0)
    with pytest.raises(OutcomeUnknown, match="timed out"):
        account.submit(order)
    assert len(account.find("BTCTRY", order.client_id, since(btcturk))) == 1


def test_n5_an_order_that_shows_late_is_first_not_found_and_then_found(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder
) -> None:
    local.control("POST", "policy", orders_delay_ms=600_000)
    local.fault("lose_reply", ORDER, times=1)
    with pytest.raises(OutcomeUnknown):
        account.submit(order)
    assert list(account.find("BTCTRY", order.client_id, since(btcturk))) == []
    local.control("POST", "policy", orders_delay_ms=0)
    assert len(account.find("BTCTRY", order.client_id, since(btcturk))) == 1


def test_n6_two_orders_under_one_name_are_both_found(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder
) -> None:
    local.fault("twice", ORDER, times=1)
    account.submit(order)
    found = account.find("BTCTRY", order.client_id, since(btcturk))
    assert len({one.order_id for one in found}) == 2


def test_n7_the_exchanges_own_limit_is_kept_without_its_having_to_say_so(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData
) -> None:
    for _ in range(15):
        with pytest.raises(Refused) as caught:
            account.cancel("999999999999")
        assert caught.value.reason is not VenueReason.RATE_LIMITED


def test_n8_a_refused_order_is_refused(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder
) -> None:
    local.fault("reject", ORDER, times=1, code=1126, message="FAILED_INVALID_PRICE_SCALE")
    with pytest.raises(Refused) as caught:
        account.submit(order)
    assert caught.value.reason is VenueReason.PRICE_SCALE
    assert list(account.find("BTCTRY", order.client_id, since(btcturk))) == []


@pytest.mark.parametrize("status", [400, 401, 403, 429])
def test_n8_a_status_without_known_words_proves_nothing(
    local: LocalExchange, account: PrivateData, order: NewOrder, status: int
) -> None:
    local.fault("answer", ORDER, times=1, status=status, html=True)
    with pytest.raises(OutcomeUnknown):
        account.submit(order)


@pytest.mark.parametrize("message", ["INTERNAL_SERVER_ERROR", "SOMETHING_NEW", None])
def test_n8_a_failure_in_unknown_words_proves_nothing_and_the_order_is_found(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder, message: str | None
) -> None:
    local.fault("edit", ORDER, times=1, path="data", remove=True)
    local.fault("edit", ORDER, times=1, path="success", value=False)
    local.fault("edit", ORDER, times=1, path="message", value=message)
    with pytest.raises(OutcomeUnknown):
        account.submit(order)
    (found,) = account.find("BTCTRY", order.client_id, since(btcturk))
    assert found.state is OrderState.OPEN


@pytest.mark.parametrize("number", [0, -7])
def test_n8_an_accepted_order_without_a_number_is_found_by_its_name(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder, number: int
) -> None:
    local.fault("edit", ORDER, times=1, path="data.id", value=number)
    with pytest.raises(OutcomeUnknown, match="accepted, but not clearly"):
        account.submit(order)
    (found,) = account.find("BTCTRY", order.client_id, since(btcturk))
    assert int(found.order_id) > 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_n8_reads_survive_one_failure_of_the_exchange(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, status: int
) -> None:
    local.fault("answer", "GET *", times=1, status=status, html=True)
    assert "TRY" in account.balances()


def test_n9_a_wrong_secret_is_refused_and_soon_not_tried_any_more(local: LocalExchange) -> None:
    opened = local.connect(api_secret=Secret("d3Jvbmcgc2VjcmV0"))
    assert opened.account is not None
    for n in range(60):
        with pytest.raises(Refused if n < 3 else Unavailable) as caught:
            opened.account.balances()
        assert caught.value.reason is VenueReason.UNAUTHORIZED
    opened.close()
    right = local.connect()  # the address is not blocked, as it would be after fifty
    assert right.account is not None
    assert "TRY" in right.account.balances()
    right.close()


@pytest.mark.parametrize("skew_ms", [-3_600_000, -5_100, -4_900, 4_900, 5_100, 3_600_000])
def test_n10_any_difference_of_clocks_is_learnt(local: LocalExchange, skew_ms: int) -> None:
    local.control("POST", "policy", clock_skew_ms=skew_ms)
    opened = local.connect()
    assert opened.account is not None
    assert "TRY" in opened.account.balances()
    assert abs(opened.client.clock.skew_micros - skew_ms * 1000) < 2 * MICROS
    opened.close()


def test_n10_a_clock_that_jumps_in_between_costs_one_more_question(
    local: LocalExchange, account: PrivateData
) -> None:
    account.balances()
    local.control("POST", "policy", clock_skew_ms=60_000)
    assert "TRY" in account.balances()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("ahead_ms", [-10_000, 10_000, 3_600_000])
def test_n10_one_wrong_time_leaves_open_orders_cancelable(
    local: LocalExchange, order: NewOrder, ahead_ms: int, strict: bool
) -> None:
    key = Secret(f"wrong-{time.time_ns()}")
    funds = {"TRY": "100000"}
    local.control("POST", "accounts", key=key.reveal(), secret="c3RyaWN0", balances=funds)
    local.control("POST", "policy", strict_nonce=strict)
    opened = local.connect(api_key=key, api_secret=Secret("c3RyaWN0"))
    assert opened.account is not None
    assert opened.venue is not None
    placed = opened.venue.submit(order)
    wrong = opened.market.now() // 1000 + ahead_ms
    local.fault("edit", "GET /api/v2/server/time", times=1, path="serverTime", value=wrong)
    opened.client.clock.forget()
    refused = []
    for _ in range(2):
        try:
            opened.venue.cancel(placed.order_id)
            break
        except Refused as error:
            refused.append(error)
    wait_for_state(opened.account, placed.order_id, OrderState.CANCELED)
    assert [error.reason for error in refused] == ([VenueReason.CLOCK] if ahead_ms > 0 else [])
    assert not any("check" in error.action for error in refused)
    opened.close()


def test_n10_an_exchange_that_wants_every_stamp_above_the_last_gets_it(local: LocalExchange) -> None:
    key, secret = Secret(f"strict-{time.time_ns()}"), Secret("c3RyaWN0")
    local.control("POST", "accounts", key=key.reveal(), secret=secret.reveal(), balances={"TRY": "1"})
    local.control("POST", "policy", strict_nonce=True)
    opened = local.connect(api_key=key, api_secret=secret)
    assert opened.account is not None
    for _ in range(25):
        assert "TRY" in opened.account.balances()
    opened.close()


@pytest.mark.parametrize("how", ["html", "bom", "utf16", "deep", "oversize", "bad_gzip", "bomb"])
def test_n11_n17_a_spoilt_answer_is_a_named_failure(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder, how: str
) -> None:
    local.fault("garble", "GET /api/v1/users/balances", how=how)
    with pytest.raises((BadInput, Unavailable)):
        account.balances()
    local.fault("garble", ORDER, times=1, how=how)
    with pytest.raises(OutcomeUnknown):
        account.submit(order)
    assert len(account.find("BTCTRY", order.client_id, since(btcturk))) == 1


@pytest.mark.parametrize("whole_length", [True, False])
def test_n11_a_cut_answer_to_an_order_leaves_it_unknown_and_to_be_found(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, order: NewOrder, whole_length: bool
) -> None:
    local.fault("cut", ORDER, times=1, at=25, whole_length=whole_length)
    with pytest.raises(OutcomeUnknown):
        account.submit(order)
    assert len(account.find("BTCTRY", order.client_id, since(btcturk))) == 1


@pytest.mark.parametrize("how", ["shuffle", "repeat"])
def test_n13_disordered_rows_change_nothing(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, how: str
) -> None:
    start = since(btcturk)
    for _ in range(3):
        account.submit(new_order(btcturk.market, btcturk.rules, "1.01"))
    end = btcturk.market.now() // MICROS + 1
    orders = account.all_orders("BTCTRY", start, end)
    fills = account.fills("BTCTRY", start * MICROS, end * MICROS)
    assert len(orders) >= 3
    local.fault("rows", "GET /api/v1/allOrders", how=how)
    local.fault("rows", "GET /api/v1/users/transactions/trade", how=how)
    assert account.all_orders("BTCTRY", start, end) == orders
    assert sorted(fill.fill_id for fill in account.fills("BTCTRY", start * MICROS, end * MICROS)) == sorted(
        fill.fill_id for fill in fills
    )


def test_n14_fills_that_show_late_are_found_by_their_order(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData
) -> None:
    local.control("POST", "policy", fills_delay_ms=600_000)
    order = new_order(btcturk.market, btcturk.rules, "1.01")
    accepted = account.submit(order)
    assert list(account.order_fills(accepted.order_id)) == []
    local.control("POST", "policy", fills_delay_ms=0)
    assert sum(fill.qty for fill in wait_for_fills(account, accepted.order_id, order.qty)) == order.qty


@pytest.mark.parametrize("decimals", [8, 4, 2, 0])
def test_fills_are_whole_however_far_the_exchange_rounds_what_it_shows(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData, decimals: int
) -> None:
    local.control("POST", "policy", fill_decimals=decimals)
    order = new_order(btcturk.market, btcturk.rules, "1.01")
    accepted = account.submit(order)
    fills = wait_for_fills(account, accepted.order_id, order.qty)
    ended = wait_for_state(account, accepted.order_id, OrderState.FILLED)
    assert all(fill.exact for fill in fills)
    assert missing_quantity(ended, fills, Decimal("0.00000001")) == 0
    assert sum(entry.qty for entry in entries_of(fills)) == order.qty.scaleb(8)


def test_a_fill_whose_time_cannot_be_costs_its_pair_and_is_not_passed_over(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData
) -> None:
    order = new_order(btcturk.market, btcturk.rules, "1.01")
    accepted = account.submit(order)
    wait_for_fills(account, accepted.order_id, order.qty)
    span = (since(btcturk) * MICROS, btcturk.market.now() + MICROS)
    path = "data.0.timestamp"
    local.fault("edit", "GET /api/v1/users/transactions/trade", times=2, path=path, value=2**62)
    for ask in (lambda: account.fills(order.symbol, *span), lambda: account.order_fills(accepted.order_id)):
        with pytest.raises(BadInput, match=r"timestamp: \d+ is no time that can be"):
            ask()
    assert account.fills(order.symbol, *span)


def test_fills_of_which_only_the_rounded_amount_is_there_fall_short_and_cost_no_other(
    local: LocalExchange, btcturk: Btcturk, account: PrivateData
) -> None:
    local.control("POST", "policy", fill_decimals=2)
    order = new_order(btcturk.market, btcturk.rules, "1.01")
    accepted = account.submit(order)
    wait_for_fills(account, accepted.order_id, order.qty)
    ended = wait_for_state(account, accepted.order_id, OrderState.FILLED)
    local.fault(
        "edit", "GET /api/v1/users/transactions/trade", times=1, path="data.0.preciseAmount", value=None
    )
    first, *others = reversed(account.order_fills(accepted.order_id))  # told newest first
    assert (first.qty, first.exact, all(fill.exact for fill in others)) == (0, False, True)
    assert missing_quantity(ended, [first, *others], Decimal("0.00000001")) == order.qty - sum(
        fill.qty for fill in others
    )


def test_n15_an_order_that_fills_while_it_is_canceled_is_filled(
    local: LocalExchange, account: PrivateData, order: NewOrder
) -> None:
    accepted = account.submit(order)
    local.fault("fill_first", CANCEL, times=1)
    with pytest.raises(Refused) as caught:
        account.cancel(accepted.order_id)
    assert caught.value.reason in (VenueReason.UNKNOWN_ORDER, VenueReason.NOT_CANCELABLE)
    wait_for_state(account, accepted.order_id, OrderState.FILLED)
    assert sum(fill.qty for fill in wait_for_fills(account, accepted.order_id, order.qty)) == order.qty


def test_n15_a_cancel_whose_reply_is_lost_is_known_by_asking(
    local: LocalExchange, account: PrivateData, order: NewOrder
) -> None:
    accepted = account.submit(order)
    local.fault("lose_reply", CANCEL, times=1)
    with pytest.raises(OutcomeUnknown):
        account.cancel(accepted.order_id)
    wait_for_state(account, accepted.order_id, OrderState.CANCELED)


def test_n16_funds_that_are_tied_up_for_a_moment_are_told_from_other_refusals(
    local: LocalExchange, account: PrivateData, order: NewOrder
) -> None:
    local.fault("reject", ORDER, times=1)
    with pytest.raises(Refused) as caught:
        account.submit(order)
    assert caught.value.reason is VenueReason.INSUFFICIENT_FUNDS
    assert account.submit(order).client_id == order.client_id


def test_balances_with_commas_are_the_same_balances(local: LocalExchange, account: PrivateData) -> None:
    plain = account.balances()
    local.control("POST", "policy", comma_decimals=True)
    assert account.balances() == plain
    local.control("POST", "policy", comma_decimals=False)


@pytest.fixture
def mortal() -> Iterator[LocalExchange]:
    exchange = start_emulator()
    yield exchange
    stop_emulator(exchange)


def test_n1_an_exchange_that_dies_leaves_reads_unavailable_and_orders_unsent(mortal: LocalExchange) -> None:
    opened = mortal.connect()
    assert isinstance(opened.account, PrivateData)
    order = new_order(opened.market, opened.rules, "0.8")
    opened.account.submit(order)
    mortal.process.kill()
    mortal.process.wait(timeout=60)
    with pytest.raises(Unavailable):
        opened.account.balances()
    # The kept connection is dead, or a new one is refused: either way it is said, and never "accepted".
    with pytest.raises((Unavailable, OutcomeUnknown)):
        opened.account.submit(order)
    with pytest.raises(Unavailable, match="nothing was sent"):
        opened.account.submit(order)
    opened.close()


def test_n3_an_exchange_that_dies_in_the_middle_of_an_order_leaves_it_unknown(mortal: LocalExchange) -> None:
    opened = mortal.connect()
    assert isinstance(opened.account, PrivateData)
    order = NewOrder("dies-1", "BTCTRY", Side.BUY, Decimal(2_400_000), Decimal("0.0004"))
    opened.account.balances()
    mortal.fault("lose_reply", ORDER, end="silence", seconds=30.0)
    killer = threading.Timer(0.3, mortal.process.kill)
    killer.start()
    with pytest.raises(OutcomeUnknown):
        opened.account.submit(order)
    killer.join()
    opened.close()
