"""What meters show of a book on a played market: what the database says of its cycles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import define, field
from fresh_database import fresh_file
from played_books import ABOUT, FIRST, recorded_market
from played_market import Played
from scraped import text_of, value_in
from stage7_runs import BUSY, START, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.cycles import LIQUIDITY, SYMBOL_STATES, CycleMeters
from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.parts import Stopwatch
from meva_adapters.replay.alignment import Alignment
from meva_adapters.sql import SqlStore, writer
from meva_core.live_market import BOOK
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.book_runs import make_book
from meva_core.stages.dry_cycle import Told
from meva_core.stages.dry_loop import Missed
from meva_core.stages.dry_run import DryRun

SETTINGS = {
    **BUSY,
    "SYMBOLS": "BTCTRY,ETHTRY,SOLTRY,XRPTRY",
    "STAGE7_ORDER_OFFSET_BPS": "-4",
    "STAGE7_SIM_REJECT_PROB_BPS": "2000",
}

SIDES = ("BUY", "SELL")


@define
class Going:
    """A book that is told of cycle by cycle."""

    dry: DryRun
    market: Played
    meters: Meters
    cycles: CycleMeters
    db: Path
    told: Told | None = field(default=None)

    def cycle(self, now: int) -> None:
        self.market.now = now
        self.told = self.dry.cycle(20, now, lambda seconds: None)
        assert self.told is not None
        self.cycles.tell(self.told)

    def shows(self, metric: v.Metric | str, **labels: str) -> float | None:
        name = metric if isinstance(metric, str) else metric.name
        return value_in(text_of(self.meters), name, **labels)

    def last(self, table: str, *columns: str) -> list[Decimal | None]:
        [row] = rows_of(self.db, f"SELECT * FROM {table} ORDER BY ts DESC LIMIT 1")
        return [None if row[column] is None else Decimal(row[column]) for column in columns]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return recorded_market(tmp_path_factory.mktemp("played"))


@pytest.fixture
def going(tmp_path: Path, market: Played) -> Iterator[Going]:
    db = tmp_path / "a.db"
    settings = build_settings(SETTINGS)
    fresh_file(db)
    with writer(db, durable=False) as store:
        new_book(store, settings.live.dry_run_try_balance)
        meters = Meters("main")
        alignment = Alignment(settings.stage7.vol_lookback)
        played = Played(market.rows, market.pairs, now=START)
        marks = Stopwatch(meters).mark
        hold = lambda work, last: None  # noqa: E731 - nobody else is there
        dry = DryRun(store, CODEC, played, alignment, hold, interpreted, ABOUT, settings, "main", marks=marks)
        dry.open()
        yield Going(dry, played, meters, CycleMeters(meters, "stage7"), db)


def new_book(store: SqlStore, cash: Decimal) -> None:
    with store.unit() as work:
        make_book(work, "main", cash, datetime.fromtimestamp(START, UTC))
        work.commit()


def test_each_cycle_shows_what_is_stored_of_it(going: Going) -> None:
    for k in range(12):
        going.cycle(FIRST + 60 * k)
        equity, cash, net, unrealized = going.last(
            "stage7_ledger_metrics", "equity_try", "cash_try", "net_pnl_try", "unrealized_pnl_try"
        )
        assert going.shows(v.EQUITY) == float(equity or 0)
        assert going.shows(v.CASH) == float(cash or 0)
        assert going.shows(v.NET_PNL) == float(net or 0)
        assert going.shows(v.UNREALIZED_PNL) == float(unrealized or 0)
        [row] = rows_of(going.db, "SELECT * FROM stage7_run_metrics ORDER BY ts DESC LIMIT 1")
        modes = {
            mode: going.shows(v.MODE, mode=mode) for mode in ("NORMAL", "REDUCE_RISK_ONLY", "OBSERVE_ONLY")
        }
        assert modes == {mode: float(mode == row["mode_final"]) for mode in modes}
        assert going.shows(v.LAST_CYCLE) == FIRST + 60 * k
    assert going.shows(v.CYCLES, outcome="answered") == 12
    assert going.told is not None
    assert going.shows(v.RUN, stage="stage7", run_id=going.told.run_id) == 1
    assert going.shows(f"{v.CYCLE_SECONDS.name}_count", part="store") == 12
    assert going.shows(f"{v.CYCLE_SECONDS.name}_count", part="decide") == 12
    assert going.shows(f"{v.CYCLE_SECONDS.name}_count", part="measure") == 12


def test_orders_and_fills_add_up_to_what_is_stored(going: Going) -> None:
    for k in range(25):
        going.cycle(FIRST + 60 * k)
    orders = Counter(row["status"] for row in rows_of(going.db, "SELECT status FROM stage7_orders"))
    assert orders["FILLED"] > 0
    assert orders["REJECTED"] > 0
    assert going.shows(v.ORDERS, outcome="submitted") == sum(orders.values())
    for outcome in ("filled", "canceled", "rejected"):
        assert going.shows(v.ORDERS, outcome=outcome) == orders[outcome.upper()], outcome
    assert going.shows(v.REJECTS, reason="sim_reject") == orders["REJECTED"]
    fills = [going.shows(v.FILLS, side=side, liquidity=how) or 0 for side in SIDES for how in LIQUIDITY]
    [row] = rows_of(going.db, "SELECT sum(fills_written_count) AS n FROM stage7_run_metrics")
    assert sum(fills) == row["n"] > 0
    fees, turnover = going.last("stage7_ledger_metrics", "fees_try", "turnover_try")
    assert going.shows(v.FEES) == pytest.approx(float(fees or 0))
    traded = [going.shows(v.TURNOVER, side=side) or 0 for side in SIDES]
    assert all(traded)
    assert sum(traded) == pytest.approx(float(turnover or 0))
    held = rows_of(going.db, "SELECT state_json FROM stage7_run_state")[0]["state_json"]["state"]
    assert going.shows(v.POSITIONS) == sum(qty > 0 for qty in held["qty"])
    assert going.shows(v.OPEN_ORDERS) == len(held["orders"]["time"])


def test_drawdown_and_the_result_of_the_day_follow_equity(going: Going) -> None:
    seen = [float(going.dry.settings.live.dry_run_try_balance)]
    for k in range(12):
        going.cycle(FIRST + 60 * k)
        seen.append(going.shows(v.EQUITY) or 0)
    assert going.shows(v.DRAWDOWN) == pytest.approx(1 - seen[-1] / max(seen), abs=1e-9)
    assert going.shows(v.DAY_PNL) == pytest.approx(seen[-1] - seen[0])
    deepest = max(1 - seen[k] / max(seen[: k + 1]) for k in range(len(seen)))
    assert going.shows(v.MAX_DRAWDOWN) == pytest.approx(deepest, abs=1e-7)


def test_symbols_go_stale_and_absent_and_ages_grow(going: Going) -> None:
    going.cycle(FIRST)
    assert [going.shows(v.SYMBOLS, state=state) for state in SYMBOL_STATES] == [4, 0, 0, 0]
    assert going.shows(v.TOUCHES, source="book") == 4
    going.market.fails = True
    going.cycle(FIRST + 200)
    assert [going.shows(v.SYMBOLS, state=state) for state in SYMBOL_STATES] == [0, 4, 0, 0]
    assert going.shows(v.TOUCH_AGE, stat="max") == going.shows(v.TOUCH_AGE, stat="median") == 200
    assert going.shows(v.FEED_AGE) == 200
    assert going.shows(v.CYCLES, outcome="unanswered") == 1
    assert going.shows(v.RULES_FIRED, rule="stale_market_data") == 1
    assert going.shows(v.MODE, mode="OBSERVE_ONLY") == 1


def test_a_symbol_that_was_never_shown_is_absent_and_has_no_age(going: Going) -> None:
    going.market.rows = [row for row in going.market.rows if (row.kind, row.symbol) != (BOOK, "SOLTRY")]
    going.cycle(FIRST)
    assert [going.shows(v.SYMBOLS, state=state) for state in SYMBOL_STATES] == [3, 0, 0, 1]
    going.market.rows = []
    assert going.shows(v.TOUCH_AGE, stat="max") == 0


def test_points_without_a_cycle_are_counted_by_why(going: Going) -> None:
    assert [going.shows(v.MISSED, reason=why) for why in Missed] == [0] * len(Missed)
    going.cycles.missed(Missed.SKIPPED, 3)
    going.cycles.missed(Missed.CLOCK, 1)
    assert (going.shows(v.MISSED, reason="skipped"), going.shows(v.MISSED, reason="clock")) == (3, 1)
