"""What can be read of several books where one of them is damaged: the others are shown all the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import define, field

from meva_cli.errors import ending_of

if TYPE_CHECKING:
    from meva_core.errors import StoreCorrupt

T = TypeVar("T")


@define
class Damage:
    """The books that could not be read, with why not."""

    found: dict[str, StoreCorrupt] = field(factory=dict)

    def apart_from(self, books: Mapping[str, Callable[[], T]]) -> list[T]:
        """Return what reading each book gave, by name, and keep those that are damaged instead."""
        from meva_core.errors import StoreCorrupt

        entries = []
        for name, read in books.items():
            try:
                entries.append(read())
            except StoreCorrupt as error:
                self.found[name] = error
        return entries

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it beside the other books: an `error`, where there is one."""
        if not self.found:
            return {}
        ending = ending_of(self._error())
        return {"error": {"code": ending.code, "message": ending.message, "action": ending.action}}

    def end(self, *, said: bool) -> None:
        """End the command once all else was shown: where it is `said` already, with the exit code alone, else
        by StoreCorrupt; go on where nothing is damaged."""
        if self.found and said:
            raise click.exceptions.Exit(ending_of(self._error()).exit_code)
        if self.found:
            raise self._error()

    def _error(self) -> StoreCorrupt:
        from meva_core.errors import StoreCorrupt

        errors = [*self.found.values()]
        return StoreCorrupt("\n".join(map(str, errors)), action=errors[0].action)
