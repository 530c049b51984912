"""`meva db fill` and `meva db slim`: rows out of the columns of recorded runs, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from meva_cli.database import DB, database, shown_database
from meva_cli.options import TIME, json_option
from meva_cli.progress import make_progress
from meva_cli.render import counted, print_json, print_line
from meva_cli.runs import nothing_recorded, pick_run

if TYPE_CHECKING:
    from meva_core.ports import Reads


@click.command()
@DB
@click.option("--run", "run_id", metavar="ID", help="The run.  [default: all runs]")
@click.option("--start", type=TIME, help="From the stretch on that holds this cycle.")
@click.option("--end", type=TIME, help="Up to the stretch that holds this cycle.")
@json_option
def fill(db: str | None, run_id: str | None, start: int | None, end: int | None, as_json: bool) -> None:
    """Make the rows that cycles lack of which only columns are stored, equal to those of `--trace full`.

    A year of minutes takes some minutes and 4 GB. It goes stretch by stretch, each whole or not at all: run
    it again to go on.
    """
    from meva_adapters.codec import CODEC
    from meva_adapters.sql import writer
    from meva_core.stages.fill import fill as make

    url = database(db)
    done: list[dict[str, Any]] = []
    with writer(url, durable=False) as store:
        with store.read() as reads:
            runs = _runs(reads, run_id)
            nothing = "" if runs else _nothing_to_fill(reads)
        for run in runs:
            filled = make(store, CODEC, run, make_progress(), start=_moment(start), end=_moment(end))
            done.append({"run_id": run, "cycles": filled.cycles, "left_out": list(filled.left_out)})
    if as_json:
        print_json({"database": shown_database(url), "runs": done})
        return
    if nothing:
        print_line(nothing)
    for one in done:
        for left_out in one["left_out"]:
            click.echo(
                f"warning: run {one['run_id']}: {left_out}: there is nothing to make rows of", err=True
            )
        said = f"{counted(one['cycles'], 'cycle')} filled" if one["cycles"] else "nothing to fill"
        print_line(f"run {one['run_id']}: {said}")


@click.command()
@DB
@click.option("--run", "run_id", metavar="ID", required=True, help="The run.")
@json_option
@click.pass_context
def slim(ctx: click.Context, db: str | None, run_id: str, as_json: bool) -> None:
    """Take the rows of a run's cycles away that its columns give as well; every command reads on as before.

    Only rows that are just what the columns give; others are named and stay, exit code 1. Orders, fills and
    what else happens seldom stay in any case, and of a live book the last 30 days. `meva db fill` brings the
    rows back.
    """
    from meva_adapters.codec import CODEC
    from meva_adapters.sql import writer
    from meva_core.stages.fill import slim as take_away

    url = database(db)
    with writer(url, durable=False) as store:
        with store.read() as reads:
            run = pick_run(reads, run_id)
        slimmed = take_away(store, CODEC, run, make_progress())
        store.compact()  # also of what a run of this command took away that was ended before this
    report = {
        "database": shown_database(url),
        "run_id": run,
        "cycles": slimmed.cycles,
        "recent": slimmed.recent,
        "differing": list(slimmed.differing),
    }
    if as_json:
        print_json(report)
    else:
        _print_slimmed(report)
    ctx.exit(1 if slimmed.differing else 0)


def _print_slimmed(report: dict[str, Any]) -> None:
    for differing in report["differing"]:
        click.echo(f"warning: kept: {differing}", err=True)
    if report["recent"]:
        keep = "keeps its" if report["recent"] == 1 else "keep their"
        print_line(f"{counted(report['recent'], 'cycle')} of the last 30 days {keep} rows")
    slimmed = f"{counted(report['cycles'], 'cycle')} slimmed" if report["cycles"] else "nothing to take away"
    print_line(f"run {report['run_id']}: {slimmed}")


def _runs(reads: Reads, run_id: str | None) -> list[str]:
    """Return the run that was asked for, or all of ours."""
    if run_id is not None:
        return [pick_run(reads, run_id)]
    return [row["run_id"] for row in reads.runs() if row["settings_json"]]


def _nothing_to_fill(reads: Reads) -> str:
    """Return why there is no run whose cycles could lack rows."""
    if reads.runs():
        return "nothing to fill: the earlier system recorded its cycles in rows, and kept no columns"
    return f"nothing to fill: {nothing_recorded(reads)}"


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
