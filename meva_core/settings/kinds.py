"""The kinds of values that settings have: how each is written, and what may be one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from ipaddress import IPv6Address
from typing import Any, ClassVar, Final, Protocol

from attrs import frozen

from meva_core.amounts import LIMIT, format_e8, parse_e8
from meva_core.errors import BadInput
from meva_core.settings.secret import MASK, Secret
from meva_core.symbols import canonical_symbol

_ID: Final = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)
_WEIGHT: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


@frozen
class Interval:
    """A range of numbers; an end of None is open, an `open_` end is not part of it."""

    low: Decimal | None = None
    high: Decimal | None = None
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: Decimal | int) -> bool:
        above = self.low is None or value > self.low or (value == self.low and not self.open_low)
        below = self.high is None or value < self.high or (value == self.high and not self.open_high)
        return above and below

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return ""
        if self.high is None:
            return f"{'>' if self.open_low else '>='} {self.low}"
        left = "" if self.low is None else f"{self.low} {'<' if self.open_low else '<='} "
        return f"{left}x {'<' if self.open_high else '<='} {self.high}"


ANY_NUMBER: Final = Interval()
NOT_NEGATIVE: Final = Interval(low=Decimal(0))
POSITIVE: Final = Interval(low=Decimal(0), open_low=True)
AT_LEAST_ONE: Final = Interval(low=Decimal(1))
RATIO: Final = Interval(low=Decimal(0), open_low=True, high=Decimal(1))


class Kind(Protocol):
    """One sort of value: how it is written, and what may be one."""

    @property
    def expected(self) -> str:
        """What completes "expected ..."."""

    def parse(self, text: str) -> Any:
        """Return the value of a trimmed text; raise ValueError, with a detail or without, if it is none."""

    def accepts(self, value: object) -> bool:
        """Whether `value` has the type and lies within the bound."""

    def plain(self, value: Any) -> Any:
        """Return the value as JSON would hold it: amounts as plain text, names as text, lists."""


def _bounded(form: str, bound: Interval) -> str:
    return f"{form}, {bound}" if str(bound) else form


@frozen
class Number:
    """An exact decimal that fits an amount: at most 8 places, below 9.2e10."""

    bound: Interval

    @property
    def expected(self) -> str:
        """Name the form and the bound."""
        return _bounded("a plain decimal number", self.bound)

    def parse(self, text: str) -> Decimal:
        """Read plain digits with an optional sign and point."""
        try:
            parse_e8(text)
        except BadInput:
            raise ValueError("digits such as 1234.5, at most 8 decimal places, below 92000000000") from None
        return Decimal(text)

    def accepts(self, value: object) -> bool:
        """Whether it is a Decimal that fits, within the bound."""
        if type(value) is not Decimal:
            return False
        try:
            parse_e8(value)
        except BadInput:
            return False
        return value in self.bound

    def plain(self, value: Decimal) -> str:
        """Write it as amounts are written."""
        return format_e8(parse_e8(value))


@frozen
class Whole:
    """A whole number, below 9.2e10 so that seconds still fit as microseconds."""

    bound: Interval

    @property
    def expected(self) -> str:
        """Name the form and the bound."""
        return _bounded("a whole number", self.bound)

    def parse(self, text: str) -> int:
        """Read ASCII digits with an optional minus."""
        if not re.fullmatch(r"-?[0-9]{1,30}", text, re.ASCII):
            raise ValueError
        if abs(int(text)) * 10**8 >= LIMIT:
            raise ValueError("below 92000000000")
        return int(text)

    def accepts(self, value: object) -> bool:
        """Whether it is an int, not a bool, within the bound."""
        return type(value) is int and abs(value) * 10**8 < LIMIT and value in self.bound

    def plain(self, value: int) -> int:
        """Leave it a number."""
        return value


_FLAGS: Final = {"true": True, "1": True, "yes": True, "on": True} | dict.fromkeys(
    ("false", "0", "no", "off"), False
)


def lower(text: str) -> str:
    """Return an ASCII text in small letters, any other as it is: Unicode folds other signs into letters."""
    return text.lower() if text.isascii() else text


@frozen
class Flag:
    """True or false."""

    @property
    def expected(self) -> str:
        """Name the form."""
        return "true or false"

    def parse(self, text: str) -> bool:
        """Read true, false, 1, 0, yes, no, on or off in any case."""
        if lower(text) not in _FLAGS:
            raise ValueError
        return _FLAGS[lower(text)]

    def accepts(self, value: object) -> bool:
        """Whether it is a bool."""
        return type(value) is bool

    def plain(self, value: bool) -> bool:
        """Leave it a bool."""
        return value


@frozen
class Choice:
    """One of a few named values."""

    members: Mapping[str, Enum]

    @property
    def expected(self) -> str:
        """Name the choices."""
        return "one of " + ", ".join(self.members)

    def parse(self, text: str) -> Enum:
        """Read a name in any case."""
        by_name = {name.lower(): member for name, member in self.members.items()}
        if lower(text) not in by_name:
            raise ValueError
        return by_name[lower(text)]

    def accepts(self, value: object) -> bool:
        """Whether it is one of the members."""
        return any(value is member for member in self.members.values())

    def plain(self, value: Enum) -> str:
        """Write its name."""
        return next(name for name, member in self.members.items() if member is value)


def texts_of(text: str) -> list[str]:
    """Return the entries of a JSON list or of a text with commas; raise ValueError for broken JSON."""
    if not text.startswith("["):
        return [item.strip(" \t") for item in text.split(",") if item.strip(" \t")]
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not a JSON list") from None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError("not a JSON list of texts")
    return items


@frozen
class Symbols:
    """Pair symbols in the order given, each once."""

    @property
    def expected(self) -> str:
        """Name the form."""
        return "pair symbols such as BTCTRY, separated by commas or as a JSON list"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read a JSON list or commas; `btc_try` is BTCTRY."""
        try:
            return tuple(dict.fromkeys(canonical_symbol(item) for item in texts_of(text)))
        except BadInput as error:
            raise ValueError(str(error)) from None

    def accepts(self, value: object) -> bool:
        """Whether it is a tuple of canonical symbols without a duplicate."""
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
            return False
        try:
            return value == self.parse(",".join(value))
        except ValueError:
            return False

    def plain(self, value: tuple[str, ...]) -> list[str]:
        """Write them as a list."""
        return list(value)


