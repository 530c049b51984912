"""What commands print: tables for people, tab-separated text for pipes, one JSON object for machines.

On a terminal a table is drawn and nothing in it is cut; elsewhere its rows are tab-separated, never wrapped.
Text out of files and databases is shown without its control characters.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import click

_PROSE: Final = 32
"""Cells above this width are wrapped on a terminal; amounts, names and stamps are below it."""


def print_json(document: Mapping[str, Any]) -> None:
    """Print one object: amounts as plain text, times as ISO 8601 UTC, keys in the order given."""
    # Imported here: only machines need it.
    import orjson

    option = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_APPEND_NEWLINE
    try:
        text = orjson.dumps(document, default=_json_value, option=option)
    except orjson.JSONEncodeError:
        text = orjson.dumps(_in_utf8(document), default=_json_value, option=option)
    sys.stdout.write(text.decode())


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


def as_text(value: object) -> str:
    """Return a value as people and scripts read it: plain digits, ISO 8601 UTC, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return as_text(value.value) if isinstance(value.value, str) else value.name
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value))
    return _visible(str(value))


def _visible(text: str) -> str:
    """Replace control characters, which could move the cursor or break a row, by blanks."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def print_line(text: str = "") -> None:
    """Print one line as it is."""
    click.echo(_visible(text))


def print_pairs(pairs: Mapping[str, object]) -> None:
    """Print names with their values, one a line; aligned on a terminal, a tab between them elsewhere."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        text = as_text(value)
        click.echo(f"{name:<{width}}  {text}" if sys.stdout.isatty() else f"{name}\t{text}")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their column names. Numbers are set to the right on a terminal."""
    if sys.stdout.isatty():
        _draw(columns, [list(row) for row in rows])
        return
    click.echo("\t".join(columns))
    for row in rows:
        click.echo("\t".join(map(as_text, row)))


def _draw(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    # Imported here: pipes do without it.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    needed = 0
    for place, name in enumerate(columns):
        values = [row[place] for row in rows]
        longest = max(len(as_text(value)) for value in (name, *values))
        prose = longest > _PROSE
        numeric = all(isinstance(value, int | Decimal | None) for value in values)
        table.add_column(
            Text(name), justify="right" if numeric else "left", no_wrap=not prose, overflow="fold"
        )
        needed += 3 + (_PROSE if prose else longest)
    for row in rows:
        # Text, not str: brackets in it are not markup.
        table.add_row(*(Text(as_text(value)) for value in row))
    console = Console(file=sys.stdout, highlight=False)
    # Rather let a narrow terminal break the lines than cut an amount.
    console.width = max(console.width, needed)
    console.print(table, crop=False)
