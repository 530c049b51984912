"""Rows held against columns: everything that the columns of a run give is made again, and what is stored
otherwise is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from attrs import define, field

from meva_core.errors import StoreError
from meva_core.fingerprint import CycleDigests
from meva_core.ids import stamp_text
from meva_core.orders import TERMINAL
from meva_core.ports import Progress, Reads
from meva_core.stages.codec import Codec
from meva_core.state import open_gross, restore_state
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.opened import Opened
from meva_core.stretches.recorded import UNREADABLE, RecordedRun, faults_of, recorded_run
from meva_core.stretches.rows import CycleRows, cycle_rows
from meva_core.stretches.stored import ALL, StoredStretch
from meva_core.trace import COLUMNS, ONLY_COLUMNS, ORDER_CHANGES, TABLES, Names, Rendered, Renderer
from meva_core.trace.columns import Row
from meva_core.trace.happenings import STATUSES

_ORDERS: Final = "stage7_orders"
_KEYS: Final = "stage7_idempotency_keys"
_NAMES: Final[Mapping[str, int]] = {"stage7_checkpoints": 2}
"""How many of a table's first columns name a row, where it is not one."""
_CHANGED: Final = tuple(COLUMNS[_ORDERS].index(name) for name in ORDER_CHANGES)
_STATUS: Final = COLUMNS[_ORDERS].index("status")
_ENDED: Final = frozenset(STATUSES[int(status)] for status in TERMINAL)
_LONGEST: Final = 80


def rows_apart(reads: Reads, codec: Codec, run_id: str, progress: Progress) -> Iterator[str]:
    """Yield what is stored of a run otherwise than its columns give: rows that differ, that lack, and that
    are too many, and stretches that are damaged.

    Cycles without columns are not looked at. Memory holds one stretch, and the open orders.
    """
    row = reads.run(run_id)
    assert row is not None, "whoever asks has seen the run"
    faults = list(faults_of(row, codec.decode))
    yield from faults
    if faults:
        return  # what its columns mean is told by the row
    run = recorded_run(row, codec.decode)
    checked = _Checked(reads, codec, run)
    progress.start(row["cycles"], "rows against columns")
    try:
        for stored in reads.stretches(run_id):
            yield from checked.stretch(stored)
            progress.advance(stored.cycles)
        yield from checked.rest()
    finally:
        progress.done()


