"""How a book begins: over an account that is there, over what the earlier system left, and simulated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest
from attrs import evolve
from cycles import PRICES, a_run, lived
from fresh_database import fresh_file
from running import BUYS, STRATEGIES, running
from scripted_account import SECOND, Scripted

from meva_adapters.sql.store import SqlStore, writer
from meva_adapters.text_codec import ZstdTexts
from meva_core.errors import BadInput, StoreCorrupt, Unavailable
from meva_core.live.desk import Desk
from meva_core.live.live_orders import stamp
from meva_core.live_book.adoption import OldPosition
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_book.book import accepted
from meva_core.operating.adopting import OldPeak, old_positions, open_account
from meva_core.operating.dry import forgets, venue_of
from meva_core.operating.records import stored
from meva_core.operating.runner import About, Runner
from meva_core.operating.starting import check_account, taken_up
from meva_core.operating.steps.reading import JUST_ADOPTED, Process, World
from meva_core.operational.inputs import Listed
from meva_core.orders import Side
from meva_core.simulated.terms import Terms
from meva_core.strategy import Strategy
from meva_core.venue import NewOrder

TERMS = Terms(maker=12 * 10**8, taker=24 * 10**8)
ACCOUNT = "0123456789abcdef"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def marks(symbols: Iterable[str]) -> dict[str, int]:
    return {name: int(PRICES[name]) * 10**8 for name in symbols}


def desk_of(store: SqlStore, exchange: Scripted) -> Desk:
    return Desk(exchange, exchange, store, exchange, lambda ms: exchange.pass_time(ms / 1000))


def test_a_fresh_account_begins_with_its_lira_and_leaves_its_coins_alone(store: SqlStore) -> None:
    exchange = Scripted(dict(PRICES), {"TRY": Decimal("1234.5"), "BTC": Decimal("0.5")})
    found = open_account(desk_of(store, exchange), "live", ACCOUNT, ("BTCTRY",), marks)
    assert not found.adopted
    assert found.old_peak is None
    assert found.book.ledger.cash == 123_450_000_000
    assert found.book.ledger.holdings == {}
    assert found.book.ledger.foreign == {"BTC": 50_000_000}
    with store.read() as view:
        kept = stored.stored_book(view, "live")
    assert kept is not None
    assert kept[0] == found.book


def test_balances_that_move_are_no_opening(store: SqlStore) -> None:
    exchange = Scripted(dict(PRICES), {"TRY": Decimal(1000)})
    desk = desk_of(store, exchange)

    def pause(milliseconds: int) -> None:
        exchange.pass_time(milliseconds / 1000)
        exchange.transfer("TRY", "1")

    with pytest.raises(Unavailable, match="two reads 30 s apart differ"):
        open_account(evolve(desk, pause=pause), "live", ACCOUNT, ("BTCTRY",), marks)
    with store.read() as view:
        assert stored.stored_book(view, "live") is None


def test_what_the_earlier_system_left_is_asked_for_and_taken_over_once(store: SqlStore) -> None:
    exchange = Scripted(dict(PRICES), {"TRY": Decimal(1000), "BTC": Decimal("0.75")})
    desk = desk_of(store, exchange)
    number = exchange.submit(NewOrder("web-1", "BTCTRY", Side.BUY, Decimal(2900), Decimal("0.5"))).order_id
    exchange.trade(number, "0.25")
    with store.unit() as work:
        now = stamp(exchange.now)
        names = ("symbol", "client_order_id", "exchange_order_id", "side", "price", "qty", "status", "mode")
        row = ("BTCTRY", "old-1", number, "BUY", "2900", "0.5", "open", "live")
        work.insert("stage4_orders", (*names, "created_at", "updated_at"), [(*row, now, now)])
        fill = ("f1", "900", "BTCTRY", "BUY", "2800", "0.75", "5", "TRY", stamp(exchange.now - 60 * SECOND))
        columns = ("fill_id", "order_id", "symbol", "side", "price", "qty", "fee", "fee_asset", "ts")
        work.insert("stage4_fills", columns, [fill])
        work.insert(
            "stage4_positions",
            ("symbol", "qty", "avg_cost_try", "realized_pnl_try", "last_update_ts"),
            [("BTCTRY", "1", "2815", "0", now)],
        )
        peak = {"peak_equity_try": "99000.5", "peak_equity_date": "2025-11-30"}
        work.upsert("risk_state_current", {"state_id": 1, **peak, "updated_at": now})
        work.commit()
    found = open_account(desk, "live", ACCOUNT, ("BTCTRY",), marks)
    assert found.adopted
    holding = found.book.ledger.holdings["BTCTRY"]
    assert holding.qty == 100_000_000, "what the rows, the table and the balance all have"
    assert holding.cost == 2815 * 10**8
    assert found.old_peak == OldPeak(Decimal("99000.5"), "2025-11-30")
    assert found.book.figures.peak == found.book.figures.equity, "the peak is equity, whatever it was before"
    run = running_over(store, exchange, desk)
    run.process = taken_up(store, "live", exchange.now).process
    first = run.cycle()
    assert set(first.inputs.blocked.values()) == {JUST_ADOPTED}
    assert [order.exchange_id for order in first.inputs.orders] == [number]
    exchange.pass_time(60)
    assert JUST_ADOPTED not in run.cycle().inputs.blocked.values()


def test_an_old_position_of_no_amount_is_none_and_hides_no_other(store: SqlStore) -> None:
    with store.unit() as work:
        columns = ("symbol", "qty", "avg_cost_try", "realized_pnl_try", "last_update_ts")
        odd = enumerate(["", "soon", "NaN", "sNaN", "Infinity", "1E+999999"])
        rows = [(f"ODD{place}TRY", text, "1", "0", stamp(0)) for place, text in odd]
        work.insert("stage4_positions", columns, [*rows, ("BTCTRY", "2", "3", "0", stamp(0))])
        assert old_positions(work)[0] == [OldPosition("stage4_positions", "BTCTRY", Decimal(2), Decimal(3))]


def test_an_open_order_that_had_filled_before_it_was_taken_over_goes_on_with_those_fills(
    store: SqlStore,
) -> None:
    exchange = Scripted(dict(PRICES), {"TRY": Decimal(10_000)})
    desk = desk_of(store, exchange)
    number = exchange.submit(NewOrder("web-1", "BTCTRY", Side.BUY, Decimal(2900), Decimal(1))).order_id
    exchange.trade(number, "0.25")
    exchange.trade(number, "0.125")
    exchange.trade(number, "0.0625")
    exchange.pass_time(60)
    first, second, third = (fill for _, fill in exchange.fills_shown)
    with store.unit() as work:
        at = stamp(exchange.now)
        names = ("symbol", "client_order_id", "exchange_order_id", "side", "price", "qty", "status", "mode")
        row = ("BTCTRY", "web-1", number, "BUY", "2900", "1", "open", "live")
        created = stamp(first.ts - SECOND)
        work.insert("stage4_orders", (*names, "created_at", "updated_at"), [(*row, created, at)])
        columns = ("fill_id", "order_id", "symbol", "side", "price", "qty", "fee", "fee_asset", "ts")
        work.insert(
            "stage4_fills",
            columns,
            [(first.fill_id, number, "BTCTRY", "BUY", "2900", "0.25", "1.74", "TRY", stamp(first.ts))],
        )
        columns = (
            "event_id", "ts", "symbol", "type", "side", "qty", "price", "fee", "fee_currency",
            "exchange_trade_id", "exchange_order_id", "client_order_id", "meta_json", "inserted_at",
        )  # fmt: skip
        events = [
            (f"old:{fill.fill_id}", stamp(fill.ts), "BTCTRY", "FILL", "BUY", f"{fill.qty}", "2900", "0",
             "TRY", fill.fill_id, None, "web-1", "{}", at)
            for fill in (first, second)
        ]  # fmt: skip
        work.insert("ledger_events", columns, events)
        work.commit()
    found = open_account(desk, "live", ACCOUNT, ("BTCTRY",), marks)
    assert found.book.ledger.holding("BTCTRY").qty == 43_750_000, "the third only the exchange has"
    run = running_over(store, exchange, desk)
    run.process = taken_up(store, "live", exchange.now).process
    for more, left in (("0", 56_250_000), ("0.5", 6_250_000), ("0.0625", 0)):
        if more != "0":
            exchange.trade(number, more)
        exchange.pass_time(60)
        inputs = run.cycle().inputs
        assert [order.left for order in inputs.orders] == ([left] if left else [])
        assert [alarm.code for alarm in inputs.alarms] == []
    exchange.pass_time(60)
    assert run.cycle().inputs.blocked == {}
    with store.read() as view:
        kept = stored.stored_book(view, "live")
        rows = list(view.rows("stage4_orders", ("status", "filled_qty", "fill_complete")))
        trades = [
            trade for (trade,) in view.rows("ledger_events", ("exchange_trade_id",), where={"type": "FILL"})
        ]
    assert kept is not None
    assert kept[0].ledger.holding("BTCTRY").qty == 100_000_000
    assert rows == [("filled", Decimal(1), 1)]
    assert sorted(trades) == sorted(fill.fill_id for _, fill in exchange.fills_shown), "each in one row"
    assert third.fill_id in trades


def running_over(
    store: SqlStore, exchange: Scripted, desk: Desk, strategies: Mapping[str, Strategy] = MappingProxyType({})
) -> Runner:
    """Return a runner over a book that is there, without a strategy unless some are given."""
    return Runner(
        name="live",
        world=World(market=exchange, rules=exchange, desk=desk),
        run=a_run(settings=BUYS, strategies=tuple(map(Listed, strategies))),
        store=store,
        texts=ZstdTexts(),
        about=About(settings={}, code_version="0"),
        process=Process(runs=frozenset()),
        strategies=strategies,
    )


@pytest.mark.parametrize("left", ["", "stage4_positions", "stage4_orders"])
def test_the_first_cycle_after_a_takeover_submits_nothing_whichever_process_comes_to_it(
    store: SqlStore, left: str
) -> None:
    exchange = Scripted(dict(PRICES), {"TRY": Decimal(100_000)})
    desk = desk_of(store, exchange)
    number = exchange.submit(NewOrder("1", "ETHTRY", Side.BUY, Decimal(90), Decimal(1))).order_id
    at = stamp(exchange.now)
    rows: dict[str, dict[str, str]] = {
        "stage4_positions": {
            "symbol": "BTCTRY", "qty": "0", "avg_cost_try": "0", "realized_pnl_try": "1", "last_update_ts": at
        },
        "stage4_orders": {
            "symbol": "ETHTRY", "client_order_id": "1", "exchange_order_id": number, "side": "BUY",
            "price": "90", "qty": "1", "status": "open", "mode": "live", "created_at": at, "updated_at": at,
        },
    }  # fmt: skip
    if left:
        with store.unit() as work:
            work.insert(left, tuple(rows[left]), [tuple(rows[left].values())])
            work.commit()
    assert open_account(desk, "live", ACCOUNT, ("BTCTRY",), marks).adopted is bool(left)
    run = running_over(store, exchange, desk, STRATEGIES)

    def in_another_process() -> int:
        run.process = taken_up(store, "live", exchange.now).process
        exchange.pass_time(60)
        return run.cycle().ran.submitted

    exchange.silent = {("tickers", ""), ("book", "BTCTRY"), ("book", "ETHTRY")}
    with pytest.raises(Unavailable):  # the process that opened it comes to no cycle
        in_another_process()
    exchange.silent.clear()
    first = in_another_process()
    assert (first == 0) is bool(left)
    assert first or in_another_process()


# -- Whose account it is ------------------------------------------------------------------------------


def test_another_account_is_refused_until_a_person_says_that_it_is_the_same(store: SqlStore) -> None:
    account = lived(store)
    exchange, book = account.exchange, account.book
    assert check_account(store, exchange, book, ACCOUNT, exchange.now) == book
    with pytest.raises(BadInput, match="none of the book's orders is known"):
        check_account(store, exchange, book, "fedcba9876543210", exchange.now)
    kept = account.book
    assert [(one.code, one.about) for one in kept.alarms] == [(AlarmCode.OTHER_ACCOUNT, "fedcba9876543210")]
    said = accepted(kept, kept.alarms[0].pair)
    found = check_account(store, exchange, said, "fedcba9876543210", exchange.now)
    assert found.accounts == (ACCOUNT, "fedcba9876543210")
    assert account.book == found


def test_another_key_that_knows_an_order_of_the_book_is_of_the_same_account(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    account = book.account
    found = check_account(store, account.exchange, account.book, "fedcba9876543210", account.exchange.now)
    assert found.accounts == (ACCOUNT, "fedcba9876543210")
    account.exchange.orders.clear()
    with pytest.raises(BadInput, match="none of the book's orders is known"):
        check_account(store, account.exchange, found, "00000000ffffffff", account.exchange.now)


# -- Simulated ----------------------------------------------------------------------------------------


def test_what_rests_at_a_simulated_exchange_rests_for_the_next_process(store: SqlStore) -> None:
    exchange = Scripted(dict(PRICES), {})
    venue = venue_of(store, "stage4-dry", 1000 * 10**8, TERMS, exchange)
    rules = exchange.rules(("BTCTRY",))
    venue.meet(exchange.now // SECOND, [], rules)
    order = NewOrder(
        "s4:aaaaaaa-20260101000000:BTCTRY:B:0", "BTCTRY", Side.BUY, Decimal(2900), Decimal("0.1")
    )
    number = venue.submit(order).order_id
    again = venue_of(store, "stage4-dry", 77, TERMS, exchange)
    again.meet(exchange.now // SECOND, [], rules)
    assert [one.order_id for one in again.open_orders()] == [number]
    assert again.books == venue.books
    other = venue_of(store, "stage3-dry", 77, TERMS, exchange)
    assert other.balances()["TRY"].total == Decimal("0.00000077")


def test_a_simulated_exchange_forgets_what_no_cycle_asks_for_any_more(store: SqlStore) -> None:
    exchange = Scripted(dict(PRICES), {})
    venue = venue_of(store, "stage4-dry", 1000 * 10**8, TERMS, exchange)
    venue.meet(exchange.now // SECOND, [], exchange.rules(("BTCTRY",)))
    order = NewOrder(
        "s4:aaaaaaa-20260101000000:BTCTRY:B:0", "BTCTRY", Side.BUY, Decimal(2900), Decimal("0.1")
    )
    venue.cancel(venue.submit(order).order_id)
    forget = forgets(venue, lookback_minutes=60)
    exchange.pass_time(7_100)
    forget(exchange.now // SECOND)
    assert len(venue.books.orders) == 1
    exchange.pass_time(200)
    forget(exchange.now // SECOND)
    assert venue.books.orders == ()


def test_a_simulated_exchange_that_cannot_be_read_is_not_begun_anew(store: SqlStore) -> None:
    with store.unit() as work:
        work.upsert("op_state", {"key": "simulated:stage4-dry", "text_value": "{}", "updated_at": stamp(0)})
        work.commit()
    with pytest.raises(StoreCorrupt, match="simulated:stage4-dry: cannot be read"):
        venue_of(store, "stage4-dry", 1, TERMS, Scripted({}, {}))
