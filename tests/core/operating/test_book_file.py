"""What a cycle asks its database of its orders, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest
from cycles import lived
from fresh_database import fresh_file

from meva_adapters.sql.store import writer
from meva_core.live import watch
from meva_core.operating import book_file
from meva_core.operating.book_file import BookFile
from meva_core.operating.whose import whose
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

        monkeypatch.setattr(book_file, "load", counted)
        file = BookFile(account.desk, whose(account.book), account.last.inputs.cycle, {})
        assert len(file.own_orders()) == 6
    assert len(reads) == 1
