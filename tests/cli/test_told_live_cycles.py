"""What a run of Stages 3 and 4 says: of the caps that its stage keeps, and of what stands from cycle to
cycle once."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from attrs import evolve
from fresh_database import fresh_file
from live_cycles import a_book
from running import running

from meva_adapters.sql.store import SqlStore, writer
from meva_adapters.strategies.listed import of_stage
from meva_cli.operating.plan import Plan, Way
from meva_cli.operating.told import Teller, _caps, tell_armed, tell_opening
from meva_core.amounts import format_e8
from meva_core.errors import BadInput
from meva_core.gates import Block, BlockCode, Change
from meva_core.live_book.adoption import Adoption
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.operating.adopting import OldPeak, Opened
from meva_core.operating.runner import Told
from meva_core.settings import build_settings

BASELINE = "baseline_mean_reversion_v1"
SETTINGS = {
    "NOTIONAL_CAP_TRY_PER_CYCLE": "1000",
    "MAX_ORDERS_PER_CYCLE": "2",
    "RISK_MAX_ORDER_NOTIONAL_TRY": "300",
    "MAX_POSITION_NOTIONAL_TRY": "400",
    "MAX_POSITION_TRY_PER_SYMBOL": "500",
    "RISK_MAX_GROSS_EXPOSURE_TRY": "10000",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (3, "caps: 1000 TRY and 2 orders a cycle, 500 TRY a symbol, 10000 TRY in all"),
        (4, "caps: 1000 TRY and 2 orders a cycle, 300 TRY an order, 400 TRY a symbol, 10000 TRY in all"),
    ],
)
def test_a_stage_tells_the_caps_that_it_keeps(stage: int, said: str) -> None:
    assert _caps(stage, build_settings(SETTINGS)) == said


@pytest.mark.parametrize(
    ("listed", "anchor", "bootstrap", "said"),
    [
        (BASELINE, "", "true", ["buys first positions and never sells"]),
        (BASELINE, "", "false", ["buys nothing and never sells"]),
        (BASELINE, "closes:3600:24", "true", []),
        ("profit_aware_v1", "", "true", []),
    ],
)
def test_a_mean_reversion_without_an_anchor_is_told_once_with_what_sets_one(
    store: SqlStore,
    capsys: pytest.CaptureFixture[str],
    listed: str,
    anchor: str,
    bootstrap: str,
    said: list[str],
) -> None:
    given = build_settings({"STAGE4_STRATEGIES": listed, "STAGE4_BOOTSTRAP_INTENTS": bootstrap})
    tables = {BASELINE: {"anchor": anchor}}
    settings = evolve(given, strategy=evolve(given.strategy, tables=tables))
    account = running(store).account
    work = SimpleNamespace(
        desk=account.desk,
        strategies=of_stage(4, settings),
        account="",
        taken=SimpleNamespace(book=account.book),
    )
    tell_armed(Plan(stage=4, way=Way.LIVE), cast(Any, work), settings)
    lines = capsys.readouterr().err.splitlines()
    assert f"strategies {listed}:100" in lines
    wants = f"set anchor, a price or closes:SECONDS:N, under [strategies.{BASELINE}] of meva.toml"
    assert [line for line in lines if "anchor" in line] == [
        f"{BASELINE} has no anchor: it {words}; {wants}" for words in said
    ]


def noting(told: Told, *notes: str) -> Told:
    return evolve(told, read=evolve(told.read, notes=notes))


def test_what_cannot_be_read_is_said_once_while_it_lasts_however_long_it_still_will(
    store: SqlStore, capsys: pytest.CaptureFixture[str]
) -> None:
    teller, told = Teller(), running(store).cycle()
    said = "no private call is made for another {} s, then one"
    for left in ("599", "589.5", "42"):
        teller.tell(noting(told, said.format(left), "order 599 cannot be asked for"))
    teller.tell(noting(told, "order 600 cannot be asked for"))
    teller.tell(noting(told, said.format(600)))
    lines = [line for line in capsys.readouterr().err.splitlines() if "private" in line or "order" in line]
    assert lines == [
        said.format(599),
        "order 599 cannot be asked for",
        "order 600 cannot be asked for",
        said.format(600),
    ]


def test_a_difference_of_balances_that_has_ended_says_where_to_look(
    store: SqlStore, capsys: pytest.CaptureFixture[str]
) -> None:
    teller, told = Teller(), running(store).cycle()
    missing = Alarm(AlarmCode.BALANCE_UNEXPLAINED, "TRY", numbers={"missing": "703"})
    absent = Alarm(AlarmCode.ABSENT, "77", "BTCTRY")
    teller.tell(evolve(told, book=evolve(told.book, alarms=(missing, absent))))
    teller.tell(told)
    lines = capsys.readouterr().err.splitlines()
    assert "alarm balance_unexplained:TRY, missing 703" in lines
    assert "alarm balance_unexplained:TRY has ended; `meva fills --flows` shows what was booked" in lines, (
        lines
    )
    assert "alarm absent:77 has ended" in lines


@pytest.mark.parametrize(
    ("peak", "said"),
    [
        (None, []),
        (OldPeak(Decimal("99000.50"), "2025-11-30"), ["99000.50 TRY of 2025-11-30"]),
        (OldPeak(Decimal("1E+5"), None), ["100000 TRY"]),
    ],
)
def test_the_peak_of_the_earlier_system_is_told_and_not_taken(
    capsys: pytest.CaptureFixture[str], peak: OldPeak | None, said: list[str]
) -> None:
    book = a_book()
    tell_opening(Opened(book, Adoption({}, ()), adopted=True, old_peak=peak))
    lines = [line for line in capsys.readouterr().err.splitlines() if "peak" in line]
    begins = f"the book's begins at its equity, {format_e8(book.figures.peak)} TRY: flows since are not known"
    assert lines == [f"  the earlier system's peak was {words}; {begins}" for words in said]


def test_a_gate_that_is_shut_is_said_when_it_begins_and_when_all_are_open_again(
    store: SqlStore, capsys: pytest.CaptureFixture[str]
) -> None:
    shut = Block(BlockCode.DRY_RUN, (Change("DRY_RUN", "true in .env line 4", "false"),))

    def unread() -> list[Block]:
        raise BadInput(".env line 5: is no assignment")

    teller, book = Teller(), running(store)
    looks = (list, lambda: [shut], lambda: [shut], unread, list, list)
    for gates in looks:
        book.runner.gates = gates
        teller.tell(book.cycle())
    assert [line for line in capsys.readouterr().err.splitlines() if "gate" in line] == [
        "a gate is shut, and nothing is sent: dry_run: set DRY_RUN=false (it is true in .env line 4)",
        "a gate is shut, and nothing is sent: the gates cannot be read: .env line 5: is no assignment",
        "all gates are open again",
    ]
    book.runner.gates = lambda: [shut]
    book.runner.run = evolve(book.runner.run, observe=True)
    assert book.cycle().shut == (), "what only looks sends nothing anyway"
