"""What records for other programs are made of: fields with names and kinds of values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

from attrs import define, frozen

Kind = Literal["text", "integer", "amount", "stamp", "names", "document", "digest", "ratio", "flag"]


@frozen
class Field:
    """A field of a record: its name, what kind of value it holds (or None), and the column it comes from.

    text: str. integer: int. amount: Decimal, exact. stamp: datetime in UTC. names: list of str. document:
    stored JSON. digest: hex. ratio: float. flag: bool. Of the earlier system an amount or stamp that is none
    stays a str.
    """

    name: str
    kind: Kind
    table: str = ""
    column: str = ""


def fields_of(table: str, kind: Kind, *columns: str) -> tuple[Field, ...]:
    """Return a field for each of some columns, called as they are."""
    return tuple(Field(column.removesuffix("_json"), kind, table, column) for column in columns)


def digits_of(fields: Sequence[Field], records: Iterable[Sequence[object]]) -> Digits:
    """Return how many digits the amounts of records need."""
    found = Digits()
    places = [place for place, field in enumerate(fields) if field.kind == "amount"]
    for record in records:
        for place in places:
            if isinstance(amount := record[place], Decimal):
                found.add(amount)
    return found


@define
class Digits:
    """How many digits amounts have at most, before and after the point."""

    before: int = 1
    after: int = 0

    def add(self, amount: Decimal) -> None:
        """Look at an amount."""
        _, digits, exponent = amount.as_tuple()
        if isinstance(exponent, int):
            self.before = max(self.before, len(digits) + exponent)
            self.after = max(self.after, -exponent)
