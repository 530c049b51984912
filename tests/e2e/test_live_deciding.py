"""A strategy that decides, on a live market: asked between the halves of each cycle, with a memory that goes
on over processes and runs; and whoever decides again comes to the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import exported_books
import pytest
from exported_books import Live, Pairs, Rows, equal, live, meva, minutes, recorded
from played_market import Played
from stage7_runs import START, rows_of

from meva_adapters.asking import AskedBeside
from meva_adapters.asking.at_work import at_work
from meva_adapters.strategies.loading import load

__all__ = ["equal", "live", "meva", "recorded"]
Meva = Callable[..., Any]
Equal = Callable[..., list[dict[str, Any]]]
OFTEN = {
    "STAGE7_UNIVERSE_SIZE": "4",
    "STAGE7_ORDER_OFFSET_BPS": "-15",
    "STAGE7_MAX_CONSECUTIVE_LOSSES": "1000",
}
OWN = """
from meva_core.strategy import Strategy, View

class Counting(Strategy):
    version = {version}

    def needs(self):
        return 3

    def decide(self, view: View, memory):
        memory["n"] = memory.get("n", 0) + 1
        memory["held"] = {{s.name: float(s.avg_cost) for s in view.symbols if s.qty}}
        if int(view.time.timestamp()) in ({failing}):
            raise LookupError("no idea")
        rise = view.history.close[-1] - view.history.close[0]
        best = max(range(len(view.symbols)), key=lambda i: rise[i] if rise[i] == rise[i] else 0.0)
        return {{s.name: 0.8 if i == best else 0.0 for i, s in enumerate(view.symbols)}}
"""


def memory_of(live: Live) -> dict[str, Any]:
    """Return what the strategy of the newest run has in mind."""
    row = rows_of(live.db, "SELECT state_json FROM stage7_run_state ORDER BY ts")[-1]
    found: dict[str, Any] = json.loads(row["state_json"]["state"]["memory"]["json"])
    return found


def test_it_comes_out_equal_in_a_loop_in_processes_in_a_recording_and_in_a_proof(
    meva: Meva, live: Live, recorded: tuple[Rows, Pairs], equal: Equal, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    spec, times = f"{file}:Counting", [*minutes(22)]
    file.write_text(OWN.format(version=1, failing=f"{times[7]}, {times[8]}, {times[15]}"))
    live.strategy = load(spec)
    market = Played(*recorded, now=START)
    told = live.run(market, times[:12], **OFTEN)
    for time in times[12:]:  # a process for each cycle
        told += live.run(market, [time], **OFTEN)
    failures = [one.failure is not None for one in told]
    assert sum(failures) == 3
    assert "raised LookupError: no idea" in next(one.failure.message for one in told if one.failure)
    assert memory_of(live)["n"] == len(times) - 3  # a failure leaves it as it was
    assert memory_of(live)["held"]
    [run] = live.runs()
    [again] = equal("--strategy", spec)
    assert again["orders"] > 0
    prove = ("prove", "--db", live.db, "--engine", "interpreted", "--json")
    for asked in ((), ("--strategy", spec)):
        proved = meva(*prove, *asked).document
        assert (proved["proved"], proved["fingerprint"]) == (True, run["fingerprint"])


def test_its_memory_goes_on_with_the_book_until_its_version_is_another(
    meva: Meva, live: Live, recorded: tuple[Rows, Pairs], equal: Equal, tmp_path: Path
) -> None:
    file, market, at = tmp_path / "own.py", Played(*recorded, now=START), minutes(5)
    spec, counted = f"{file}:Counting", []
    for version, settings in ((1, {}), (1, {"STAGE7_FEES_BPS": "13"}), (2, {})):
        if version == 2:
            equal("--strategy", spec)  # the recording of the second run begins with the memory, too
        file.write_text(OWN.format(version=version, failing="0,"))
        live.strategy = load(spec)
        live.run(market, at, **{**OFTEN, **settings})
        counted.append(memory_of(live)["n"])
        at = minutes(5, first=at[-1] + 60)
    assert counted == [5, 10, 5]
    assert len(live.runs()) == 3
    assert meva("prove", "--db", live.db, "--book", "main", "--json").document["proved"] is True


def test_in_a_process_of_its_own_it_decides_the_same(
    meva: Meva, recorded: tuple[Rows, Pairs], live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN.format(version=1, failing="0,"))
    spec = f"{file}:Counting"
    chosen, market, times = load(spec), Played(*recorded, now=START), [*minutes(6)]
    beside = AskedBeside(spec, chosen, 20.0)
    live.strategy = chosen
    live.run(market, times[:2], **OFTEN)
    with monkeypatch.context() as patch, closing(beside):
        patch.setattr(exported_books, "asked_here", lambda strategy: at_work(strategy, beside))
        told = live.run(market, times[2:], **OFTEN)
    assert [one.failure for one in told] == [None] * 4
    assert memory_of(live)["n"] == len(times)
    prove = ("prove", "--db", live.db, "--engine", "interpreted", "--strategy", spec, "--json")
    assert meva(*prove).document["proved"] is True
