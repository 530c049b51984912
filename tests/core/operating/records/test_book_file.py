"""What a cycle asks its database of its orders, and how often."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from cycles import Lived, lived
from fresh_database import fresh_file

from meva_adapters.sql.store import SqlStore, writer
from meva_core.live import live_orders, watch
from meva_core.live.live_orders import Record, add
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.operating.records import own_read, stored
from meva_core.operating.records.book_file import BookFile, bought
from meva_core.operating.records.whose import whose
from meva_core.orders import Side


def test_what_is_remembered_of_all_orders_is_read_once_however_many_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store:
        account = lived(store)
        account.cycle()
        for _ in range(6):
            account.place("BTCTRY", Side.BUY, "0.1", "2990")
        reads = []

        def counted(*given: object) -> watch.Watches:
            reads.append(given)
            return watch.load(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(own_read, "load", counted)
        file = BookFile(account.desk, whose(account.book), account.last.inputs.cycle, {})
        assert len(file.own_orders()) == 6
    assert len(reads) == 1


def test_one_that_keeps_asks_for_orders_once_and_for_others_when_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store:
        account = lived(store)
        account.cycle()
        numbers = [account.place("BTCTRY", Side.BUY, "0.1", "2990") for _ in range(3)]
        looks = []
        read = SqlStore.read

        def counted(of: SqlStore) -> object:
            looks.append(of)
            return read(of)

        given = account.desk, whose(account.book), account.last.inputs.cycle, {}
        monkeypatch.setattr(SqlStore, "read", counted)
        file, fresh = BookFile(*given, keeps=True), BookFile(*given)
        assert file.own_orders() == file.own_orders() == fresh.own_orders()
        assert len(looks) == 2
        assert file.own_orders({numbers[0]}) == file.own_orders({numbers[0]}) == fresh.own_orders()
        assert len(looks) == 4
        assert file.meant(file.own_orders()) == fresh.meant(fresh.own_orders())


BUYS = 12
"""Orders of a run, a minute apart."""


def bought_often(store: SqlStore) -> Lived:
    """Return a book that bought once a minute, all canceled, and then took in a twin of its first order."""
    account = lived(store)
    account.cycle()
    orders = [(account.place("BTCTRY", Side.BUY, "0.1", "2990"), account.cycle())[0] for _ in range(BUYS)]
    exchange = account.exchange
    for number in orders:
        exchange.cancel(number)
    account.cycle()
    made = exchange.orders[orders[0]].created_ts
    assert made is not None
    with store.unit() as work:
        twin = Record(
            None, "BTCTRY", Side.BUY, Decimal(2990), Decimal("0.1"), Standing.CANCELED, "10999", None, made,
            exchange.now,
        )  # fmt: skip
        add(work, ACCOUNT, [twin])
        work.commit()
    return account


def test_what_was_taken_in_late_hides_no_order_that_was_made_after_it(tmp_path: Path) -> None:
    """A twin has a newer row than orders that were made after it, and those count all the same."""
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store:
        account = bought_often(store)
        (first, *_) = account.reads
        with store.read() as view:
            of_all = bought(view, first.inputs.time * 10**6)
            of_half = bought(view, (first.inputs.time + 60 * BUYS // 2) * 10**6)
        assert of_all == (BUYS + 1, Decimal(299 * (BUYS + 1)))
        assert of_half == (BUYS // 2, Decimal(299 * BUYS // 2))
        file = BookFile(account.desk, whose(account.book), account.last.inputs.cycle, {})
        (newest,) = file.last_sent(first.inputs.time * 10**6)
        assert newest.created == max(order.created_ts or 0 for order in account.exchange.orders.values())


def test_orders_of_a_day_are_counted_by_reading_those_of_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store:
        account = bought_often(store)
        account.exchange.pass_time(2 * 86_400)
        account.cycle()
        account.place("BTCTRY", Side.BUY, "0.1", "2990")
        reads, read_row = [], live_orders.read_row
        monkeypatch.setattr(live_orders, "read_row", lambda *row: (reads.append(row), read_row(*row))[1])
        with store.read() as view:
            assert bought(view, account.exchange.now - 86_400 * 10**6) == (1, Decimal(299))
    assert len(reads) == 3, "the new one, the twin, and the first of ours that is old"


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "1E+999999"])
def test_an_old_fill_of_no_amount_is_none_and_hides_no_other(tmp_path: Path, amount: str) -> None:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store, store.unit() as work:
        columns = ("fill_id", "order_id", "symbol", "side", "price", "qty", "fee", "fee_asset", "ts")
        more = ("77", "BTCTRY", "BUY", "2800000"), ("0", "TRY", "2025-10-09T08:53:20+00:00")
        work.insert(
            "stage4_fills", columns, [("1", *more[0], amount, *more[1]), ("2", *more[0], "1", *more[1])]
        )
        assert [fill.fill_id for fill in stored.adopted_fills(work, {"77"})] == ["2"]
