"""Orders and fills of a book as records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from told_books import dry_file, live_file

from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import BadInput, StoreUnready
from meva_core.live.standing import UNSETTLED, Standing
from meva_core.live_history.books import listed_books, newest, of_run, pick, standing
from meva_core.live_history.fills import FIELDS, FLOW_FIELDS, booked_fills, flows_of
from meva_core.live_history.orders import ATTENTION, INCOMPLETE, open_orders, orders_of
from meva_core.live_history.positions import positions_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(live_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def change(store: SqlStore, client_id: str, **values: object) -> None:
    with store.unit() as work:
        row = (client_id, *values.values())
        work.update("stage4_orders", "client_order_id", tuple(values), [row])
        work.commit()


def test_an_order_has_what_is_booked_of_it(store: SqlStore):
    with store.read() as view:
        listed = pick(view, "live")
        orders, fills = orders_of(view, listed), list(booked_fills(view, listed))
    of_sol = next(one for one in orders if (one.symbol, one.status) == ("SOLTRY", "filled"))
    parts = [one for one in fills if one.order_id == of_sol.order_id]
    assert len(parts) == 3
    assert of_sol.booked == of_sol.qty == sum(Decimal(one.qty) for one in parts) / 10**8
    assert (of_sol.average, of_sol.complete, of_sol.attention) == (Decimal(7), True, "")
    assert sum(one.booked for one in orders) * 10**8 == sum(one.qty for one in fills)
    assert [one.created for one in orders] == sorted(one.created for one in orders)


def test_what_nobody_knows_the_fate_of_stands_out(store: SqlStore):
    with store.read() as view:
        found = open_orders(view, pick(view, "live"))
    assert [one.status for one in found] == ["unknown"] * 3
    assert not any(one.settled for one in found)
    assert {one.attention for one in found} == {ATTENTION[Standing.UNKNOWN]}
    assert ATTENTION.keys() >= UNSETTLED


def test_an_ended_order_whose_fills_lack_stands_out_until_they_are_there(store: SqlStore):
    with store.read() as view:
        listed = pick(view, "live")
        one = next(one for one in orders_of(view, listed) if one.status == "filled")
    assert one.client_id is not None
    change(store, one.client_id, filled_qty="5", fill_complete=0)
    with store.read() as view:
        assert {two.attention for two in orders_of(view, listed)} >= {INCOMPLETE}


def test_an_absent_order_is_watched_for_a_day(store: SqlStore):
    with store.read() as view:
        listed = pick(view, "live")
        one = open_orders(view, listed)[0]
        later = listed.written + timedelta(hours=30)
    assert one.client_id is not None
    change(store, one.client_id, status=str(Standing.ABSENT))
    with store.read() as view:
        [found] = [two for two in orders_of(view, listed) if two.key == one.key]
        assert found.attention == ATTENTION[Standing.ABSENT]
        with store.unit() as work:
            work.update("live_books", "book", ("last_ts",), [("live", later)])
            work.commit()
    with store.read() as view:
        [found] = [two for two in orders_of(view, pick(view, "live")) if two.key == one.key]
        assert found.attention == ""


def test_windows_and_the_newest(store: SqlStore):
    with store.read() as view:
        listed = pick(view, "live")
        orders = orders_of(view, listed)
        middle = orders[3].created
        assert orders_of(view, listed, last=2) == orders[-2:]
        assert orders_of(view, listed, end=middle) == orders[:4]
        assert orders_of(view, listed, start=middle) == orders[3:]
        of_eth = [one for one in orders if one.symbol == "ETHTRY"]
        assert orders_of(view, listed, symbol="ETHTRY") == of_eth


def test_orders_of_the_earlier_system_that_were_not_meant_are_none_of_ours(store: SqlStore):
    with store.read() as view:
        before = orders_of(view, pick(view, "live"))
    change(store, before[0].client_id or "", mode="external")
    change(store, before[1].client_id or "", mode="dry_run")
    with store.read() as view:
        assert orders_of(view, pick(view, "live")) == before[2:]


def test_a_sell_says_what_it_made_of_its_lots(store: SqlStore):
    with store.read() as view:
        listed = pick(view, "live")
        sells = [one for one in booked_fills(view, listed) if one.cost is not None]
        records = [
            dict(zip([field.name for field in FIELDS], one.record(listed), strict=True)) for one in sells
        ]
    [sell] = records
    result = sell["reference_try"] - sell["cost_try"] - sell["fee_try"] - sell["slippage_try"]
    assert sell["result_try"] == result == Decimal("10.67301939")
    assert sell["qty"] > 0


def test_flows_say_what_they_are_worth_and_whether_they_are_proven(store: SqlStore):
    with store.read() as view:
        listed = pick(view, "live")
        names = [field.name for field in FLOW_FIELDS]
        found = [dict(zip(names, one, strict=True)) for one in flows_of(view, listed)]
        total = standing(view, listed).book.ledger.flows
    kinds = {one["kind"]: one for one in found}
    assert kinds["deposit"]["amount"] == 1000
    assert (kinds["withdrawal"]["value_try"], kinds["withdrawal"]["proven"]) == (-250, False)
    assert (kinds["foreign_buy"]["asset"], kinds["foreign_buy"]["amount"]) == ("ETH", Decimal("0.5"))
    assert sum(one["value_try"] for one in found) * 10**8 == total


def test_positions_tell_lots_orders_and_coins_of_others(store: SqlStore):
    with store.read() as view:
        book = standing(view, pick(view, "live"))
        found = positions_of(book, open_orders(view, book.listed))
    held = {one["symbol"]: one for one in found["positions"]}
    assert [one["value_try"] for one in found["positions"]] == sorted(
        (one["value_try"] for one in found["positions"]), reverse=True
    )
    assert found["cash_try"] + sum(one["value_try"] for one in held.values()) == found["equity_try"]
    sol = held["SOLTRY"]
    assert sol["lots"] == len(sol["open_lots"]) == 3
    assert sol["selling_qty"] == sol["qty"] == sum(lot["qty"] for lot in sol["open_lots"])
    assert held["BTCTRY"]["buying_qty"] > 0
    assert found["others"] == [{"asset": "ETH", "qty": Decimal("0.5")}, {"asset": "SOL", "qty": Decimal(10)}]


def test_books_are_found_by_name_and_run(tmp_path: Path, store: SqlStore):
    with store.read() as view:
        [listed] = listed_books(view)
        assert newest(view) == of_run(view, listed.run) == listed
        assert of_run(view, "x1yi6vf") is None
        with pytest.raises(StoreUnready, match="has no book stage4-dry; it has live") as error:
            pick(view, "stage4-dry")
        assert "meva run stage4 --dry-run" in error.value.action
        with pytest.raises(BadInput, match="'main' is no book of Stages 3 and 4"):
            pick(view, "main")
    with writer(dry_file(tmp_path / "dry.db"), durable=False) as dry, dry.read() as view:
        orders = orders_of(view, pick(view, "stage4-dry"))
        assert orders
        assert orders[-1].status == "open"
