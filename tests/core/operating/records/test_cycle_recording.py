"""What a cycle leaves in the database, on both kinds of it: whole or not at all, and read back as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fresh_database import fresh_file
from live_cycles import MARKS, OPENED, SECOND, a_book, a_cycle, a_fill, an_order, book_fills
from postgres_server import fresh_postgres, new_postgres

from meva_adapters.sql import SqlStore, writer
from meva_adapters.text_codec import ZstdTexts
from meva_core.amounts import format_e8, parse_e8
from meva_core.errors import BrokenBooks, IdTaken, StoreCorrupt, StoreError
from meva_core.live.adopted_orders import take_over
from meva_core.live.live_orders import Record, add, change, records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.live.watch import Watches
from meva_core.live_book.book import Booked, LiveBook
from meva_core.live_book.flows import money
from meva_core.live_book.ledger import fold
from meva_core.live_book.postings import Kind, Posting
from meva_core.modes import Mode
from meva_core.operating.records import recording, stored
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.decided_rows import Cycle
from meva_core.operating.records.done_rows import Outcome, Ran
from meva_core.operating.records.filled import Filled
from meva_core.operating.records.recording import Recorded
from meva_core.operating.records.stored_cycles import StoredCycle, difference, stored_cycles
from meva_core.operating.records.whose import whose
from meva_core.operational.inputs import DegradeState
from meva_core.operational.recheck import NOTHING
from meva_core.orders import Side
from meva_core.params import params_from
from meva_core.settings import build_settings
from meva_core.stages.outside import outside
from meva_core.strategy.built_in.baseline_mean_reversion_v1 import BaselineMeanReversionV1

__all__ = ["fresh_postgres", "new_postgres"]
TEXTS = ZstdTexts()
STRATEGIES = {"baseline_mean_reversion_v1": BaselineMeanReversionV1()}
PARAMS = params_from(build_settings({}))
NOW = (OPENED + 30) * SECOND
LIVE_ONLY = ("positions", "stage4_positions", "cursors", "risk_state_current", "degrade_state_current")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A database of each kind."""
    if request.param == "sqlite":
        target = str(fresh_file(tmp_path / "live.db"))
    else:
        make: Callable[[], str] = request.getfixturevalue("fresh_postgres")
        target = make()
    with writer(target, durable=False) as opened:
        yield opened


def opened_in(store: SqlStore, book: LiveBook) -> LiveBook:
    with store.unit() as work:
        recording.opened(work, book, Carried())
        work.commit()
    return book


def store_booked(
    store: SqlStore, before: LiveBook, after: Booked, *fills: Any, cycle: str = "c-1"
) -> LiveBook:
    with store.unit() as work:
        recording.booked(work, before, after, fills, cycle, MARKS, NOW)
        work.commit()
    return after.book


def run_cycle(
    store: SqlStore, book: LiveBook, ran: Ran | None = None, carried: Carried | None = None, **given: Any
) -> tuple[LiveBook, Cycle, Recorded]:
    """Decide a cycle and record it as done."""
    cycle = a_cycle(book, STRATEGIES, carried=carried, **given)
    with store.unit() as work:
        book, carried = recording.decided(work, book, cycle, carried or Carried(), TEXTS)
        work.commit()
    with store.unit() as work:
        recorded = recording.done(work, book, cycle, MARKS, ran or Ran(), carried)
        work.commit()
    return book, cycle, recorded


def read(store: SqlStore, table: str, *columns: str, **where: Any) -> list[Any]:
    with store.read() as view:
        found = list(view.rows(table, columns, where=where))
    return [row[0] for row in found] if len(columns) == 1 else found


def everything(store: SqlStore, *tables: str) -> dict[str, list[Any]]:
    from meva_adapters.sql.tables import META

    with store.read() as view:
        return {
            name: list(view.rows(name, [column.name for column in META.tables[name].columns]))
            for name in tables or sorted(META.tables)
        }


