"""A plan of faults: rules that fire by a seeded draw, and a count of those that did."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from attrs import Factory, define, field, frozen

from meva_adapters.emulator.faults.kinds import FRAME, HANDSHAKE, KINDS, Kind
from meva_core.errors import BadInput

_RULE_FIELDS: Final = ("fault", "on", "probability", "after", "times")


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
class FaultPlan:
    """The rules in force.

    Whether the n-th match of a rule strikes depends on the seed, its place and n alone.
    """

    seed: int = 0
    rules: list[Rule] = Factory(list)
    happened: Counter[str] = Factory(Counter)
    _counts: list[_Count] = field(factory=list)

    def add(self, rule: Rule) -> None:
        """Put a rule behind the others."""
        self.rules.append(rule)

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
    """What a plan file says: the seed (None: the emulator's), the rules, and switches of the policy."""

    seed: int | None
    rules: tuple[Rule, ...]
    policy: Mapping[str, Any]


def read_fault_file(path: Path) -> FaultFile:
    """Read a plan file; raises BadInput, naming the rule, for anything that is not one."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as e:
        raise BadInput(f"{path}: not a JSON document in UTF-8: {e}") from e
    if not isinstance(tree, dict) or set(tree) - {"seed", "rules", "policy"}:
        raise BadInput(f"{path}: expected an object with any of 'seed', 'rules' and 'policy'")
    seed, policy = tree.get("seed"), tree.get("policy", {})
    if (seed is not None and type(seed) is not int) or not isinstance(policy, dict):
        raise BadInput(f"{path}: 'seed' has to be a whole number and 'policy' an object")
    return FaultFile(seed, rules_of(tree.get("rules", []), str(path)), policy)


def rules_of(tree: Any, where: str) -> tuple[Rule, ...]:
    """Return the rules of a JSON list; raises BadInput, naming the rule, for one that is not right."""
    if not isinstance(tree, list):
        raise BadInput(f"{where}: 'rules' has to be a list of objects")
    return tuple(_rule(row, f"{where}, rule {number}") for number, row in enumerate(tree, start=1))


def _rule(row: Any, where: str) -> Rule:
    given = row.get("fault") if isinstance(row, dict) else row
    if not isinstance(row, dict) or not isinstance(given, str) or given not in KINDS:
        near = get_close_matches(str(given), KINDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"{where}: {given!r} is no fault{hint}", action=f"one of {', '.join(KINDS)}")
    kind = KINDS[row["fault"]]
    settings = {name: value for name, value in row.items() if name not in _RULE_FIELDS}
    for name, value in settings.items():
        _check_setting(kind, name, value, where)
    rule = Rule(
        row["fault"],
        _typed(row, "on", str, "STREAM *" if kind.strikes in (FRAME, HANDSHAKE) else "*", where),
        _typed(row, "probability", float, 1.0, where),
        _typed(row, "after", int, 0, where),
        _typed(row, "times", int, 0, where),
        settings,
    )
    if not 0 <= rule.probability <= 1 or rule.after < 0 or rule.times < 0:
        raise BadInput(f"{where}: probability is from 0 to 1, 'after' and 'times' are not negative")
    return rule


def _check_setting(kind: Kind, name: str, value: Any, where: str) -> None:
    if name not in kind.takes:
        raise BadInput(
            f"{where}: {name!r} is no setting", action=f"one of {', '.join([*_RULE_FIELDS, *kind.takes])}"
        )
    default = kind.takes[name]
    if default is not None:
        _typed({name: value}, name, type(default), default, where)
    if isinstance(default, Mapping) and not all(isinstance(text, str) for text in value.values()):
        raise BadInput(f"{where}: {name} is {value!r}; expected texts, such as {{'Retry-After': '2'}}")
    choices = kind.choices.get(name)
    if choices and value not in choices:
        raise BadInput(f"{where}: {name} is {value!r}; expected one of {', '.join(choices)}")


def _typed(row: Mapping[str, Any], name: str, kind: type, default: Any, where: str) -> Any:
    value = row.get(name, default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise BadInput(f"{where}: {name} is {value!r}; expected a {kind.__name__}")
    return value