@frozen
class Codes:
    """Some of a fixed set of codes, in the order given, each once."""

    known: tuple[str, ...]

    @property
    def expected(self) -> str:
        """Name the codes."""
        return "some of " + ", ".join(self.known)

    def parse(self, text: str) -> tuple[str, ...]:
        """Read a JSON list or commas, in any case."""
        names = {code.lower(): code for code in self.known}
        items = dict.fromkeys(map(lower, texts_of(text)))
        unknown = [item for item in items if item not in names]
        if unknown:
            raise ValueError(f"{unknown[0][:40]!r} is not one")
        return tuple(names[item] for item in items)

    def accepts(self, value: object) -> bool:
        """Whether it is a tuple of known codes without a duplicate."""
        return isinstance(value, tuple) and len(set(value)) == len(value) and set(value) <= set(self.known)

    def plain(self, value: tuple[str, ...]) -> list[str]:
        """Write them as a list."""
        return list(value)


@frozen
class Listing:
    """Ids in the order given, each once, each with a whole number from 0 to `most` (`usual` unless given)."""

    usual: int = 100
    most: int = 1000

    @property
    def expected(self) -> str:
        """Name the form."""
        return f"ids[:weight], separated by commas or as a JSON list; a weight is 0 to {self.most}"

    def parse(self, text: str) -> tuple[tuple[str, int], ...]:
        """Read a JSON list or commas."""
        found = tuple(self._one(item) for item in texts_of(text))
        if len({name for name, _ in found}) < len(found):
            raise ValueError("one is listed twice")
        return found

    def accepts(self, value: object) -> bool:
        """Whether it is a tuple of such pairs, no id twice."""
        return isinstance(value, tuple) and self._reads_as(value)

    def plain(self, value: tuple[tuple[str, int], ...]) -> list[str]:
        """Write them as a list, the usual number left out."""
        return [name if weight == self.usual else f"{name}:{weight}" for name, weight in value]

    def _reads_as(self, value: tuple[Any, ...]) -> bool:
        try:
            return value == self.parse(",".join(self.plain(value)))
        except (TypeError, ValueError):
            return False

    def _one(self, text: str) -> tuple[str, int]:
        name, colon, weight = text.partition(":")
        if not _ID.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no id of a-z, 0-9 and _")
        if colon and not (_WEIGHT.fullmatch(weight) and int(weight) <= self.most):
            raise ValueError(f"{weight[:40]!r} is no weight from 0 to {self.most}")
        return name, int(weight) if colon else self.usual


