"""Taking over what the earlier system left: the smallest source counts, and every disagreement is a row."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from live_books import ACCOUNT, OPENED, a_fill, balances, e8

from meva_core.live_book.adoption import Adoption, OldFill, OldPosition, plan
from meva_core.live_book.holdings import Lot
from meva_core.live_book.ledger import faults
from meva_core.live_book.opening import Read, opened
from meva_core.orders import Side
from meva_core.venue import VenueFill

BUYS = (
    a_fill("1", "100", "1", fill_id="1", order_id="70", after=-300),
    a_fill("2", "130", "2", fill_id="2", order_id="71", after=-200),
)


def adopted(
    *fills: VenueFill,
    stage4: tuple[str, str] | None = None,
    stage3: tuple[str, str] | None = None,
    balance: str = "9",
    asked: tuple[VenueFill, ...] = (),
) -> Adoption:
    tables = [
        [] if row is None else [OldPosition(name, "BTCTRY", Decimal(row[0]), Decimal(row[1]))]
        for name, row in (("stage4_positions", stage4), ("positions", stage3))
    ]
    old = [OldFill("ledger_events", fill) for fill in fills]
    return plan(old, asked, *tables, balances(TRY="1000", BTC=balance))


def test_where_all_agree_the_cost_is_the_tables_and_the_lots_are_scaled_to_it() -> None:
    """Lots of 100 and 260 carry what the table says was paid, 363."""
    found = adopted(*BUYS, stage4=("3", "121"), balance="3")
    assert found.disagreements == ()
    position = found.positions["BTCTRY"]
    assert position.paid == e8("363")
    assert position.lots == (Lot(e8("1"), e8("100.83333333")), Lot(e8("2"), e8("262.16666667")))


def test_the_smallest_source_counts_the_newest_lots_stay_and_the_disagreement_is_a_row() -> None:
    found = adopted(*BUYS, stage4=("2.5", "120"), balance="3")
    position = found.positions["BTCTRY"]
    assert (position.qty, position.paid) == (e8("2.5"), e8("300"))
    assert [lot.qty for lot in position.lots] == [e8("0.5"), e8("2")]
    (row,) = found.disagreements
    assert (row.about, row.taken) == ("BTCTRY", "stage4_positions")
    assert row.said == {"stage4_positions": "2.5", "fills": "3", "balance": "3"}


def test_fewer_fills_than_the_table_says_cost_what_the_fills_cost() -> None:
    position = adopted(*BUYS, stage4=("5", "1000")).positions["BTCTRY"]
    assert (position.qty, position.paid) == (e8("3"), e8("363"))


def test_nothing_cost_less_than_nothing_whatever_fees_an_old_row_has() -> None:
    """A book with lots below zero pulls its own switch (`K2`) in its first cycle."""
    position = adopted(a_fill("1", "100", "-12345", fill_id="1", order_id="70")).positions["BTCTRY"]
    assert position.paid == 0
    assert position.lots == (Lot(e8("1"), 0),)


def test_a_smaller_balance_takes_its_share_of_the_tables_cost() -> None:
    position = adopted(*BUYS, stage4=("3", "120"), balance="0.75").positions["BTCTRY"]
    assert (position.qty, position.paid) == (e8("0.75"), e8("90"))
    assert position.lots == (Lot(e8("0.75"), e8("90")),)


def test_stage_3s_table_counts_where_stage_4s_has_no_row() -> None:
    assert adopted(*BUYS, stage3=("2", "50")).positions["BTCTRY"].paid == e8("100")
    both = adopted(*BUYS, stage4=("1", "70"), stage3=("2", "50")).positions["BTCTRY"]
    assert (both.qty, both.paid) == (e8("1"), e8("70"))


def test_coins_that_no_fill_bought_are_not_the_books() -> None:
    found = adopted(stage4=("3", "120"))
    assert found.positions == {}
    assert found.disagreements[0].taken == "fills"


def test_without_any_row_of_positions_the_fills_and_the_balance_say_it() -> None:
    assert adopted(*BUYS, balance="3").positions["BTCTRY"].paid == e8("363")
    empty = plan([OldFill("fills", fill) for fill in BUYS], (), [], [], {})
    assert empty.positions == {}, "a balance that is not shown is nothing to sell"


def test_each_fill_counts_once_whatever_tables_it_is_in_and_what_asking_brought_counts_too() -> None:
    sold = a_fill("1", "150", "1", Side.SELL, fill_id="3", order_id="72", after=-100)
    rows = [OldFill(table, fill) for table in ("ledger_events", "fills", "stage4_fills") for fill in BUYS]
    found = plan(rows, [sold, BUYS[0]], [], [], balances(TRY="1", BTC="2"))
    assert (found.disagreements, found.positions["BTCTRY"].qty) == ((), e8("2"))


def test_tables_that_say_different_things_of_a_fill_are_a_row() -> None:
    other = a_fill("1", "101", "1", fill_id="1", order_id="70", after=-300)
    rows = [OldFill("ledger_events", BUYS[0]), OldFill("fills", other)]
    (row,) = plan(rows, (), [], [], balances(TRY="1", BTC="1")).disagreements
    assert (row.about, row.taken, set(row.said)) == ("fill 1", "ledger_events", {"ledger_events", "fills"})


def test_simulated_fills_are_left_out() -> None:
    simulated = a_fill("1", "100", fill_id="s7f:abc:1:1", order_id="s7o:abc:1")
    assert adopted(simulated).positions == {}


def test_an_old_sell_of_more_than_was_held_is_a_row() -> None:
    sold = a_fill("5", "150", "1", Side.SELL, fill_id="3", order_id="72", after=-100)
    found = adopted(*BUYS, sold)
    assert found.positions == {}
    assert found.disagreements[0].said == {"sold": "5", "held": "3"}


@given(
    parts=st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**12)), min_size=1, max_size=6),
    qty=st.integers(0, 10**10),
    average=st.integers(0, 10**12),
    there=st.integers(0, 10**10),
)
def test_an_adopted_book_with_lots_of_another_cost_than_its_average_cost_keeps_its_identities(
    parts: list[tuple[int, int]], qty: int, average: int, there: int
) -> None:
    """I19 in its first cycle, and I21 once all is sold; the smallest source, whatever they say."""
    fills = [
        a_fill(f"{Decimal(q).scaleb(-8):f}", f"{Decimal(p).scaleb(-8):f}", fill_id=f"{n}", order_id=f"{n}")
        for n, (q, p) in enumerate(parts, 1)
    ]
    table = OldPosition("stage4_positions", "BTCTRY", Decimal(qty).scaleb(-8), Decimal(average).scaleb(-8))
    held = balances(TRY="1000", BTC=f"{Decimal(there).scaleb(-8):f}")
    found = plan([OldFill("fills", fill) for fill in fills], (), [table], [], held)
    bought = sum(q for q, _ in parts)
    position = found.positions.get("BTCTRY")
    assert (position.qty if position else 0) == min(bought, qty, there)
    marks = {"BTCTRY": 12_345_678_901}
    book = opened("live", ACCOUNT, Read(OPENED, held), marks, found.positions)
    assert faults(book.ledger, marks) == []
    holding = book.ledger.holding("BTCTRY")
    assert holding.cost == holding.paid == (position.paid if position else 0)
    sold = holding.sold(holding.qty, 777, 5, 800)
    assert (sold.cost, sold.paid) == (0, 0)
    assert sold.realized - sold.fees - sold.slippage == sold.realized_average
