"""`meva export`: cycles as JSON lines, CSV or Parquet."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import DB, database, reading
from meva_cli.options import json_option
from meva_cli.progress import NoProgress, make_progress
from meva_cli.render import print_json, print_pairs
from meva_cli.window import asked_window, window_options
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.history.window import Window
    from meva_core.ports import Progress, Reads

STEPS: Final = 500
"""Progress moves every so many cycles."""


@click.command()
@DB
@window_options(None)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="Amounts are exact in each: decimal text, in Parquet decimals.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The file, replaced if it is there.  [default: stdout]"
)
@json_option
def export(
    db: str | None,
    run_id: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write cycles for other programs, one record each, oldest first; all of the run unless told otherwise.

    Every record carries the version of the export's schema and the window. The file appears when it is
    complete, or not at all. With --json says what was written; it needs --out.
    """
    url = database(db)
    check_target(form, out, as_json, url)
    with reading(url) as reads:
        window = asked_window(reads, run_id, start, end, last)
        if out is None:
            write_window(reads, window, form, sys.stdout.buffer, NoProgress(), last)
            return
        from meva_adapters.system.files import replacing

        with replacing(out) as file:
            written = write_window(reads, window, form, file, make_progress(), last)
    size = out.stat().st_size if out.is_file() else None  # None: it went into a pipe or a device
    report = {**written, "format": form, "out": str(out), "size_bytes": size}
    print_json(report) if as_json else print_pairs(report)


def check_target(form: str, out: Path | None, as_json: bool, url: URL) -> None:
    """Raise BadInput for a place that the format cannot be written to, or that is the database itself."""
    if out is None and form == "parquet":
        raise BadInput("Parquet is no text for stdout", action="name a file with --out FILE")
    if out is None and as_json:
        raise BadInput(
            "--json says what was written to a file, and stdout is where the cycles go",
            action="name a file with --out FILE, or leave out --json: jsonl is the default format",
        )
    if out is not None and out.is_dir():
        raise BadInput(f"{out} is a folder", action="name a file in it")
    if out is None:
        return
    if not out.parent.is_dir():
        raise BadInput(f"there is no folder {out.parent}", action=f"mkdir -p {out.parent}")
    from meva_adapters.sql.engine import refuse_overwriting

    refuse_overwriting(url, out)


def write_window(
    reads: Reads, window: Window, form: str, stream: Any, progress: Progress, last: int | None
) -> dict[str, Any]:
    """Write the cycles of a window to a binary stream, and return what was written."""
    from meva_adapters.codec import CODEC
    from meva_adapters.export import write_records
    from meva_core.history.cycle_export import digits_of, head_of, records
    from meva_core.history.window import LEGACY

    head = head_of(window)
    exact = digits_of(reads, window) if form == "parquet" and window.run_id == LEGACY else None
    known = (reads.run(window.run_id) or {}).get("cycles") or 0
    progress.start(min(known, last or known), "export")
    try:
        found = _watched(records(reads, window, CODEC.decode), progress)
        cycles = write_records(stream, form, found, head, exact)
    finally:
        progress.done()
    return {**head, "cycles": cycles}


def _watched(records: Iterable[tuple[Any, ...]], progress: Progress) -> Iterator[tuple[Any, ...]]:
    for number, record in enumerate(records, 1):
        yield record
        if number % STEPS == 0:
            progress.advance(STEPS)
