"""Profit of a book by day and symbol: it adds up at every point, in both ways of counting cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fresh_database import fresh_file
from told_books import TEXTS, dry_file_of_stage3, live_file, recorded

from meva_adapters.sql.store import SqlStore, writer
from meva_core.amounts import E8, parse_e8
from meva_core.errors import BadInput
from meva_core.live_book.holdings import Lot
from meva_core.live_book.opening import Position, opened
from meva_core.live_book.postings import Kind
from meva_core.live_history.books import Standing, pick, standing
from meva_core.live_history.profit import Span, joined, rows_of, spans_of
from meva_core.ports import Reads


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(live_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def live(view: Reads) -> Standing:
    return standing(view, pick(view, "live"))


def adds_up(span: Span) -> bool:
    made, ledger = span.made, span.ended.ledger
    end = span.began.equity + span.flow + made.gross - made.fees - made.slippage
    return end == ledger.cash + (span.ended.equity - ledger.cash) == span.ended.equity


def test_days_and_symbols_add_up_to_what_the_book_holds(store: SqlStore):
    with store.read() as view:
        book = live(view)
        spans = spans_of(view, book, TEXTS)
    assert len(spans) == 2
    assert all(adds_up(span) for span in spans)
    whole = joined(spans)
    assert adds_up(whole)
    ledger, marks = book.book.ledger, book.marks
    made = whole.made
    assert (whole.began.equity, whole.ended.equity) == (parse_e8("10000"), ledger.equity(marks))
    assert (made.realized, made.fees, made.slippage) == (ledger.realized, ledger.fees, ledger.slippage)
    assert (made.net, made.average_net) == (ledger.net(marks), ledger.net(marks))
    assert made.average_realized == ledger.realized_average
    assert whole.flow == ledger.flows


def test_average_cost_says_the_same_of_every_day_and_symbol(store: SqlStore):
    with store.read() as view:
        spans = spans_of(view, live(view), TEXTS)
    for span in spans:
        assert span.symbols
        assert all(made.net == made.average_net for made in span.symbols.values())


def test_what_flows_is_no_profit(store: SqlStore):
    with store.read() as view:
        first, second = spans_of(view, live(view), TEXTS)
    assert first.flows[Kind.DEPOSIT] == parse_e8("1000")
    assert first.flows[Kind.WITHDRAWAL] == -parse_e8("250")
    assert first.made.net == first.ended.equity - first.began.equity - first.flow
    assert second.flows.keys() <= {Kind.ROUNDING}
    assert second.began == first.ended


def test_a_part_of_a_day_begins_with_the_cycle_before_it(store: SqlStore):
    """The span of a window and those around it are the whole."""
    with store.read() as view:
        book = live(view)
        times = [ts for (ts,) in view.rows("live_cycles", ("ts",))]
        whole = joined(spans_of(view, book, TEXTS))
        for cut in (times[3], times[8], times[20]):
            before = joined(spans_of(view, book, TEXTS, end=cut))
            after = joined(spans_of(view, book, TEXTS, start=cut + timedelta(seconds=1)))
            assert adds_up(before)
            assert adds_up(after)
            assert before.ended == after.began
            assert before.made.plus(after.made) == whole.made
            assert before.flow + after.flow == whole.flow


def test_the_newest_days_alone(store: SqlStore):
    with store.read() as view:
        book = live(view)
        assert spans_of(view, book, TEXTS, last=1) == spans_of(view, book, TEXTS)[1:]
        with pytest.raises(BadInput, match="has no cycle of that time; its cycles are from 2025-10-09 08:54"):
            spans_of(view, book, TEXTS, start=datetime(2030, 1, 1, tzinfo=UTC))


def test_rows_of_days_and_symbols_have_the_same_sums(store: SqlStore):
    with store.read() as view:
        spans = spans_of(view, live(view), TEXTS)
    days, symbols, both = (rows_of(spans, by) for by in (("day",), ("symbol",), ("day", "symbol")))
    for name in ("gross_try", "fees_try", "slippage_try", "net_try", "average_net_try", "fills"):
        sums = {sum(row[name] for row in rows) for rows in (days, symbols, both)}
        assert len(sums) == 1, name
    assert [row["day"] for row in days] == ["2025-10-09", "2025-10-10"]
    assert {row["symbol"] for row in symbols} == {"BTCTRY", "ETHTRY", "SOLTRY"}


def test_a_dry_book_adds_up_as_well(tmp_path: Path):
    path = dry_file_of_stage3(tmp_path / "dry.db")
    with writer(path, durable=False) as store, store.read() as view:
        book = standing(view, pick(view, "stage3-dry"))
        whole = joined(spans_of(view, book, TEXTS))
    assert adds_up(whole)
    assert whole.flow == 0
    assert whole.made.realized == book.book.ledger.realized != 0


def test_what_was_taken_over_below_its_cost_is_no_loss_of_the_first_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sol = Position((Lot(10 * E8, 100 * E8),), 100 * E8)
    monkeypatch.setattr("told_books.opened", lambda *given: opened(*given, {"SOLTRY": sol}))
    with writer(fresh_file(tmp_path / "x.db"), durable=False) as fresh:
        account = recorded(fresh)
        account.go_on()
        account.go_on()
        with fresh.read() as view:
            [span] = spans_of(view, live(view), TEXTS)
    price = parse_e8(str(account.exchange.prices["SOLTRY"]))
    assert span.began.equity == parse_e8("10100"), "what it had cost, so that it adds up"
    assert span.began.before == 10 * price - 100 * E8 < 0
    assert adds_up(span)
    assert span.made.unrealized == span.began.before
    assert span.return_ratio == 0
    assert span.document()["before_opening_try"] == Decimal(10 * price - 100 * E8) / E8
