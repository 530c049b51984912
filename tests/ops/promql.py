"""What a PromQL query selects: the series and the labels that it names, read token by token.

Enough of the language to tell a metric from a function, a label or a word: strings, numbers, durations,
`{...}`, `by (...)` and their like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
  | (?P<range>\[[^\]]*\])
  | (?P<number>0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:ms|[smhdwy])?)
  | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){},@])
    )""",
    re.VERBOSE,
)
_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "atan2", "start", "end"}


class Matcher(NamedTuple):
    """A condition on a label."""

    label: str
    sign: str
    value: str


class Selector(NamedTuple):
    """A metric and the conditions on its labels."""

    metric: str
    matchers: tuple[Matcher, ...]


class Selected(NamedTuple):
    """What a query names: `labels` are those that it groups or joins by."""

    selectors: tuple[Selector, ...]
    labels: frozenset[str]


Token = tuple[str, str]


def selected(query: str) -> Selected:
    """Return what a query names; raise ValueError for what is no query."""
    tokens = list(_tokens(query))
    selectors: list[Selector] = []
    labels: set[str] = set()
    place = 0
    while place < len(tokens):
        kind, text = tokens[place]
        after = tokens[place + 1] if place + 1 < len(tokens) else ("end", "")
        place += 1
        if kind != "name" or text.lower() in _WORDS:
            continue
        if text.lower() in _LISTS:
            if after[1] == "(":
                place, names = _until(tokens, place + 1, ")")
                labels |= {name for of, name in names if of == "name"}
        elif after[1] == "{":
            place, inside = _until(tokens, place + 1, "}")
            selectors.append(Selector(text, tuple(_matchers(inside))))
        elif after[1] == "(" or (after[1].lower() in _LISTS and text in _AGGREGATIONS):
            continue  # a function
        else:
            selectors.append(Selector(text, ()))
    return Selected(tuple(selectors), frozenset(labels))


_AGGREGATIONS = {"sum", "min", "max", "avg", "count", "group", "stddev", "topk", "bottomk", "quantile"}


def _tokens(query: str) -> Iterator[Token]:
    place, query = 0, query.rstrip()
    while place < len(query):
        found = _TOKEN.match(query, place)
        if found is None or found.lastgroup is None:
            raise ValueError(f"no token at {query[place : place + 20]!r}")
        yield found.lastgroup, found[found.lastgroup]
        place = found.end()


def _until(tokens: list[Token], place: int, end: str) -> tuple[int, list[Token]]:
    """Return the place behind the token that closes, and those before it."""
    inside = []
    while tokens[place][1] != end or tokens[place][0] != "sign":
        inside.append(tokens[place])
        place += 1
    return place + 1, inside


def _matchers(tokens: list[Token]) -> Iterator[Matcher]:
    for place in range(0, len(tokens), 4):
        (kind, label), (_, sign), (of, value) = tokens[place : place + 3]
        if kind != "name" or of != "string":
            raise ValueError(f"no matcher: {label} {sign} {value}")
        yield Matcher(label, sign, value[1:-1])
