"""What a setting is: a variable with a name, a kind, a default and one line of meaning.

A kind turns raw text into a value and says which values it accepts; a variable adds the name and the default
and turns a refusal into a Problem. `setting` makes of a variable the field of an attrs class, so that a group
of settings is a plain class, and its documentation, its parsing and its checks come from the same line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from attrs import field, fields, frozen

from meva_core.errors import BadInput, Problem
from meva_core.settings.kinds import (
    Address,
    Choice,
    Flag,
    Hidden,
    Interval,
    Kind,
    Number,
    Symbols,
    Text,
    Whole,
)
from meva_core.settings.receivers import Receivers
from meva_core.settings.secret import MASK, masked_address

_SHOWN: Final = 60
_METADATA: Final = "variable"


@frozen
class Variable:
    """One setting: its name in the environment, its kind and default, its unit and meaning.

    An `optional` value may be None, written as nothing or `none`; `old_name` is accepted in place of `name`.
    What is not `in_files` is taken from the command line and the environment alone: a file in the working
    folder may be somebody else's. What is `later` than the first form of fingerprints is recorded only where
    it is not at its default, so that runs which leave it alone keep their ids.
    """

    name: str
    kind: Kind
    default: Any
    doc: str
    unit: str = ""
    optional: bool = False
    old_name: str = ""
    in_files: bool = True
    later: bool = False

    @property
    def expected(self) -> str:
        """What a value must look like, in words."""
        return f"{self.kind.expected}, or nothing" if self.optional else self.kind.expected

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return isinstance(self.kind, Hidden | Receivers)

    def parse(self, text: str, origin: str = "") -> Any:
        """Return the value of a raw text; raise BadInput, naming `origin`, if it has none."""
        bare = text.strip(" \t")
        if self.optional and bare in ("", "none", "None", "NONE"):
            return None
        try:
            value = self.kind.parse(bare)
        except ValueError as error:
            raise self._refuse(text, origin, str(error)) from None
        if not self.kind.accepts(value):
            raise self._refuse(text, origin)
        return value

    def check(self, value: object) -> Problem | None:
        """Return what is wrong with a value, if anything is."""
        if (value is None and self.optional) or self.kind.accepts(value):
            return None
        return self._problem(value, "", "")

    def plain(self, value: Any) -> Any:
        """Return the value as JSON would hold it, secrets masked."""
        return None if value is None else self.kind.plain(value)

    def recorded(self, value: Any) -> Any:
        """Return the value as a run's settings hold it: as JSON would, names sorted, for they are a set."""
        return in_order(self.plain(value))

    def _refuse(self, text: str, origin: str, detail: str = "") -> BadInput:
        problem = self._problem(text, origin, detail)
        return BadInput(str(problem), action=problem.action, problems=[problem])

    def _problem(self, value: object, origin: str, detail: str) -> Problem:
        address = isinstance(self.kind, Address) and isinstance(value, str)
        shown = MASK if self.secret else repr(masked_address(str(value)) if address else value)
        if len(shown) > _SHOWN:
            shown = shown[:_SHOWN] + "..."
        source = f" from {origin}" if origin else ""
        reason = f" ({detail})" if detail else ""
        return Problem(
            code="bad_setting",
            where=self.name,
            value=shown,
            message=f"{shown}{source}{reason}; expected {self.expected}",
            action=f"mend {self.name}{f' in {origin}' if origin else ''}, or leave it out: its default is "
            f"{self.default_text} ({self.doc})",
        )

    @property
    def default_text(self) -> str:
        """The default as the reference writes it."""
        plain = self.plain(self.default)
        if plain is None:
            return "none"
        if isinstance(plain, bool):
            return str(plain).lower()
        if isinstance(plain, dict):
            return json.dumps(plain)
        return (",".join(plain) if isinstance(plain, list) else str(plain)) or "empty"


def in_order(plain: Any) -> Any:
    """Return a value as JSON holds it, a list of names sorted and each once: every list is a set of them."""
    return sorted(set(plain)) if isinstance(plain, list) else plain


def setting(variable: Variable) -> Any:
    """Return the attrs field of a variable."""
    return field(default=variable.default, metadata={_METADATA: variable})


def variables_of(group: type) -> dict[str, Variable]:
    """Return the variables of a settings class by the names of their attributes, in their order."""
    return {
        attribute.name: attribute.metadata[_METADATA]
        for attribute in fields(group)
        if _METADATA in attribute.metadata
    }


def refuse_all(problems: Iterable[Problem]) -> None:
    """Raise one BadInput that lists every problem, one a line; return if there is none."""
    found = tuple(problems)
    if found:
        raise BadInput("\n".join(map(str, found)), action=found[0].action, problems=found)


# -- Fields, one line a setting ------------------------------------------------------------------------


def number(
    name: str, default: str | None, bound: Interval, unit: str, doc: str, *, later: bool = False
) -> Any:
    """Return a field of exact decimals; optional if the default is None."""
    value = None if default is None else Decimal(default)
    return setting(Variable(name, Number(bound), value, doc, unit, optional=value is None, later=later))


def whole(
    name: str,
    default: int,
    bound: Interval,
    unit: str,
    doc: str,
    *,
    optional: bool = False,
    later: bool = False,
) -> Any:
    """Return a field of whole numbers."""
    return setting(Variable(name, Whole(bound), default, doc, unit, optional=optional, later=later))


def flag(name: str, default: bool, doc: str, *, later: bool = False) -> Any:
    """Return a field that is true or false."""
    return setting(Variable(name, Flag(), default, doc, later=later))


def choice(name: str, default: Enum, doc: str, *, later: bool = False) -> Any:
    """Return a field that takes the values of the default's enum, written as they are there."""
    members = {str(member.value): member for member in type(default)}
    return setting(Variable(name, Choice(members), default, doc, later=later))


def symbols(name: str, default: tuple[str, ...], doc: str, *, later: bool = False) -> Any:
    """Return a field of pair symbols."""
    return setting(Variable(name, Symbols(), default, doc, later=later))


def quote_currency(name: str, doc: str) -> Any:
    """Return a field that names a quote currency."""
    return setting(
        Variable(name, Text(r"[A-Z]{2,8}", "2 to 8 letters such as TRY", capitals=True), "TRY", doc)
    )


# -- Groups --------------------------------------------------------------------------------------------


def problems_of(group: Any) -> Iterator[Problem]:
    """Yield what is wrong with the fields of a group, each by itself."""
    for attribute, variable in variables_of(type(group)).items():
        if problem := variable.check(getattr(group, attribute)):
            yield problem


def check_fields(group: Any) -> None:
    """Raise BadInput with everything that is wrong with the fields of a group."""
    refuse_all(problems_of(group))
