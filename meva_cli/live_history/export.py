"""`meva export` of books of Stages 3 and 4."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import frozen

from meva_cli.live_history.asked import standing_of, texts
from meva_cli.render import print_json, print_pairs
from meva_cli.writing import write_to

if TYPE_CHECKING:
    from meva_core.history.fields import Field
    from meva_core.live_history.books import Listed
    from meva_core.ports import Progress, Reads

Records = tuple["Sequence[Field]", Iterable[tuple[Any, ...]]]
FLOWS: Final = "flows"
TAX: Final = "tax"


@frozen
class Asked:
    """What is to be written of a book: records within a window, inclusive, of the newest `last` cycles, and
    for taxes the table of rates."""

    reads: Reads
    listed: Listed
    what: str
    start: datetime | None
    end: datetime | None
    last: int | None
    rates: Path | None

    @property
    def window(self) -> dict[str, Any]:
        """The window; of the newest cycles, where it is asked for those, it begins with the first of them."""
        if self.last is None:
            return {"start": self.start, "end": self.end}
        from meva_core.live_history.cycles import cycles_in

        cycles = cycles_in(self.reads, self.listed, self.start, self.end, self.last)
        return {"start": cycles[0][0], "end": self.end}


def export_book(asked: Asked, form: str, out: Path | None, *, as_json: bool) -> None:
    """Write what was asked for, and say what was written."""
    fields, records = _OF[asked.what](asked)
    head: Mapping[str, Any] = {"book": asked.listed.name, "run_id": asked.listed.run}
    if asked.what == TAX:
        from meva_core.live_history.tax import BASIS

        click.echo(f"note: {BASIS}", err=True)
        head = {**head, "basis": BASIS}

    def write(stream: Any, form: str, progress: Progress) -> dict[str, Any]:
        from meva_adapters.export import write_records
        from meva_core.history.fields import digits_of

        listed = list(records)
        # The exchange's amounts may have more digits than ours.
        digits = digits_of(fields, listed) if form == "parquet" else None
        written = write_records(stream, form, listed, head, digits, fields)
        return {**head, asked.what: written}

    report = write_to(out, form, write)
    if report is not None:
        print_json(report) if as_json else print_pairs(report)


def _cycles(asked: Asked) -> Records:
    from meva_core.live_history.cycles import cycles_in
    from meva_core.live_history.lines import FIELDS, lines_of

    standing = standing_of(asked.reads, asked.listed)
    cycles = cycles_in(asked.reads, asked.listed, asked.start, asked.end, asked.last)
    return FIELDS, (one.record(standing) for one in lines_of(asked.reads, standing, cycles))


def _fills(asked: Asked) -> Records:
    from meva_core.live_history.fills import FIELDS, booked_fills

    return FIELDS, (
        one.record(asked.listed) for one in booked_fills(asked.reads, asked.listed, **asked.window)
    )


def _flows(asked: Asked) -> Records:
    from meva_core.live_history.fills import FLOW_FIELDS, flows_of

    return FLOW_FIELDS, flows_of(asked.reads, asked.listed, **asked.window)


def _orders(asked: Asked) -> Records:
    from meva_core.live_history.orders import FIELDS, orders_of

    return FIELDS, (one.record(asked.listed) for one in orders_of(asked.reads, asked.listed, **asked.window))


def _trades(asked: Asked) -> Records:
    from meva_core.history.record_export import TRADES, trade_records
    from meva_core.live_history.summary import summary_of

    found = summary_of(asked.reads, standing_of(asked.reads, asked.listed), texts())
    return TRADES, trade_records(found.trips, asked.listed.run, **asked.window)


def _equity(asked: Asked) -> Records:
    from meva_core.live_history.equity import FIELDS, equity_records

    return FIELDS, equity_records(asked.reads, standing_of(asked.reads, asked.listed), **asked.window)


def _tax(asked: Asked) -> Records:
    from meva_cli.tax_rates import read_rates
    from meva_core.live.live_orders import moment
    from meva_core.live_history.fills import postings_with_cycles
    from meva_core.live_history.tax import FIELDS, taken_lots

    rates = [] if asked.rates is None else read_rates(asked.rates)
    standing, window = standing_of(asked.reads, asked.listed), asked.window
    postings = [one for _, one in postings_with_cycles(asked.reads, asked.listed)]
    start, end = window["start"], window["end"]
    return FIELDS, (
        one.record(asked.listed, rates)
        for one in taken_lots(standing.opening, postings)
        if (start is None or moment(one.ts) >= start) and (end is None or moment(one.ts) <= end)
    )


_OF: Final[Mapping[str, Callable[[Asked], Records]]] = {
    "cycles": _cycles,
    "fills": _fills,
    "orders": _orders,
    "trades": _trades,
    "equity": _equity,
    FLOWS: _flows,
    TAX: _tax,
}
