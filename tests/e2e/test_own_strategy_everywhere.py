"""A strategy of a trader's own, unchanged in Stage 7, in a dry run of Stage 4 and live on the emulator: found
by its id, asked in a process of its own, shown the same bars; and decided again to the same."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from local_exchange import LocalExchange, start_emulator, stop_emulator

from meva_adapters.text_codec import ZstdTexts

__all__ = ["meva"]
Meva = Callable[..., Any]
OWN = """
from decimal import Decimal
from meva_core.strategy import Strategy, param


class Trailing(Strategy):
    version = 1
    bars = "10m"  # the exchange has none of these
    share = param(0.05, least=0.0, most=0.5)
    fall = param(0.0005, least=0.0, most=1.0)

    def needs(self):
        return 3

    def decide(self, view, memory):
        h = view.history
        memory["n"] = memory.get("n", 0) + 1
        memory["bars"] = {"at": h.bar_seconds.tolist(), "close": h.close.tolist()}
        memory["seen"] = [view.stage, int(view.time.timestamp()), list(h.symbols)]
        print("asked in", view.stage)
        high, wish = memory.setdefault("high", {}), {}
        for s in view.symbols:
            if s.name not in high:
                wish[s.name] = self.share
            high[s.name] = max(high.get(s.name, 0.0), float(s.mark))
            if s.qty and s.mark < s.avg_cost * Decimal(str(1 - self.fall)):
                wish[s.name] = 0.0
        return wish
"""
SETTINGS = {
    "SYMBOLS": "BTCTRY,ETHTRY",
    "STAGE7_UNIVERSE_WHITELIST": "BTCTRY,ETHTRY",
    "STAGE7_UNIVERSE_SIZE": "2",
    "DRY_RUN_TRY_BALANCE": "100000",
    "STAGE4_STRATEGIES": "trailing:250",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "100000",
    "MAX_POSITION_NOTIONAL_TRY": "100000",
    "MAX_POSITION_TRY_PER_SYMBOL": "100000",
    "RISK_MAX_ORDER_NOTIONAL_TRY": "90000",
    "RISK_MAX_GROSS_EXPOSURE_TRY": "900000",
    "STRATEGY_TIMEOUT_SEC": "60",
}
GATES = {
    "DRY_RUN": "false",
    "LIVE_TRADING": "true",
    "LIVE_TRADING_ACK": "I_UNDERSTAND",
    "KILL_SWITCH": "false",
}
LOOP = ("--clock", "emulator", "--loop", "--interval", "60", "--cycles", "3", "--json")


@pytest.fixture
def exchange() -> Iterator[LocalExchange]:
    running = start_emulator("--clock", "manual", "--begin", "2026-01-01T00:00:40Z")
    try:
        yield running
    finally:
        stop_emulator(running)


@pytest.fixture
def trading(
    meva: Meva, exchange: LocalExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Return what runs a command with these settings and more, beside the strategy's folder."""
    (tmp_path / "ideas").mkdir()
    (tmp_path / "ideas" / "trailing.py").write_text(OWN)
    (tmp_path / "meva.toml").write_text("[strategies.trailing]\nshare = '0.1'\n")
    for name, value in {**exchange.environment, **SETTINGS}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MEVA_STRATEGY_PATH", str(tmp_path / "ideas"))
    monkeypatch.setenv("MEVA_CACHE_DIR", str(tmp_path / "cache"))

    def run(*arguments: str, **settings: str) -> Any:
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            return meva(*arguments)

    return run


def memories(book: str) -> list[dict[str, Any]]:
    """Return what the strategy had in mind after each cycle of a book of Stage 4."""
    asked = "SELECT decisions FROM live_cycles WHERE book = ? ORDER BY cycle_id"
    with sqlite3.connect("a.db") as connection:
        rows = connection.execute(asked, (book,)).fetchall()
    return [json.loads(json.loads(ZstdTexts().unpack(packed))["memories"]["trailing"]) for (packed,) in rows]


def test_it_runs_unchanged_in_stage_7_in_a_dry_stage_4_and_live(trading: Callable[..., Any]) -> None:
    seven = trading("run", "stage7", "--db", "a.db", "--strategy", "trailing", *LOOP, STAGE7_ENABLED="true")
    assert seven.code == 0, seven.err
    assert sum(json.loads(line)["orders"] for line in seven.out.splitlines()) > 0
    assert trading("prove", "--db", "a.db", "--strategy", "trailing", "--json").document["proved"] is True

    dry = trading("run", "stage4", "--dry-run", "--db", "a.db", *LOOP)
    live = trading("run", "stage4", "--live", "--db", "a.db", *LOOP, **GATES)
    for ended, book in ((dry, "stage4-dry"), (live, "live")):
        assert ended.code == 0, ended.err
        told = memories(book)
        assert [one["n"] for one in told] == [1, 2, 3]
        for one in told:
            stage, at, symbols = one["seen"]
            assert (stage, symbols) == ("stage4", ["BTCTRY", "ETHTRY"])
            newest = at // 600 * 600
            assert one["bars"]["at"] in (
                [newest - 1200, newest - 600, newest],
                [newest - 1800, newest - 1200, newest - 600],
            )
            assert all(close is not None and close > 0 for row in one["bars"]["close"] for close in row)
        checked = trading("recheck", "--db", "a.db", "--book", book, "--json")
        assert (checked.code, checked.document["equal"], checked.document["cycles"]) == (0, True, 3)
        assert sum(json.loads(line)["submitted"] for line in ended.out.splitlines()) >= 2


def test_what_cannot_be_listed_may_not_begin_and_is_named_by_its_setting(trading: Callable[..., Any]) -> None:
    ended = trading("run", "stage4", "--dry-run", "--db", "a.db", STAGE4_STRATEGIES="trailling,trailing")
    assert ended.code == 2
    assert (
        "STAGE4_STRATEGIES: there is no strategy 'trailling'; there are baseline_mean_reversion_v1"
        in ended.err
    )


def test_one_that_ends_itself_costs_its_own_answers_and_is_told_with_its_name(
    trading: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "ideas" / "ends.py").write_text("""
import os
from meva_core.strategy import Strategy

class Ends(Strategy):
    def decide(self, view, memory):
        os._exit(5)
""")
    both = {"STAGE4_STRATEGIES": "ends:900,trailing"}
    ended = trading("run", "stage4", "--dry-run", "--db", "a.db", *LOOP, **both)
    assert ended.code == 0, ended.err
    assert [one["n"] for one in memories("stage4-dry")] == [1, 2, 3]
    assert (
        ended.err.count("strategy failed: strategy ends: its process ended at the cycle of 2026-01-01") == 3
    )
    assert ended.err.count("exit code 5") == 3
    checked = trading("recheck", "--db", "a.db", "--book", "stage4-dry", "--json", **both)
    assert (checked.code, checked.document["equal"]) == (0, True)
