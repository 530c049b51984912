"""Two recorded runs compared: equal or not, where first, and which of the two causes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from made import Made
from nightly import every
from recorded_once import backtest, record
from revision_0002 import RUNS, make_market, upgraded
from stage7_runs import BUSY, START, edit_cell, make_dataset, rows_of

from meva_cli.app import run
from meva_cli.commands.parity import in_words
from meva_core.settings.build import STAGE7_READS, VARIABLES, Settings, settings_document

Meva = Callable[..., Any]

CHANGED: dict[str, str] = {
    "STAGE7_REJECT_SPIKE_THRESHOLD": "4",
    "STAGE7_RETRY_ALERT_THRESHOLD": "6",
    "STAGE7_RULES_FALLBACK_TICK_SIZE": "0.1",
    "DRY_RUN_TRY_BALANCE": "1000001",
    "MAX_ORDERS_PER_CYCLE": "3",
    "MAX_POSITION_NOTIONAL_TRY": "240000",
    "MIN_ORDER_NOTIONAL_TRY": "101",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "300001",
    "STAGE7_FEES_BPS": "12.26",
    "STAGE7_FILL_MODEL": "instant",
    "STAGE7_LOSS_GUARDRAIL_MODE": "observe_only",
    "STAGE7_MARK_PRICE_SOURCE": "last",
    "STAGE7_MAX_CONSECUTIVE_LOSSES": "4",
    "STAGE7_MAX_DAILY_LOSS_TRY": "60000.00000001",
    "STAGE7_MAX_DATA_AGE_SEC": "121",
    "STAGE7_MAX_DRAWDOWN_PCT": "0.25000001",
    "STAGE7_MAX_SPREAD_BPS": "999999",
    "STAGE7_MIN_QUOTE_VOLUME_TRY": "0.00000001",
    "STAGE7_ORDER_OFFSET_BPS": "5.00000001",
    "STAGE7_RATE_LIMIT_BURST": "6",
    "STAGE7_RATE_LIMIT_RPS": "5.1",
    "STAGE7_RETRY_MAX_ATTEMPTS": "4",
    "STAGE7_RISK_COOLDOWN_SEC": "601",
    "STAGE7_RULES_INVALID_METADATA_POLICY": "observe_only_cycle",
    "STAGE7_SCORE_WEIGHTS": '{"liquidity":1,"spread":1,"volatility":1}',
    "STAGE7_SIM_REJECT_PROB_BPS": "1",
    "STAGE7_SLIPPAGE_BPS": "7.50000001",
    "STAGE7_SPREAD_SPIKE_BPS": "301",
    "STAGE7_UNIVERSE_BLACKLIST": "XRPTRY",
    "STAGE7_UNIVERSE_SIZE": "2",
    "STAGE7_UNIVERSE_WHITELIST": "BTCTRY,ETHTRY,SOLTRY",
    "STAGE7_VOL_LOOKBACK": "2",
    "SYMBOLS": "BTCTRY,ETHTRY,SOLTRY",
    "TRY_CASH_MAX": "9000",
    "TRY_CASH_TARGET": "10000.5",
    "TTL_SECONDS": "151",
}
"""Another value for every setting that reaches a cycle of this market."""
SILENT = {
    "STAGE7_CONCENTRATION_TOP_N": "4",
    "STAGE7_RETRY_BASE_DELAY_MS": "101",
    "STAGE7_RETRY_MAX_DELAY_MS": "1001",
}
"""Settings of delays, which a simulated exchange does not have, and one that no rule of Stage 7 reads."""
FALLBACK = {
    "STAGE7_RULES_FALLBACK_LOT_SIZE": "0.0001",
    "STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY": "11",
    "STAGE7_RULES_FALLBACK_TICK_SIZE": "0.1",
}
"""Settings that count where the exchange's rules are missing."""