def cycles(store: SqlStore, last: int = 10, book: str = "live") -> list[StoredCycle]:
    with store.read() as view:
        return list(stored_cycles(view, book, TEXTS, last=last))


# -- The book and what is booked ------------------------------------------------------------------------


def test_a_book_is_read_back_as_it_was_opened(either: SqlStore):
    book = opened_in(either, a_book())
    with either.read() as view:
        assert stored.stored_book(view, "live") == (book, Carried())
        assert stored.stored_book(view, "stage4-dry") is None
        assert stored.opening(view, "live") == book.ledger
        assert stored.runs(view, book.name) == {book.run}
        assert stored.last_link(view, "live") == NOTHING
    with either.unit() as work, pytest.raises(IdTaken, match=r"live_books\.book 'live'"):
        recording.opened(work, book, Carried())


def test_the_contracts_buy_and_sell_are_stored_with_every_digit_and_fold_to_the_stored_book(either: SqlStore):
    """100000 TRY; buy 0.01 at 3000000, mark 2999000, 24 bps; sell 0.004 at 3050000, mark 3051000."""
    book = opened_in(either, a_book())
    bought, sold = an_order(order_id="1"), an_order(Side.SELL, order_id="2", mark="3051000")
    buy = a_fill("f1", "0.010", "3000000", "72", bought)
    sell = a_fill("f2", "0.004", "3050000", "29.28", sold, ts=(OPENED + 11) * SECOND)
    found = book_fills(book, sell, buy, orders=(bought, sold))
    after = store_booked(either, book, found.booked, *found.fills)

    columns = (
        "event_id",
        "type",
        "side",
        "qty",
        "price",
        "fee",
        "notional_try",
        "reference_try",
        "slippage_try",
    )
    rows = sorted(tuple(row) for row in read(either, "ledger_events", *columns))
    texts = [tuple(format(one, "f") if isinstance(one, Decimal) else one for one in row) for row in rows]
    assert texts == [
        ("fee:f1", "FEE", None, "0", None, "72", None, None, None),
        ("fee:f2", "FEE", None, "0", None, "29.28", None, None, None),
        ("fill:f1", "FILL", "BUY", "0.01", "3000000", None, "30000", "29990", "10"),
        ("fill:f2", "FILL", "SELL", "0.004", "3050000", None, "12200", "12204", "4"),
    ]
    assert read(either, "ledger_events", "cost_try", event_id="fill:f2") == [Decimal(11996)]
    with either.read() as view:
        assert stored.own_fills(view, whose(book), 0) == [buy, sell]
        assert fold(stored.opening(view, "live"), stored.postings(view, whose(book))) == after.ledger
        assert stored.stored_book(view, "live") == (after, Carried())
    for table, qty, average, realized in (
        ("stage4_positions", "qty", "avg_cost_try", "realized_pnl_try"),
        ("positions", "qty", "avg_cost", "realized_pnl"),
    ):
        assert read(either, table, "symbol", qty, average, realized) == [
            ("BTCTRY", Decimal("0.006"), Decimal(3007200), Decimal("141.92"))
        ]
    assert read(either, "positions", "fees_paid", "unrealized_pnl") == [(Decimal("101.28"), Decimal("-43.2"))]
    assert read(either, "cursors", "key", "value") == [("fills_cursor:BTCTRY", str((OPENED - 100) * 1000))]
    for table in ("stage4_fills", "fills"):
        assert sorted(read(either, table, "fill_id", "fee", "book")) == [
            ("f1", Decimal(72), None),
            ("f2", Decimal("29.28"), None),
        ]
    assert sorted(read(either, "applied_fills", "fill_id")) == ["f1", "f2"]


