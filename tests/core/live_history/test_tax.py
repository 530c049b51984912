"""Lots for taxes: first in, first out, by the time of each fill; an estimate."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from live_cycles import MARKS, a_book, a_fill, an_order, book_fills
from told_books import live_file

from meva_adapters.sql.store import writer
from meva_cli.tax_rates import EXAMPLE, read_rates
from meva_core.amounts import E8, parse_e8
from meva_core.errors import BadInput
from meva_core.live_book.attribution import Ours
from meva_core.live_book.batch import Batch, reclaimed
from meva_core.live_book.holdings import Holding, Lot
from meva_core.live_book.ledger import Ledger
from meva_core.live_book.postings import Kind, Posting, lasting
from meva_core.live_history.books import pick, standing
from meva_core.live_history.fills import postings_with_cycles
from meva_core.live_history.tax import BASIS, FIELDS, NO_RATE, Rate, Taken, rate_at, taken_lots
from meva_core.live_history.trips import LiveTrips
from meva_core.orders import Side

SECOND = 10**6
DAY = 86_400 * SECOND
NOTHING = Ledger(0, 0, 0)


def booked(name: str, kind: Kind, ts: int, qty: int, notional: int, fee: int = 0, seq: int = 0) -> Posting:
    """Return what was booked of whole coins for whole lira."""
    sign = -1 if kind in (Kind.SELL, Kind.TRANSFER_OUT) else 1
    return Posting(
        f"fill:{name}",
        kind,
        ts,
        "BTC",
        "BTCTRY",
        qty=sign * qty * E8,
        notional=notional * E8,
        fee=fee * E8,
        seq=seq,
    )


def test_lots_are_taken_by_the_time_of_the_fills_and_not_in_the_order_of_booking():
    """The cheap one was booked second, since the exchange told it late; it was bought first."""
    late = [
        booked("dear", Kind.BUY, 2 * SECOND, 1, 300, seq=1),
        booked("cheap", Kind.BUY, SECOND, 1, 100, seq=2),
        booked("sale", Kind.SELL, 3 * SECOND, 1, 350, 5, seq=3),
    ]
    [taken] = taken_lots(NOTHING, late)
    assert (taken.bought, taken.cost, taken.gain) == (SECOND, 100 * E8, (350 - 5 - 100) * E8)


def test_a_sale_over_several_lots_shares_what_it_brought_to_the_last_digit():
    found = list(
        taken_lots(
            NOTHING,
            [
                booked("one", Kind.BUY, SECOND, 1, 100, 1),
                booked("two", Kind.BUY, 2 * SECOND, 2, 220, 2),
                booked("sale", Kind.SELL, 4 * DAY, 3, 400, 4),
            ],
        )
    )
    assert [one.qty for one in found] == [E8, 2 * E8]
    assert sum(one.proceeds for one in found) == 400 * E8
    assert sum(one.sale_fee for one in found) == 4 * E8
    assert sum(one.gain for one in found) == (400 - 4 - 320 - 3) * E8


def test_a_sale_that_was_taken_for_a_persons_at_first_takes_its_lot_once():
    """It was booked as a person's, whose coins left the book, and proved to be ours later."""
    buy, sell = an_order(order_id="8"), an_order(Side.SELL, order_id="9")
    bought = a_fill("f1", "0.01", "3000000", "72", buy)
    sold = a_fill("f2", "0.01", "3100000", "74", side=Side.SELL, ts=bought.ts + SECOND)
    first = book_fills(a_book(), bought, sold, orders=(buy,))
    rows = first.booked.postings
    assert [one.kind for one in rows if one.qty] == [Kind.BUY, Kind.TRANSFER_OUT]
    batch = Batch("BTCTRY", (sold,), {}, True, sold.ts + 60 * SECOND)
    proved = reclaimed(first.booked.book, batch, rows, Ours((buy, sell)), MARKS)
    rows = (*rows, *proved.booked.postings)
    assert [one.kind for one in rows if one.qty][2:] == [Kind.TAKEN_BACK, Kind.SELL]
    [taken] = taken_lots(NOTHING, rows)
    assert (taken.kind, taken.bought, taken.bought_by) == ("sale", bought.ts, "fill")
    assert taken.gain == (31_000 - 74 - 30_000 - 72) * E8
    trips = LiveTrips.after(NOTHING)
    for posting in lasting(rows):
        trips.take(posting)
    [trip] = trips.done([])
    assert (trip.qty, trip.result) == (E8 // 100, taken.gain)


@pytest.mark.parametrize("backs", [(("one", 3),), (("one", 1), ("other", 2))], ids=["at once", "in parts"])
@pytest.mark.parametrize("beside_others", [False, True])
def test_a_sale_that_balances_had_told_of_takes_its_lots_once(
    backs: tuple[tuple[str, int], ...], beside_others: bool
):
    """Three coins went, others' before them or not, and come back with each fill that proves to be ours."""
    name = "flow:unproven:1:BTC"
    gone = Posting(f"{name}:out" if beside_others else name, Kind.TRANSFER_OUT, 2 * SECOND, "BTC", "BTCTRY")
    rows = [booked("buy", Kind.BUY, SECOND, 3, 300), evolve(gone, qty=-3 * E8, notional=330 * E8)]
    if beside_others:
        rows.insert(1, Posting(name, Kind.FOREIGN_OUT, 2 * SECOND, "BTC", "BTCTRY", foreign=-E8))
    for number, (fill, qty) in enumerate(backs):
        back = Posting(f"back:{fill}", Kind.TAKEN_BACK, 3 * SECOND, "BTC", "BTCTRY", cause=name)
        rows.append(evolve(back, qty=qty * E8, notional=110 * qty * E8))
        rows.append(booked(fill, Kind.SELL, (2 + number) * SECOND, qty, 120 * qty))
    found = list(taken_lots(NOTHING, rows))
    assert [(one.kind, one.qty, one.cost) for one in found] == [
        ("sale", qty * E8, 100 * qty * E8) for _, qty in backs
    ]


def test_of_coins_that_came_back_in_part_the_rest_went():
    gone = Posting("flow:1", Kind.TRANSFER_OUT, 2 * SECOND, "BTC", "BTCTRY", qty=-3 * E8, notional=330 * E8)
    back = Posting(
        "back", Kind.TAKEN_BACK, SECOND, "BTC", "BTCTRY", cause="flow:1", qty=E8, notional=110 * E8
    )
    assert lasting([gone, back]) == [evolve(gone, qty=-2 * E8, notional=220 * E8)]
    assert lasting([back]) == [back], "nothing is known of what it takes back"


def test_what_the_book_was_opened_with_and_what_lacks_a_lot_say_so():
    opening = Ledger(0, 50 * E8, 0, holdings={"BTCTRY": Holding(E8, (Lot(E8, 50 * E8),), 50 * E8)})
    found = list(taken_lots(opening, [booked("sale", Kind.SELL, SECOND, 2, 200)]))
    assert [(one.bought_by, one.bought, one.cost) for one in found] == [
        ("opening", None, 50 * E8),
        ("nothing", None, 0),
    ]


def test_coins_that_went_otherwise_take_lots_and_gain_nothing():
    moves = [
        booked("one", Kind.BUY, SECOND, 2, 200),
        booked("gone", Kind.TRANSFER_OUT, 2 * SECOND, 1, 500),
        booked("sale", Kind.SELL, 3 * SECOND, 1, 150),
    ]
    left, sale = taken_lots(NOTHING, moves)
    rate = Rate(date(2020, 1, 1), 10 * E8, E8)
    assert (left.kind, left.gain, left.tax(rate), left.proceeds) == ("left", 0, 0, 0)
    assert (sale.kind, sale.gain) == ("sale", 50 * E8)
    assert sale.tax(rate) == parse_e8("6.5")  # 10 % of 50, and 1 % of 150


def test_a_loss_is_taxed_with_nothing_but_what_the_sale_is():
    loss = Taken("sale", 0, "BTCTRY", E8, 80 * E8, 0, 0, "fill", 100 * E8, 0, "x")
    assert loss.tax(Rate(date(2020, 1, 1), 10 * E8)) == 0
    assert loss.tax(Rate(date(2020, 1, 1), 10 * E8, E8)) == parse_e8("0.8")


def test_a_rate_holds_from_its_day_on_and_without_one_it_is_zero():
    first, second = Rate(date(2025, 1, 1), E8), Rate(date(2026, 1, 1), 2 * E8)
    at = [
        rate_at([second, first], datetime(*day, tzinfo=UTC))
        for day in ((2024, 12, 31), (2025, 1, 1), (2026, 5, 1))
    ]
    assert at == [NO_RATE, first, second]
    assert (NO_RATE.gain, NO_RATE.sale) == (0, 0)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5), st.integers(1, 900)), max_size=12))
