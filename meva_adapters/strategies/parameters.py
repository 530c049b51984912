"""Parameters of strategies as people write them: on the command line, in `meva.toml`, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from meva_adapters.texts.numerals import number_of, whole_of
from meva_core.errors import BadInput
from meva_core.settings.kinds import each_once, lower
from meva_core.strategy.base import Strategy, expected, fields_of

_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_READS: Final[Mapping[type, Callable[[str], Any]]] = {
    bool: lambda text: _FLAGS[lower(text)],
    int: whole_of,
    float: number_of,
}
"""What reads a parameter of a kind out of the text that it is written as."""


def json_values(text: str) -> dict[str, Any]:
    """Return the parameters of a JSON object. Raises BadInput for another text, and for a name that stands
    there twice."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"STRATEGY_PARAMS: {text[:60]!r} is no JSON object", action='write {"closes": 90}')
    try:
        return dict(json.loads(text, object_pairs_hook=each_once))
    except ValueError:
        raise BadInput(
            f"STRATEGY_PARAMS: {text[:60]!r} has a name twice", action="leave one of them out"
        ) from None


def known(kind: type[Strategy], name: str) -> bool:
    """Raise BadInput for a parameter that a strategy does not have."""
    there = fields_of(kind)
    if name in there:
        return True
    near = get_close_matches(name, there, n=1)
    said = f"; did you mean {near[0]}?" if near else ""
    raise BadInput(
        f"strategy {kind.name()} has no parameter {name!r}{said}",
        action=f"name one that it has: {', '.join(there)}" if there else "leave it out: it has none",
    )


def of_table(kind: type[Strategy], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a heading of `meva.toml`. Raises BadInput that names it."""
    given = {}
    for name, value in table.items():
        try:
            given[name] = value_of(kind, name, value) if isinstance(value, str) else value
            known(kind, name)
            kind(**{name: given[name]})
        except BadInput as error:
            raise BadInput(f"meva.toml [strategies.{kind.name()}]: {error}", action=error.action) from None
    return given


def value_of(kind: type[Strategy], name: str, text: str) -> Any:
    """Return the value of a parameter that is written as a text."""
    known(kind, name)
    attribute = fields_of(kind)[name]
    wanted = attribute.metadata["kind"]
    try:
        return text if wanted is str else _READS[wanted](text.strip(" \t"))
    except (ValueError, KeyError):
        raise BadInput(
            f"strategy {kind.name()}: parameter {name}: {text[:60]!r}; expected {expected(attribute)}"
        ) from None
