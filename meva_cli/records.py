"""The records of an account, for commands that write them: cycles, fills, orders, round trips, equity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from meva_cli.summary import assumed_data

if TYPE_CHECKING:
    from meva_core.history.fields import Digits, Field
    from meva_core.history.window import Window
    from meva_core.ports import Progress, Reads
    from meva_core.stages.accounts import Account

STEPS: Final = 500
"""Progress moves every so many records."""
CYCLES: Final = "cycles"
TRADES: Final = "trades"


@frozen
class Records:
    """What is asked for of an account, within windows of its runs that follow each other."""

    reads: Reads
    what: str
    account: Account
    windows: Sequence[Window] = field(repr=False)
    symbol: str | None = None

    def fields(self) -> Sequence[Field]:
        """Return what a record holds."""
        if self.what == CYCLES:
            from meva_core.history import cycle_export

            return cycle_export.FIELDS
        from meva_core.history import record_export

        return record_export.FIELDS[self.what]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the records, the oldest first.

        Raises StoreUnready for round trips of a run without stored columns.
        """
        if self.what == TRADES:
            return self._trades()
        return chain.from_iterable(map(self._of_window, self.windows))

    def _of_window(self, window: Window) -> Iterator[tuple[Any, ...]]:
        if self.what == CYCLES:
            from meva_adapters.codec import CODEC
            from meva_core.history.cycle_export import records

            return records(self.reads, window, CODEC.decode)
        from meva_core.history.record_export import table_records

        bounds = {"start": window.reads_from, "end": window.end}
        return table_records(self.reads, self.what, window.run_id, symbol=self.symbol, **bounds)

    def _trades(self) -> Iterator[tuple[Any, ...]]:
        from meva_adapters.codec import CODEC
        from meva_core.history.record_export import trade_records
        from meva_core.stages.summary import round_trips_of

        trips = round_trips_of(self.reads, self.account, CODEC)
        start, end = self.windows[0].first_ts, self.windows[-1].last_ts
        return trade_records(trips, self.windows[-1].run_id, start=start, end=end, symbol=self.symbol)

    def head(self) -> dict[str, Any]:
        """Return what is said of them all: the schema's version, the run, the window, and what of the data
        nobody recorded."""
        from meva_core.history.cycle_export import SCHEMA_VERSION as version
        from meva_core.history.cycle_export import head_of

        if self.what != CYCLES:  # what makes round trips costs more to load than cycles to write
            from meva_core.history.record_export import SCHEMA_VERSION as version
        first, last = (head_of(self.windows[place]) for place in (0, -1))
        assumed = assumed_data(self.account)
        return {
            **last,
            "schema_version": version,
            "window_start": first["window_start"],
            **({} if assumed is None else {"assumed": assumed}),
        }

    def write(self, stream: Any, form: str, progress: Progress) -> dict[str, Any]:
        """Write all of them to a binary stream, and return what was written."""
        from meva_adapters.export import write_records
        from meva_core.history.window import LEGACY

        head, [newest] = self.head(), self.windows[-1:]
        exact = self._digits(newest) if form == "parquet" and newest.run_id == LEGACY else None
        known = sum((self.reads.run(window.run_id) or {}).get("cycles") or 0 for window in self.windows)
        progress.start(known if self.what == CYCLES else None, "export")
        try:
            written = write_records(stream, form, _watched(self, progress), head, exact, self.fields())
        finally:
            progress.done()
        return {**head, self.what: written}

    def _digits(self, window: Window) -> Digits:
        """Return how many digits the amounts of the earlier system need: it wrote any number of them."""
        if self.what == CYCLES:
            from meva_core.history.cycle_export import digits_of

            return digits_of(self.reads, window)
        from meva_core.history.fields import Digits

        found, fields = Digits(), self.fields()
        for record in self:
            for one, value in zip(fields, record, strict=True):
                if one.kind == "amount" and isinstance(value, Decimal):
                    found.add(value)
        return found


def _watched(records: Iterable[tuple[Any, ...]], progress: Progress) -> Iterator[tuple[Any, ...]]:
    for number, record in enumerate(records, 1):
        yield record
        if number % STEPS == 0:
            progress.advance(STEPS)
