"""What every store promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fresh_database import fresh_file
from postgres_server import shut
from stored_runs import RUN, START

from meva_adapters.sql import SqlStore, reader, writer
from meva_adapters.sql.tables import META
from meva_adapters.sql.work import SqlUnitOfWork
from meva_core.errors import IdTaken, StoreBusy, StoreError
from meva_core.ports import Store

TRACE = (
    "cycle_id",
    "ts",
    "selected_universe_json",
    "intents_summary_json",
    "mode_json",
    "order_decisions_json",
    "run_id",
)
METRICS = (
    "cycle_id",
    "ts",
    "gross_pnl_try",
    "net_pnl_try",
    "max_drawdown",
    "cash_try",
    "realized_pnl_try",
    "unrealized_pnl_try",
    "fees_try",
    "slippage_try",
    "turnover_try",
    "equity_try",
    "run_id",
)


def ts(second: int) -> str:
    return (START + timedelta(seconds=second)).isoformat(timespec="microseconds")


def cycle(number: int, run: str = "abc1234") -> tuple[str, ...]:
    return (f"{run}-{number:05}", ts(number), "[]", "{}", '{"şehir":"₺"}', "[]", run)


def record(store: Store, *numbers: int, run: str = "abc1234") -> None:
    with store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, [cycle(number, run) for number in numbers])
        work.commit()


def cycles(store: Store, **window: Any) -> list[str]:
    with store.read() as view:
        return [row[0] for row in view.rows("stage7_cycle_trace", ("cycle_id",), **window)]


def test_leaving_without_commit_undoes_everything(store: SqlStore) -> None:
    with store.unit() as work:
        work.upsert("stage7_runs", RUN)
        work.insert("stage7_cycle_trace", TRACE, [cycle(1)])
        assert work.run("abc1234") is not None
    assert cycles(store) == []
    with store.read() as view:
        assert view.runs() == []


def test_an_error_in_a_unit_undoes_everything(store: SqlStore) -> None:
    with pytest.raises(ZeroDivisionError), store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, (cycle(1 // number) for number in (1, 0)))
    assert cycles(store) == []


def test_a_commit_that_is_refused_leaves_no_transaction_behind(tmp_path: Path) -> None:
    path = fresh_file(tmp_path / "state.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE a (x PRIMARY KEY)")
        connection.execute("CREATE TABLE b (x REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
    with writer(path) as store:
        with store.unit() as work:
            work._connection.exec_driver_sql("INSERT INTO b VALUES (1)")  # which the commit finds out
            with pytest.raises(StoreError, match="FOREIGN KEY"):
                work.commit()
        with store.unit() as work:
            assert work._connection.exec_driver_sql("SELECT count(*) FROM b").scalar_one() == 0
            work.commit()


@pytest.mark.parametrize("way", ["read", "unit", "commit"])
def test_rows_left_half_read_end_with_the_view(
    store: SqlStore, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, [cycle(number) for number in range(1, 1501)])
        work.commit()
    with store.read() if way == "read" else store.unit() as view:
        rows = view.rows("stage7_cycle_trace", ("cycle_id",))
        assert next(rows) == ("abc1234-00001",)
        if isinstance(view, SqlUnitOfWork) and way == "commit":
            view.commit()
    rows.close()  # type: ignore[attr-defined]
    assert caplog.text == ""


def test_what_is_committed_is_there_for_whoever_opens_it_next(store: SqlStore, target: str) -> None:
    record(store, 1, 2)
    with reader(target) as other:
        assert cycles(other) == ["abc1234-00001", "abc1234-00002"]  # type: ignore[arg-type]


def test_values_come_back_as_they_went_in(store: SqlStore) -> None:
    digest = bytes(range(32))
    zeros = ["0"] * 5
    metrics = ("abc1234-00001", ts(1), "-0.00000001", "92000000000", "0.25", None, *zeros, "0", "abc1234")
    with store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, [cycle(1)])
        columns = [c.name for c in META.tables["stage7_cycle_digests"].columns if c.name != "adapt_sha256"]
        work.insert("stage7_cycle_digests", columns, [("abc1234-00001", "abc1234", 0, ts(1), *[digest] * 9)])
        work.insert("stage7_ledger_metrics", METRICS, [metrics])
        work.commit()
    with store.read() as view:
        digests = ("link_sha256", "adapt_sha256", "seq")
        assert list(view.rows("stage7_cycle_digests", digests, run_id="abc1234")) == [(digest, None, 0)]
        names = ("ts", "gross_pnl_try", "net_pnl_try", "cash_try", "max_drawdown_ratio")
        (row,) = view.rows("stage7_ledger_metrics", names)
    assert row == (
        START + timedelta(seconds=1),
        Decimal("-0.00000001"),
        Decimal(92000000000),
        None,
        Decimal(0),
    )
    assert row[0].tzinfo == UTC


def test_a_fill_keeps_every_digit_that_the_exchange_gave(store: SqlStore) -> None:
    columns = ("fill_id", "order_id", "symbol", "side", "price", "qty", "fee", "fee_asset", "ts")
    amounts = Decimal("3036000.1234567891"), Decimal("0.6393864025"), Decimal("3.6433234567891")
    texts = [f"{amount:f}" for amount in amounts]
    for table in ("stage4_fills", "fills"):
        names = ["fee_currency" if (table, name) == ("fills", "fee_asset") else name for name in columns]
        with store.unit() as work:
            work.insert(table, names, [("1", "7", "BTCTRY", "BUY", *texts, "TRY", ts(1))])
            work.commit()
        with store.read() as view:
            assert list(view.rows(table, ("price", "qty", "fee"))) == [amounts]


def test_a_run_and_its_state_are_inserted_once_and_then_updated(store: SqlStore) -> None:
    for number in (1, 2):
        with store.unit() as work:
            work.upsert("stage7_runs", {**RUN, "cycles": number, "last_ts": ts(number)})
            state = {"run_id": "abc1234", "cycle_id": f"c{number}", "ts": ts(number), "state_json": "{}"}
            work.upsert("stage7_run_state", state)
            work.commit()
    with store.read() as view:
        (run,) = view.runs()
        assert run == view.run("abc1234")
        assert (run["cycles"], run["starting_cash_try"]) == (2, Decimal("1000000.00000001"))
        assert run["last_ts"] == START + timedelta(seconds=2)
        state_now = view.state("abc1234")
        assert state_now is not None
        assert state_now["cycle_id"] == "c2"
        assert (view.run("other"), view.state("other")) == (None, None)


def test_a_key_that_is_there_is_refused_and_both_contents_are_named(store: SqlStore) -> None:
    record(store, 5)
    changed = (*cycle(5)[:4], '{"mode":"X"}', *cycle(5)[5:])
    with pytest.raises(IdTaken) as error, store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, [cycle(4), changed])
    assert str(error.value) == (
        "stage7_cycle_trace.cycle_id 'abc1234-00005' is there already with other content: "
        'mode_json is {"şehir":"₺"} there and {"mode":"X"} here'
    )
    assert cycles(store) == ["abc1234-00005"]


def test_a_key_that_is_there_is_refused_with_the_same_content_too(store: SqlStore) -> None:
    record(store, 5)
    with pytest.raises(IdTaken, match="with the same content"), store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, [cycle(5)])


def test_a_key_that_repeats_among_the_rows_is_refused(store: SqlStore) -> None:
    with pytest.raises(IdTaken, match="abc1234-00006"), store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, [cycle(6), cycle(7), cycle(6)])


def test_a_client_id_that_two_orders_share_is_refused(store: SqlStore) -> None:
    columns = ("order_id", "client_order_id", "cycle_id", "symbol", "side", "order_type", "price_try", "qty",
               "filled_qty", "status", "intent_hash", "last_update")  # fmt: skip
    row = ("s7:1", "c", "BTCTRY", "BUY", "LIMIT", "1", "1", "0", "PLANNED", "h", ts(1))
    with pytest.raises(IdTaken, match="client_order_id 's7:1'"), store.unit() as work:
        work.insert("stage7_orders", columns, [("o1", *row), ("o2", *row)])


def test_a_child_without_its_parent_is_refused(store: SqlStore) -> None:
    row = {"run_id": "nobody", "cycle_id": "c", "ts": ts(0), "state_json": "{}"}
    with pytest.raises(StoreError), store.unit() as work:
        work.upsert("stage7_run_state", row)


def test_a_row_that_lacks_a_value_is_refused(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="mode_json"), store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, [(*cycle(1)[:4], None, *cycle(1)[5:])])


def test_updates_change_the_named_columns_and_refuse_rows_that_are_not_there(store: SqlStore) -> None:
    record(store, 1, 2)
    with store.unit() as work:
        assert work.update("stage7_cycle_trace", "cycle_id", ("mode_json",), [("abc1234-00002", "new")]) == 1
        assert work.update("stage7_cycle_trace", "cycle_id", ("mode_json",), []) == 0
        work.commit()
    with store.read() as view:
        assert [row[0] for row in view.rows("stage7_cycle_trace", ("mode_json",))] == ['{"şehir":"₺"}', "new"]
    with pytest.raises(StoreError, match="1 of 2 rows"), store.unit() as work:
        work.update("stage7_cycle_trace", "cycle_id", ("mode_json",), [("abc1234-00001", "x"), ("none", "x")])


def test_rows_come_in_time_order_of_one_run_and_window(store: SqlStore) -> None:
    record(store, 3, 1, 2)
    record(store, 1, 9, run="zzz9999")
    assert cycles(store, run_id="abc1234") == ["abc1234-00001", "abc1234-00002", "abc1234-00003"]
    assert cycles(store) == [*cycles(store, run_id="abc1234")[:1], "zzz9999-00001", *cycles(store)[2:]]
    window = {"start": START + timedelta(seconds=2), "end": START + timedelta(seconds=3)}
    assert cycles(store, run_id="abc1234", **window) == ["abc1234-00002", "abc1234-00003"]
    elsewhere = (START + timedelta(seconds=3)).astimezone(timezone(timedelta(hours=3)))
    assert cycles(store, run_id="abc1234", start=elsewhere) == ["abc1234-00003"]
    assert cycles(store, run_id="abc1234", newest_first=True, limit=2) == ["abc1234-00003", "abc1234-00002"]
    assert cycles(store, where={"cycle_id": "zzz9999-00009"}) == ["zzz9999-00009"]


def test_a_view_does_not_see_what_is_committed_while_it_is_open(store: SqlStore) -> None:
    record(store, 1)
    with store.read() as view:
        assert len(list(view.rows("stage7_cycle_trace", ("ts",)))) == 1
        record(store, 2)
        assert len(list(view.rows("stage7_cycle_trace", ("ts",)))) == 1
    assert len(cycles(store)) == 2


def test_many_rows_stream_and_counts_name_every_table(store: SqlStore) -> None:
    record(store, *range(12_000))
    with store.read() as view:
        rows = view.rows("stage7_cycle_trace", ("cycle_id",), run_id="abc1234")
        assert next(rows) == ("abc1234-00000",)
        assert sum(1 for _ in rows) == 11_999
        counts = view.count()
    assert counts["stage7_cycle_trace"] == 12_000
    assert set(META.tables) <= set(counts)


def test_a_second_writer_waits_and_is_then_refused(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meva_adapters.sql.engine.BUSY_SECONDS", 1)
    with writer(target) as one, writer(target) as two, one.unit() as work:
        work.insert("stage7_cycle_trace", TRACE, [cycle(1)])
        with pytest.raises(StoreBusy, match="waited 1 s, nothing was written"), two.unit():
            raise AssertionError("two writers at once")
        work.commit()
        assert cycles(two) == ["abc1234-00001"]


def test_a_second_writer_that_waits_long_enough_gets_its_turn(target: str) -> None:
    entered = threading.Event()

    def late() -> None:
        with writer(target) as other:
            entered.set()
            record(other, 2)

    with writer(target) as first:
        with first.unit() as work:
            thread = threading.Thread(target=late)
            thread.start()
            entered.wait(60)
            work.insert("stage7_cycle_trace", TRACE, [cycle(1)])
            work.commit()
        thread.join(60)
        assert cycles(first) == ["abc1234-00001", "abc1234-00002"]


def test_a_table_or_column_that_is_not_in_the_schema_is_a_key_error(store: SqlStore) -> None:
    with pytest.raises(KeyError), store.unit() as work:
        work.insert("stage7_cycle_trace", ("no_such_column",), [("x",)])
    with pytest.raises(KeyError), store.read() as view:
        next(view.rows("no_such_table", ("x",)))


def test_rows_of_one_run_and_window_are_taken_away_and_no_others(store: SqlStore) -> None:
    record(store, *range(10))
    record(store, *range(10), run="zzz9999")
    window = {"start": START + timedelta(seconds=3), "end": START + timedelta(seconds=5)}
    with store.unit() as work:
        assert work.delete("stage7_cycle_trace", run_id="abc1234", **window) == 3
        assert work.delete("stage7_cycle_trace", run_id="abc1234", **window) == 0
        work.commit()
    assert cycles(store, run_id="abc1234") == [f"abc1234-{n:05}" for n in (0, 1, 2, 6, 7, 8, 9)]
    assert len(cycles(store, run_id="zzz9999")) == 10
    with store.unit() as work:
        assert work.delete("stage7_cycle_trace", run_id="abc1234") == 7
        work.commit()
    assert len(cycles(store)) == 10


def test_what_is_referred_to_and_what_the_earlier_system_wrote_is_not_taken_away(store: SqlStore) -> None:
    record(store, 1)
    with store.unit() as work:
        work.insert("stage7_cycle_trace", TRACE[:-1], [cycle(9)[:-1]])
        work.insert("stage7_ledger_metrics", METRICS, [("abc1234-00001", ts(1), *["0"] * 10, "abc1234")])
        work.commit()
    with pytest.raises(StoreError), store.unit() as work:
        work.delete("stage7_cycle_trace", run_id="abc1234")
    with pytest.raises(StoreError, match="earlier system"), store.unit() as work:
        work.delete("stage7_cycle_trace", run_id="legacy")
    with pytest.raises(KeyError), store.unit() as work:
        work.delete("stage7_idempotency_keys", run_id="abc1234")
    assert len(cycles(store)) == 2


@pytest.mark.parametrize("hold", [SqlStore.read, SqlStore.unit])
@pytest.mark.parametrize("first", [None, IdTaken("raised before")])
def test_a_server_that_is_gone_before_the_end_is_told_as_such_and_hides_no_other_error(
    fresh_postgres: Callable[[], str], hold: Callable[[SqlStore], Any], first: IdTaken | None
) -> None:
    url = fresh_postgres()

    def look(store: SqlStore) -> None:
        with hold(store) as view:
            view.runs()
            shut(url)
            if first is not None:
                raise first

    with writer(url) as store, pytest.raises(StoreError) as found:
        look(store)
    assert str(found.value).startswith("raised before" if first else "cannot reach")
