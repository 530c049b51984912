"""What commands print: tables for people, tab-separated text for pipes, one JSON object for machines.

On a terminal everything is laid out within its width, and nothing is cut (`texts/layout.py`); elsewhere rows
are tab-separated, never wrapped.
Text out of files and databases is shown without its control characters.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import click

from meva_adapters.texts.layout import drawn_lines, pair_lines, texts_lines, without_spared, wrapped
from meva_adapters.texts.words import as_text as as_text  # commands show values by it
from meva_adapters.texts.words import counted as counted
from meva_adapters.texts.words import to_the_second as to_the_second
from meva_adapters.texts.words import visible

_HANGING: Final = 4
"""How far the further lines of a long one are set in."""


def print_json(document: Mapping[str, Any]) -> None:
    """Print one object: amounts as plain text, times as ISO 8601 UTC, keys in the order given. Whoever reads
    it has it at once, though it may be one of many."""
    # Imported here: only machines need it.
    import orjson

    option = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_APPEND_NEWLINE
    try:
        text = orjson.dumps(document, default=_json_value, option=option)
    except orjson.JSONEncodeError:
        text = orjson.dumps(_in_utf8(document), default=_json_value, option=option)
    sys.stdout.write(_for_stdout(text.decode()))
    sys.stdout.flush()


def _for_stdout(text: str) -> str:
    """Return JSON as it is for UTF-8, and in ASCII with JSON's own escapes for any other encoding."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").replace("_", "")
    if encoding == "utf8" or text.isascii():
        return text
    units = (letter.encode("utf-16-be").hex() for letter in text)
    return "".join(
        letter if letter.isascii() else "".join(f"\\u{unit[i : i + 4]}" for i in range(0, len(unit), 4))
        for letter, unit in zip(text, units, strict=True)
    )


def _in_utf8(value: Any) -> Any:
    """Return a document whose texts are all UTF-8: bytes of a file's name that are not are spelled out."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_in_utf8(key): _in_utf8(item) for key, item in value.items()}
    return [_in_utf8(item) for item in value] if isinstance(value, list | tuple) else value


def _json_value(value: object) -> Any:
    if isinstance(value, Decimal | datetime):
        return as_text(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON output")


def print_line(text: str = "") -> None:
    """Print one line; on a terminal that is too narrow for it, as several."""
    text = visible(text)
    for line in wrapped(text, _columns(), _HANGING) if sys.stdout.isatty() else [text]:
        click.echo(line)


def print_pairs(pairs: Mapping[str, object]) -> None:
    """Print names with their values, one a line; aligned on a terminal, a tab between them elsewhere."""
    texts = {name: as_text(value) for name, value in pairs.items()}
    if sys.stdout.isatty():
        lines = pair_lines(texts, _columns())
    else:
        lines = (f"{name}\t{text}" for name, text in texts.items())
    for line in lines:
        click.echo(line)


def print_texts(name: str, texts: Sequence[str], width: int = 10) -> None:
    """Print texts behind a name: on a terminal beside each other as they fit, elsewhere a tab before each."""
    shown = list(map(visible, texts))
    if not sys.stdout.isatty():
        click.echo("\t".join((name, *shown)))
        return
    for line in texts_lines(name, shown, _columns(), width):
        click.echo(line)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their column names. Numbers are set to the right on a terminal."""
    if sys.stdout.isatty():
        for line in drawn_lines(columns, list(rows), _columns(), _rule()):
            click.echo(line)
        return
    click.echo("\t".join(columns))
    for row in rows:
        click.echo("\t".join(map(as_text, row)))


def print_spared_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], spared: Sequence[str]
) -> None:
    """Print rows as `print_table` does; on a terminal that is too narrow without some of `spared`, the first
    of them first, and with a line that names what is not shown."""
    if not sys.stdout.isatty():
        print_table(columns, rows)
        return
    texts = [[as_text(value) for value in row] for row in rows]
    shown = without_spared(columns, texts, spared, _columns())
    places = [columns.index(name) for name in shown]
    print_table(shown, [[row[place] for place in places] for row in rows])
    if left_out := [name for name in columns if name not in shown]:
        print_line(f"Not shown at this width: {', '.join(left_out)}.")


def _columns() -> int:
    """Return the width of the terminal: COLUMNS where that is set, else what the terminal says."""
    return shutil.get_terminal_size().columns


def _rule() -> str:
    """Return what a line under a table's head is made of: not every encoding has a line."""
    try:
        "─".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return "-"
    return "─"