@frozen
class Text:
    """A text of a given form, perhaps written in capitals."""

    pattern: str
    expected: str
    capitals: bool = False

    def parse(self, text: str) -> str:
        """Take it as it stands, or in capitals."""
        return text.upper() if self.capitals and text.isascii() else text

    def accepts(self, value: object) -> bool:
        """Whether it is a text of that form."""
        return isinstance(value, str) and re.fullmatch(self.pattern, value, re.ASCII) is not None

    def plain(self, value: str) -> str:
        """Leave it as it is."""
        return value


_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(
    rf"[a-z]+://(?:\[(?P<number>[0-9A-Fa-f:.]+)\]|{_LABEL}(?:\.{_LABEL})*\.?)(?::(?P<port>[0-9]{{1,5}}))?(?:/.*)?"
)


def _names_a_host(address: str) -> bool:
    found = _HOST.fullmatch(address)
    if found is None or not 0 < int(found["port"] or 1) < 2**16:
        return False
    try:
        return found["number"] is None or IPv6Address(found["number"]) is not None
    except ValueError:
        return False


@frozen
class Address(Text):
    """A text that names a host; what it may not hold, a password among it, is not shown either."""

    def accepts(self, value: object) -> bool:
        """Whether it is a text of that form, its host a name or a number and its port one that exists."""
        return super().accepts(value) and isinstance(value, str) and _names_a_host(value)


@frozen
class Hidden:
    """A text of a given form that must not be shown."""

    pattern: str
    expected: str

    def parse(self, text: str) -> Secret:
        """Wrap it."""
        return Secret(text)

    def accepts(self, value: object) -> bool:
        """Whether it is a wrapped text of that form."""
        return isinstance(value, Secret) and re.fullmatch(self.pattern, value.reveal(), re.ASCII) is not None

    def plain(self, value: Secret) -> str:
        """Write the mask."""
        return MASK


@frozen
class ScoreWeights:
    """How much each component counts in a symbol's score; only their ratios matter."""

    liquidity: Decimal
    spread: Decimal
    volatility: Decimal


_WEIGHTS: Final = ("liquidity", "spread", "volatility")


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Take a JSON object, unless a key stands in it twice."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


@frozen
class Weights:
    """The three weights of a score, none negative and not all zero. `usual` is what `none`, or nothing,
    stands for."""

    usual: ScoreWeights
    _weight: ClassVar[Number] = Number(NOT_NEGATIVE)

    @property
    def expected(self) -> str:
        """Show the form."""
        return (
            'a JSON object such as {"liquidity": 0.5, "spread": 0.3, "volatility": 0.2}, '
            "each >= 0 with at most 8 decimal places, sum > 0, or none"
        )

    def parse(self, text: str) -> ScoreWeights:
        """Read a JSON object whose numbers, or texts of numbers, are taken exactly; or `none`."""
        if text in ("", "none", "None", "NONE"):
            return self.usual
        try:
            tree = json.loads(
                text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=each_once
            )
        except RecursionError:
            raise ValueError from None
        if not isinstance(tree, dict) or set(tree) != set(_WEIGHTS):
            raise ValueError
        if not all(isinstance(weight, str) for weight in tree.values()):
            raise ValueError
        return ScoreWeights(**{key: self._weight.parse(tree[key]) for key in _WEIGHTS})

    def accepts(self, value: object) -> bool:
        """Whether they are weights of amounts' size, none negative and not all zero."""
        if not isinstance(value, ScoreWeights):
            return False
        weights = [getattr(value, key) for key in _WEIGHTS]
        return all(map(self._weight.accepts, weights)) and any(weights)

    def plain(self, value: ScoreWeights) -> dict[str, str]:
        """Write them as an object of plain texts."""
        return {key: self._weight.plain(getattr(value, key)) for key in _WEIGHTS}
