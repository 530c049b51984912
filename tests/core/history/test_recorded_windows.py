"""Windows of recorded cycles, read from a real database: exactly the cycles asked for, with both halves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fresh_database import fresh_file
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.sql import reader, writer
from meva_core.errors import BadInput
from meva_core.history.cycle_export import FIELDS, digits_of, records
from meva_core.history.summaries import Alerts, Totals, report_lines
from meva_core.history.window import LEDGER_METRICS, RUN_METRICS, TRACE, choose_window, cycles, find_cycle
from meva_core.ports import Reads

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
CYCLES = 12
RUN, OTHER = "aaaaaaa", "bbbbbbb"
COUNTS = (
    "universe_size",
    "intents_planned_count",
    "intents_skipped_count",
    "oms_submitted_count",
    "oms_filled_count",
    "oms_rejected_count",
    "oms_canceled_count",
    "events_appended",
    "events_ignored",
    "latency_ms_total",
    "selection_ms",
    "planning_ms",
    "intents_ms",
    "oms_ms",
    "ledger_ms",
    "persist_ms",
)
MONEY = ("equity_try", "gross_pnl_try", "net_pnl_try", "fees_try", "slippage_try", "turnover_try")


def trace(cycle: str, ts: str, run: str | None, **more: str) -> dict[str, Any]:
    """Return a row of the trace."""
    documents = ("selected_universe_json", "order_decisions_json", "intents_summary_json", "mode_json")
    return {"cycle_id": cycle, "ts": ts, "run_id": run} | dict.fromkeys(documents, "[]") | more


def metrics(cycle: str, ts: str, run: str | None, equity: str = "1000", **more: Any) -> dict[str, Any]:
    """Return a row of the run metrics; each cycle placed one order."""
    row = {"cycle_id": cycle, "ts": ts, "run_id": run, "mode_base": "NORMAL", "mode_final": "NORMAL"}
    row |= dict.fromkeys(COUNTS, 1) | dict.fromkeys(MONEY, equity)
    return row | {"max_drawdown_pct": "0", "quality_flags_json": "{}", "alert_flags_json": "{}"} | more


def ledger(cycle: str, ts: str, run: str | None, equity: str = "1000") -> dict[str, Any]:
    """Return a row of the ledger metrics."""
    row = {"cycle_id": cycle, "ts": ts, "run_id": run, "max_drawdown": "0"}
    return row | dict.fromkeys((*MONEY, "realized_pnl_try", "unrealized_pnl_try"), equity)


def insert(work: Any, table: str, row: dict[str, Any]) -> None:
    """Insert one row."""
    work.insert(table, tuple(row), [tuple(row.values())])


def stamp(moment: datetime) -> str:
    """Return a time as our rows store it."""
    return moment.isoformat(timespec="microseconds")


def name_of(run: str, place: int) -> str:
    """Return the id of a cycle."""
    return f"{run}-{place:014d}"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs over the same times, and cycles of the earlier system: halves, a copy with another time."""
    path = tmp_path_factory.mktemp("history") / "a.db"
    fresh_file(path)
    with writer(path, durable=False) as store, store.unit() as work:
        for run in (RUN, OTHER):
            for place in range(CYCLES):
                row = (name_of(run, place), stamp(START + place * STEP), run)
                reasons = json.dumps([["ok", "assess", "", None, None, None, ""]])
                insert(work, TRACE, trace(*row, reasons_json=reasons))
                insert(work, LEDGER_METRICS, ledger(*row, equity=str(place)))
                if (
                    place != 3
                ):  # a cycle without metrics: no run of ours leaves one, but nothing else may shift
                    alerts = {"throttled": True} if place % 4 == 0 else {}
                    insert(work, RUN_METRICS, metrics(*row, alert_flags_json=json.dumps(alerts)))
        insert(work, TRACE, trace("old-1", "2026-01-01T03:00:00+03:00", None))
        insert(work, RUN_METRICS, metrics("old-1", "2026-01-01T00:00:00.5", "bt-1"))
        insert(work, LEDGER_METRICS, ledger("old-1", "2026-01-01T00:00:00+00:00", None, "-1.50E-9"))
        insert(work, TRACE, trace("old-2", "2026-01-01T00:01:00", None))
        insert(work, RUN_METRICS, metrics("old-3", "2026-01-01T00:02:00+00:00", None))
        insert(work, TRACE, trace("old-4", "2026-01-01T00:03:00+00:00", None, mode_json="no JSON"))
        work.commit()
    return path


@pytest.fixture(scope="module")
def reads(database: Path) -> Iterator[Reads]:
    """Hold a view of it."""
    with reader(database) as store, store.read() as view:
        yield view


def ids(reads: Reads, run: str, **asked: Any) -> list[str]:
    """Return the cycles of a window."""
    window = choose_window(reads, run, **asked)
    found = [row["cycle_id"] for row in cycles(reads, window, {TRACE: (), RUN_METRICS: ("equity_try",)})]
    assert found[0] == window.first_cycle
    return found


