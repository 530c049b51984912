"""What `meva why` shows of the best prices that a live cycle saw, before and after it is joined."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from command_line import meva
from exported_books import FIRST, Live, Meva, live, minutes, recorded
from played_market import Played
from stage7_runs import make_dataset, rows_of

from meva_core.ids import stamp_text
from meva_core.live_market import BOOK, Answers, Asking, TouchFrom

__all__ = ["live", "meva", "recorded"]
SOURCES = {"BTCTRY": TouchFrom.STREAM, "ETHTRY": TouchFrom.TICKER, "SOLTRY": TouchFrom.BOOK}


@attrs.define
class Mixed(Played):
    """A market whose touches come from here and there."""

    def measure(self, asking: Asking) -> Answers:
        answers = super().measure(asking)
        rows = [
            attrs.evolve(row, cells=(*row.cells[:2], "", "")) if is_ticker(row) else row
            for row in answers.rows
        ]
        sources = {symbol: SOURCES.get(symbol, TouchFrom.CARRIED) for symbol in answers.touch_from}
        return attrs.evolve(answers, rows=tuple(rows), touch_from=sources)


def is_ticker(row: Any) -> bool:
    return row.kind == BOOK and SOURCES.get(row.symbol) is TouchFrom.TICKER


def seen(meva: Meva, live: Live, time: int) -> Mapping[str, Mapping[str, Any]]:
    run = live.runs()[0]["run_id"]
    touches = meva("why", "--db", live.db, "--run", run, stamp_text(time), "--json").document["touches"]
    return {touch["symbol"]: touch for touch in touches}


def test_each_cycle_shows_what_it_saw_and_where_that_came_from(meva: Meva, live: Live, recorded: Any) -> None:
    rows, pairs = recorded
    times = list(minutes(4))
    live.run(Mixed(rows, pairs, FIRST), times)
    before = {time: seen(meva, live, time) for time in times}
    for time, touches in before.items():
        assert {symbol: one["source"] for symbol, one in touches.items()} == {
            "BTCTRY": "stream",
            "ETHTRY": "ticker",
            "SOLTRY": "book",
            "XRPTRY": "carried",
        }
        for symbol, one in touches.items():
            row = max((r for r in rows if (r.kind, r.symbol) == (BOOK, symbol) and r.known <= time), key=at)
            assert (one["bid"], one["ask"], one["age_seconds"]) == (*row.cells[:2], time - row.known)
        assert (touches["ETHTRY"]["bid_qty"], touches["ETHTRY"]["ask_qty"]) == (None, None)
    live.run(Mixed(rows, pairs, FIRST), [times[-1] + 60], STAGE7_FEES_BPS="33")
    [joined, _] = rows_of(live.db, "SELECT cycles FROM stage7_stretches ORDER BY start_ts")
    assert joined["cycles"] == len(times), "as another run begins"
    assert {time: seen(meva, live, time) for time in times} == before
    told = meva("why", "--db", live.db).out.partition("Best prices that it saw")[2].splitlines()
    assert {line.split("\t")[-1] for line in told if line.startswith("BTCTRY\t")} >= {"stream"}


def at(row: Any) -> int:
    stamp: int = row.stamp
    return stamp


def test_a_backtest_saw_none_that_way(meva: Meva, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "data", minutes=40)
    assert meva("backtest", "--data", folder, "--db", tmp_path / "b.db").code == 0
    assert meva("why", "--db", tmp_path / "b.db", "--json").document["touches"] == []
    assert "Best prices" not in meva("why", "--db", tmp_path / "b.db").out


def test_a_pair_without_a_touch_has_none(meva: Meva, live: Live, recorded: Any) -> None:
    rows, pairs = recorded
    kept = [row for row in rows if (row.kind, row.symbol) != (BOOK, "XRPTRY")]
    live.run(Mixed(kept, pairs, FIRST), [FIRST])
    touch = seen(meva, live, FIRST)["XRPTRY"]
    assert [touch[name] for name in ("age_seconds", "bid", "ask", "bid_qty", "ask_qty")] == [None] * 5
