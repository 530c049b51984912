"""What two runs are compared over, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import define, frozen

from meva_core.history.settings_apart import Apart
from meva_core.ports import Reads


@frozen
class Side:
    """One of the two runs: a view of its database, and which run of it."""

    reads: Reads
    run_id: str


@frozen
class Span:
    """What part of the runs is compared; None is open. Times are inclusive."""

    start: datetime | None = None
    end: datetime | None = None

    def rows(self, side: Side, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a side's run in it."""
        return side.reads.rows(table, columns, run_id=side.run_id, start=self.start, end=self.end)


@frozen
class Difference:
    """The first place where two runs differ.

    `inputs_equal` is False where the data already differed, and None where the rows do not tell: the earlier
    system kept none.
    """

    cycle_ts: datetime
    cycle_id_a: str | None
    cycle_id_b: str | None
    step: str
    field: str
    a: Any
    b: Any
    inputs_equal: bool | None


@define
class Verdict:
    """What a comparison found, of what, and what it left out.

    A fingerprint is the chain over the digests of the span; there is none where rows were compared.
    `differing_settings` are all that differ, first the one whose step does; an equity is that after the last
    cycle of the span, in TRY.
    """

    equal: bool = True
    fingerprint_a: str | None = None
    fingerprint_b: str | None = None
    cycles_a: int = 0
    cycles_b: int = 0
    start: datetime | None = None
    end: datetime | None = None
    first_difference: Difference | None = None
    compared: Sequence[str] = ()
    not_compared: Sequence[str] = ()
    differing_settings: Sequence[Apart] = ()
    final_equity_try_a: Decimal | None = None
    final_equity_try_b: Decimal | None = None
