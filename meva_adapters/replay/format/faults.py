"""Faults of a dataset as data: every check returns them, the caller decides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import define, field, frozen
from attrs.validators import in_

from meva_adapters.replay.format.codes import ERRORS, MORE, WARNINGS
from meva_core.errors import BadInput, Problem

MAX_FAULTS: Final = 1000
"""How many errors, and how many warnings, are listed for one file."""
_SHOWN: Final = 60


@frozen
class Fault:
    """One thing that is wrong with a dataset.

    `file` is relative to the dataset and empty for the dataset itself; `row` is the line as an editor counts
    it (the header is 1), None where the whole file is meant; `value` is what was found, made printable and
    cut.
    """

    code: str = field(validator=in_(frozenset((*ERRORS, *WARNINGS, MORE))))
    file: str
    row: int | None
    column: str
    value: str
    message: str
    action: str = ""

    @property
    def where(self) -> str:
        """The place in one word: `candles/BTCTRY.csv:17:close`."""
        row = "" if self.row is None else str(self.row)
        return ":".join(part for part in (self.file or "dataset", row, self.column) if part)

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        column = f", column {self.column}" if self.column else ""
        value = f": {self.value!r}" if self.value else ""
        return f"{self.file or 'dataset'}{row}{column}{value}: {self.message}"

    def problem(self) -> Problem:
        """The fault in the form that `BadInput.problems` carries."""
        return Problem(self.code, self.where, self.value, self.message, self.action)


@frozen
class Report:
    """What validation found. `ok` is false when there is an error; warnings do not stop a run."""

    ok: bool
    dataset: str
    symbols: tuple[str, ...]
    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]

    def raise_errors(self) -> None:
        """Raise BadInput with one problem per error if there is any."""
        if self.errors:
            raise bad_dataset(self.dataset, self.errors)


def bad_dataset(dataset: str, faults: Iterable[Fault]) -> BadInput:
    """Return the error that says why a dataset cannot be used; it names the first fault and carries all."""
    listed = tuple(faults)
    first = listed[0]
    more = f" (and {len(listed) - 1} more)" if len(listed) > 1 else ""
    return BadInput(
        f"dataset {dataset}: {first}{more}",
        action=first.action or f"list every problem with: meva replay validate {dataset}",
        problems=[fault.problem() for fault in listed],
    )


def shown(value: str | bytes) -> str:
    """Return what was found as printable ASCII, cut to a length that fits a message."""
    if isinstance(value, bytes):
        value = value[: 4 * _SHOWN].decode("utf-8", "backslashreplace")
    safe = "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in value[:_SHOWN])
    return safe + "..." if len(value) > _SHOWN else safe


@define
class FaultList:
    """The faults of one file, at most MAX_FAULTS of either kind; those beyond are counted."""

    file: str
    errors: list[Fault] = field(factory=list)
    warnings: list[Fault] = field(factory=list)
    unlisted_errors: int = 0
    unlisted_warnings: int = 0

    def error(
        self,
        code: str,
        message: str,
        *,
        row: int | None = None,
        column: str = "",
        value: str | bytes = "",
        action: str = "",
    ) -> None:
        """Add an error."""
        if self.room(error=True):
            self.errors.append(Fault(code, self.file, row, column, shown(value), message, action))
        else:
            self.unlisted_errors += 1

    def warning(
        self,
        code: str,
        message: str,
        *,
        row: int | None = None,
        column: str = "",
        value: str | bytes = "",
        action: str = "",
    ) -> None:
        """Add a warning."""
        if self.room(error=False):
            self.warnings.append(Fault(code, self.file, row, column, shown(value), message, action))
        else:
            self.unlisted_warnings += 1

    def skip(self, count: int, *, error: bool) -> None:
        """Count faults that exist but are not listed."""
        if error:
            self.unlisted_errors += count
        else:
            self.unlisted_warnings += count

    def room(self, *, error: bool) -> int:
        """How many more faults would be listed."""
        return max(0, MAX_FAULTS - len(self.errors if error else self.warnings))

    def close(self) -> None:
        """Sort by row and, where faults went unlisted, say how many."""
        self._close(self.errors, self.unlisted_errors, "errors")
        self._close(self.warnings, self.unlisted_warnings, "warnings")

    def _close(self, listed: list[Fault], unlisted: int, what: str) -> None:
        listed.sort(key=lambda fault: fault.row or 0)
        if unlisted:
            message = f"{unlisted} more {what} of this file are not listed"
            action = "correct the first ones and validate again"
            listed.append(Fault(MORE, self.file, None, "", "", message, action))
