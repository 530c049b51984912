"""A dry run beside a live one, in its database: it opens no private endpoint, needs no key, and changes
nothing that the live one reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from live_account import (
    ARMED,
    OFTEN,
    LiveAccount,
    armed,
    called,
    command_of,
    differences,
    live_account,
    looping,
    staged,
)
from stage7_runs import contents
from started import run

OF_PROCESSES = {"process_instances", "sqlite_sequence"}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[LiveAccount]:
    with live_account(tmp_path) as served:
        yield served


def dry(account: LiveAccount, stage: str, cycles: int = 4, **changes: str) -> CompletedProcess[str]:
    """Run cycles of a stage dry, in an environment that has no key."""
    without = {"BTCTURK_API_KEY", "BTCTURK_API_SECRET", *ARMED}
    environment = {name: value for name, value in armed(account).items() if name not in without}
    environment |= {"STAGE3_STRATEGIES": "restless", **changes}
    command = command_of(stage, "a.db", cycles, 60, "--dry-run")
    return run(*command, cwd=account.folder, env=environment, timeout=120)


@pytest.mark.parametrize("stage", ["stage3", "stage4"])
def test_it_asks_nothing_private_and_changes_nothing_of_the_live_book(
    account: LiveAccount, stage: str
) -> None:
    staged(account, cycles=4, TTL_SECONDS="86400")
    db = account.folder / "a.db"
    before, sent = contents(db), len(account.ours())
    account.fault("answer", "* /api/v1/*", status=500)
    told = dry(account, stage)
    assert told.returncode == 0, told.stderr
    assert "sent 0" not in told.stdout.splitlines()[0], told.stderr
    assert account.happened()["answer"] == 0, "a private endpoint was asked"
    assert len(account.ours()) == sent
    after = contents(db)
    for table in before.keys() - OF_PROCESSES:
        gone = [row for row in before[table] if row not in after[table]]
        assert gone == [], table
    again = called(account, "recheck", "--db", "a.db", "--book", f"{stage}-dry")
    assert again.returncode == 0, again.stdout
    account.quiet()
    assert staged(account, cycles=2).returncode == 0
    assert staged(account, "--observe", cycles=3).returncode == 0
    assert differences(account, db) == []


def test_both_run_at_the_same_time(account: LiveAccount) -> None:
    process = looping(account, interval=OFTEN)
    assert process.stdout is not None
    process.stdout.readline()
    assert dry(account, "stage4").returncode == 0
    process.terminate()
    process.communicate(60)
    assert process.returncode == 130
    assert staged(account, "--observe", cycles=3).returncode == 0
    assert differences(account, account.folder / "a.db") == []


def test_another_amount_of_cash_for_a_book_that_is_there_is_said_once_and_changes_nothing(
    account: LiveAccount,
) -> None:
    told = {}
    for run_, amount in enumerate(("1000", "5000", "5000", "1000")):
        ended = dry(account, "stage4", 1, DRY_RUN_TRY_BALANCE=amount, STAGE4_STRATEGIES="")
        assert (ended.returncode, "equity 1000.00 TRY" in ended.stdout) == (0, True), ended.stderr
        told[run_] = [line for line in ended.stderr.splitlines() if "TRY_BALANCE" in line]
    said = "book stage4-dry began with 1000 TRY; DRY_RUN_TRY_BALANCE=5000 changes nothing of it"
    assert told == {0: [], 1: [said], 2: [], 3: []}
