"""Upgraded files of the earlier system compared with one another: all that both stored of a cycle counts."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from meva_adapters.codec import CODEC
from meva_adapters.sql import reader
from meva_adapters.sql.migrate import upgrade
from meva_core.history.parity import parity
from meva_core.history.verdict import Side, Span, Verdict
from meva_core.history.window import LEGACY

Built = Callable[[str], Path]
TwoFiles = Callable[[str], tuple[Path, Path]]
CYCLE = "cycle_id-1"
ORDERED = ("stage7_order_intents", "stage7_orders", "stage7_order_events", "stage7_risk_decisions")
CHANGES = {
    "UPDATE stage7_orders SET status = 'UNHEARD'": "orders[0].status",
    "UPDATE stage7_orders SET qty = '77'": "orders[0].qty",
    "DELETE FROM stage7_orders": "orders.length",
    "UPDATE stage7_order_intents SET price_try = '77'": "intents[0].price_try",
    "UPDATE stage7_order_intents SET notional_try = '77'": "intents[0].notional_try",
    "UPDATE stage7_order_events SET event_type = 'X'": "order_events[0].event_type",
    'UPDATE stage7_cycle_trace SET portfolio_plan_json = \'{"cash_target_try": "77"}\'': "portfolio_plan",
    'UPDATE stage7_cycle_trace SET mode_json = \'{"final_mode": "X"}\'': "mode.",
    "UPDATE stage7_ledger_metrics SET equity_try = '77'": "equity_try",
}
"""A change of a file, and the field in which it shows."""
NAMES = (
    "UPDATE stage7_orders SET intent_hash = 'other', order_id = 'other-' || order_id",
    "UPDATE stage7_order_events SET event_id = 'other-' || event_id",
    "UPDATE stage7_run_metrics SET latency_ms_total = 77, oms_ms = 77",
)
"""Changes that show in nothing that was decided."""


def compare(a: Path, b: Path, step: Decimal | None = None) -> Verdict:
    with reader(a) as one, reader(b) as other, one.read() as first, other.read() as second:
        return parity(
            Side(first, LEGACY), Side(second, LEGACY), Span(), CODEC.decode, CODEC.columns, quantize=step
        )


def old_copy(built: Built, name: str, path: Path) -> Path:
    """Return an upgraded copy of an old file, all of whose orders are of one cycle."""
    shutil.copyfile(built(name), path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ORDERED:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                connection.execute(f"UPDATE {table} SET cycle_id = ?", (CYCLE,))
    upgrade(path)
    return path


@pytest.fixture(scope="module")
def upgraded(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return a function that returns an upgraded copy of an old file, the same each time."""
    folder = tmp_path_factory.mktemp("upgraded")
    return cache(lambda name: old_copy(built, name, folder / name))


@pytest.fixture
def two_files(upgraded: Built, tmp_path: Path) -> TwoFiles:
    """Return a function that returns two upgraded copies of an old file, one of them changed."""

    def get(change: str) -> tuple[Path, Path]:
        path = Path(shutil.copyfile(upgraded("gen-45"), tmp_path / "b.db"))
        with closing(sqlite3.connect(path)) as connection, connection:
            assert connection.execute(change).rowcount
        return upgraded("gen-45"), path

    return get


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("step", [None, Decimal("0.01")])
def test_an_order_or_plan_that_differs_is_no_equal_history(
    two_files: TwoFiles, change: str, step: Decimal | None
) -> None:
    a, b = two_files(change)
    found = compare(a, b, step).first_difference
    assert found is not None
    expected = CHANGES[change]
    assert found.field.startswith(f"{expected}_worth" if step and expected.endswith(".qty") else expected)
    assert found.inputs_equal is None


@pytest.mark.parametrize("change", NAMES)
def test_names_and_durations_make_no_difference(two_files: TwoFiles, change: str) -> None:
    verdict = compare(*two_files(change))
    assert verdict.equal
    assert "ids, hashes over ids, times of the wall clock" in verdict.not_compared


def test_a_half_of_a_cycle_that_is_gone_is_a_difference(two_files: TwoFiles) -> None:
    gone = "DELETE FROM stage7_run_metrics WHERE cycle_id = (SELECT min(cycle_id) FROM stage7_run_metrics)"
    assert not compare(*two_files(gone)).equal


@pytest.mark.parametrize("step", [None, Decimal(1)])
@pytest.mark.parametrize("name", ["gen-08", "gen-16", "gen-23", "gen-45", "side-b", "gen-12 to gen-45"])
def test_a_file_equals_itself_whatever_it_holds(upgraded: Built, name: str, step: Decimal | None) -> None:
    path = upgraded(name)
    assert compare(path, path, step).equal


def test_what_an_older_file_never_stored_is_said_and_not_taken_for_nothing(
    upgraded: Built,
) -> None:
    older, newer = map(upgraded, ("gen-10", "gen-14"))
    verdict = compare(older, newer)
    assert verdict.equal
    assert {"plans", "intents", "orders", "order events"} < set(verdict.not_compared)
    assert not {"plans", "intents", "orders", "order events"} & set(verdict.compared)
    assert {"scores", "equity"} < set(verdict.compared)
    assert {"plans", "intents", "orders", "order events"} < set(compare(newer, newer).compared)
