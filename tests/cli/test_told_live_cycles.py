"""What a run of Stages 3 and 4 says: of the caps that its stage keeps, and of what stands from cycle to
cycle once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from fresh_database import fresh_file
from running import running

from meva_adapters.sql.store import SqlStore, writer
from meva_cli.operating.told import Teller, _caps
from meva_core.errors import BadInput
from meva_core.gates import Block, BlockCode, Change
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.operating.runner import Told
from meva_core.settings import build_settings

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
