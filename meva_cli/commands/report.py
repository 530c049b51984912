"""`meva report`: recent cycles, one line each, and what they add up to."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from meva_cli.database import DB, database, reading
from meva_cli.listing import newest_of, say_beside
from meva_cli.live_history.asked import asked_live
from meva_cli.options import FOLDER, RealRange, json_option
from meva_cli.render import as_text, counted, print_json, print_line, print_table
from meva_cli.stage4 import STAGE, every_row, is_cut, refuse_run, stage4_rows
from meva_cli.window import LAST, asked_windows, moment, window_options
from meva_cli.writing import check_place
from meva_core.errors import StoreUnready

if TYPE_CHECKING:
    from meva_core.history.summaries import Line, Totals
    from meva_core.ports import Reads

TRY: Final = "TRY"
SHOWN: Final = {
    "time": "ts",
    "mode": "mode",
    "universe": "universe_size",
    "orders": "orders",
    "fills": "fills",
    "equity_try": "equity_try",
    "net_pnl_try": "net_pnl_try",
    "fees_try": "fees_try",
    "slippage_try": "slippage_try",
    "max_drawdown": "max_drawdown_ratio",
    "reason": "reason",
}
"""Columns of the table, and where in a line their values are."""
SPARED: Final = ("universe", "slippage_try", "fees_try", "max_drawdown", "net_pnl_try")
"""What a narrow terminal does without, the first of them first; the totals have them."""


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@DB
@window_options(LAST)
@click.option("--summary", is_flag=True, help="The page of figures instead: of a whole run, or of a book.")
@click.option("--html", type=FOLDER, metavar="FILE", help="That page as a file with pictures and tables.")
@click.option("--open", "opened", is_flag=True, help="With --html: open it in the browser.")
@click.option("--compare", is_flag=True, help="The figures of RUN... side by side, and what sets them apart.")
@click.option("--book", metavar="NAME", help="All runs of this book together.")
@click.option(
    "--cash-rate",
    type=RealRange(-1, 100, min_open=True),
    metavar="RATIO",
    help="With figures: what cash earns in a year, such as 0.4, for Sharpe and Sortino.  [default: 0]",
)
@STAGE
@json_option
def report(
    runs: tuple[str, ...],
    db: str | None,
    run_id: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    summary: bool,
    html: Path | None,
    opened: bool,
    compare: bool,
    book: str | None,
    cash_rate: float | None,
    stage: str,
    as_json: bool,
) -> None:
    """Show recent cycles, oldest first, and their totals; or with --summary what a run came to.

    The page of figures has return and what holding would have brought, the worst fall, costs, round trips,
    modes and symbols; docs/reference/figures.md defines each. What is not defined is null with --json, and
    why stands under `undefined`. With --html it is one file with pictures, tables and reasons that asks no
    network for anything.

    Of a book of Stages 3 and 4 (--book live, or the one written last) the lines are its cycles': orders,
    cancels, fills, equity, the day's result and the net profit since its opening, flows out. With --stage
    stage4 it shows the metrics that cycles of the earlier system recorded, too, or, where there are none,
    audits and snapshots.

    Equity, profit, fees and slippage are those of the account after the cycle, counted since the run began;
    drawdown is the largest so far. Of a book, with --book, they are counted since it began, and cycles are
    those of all its runs. The reason says why a cycle placed no order; `meva why CYCLE` says more.
    """
    asked = {"--summary": summary, "--html": html is not None, "--compare": compare}
    page = _page_asked(asked, runs, book, cash_rate, opened)
    if page is not None:
        _refuse_window(page, start, end, last, stage)
        if html is not None:
            check_place(html, database(db), "--html")
        with reading(database(db)) as reads:
            if html is not None:
                _write(reads, db, run_id, book, cash_rate or 0, html, opened)
            elif compare:
                _compare(reads, runs, cash_rate or 0, as_json)
            else:
                _summarize(reads, run_id, book, cash_rate or 0, as_json)
        return
    with reading(database(db)) as reads:
        if stage == "stage4":
            if book is not None:
                raise click.UsageError("Stage 4's cycles belong to no book; leave out --book")
            _report_stage4(reads, run_id, start, end, last, as_json)
            return
        listed = asked_live(reads, book, run_id)
        if listed is not None:
            from meva_cli.live_history.report import report_book

            report_book(reads, listed, moment(start), moment(end), last, as_json=as_json)
            return
        _report(reads, run_id, book, start, end, last, as_json)


def _report(
    reads: Reads,
    run_id: str | None,
    book: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    as_json: bool,
) -> None:
    from meva_adapters.codec import CODEC
    from meva_cli.summary import asked_account
    from meva_core.history.summaries import Totals, report_lines

    account = asked_account(reads, run_id, book)
    is_newest = is_cut(start, end, last)
    last = LAST if is_newest else last
    windows = asked_windows(reads, account.run_ids, start, end, last)
    shown, market = [window.run_id for window in windows], _market(reads, account.run_ids[-1])
    totals = Totals()
    of_windows = (report_lines(reads, window, CODEC.decode) for window in windows)
    lines = totals.counted(chain.from_iterable(of_windows))
    if as_json:
        import attrs

        found = [attrs.asdict(line) for line in lines]
        which: dict[str, Any] = {"run_id": shown[-1]} if book is None else {"book": book, "runs": shown}
        print_json({**which, "books": market.books, "cycles": found, "totals": totals_of(totals)})
    else:
        named = f"Run {shown[-1]}" if book is None else f"Book {book}, {_runs_named(shown)}"
        print_report(named, lines, totals, market)
        if is_newest:
            every = sum((row or {}).get("cycles") or 0 for row in map(reads.run, account.run_ids))
            say_beside(newest_of(LAST, every, "cycle"))


class _Market(NamedTuple):
    """What the market of a run was: its order books (None where nothing is known), what is to be said of
    them, and the currency of its amounts."""

    books: str | None
    note: str
    quote: str


def _market(reads: Reads, run_id: str) -> _Market:
    from meva_adapters.codec import CODEC
    from meva_core.provenance import books_note, books_of

    row = reads.run(run_id)
    if row is None or not row["dataset_sha256"]:
        return _Market(None, "", TRY)
    manifest = CODEC.decode(row["manifest_json"]) if row["manifest_json"] else None
    settings = CODEC.decode(row["settings_json"]) if row["settings_json"] else {}
    return _Market(books_of(manifest), books_note(manifest), settings.get("STAGE7_UNIVERSE_QUOTE_CCY") or TRY)


def _page_asked(
    asked: Mapping[str, bool],
    runs: Sequence[str],
    book: str | None,
    cash_rate: float | None,
    opened: bool,
) -> str | None:
    """Return the option that asks for figures, None for cycles; raise UsageError for what does not go
    together."""
    pages = [option for option, given in asked.items() if given]
    if len(pages) > 1:
        raise click.UsageError(f"{' and '.join(pages)} do not go together")
    page = pages[0] if pages else None
    needs: dict[str, tuple[bool, tuple[str | None, ...]]] = {
        "RUN...": (bool(runs), ("--compare",)),
        "--book": (book is not None, ("--summary", "--html", None)),
        "--cash-rate": (cash_rate is not None, ("--summary", "--html", "--compare")),
        "--open": (opened, ("--html",)),
    }
    for option, (given, places) in needs.items():
        if given and page not in places:
            raise click.UsageError(f"{option} goes with {' or '.join(filter(None, places))}")
    return page


def _refuse_window(page: str, start: int | None, end: int | None, last: int | None, stage: str) -> None:
    """Raise a usage error for what figures cannot be made of."""
    if (start, end, last) != (None, None, None):
        raise click.UsageError(
            f"{page} is of a whole run or book: --start, --end and --last do not go with it"
        )
    if stage == "stage4":
        raise click.UsageError(f"{page} is of Stage 7; leave out --stage")


def _summarize(reads: Reads, run_id: str | None, book: str | None, rate: float, as_json: bool) -> None:
    from meva_adapters.codec import CODEC
    from meva_adapters.texts.figures_page import title
    from meva_adapters.texts.summary_document import summary_document
    from meva_cli.reports.figures import print_page
    from meva_cli.summary import asked_account
    from meva_core.stages.summary import summary_of

    listed = asked_live(reads, book, run_id)
    if listed is not None:
        from meva_cli.live_history.report import summary_of_book

        document = summary_of_book(reads, listed, rate).document()
    else:
        found = summary_of(reads, asked_account(reads, run_id, book), CODEC, cash_rate=rate)
        document = summary_document(found)
    if as_json:
        print_json(document)
        return
    print_line(title(document))
    print_page(document)


def _write(
    reads: Reads,
    db: str | None,
    run_id: str | None,
    book: str | None,
    rate: float,
    path: Path,
    opened: bool,
) -> None:
    listed = asked_live(reads, book, run_id)
    if listed is not None:
        from meva_cli.live_history.page import html_of_book

        html = html_of_book(reads, listed, rate, db)
    else:
        from meva_cli.reports.html import html_report
        from meva_cli.summary import asked_account

        html = html_report(reads, asked_account(reads, run_id, book), rate, db)
    from meva_cli.reports.html import write_report

    write_report(path, html, opened=opened)
    print_line(str(path))


def _compare(reads: Reads, runs: Sequence[str], rate: float, as_json: bool) -> None:
    from meva_cli.comparing import compared, print_compared

    document = compared(reads, runs, rate)
    if as_json:
        print_json(document)
    else:
        print_compared(document)


def totals_of(totals: Totals) -> dict[str, Any]:
    """Return totals as JSON holds them."""
    last = totals.last
    names = ("equity_try", "net_pnl_try", "fees_try", "slippage_try", "max_drawdown_ratio")
    return {
        "cycles": totals.cycles,
        "cycles_with_orders": totals.cycles_with_orders,
        "cycles_with_fills": totals.cycles_with_fills,
        "orders": totals.orders,
        "fills": totals.fills,
        "rejected": totals.rejected,
        "canceled": totals.canceled,
        "modes": dict(totals.modes.most_common()),
        "reasons": dict(totals.reasons.most_common()),
        **{name: getattr(last, name) for name in names},
    }


def _runs_named(runs: Sequence[str]) -> str:
    return f"run {runs[0]}" if len(runs) == 1 else f"runs {', '.join(runs)}"


def print_report(which: str, lines: Iterator[Line], totals: Totals, market: _Market) -> None:
    """Print lines and totals for people; for pipes the table alone, and beside it what is to be said of the
    data."""
    if not sys.stdout.isatty():
        if market.note:
            click.echo(f"warning: {market.note}", err=True)
        print_table(list(SHOWN), ([getattr(line, name) for name in SHOWN.values()] for line in lines))
        return
    found = list(lines)
    columns = fitting(found, shutil.get_terminal_size().columns)
    names = [name.replace("_try", f"_{market.quote.lower()}") for name in columns]
    print_table(names, [[getattr(line, SHOWN[name]) for name in columns] for line in found])
    print_line()
    for text in totals_lines(which, totals, market.quote):
        print_line(text)
    if market.note:
        print_line(f"{market.note[0].upper()}{market.note[1:]}.")
    if left_out := [name for name in SHOWN if name not in columns]:
        print_line(f"Not shown at this width: {', '.join(left_out)}.")


def fitting(lines: Sequence[Line], width: int) -> list[str]:
    """Return the columns that fit into a terminal of this width, or all that are never spared."""
    spared: set[str] = set()
    for name in (*SPARED, None):
        columns = [column for column in SHOWN if column not in spared]
        if name is None or _table_width(lines, columns) <= width:
            return columns
        spared.add(name)
    return columns


def _table_width(lines: Sequence[Line], columns: Sequence[str]) -> int:
    cells = [[as_text(getattr(line, SHOWN[name])) for line in lines] for name in columns]
    return sum(3 + max(map(len, [name, *texts])) for name, texts in zip(columns, cells, strict=True))


def totals_lines(which: str, totals: Totals, quote: str = TRY) -> Iterator[str]:
    """Yield what the cycles add up to, in words."""
    figures = totals_of(totals)
    yield (
        f"{which}: {counted(totals.cycles, 'cycle')}, {totals.cycles_with_orders} placed orders, "
        f"{totals.cycles_with_fills} had fills. "
        f"Orders {totals.orders}, fills {totals.fills}, rejected {totals.rejected}, "
        f"canceled {totals.canceled}."
    )
    yield f"Modes: {_counted(figures['modes'])}."
    if totals.reasons:
        yield f"Without an order: {_counted(figures['reasons'])}."
    yield (
        f"After the last: equity {as_text(figures['equity_try'])} {quote}, "
        f"net PnL {as_text(figures['net_pnl_try'])}, fees {as_text(figures['fees_try'])}, "
        f"slippage {as_text(figures['slippage_try'])}, "
        f"largest drawdown {as_text(figures['max_drawdown_ratio'])}."
    )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or 'none recorded'} {count}" for name, count in counts.items())


def _report_stage4(
    reads: Reads, run_id: str | None, start: int | None, end: int | None, last: int | None, as_json: bool
) -> None:
    """Show Stage 4's cycles; where no metrics of them are, what else tells of them: audits and snapshots."""
    from meva_core.history.summaries import STAGE4_TABLES

    refuse_run(run_id)
    counts = reads.count()
    tables = (
        ["cycle_metrics"] if counts["cycle_metrics"] else [name for name in STAGE4_TABLES if counts[name]]
    )
    if not tables:
        raise StoreUnready(
            "Stage 4's table cycle_metrics holds no row yet, nor do its audits and snapshots",
            action="leave out --stage to see Stage 7's cycles, or check --db",
        )
    found = {
        name: stage4_rows(reads, name, STAGE4_TABLES[name][1], run_id, start, end, last) for name in tables
    }
    documents = {
        STAGE4_TABLES[name][0]: (["ts", *STAGE4_TABLES[name][1][1:]], rows) for name, rows in found.items()
    }
    if as_json:
        print_json(
            {
                what: [dict(zip(names, row, strict=True)) for row in rows]
                for what, (names, rows) in documents.items()
            }
        )
        return
    if "cycles" not in documents:
        click.echo("no metrics of cycles were recorded yet; this is what there is", err=True)
    for name, (what, (names, rows)) in zip(tables, documents.items(), strict=True):
        if len(documents) > 1:
            print_line(f"{what}:")
        print_table(names, rows)
        if is_cut(start, end, last):
            say_beside(newest_of(len(rows), every_row(reads, name)))
