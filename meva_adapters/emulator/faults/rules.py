"""The rules of faults, which fire by a seeded draw, and a count of those that did."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import Factory, define, field, frozen

from meva_adapters.emulator.bounds import (
    MOST_COUNT,
    MOST_RULES,
    MOST_TEXT,
    brief,
    check_range,
    check_text,
    read_document,
)
from meva_adapters.emulator.faults.kinds import FRAME, HANDSHAKE, KINDS, Kind
from meva_core.errors import BadInput

_RULE_FIELDS: Final = ("fault", "on", "probability", "after", "times")
_FORM: Final = "write it as docs/emulator.md shows"
_LONGEST_PATTERN: Final = 200
_LONGEST: Final[Mapping[str, int]] = {"path": 200, "message": 1_000}
"""Characters of a setting, where they are fewer than of any text."""
_MOST_HEADERS: Final = 50
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]{0,2000}", re.ASCII)
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "connection", "upgrade"})
"""Headers that say where a reply ends: the server writes them."""


@frozen
class Rule:
    """One rule: `fault` strikes calls that match `on`, with a probability.

    `on` is a method and a path with stars (`POST /api/v1/order`), for the stream `STREAM` and a frame's type.
    The first `after` matches are spared; after `times` strikes (0: never) the rule is spent.
    """

    fault: str
    on: str = "*"
    probability: float = 1.0
    after: int = 0
    times: int = 0
    settings: Mapping[str, Any] = Factory(dict)

    def __getitem__(self, name: str) -> Any:
        """Return a setting, its kind's default where the rule has none."""
        return self.settings.get(name, KINDS[self.fault].takes[name])


@define
class _Count:
    matches: int = 0
    strikes: int = 0


@define(eq=False)
class FaultRules:
    """The rules in force.

    Whether the n-th match of a rule strikes depends on the seed, its place and n alone.
    """

    seed: int = 0
    rules: list[Rule] = Factory(list)
    happened: Counter[str] = Factory(Counter)
    _counts: list[_Count] = field(factory=list)

    def add(self, *rules: Rule) -> None:
        """Put rules behind the others, all or none; raises BadInput for more than may be in force."""
        if len(self.rules) + len(rules) > MOST_RULES:
            raise BadInput(
                f"{len(self.rules)} rules and {len(rules)} more are over {MOST_RULES}",
                action="take some away first: DELETE faults",
            )
        self.rules.extend(rules)

    def clear(self) -> None:
        """Take all rules away; the count of what happened stays."""
        self.rules.clear()
        self._counts.clear()

    def strikes(self, method: str, path: str, *, when: str) -> list[Rule]:
        """Return the rules that strike a call, or a frame, at that point, and count them."""
        return list(self._strikes(f"{method} {path}", when)) if self.rules else []

    def _strikes(self, subject: str, when: str) -> Iterator[Rule]:
        while len(self._counts) < len(self.rules):
            self._counts.append(_Count())
        for place, (rule, count) in enumerate(zip(self.rules, self._counts, strict=True)):
            if KINDS[rule.fault].strikes != when or not fnmatchcase(subject.lower(), rule.on.lower()):
                continue
            count.matches += 1
            if count.matches <= rule.after or 0 < rule.times <= count.strikes:
                continue
            if self._draw(place, count.matches) < rule.probability:
                count.strikes += 1
                self.happened[rule.fault] += 1
                yield rule

    def _draw(self, place: int, match: int) -> float:
        digest = hashlib.blake2b(f"{self.seed}:{place}:{match}".encode(), digest_size=7).digest()
        return int.from_bytes(digest, "big") / 2**56


@frozen
class FaultFile:
    """What a faults file says: the seed (None: the emulator's), the rules, and switches of the policy."""

    seed: int | None
    rules: tuple[Rule, ...]
    policy: Mapping[str, Any]


def read_fault_file(path: Path) -> FaultFile:
    """Read a faults file; raises BadInput, naming the rule, for anything that is not one."""
    try:
        tree = read_document(path.read_bytes())
    except BadInput as e:
        raise BadInput(f"{path}: {e}", action=_FORM) from e
    if not isinstance(tree, dict) or set(tree) - {"seed", "rules", "policy"}:
        raise BadInput(f"{path}: expected an object with any of 'seed', 'rules' and 'policy'", action=_FORM)
    seed, policy = tree.get("seed"), tree.get("policy", {})
    if (seed is not None and type(seed) is not int) or not isinstance(policy, dict):
        raise BadInput(f"{path}: 'seed' has to be a whole number and 'policy' an object", action=_FORM)
    return FaultFile(seed, rules_of(tree.get("rules", []), str(path)), policy)


