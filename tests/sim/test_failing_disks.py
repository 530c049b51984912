"""Live cycles on a disk that fails, and under a machine that loses its power: whatever a process was at,
each of its cycles is there whole or not at all, and file and exchange agree once all is at rest.

After every cycle the invariants of the rehearsal are checked, and at its end that nothing is left open.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from failing_disk import How, Rig, rigged
from logs_of_sqlite import Log
from nightly import NIGHTLY

Kind = tuple[How, bool, bool]
KINDS: list[Kind] = [
    (How.BEFORE, False, False), (How.AFTER, False, False), (How.BEFORE, False, True),
    (How.BEFORE, True, False), (How.AFTER, True, False), (How.BEFORE, True, True),
]  # fmt: skip
"""How the disk fails, whether at a commit or a statement, whether from there on."""


def places(rig: Rig, of_commits: bool) -> range:
    """Return the places of a process's start and its first cycle, four of them unless it is night."""
    rig.of.machine.restart()
    rig.whole()
    found = rig.disk.done if of_commits else len(rig.disk.statements)
    return range(1, found + 1, 1 if NIGHTLY else -(-found // 4))


@pytest.mark.parametrize("kinds", [[kind] for kind in KINDS] if NIGHTLY else [KINDS])
def test_p2_p4_an_error_at_any_statement_or_commit_leaves_whole_cycles_and_books_that_agree(
    kinds: list[Kind],
) -> None:
    with rigged(7, "BTCTRY") as rig:
        failed = 0
        for how, of_commits, lasting in kinds:
            for place in places(rig, of_commits):
                rig.disk.breaks(place, how, commits=of_commits, lasting=lasting)
                failed += rig.step() > 0
                rig.whole()
        assert failed > 2 * len(kinds)
        assert rig.of.seen["store"] > 2 * len(kinds), "but for how a cycle ran, an error ends the process"
        assert rig.of.truth.fills
        assert rig.disk.unlocked == [], "whatever writes has waited for the lock when it began"


# -- Power ------------------------------------------------------------------------------------------------


def seen_in(path: Path) -> str:
    """Return a digest of what stands in a database, as whoever opens it finds it."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(path)) as connection:
        for table in TABLES:
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1"):
                digest.update(repr(row).encode())
    return digest.hexdigest()


TABLES = (
    "live_cycles", "stage4_orders", "stage4_fills", "live_books", "op_state", "cursors", "risk_decisions",
    "cycle_audit", "process_instances",
)  # fmt: skip


def cuts(log: Log) -> Iterator[tuple[int, bytes]]:
    """Yield where a log is cut, and what stands behind the cut."""
    random = Random(97)
    sizes = {*range(0, len(log.data), 97 if NIGHTLY else 29_989)}
    for end in log.commits if NIGHTLY else log.commits[::9]:
        sizes |= {end - 1, end, end + 1}
    for n, size in enumerate(sorted(size for size in sizes if size <= len(log.data))):
        rest = len(log.data) - size
        yield size, (b"", bytes(rest), random.randbytes(rest))[n % 3]


def test_p7_of_a_log_that_is_cut_anywhere_every_commit_before_the_cut_is_there_and_nothing_else(
    tmp_path: Path,
) -> None:
    with rigged(7, "BTCTRY", ends=False) as rig:
        path, log_path = rig.of.machine.path, Path(f"{rig.of.machine.path}-wal")
        stood = {0: seen_in(path)}

        def committed() -> None:
            stood[len(Log(log_path.read_bytes()).commits)] = seen_in(path)

        rig.disk.committed = committed
        for _ in range(4):
            rig.whole()
        data, log = path.read_bytes(), Log(log_path.read_bytes())
        rig.disk.committed = lambda: None
    assert sorted(stood) == list(range(len(log.commits) + 1))
    assert len({*stood.values()}) > 20
    for n, (size, rest) in enumerate(cuts(log)):
        copy = tmp_path / f"{n}.db"
        copy.write_bytes(data)
        left = log.data[:size] + rest
        Path(f"{copy}-wal").write_bytes(left)
        whole = sum(left[:end] == log.data[:end] for end in log.commits)  # zeros may be what stood there
        assert seen_in(copy) == stood[whole], f"cut at {size} of {len(log.data)}, behind commit {whole}"
        copy.unlink()


Power = Callable[[bytes, Log], tuple[bytes, bytes]]


def torn(random: Random) -> Power:
    """Return a power cut that loses some of the newest transaction, its last byte at least."""

    def leaves(data: bytes, log: Log) -> tuple[bytes, bytes]:
        begins, ends = log.newest
        size = random.choice((begins, begins + 1, ends - 1, random.randrange(begins, ends)))
        rest = ends - size
        return data, log.data[:size] + random.choice((b"", bytes(rest), random.randbytes(rest)))

    return leaves


def half_taken_in(random: Random) -> Power:
    """Return a power cut while the log is taken into the file: some of its pages are there."""

    def leaves(data: bytes, log: Log) -> tuple[bytes, bytes]:
        pages = log.pages()
        for number in sorted(pages)[: random.randrange(len(pages))]:
            at = (number - 1) * log.page_size
            data = data[:at].ljust(at, b"\0") + pages[number] + data[at + log.page_size :]
        return data, log.data[: log.commits[-1]]

    return leaves


@pytest.mark.parametrize("power", [torn, half_taken_in])
def test_p7_p8_the_power_goes_at_a_commit_and_what_is_left_goes_on(
    power: Callable[[Random], Power],
) -> None:
    with rigged(9, "BTCTRY") as rig:
        rig.power = power(Random(9))
        cut = 0
        for place in range(1, 25) if NIGHTLY else range(1, 12, 2):
            rig.disk.breaks(place, How.POWER, commits=True)
            cut += rig.step() > 0
            rig.whole()
        assert cut >= 4


# -- Crashes in a row -------------------------------------------------------------------------------------


def test_p8_a_process_that_dies_fifty_times_over_its_recovery_asks_and_sends_no_more_for_it() -> None:
    with rigged(12, "BTCTRY") as rig:
        of = rig.of
        while not of.truth.open():
            rig.whole()
        rig.disk.breaks(rig.disk.done // 2, How.KILLED, commits=True)
        assert rig.step() == 1
        sent, asked, before = of.machine.sent.submits, list[int](), kept(rig)
        for place in range(2, 302, 6):
            rig.disk.breaks(place, How.KILLED, until='INSERT INTO "live_cycles"')
            assert rig.step() == 1
            asked.append(of.calls.arrived.requests)
        assert of.machine.sent.submits == sent, "no cycle was decided"
        assert kept(rig) == before
        assert 0 < max(asked[25:]) <= max(asked[:25])
        rig.whole()


def kept(rig: Rig) -> int:
    """How many rows there are of orders and of what is kept in mind of them."""
    query = "SELECT (SELECT count(*) FROM stage4_orders) + (SELECT count(*) FROM op_state) AS kept"
    [row] = rig.of.audit.file.all(query)
    return int(row["kept"])