@define
class _Checked:
    """The rows of one run under comparison, stretch by stretch."""

    reads: Reads
    codec: Codec
    run: RecordedRun
    columns: ColumnCodec = field(init=False)
    made: CycleRows = field(init=False)
    renderer: Renderer = field(init=False)
    keys: Iterator[Row] = field(init=False)
    versions: Mapping[str, str] = field(init=False)
    at: int = 0
    """The place of the next cycle."""
    orders: dict[str, list[Any]] = field(factory=dict)
    """Orders that have not ended, as the columns give them."""
    stored_orders: dict[str, Row] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.columns = self.codec.columns()
        self.made = cycle_rows(self.run, self.codec.encode, self.codec.texts)
        self.versions = dict(self.reads.rows("stage7_forms", ("form", "code_version")))
        self.keys = self._keys()
        self._begin(0, {})

    def _begin(self, seq: int, gross: dict[tuple[int, int], int]) -> None:
        """Begin to render at a cycle, before which open orders had traded so much."""
        run = self.run
        names = Names(run.run_id, run.symbols, run.quote)
        cash, encode, texts = run.starting_text(), self.codec.encode, self.codec.texts()
        level = ONLY_COLUMNS  # the rows of every cycle are made apart
        self.renderer = Renderer(names, run.params, cash, level, encode, texts, seq, gross=gross)
        self.at = seq

    # -- A stretch ------------------------------------------------------------------------------------

    def stretch(self, stored: StoredStretch) -> Iterator[str]:
        """Yield what is stored of the cycles of the next stretch otherwise than its columns give."""
        if stored.seq != self.at:
            self._begin(stored.seq, self._traded_before(stored.seq))
        try:
            opened = self.run.opened(stored, self.columns, self.versions.get(stored.form))
            rendered = self._rendered(opened)
            yield from self._of_every_cycle(opened)
        except StoreError as error:
            yield str(error)
            # What orders traded before is not known any more: those that are open are left.
            self._begin(stored.seq + stored.cycles, defaultdict(int))
            return
        self.at += stored.cycles
        yield from self._of_what_happened(opened, rendered)

    def _rendered(self, opened: Opened) -> Rendered:
        """Return the rows of a stretch, without those of every cycle."""
        rendered = Rendered()
        for span in opened.spans():
            digests: list[CycleDigests] = []  # only the rows of every cycle have them
            rendered.add(self.renderer.render(span.market, span.rules, span.out, 0, span.cycles, digests))
        return rendered

    def _of_every_cycle(self, opened: Opened) -> Iterator[str]:
        if opened.stored.rows != ALL:
            return
        for table in TABLES:
            made = self.made.of(opened, table, COLUMNS[table])
            yield from _apart(table, self._stored(opened, table), made)

    def _of_what_happened(self, opened: Opened, rendered: Rendered) -> Iterator[str]:
        for table, rows in rendered.rows.items():
            if table == _ORDERS:
                yield from self._of_orders(opened, rows, rendered.order_changes)
            elif table == _KEYS:
                yield from _apart(table, self._keys_until(opened.stored.end), rows)
            elif table not in TABLES:
                yield from _apart(table, self._stored(opened, table), rows)

    def _stored(self, opened: Opened, table: str) -> Iterator[Row]:
        start, end = (datetime.fromtimestamp(t, UTC) for t in (opened.stored.start, opened.stored.end))
        return self.reads.as_stored(table, COLUMNS[table], run_id=self.run.run_id, start=start, end=end)

    # -- Orders ---------------------------------------------------------------------------------------

    def _of_orders(self, opened: Opened, rows: list[Row], changes: list[Row]) -> Iterator[str]:
        """Compare the orders that ended in a stretch; the others change on."""
        for there in self._stored(opened, _ORDERS):
            if there[0] in self.stored_orders:
                yield f"{_ORDERS} {there[0]} is there twice"
            self.stored_orders[there[0]] = there
        self.orders |= {row[0]: list(row) for row in rows}
        for order, *values in changes:
            if order in self.orders:
                for place, value in zip(_CHANGED, values, strict=True):
                    self.orders[order][place] = value
        for order in [name for name in self.stored_orders if name not in self.orders]:
            yield f"{_ORDERS} {order} is too many"
            del self.stored_orders[order]
        for order in [name for name, row in self.orders.items() if row[_STATUS] in _ENDED]:
            yield from self._of_order(order)

    def _of_order(self, order: str) -> Iterator[str]:
        """Compare one order, and forget it."""
        made, there = tuple(self.orders.pop(order)), self.stored_orders.pop(order, None)
        yield from _apart(_ORDERS, [] if there is None else [there], [made])

    def rest(self) -> Iterator[str]:
        """Yield what differs of the orders that had not ended with the last cycle."""
        for order in list(self.orders):
            yield from self._of_order(order)
        yield from _apart(_KEYS, self.keys, [])

    # -- What is not of a run, and what was before ----------------------------------------------------

    def _keys(self) -> Iterator[Row]:
        """Yield the idempotency keys of this run's orders, in time order: their table knows no runs."""
        prefix = f"submit:s7:{self.run.run_id}-"
        for row in self.reads.as_stored(_KEYS, COLUMNS[_KEYS]):
            if str(row[0]).startswith(prefix):
                yield row

    def _keys_until(self, end: int) -> Iterator[Row]:
        """Yield the keys of cycles up to one."""
        last = stamp_text(end)
        for row in self.keys:
            if str(row[1]) > last:
                self.keys = chain([row], self.keys)
                return
            yield row

    def _traded_before(self, seq: int) -> dict[tuple[int, int], int]:
        """Return what orders that were open before a cycle had traded by then."""
        where = {"run_id": self.run.run_id, "seq": seq}
        for (text,) in self.reads.rows("stage7_states", ("state_json",), where=where):
            with suppress(*UNREADABLE):
                return open_gross(restore_state(self.codec.decode(text), self.run.symbols))
        return defaultdict(int)


def _apart(table: str, stored: Iterable[Row], made: Iterable[Row]) -> Iterator[str]:
    """Yield, in words, the rows of a table that are stored otherwise than they are made."""
    width, columns = _NAMES.get(table, 1), COLUMNS[table]
    there: dict[Row, list[Row]] = {}
    for row in stored:
        there.setdefault(tuple(row[:width]), []).append(tuple(row))
    for row in made:
        name = " ".join(map(str, row[:width]))
        found = there.pop(tuple(row[:width]), [])
        if not found:
            yield f"{table} {name} lacks"
        elif len(found) > 1:
            yield f"{table} {name} is there {len(found)} times"
        for column, then, now in zip(columns, *found[:1] or [row], row, strict=True):
            if then != now:
                yield f"{table} {name}: {column} is {_shown(then)}, its columns give {_shown(now)}"
    for key in there:
        yield f"{table} {' '.join(map(str, key))} is too many"


def _shown(value: Any) -> str:
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
