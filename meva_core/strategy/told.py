"""What a strategy is, as a run records it, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_SHOWN: Final = 12


def told(identity: Mapping[str, Any] | None) -> str:
    """Return a strategy as it would be called, such as `momentum(closes=90, count=2)`."""
    if identity is None:
        return "none"
    given = ", ".join(f"{name}={value}" for name, value in identity["parameters"].items())
    return f"{identity['id']}({given})"


def told_change(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    """Return what of a strategy changed: of the same one by name, else both."""
    if before is None or after is None or before["id"] != after["id"]:
        return f"{told(before)} -> {told(after)}"
    then, now = ({**one, **one["parameters"]} for one in (before, after))
    names = [name for name in {**then, **now} if name != "parameters" and then.get(name) != now.get(name)]
    changes = (f"{name} {_short(then.get(name))} -> {_short(now.get(name))}" for name in names)
    return f"{after['id']}: {', '.join(changes)}"


def _short(value: Any) -> str:
    return f"{value}"[:_SHOWN]