def rules_of(tree: Any, where: str) -> tuple[Rule, ...]:
    """Return the rules of a JSON list; raises BadInput, naming the rule, for one that is not right."""
    if not isinstance(tree, list):
        raise BadInput(f"{where}: 'rules' has to be a list of objects")
    if len(tree) > MOST_RULES:
        raise BadInput(f"{where}: {len(tree)} rules; at most {MOST_RULES} are taken")
    return tuple(_rule(row, f"{where}, rule {number}") for number, row in enumerate(tree, start=1))


def _rule(row: Any, where: str) -> Rule:
    given = row.get("fault") if isinstance(row, dict) else row
    if not isinstance(row, dict) or not isinstance(given, str) or given not in KINDS:
        near = get_close_matches(brief(given).strip("'"), KINDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"{where}: {brief(given)} is no fault{hint}", action=f"name one of {', '.join(KINDS)}")
    kind = KINDS[given]
    settings = {
        name: _setting(kind, name, value, where) for name, value in row.items() if name not in _RULE_FIELDS
    }
    rule = Rule(
        given,
        _typed(row, "on", str, "STREAM *" if kind.strikes in (FRAME, HANDSHAKE) else "*", where),
        _typed(row, "probability", float, 1.0, where),
        _typed(row, "after", int, 0, where),
        _typed(row, "times", int, 0, where),
        settings,
    )
    check_text(rule.on, f"{where}: on", _LONGEST_PATTERN)
    if not 0 <= rule.probability <= 1 or rule.after < 0 or rule.times < 0:
        raise BadInput(f"{where}: probability is from 0 to 1, 'after' and 'times' are not negative")
    check_range(rule.after, f"{where}: after", 0, MOST_COUNT)
    check_range(rule.times, f"{where}: times", 0, MOST_COUNT)
    return rule


def _setting(kind: Kind, name: str, value: Any, where: str) -> Any:
    """Return the value of a kind's own setting, of the setting's type and within its bounds."""
    if name not in kind.takes:
        raise BadInput(
            f"{where}: {brief(name)} is no setting",
            action=f"name one of {', '.join([*_RULE_FIELDS, *kind.takes])}",
        )
    default, what = kind.takes[name], f"{where}: {name}"
    if default is None:
        return _checked_value(value, what)
    value = _typed({name: value}, name, type(default), default, where)
    if isinstance(value, dict):
        _check_headers(value, what)
    elif isinstance(value, str):
        check_text(value, what, _LONGEST.get(name, MOST_TEXT))
    choices, bounds = kind.choices.get(name), kind.ranges.get(name)
    if choices and value not in choices:
        raise BadInput(f"{what} is {brief(value)}; expected one of {', '.join(choices)}")
    if bounds:
        check_range(value, what, *bounds)
    return value


def _checked_value(value: Any, what: str) -> Any:
    """Return a value of any type that a reply can hold."""
    try:
        size = len(orjson.dumps(value))
    except TypeError as e:
        raise BadInput(f"{what} is {brief(value)}, which is no JSON: {e}") from e
    if size > MOST_TEXT:
        raise BadInput(f"{what} is {size} bytes as JSON; at most {MOST_TEXT} are taken")
    return value


def _check_headers(headers: Mapping[str, Any], what: str) -> None:
    if len(headers) > _MOST_HEADERS:
        raise BadInput(f"{what} has {len(headers)} names; at most {_MOST_HEADERS} are taken")
    for name, value in headers.items():
        if not isinstance(value, str):
            raise BadInput(f"{what} is {brief(headers)}; expected texts, such as {{'Retry-After': '2'}}")
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise BadInput(f"{what}: {brief(name)}: {brief(value)} is no header; expected printable ASCII")
        if name.lower() in _FRAMING:
            raise BadInput(
                f"{what}: {name} is written by the server", action="use the fault 'cut' for a wrong length"
            )


def _typed(row: Mapping[str, Any], name: str, kind: type, default: Any, where: str) -> Any:
    value = row.get(name, default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise BadInput(f"{where}: {name} is {brief(value)}; expected a {kind.__name__}")
    return value
