"""Rows held against columns: everything that the columns of a run give is made again, and what is stored
otherwise is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

from attrs import define, field

from meva_core.chains import chains_of
from meva_core.errors import StoreCorrupt, StoreError
from meva_core.fingerprint import CycleDigests
from meva_core.ids import content_hash, run_and_time, stamp_text
from meva_core.orders import TERMINAL
from meva_core.ports import Progress, Reads
from meva_core.stages.books import earlier_runs
from meva_core.stages.codec import Codec
from meva_core.stages.left_out import left_out
from meva_core.stages.run_row import faults_of, row_as_stored
from meva_core.state import open_gross, restore_state
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.opened import Opened, made_of
from meva_core.stretches.recorded import UNREADABLE, RecordedRun, recorded_run
from meva_core.stretches.rows import CycleRows, cycle_rows
from meva_core.stretches.stored import ALL, StoredStretch
from meva_core.trace import COLUMNS, ONLY_COLUMNS, ORDER_CHANGES, TABLES, Names, Rendered, Renderer
from meva_core.trace.columns import Row
from meva_core.trace.happenings import STATUSES

_ORDERS: Final = "stage7_orders"
_KEYS: Final = "stage7_idempotency_keys"
_NAMES: Final[Mapping[str, int]] = {"stage7_checkpoints": 2}
"""How many of a table's first columns name a row, where it is not one."""
_UNUSED: Final[Mapping[str, Mapping[str, Any]]] = {
    "stage7_run_metrics": {"no_metrics_reason": None},
    "stage7_risk_decisions": {"caps_json": "{}", "metrics_json": "{}"},
}
"""Columns that Meva leaves at their defaults: the earlier system wrote them."""
_CHANGED: Final = tuple(COLUMNS[_ORDERS].index(name) for name in ORDER_CHANGES)
_STATUS_CHANGED: Final = ORDER_CHANGES.index("status")
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
    faults = list(faults_of(row, row_as_stored(reads, run_id), codec.decode))
    yield from faults
    if faults:
        return  # what its columns mean is told by the row
    try:
        chains = chains_of(reads, run_id)
        for _ in left_out(reads, row, chains, codec.decode):
            pass  # recorded in rows only, by an earlier version
    except StoreCorrupt as error:
        yield str(error)
    checked = _Checked(
        reads,
        codec,
        recorded_run(row, codec.decode),
        earlier_runs(reads, row.get("continues")),
        goes_on=bool(row.get("genesis")),
    )
    progress.start(row["cycles"], "rows against columns")
    try:
        for stored, following in _with_next(reads.stretches(run_id)):
            is_last = following is None and stored.seq + stored.cycles >= row["cycles"]
            yield from checked.stretch(stored, is_last=is_last)
            progress.advance(stored.cycles)
        yield from checked.rest()
    except StoreCorrupt as error:
        yield str(error)
    finally:
        progress.done()


def forms_apart(reads: Reads, codec: Codec) -> Iterator[str]:
    """Yield what is wrong with stored forms: one that does not describe what it is the name of, or that a
    version wrote which recorded no run; and stretches whose form is not described."""
    described, recorded = set(), {name for row in reads.runs() for name in _versions(row["code_version"])}
    for form, text, version in reads.rows("stage7_forms", ("form", "document_json", "code_version")):
        described.add(form)
        if version not in recorded:
            yield f"stage7_forms {form}: version {version} of Meva recorded no run here"
        with suppress(*UNREADABLE):
            if content_hash(codec.decode(text)) == form:
                continue
        yield f"stage7_forms {form}: its document is another one's"
    for run_id, seq, form in reads.rows("stage7_stretches", ("run_id", "seq", "form")):
        if form not in described:
            yield f"stage7_stretches {run_id} {seq}: its form {form} is not in stage7_forms"


def _versions(joined: Any) -> list[str]:
    """Return the versions of Meva that recorded a run, one after the other."""
    return str(joined).split(", ")


def _with_next(stretches: Iterator[StoredStretch]) -> Iterator[tuple[StoredStretch, StoredStretch | None]]:
    """Yield each stretch with the one after it."""
    before = next(stretches, None)
    for stored in stretches:
        assert before is not None, "it came before this one"
        yield before, stored
        before = stored
    if before is not None:
        yield before, None


