"""The books of recorded runs, audited from the database alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit import Audit
from nightly import NIGHTLY
from stage7_runs import BUSY, make_dataset

REAL = Path(__file__).parents[3] / "shared" / "data" / "real-5m"

WORLDS: dict[str, dict[str, str]] = {
    "resting": {},
    "taking": {"STAGE7_ORDER_OFFSET_BPS": "-15"},
    "no slippage": {"STAGE7_ORDER_OFFSET_BPS": "-15", "STAGE7_SLIPPAGE_BPS": "0"},
    "instant": {"STAGE7_FILL_MODEL": "instant"},
    "instant at the last price": {"STAGE7_FILL_MODEL": "instant", "STAGE7_MARK_PRICE_SOURCE": "last"},
    "rejects and throttling": {
        "STAGE7_ORDER_OFFSET_BPS": "-3",
        "STAGE7_SIM_REJECT_PROB_BPS": "2500",
        "STAGE7_RATE_LIMIT_RPS": "0.02",
        "STAGE7_RATE_LIMIT_BURST": "2",
    },
    "short of cash": {
        "TRY_CASH_TARGET": "0",
        "STAGE7_FEES_BPS": "900.00000001",
        "STAGE7_SLIPPAGE_BPS": "300",
        "STAGE7_MAX_DRAWDOWN_PCT": "1",
        "STAGE7_MAX_DAILY_LOSS_TRY": "1000000",
        "MAX_POSITION_NOTIONAL_TRY": "1000000",
        "NOTIONAL_CAP_TRY_PER_CYCLE": "1000000",
    },
}


@pytest.mark.parametrize("world", WORLDS)
def test_the_books_done_again_from_the_rows_are_the_stored_ones(
    meva: Callable[..., Any], busy: pytest.MonkeyPatch, tmp_path: Path, world: str
) -> None:
    for name, value in WORLDS[world].items():
        busy.setenv(name, value)
    data = make_dataset(tmp_path / "data", minutes=240)
    ended = meva("backtest", "--data", data, "--db", "a.db", "--json", "--engine", "interpreted")
    assert ended.code == 0, ended.out + ended.err
    assert ended.document["fills"] > 20
    audit = Audit(tmp_path / "a.db")
    assert len(audit.cycles) == 240
    assert audit.faults() == []


@pytest.mark.parametrize("shape", [{"sizes": False}, {"ticker": False}, {"gaps": False}], ids=str)
def test_the_books_hold_on_datasets_of_other_shapes(
    meva: Callable[..., Any], busy: pytest.MonkeyPatch, tmp_path: Path, shape: dict[str, bool]
) -> None:
    busy.setenv("STAGE7_ORDER_OFFSET_BPS", "-1")
    data = make_dataset(tmp_path / "data", seed=11, **shape)
    ended = meva("backtest", "--data", data, "--db", "a.db", "--json", "--engine", "interpreted")
    assert ended.document["fills"] > 20
    assert Audit(tmp_path / "a.db").faults() == []


def test_the_audit_notices_a_changed_row(
    meva: Callable[..., Any], busy: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sqlite3

    data = make_dataset(tmp_path / "data", minutes=60)
    assert meva("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted").code == 0
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute(
            "UPDATE stage7_ledger_metrics SET cash_try = cash_try || '1' WHERE cycle_id = "
            "(SELECT max(cycle_id) FROM stage7_ledger_metrics WHERE instr(cash_try, '.'))"
        )
    connection.close()
    assert len(Audit(tmp_path / "a.db").faults()) == 1


@pytest.mark.skipif(not REAL.exists(), reason="the recorded markets are not beside the repository")
@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("model", ["touch", "instant"])
def test_the_books_hold_on_recorded_markets(
    meva: Callable[..., Any], busy: pytest.MonkeyPatch, machine_cache: None, tmp_path: Path, model: str
) -> None:
    for name, value in {"STAGE7_MAX_DATA_AGE_SEC": "900", "TTL_SECONDS": "900"}.items():
        busy.setenv(name, value)
    busy.setenv("STAGE7_UNIVERSE_SIZE", "20")
    span = () if NIGHTLY else ("--end", "2018-01-15 04:59")
    command = ("backtest", "--data", REAL, *span, "--db", "a.db", "--json")
    ended = meva(*command, "--fill-model", model, "--engine", "compiled")
    assert ended.code == 0, ended.out + ended.err
    audit = Audit(tmp_path / "a.db")
    assert len(audit.cycles) == (5_760 if NIGHTLY else 1_440)
    assert len({fill["symbol"] for fills in audit.fills.values() for fill in fills}) == 5
    assert audit.faults() == []
    assert float(BUSY["DRY_RUN_TRY_BALANCE"]) == float(audit.run["starting_cash_try"])
