"""What Stage 7's commands share when they put data, engine and store together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from meva_core import __version__


class AboutRun(Mapping[str, str]):
    """What only people want to know of a run. Its engine is what has run until it is asked for."""

    def __init__(self, engine: Callable[[], str]) -> None:
        self._engine = engine
        self._rest = {
            "code_version": __version__,
            # In full: runs are told apart by their order, and two may begin in one second.
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        }

    def __getitem__(self, name: str) -> str:
        """Return one of its values."""
        return self._engine() if name == "engine" else self._rest[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        yield from ("engine", *self._rest)

    def __len__(self) -> int:
        """Count the names."""
        return 1 + len(self._rest)
