"""Faults of a dataset as data: every check returns them, the caller decides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import define, field, frozen

from meva_core.errors import BadInput, Problem

MAX_FAULTS: Final = 1000
"""How many errors, and how many warnings, are listed for one file."""
_SHOWN: Final = 60


@frozen
class Fault:
    """One thing that is wrong with a dataset.

    `file` is relative to the dataset and empty for the dataset itself; `row` is the line as an editor counts it (the
    header is 1), None where the whole file is meant; `value` is what was found, made printable and cut.
    """

    code: str
    file: str
    row: int | None
    column: str
    value: str
    message: str
    action: str = ""

    @property
    def where(self) -> str:
        """The place in one word: `candles/BTCTRY.csv:17:close`."""
        parts = [self.file or "dataset"]
        if self.row is not None:
            parts.append(str(self.row))
        if self.column:
            parts.append(self.column)
        return ":".join(parts)

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
    """What validation found. `ok` is false when there is at least one error; warnings do not stop a run."""

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
    """Return the error that says why a dataset cannot be used; it names the first fault and carries them all."""
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
    text = value if isinstance(value, str) else value[: _SHOWN + 1].decode("utf-8", "backslashreplace")
    cut = text[:_SHOWN]
    safe = "".join(
        c if " " <= c <= "~" else c.encode("unicode_escape", "backslashreplace").decode() for c in cut
    )
    return safe + "..." if len(text) > _SHOWN else safe


@define
class FaultList:
    """The faults of one file, at most MAX_FAULTS of either kind; what is beyond is counted."""

    file: str
    errors: list[Fault] = field(factory=list)
    warnings: list[Fault] = field(factory=list)
    _unlisted: dict[bool, int] = field(factory=lambda: {True: 0, False: 0})

    @property
    def full(self) -> bool:
        """Whether no further error will be listed."""
        return len(self.errors) >= MAX_FAULTS

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
        self._add(True, Fault(code, self.file, row, column, shown(value), message, action))

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
        self._add(False, Fault(code, self.file, row, column, shown(value), message, action))

    def skip(self, count: int, *, error: bool) -> None:
        """Count faults that are known to exist but are not listed."""
        self._unlisted[error] += count

    def room(self, *, error: bool) -> int:
        """How many more faults would be listed."""
        return MAX_FAULTS - len(self.errors if error else self.warnings)

    def _add(self, error: bool, fault: Fault) -> None:
        listed = self.errors if error else self.warnings
        if len(listed) < MAX_FAULTS:
            listed.append(fault)
        else:
            self._unlisted[error] += 1

    def close(self) -> None:
        """Sort by row and, where faults went unlisted, say how many."""
        for error, listed in ((True, self.errors), (False, self.warnings)):
            listed.sort(key=lambda fault: fault.row or 0)
            if self._unlisted[error]:
                kind = "errors" if error else "warnings"
                message = f"{self._unlisted[error]} more {kind} of this file are not listed"
                listed.append(
                    Fault(
                        "more_faults",
                        self.file,
                        None,
                        "",
                        "",
                        message,
                        "correct the first ones and validate again",
                    )
                )
