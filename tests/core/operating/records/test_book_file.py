"""What a cycle asks its database of its orders, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest
from cycles import lived
from fresh_database import fresh_file

from meva_adapters.sql.store import SqlStore, writer
from meva_core.live import watch
from meva_core.operating.records import own_read
from meva_core.operating.records.book_file import BookFile
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
