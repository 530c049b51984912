"""Peaks, the day's opening and drawdown: what equity is measured against, and that no flow is seen in it."""

from __future__ import annotations

from fractions import Fraction

from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st
from live_books import OPENED, a_book, a_fill, an_order, book_fills, e8

from meva_core.amounts import E8
from meva_core.live_book.book import Booked
from meva_core.live_book.figures import Figures, assessed, begun, moved, reset
from meva_core.live_book.flows import coins_in, coins_out, money
from meva_core.live_book.postings import Kind, Posting

DAY = 20_370
amounts = st.integers(0, 10**18)


def after(figures: Figures, *equities: int, fresh: bool = True) -> Figures:
    for equity in equities:
        figures = assessed(figures, equity, DAY, fresh=fresh)
    return figures


def test_one_high_cycle_makes_no_peak_two_running_make_the_lower() -> None:
    assert after(begun(100, DAY), 150, 100).peak == 100
    assert after(begun(100, DAY), 150, 120, 130).peak == 120


def test_a_cycle_with_a_stale_mark_makes_no_peak_and_neither_does_the_one_after_it() -> None:
    figures = assessed(after(begun(100, DAY), 150), 160, DAY, fresh=False)
    assert figures.peak == 100
    assert after(figures, 170).peak == 100
    assert after(figures, 170, 165).peak == 165


def test_a_day_opens_with_the_equity_after_the_last_cycle_before_it() -> None:
    figures = after(begun(100, DAY), 130)
    assert (figures.day_open, figures.day_pnl) == (100, 30)
    next_day = assessed(figures, 125, DAY + 3, fresh=True)
    assert (next_day.day_open, next_day.day_pnl, next_day.day) == (130, -5, DAY + 3)


def test_a_reset_counts_from_the_last_equity_and_the_highest_ever_stays() -> None:
    figures = reset(after(begun(100, DAY), 200, 200, 50))
    assert (figures.peak, figures.peak_percent, figures.peak_ever, figures.drawdown) == (50, 50, 200, 0)


@given(equity=st.integers(1, 10**18), more=amounts, day_open=amounts, flow=st.integers(-(10**18), 10**18))
def test_a_flow_changes_neither_drawdown_nor_the_days_result(
    equity: int, more: int, day_open: int, flow: int
) -> None:
    """I23: 0 e8 in TRY, and of the percent rule's peak at most one e8."""
    assume(equity + flow > 0)
    peak = equity + more
    before = evolve(begun(equity, DAY), peak=peak, peak_ever=peak, peak_percent=peak, day_open=day_open)
    now = moved(before, flow, equity)
    assert (now.drawdown, now.day_pnl) == (before.drawdown, before.day_pnl)
    assert now.peak_ever - now.equity == before.peak_ever - before.equity
    ideal = Fraction(peak) * (equity + flow) / equity
    assert abs(now.peak_percent - ideal) <= Fraction(1, 2)
    assert now.peak_percent >= now.equity


def test_where_nothing_was_or_is_left_the_percent_rules_peak_is_what_is_there() -> None:
    assert moved(begun(0, DAY), 70, 0).peak_percent == 70
    assert moved(after(begun(100, DAY), 60), -60, 60).peak_percent == 0


@given(
    cash=amounts, qty=st.integers(1, 10**12), price=st.integers(1, 10**12), mark=st.integers(1, 10**14),
    flow=amounts, part=st.integers(1, 8),
)  # fmt: skip
def test_flows_of_money_and_of_coins_move_all_figures_by_what_equity_moves(
    cash: int, qty: int, price: int, mark: int, flow: int, part: int
) -> None:
    marks = {"BTCTRY": mark}
    book = a_book(f"{cash // E8}")
    booked = coins_in(Booked(book), _posting("flow:0"), qty, marks, price)
    figures = assessed(booked.book.figures, booked.book.ledger.equity(marks), DAY, fresh=True)
    booked = booked.changed(figures=figures)
    for change in (
        lambda b: money(b, _posting("flow:1"), flow + 1, marks),
        lambda b: coins_out(b, _posting("flow:2"), max(1, qty // part), marks),
        lambda b: coins_in(b, _posting("flow:3"), qty, marks),
    ):
        before, was = booked.book.figures, booked.book.ledger.equity(marks)
        booked = change(booked)
        now, equity = booked.book.figures, booked.book.ledger.equity(marks)
        assert equity - was == booked.postings[-1].flow
        assert now.equity - before.equity == now.day_open - before.day_open == equity - was
        assert (now.drawdown, now.day_pnl) == (before.drawdown, before.day_pnl)


def _posting(name: str) -> Posting:
    return Posting(name, Kind.FOREIGN_IN, OPENED, "BTC")


def test_fees_and_results_count_for_the_day_that_their_fill_is_stamped_on() -> None:
    buy = an_order(qty="2", price="100")
    day = OPENED // (86_400 * 10**6)
    today = a_fill("1", "100", "1", order=buy, after=5)
    tomorrow = a_fill("1", "100", "2", order=buy, after=86_400)
    late = book_fills(a_book(), today, tomorrow, orders=(buy,))
    ledger = late.booked.book.ledger
    assert (ledger.day(day).fees, ledger.day(day + 1).fees) == (e8("1"), e8("2"))
    sell = an_order(qty="1", price="90")
    sell = evolve(sell, side=sell.side.SELL)
    sold = book_fills(late.booked.book, a_fill("1", "90", "3", order=sell, after=86_500), orders=(sell,))
    after_sale = sold.booked.book.ledger.day(day + 1)
    assert after_sale.realized == e8("90") - e8("3") - e8("101.5")
    assert after_sale.fees == e8("5")


@given(
    st.integers(1, 10**6), st.integers(0, 10**6), st.integers(-(10**7), 10**7), st.integers(-(10**7), 10**7)
)
def test_flows_that_are_booked_together_come_to_the_same_in_either_order(
    peak: int, fall: int, one: int, other: int
) -> None:
    before = after(begun(peak, DAY), peak - fall)
    for first, second in ((one, other), (other, one)):
        between = moved(before, first, before.equity)
        now = moved(between, second, between.equity)
        assert now.drawdown == before.drawdown
        assert (now.peak, now.peak_ever) == (before.peak + one + other, before.peak_ever + one + other)
