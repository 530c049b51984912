"""A disk that fails under the database of a rehearsal, or a machine that loses its power over it: at a
statement, or at a commit, of whatever a process does from its start to the end of its cycle."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import sqlalchemy as sa
from attrs import define, evolve, field, fields
from fresh_database import fresh_file
from logs_of_sqlite import Log
from restless import Restless

from meva_adapters.rehearsal.ending import check_end, check_rest
from meva_adapters.rehearsal.faults import Killed
from meva_adapters.rehearsal.machine import Machine
from meva_adapters.rehearsal.process_there import ProcessThere, trader_of
from meva_adapters.rehearsal.running import Rehearsal
from meva_adapters.rehearsal.worlds import Shape, draw

_QUICK = Path(os.environ.get("TMPDIR") or "/dev/shm")  # a folder in memory, where there is one


class How(Enum):
    """What happens at a place."""

    BEFORE = "an error in place of it"
    AFTER = "an error once it is done"
    KILLED = "the process dies in its place"
    POWER = "the power goes once it is done, and what of the log was written last may be lost"


@define
class Disk:
    """Fails at the place `at`, counted from 1, of all statements, or with `commits` of all commits;
    `lasting`, at every one from there on. `loses` is what the power takes along."""

    at: int = 0
    how: How = How.BEFORE
    commits: bool = False
    lasting: bool = False
    until: str = ""
    """A statement that begins so is not run at all: it fails there at the latest."""
    loses: Callable[[], None] = lambda: None
    committed: Callable[[], None] = lambda: None
    """Is called after each commit."""
    begun: str = ""
    unlocked: list[str] = field(factory=list)
    """What would write in a transaction that has not waited for the lock when it began."""
    statements: list[str] = field(factory=list)
    done: int = 0
    failed: int = 0
    is_watched: bool = False

    def breaks(
        self, at: int, how: How, *, commits: bool = False, lasting: bool = False, until: str = ""
    ) -> None:
        """Fail there, in what comes now."""
        self.at, self.how, self.commits, self.lasting, self.until = at, how, commits, lasting, until
        self.statements, self.done, self.failed = [], 0, 0

    def hears(
        self, connection: sa.Connection, cursor: Any, statement: str, values: Any, context: Any, many: bool
    ) -> None:
        """Hear of a statement before it is made: where it fails, it is made here, or not at all."""
        if not self.is_watched:
            return
        self.statements.append(statement)
        words = statement.split()
        if words[0] == "BEGIN":
            self.begun = statement
        elif words[0] in ("INSERT", "UPDATE", "DELETE", "REPLACE") and self.begun != "BEGIN IMMEDIATE":
            self.unlocked.append(statement)
        place = self.at if self.until and statement.startswith(self.until) else len(self.statements)
        if not self.commits and self._fails_at(place):
            if self.how in (How.AFTER, How.POWER):
                driver = cursor or connection.connection.dbapi_connection
                assert driver is not None
                rows = bool(values) and isinstance(values[0], list | tuple)
                (driver.executemany if rows else driver.execute)(statement, values)
            self._fail()

    def commit(self, connection: sa.Connection) -> None:
        """Commit, unless that fails; then nothing of it is left to do."""
        if not self.is_watched:
            return
        self.done += 1
        fails = self.commits and self._fails_at(self.done)
        if fails and self.how in (How.BEFORE, How.KILLED):
            self._fail()
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.commit()
        if fails:
            self._fail()
        self.committed()

    def _fails_at(self, place: int) -> bool:
        return place == self.at or (self.lasting and place > self.at > 0)

    def _fail(self) -> None:
        self.failed += 1
        if self.how is How.POWER:
            self.loses()
        if self.how in (How.KILLED, How.POWER):
            self.is_watched = False  # it is dead
            raise Killed
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error


@define(kw_only=True)
class Powered(Machine):
    """A machine whose files are, after a process has ended, what the power has left of them."""

    left: Callable[[], None]

    def end(self, process: ProcessThere | None) -> None:
        """End a process."""
        Machine.end(self, process)
        self.left()


@define
class Rig:
    """A rehearsal in which nothing goes wrong but what its `disk` does."""

    of: Rehearsal
    disk: Disk = field(factory=Disk)
    power: Callable[[bytes, Log], tuple[bytes, bytes]] = lambda data, log: (data, log.data)
    """What the power leaves of a database and its log, which has not been taken in."""
    torn: tuple[bytes, bytes] | None = None
    """A database and its log as the power has left them, to be put in their place."""

    def __attrs_post_init__(self) -> None:
        """Put the files under the power."""
        machine = self.of.machine
        given = {one.name: getattr(machine, one.name) for one in fields(Machine) if one.init}
        self.of.machine = Powered(**given, left=self._puts_back)
        self.of.calls.stall = self.of.machine.stalls
        self.disk.loses = self._loses

    def step(self) -> int:
        """Run an interval and its cycle on the disk as it is; return how often that failed."""
        self.disk.is_watched = True
        try:
            self.of.step()
        finally:
            self.disk.is_watched = False
        return self.disk.failed

    def whole(self) -> None:
        """Run a cycle in which nothing fails."""
        self.disk.breaks(0, How.BEFORE)
        self.step()
        assert self.of.log[-1].endswith(" done"), self.of.log[-1]

    def _loses(self) -> None:
        path = self.of.machine.path
        data, log = path.read_bytes(), Log(Path(f"{path}-wal").read_bytes())
        self.torn = (data, log.data) if log.was_taken_in else self.power(data, log)

    def _puts_back(self) -> None:
        if self.torn is None:
            return
        path, file = self.of.machine.path, self.of.audit.file
        file.connection.close()
        for name, data in (("", self.torn[0]), ("-wal", self.torn[1])):
            Path(f"{path}{name}").write_bytes(data)
        Path(f"{path}-shm").unlink(missing_ok=True)
        self.torn = None
        file.reopen()


@contextmanager
def rigged(seed: int, *pairs: str, ends: bool = True) -> Iterator[Rig]:
    """Open a world of a seed on a disk that may fail; where it `ends`, all comes to rest, and must agree."""
    folder = Path(mkdtemp(prefix="meva-sim-", dir=_QUICK if _QUICK.is_dir() else None))
    template, there = fresh_file(folder / "template"), folder / "there"
    there.mkdir()
    shape = Shape(stage=4, interval=60, rates={}, hand_every=0, pairs=pairs)
    world = draw(seed, shape)
    world = evolve(world, there={**world.there, "TRY": 100_000}, hidden=0)
    rig = Rig(Rehearsal(world, template, there, trader_of(Restless())))
    events = {"before_cursor_execute": rig.disk.hears, "commit": rig.disk.commit}
    for name, heard in events.items():
        sa.event.listen(sa.Engine, name, heard)
    try:
        yield rig
        if ends:
            check_rest(rig.of)
            check_end(rig.of)
    finally:
        for name, heard in events.items():
            sa.event.remove(sa.Engine, name, heard)
        rig.of.machine.end(rig.of.machine.process)
        rig.of.audit.file.close()
        shutil.rmtree(folder)
