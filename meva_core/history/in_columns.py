"""A step of two cycles, compared by the columns that are stored of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attrs import frozen

from meva_core.ids import run_and_time
from meva_core.ports import Reads
from meva_core.stretches.fields import fields_of
from meva_core.stretches.recorded import recorded_run

if TYPE_CHECKING:
    from meva_core.stretches.body import ColumnCodec


@frozen
class StoredColumns:
    """The columns of one run's cycles."""

    reads: Reads
    run_id: str
    decode: Callable[[str], Any]
    codec: Callable[[], ColumnCodec]

    def of(self, step: str, cycle: str) -> Mapping[str, int] | None:
        """Return what a step of a cycle was decided from and put out, by name, in order; None for a cycle of
        which no columns are stored.

        Raises StoreCorrupt for a stretch that is damaged, StoreUnready for one of an unknown form.
        """
        ours, row = run_and_time(cycle), self.reads.run(self.run_id)
        if ours is None or row is None:
            return None
        moment = datetime.fromtimestamp(ours[1], UTC)
        stored = next(self.reads.stretches(self.run_id, start=moment, end=moment), None)
        if stored is None:
            return None
        run = recorded_run(row, self.decode)
        versions = self.reads.rows("stage7_forms", ("code_version",), where={"form": stored.form})
        opened = run.opened(stored, self.codec(), next(versions, (None,))[0])
        for span in opened.spans():
            places = (span.market.time == ours[1]).nonzero()[0]
            if len(places):
                return dict(fields_of(step, span, int(places[0]), run.symbols))
        return None


def first_field(
    step: str, a: StoredColumns, b: StoredColumns, ids: tuple[str, str]
) -> tuple[str, int | None, int | None] | None:
    """Return (name, value of a, value of b) of the first value of a step that differs between two cycles.

    None if none does or one of them has no columns; a value is None where only the other cycle has it.
    """
    one, other = a.of(step, ids[0]), b.of(step, ids[1])
    if one is None or other is None:
        return None
    for name in dict.fromkeys([*one, *other]):
        if one.get(name) != other.get(name):
            return name, one.get(name), other.get(name)
    return None