def test_a_finer_fill_than_a_unit_keeps_its_digits(store: SqlStore):
    book, order = opened_in(store, a_book()), an_order()
    fine = a_fill("f1", "0.0000000012345", "3000000.123456789", "0.0000000001", order)
    found = book_fills(book, fine, orders=(order,))
    store_booked(store, book, found.booked, *found.fills)
    with store.read() as view:
        assert stored.own_fills(view, whose(book), 0, "BTCTRY") == [fine]
        assert stored.known_fills(view, whose(book), [fine]) == {"f1": fine}


def test_a_fill_is_stored_once_and_known_from_then_on_under_each_of_its_names(store: SqlStore):
    book, order = opened_in(store, a_book()), an_order(order_id="1")
    ours, others = a_fill("f1", "0.01", "3000000", "72", order), a_fill("f1", "0.2", "3000000", order_id="8")
    nameless = a_fill("", "0.3", "3000000", order_id="8")
    found = book_fills(book, ours, others, nameless, orders=(order,))
    after = store_booked(store, book, found.booked, *found.fills)
    assert len(found.fills) == 3
    with store.read() as view:
        known = stored.known_fills(view, whose(book), [nameless, others, ours])
        foreign = stored.foreign_fills(view, whose(book), "BTCTRY", 0)
    assert sorted(known) == sorted(fill.fill_id for fill in found.fills)
    assert sorted(fill.fill_id for fill in foreign) == sorted({*known} - {"f1"})
    again = book_fills(after, ours, others, nameless, orders=(order,), known=known)
    assert (again.fills, again.booked.postings, again.booked.alarms) == ((), (), ())
    with store.unit() as work, pytest.raises(IdTaken):
        recording.booked(work, book, found.booked, found.fills, "c-2", MARKS, NOW)


def test_what_was_foreign_and_proved_ours_is_foreign_no_more(store: SqlStore):
    from meva_core.live_book.attribution import Ours
    from meva_core.live_book.batch import Batch, reclaimed

    book, order = opened_in(store, a_book()), an_order(order_id="9")
    fill = a_fill("f1", "0.01", "3000000", "72")
    found = book_fills(book, fill)
    book = store_booked(store, book, found.booked, fill)
    with store.read() as view:
        rows, foreign = (
            stored.postings(view, whose(book)),
            stored.foreign_fills(view, whose(book), "BTCTRY", 0),
        )
    assert foreign == [fill]
    ours = reclaimed(book, Batch("BTCTRY", (fill,), {}, True, NOW), rows, Ours((order,)), MARKS)
    book = store_booked(store, book, ours.booked, *ours.fills, cycle="c-2")
    with store.read() as view:
        assert stored.foreign_fills(view, whose(book), "BTCTRY", 0) == []
        assert stored.own_fills(view, whose(book), 0) == [fill]
        assert fold(stored.opening(view, "live"), stored.postings(view, whose(book))) == book.ledger
    assert sorted(read(store, "ledger_events", "event_id", type="FILL")) == ["fill:f1"]


def test_fills_that_the_earlier_system_has_are_known_wherever_it_kept_them(store: SqlStore):
    book = opened_in(store, a_book())
    stamp = "2026-01-01T00:00:00+00:00"
    with store.unit() as work:
        row = ("1", "BTCTRY", "buy", "3000000", "0.01", "1", stamp)
        columns = ("order_id", "symbol", "side", "price", "qty", "fee", "ts")
        work.insert("stage4_fills", ("fill_id", *columns, "fee_asset"), [("a", *row, "TRY")])
        work.insert(
            "fills",
            ("fill_id", *columns, "fee_currency"),
            [("b", *row, "TRY"), ("odd", "1", "BTCTRY", "?", *row[3:], "TRY")],
        )
        ledger = (
            "event_id",
            "ts",
            "symbol",
            "type",
            "side",
            "qty",
            "price",
            "exchange_trade_id",
            "exchange_order_id",
            "meta_json",
        )
        event = (stamp, "BTCTRY", "FILL", "BUY", "0.01", "3000000")
        work.insert(
            "ledger_events", ledger, [("fill:c", *event, None, "1", "[]"), ("x", *event, "d", "1", "no json")]
        )
        work.commit()
    asked = [a_fill(name, "0.01", "3000000", order_id="1") for name in "abcde"]
    with store.read() as view:
        known = stored.known_fills(view, whose(book), asked)
        assert sorted(known) == ["a", "b", "c", "d"]
        assert {fill.order_id for fill in known.values()} == {"1"}
        with pytest.raises(StoreCorrupt, match="fills, odd: its side"):
            stored.known_fills(view, whose(book), [a_fill("odd", "1", "1")])
        assert stored.known_fills(view, whose(a_book("stage4-dry")), asked) == {}