@pytest.fixture(scope="module")
def three_cycles(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with the first three cycles of the dataset, to compare others with."""
    db = tmp_path_factory.mktemp("three") / "a.db"
    shutil.copy(made.schema, db)
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for name, value in BUSY.items():
            patch.setenv(name, value)
        options = ("--engine", "interpreted", "--cycles", "3")
        assert run(["backtest", "--data", str(made.data), "--db", str(db), *options]) == 0
    return db


def compare(meva: Meva, code: int, *options: object) -> dict[str, Any]:
    ended = meva("parity", "a.db", "b.db", "--json", *options)
    assert ended.code == code, ended.out + ended.err
    found: dict[str, Any] = ended.document
    return found


def test_the_same_run_again_is_equal(meva: Meva, busy: pytest.MonkeyPatch, data: Path) -> None:
    ran = [record(meva, data, db) for db in ("a.db", "b.db")]
    verdict = compare(meva, 0, "--include-adaptation")
    assert list(verdict) == [
        "equal",
        "fingerprint_a",
        "fingerprint_b",
        "cycles_a",
        "cycles_b",
        "start",
        "end",
        "first_difference",
        "compared",
        "not_compared",
        "differing_settings",
        "final_equity_try_a",
        "final_equity_try_b",
    ]
    assert verdict["differing_settings"] == []
    assert verdict["final_equity_try_a"] == verdict["final_equity_try_b"] == ran[0]["final_equity_try"]
    assert (verdict["equal"], verdict["first_difference"]) == (True, None)
    assert verdict["fingerprint_a"] == verdict["fingerprint_b"] == ran[0]["fingerprint"]
    assert (verdict["cycles_a"], verdict["cycles_b"]) == (40, 40)
    assert (verdict["start"], verdict["end"]) == (ran[0]["start"], ran[0]["end"])


@pytest.mark.parametrize(
    ("file", "column", "field"),
    [
        ("orderbook/ETHTRY.csv", "best_bid", "market.bid[ETHTRY]"),
        ("orderbook/ETHTRY.csv", "ask_qty", "market.ask_qty[ETHTRY]"),
        ("ticker/SOLTRY.csv", "last", "market.last[SOLTRY]"),
        ("ticker/SOLTRY.csv", "quote_volume", "market.quote_volume[SOLTRY]"),
    ],
)
def test_one_changed_price_is_found_and_is_called_other_data(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path, file: str, column: str, field: str
) -> None:
    other = Path(shutil.copytree(data, tmp_path / "other"))
    rows = (data / file).read_text().splitlines()
    stamp, *cells = rows[20].split(",")
    value = cells[rows[0].split(",").index(column) - 1]
    changed = f"{value[:-1]}{(int(value[-1]) + 1) % 10}"
    edit_cell(other / file, 21, column, changed)
    backtest(meva, data, "a.db")
    backtest(meva, other, "b.db")
    first = compare(meva, 1)["first_difference"]
    assert list(first) == ["cycle_ts", "cycle_id_a", "cycle_id_b", "step", "field", "a", "b", "inputs_equal"]
    assert (first["step"], first["field"], first["inputs_equal"]) == ("measure", field, False)
    assert (first["a"], first["b"]) == (value.rstrip("0").rstrip(".") if "." in value else value, changed)
    assert first["cycle_ts"][:19] == stamp[:19]
    assert first["cycle_id_a"][-14:] == first["cycle_id_b"][-14:]
    told = meva("parity", "a.db", "b.db", "--explain")
    assert told.code == 1
    assert "The runs saw other markets." in told.out


def test_a_changed_close_is_found_even_where_no_price_shows_it(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(data, tmp_path / "other"))
    edit_cell(other / "candles" / "BTCTRY.csv", 2, "open", "4000000")
    edit_cell(other / "candles" / "BTCTRY.csv", 2, "high", "5000000")
    edit_cell(other / "candles" / "BTCTRY.csv", 2, "low", "3000000")
    edit_cell(other / "candles" / "BTCTRY.csv", 2, "close", "4000010")
    backtest(meva, data, "a.db")
    backtest(meva, other, "b.db")
    first = compare(meva, 1)["first_difference"]
    assert (first["step"], first["inputs_equal"]) == ("measure", False)
    assert first["field"] == "market.closes_check[BTCTRY]"


def test_every_setting_that_a_run_records_is_tried_here() -> None:
    with_own_tests = {"STAGE7_RULES_REQUIRE_METADATA", "STAGE7_UNIVERSE_QUOTE_CCY"}
    tried = CHANGED.keys() | SILENT.keys() | FALLBACK.keys() | with_own_tests
    assert tried == settings_document(Settings()).keys()
    assert set(STAGE7_READS) < VARIABLES.keys()


@pytest.mark.parametrize("variable", every(6, [*CHANGED]))
def test_one_changed_setting_is_found_in_the_first_cycle_and_named(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, three_cycles: Path, variable: str
) -> None:
    shutil.copy(three_cycles, "a.db")
    busy.setenv(variable, CHANGED[variable])
    ran = backtest(meva, data, "b.db", "--cycles", 3)
    first = compare(meva, 1)["first_difference"]
    assert (first["field"], first["inputs_equal"], first["cycle_ts"]) == (variable, True, ran["start"])
    assert first["a"] != first["b"]
    told = meva("parity", "a.db", "b.db", "--explain")
    assert f"a setting differs: {variable} is" in told.out


@pytest.mark.parametrize("variable", SILENT)
def test_a_setting_that_no_step_reads_leaves_two_runs_equal(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, three_cycles: Path, variable: str
) -> None:
    shutil.copy(three_cycles, "a.db")
    busy.setenv(variable, SILENT[variable])
    backtest(meva, data, "b.db", "--cycles", 3)
    verdict = compare(meva, 0)
    assert verdict["fingerprint_a"] == verdict["fingerprint_b"]


def test_all_settings_that_differ_are_named_first_the_one_whose_step_differs_first(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    ran = [backtest(meva, data, "a.db", "--cycles", 20)]
    changed = {
        "STAGE7_RETRY_ALERT_THRESHOLD": "6",  # account
        "STAGE7_CONCENTRATION_TOP_N": "4",  # no step
        "STAGE7_FEES_BPS": "12.26",  # settle
        "STAGE7_SPREAD_SPIKE_BPS": "301",  # assess
        "SYMBOLS": "BTCTRY,ETHTRY",  # measure
    }
    for name, value in changed.items():
        busy.setenv(name, value)
    ran.append(backtest(meva, data, "b.db", "--cycles", 20, "--seed", 3))
    verdict = compare(meva, 1)
    named = [(one["name"], one["step"]) for one in verdict["differing_settings"]]
    assert named == [
        ("SYMBOLS", "measure"),
        ("STAGE7_FEES_BPS", "settle"),
        ("STAGE7_SPREAD_SPIKE_BPS", "assess"),
        ("seed", "execute"),
        ("STAGE7_RETRY_ALERT_THRESHOLD", "account"),
        ("STAGE7_CONCENTRATION_TOP_N", ""),
    ]
    assert verdict["first_difference"]["field"] == "SYMBOLS"
    assert [verdict["final_equity_try_a"], verdict["final_equity_try_b"]] == [
        one["final_equity_try"] for one in ran
    ]
    told = meva("parity", "a.db", "b.db")
    assert "setting.STAGE7_FEES_BPS\t12.25 in A, 12.26 in B\n" in told.out
    on_grid = compare(meva, 1, "--quantize-try", "0.01")
    assert [(one["name"], one["step"]) for one in on_grid["differing_settings"]] == named


def test_settings_that_no_step_reads_are_named_beside_an_equal_verdict(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, three_cycles: Path
) -> None:
    shutil.copy(three_cycles, "a.db")
    for name, value in SILENT.items():
        busy.setenv(name, value)
    backtest(meva, data, "b.db", "--cycles", 3)
    assert {one["name"] for one in compare(meva, 0)["differing_settings"]} == SILENT.keys()


def test_equities_are_those_at_the_end_of_the_window(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    short = backtest(meva, data, "a.db", "--cycles", 21)
    backtest(meva, data, "b.db")
    verdict = compare(meva, 0, "--end", "2026-01-01T00:20")
    assert verdict["final_equity_try_a"] == verdict["final_equity_try_b"] == short["final_equity_try"]


@pytest.mark.parametrize("variable", FALLBACK)
def test_a_rule_of_the_settings_is_found_where_it_counts(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path, variable: str
) -> None:
    bare = Path(shutil.copytree(data, tmp_path / "bare"))
    (bare / "exchangeinfo.json").unlink()
    (bare / "manifest.json").unlink()
    backtest(meva, bare, "a.db", "--cycles", 3)
    busy.setenv(variable, FALLBACK[variable])
    backtest(meva, bare, "b.db", "--cycles", 3)
    first = compare(meva, 1)["first_difference"]
    assert (first["step"], first["field"], first["inputs_equal"]) == ("measure", variable, True)


@pytest.mark.parametrize(
    ("variable", "value"), [("STAGE7_RULES_REQUIRE_METADATA", "false"), ("STAGE7_UNIVERSE_QUOTE_CCY", "USDT")]
)
def test_a_setting_that_chooses_among_pairs_is_found(
    meva: Meva, busy: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str
) -> None:
    data = make_dataset(tmp_path / "mixed", minutes=10, symbols=("BTCTRY", "ETHTRY", "BTCUSDT"))
    document = json.loads((data / "exchangeinfo.json").read_text())
    document["data"]["symbols"] = [s for s in document["data"]["symbols"] if s["name"] != "ETHTRY"]
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(document))
    backtest(meva, data, "a.db", "--pair-info", rules)
    busy.setenv(variable, value)
    backtest(meva, data, "b.db", "--pair-info", rules)
    first = compare(meva, 1)["first_difference"]
    assert (first["step"], first["field"], first["inputs_equal"]) == ("measure", variable, True)


def test_symbols_named_as_the_default_has_them_are_still_a_setting(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    backtest(meva, data, "a.db", "--cycles", 3)
    busy.setenv("SYMBOLS", "BTCTRY,ETHTRY,SOLTRY")  # as it is when unset, but then the data's symbols count
    backtest(meva, data, "b.db", "--cycles", 3)
    first = compare(meva, 1)["first_difference"]
    assert (first["field"], first["inputs_equal"]) == ("SYMBOLS", True)
    assert (len(first["a"]), len(first["b"])) == (4, 3)


@pytest.mark.parametrize(
    ("variable", "value"), [("STAGE7_VOL_LOOKBACK", "3"), ("STAGE7_MAX_DATA_AGE_SEC", "1")]
)
def test_a_setting_of_measuring_is_no_other_data_in_later_cycles_either(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, variable: str, value: str
) -> None:
    backtest(meva, data, "a.db")
    busy.setenv(variable, value)
    backtest(meva, data, "b.db")
    for start in ("2026-01-01T00:00", "2026-01-01T00:20"):
        first = compare(meva, 1, "--start", start)["first_difference"]
        assert (first["field"], first["inputs_equal"]) == (variable, True)


def test_data_and_a_setting_that_both_differ_are_called_other_data(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(data, tmp_path / "other"))
    edit_cell(other / "orderbook" / "BTCTRY.csv", 2, "best_bid", "3000000")
    backtest(meva, data, "a.db", "--cycles", 3)
    busy.setenv("STAGE7_MARK_PRICE_SOURCE", "last")
    backtest(meva, other, "b.db", "--cycles", 3)
    first = compare(meva, 1)["first_difference"]
    assert (first["field"], first["inputs_equal"]) == ("market.bid[BTCTRY]", False)


def test_a_market_with_another_pair_is_other_data(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    backtest(meva, data, "a.db", "--cycles", 3)
    backtest(meva, make_dataset(tmp_path / "other", symbols=("BTCTRY",)), "b.db", "--cycles", 3)
    first = compare(meva, 1)["first_difference"]
    assert (first["step"], first["inputs_equal"]) == ("measure", False)


def test_other_rules_of_the_exchange_are_other_data(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text((data / "exchangeinfo.json").read_text().replace('"99.91"', '"99.92"', 1))
    backtest(meva, data, "a.db", "--cycles", 3)
    backtest(meva, data, "b.db", "--cycles", 3, "--pair-info", rules)
    first = compare(meva, 1)["first_difference"]
    assert (first["step"], first["field"]) == ("measure", "rules[0].min_notional_try")
    assert (first["a"], first["b"], first["inputs_equal"]) == ("99.91", "99.92", False)


@pytest.mark.parametrize(
    ("options", "field"),
    [(("--seed", 1), "seed"), (("--fill-model", "instant"), "STAGE7_FILL_MODEL")],
)
def test_an_option_of_the_run_is_named_like_a_setting(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, options: tuple[object, ...], field: str
) -> None:
    backtest(meva, data, "a.db", "--cycles", 3)
    backtest(meva, data, "b.db", "--cycles", 3, *options)
    first = compare(meva, 1)["first_difference"]
    assert (first["field"], first["inputs_equal"]) == (field, True)


def test_adaptation_is_compared_when_asked(meva: Meva, busy: pytest.MonkeyPatch, data: Path) -> None:
    backtest(meva, data, "a.db", "--cycles", 2)
    backtest(meva, data, "b.db", "--cycles", 2, "--include-adaptation")
    assert compare(meva, 0)["equal"]
    first = compare(meva, 1, "--include-adaptation")["first_difference"]
    assert (first["step"], first["field"], first["inputs_equal"]) == ("adapt", "include_adaptation", True)


def test_a_window_compares_what_lies_in_it(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(data, tmp_path / "other"))
    edit_cell(other / "orderbook" / "BTCTRY.csv", 32, "best_bid", "3000000")
    backtest(meva, data, "a.db")
    backtest(meva, other, "b.db", "--cycles", 35)
    before = compare(meva, 0, "--end", "2026-01-01T00:20:00")
    assert (before["cycles_a"], before["cycles_b"], before["equal"]) == (21, 21, True)
    assert compare(meva, 0, "--start", "2026-01-01T00:05", "--end", "2026-01-01T00:10")["cycles_a"] == 6
    assert compare(meva, 1, "--start", "2026-01-01T00:05")["first_difference"]["step"] == "measure"


def test_a_shorter_run_differs_where_it_ends(meva: Meva, busy: pytest.MonkeyPatch, data: Path) -> None:
    backtest(meva, data, "a.db")
    backtest(meva, data, "b.db", "--cycles", 30)
    verdict = compare(meva, 1)
    first = verdict["first_difference"]
    assert (verdict["cycles_a"], verdict["cycles_b"]) == (40, 30)
    assert (first["field"], first["cycle_ts"]) == ("cycle_ts", "2026-01-01T00:30:00Z")
    assert (first["cycle_id_b"], first["b"]) == (None, None)
    told = meva("parity", "a.db", "b.db", "--explain")
    assert "the runs have other cycle times" in told.out


@pytest.mark.parametrize("window", [("--start", "2027-01-01"), ("--end", "2025-01-01")])
def test_an_empty_window_cannot_be_compared(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, window: tuple[str, str]
) -> None:
    backtest(meva, data, "a.db", "--cycles", 2)
    ended = meva("parity", "a.db", "a.db", *window)
    assert ended.code == 2
    assert "has no cycle in the window" in ended.err


def test_what_is_no_recorded_run_cannot_be_compared(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    backtest(meva, data, "a.db", "--cycles", 2)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("not a database" * 100)
    for name in ("absent.db", "other.db", "empty.db", "text.db", "b.db", "."):
        for pair in (("a.db", name), (name, "a.db")):
            ended = meva("parity", *pair, "--json")
            assert (ended.code, list(ended.document)) == (2, ["error"]), (pair, ended.out)
    assert not (tmp_path / "absent.db").exists()


def test_amounts_on_a_grid_hide_small_differences_and_no_large_ones(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    backtest(meva, data, "a.db")
    busy.setenv("STAGE7_FEES_BPS", "12.2501")
    backtest(meva, data, "b.db")
    assert compare(meva, 1)["first_difference"]["field"] == "STAGE7_FEES_BPS"
    assert compare(meva, 0, "--quantize-try", "100000")["equal"]
    first = compare(meva, 1, "--quantize-try", "0.00000001")["first_difference"]
    assert (first["step"], first["inputs_equal"]) == ("stored", True)
    assert first["field"].endswith("_try")
    for wrong in ("0", "-1", "1e3", "x"):
        assert meva("parity", "a.db", "b.db", "--quantize-try", wrong).code == 2


def test_on_a_grid_other_orders_are_no_equal_run(meva: Meva, busy: pytest.MonkeyPatch, data: Path) -> None:
    """Before any of them is filled, only plan, intents and orders show what was decided."""
    busy.setenv("TRY_CASH_TARGET", "300")
    backtest(meva, data, "a.db", "--cycles", 1)
    busy.setenv("TRY_CASH_TARGET", "60000")
    backtest(meva, data, "b.db", "--cycles", 1)
    verdict = compare(meva, 1, "--quantize-try", "0.01")
    first = verdict["first_difference"]
    assert (first["field"], first["inputs_equal"]) == ("portfolio_plan.investable_try", True)
    assert first["a"] != first["b"]
    assert {"plans", "intents", "orders", "equity"} < set(verdict["compared"])


PLANTED = {
    "UPDATE stage7_order_intents SET price_try = price_try + 1": "intents[0].price_try",
    "UPDATE stage7_order_intents SET status = 'SKIPPED'": "intents[0].status",
    "DELETE FROM stage7_order_intents": "intents.length",
    "UPDATE stage7_orders SET qty = qty * 2": "orders[0].qty_worth_try",
    "UPDATE stage7_orders SET status = 'REJECTED' WHERE status = 'FILLED'": "order_ends[",
    "UPDATE stage7_orders SET filled_qty = filled_qty * 2 WHERE status = 'FILLED'": "order_ends[",
    "DELETE FROM stage7_orders": "orders.length",
    "UPDATE stage7_order_events SET event_type = 'CANCELED' WHERE event_type = 'ACKED'": "order_events[",
    "UPDATE ledger_events SET fee = fee + 1": "fills[0].fee_try",
    "UPDATE ledger_events SET liquidity = 'taking'": "fills[",
    "UPDATE stage7_ledger_metrics SET equity_try = equity_try - 1": "equity_try",
    "UPDATE stage7_run_metrics SET oms_filled_count = 77": "oms_filled_count",
    "UPDATE stage7_cycle_trace SET account_json = json_set(account_json, '$.x', 9)": "account.x",
}
"""A change of what is stored of a run, and the field in which it shows."""


@pytest.mark.parametrize("change", PLANTED)
def test_what_is_stored_of_orders_and_books_is_looked_at_on_a_grid(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path, change: str
) -> None:
    backtest(meva, data, "a.db")
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    assert compare(meva, 0, "--quantize-try", "0.01")["equal"]
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        assert connection.execute(change).rowcount
    first = compare(meva, 1, "--quantize-try", "0.01")["first_difference"]
    assert first["field"].startswith(PLANTED[change])


def test_how_an_order_stands_after_the_window_does_not_count(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    backtest(meva, data, "a.db")
    backtest(meva, data, "b.db", "--cycles", 6)  # its last orders still rest, those of the other have ended
    verdict = compare(meva, 0, "--quantize-try", "0.01", "--end", "2026-01-01T00:05")
    assert (verdict["equal"], verdict["cycles_a"]) == (True, 6)


def test_a_verdict_says_of_what_it_is_one(meva: Meva, busy: pytest.MonkeyPatch, data: Path) -> None:
    """No fingerprint is shown empty, and nothing that was left out is passed over."""
    backtest(meva, data, "a.db", "--cycles", 20)
    backtest(meva, data, "b.db", "--cycles", 20, "--trace", "columns")
    by_digest = compare(meva, 0)
    assert by_digest["compared"][1].startswith("digests of measure, settle, ")
    assert by_digest["not_compared"] == ["adaptation (--include-adaptation)"]
    assert compare(meva, 0, "--include-adaptation")["not_compared"] == []
    by_rows = compare(meva, 0, "--quantize-try", "0.01")
    assert (by_rows["fingerprint_a"], by_rows["fingerprint_b"]) == (None, None)
    assert {"market data", "drawdown ratios"} < set(by_rows["not_compared"])
    told = meva("parity", "a.db", "b.db", "--quantize-try", "0.01").out.splitlines()
    assert [line.split("\t")[0] for line in told[:3]] == ["equal", "compared", "not_compared"]
    assert not any(line.startswith("fingerprint") for line in told)


def test_a_difference_is_told_as_people_read_it() -> None:
    first = {
        "cycle_ts": datetime(2026, 1, 1, tzinfo=UTC),
        "step": "stored",
        "field": "portfolio_plan.actions[ETHTRY]",
        "a": {"amount_try": Decimal("1E+3"), "side": "BUY"},
        "b": None,
        "inputs_equal": True,
    }
    assert in_words(first) == (
        "Before 2026-01-01 00:00:00 UTC the runs agree. There, in the stored rows, a decision differs: "
        "portfolio_plan.actions[ETHTRY] is amount_try 1000, side BUY in A and nothing in B. The data are "
        "equal so far."
    )


def test_adaptation_is_compared_on_a_grid_when_asked(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    backtest(meva, data, "a.db", "--cycles", 3)
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection, connection:
        connection.execute("UPDATE stage7_cycle_trace SET active_param_version = 7")
    assert compare(meva, 0, "--quantize-try", "0.01")["equal"]
    first = compare(meva, 1, "--quantize-try", "0.01", "--include-adaptation")["first_difference"]
    assert first["field"] == "active_param_version"


def test_on_a_grid_other_data_are_still_called_other_data(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(data, tmp_path / "other"))
    edit_cell(other / "orderbook" / "BTCTRY.csv", 12, "best_bid", "3000000")
    backtest(meva, data, "a.db")
    backtest(meva, other, "b.db")
    first = compare(meva, 1, "--quantize-try", "0.01")["first_difference"]
    assert (first["step"], first["inputs_equal"]) == ("stored", False)


@pytest.fixture
def brief(meva: Meva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the market of a run that revision 0002 recorded without the documents of quiet cycles, as a.db;
    the environment has its settings."""
    upgraded("changes", tmp_path / "a.db")
    for name, value in RUNS["changes"].settings.items():
        monkeypatch.setenv(name, value)
    return make_market(tmp_path / "market")


def test_what_a_brief_trace_left_out_is_said(meva: Meva, brief: Path) -> None:
    backtest(meva, brief, "b.db", "--cycles", 40)
    assert compare(meva, 0)["not_compared"] == ["adaptation (--include-adaptation)"]
    by_rows = compare(meva, 0, "--quantize-try", "0.01")
    assert any("quiet cycles, which --trace changes left out" in what for what in by_rows["not_compared"])


def test_brief_traces_tell_other_data_without_the_field(meva: Meva, brief: Path, tmp_path: Path) -> None:
    quiet = rows_of(tmp_path / "a.db", "SELECT ts FROM stage7_cycle_trace WHERE mode_json = '{}' ORDER BY ts")
    moment = datetime.fromisoformat(quiet[-1]["ts"])
    edit_cell(brief / "orderbook" / "BTCTRY.csv", int(moment.timestamp() - START) // 60 + 2, "bid_qty", "0.5")
    backtest(meva, brief, "b.db", "--cycles", 40)
    first = compare(meva, 1)["first_difference"]
    assert (first["step"], first["field"], first["inputs_equal"]) == ("measure", "digest", False)
    assert datetime.fromisoformat(first["cycle_ts"]) == moment
    assert "record it again for the field" in meva("parity", "a.db", "b.db", "--explain").out


def test_quiet_cycles_of_brief_traces_still_name_the_setting(
    meva: Meva, brief: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE7_SPREAD_SPIKE_BPS", "299")
    backtest(meva, brief, "b.db", "--cycles", 40)
    assert compare(meva, 1)["first_difference"]["field"] == "STAGE7_SPREAD_SPIKE_BPS"
