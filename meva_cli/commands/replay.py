"""`meva replay`: make, check and describe datasets of recorded markets."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from meva_cli.database import DB, database, reading
from meva_cli.dataset import dataset_folder
from meva_cli.load import settings_for
from meva_cli.options import FOLDER, SYMBOLS, VERIFY, WHOLE, WholeRange, json_option
from meva_cli.render import counted, print_json, print_line, print_pairs, print_table
from meva_cli.runs import pick_run, run_option
from meva_cli.strategies.options import hosting
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.replay import Fault, Info, Report
    from meva_adapters.replay.recording.exporting import Exported
    from meva_core.ports import Reads


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--empty", is_flag=True, help="Only the folders, a README and the schema.")
@click.option("--symbols", type=SYMBOLS, help="Symbols, with commas.  [default: BTCTRY,ETHTRY,SOLTRY]")
@click.option(
    "--minutes",
    type=WholeRange(2, 20_000_000),
    default=2880,
    show_default=True,
    help="Minutes of made-up markets.",
)
@click.option(
    "--seed", type=WHOLE, default=1, show_default=True, help="The same seed makes the same markets."
)
@json_option
def make(
    folder: Path, empty: bool, symbols: tuple[str, ...] | None, minutes: int, seed: int, as_json: bool
) -> None:
    """Make a new dataset in DIR, an empty folder or a new one.

    It gets a README and a schema that explain the layout and, unless --empty is given, made-up markets to try
    things on.
    """
    from meva_adapters.replay.made_up.scaffold import DEFAULT_SYMBOLS, init

    root = init(folder, empty=empty, minutes=minutes, seed=seed, symbols=symbols or DEFAULT_SYMBOLS)
    if as_json:
        print_json({"dataset": str(root), "empty": empty})
        return
    print_line(f"made {root}")
    print_line(f"next: meva replay {'validate' if empty else 'info'} {root}")


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=FOLDER)
@VERIFY
@json_option
@click.pass_context
def validate(ctx: click.Context, folder: Path | None, verify: bool, as_json: bool) -> None:
    """List every problem of the dataset in DIR (default: MEVA_REPLAY_DATASET).

    Errors keep a dataset from being run (exit 2), warnings do not.
    """
    from meva_adapters import replay

    report = replay.validate(dataset_folder(folder), verify=verify)
    if as_json:
        print_json(report_document(report))
    else:
        _print_report(report)
    ctx.exit(0 if report.ok else 2)


def report_document(report: Report) -> dict[str, Any]:
    """Return what validation found as JSON holds it."""
    return {
        "ok": report.ok,
        "dataset": report.dataset,
        "errors": [attrs.asdict(fault) for fault in report.errors],
        "warnings": [attrs.asdict(fault) for fault in report.warnings],
        "symbols": list(report.symbols),
    }


def _print_report(report: Report) -> None:
    rows = [_fault_row("error", fault) for fault in report.errors]
    rows += [_fault_row("warning", fault) for fault in report.warnings]
    if rows:
        print_table(["level", "file", "row", "column", "value", "message", "to do"], rows)
    verdict = "can be run" if report.ok else "cannot be run"
    counts = ", ".join(
        (
            counted(len(report.errors), "error"),
            counted(len(report.warnings), "warning"),
            counted(len(report.symbols), "symbol"),
        )
    )
    print_line(f"{report.dataset}: {verdict}: {counts}")


def _fault_row(level: str, fault: Fault) -> list[object]:
    return [level, fault.file, fault.row, fault.column, fault.value, fault.message, fault.action]


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=FOLDER)
@VERIFY
@json_option
def info(folder: Path | None, verify: bool, as_json: bool) -> None:
    """Show what the dataset in DIR (default: MEVA_REPLAY_DATASET) holds.

    Symbols, rows, span, step, gaps and checksums. A dataset with an error is refused, as a run refuses it.
    """
    from meva_adapters import replay

    found = replay.info(dataset_folder(folder), verify=verify)
    if as_json:
        print_json(attrs.asdict(found))
    else:
        _print_info(found)


def _print_info(found: Info) -> None:
    files = attrs.asdict(found)
    rows = [list(file.values()) for file in files.pop("files")]
    assumed = files.pop("assumed")
    print_pairs(files)
    for line in assumed:
        print_line(f"assumed: {line}")
    print_line()
    print_table([attribute.name for attribute in attrs.fields(type(found.files[0]))], rows)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@DB
@run_option
@click.option("--book", metavar="NAME", help="All runs of a book, each into a folder DIR/<run>.")
@json_option
def export(folder: Path, db: str | None, run_id: str | None, book: str | None, as_json: bool) -> None:
    """Write what a live run saw into DIR, a new or empty folder, as a dataset.

    The market as the exchange answered it, each row with the time at which it was known, and beside it the
    run's cycles with their inputs, its rules as they changed, its settings, which hold no secret, and what it
    began with. `meva backtest --data DIR --as-recorded` decides it again, with the same fingerprint; without
    that option other settings meet the same market. The folder appears when it is complete, or not at all.
    """
    if book is not None and run_id is not None:
        raise click.UsageError("--book takes no --run: it writes all runs of the book")
    from meva_adapters.system.files import whole_folder

    try:
        with reading(database(db)) as reads, whole_folder(folder) as made:
            written = _export(reads, made, run_id, book)
    except FileExistsError as error:
        raise BadInput(
            f"{folder}: is there already, and nothing is written over", action="name a new or an empty folder"
        ) from error
    report = {"dataset": str(folder), "runs": [attrs.asdict(one) for one in written]}
    if as_json:
        print_json(report)
        return
    for one in written:
        where = folder if book is None else folder / one.run_id
        print_line(
            f"run {one.run_id}: {counted(one.cycles, 'cycle')}, {counted(one.symbols, 'symbol')}, "
            f"{counted(one.rows, 'row')} in {where}"
        )
    last = folder if book is None else folder / written[-1].run_id
    print_line(f"next: {_decided_again(last, written[-1].strategy)}")


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("into", metavar="NEW", type=FOLDER)
@click.option(
    "--to", "form", type=click.Choice(["csv", "parquet"]), help="The form of NEW.  [default: the other one]"
)
@json_option
def convert(folder: Path, into: Path, form: str | None, as_json: bool) -> None:
    """Write the dataset in DIR into NEW, a new or empty folder, as Parquet, or as CSV.

    The rows are the same, and so is the content's SHA-256, which is looked at before NEW appears.
    """
    from meva_adapters.replay import open_dataset
    from meva_adapters.replay.converting import convert as rewrite
    from meva_adapters.replay.converting import other_form

    dataset = open_dataset(folder)
    made = rewrite(dataset, into, f".{form}" if form else other_form(dataset))
    sizes = [sum(facts.source.size for facts in one.files.values()) for one in (dataset, made)]
    if as_json:
        document = {"dataset": str(into), "content_sha256": made.content_sha256, "files": sorted(made.files)}
        print_json({**document, "bytes_before": sizes[0], "bytes": sizes[1]})
        return
    print_line(f"made {into}: {counted(len(made.files), 'file')}, {sizes[1]} bytes, of {sizes[0]}")
    print_line(f"content_sha256: {made.content_sha256}, as that of {folder}")
    print_line(f"next: meva backtest --data {into} --db FILE")


def _decided_again(folder: Path, strategy: str | None) -> str:
    """Return the command that decides a written run again: a strategy that its id does not name has to be
    named by its file."""
    from meva_adapters.strategies.available import available
    from meva_adapters.strategies.files import places_of

    command = shlex.join(["meva", "backtest", "--data", str(folder), "--as-recorded", "--db", "NEW.db"])
    if strategy is None:
        return command
    places = places_of(settings_for("strategy").settings.strategy.path)
    with hosting():
        is_known = any(available(places, strategy))
    return command if is_known else f"{command} --strategy FILE.py:Class, where strategy {strategy} is"


def _export(reads: Reads, root: Path, run_id: str | None, book: str | None) -> list[Exported]:
    """Write one run into `root`, or each run of a book into a folder of its own in it, the oldest first."""
    from meva_adapters.codec import CODEC
    from meva_adapters.replay.recording.exporting import export_run
    from meva_core.stages.book_runs import pick_book, runs_of

    if book is None:
        asked = reads.run(pick_run(reads, run_id))
        return [export_run(reads, CODEC, asked, root)] if asked is not None else []
    written = []
    for row in [*runs_of(reads, pick_book(reads, book))][::-1]:
        (root / row["run_id"]).mkdir(mode=0o700)
        written.append(export_run(reads, CODEC, row, root / row["run_id"]))
    if not written:
        raise BadInput(f"book {book!r} has no run yet", action="`meva run stage7` runs its first cycle")
    return written