def test_a_flow_is_a_row_of_the_ledger_and_of_flows_and_its_proof_stands_with_it(either: SqlStore):
    book = opened_in(either, a_book())
    came = Posting("flow:unproven:1:TRY", Kind.DEPOSIT, NOW, "TRY", unproven=True)
    after = money(Booked(book), came, parse_e8("250.5"), MARKS)
    book = store_booked(either, book, after)
    proof = Posting("flow:bank:1", Kind.PROOF, NOW, "TRY", cause="flow:unproven:1:TRY")
    book = store_booked(either, book, Booked(book).post(MARKS, proof), cycle="c-2")
    columns = ("id", "seq", "kind", "amount", "value_try", "cycle_id", "unproven", "proof")
    assert sorted(read(either, "live_flows", *columns)) == [
        ("flow:bank:1", 2, "proof", Decimal(0), Decimal(0), "c-2", 0, None),
        ("flow:unproven:1:TRY", 1, "deposit", Decimal("250.5"), Decimal("250.5"), "c-1", 1, "flow:bank:1"),
    ]
    assert read(either, "ledger_events", "symbol", "qty", event_id=came.id) == [("TRY", Decimal("250.5"))]
    with either.read() as view:
        assert fold(stored.opening(view, "live"), stored.postings(view, whose(book))) == book.ledger


def test_what_does_not_fold_to_the_book_is_not_stored(store: SqlStore):
    book, order = opened_in(store, a_book()), an_order()
    fill = a_fill("f1", "0.01", "3000000", "72", order)
    found = book_fills(book, fill, orders=(order,))
    richer = evolve(found.booked.book, ledger=evolve(found.booked.book.ledger, cash=1))
    before = everything(store)
    with store.unit() as work, pytest.raises(BrokenBooks, match="fold to another ledger"):
        recording.booked(work, book, evolve(found.booked, book=richer), found.fills, "c-1", MARKS, NOW)
    with store.unit() as work, pytest.raises(BrokenBooks, match="fill that it is of was not given"):
        recording.booked(work, book, found.booked, (), "c-1", MARKS, NOW)
    assert everything(store) == before


def test_an_order_row_keeps_by_what_it_was_decided_and_how_much_of_it_is_filled(store: SqlStore):
    book, order = opened_in(store, a_book()), an_order()
    made = Record("n", "BTCTRY", Side.BUY, order.price, order.qty, Standing.SENDING, None, None, NOW, NOW)
    with store.unit() as work:
        add(work, ACCOUNT, [made])
        recording.noted(work, "n", book=book, decision_mark=order.mark, strategy="s", purpose="entry")
        [row] = [row for (row,) in work.rows("stage4_orders", ("id",))]
        recording.filled(work, row, Decimal("0.000000000100"), complete=True)
        work.commit()
    columns = ("decision_mark_try", "strategy", "purpose", "filled_qty", "fill_complete", "book", "run_id")
    assert read(store, "stage4_orders", *columns) == [
        (Decimal(2999000), "s", "entry", Decimal("0.0000000001"), 1, None, book.run)
    ]
    [of_book] = read(store, "stage4_orders", "filled_qty")
    with store.unit() as work:
        [record] = records(work, ACCOUNT, client_order_id="n")
        change(work, record, Decimal("0.0000000001000"))
        work.commit()
    [of_desk] = read(store, "stage4_orders", "filled_qty")
    assert str(of_book) == str(of_desk) == "1E-10", "one text, whoever writes it"
    with store.unit() as work, pytest.raises(StoreError, match="1 of 1 rows"):
        recording.noted(work, "m", book=book, decision_mark=None, strategy="", purpose="")