BOUNDS = st.none() | st.integers(-700, 4000).map(lambda seconds: START + timedelta(seconds=seconds))


@given(BOUNDS, BOUNDS, st.none() | st.integers(1, 15), st.sampled_from([RUN, OTHER]))
def test_a_window_is_what_slicing_the_runs_cycles_gives(
    reads: Reads, start: datetime | None, end: datetime | None, last: int | None, run: str
) -> None:
    wanted = [
        name_of(run, place)
        for place in range(CYCLES)
        if (start is None or START + place * STEP >= start) and (end is None or START + place * STEP <= end)
    ]
    wanted = wanted[-last:] if last else wanted
    if wanted:
        assert ids(reads, run, start=start, end=end, last=last) == wanted
    else:
        with pytest.raises(
            BadInput, match=r"its cycles are from 2026-01-01T00:00:00Z to 2026-01-01T00:55:00Z"
        ):
            choose_window(reads, run, start=start, end=end, last=last)


def test_a_missing_half_shifts_no_other_cycle(reads: Reads) -> None:
    columns = {TRACE: ("mode_json",), RUN_METRICS: ("mode_final",), LEDGER_METRICS: ("equity_try",)}
    found = list(cycles(reads, choose_window(reads, RUN), columns))
    assert [row["equity_try"] for row in found] == [Decimal(place) for place in range(CYCLES)]
    assert [row["mode_final"] for row in found] == [
        None if place == 3 else "NORMAL" for place in range(CYCLES)
    ]


def test_cycles_of_the_earlier_system_are_put_together_by_id(reads: Reads) -> None:
    columns = {TRACE: ("mode_json",), RUN_METRICS: ("mode_final",), LEDGER_METRICS: ("equity_try",)}
    found = list(cycles(reads, choose_window(reads, "legacy"), columns))
    assert [(row["cycle_id"], row["mode_final"], row["equity_try"]) for row in found] == [
        ("old-1", "NORMAL", Decimal("-1.50E-9")),
        ("old-2", None, None),
        ("old-3", "NORMAL", None),  # metrics without a trace
        ("old-4", None, None),
    ]
    assert ids(reads, "legacy", last=2) == ["old-3", "old-4"]
    assert ids(reads, "legacy", start=START + timedelta(seconds=30), last=2) == ["old-3", "old-4"]
    assert ids(reads, "legacy", end=START + timedelta(seconds=90)) == ["old-1", "old-2"]


def test_a_cycle_is_found_by_its_id_whichever_half_it_has(reads: Reads) -> None:
    assert find_cycle(reads, name_of(OTHER, 1)) == (OTHER, START + STEP)
    assert find_cycle(reads, "old-1") == ("legacy", START)
    assert find_cycle(reads, "old-3") == ("legacy", START + timedelta(minutes=2))
    assert find_cycle(reads, "old-9") is None


@pytest.mark.parametrize("run", [RUN, "legacy"])
def test_totals_are_the_sums_of_their_lines(reads: Reads, run: str) -> None:
    totals = Totals()
    lines = list(totals.counted(report_lines(reads, choose_window(reads, run), json.loads)))
    assert totals.cycles == len(lines) == len(ids(reads, run))
    assert totals.orders == sum(line.orders for line in lines)
    assert totals.cycles_with_orders == sum(line.reason == "ok" for line in lines if line.orders)
    assert totals.last == lines[-1]
    assert totals.modes.total() == totals.cycles


def test_alerts_are_those_of_the_window_and_counted_over_all_of_it(reads: Reads) -> None:
    alerts = Alerts()
    found = list(alerts.look(reads, choose_window(reads, RUN, start=START + STEP), json.loads))
    assert [cycle.cycle_id for cycle in found] == [name_of(RUN, 4), name_of(RUN, 8)]
    (count,) = alerts.counts()
    assert (count.kind, count.flag, count.cycles) == ("alert", "throttled", 2)
    assert (count.first_ts, count.last_ts) == (START + 4 * STEP, START + 8 * STEP)
    assert (alerts.cycles, alerts.raised) == (CYCLES - 2, 2)  # without the first, and without the halved one


def test_records_have_every_field_and_begin_with_the_window(reads: Reads) -> None:
    end = START + 2 * STEP
    found = list(records(reads, choose_window(reads, RUN, end=end), json.loads))
    assert [len(record) for record in found] == [len(FIELDS)] * 3
    assert {record[:4] for record in found} == {(2, RUN, START, end)}
    named = dict(zip((field.name for field in FIELDS), found[2], strict=True))
    assert (named["cycle_id"], named["equity_try"]) == (name_of(RUN, 2), Decimal(2))
    assert named["alert_flags"] == []


def test_the_digits_of_old_amounts_are_measured(reads: Reads) -> None:
    digits = digits_of(reads, choose_window(reads, "legacy"))
    assert (digits.before, digits.after) == (1, 11)
