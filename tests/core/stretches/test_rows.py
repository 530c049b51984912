"""The rows of every cycle, out of stored columns: those that were rendered as the cycles were decided."""

from __future__ import annotations

from typing import Any

import pytest
from golden_worlds import KINDS
from kept_worlds import CODEC, Kept, kept
from nightly import every

from meva_adapters.system.texts import ArrowTexts
from meva_core.amounts import format_e8
from meva_core.fingerprint import Digester
from meva_core.ids import canonical_json
from meva_core.stretches.opened import open_stretch
from meva_core.stretches.recorded import RecordedRun
from meva_core.stretches.rows import CycleRows, cycle_rows
from meva_core.trace import COLUMNS, TABLES, Names, Rendered, Renderer

ARROW = ArrowTexts()


def run_of(one: Kept) -> RecordedRun:
    cash = one.world.cash if hasattr(one.world, "cash") else 10**13
    return RecordedRun("testrun", one.world.symbols, one.params, "TRY", cash)


def rendered(one: Kept, run: RecordedRun) -> Rendered:
    """The rows as they are made while the cycles are decided."""
    renderer = Renderer(Names("testrun", run.symbols), one.params, format_e8(run.starting_cash))
    digester, whole = Digester(run.symbols, one.params), Rendered()
    for seen in one.seen:
        digests = digester.digest(seen.market, seen.rules, seen.out, seen.start, seen.stop)
        whole.add(renderer.render(seen.market, seen.rules, seen.out, seen.start, seen.stop, digests))
    return whole


def maker(one: Kept, run: RecordedRun) -> tuple[CycleRows, Any]:
    opened = open_stretch(one.stored, run.symbols, one.layout, CODEC)
    return cycle_rows(run, canonical_json, lambda: ARROW), opened


@pytest.mark.parametrize("rows", [40, 4096])
@pytest.mark.parametrize("name", every(2, [*KINDS], 1))
def test_they_are_the_rows_of_the_run(name: str, rows: int) -> None:
    one = kept(name, rows)
    run = run_of(one)
    whole, (made, opened) = rendered(one, run), maker(one, run)
    for table in TABLES:
        assert list(made.of(opened, table, COLUMNS[table])) == whole.rows[table], table


def test_a_window_and_its_order_are_those_asked_for() -> None:
    one = kept("ordinary")
    run = run_of(one)
    made, opened = maker(one, run)
    times = one.seen[0].market.time.tolist()
    whole = list(made.of(opened, "stage7_ledger_metrics", ("ts", "equity_try")))
    assert len(whole) == len(times)
    some = made.of(opened, "stage7_ledger_metrics", ("ts", "equity_try"), start=times[3], end=times[9])
    assert list(some) == whole[3:10]
    turned = made.of(
        opened, "stage7_ledger_metrics", ("ts", "equity_try"), start=times[3] + 1, newest_first=True
    )
    assert list(turned) == whole[4:][::-1]
    assert list(made.of(opened, "stage7_ledger_metrics", ("ts",), start=times[-1] + 1)) == []