def test_an_order_of_stage_3_is_in_its_own_table_too_and_a_dry_one_is_never_taken_for_an_adopted_one(
    store: SqlStore,
):
    live, dry = opened_in(store, a_book()), opened_in(store, a_book("stage3-dry"))
    price, qty = Decimal("3000000.5"), Decimal("0.0000000001")
    order = Record("s3:x", "BTCTRY", Side.BUY, price, qty, Standing.OPEN, "77", None, NOW, NOW)
    with store.unit() as work:
        recording.seen(work, dry, evolve(order, client_id="s3:y"))
        recording.seen(work, live, order)
        recording.seen(work, live, evolve(order, standing=Standing.FILLED))
        with pytest.raises(ValueError, match="s3:x has no number"):
            recording.seen(work, live, evolve(order, order_id=None))
        work.commit()
    columns = ("order_id", "client_order_id", "status", "price", "qty", "book")
    assert sorted(read(store, "orders", *columns)) == [
        ("77", "s3:x", "filled", price, qty, None),
        ("stage3-dry/77", "s3:y", "open", price, qty, "stage3-dry"),
    ]
    with store.unit() as work:
        assert take_over(work, Watches(ACCOUNT)).stage3_read
        assert list(work.rows("stage4_orders", ("id",))) == []


# -- Cycles -------------------------------------------------------------------------------------------


def test_a_cycle_is_read_back_as_it_was_decided_and_comes_to_the_same_again(either: SqlStore):
    book = opened_in(either, a_book())
    book, cycle, recorded = run_cycle(
        either, book, Ran(outcomes=(Outcome("b", "open", "0"), Outcome("a", "filled", "1")))
    )
    [found] = cycles(either)
    assert (found.cycle, found.status, found.code_version) == (cycle.inputs.cycle, "done", "1.2.3")
    assert found.settings == cycle.settings
    assert found.outcomes == (("a", "filled", "1"), ("b", "open", "0"))
    assert (found.link, found.outcome, found.previous) == (recorded.link, recorded.outcome, NOTHING)
    assert difference(found, STRATEGIES) is None
    with either.read() as view:
        assert stored.stored_book(view, "live") == (book, recorded.carried)
        assert stored.last_link(view, "live") == recorded.link
    assert book.cycles == 1
    assert book.memories == cycle.decisions.memories


