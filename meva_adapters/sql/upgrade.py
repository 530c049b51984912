"""`meva db upgrade` and `downgrade`: look, lock, back up, migrate, check, and tell what was done."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from attrs import frozen

from meva_adapters.sql import migrate
from meva_adapters.sql.addresses import Target, database_url, shown
from meva_adapters.sql.backup import backup_beside, integrity
from meva_adapters.sql.changes import Changes
from meva_adapters.sql.engine import create_file, file_of, reading_uri, recover
from meva_adapters.sql.revisions import HEAD, KNOWN, Found
from meva_core.errors import BadInput, StoreCorrupt
from meva_core.ports import Progress


@frozen
class Outcome:
    """What a database was, what it is now, what was done, and where its backup is, if one was written."""

    database: str
    before: Found
    after: Found
    backup: Path | None
    changes: Changes

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return self.before != self.after


def upgrade_database(target: Target, progress: Progress, *, with_backup: bool = True) -> Outcome:
    """Bring a database to the program's revision; a file that is not there or empty becomes a fresh one.

    Raises StoreUnready for one that is newer or not ours, StoreBusy, StoreCorrupt, or StoreError for a full
    disk; in each case the database is as it was.
    """
    url = database_url(target)
    path = file_of(url)
    if path is not None and (not path.exists() or (path.is_file() and path.stat().st_size == 0)):
        create_file(path)
    return _change(url, lambda prepare: migrate.upgrade(url, prepare=prepare), HEAD, progress, with_backup)


def downgrade_database(
    target: Target, revision: str, progress: Progress, *, with_backup: bool = True
) -> Outcome:
    """Bring a database back to a revision of ours; what holds rows stays. Raises as upgrading does."""
    if revision not in KNOWN:
        raise BadInput(f"{revision!r} is not a revision to go back to; expected one of {', '.join(KNOWN)}")
    url = database_url(target)

    def go(prepare: migrate.Prepare) -> Changes:
        return migrate.downgrade(url, revision, prepare=prepare)

    return _change(url, go, revision, progress, with_backup)


def _change(
    url: sa.URL,
    go: Callable[[migrate.Prepare], Changes],
    revision: str,
    progress: Progress,
    with_backup: bool,
) -> Outcome:
    path = file_of(url)
    recover(url)
    before = migrate.current(url)
    if before.revision == revision:
        return Outcome(shown(url), before, before, None, Changes())
    written: list[Path] = []

    def prepare(found: Found) -> None:
        """Back up, or at least look for damage, while nobody else can write.

        Another process may have done the work before the lock was ours: then there is nothing to back up.
        """
        nonlocal before
        before = found
        if path is None or before.state == "empty" or before.revision == revision:
            return
        if with_backup:
            written.append(backup_beside(path, f"before-{revision}", progress))
        else:
            _refuse_damage(path)

    changes = go(prepare)
    return Outcome(shown(url), before, migrate.current(url), written[0] if written else None, changes)


def _refuse_damage(path: Path) -> None:
    with closing(sqlite3.connect(reading_uri(path), uri=True)) as connection:
        faults = integrity(connection, 1)
    if faults:
        raise StoreCorrupt(f"{path} is damaged: {faults[0]}", action="keep it as it is, restore a backup")