def test_nothing_is_lost_between_lots_and_sales(drawn: list[tuple[bool, int, int]]):
    held, moves = 0, []
    for n, (buys, qty, notional) in enumerate(drawn):
        qty = qty if buys else min(qty, held)
        if qty:
            held += qty if buys else -qty
            moves.append(booked(str(n), Kind.BUY if buys else Kind.SELL, n * SECOND, qty, notional, 1))
    found = list(taken_lots(NOTHING, moves))
    sells = [one for one in moves if one.kind is Kind.SELL]
    assert sum(one.proceeds for one in found) == sum(one.notional for one in sells)
    assert sum(one.qty for one in found) == -sum(one.qty for one in sells)
    spent = sum(one.notional + one.fee for one in moves if one.kind is Kind.BUY)
    assert sum(one.cost + one.bought_fee for one in found) <= spent
    if not held:
        assert sum(one.cost + one.bought_fee for one in found) == spent


def test_the_gains_of_a_book_are_those_of_its_round_trips(tmp_path: Path):
    with writer(live_file(tmp_path / "x.db"), durable=False) as store, store.read() as view:
        book = standing(view, pick(view, "live"))
        postings = [one for _, one in postings_with_cycles(view, book.listed)]
        [taken] = taken_lots(book.opening, postings)
        record = dict(zip([one.name for one in FIELDS], taken.record(book.listed, []), strict=True))
    assert (record["gain_try"], record["tax_estimate_try"], record["held_days"]) == (
        Decimal("10.40901944"),
        0,
        0,
    )
    assert record["basis"] == BASIS
    assert "estimate" in BASIS
    assert "by the time of each fill" in BASIS


def test_a_table_of_rates_is_read_and_its_faults_are_named(tmp_path: Path):
    path = tmp_path / "rates.csv"
    path.write_text(EXAMPLE + "2024-06-01,,0.02\n\n", "utf-8")
    assert read_rates(path) == [
        Rate(date(2024, 6, 1), 0, parse_e8("0.02")),
        Rate(date(2025, 1, 1), 10 * E8, parse_e8("0.03")),
    ]
    head = "from,gain_pct,sale_pct\n"
    for text, said in (
        ("day,rate\n", "its first line is not from,gain_pct,sale_pct"),
        (head + "soon,1,2\n", "row 2: 'soon' is no day"),
        (head + "2025-01-01,1\n", "row 2: 2 cells; expected 3"),
        (head + "2025-01-01,101,0\n", "gain_pct is no percentage from 0 to 100"),
        (head + "2025-01-01,1,0\n2025-01-01,2,0\n", "2025-01-01 is there twice"),
    ):
        path.write_text(text, "utf-8")
        with pytest.raises(BadInput, match=said):
            read_rates(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_rates(tmp_path / "none.csv")