def test_each_table_has_what_the_contract_says_of_a_cycle(store: SqlStore):
    book = opened_in(store, a_book())
    order = an_order(order_id="1")
    fill = a_fill("f1", "0.01", "3000000", "72", order)
    found = book_fills(book, fill, orders=(order,))
    book = store_booked(store, book, found.booked, fill)
    filled = Filled(fill, found.booked.postings[0], OPENED * SECOND)
    ran = Ran(
        submitted=2, canceled=1, unknown=1, rejects={"MIN_NOTIONAL": 1}, refusals=1, foreign=3, flows=4,
        fills=(filled,), step_ms={"measure": 12}, start=NOW, end=NOW + SECOND,
    )  # fmt: skip
    book, cycle, recorded = run_cycle(store, book, ran)
    with store.unit() as work:
        recording.measured(work, book, cycle, MARKS, ran)
        work.commit()
    name = cycle.inputs.cycle

    [(counts, reasons, envelope)] = read(
        store, "cycle_audit", "counts_json", "decisions_json", "envelope_json"
    )
    assert json.loads(counts) == {
        "planned": 1, "executed": 3, "submitted": 2, "canceled": 1, "simulated": 0, "rejected": 1,
        "unknown": 1, "blocked": 0, "blocked_by_policy": 0, "fills": 1, "flows": 4, "foreign": 3,
    }  # fmt: skip
    assert {"dropped", "cancels", "universe", "not_done"} == set(json.loads(reasons))
    assert (json.loads(envelope)["mode"], json.loads(envelope)["bound"]) == ("NORMAL", None)
    [(mode, codes, signals, decision, before)] = read(
        store,
        "risk_decisions",
        "mode",
        "reasons_json",
        "signals_json",
        "decision_json",
        "prev_mode",
        decision_id=name,
    )
    assert (mode, json.loads(codes), before, json.loads(decision)["final_mode"]) == (
        "NORMAL",
        ["OK"],
        None,
        "NORMAL",
    )
    assert (json.loads(signals)["equity_try"], json.loads(signals)["fees_try_today"]) == ("99928", "72")
    assert read(
        store, "risk_state_current", "current_mode", "peak_equity_try", "peak_equity_date", "fees_day"
    ) == [("NORMAL", Decimal(100000), "2027-01-15", "2027-01-15")]
    assert read(
        store, "pnl_snapshots", "total_equity_try", "realized_today_try", "drawdown_pct", "cycle_id"
    ) == [(Decimal(99928), Decimal(0), Decimal("0.072"), name)]
    assert read(store, "account_snapshots", "cash_try", "holdings_json", "exchange") == [
        (Decimal(69928), '{"BTC":"0.01"}', "btcturk")
    ]
    assert read(store, "stage4_run_metrics", "orders_submitted", "rejects_by_code_json", "breaker_state") == [
        (2, '{"MIN_NOTIONAL":1}', "NORMAL")
    ]
    columns = (
        "mode",
        "fills_count",
        "orders_submitted",
        "orders_canceled",
        "rejects_count",
        "fill_rate",
        "avg_time_to_fill",
    )
    assert read(store, "cycle_metrics", *columns) == [("NORMAL", 1, 2, 1, 1, 0.5, 10.0)]
    [(slippage, fees)] = read(store, "cycle_metrics", "slippage_bps_avg", "fees_json")
    assert (round(slippage, 6), fees) == (round(10 / 29990 * 10**4, 6), '{"TRY":"72"}')
    [action] = cycle.decisions.actions
    assert read(store, "actions", "action_type", "client_order_id", "cycle_id") == [
        ("submit", action.client_id, name)
    ]
    [(planned, listed, deferred)] = read(
        store, "allocation_plans", "planned_total_try", "decisions_json", "deferred_json"
    )
    assert format_e8(sum(one.allocated for one in cycle.decisions.allocation)) == format(planned, "f")
    assert (len(json.loads(listed)), json.loads(deferred)) == (len(cycle.decisions.allocation), [])
    assert recorded.carried.refusals == 1


def test_an_override_and_its_anomalies_are_stored_and_fall_with_it(store: SqlStore):
    book = opened_in(store, a_book())
    degraded = Carried(degrade=DegradeState(override=Mode.REDUCE_RISK_ONLY, until=OPENED + 100))
    book, cycle, recorded = run_cycle(store, book, carried=degraded, symbols=())
    columns = ("current_override_mode", "warn_window_count", "last_warn_codes_json")
    codes = [one.reason.code for one in cycle.decisions.anomalies]
    assert read(store, "degrade_state_current", *columns) == [
        ("REDUCE_RISK_ONLY", sum(recorded.carried.degrade.warned), json.dumps(codes, separators=(",", ":")))
    ]
    run_cycle(store, book, carried=recorded.carried, after=120)
    assert read(store, "degrade_state_current", "current_override_mode", "cooldown_until") == [(None, None)]
    assert read(store, "risk_decisions", "prev_mode") == [None, "NORMAL"]


