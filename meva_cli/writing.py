"""Writing records into a file or to stdout, for commands that hand them to other programs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meva_cli.progress import NoProgress, make_progress
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.ports import Progress


def check_target(form: str, out: Path | None, as_json: bool, url: URL) -> None:
    """Raise BadInput for a place that the format cannot be written to, or that is the database itself."""
    if out is None and form == "parquet":
        raise BadInput("Parquet is no text for stdout", action="name a file with --out FILE")
    if out is None and as_json:
        raise BadInput(
            "--json says what was written to a file, and stdout is where the records go",
            action="name a file with --out FILE, or leave out --json: jsonl is the default format",
        )
    if out is None:
        return
    check_place(out, url)


def check_place(out: Path, url: URL, option: str = "--out") -> None:
    """Raise BadInput for a path at which no file can be made, or where one would take the place of the
    database that is read: before what is to be written is worked out."""
    if out.is_dir():
        raise BadInput(f"{out} is a folder", action="name a file in it")
    if not out.parent.is_dir():
        raise BadInput(f"there is no folder {out.parent}", action=f"mkdir -p {shlex.quote(str(out.parent))}")
    from meva_adapters.sql.engine import refuse_overwriting

    refuse_overwriting(url, out, option)


def write_to(
    out: Path | None, form: str, write: Callable[[Any, str, Progress], dict[str, Any]]
) -> dict[str, Any] | None:
    """Let `write` write in a format into a binary stream: the file, which appears when it is whole or not at
    all, or stdout. Returns what was written where it was a file."""
    if out is None:
        write(sys.stdout.buffer, form, NoProgress())
        return None
    from meva_adapters.system.files import replacing

    with replacing(out) as file:
        written = write(file, form, make_progress())
    size = out.stat().st_size if out.is_file() else None  # None: it went into a pipe or a device
    return {**written, "format": form, "out": str(out), "size_bytes": size}
