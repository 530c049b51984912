"""Where a sent order stands: the table of steps, what the exchange's words do to it, what may be sold."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.errors import IllegalStep
from meva_core.live.standing import (
    CANCELABLE,
    MAY_REST,
    STEPS,
    UNSETTLED,
    Standing,
    after,
    reported,
    sellable,
)
from meva_core.venue import Balance, OrderState

STANDINGS = st.sampled_from(Standing)
STATES = st.sampled_from(OrderState)
AMOUNTS = st.decimals(0, 10**6, places=8)


@given(STANDINGS, STANDINGS)
def test_news_is_a_step_of_the_table_or_nothing_new_or_an_error(now: Standing, news: Standing) -> None:
    if news is now or news in STEPS[now]:
        assert after(now, news) is news
    else:
        with pytest.raises(IllegalStep, match=f"{now.name} cannot become {news.name}"):
            after(now, news)


@given(STANDINGS, STATES, st.booleans())
def test_whatever_the_exchange_says_is_a_step_that_there_is(
    now: Standing, state: OrderState, overdue: bool
) -> None:
    news = reported(now, state, overdue=overdue)
    assert after(now, news) is news


@given(STANDINGS)
def test_a_word_that_nobody_knows_changes_nothing(now: Standing) -> None:
    assert reported(now, OrderState.UNKNOWN) is now


@given(STATES, STATES)
def test_what_has_ended_does_not_open_again(first: OrderState, then: OrderState) -> None:
    ended = reported(Standing.OPEN, first)
    if first.ended:
        assert reported(ended, then) not in MAY_REST


def test_a_request_to_cancel_is_not_taken_back_by_a_read_that_lags() -> None:
    assert reported(Standing.CANCEL_REQUESTED, OrderState.OPEN) is Standing.CANCEL_REQUESTED
    assert reported(Standing.CANCEL_REQUESTED, OrderState.PARTIAL) is Standing.CANCEL_REQUESTED
    assert reported(Standing.CANCEL_REQUESTED, OrderState.FILLED) is Standing.FILLED
    assert reported(Standing.CANCEL_REQUESTED, OrderState.OPEN, overdue=True) is Standing.OPEN
    assert reported(Standing.CANCEL_REQUESTED, OrderState.UNKNOWN, overdue=True) is Standing.CANCEL_REQUESTED


def test_only_what_proves_that_nothing_rests_may_be_sent_again() -> None:
    again = {standing for standing in Standing if Standing.SENDING in STEPS[standing]}
    assert again == {Standing.UNSENT}
    assert not again & MAY_REST


def test_every_standing_can_be_reached_from_the_first_and_every_open_question_answered() -> None:
    reached, edge = {Standing.SENDING}, [Standing.SENDING]
    while edge:
        edge = [news for now in edge for news in STEPS[now] if news not in reached]
        reached.update(edge)
    assert reached == set(Standing)
    ended = set(Standing) - MAY_REST
    assert all(STEPS[now] & ended for now in UNSETTLED | CANCELABLE)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_never_more_is_sold_than_there_is(held: Decimal, free: Decimal, resting: Decimal) -> None:
    amount = sellable(held, Balance("BTC", free, Decimal(0)), resting)
    assert 0 <= amount <= free
    assert amount == 0 or amount + resting <= held
    assert sellable(held, None, resting) == 0


@given(AMOUNTS, st.decimals(-(10**6), -1, places=8), AMOUNTS, st.booleans())
def test_nothing_is_sold_of_an_asset_of_which_there_is_less_than_nothing(
    held: Decimal, below: Decimal, sound: Decimal, in_orders: bool
) -> None:
    balance = Balance("BTC", *((sound, below) if in_orders else (below, sound)))
    assert not balance.is_sound
    assert sellable(held, balance, Decimal(0)) == 0
    assert not Balance("BTC", sound, sound, stated=below).is_sound
