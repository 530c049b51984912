"""A run in memory that can be asked as a stored one: its columns are packed as a database holds them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attrs import define, field

from meva_adapters.codec import CODEC
from meva_core import __version__
from meva_core.amounts import to_decimal
from meva_core.ids import cycle_id
from meva_core.ports import Reads
from meva_core.stages.levels import COLUMNS
from meva_core.stages.plan import RunPlan
from meva_core.stages.resuming import Progressing
from meva_core.stages.run import Book, Stretch
from meva_core.stages.run_row import begun_row
from meva_core.stretches.body import ColumnCodec, pack
from meva_core.stretches.joining import CYCLES, Joiner
from meva_core.stretches.layout import Layout, layout_of
from meva_core.stretches.stored import FEW, StoredStretch, stored_stretch

if TYPE_CHECKING:
    from meva_adapters.sql.from_columns import RowsFromColumns


@define
class Kept:
    """The stretches of a planned run, packed as they come."""

    plan: RunPlan
    _done: list[StoredStretch] = field(factory=list, init=False)
    _joiner: Joiner = field(factory=Joiner, init=False)
    _links: list[bytes] = field(factory=list, init=False)
    _layout: Layout = field(init=False)
    _form: str = field(init=False)
    _columns: ColumnCodec = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._layout = layout_of(self.plan.params)
        self._form, self._columns = self._layout.form(), CODEC.columns()

    def take(self, stretch: Stretch, links: Sequence[bytes]) -> None:
        """Take the next cycles, of which these are the links."""
        market, inputs, rules, out, start, stop, _ = stretch
        if self._joiner.cycles + stop - start > CYCLES:
            self._close()
        self._joiner.add(market, inputs, rules, out, start, stop)
        self._links += links

    def _close(self) -> None:
        joiner, seq = self._joiner, sum(one.cycles for one in self._done)
        body = pack(self._layout, joiner.groups(), self._columns)
        links = b"".join(self._links)
        self._done.append(
            stored_stretch(self.plan.run_id, seq, joiner.start, joiner.end, self._form, FEW, links, body)
        )
        self._joiner, self._links = Joiner(), []

    def ended(self, book: Book, engine: str) -> Memory:
        """Return the run that ended with this book."""
        self._close()
        first, last = int(self.plan.times[0]), int(self.plan.times[-1])
        run = Progressing(self.plan, book, self.plan.run_id, last)
        row = _row(run, first, last, engine)
        return Memory(row, tuple(self._done), CODEC.encode(run.document()))


def _row(run: Progressing, first: int, last: int, engine: str) -> dict[str, Any]:
    """Return what `Reads.run` tells of a run that is complete, from its `first` cycle to its `last`, in
    seconds."""
    now = datetime.now(UTC)
    about = {"created_at": now.isoformat(timespec="microseconds"), "engine": engine}
    row = begun_row(run, CODEC.encode, {**about, "code_version": __version__}, COLUMNS, first)
    return {
        **dict.fromkeys(("book", "continues", "genesis")),
        **row,
        "created_at": now,
        "start_ts": datetime.fromtimestamp(first, UTC),
        "end_ts": datetime.fromtimestamp(last, UTC),
        "last_ts": datetime.fromtimestamp(last, UTC),
        "last_cycle_id": cycle_id(run.run_id, last),
        "starting_cash_try": to_decimal(run.starting_cash()),
        "cycles": run.book.seq,
        "fingerprint": run.book.link.hex(),
        "status": "complete",
    }


def _placed(stretch: StoredStretch) -> dict[str, Any]:
    """Return where a stretch lies, as a row of stage7_stretches tells it."""
    start, end = (datetime.fromtimestamp(time, UTC) for time in (stretch.start, stretch.end))
    placed = {name: getattr(stretch, name) for name in ("seq", "cycles", "rows")}
    return {**placed, "start_ts": start, "end_ts": end}


class Memory:
    """The `Reads` of one run in memory: its row, its stretches, where it stands, and the rows that can be
    made of columns."""

    def __init__(self, row: Mapping[str, Any], stretches: tuple[StoredStretch, ...], state: str) -> None:
        self.row, self._stretches, self._state = dict(row), stretches, state
        self._made: RowsFromColumns | None = None

    @contextmanager
    def look(self) -> Iterator[Reads]:
        """Hold a view, as a database gives one."""
        yield self

    def runs(self) -> list[dict[str, Any]]:
        """Return the run."""
        return [self.row]

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Return the run by its id."""
        return self.row if run_id == self.row["run_id"] else None

    def state(self, run_id: str) -> dict[str, Any] | None:
        """Return what a next cycle would need."""
        last = {"cycle_id": self.row["last_cycle_id"], "ts": self.row["last_ts"]}
        return {**last, "state_json": self._state} if self.run(run_id) else None

    def rows(
        self,
        table: str,
        columns: Sequence[str],
        *,
        run_id: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        where: Mapping[str, Any] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table that every cycle has one in, or where the stretches lie. No other table
        has any."""
        from itertools import islice

        from meva_adapters.sql.asked import Asked
        from meva_adapters.sql.from_columns import RowsFromColumns
        from meva_core.trace import TABLES

        if run_id not in (None, self.row["run_id"]):
            return iter(())
        if table == "stage7_stretches":
            return (tuple(_placed(one)[name] for name in columns) for one in self._stretches)
        if table not in TABLES:
            return iter(())
        if self._made is None:
            self._made = RowsFromColumns(self)
        asked = Asked(table, tuple(columns), self.row["run_id"], start, end, where or {}, newest_first, limit)
        return islice(self._made.rows(self.row["run_id"], asked), limit)

    def newest(
        self,
        table: str,
        columns: Sequence[str],
        *,
        where: Mapping[str, Any],
        of: str,
        each: Collection[str],
        most: int = 1,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield nothing: no run in memory is of the live market."""
        return iter(())

    def stretches(
        self,
        run_id: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> Iterator[StoredStretch]:
        """Yield the stretches that have a cycle in [start, end], in time order."""
        if self.run(run_id) is None:
            return
        for one in self._stretches[:: -1 if newest_first else 1]:
            if start is not None and one.end < start.timestamp():
                continue
            if end is None or one.start <= end.timestamp():
                yield one

    def as_stored(
        self,
        table: str,
        columns: Sequence[str],
        *,
        run_id: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield nothing: there are no tables."""
        return iter(())

    def count(self) -> dict[str, int]:
        """Return no table."""
        return {}
