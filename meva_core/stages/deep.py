"""Rows held against columns: everything that the columns of a run give is made again, and what is stored
otherwise is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from attrs import define, field

from meva_core.errors import MevaError
from meva_core.ids import stamp_text
from meva_core.ports import Progress, Reads
from meva_core.stages.codec import Codec
from meva_core.state import open_gross, restore_state
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.opened import Opened, named
from meva_core.stretches.recorded import RecordedRun, recorded_run
from meva_core.stretches.rows import CycleRows, cycle_rows
from meva_core.stretches.stored import ALL, StoredStretch
from meva_core.trace import COLUMNS, ORDER_CHANGES, TABLES, Names, Rendered, Renderer
from meva_core.trace.columns import Row
from meva_core.trace.happenings import ENDED

_ORDERS: Final = "stage7_orders"
_KEYS: Final = "stage7_idempotency_keys"
_NAMES: Final[Mapping[str, int]] = {"stage7_checkpoints": 2}
"""How many of a table's first columns name a row, where it is not one."""
_CHANGED: Final = tuple(COLUMNS[_ORDERS].index(name) for name in ORDER_CHANGES)
_STATUS: Final = COLUMNS[_ORDERS].index("status")


def rows_apart(reads: Reads, codec: Codec, run_id: str, progress: Progress) -> Iterator[str]:
    """Yield what is stored of a run otherwise than its columns give: rows that differ, that lack, and that
    are too many, and stretches that are damaged.

    Cycles without columns are not looked at. Memory holds one stretch, and the open orders.
    """
    row = reads.run(run_id)
    assert row is not None, "whoever asks has seen the run"
    yield from faults_of(row, codec)
    try:
        run = recorded_run(row, codec.decode)
    except (MevaError, KeyError, TypeError, ValueError) as error:
        yield f"run {run_id}: its settings cannot be read: {error}"
        return
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
        self.renderer = Renderer(names, run.params, cash, encode=encode, texts=texts, seq=seq, gross=gross)
        self.at = seq
