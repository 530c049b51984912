"""Loops that trade live under faults and are killed at random moments: the exchange's books and ours agree to
the last digit, no order is there twice, nothing stays unknown, no fill is lost, and every cycle rechecks."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define, field
from live_account import LiveAccount, armed, differences, live_account
from nightly import NIGHTLY
from postgres_server import fresh_postgres, new_postgres
from stage7_runs import rows_of
from started import Started, run, start

__all__ = ["fresh_postgres", "new_postgres"]
FAULTS = [
    {"fault": "lose_request", "on": "POST /api/v1/order", "probability": 0.03, "end": "reset"},
    {"fault": "lose_reply", "on": "POST /api/v1/order", "probability": 0.05, "end": "504"},
    {"fault": "lose_reply", "on": "DELETE /api/v1/order*", "probability": 0.1, "end": "empty"},
    {"fault": "answer", "on": "POST /api/v1/order", "probability": 0.02, "status": 503},
    {"fault": "answer", "on": "GET /api/v1/*", "probability": 0.02, "status": 502, "html": True},
    {"fault": "reject", "on": "POST /api/v1/order", "probability": 0.05},
    {"fault": "fill_first", "on": "DELETE /api/v1/order*", "probability": 0.1},
    {"fault": "fill_after", "on": "DELETE /api/v1/order*", "probability": 0.1},
    {"fault": "cut", "on": "GET /api/*", "probability": 0.02, "at": 50, "whole_length": False},
    {"fault": "rows", "on": "GET /api/v1/*", "probability": 0.05, "how": "shuffle"},
    {"fault": "rows", "on": "GET /api/v1/*", "probability": 0.05, "how": "repeat"},
]
LATE = {"fills_delay_ms": 4_000, "orders_delay_ms": 300, "balances_delay_ms": 2_000, "cancel_ms": 400}
OFTEN = {"TTL_SECONDS": "15", "STAGE3_STRATEGIES": "restless"}
SIZES = {
    ("stage3", "sqlite"): (300, 300) if NIGHTLY else (6, 2),
    ("stage4", "postgresql"): (300, 60) if NIGHTLY else (6, 2),
    ("stage4", "sqlite"): (1_000, 300) if NIGHTLY else (16, 6),
}
"""Cycles in all, and how many processes are killed on the way."""
ENDLESS = 10_000
"""More cycles than a process comes to before it is killed, however fast it is."""


@pytest.fixture
def account(tmp_path: Path) -> Iterator[LiveAccount]:
    with live_account(tmp_path) as served:
        yield served


@define
class Killing:
    """Runs loops until so many cycles are done, and kills so many of them at moments drawn from a seed."""

    account: LiveAccount
    stage: str
    db: str
    cycles: int
    kills: int
    drawn: random.Random
    ends: Counter[int] = field(factory=Counter)
    said: list[str] = field(factory=list)
    """What those said that ended by themselves, and not well."""

    def run(self) -> None:
        """Each process but the last is killed a moment after a cycle of its own, or before its first."""
        for _ in range(self.kills):
            process = self._started(ENDLESS)
            assert process.stdout is not None
            for _ in range(self.drawn.randrange(3)):
                process.stdout.readline()
            time.sleep(self.drawn.random() * 0.4)  # anywhere in the cycle that comes: no event is that
            process.kill()
            self._ended(process)
        self._ended(self._started(max(1, self.left)))

    def _started(self, cycles: int) -> Started:
        command = (
            "run", self.stage, "--db", self.db, "--clock", "emulator", "--loop", "--interval", 10,
            "--cycles", cycles,
        )  # fmt: skip
        return start(*command, cwd=self.account.folder, env=armed(self.account, **OFTEN))

    def _ended(self, process: Started) -> None:
        _, told = process.communicate(timeout=600)
        self.ends[process.returncode or 0] += 1
        if process.returncode not in (0, -9):
            self.said.append(f"{process.returncode}: {told}")

    @property
    def left(self) -> int:
        is_there = "://" in self.db or Path(self.db).exists()
        return self.cycles - (len(rows_of(self.db, "SELECT ts FROM live_cycles")) if is_there else 0)


@pytest.mark.parametrize(("stage", "kind"), SIZES)
def test_books_agree_after_kills_and_faults(
    account: LiveAccount, stage: str, kind: str, request: pytest.FixtureRequest
) -> None:
    cycles, kills = SIZES[stage, kind]
    is_file = kind == "sqlite"
    db = str(account.folder / "a.db") if is_file else request.getfixturevalue("fresh_postgres")()
    account.faults(FAULTS, **LATE)
    going = Killing(account, stage, db, cycles, kills, random.Random(12))
    going.run()
    happened = account.happened()
    account.quiet()
    quiet = run(
        "run", stage, "--db", db, "--observe", "--clock", "emulator", "--loop", "--interval", 60,
        "--cycles", 10, cwd=account.folder, env=armed(account), timeout=120,
    )  # fmt: skip
    assert quiet.returncode == 0, quiet.stderr
    assert differences(account, db) == []
    assert quiet.stdout.splitlines()[-1].split("unknown ")[1].startswith("0 ")
    assert going.said == [], "whatever had been killed before, the next one began"
    assert going.ends == {-9: kills, 0: 1}, "all but the last one were killed"
    kinds = {rule["fault"] for rule in FAULTS}
    assert kinds <= set(happened) if NIGHTLY else len(happened) > 2, happened
