"""What the core asks of the world: small protocols, in the core's words.

An adapter is whatever fits. The docstrings are the contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from meva_core.market import Market


class Clock(Protocol):
    """The time of day of the machine. Never part of a decision or of a fingerprint."""

    def micros(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""


class Progress(Protocol):
    """Someone who may want to watch long work. Nothing depends on whether anyone does."""

    def start(self, total: int, label: str) -> None:
        """Say that work of `total` equal steps begins, and what it is. A second start begins anew."""

    def advance(self, steps: int) -> None:
        """Say that so many more steps are done."""

    def done(self) -> None:
        """Say that the work has ended, finished or not. May be called again."""


class Reads(Protocol):
    """One consistent view of the stored history. Amounts are Decimals, times aware and in UTC, digests bytes.

    Cycles of the earlier system, which knew no runs, are the run `legacy`.
    """

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, oldest first, as columns of stage7_runs."""

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Return one run, None when there is none of that id."""

    def state(self, run_id: str) -> dict[str, Any] | None:
        """Return what a run's next cycle needs (`cycle_id`, `ts`, `state_json`), None before its first."""

    def last_cycle(self, run_id: str) -> dict[str, Any] | None:
        """Return the digests of a run's last cycle, None when it has none."""

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
        """Yield rows in time order, then by key, as tuples of `columns`, without holding them all.

        `start` and `end` are inclusive, `where` maps columns to the values they must have.
        """

    def count(self) -> dict[str, int]:
        """Return the number of rows of every table."""


class UnitOfWork(Reads, Protocol):
    """Writes that are stored whole or not at all. Leaving without `commit` undoes them."""

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows, tuples in which amounts and times are stored text; return how many.

        A key that is there already raises IdTaken, whatever its content.
        """

    def update(self, table: str, key: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Update rows given as (key, values of `columns`...); one that is not there raises StoreError."""

    def upsert(self, table: str, values: Mapping[str, Any]) -> None:
        """Insert one row, or update the one with its key."""

    def commit(self) -> None:
        """Make all of it permanent, or raise and leave nothing."""


class Store(Protocol):
    """A database. One unit of work at a time; views may be open beside it."""

    def read(self) -> AbstractContextManager[Reads]:
        """Hold a view that what is committed meanwhile does not change."""

    def unit(self) -> AbstractContextManager[UnitOfWork]:
        """Begin a unit of work; raises StoreBusy when another process holds the database."""


class MarketHistory(Protocol):
    """Recorded markets, read in windows of cycles without looking ahead."""

    def windows(
        self, times: Any, lookback: int, rows: int = 8192, symbols: Sequence[str] | None = None
    ) -> Iterator[Market]:
        """Yield the market at `times` (int64 seconds, increasing) in groups of at most `rows` cycles.

        Each cell is the newest value stamped at or before its cycle. `lookback` is how many closes the
        measures take, `symbols` which columns there are, in sorted order.
        """
