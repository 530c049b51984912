"""`meva db`: the database's revision, its soundness, its backups, and the way to another kind of database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import asdict

from meva_cli.database import DB, address_of, database, reading, shown_database
from meva_cli.options import json_option
from meva_cli.progress import make_progress
from meva_cli.render import print_json, print_line, print_pairs, print_table

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_adapters.sql.revisions import Found
    from meva_adapters.sql.upgrade import Outcome

BACKUP: Final = click.option(
    "--backup/--no-backup",
    default=True,
    show_default=True,
    help="Write a checked backup beside the file first.",
)
SHOWN: Final = 12
"""So many lines of what was done are printed for people; `--json` has all."""


@click.command()
@DB
@BACKUP
@json_option
def upgrade(db: str | None, backup: bool, as_json: bool) -> None:
    """Bring a database to this program's revision, or create it.

    Takes any file that the earlier system wrote. All rows and values stay as they are; missing tables,
    columns and indexes are added in one transaction, so that an interrupted upgrade leaves the file as it
    was. Run it again to go on. Exit code 2 means that nothing was changed.
    """
    from meva_adapters.sql.upgrade import upgrade_database

    _report(upgrade_database(database(db), make_progress(), with_backup=backup), as_json)


@click.command()
@click.argument("revision")
@DB
@BACKUP
@json_option
def downgrade(revision: str, db: str | None, backup: bool, as_json: bool) -> None:
    """Bring a database back to REVISION, at the earliest to 0001, where the old schema was adopted.

    Takes away tables and columns that hold nothing. What holds rows stays, and the next upgrade goes on
    with it. Versions before 0003 know a run by its rows only: runs that lack rows are named, with what to do
    first so that those versions find their cycles, too.
    """
    from meva_adapters.sql.upgrade import downgrade_database

    _report(downgrade_database(database(db), revision, make_progress(), with_backup=backup), as_json)


@click.command()
@DB
@json_option
def current(db: str | None, as_json: bool) -> None:
    """Show the revision of a database, or which generation of the earlier system wrote it. Writes nothing."""
    from meva_adapters.sql import current as look
    from meva_adapters.sql import head
    from meva_adapters.sql.revisions import refusal

    url = database(db)
    found = look(url)
    if found.state in ("newer", "foreign"):
        raise refusal(found, shown_database(url))
    report = {
        "database": shown_database(url),
        **_found(found),
        "head": head(),
        "up_to_date": found.revision == head(),
    }
    print_json(report) if as_json else print_pairs(report)
    if not report["up_to_date"] and not as_json:
        print_line(f"To do: meva db upgrade --db {report['database']}")


@click.command()
@DB
@click.option(
    "--deep",
    is_flag=True,
    help="Go through all that was ever recorded: is it what it follows from?",
)
@json_option
@click.pass_context
def check(ctx: click.Context, db: str | None, deep: bool, as_json: bool) -> None:
    """Show what a database is, whether it is sound, and what an upgrade would do. Writes nothing.

    Rows of the earlier system that break a rule of today are listed: they stay, and the rule is not applied
    to this database. Exit code 1: the file is damaged, has lost rows since it was upgraded, or lacks tables,
    columns or indexes of its revision, or the stored columns of a run are not what their SHA-256 is of, or
    lost, or the row of a book of Stages 3 and 4 is not what was stored; keep it as it is then and restore a
    backup. With `--deep` also: rows are not what the columns give; what such a book booked, decided and sent
    is not what is stored of it.
    """
    from meva_adapters.sql import head
    from meva_adapters.sql.check import check_database

    url = database(db)
    found = check_database(url)
    is_ours = found.found.revision == head() and not found.missing
    damaged = list(_damaged_columns(url)) if is_ours else []
    apart = list(_rows_apart(url)) if deep and is_ours else []
    books = list(_books_apart(url, deep=deep)) if is_ours else []
    report = {
        "database": found.database,
        **_found(found.found),
        "sound": found.sound and not (damaged or apart or books),
        "tables": dict(found.tables),
        "integrity": found.integrity,
        "damaged_columns": damaged,
        "rows_apart": [fault for fault in apart if fault not in damaged],
        "books_apart": books,
        "losses": found.losses,
        "missing": found.missing,
        "broken_references": found.broken_references,
        "repeated_keys": found.repeated_keys,
        "unknown_tables": found.unknown,
        "actions": found.actions,
    }
    if as_json:
        print_json(report)
    else:
        _print_check(report)
    ctx.exit(0 if report["sound"] else 1)


def _damaged_columns(url: URL) -> Iterator[str]:
    """Yield what is damaged of the stored columns of all runs, as it is told without opening them."""
    from meva_core.errors import StoreCorrupt
    from meva_core.stages.damage import damaged_columns

    try:
        with reading(url) as reads:
            for row in reads.runs():
                yield from damaged_columns(reads, row["run_id"])
    except StoreCorrupt as error:
        yield str(error)


def _rows_apart(url: URL) -> Iterator[str]:
    """Yield what is stored of all runs otherwise than their columns give."""
    from meva_adapters.codec import CODEC
    from meva_adapters.sql.check import rows_of_no_run
    from meva_adapters.sql.prepared import LEGACY
    from meva_core.errors import StoreCorrupt
    from meva_core.stages.deep import forms_apart, rows_apart

    try:
        yield from rows_of_no_run(url)
        with reading(url) as reads:
            yield from forms_apart(reads, CODEC)
            for row in reads.runs():
                if row["kind"] != LEGACY:
                    yield from rows_apart(reads, CODEC, row["run_id"], make_progress())
    except StoreCorrupt as error:
        yield str(error)


def _books_apart(url: URL, *, deep: bool) -> Iterator[str]:
    """Yield what is stored of the books of Stages 3 and 4 otherwise than it was."""
    from meva_adapters.text_codec import ZstdTexts
    from meva_core.live_history.apart import history_apart, row_apart, views_apart
    from meva_core.live_history.books import listed_books

    with reading(url) as reads:
        for listed in listed_books(reads):
            apart = [*row_apart(reads, listed)] or [*views_apart(reads, listed)]
            yield from apart
            if deep:
                yield from history_apart(reads, listed, ZstdTexts(), make_progress())


@click.command()
@DB
@click.option("--out", type=click.Path(path_type=Path), help="Its name; without it one beside the file.")
@json_option
def backup(db: str | None, out: Path | None, as_json: bool) -> None:
    """Write a checked copy of an SQLite database, also while it is in use. Never overwrites a file."""
    from meva_adapters.sql.backup import backup as write
    from meva_adapters.sql.backup import backup_beside
    from meva_adapters.sql.engine import file_of
    from meva_core.errors import BadInput

    path = file_of(database(db))
    if path is None:
        raise BadInput("PostgreSQL has backups of its own", action="use pg_dump")
    to = write(path, out, make_progress()) if out else backup_beside(path, "backup", make_progress())
    report = {"database": str(path), "backup": str(to), "size_bytes": to.stat().st_size}
    print_json(report) if as_json else print_pairs(report)


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("to")
@json_option
def copy(source: str, to: str, as_json: bool) -> None:
    """Copy a history between SQLite and PostgreSQL: FROM and TO are files or URLs, TO has no rows yet.

    Every row is compared with its copy before anything counts. Amounts and times arrive equal, in the other
    database's form.
    """
    from meva_adapters.sql.transfer import copy_database

    from_url, to_url = address_of(source), address_of(to)
    copied = copy_database(from_url, to_url, make_progress())
    report: dict[str, Any] = {
        "from": shown_database(from_url),
        "to": shown_database(to_url),
        "rows": sum(copied.rows.values()),
        "tables": dict(copied.rows),
        "left_behind": copied.left_behind,
        "withheld": copied.withheld,
    }
    if as_json:
        print_json(report)
        return
    print_table(["table", "rows"], list(copied.rows.items()))
    _print_list("Left behind, not tables of ours", copied.left_behind)
    _print_list("Not demanded there, since rows break it", copied.withheld)


def _found(found: Found) -> dict[str, Any]:
    return {"state": found.state, "revision": found.revision, "generation": found.generation}


def _report(outcome: Outcome, as_json: bool) -> None:
    changes = outcome.changes
    report = {
        "database": outcome.database,
        "changed": outcome.changed,
        "before": _found(outcome.before),
        "after": _found(outcome.after),
        "backup": str(outcome.backup) if outcome.backup else None,
        "added": changes.added,
        "released": changes.released,
        "kept": changes.kept,
        "withheld": changes.withheld,
        "runs_without_rows": [asdict(run) for run in changes.lacking],
    }
    if as_json:
        print_json(report)
        return
    if not outcome.changed:
        print_line(f"{outcome.database} is at {outcome.after}: nothing to do")
        return
    was = "a fresh database" if outcome.before.state == "empty" else str(outcome.before)
    print_line(f"{outcome.database}: {was}, now {outcome.after}")
    if outcome.backup:
        print_line(f"Backup: {outcome.backup}")
    if outcome.before.state != "empty":
        _print_list("Added", changes.added)
    _print_list("Taken away", changes.released)
    _print_list("Kept, it holds something", changes.kept)
    _print_list("Not applied to this database, since rows break it", changes.withheld)
    _print_lacking(outcome)


def _print_lacking(outcome: Outcome) -> None:
    """Name the runs whose cycles an older version does not find, and what to do so that it does."""
    lacking = outcome.changes.lacking
    if not lacking:
        return
    _print_list("Runs with cycles that an older version does not find", [str(run) for run in lacking])
    filling = "".join(f"; meva db fill --db {outcome.database} --run {run.run_id}" for run in lacking[:SHOWN])
    print_line(
        f"Nothing is lost. To have them there, make their rows first, then go back again:\n"
        f"  meva db upgrade --db {outcome.database}{filling}"
    )


def _print_check(report: dict[str, Any]) -> None:
    print_table(["table", "rows"], list(report["tables"].items()))
    pairs = {name: report[name] for name in ("database", "state", "revision", "generation", "sound")}
    print_pairs(pairs)
    _print_list("Damage", report["integrity"] + report["damaged_columns"])
    _print_list("Not what the stored columns give", report["rows_apart"])
    _print_list("Not what was stored of a book", report["books_apart"])
    _print_list("Lost since the upgrade", report["losses"])
    _print_list("Missing of its revision", report["missing"])
    _print_list("Rows without their parent, kept", report["broken_references"])
    _print_list("Keys that repeat, kept", report["repeated_keys"])
    _print_list("Tables that are not ours, kept", report["unknown_tables"])
    _print_list("An upgrade would", report["actions"])


def _print_list(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    print_line(f"{title} ({len(lines)}):")
    for line in lines[:SHOWN]:
        print_line(f"  {line}")
    if len(lines) > SHOWN:
        print_line(f"  ... and {len(lines) - SHOWN} more; --json has all")
