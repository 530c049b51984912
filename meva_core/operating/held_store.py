"""A store of which every unit of work first makes sure that the book is still ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from attrs import frozen

from meva_core.ports import Reads, Store, UnitOfWork


@frozen
class HeldStore:
    """The port `Store` of a process that holds a book: `hold` raises LeaseLost in a unit of work once another
    has it, and nothing of that unit is written."""

    store: Store
    hold: Callable[[UnitOfWork], None]

    def read(self) -> AbstractContextManager[Reads]:
        """Open a view of what is committed."""
        return self.store.read()

    def take(self, run_id: str) -> None:
        """Take a run of the earlier stages for this process."""
        self.store.take(run_id)

    @contextmanager
    def unit(self) -> Iterator[UnitOfWork]:
        """Begin a unit of work. Raises LeaseLost."""
        with self.store.unit() as work:
            self.hold(work)
            yield work