def test_cycles_are_chained_and_an_interrupted_one_is_no_link(store: SqlStore):
    book = opened_in(store, a_book())
    book, _, first = run_cycle(store, book)
    left = a_cycle(book, STRATEGIES, after=120)
    with store.unit() as work:
        book, _ = recording.decided(work, book, left, Carried(), TEXTS)
        work.commit()
    with store.unit() as work:
        assert recording.interrupted(work, "live") == [left.inputs.cycle]
        assert recording.interrupted(work, "live") == []
        work.commit()
    with store.unit() as work, pytest.raises(StoreCorrupt, match="stands as interrupted"):
        recording.done(work, book, left, MARKS, Ran(), Carried())
    book, _, third = run_cycle(store, book, after=180)
    assert [(one.status, one.previous, one.link) for one in cycles(store)] == [
        ("done", NOTHING, first.link),
        ("interrupted", first.link, None),
        ("done", first.link, third.link),
    ]
    assert [difference(one, STRATEGIES) for one in cycles(store)] == [None, None, None]
    assert [difference(one, STRATEGIES) for one in cycles(store, last=1)] == [None]
    with store.unit() as work, pytest.raises(StoreCorrupt, match="is absent"):
        recording.done(work, book, a_cycle(book, STRATEGIES, after=240), MARKS, Ran(), Carried())


@pytest.mark.parametrize("call", range(7))
def test_a_unit_that_fails_at_any_write_leaves_nothing(store: SqlStore, call: int):
    """The unit's n-th write fails: of T3 as of T4 nothing is there then."""
    book = opened_in(store, a_book())
    cycle = a_cycle(book, STRATEGIES)
    before = everything(store)
    with store.unit() as work, pytest.raises(StoreError, match="disk"):
        recording.decided(Failing(work, call), book, cycle, Carried(), TEXTS)  # type: ignore[arg-type]
    assert everything(store) == before
    with store.unit() as work:
        book, carried = recording.decided(work, book, cycle, Carried(), TEXTS)
        work.commit()
    before = everything(store)
    with store.unit() as work, pytest.raises(StoreError, match="disk"):
        recording.done(Failing(work, call), book, cycle, MARKS, Ran(), carried)  # type: ignore[arg-type]
    assert everything(store) == before


