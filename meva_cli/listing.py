"""Records for people as a table, for programs as CSV, JSON lines, Parquet, or one JSON object."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from attrs import field, frozen

from meva_cli.options import COUNT, SYMBOL, TIME, json_option
from meva_cli.render import counted, print_json, print_line, print_pairs, print_spared_table
from meva_cli.writing import check_target, write_to
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.history.fields import Field
    from meva_core.ports import Progress

F = TypeVar("F", bound=Callable[..., Any])
TABLE: Final = "table"
LAST: Final = 50
"""So many rows a table shows where nothing else is asked for."""
STAGE7_FILLS: Final = {
    "time": "ts",
    "symbol": "symbol",
    "side": "side",
    "price": "price_try",
    "qty": "qty",
    "notional": "notional_try",
    "fee": "fee_try",
    "slippage": "slippage_try",
    "liquidity": "liquidity",
}
"""The columns of fills of Stage 7, and the fields that they show."""


def form_options(command: F) -> F:
    """Add `--format`, `--out` and `--json`, which the command takes as `form`, `out` and `as_json`."""
    for option in (
        json_option,
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            help="A file for csv, jsonl or parquet.  [default: stdout]",
        ),
        click.option(
            "--format",
            "form",
            type=click.Choice([TABLE, "csv", "jsonl", "parquet"]),
            default=TABLE,
            show_default=True,
            help="table is for people; the others hold every field, exactly, as `meva export` writes them.",
        ),
    ):
        command = option(command)
    return command


def rows_options(command: F) -> F:
    """Add `--symbol`, `--last`, `--start` and `--end`: which rows of a book are shown."""
    for option in (
        click.option("--end", type=TIME, help="None of after this time."),
        click.option("--start", type=TIME, help="None of before this time."),
        click.option(
            "--last",
            type=COUNT,
            metavar="N",
            help=f"The newest N only.  [default: {LAST}; with --start or --end, and for programs, all]",
        ),
        click.option("--symbol", type=SYMBOL, help="Those of one symbol."),
    ):
        command = option(command)
    return command


@frozen
class Listing:
    """Records of some fields under one name. `shown` are the columns of the table, and the fields that they
    show; `spared` what a narrow terminal does without, the first of them first. `for_people` are fields, the
    last ones, that are for the table alone. `none` is said in place of an empty table, and `notes` beside
    any other."""

    what: str
    head: Mapping[str, Any]
    fields: Sequence[Field] = field(repr=False)
    records: Sequence[tuple[Any, ...]] = field(repr=False)
    shown: Mapping[str, str]
    spared: Sequence[str]
    none: str
    for_people: int = 0
    notes: Sequence[str] = ()

    @property
    def _kept(self) -> Sequence[Field]:
        return self.fields[: len(self.fields) - self.for_people]

    def put(self, form: str, out: Path | None, *, as_json: bool) -> bool:
        """Write it as it was asked for; return whether that was a table, which people see more beside."""
        if form != TABLE:
            report = write_to(out, form, self._write)
            if report is not None:
                print_json(report) if as_json else print_pairs(report)
            return False
        if as_json:
            print_json({**self.head, self.what: [self._document(one) for one in self.records]})
            return False
        self._print()
        return True

    def _write(self, stream: Any, form: str, progress: Progress) -> dict[str, Any]:
        from meva_adapters.export import write_records
        from meva_core.history.fields import digits_of

        records = [one[: len(self._kept)] for one in self.records]
        digits = digits_of(self._kept, records) if form == "parquet" else None
        written = write_records(stream, form, records, self.head, digits, self._kept)
        return {**self.head, self.what: written}

    def _document(self, record: tuple[Any, ...]) -> dict[str, Any]:
        named = {one.name: value for one, value in zip(self._kept, record, strict=False)}
        return {name: value for name, value in named.items() if name not in ("schema_version", *self.head)}

    def _print(self) -> None:
        if not self.records:
            print_line(self.none)
            return
        names = [one.name for one in self.fields]
        places = [names.index(name) for name in self.shown.values()]
        rows = [[_shown(record[place]) for place in places] for record in self.records]
        print_spared_table(list(self.shown), rows, self.spared)
        say_beside(*self.notes)


def _shown(value: Any) -> Any:
    """Return a value as people look at it: a time to the second."""
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def say_beside(*notes: str) -> None:
    """Say what is to be said of a table, if anything: below it on a terminal, elsewhere on stderr, where it
    is no row."""
    for note in filter(None, notes):
        if sys.stdout.isatty():
            print_line(note)
        else:
            click.echo(f"note: {note}", err=True)


def newest_of(shown: int, total: int, what: str = "row") -> str:
    """Return what to say of a table that shows the newest of more; nothing where it shows all."""
    if shown >= total:
        return ""
    return f"The newest {shown} of {counted(total, what)}; --last N shows more."


def none_found(whose: str, what: str, symbol: str | None, then: bool, there: Iterable[str]) -> str:
    """Return what is said where nothing is found: of what was asked for, and no more than that.

    `whose` is a book or a run, `then` says that a time was asked for, and `there` are the symbols that there
    are such rows of, whatever the time; they are looked for where a symbol was asked for that is none of
    them: it may be a typing error.
    """
    of, when = f" of {symbol}" if symbol else "", " in that time" if then else ""
    others = sorted(set(there)) if symbol else []
    hint = f"; it has some of {', '.join(others)}" if others and symbol not in others else ""
    return f"{whose} has no {what}{of}{when}{hint}."


def check_form(form: str, out: Path | None, as_json: bool, url: URL) -> None:
    """Raise BadInput for what does not go together, before anything is read."""
    if form == TABLE and out is not None:
        raise BadInput(
            "a table is for people; a file has a format", action="add --format csv, jsonl or parquet"
        )
    if form != TABLE:
        check_target(form, out, as_json, url)