@define
class _Checked:
    """The rows of one run under comparison, stretch by stretch."""

    reads: Reads
    codec: Codec
    run: RecordedRun
    earlier: tuple[tuple[int, str], ...] = ()
    """The runs that its book had before."""
    goes_on: bool = False
    """Whether it began with what another run left, here or in a recording."""
    columns: ColumnCodec = field(init=False)
    made: CycleRows = field(init=False)
    renderer: Renderer = field(init=False)
    keys: Iterator[Row] = field(init=False)
    versions: Mapping[str, str] = field(init=False)
    at: int = 0
    """The place of the next cycle."""
    since: datetime | None = None
    """From when on rows are of the next stretch: what lies between two stretches is of the second."""
    until: datetime | None = None
    """To when; None behind the last stretch."""
    reaches_the_end: bool = False
    """Whether the last cycle has columns."""
    orders: dict[str, list[Any]] = field(factory=dict)
    """Orders that have not ended, as the columns give them."""
    stored_orders: dict[str, Row] = field(factory=dict)
    brought: dict[str, list[Any]] = field(factory=dict)
    """How orders of earlier runs stand that have not ended, as the columns give them: ORDER_CHANGES."""

    def __attrs_post_init__(self) -> None:
        self.columns = self.codec.columns()
        self.made = cycle_rows(self.run, self.codec.encode, self.codec.texts)
        self.versions = dict(self.reads.rows("stage7_forms", ("form", "code_version")))
        self.keys = self._keys()
        self._begin(0, self._traded_before(0) if self.goes_on else {})

    def _begin(self, seq: int, gross: dict[tuple[int, int], int]) -> None:
        """Begin to render at a cycle, before which open orders had traded so much."""
        run = self.run
        names = Names(run.run_id, run.symbols, run.quote, self.earlier)
        cash, encode, texts = run.starting_text(), self.codec.encode, self.codec.texts()
        level = ONLY_COLUMNS  # the rows of every cycle are made apart
        self.renderer = Renderer(names, run.params, cash, level, encode, texts, seq, gross=gross)
        self.at = seq

    # -- A stretch ------------------------------------------------------------------------------------

    def stretch(self, stored: StoredStretch, *, is_last: bool) -> Iterator[str]:
        """Yield what is stored of the cycles of the next stretch otherwise than its columns give."""
        if stored.seq != self.at:
            self._begin(stored.seq, self._traded_before(stored.seq))
            self.since = datetime.fromtimestamp(stored.start, UTC)
            for _ in self._keys_until(stored.start - 1):
                pass  # of cycles without columns
        end = datetime.fromtimestamp(stored.end, UTC)
        self.until, self.reaches_the_end = None if is_last else end, is_last
        try:
            opened = self.run.opened(stored, self.columns, self.versions.get(stored.form))
            with made_of(stored):
                rendered = self._rendered(opened)
                yield from self._of_every_cycle(opened)
        except StoreError as error:
            yield str(error)
            # What orders traded before is not known any more: those that are open are left.
            self._begin(stored.seq + stored.cycles, defaultdict(int))
        else:
            self.at += stored.cycles
            yield from self._of_what_happened(opened, rendered)
        self.since = end + timedelta(microseconds=1)

    def _rendered(self, opened: Opened) -> Rendered:
        """Return the rows of a stretch, without those of every cycle."""
        rendered = Rendered()
        for span in opened.spans():
            digests: list[CycleDigests] = []  # only the rows of every cycle have them
            rendered.add(self.renderer.render(span.market, span.rules, span.out, 0, span.cycles, digests))
        return rendered

    def _of_every_cycle(self, opened: Opened) -> Iterator[str]:
        for table in TABLES:
            stands = opened.stored.rows == ALL
            made = self.made.of(opened, table, COLUMNS[table]) if stands else iter(())
            unused = _UNUSED.get(table, {})
            rows = ((*row, *unused.values()) for row in made)
            yield from _apart(table, self._stored(table), rows)

    def _of_what_happened(self, opened: Opened, rendered: Rendered) -> Iterator[str]:
        for table, rows in rendered.rows.items():
            if table == _ORDERS:
                yield from self._of_orders(rows, rendered.order_changes)
            elif table == _KEYS:
                yield from _apart(table, self._keys_until(opened.stored.end), rows)
            elif table not in TABLES:
                yield from _apart(table, self._stored(table), rows)

    def _stored(self, table: str) -> Iterator[Row]:
        return self.reads.as_stored(
            table, _columns(table), run_id=self.run.run_id, start=self.since, end=self.until
        )

    # -- Orders ---------------------------------------------------------------------------------------

    def _of_orders(self, rows: list[Row], changes: list[Row]) -> Iterator[str]:
        """Compare the orders that ended in a stretch; the others change on."""
        for there in self._stored(_ORDERS):
            if there[0] in self.stored_orders:
                yield f"{_ORDERS} {there[0]} is there twice"
            self.stored_orders[there[0]] = there
        self.orders |= {row[0]: list(row) for row in rows}
        for order, *values in changes:
            if order in self.orders:
                for place, value in zip(_CHANGED, values, strict=True):
                    self.orders[order][place] = value
            elif self._owner(order) != self.run.run_id:
                self.brought[order] = values
        for order in [name for name, row in self.brought.items() if row[_STATUS_CHANGED] in _ENDED]:
            yield from self._of_brought(order)
        for order in [name for name in self.stored_orders if name not in self.orders]:
            yield f"{_ORDERS} {order} is too many"
            del self.stored_orders[order]
        for order in [name for name, row in self.orders.items() if row[_STATUS] in _ENDED]:
            yield from self._of_order(order)

    def _of_order(self, order: str) -> Iterator[str]:
        """Compare one order, and forget it."""
        made, there = tuple(self.orders.pop(order)), self.stored_orders.pop(order, None)
        yield from _apart(_ORDERS, [] if there is None else [there], [made])

    def _of_brought(self, order: str) -> Iterator[str]:
        """Compare how an order of an earlier run stands, and forget it."""
        made, found = self.brought.pop(order), run_and_time(order.split(":")[1])
        assert found is not None, "it was called so by this program"
        moment = datetime.fromtimestamp(found[1], UTC)
        rows = self.reads.as_stored(_ORDERS, COLUMNS[_ORDERS], run_id=found[0], start=moment, end=moment)
        there = [row for row in rows if row[0] == order]
        changed = [list(row) for row in there]
        for row in changed:
            for place, value in zip(_CHANGED, made, strict=True):
                row[place] = value
        yield from _apart(_ORDERS, there, map(tuple, changed))
        if not there:
            yield f"{_ORDERS} {order} lacks"

    def _owner(self, order: str) -> str | None:
        """Return the run that an order's id names."""
        found = run_and_time(order.split(":")[1])
        return None if found is None else found[0]

    def rest(self) -> Iterator[str]:
        """Yield what differs of the orders that had not ended with the last cycle: where another run goes on
        with the book, how they stand is what that one made of them."""
        where = {"continues": self.run.run_id}
        if next(self.reads.rows("stage7_runs", ("run_id",), where=where), None) is not None:
            self.brought.clear()
            for order, there in self.stored_orders.items():
                if order in self.orders:
                    for place in _CHANGED:
                        self.orders[order][place] = there[place]
        for order in list(self.orders):
            yield from self._of_order(order)
        for order in list(self.brought):
            yield from self._of_brought(order)
        if self.reaches_the_end:  # else an earlier version went on, in rows only
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


def _columns(table: str) -> tuple[str, ...]:
    return (*COLUMNS[table], *_UNUSED.get(table, ()))


def _apart(table: str, stored: Iterable[Row], made: Iterable[Row]) -> Iterator[str]:
    """Yield, in words, the rows of a table that are stored otherwise than they are made."""
    width, columns = _NAMES.get(table, 1), _columns(table)
    there: dict[Row, list[Row]] = {}
    try:
        for row in stored:
            there.setdefault(tuple(row[:width]), []).append(tuple(row))
    except StoreCorrupt as error:
        yield f"{table}: {error}"
        return
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