class Failing:
    """A unit of work whose n-th write fails."""

    def __init__(self, work: Any, left: int) -> None:
        self._work, self._left = work, left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._work, name)
        return self._counted(found) if name in ("insert", "update", "upsert") else found

    def _counted(self, write: Any) -> Any:
        def counted(*given: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise StoreError("the disk is full")
            return write(*given)

        return counted


# -- Books beside each other ----------------------------------------------------------------------------


def test_a_dry_book_changes_no_row_that_live_reads(store: SqlStore):
    """I31, with the same fill ids, flow ids and times in both books."""
    order = an_order(order_id="1")
    fill = a_fill("f1", "0.01", "3000000", "72", order)

    def play(name: str) -> LiveBook:
        book = opened_in(store, a_book(name))
        found = book_fills(book, fill, orders=(order,))
        book = store_booked(store, book, found.booked, fill)
        came = Posting("flow:1", Kind.DEPOSIT, NOW, "TRY")
        book = store_booked(store, book, money(Booked(book), came, parse_e8("1"), MARKS))
        observing = {"RISK_MAX_DRAWDOWN_TRY": "1"} if name != "live" else {}
        book, cycle, _ = run_cycle(store, book, **({"kill": "all"} if observing else {}))
        with store.unit() as work:
            recording.measured(work, book, cycle, MARKS, Ran())
            work.commit()
        return book

    live = play("live")
    seen = live_rows(store)
    dry = play("stage4-dry")
    assert live_rows(store) == seen
    assert {len(rows) for rows in everything(store, *LIVE_ONLY).values()} == {1}
    with store.read() as view:
        assert stored.own_fills(view, whose(dry), 0) == stored.own_fills(view, whose(live), 0) == [fill]
        assert stored.known_fills(view, whose(dry), [fill]) == {"f1": fill}
        book, _ = stored.stored_book(view, "stage4-dry") or (None, None)
        assert fold(stored.opening(view, "stage4-dry"), stored.postings(view, whose(dry))) == dry.ledger
    assert book == dry
    assert [difference(one, STRATEGIES) for one in cycles(store, book="stage4-dry")] == [None]


def live_rows(store: SqlStore) -> dict[str, list[Any]]:
    """Return the rows of every table that are the live book's, the serial keys aside."""
    from meva_adapters.sql.tables import META

    found = {}
    with store.read() as view:
        for name, table in META.tables.items():
            columns = [column.name for column in table.columns]
            rows = [dict(zip(columns, row, strict=True)) for row in view.rows(name, columns)]
            found[name] = [row for row in rows if row.get("book") in (None, "live")]
    return found


def test_stage_7_reads_the_live_decisions_alone(store: SqlStore):
    """A dry book that observes says nothing of what is to be done elsewhere."""
    live, dry = opened_in(store, a_book()), opened_in(store, a_book("stage4-dry"))

    def base(time: int) -> Mode:
        with store.read() as view:
            return outside(view, "main", OPENED + time, PARAMS, json.loads).base

    run_cycle(store, dry, risk=evolve(a_cycle(dry, STRATEGIES).inputs.risk, peak=parse_e8("900000")))
    assert read(store, "risk_decisions", "mode", "book") == [("OBSERVE_ONLY", "stage4-dry")]
    assert base(90) is Mode.NORMAL
    run_cycle(
        store, live, after=61, risk=evolve(a_cycle(live, STRATEGIES).inputs.risk, peak=parse_e8("900000"))
    )
    assert base(90) is Mode.OBSERVE_ONLY


# -- Recheck ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "change", "step", "field"),
    [
        ("inputs", lambda one: one | {"effective_fee": "25"}, "inputs", "sha256"),
        (
            "decisions",
            lambda one: one | {"assessed": one["assessed"] | {"equity": "1"}},
            "assessed",
            "equity",
        ),
    ],
)
def test_a_changed_document_is_named_by_its_first_step_and_field(
    store: SqlStore, column: str, change: Any, step: str, field: str
):
    book = opened_in(store, a_book())
    _, cycle, _ = run_cycle(store, book)
    [there] = cycles(store)
    changed = TEXTS.pack(json.dumps(change(dict(getattr(there, column)))))
    with store.unit() as work:
        work.update("live_cycles", "cycle_id", (column,), [(cycle.inputs.cycle, changed)])
        work.commit()
    [found] = cycles(store)
    told = difference(found, STRATEGIES)
    assert told is not None
    assert (told.step, told.field) == (step, field)


@pytest.mark.parametrize(
    ("column", "value", "step"),
    [
        ("outcomes_json", '[["a","open","1"]]', "outcomes"),
        ("link_sha256", bytes(32), "link"),
        ("decisions_sha256", bytes(32), "decisions"),
    ],
)
def test_a_changed_outcome_digest_or_link_is_named(store: SqlStore, column: str, value: Any, step: str):
    book = opened_in(store, a_book())
    _, cycle, _ = run_cycle(store, book)
    with store.unit() as work:
        work.update("live_cycles", "cycle_id", (column,), [(cycle.inputs.cycle, value)])
        work.commit()
    told = difference(cycles(store)[0], STRATEGIES)
    assert told is not None
    assert told.step == step


def test_bytes_that_are_no_document_are_said_to_be_none(store: SqlStore):
    book = opened_in(store, a_book())
    _, cycle, _ = run_cycle(store, book)
    for bad in (b"", b"no zstandard", TEXTS.pack("{")):
        with store.unit() as work:
            work.update("live_cycles", "cycle_id", ("inputs",), [(cycle.inputs.cycle, bad)])
            work.commit()
        with pytest.raises(StoreCorrupt, match=cycle.inputs.cycle):
            cycles(store)
