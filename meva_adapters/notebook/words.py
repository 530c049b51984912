"""What errors say of the options of a command, said as the arguments of a call.

Errors are worded where they are found, for the command line: `say it with --tz UTC`. Who calls a function
writes `tz="UTC"`. Command lines as a whole (`meva db upgrade --db FILE`) stay: they are for a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple


class Argument(NamedTuple):
    """An argument of a call: its name, which texts behind the option are a value of it, and how that is
    written; an option without a value is the name alone."""

    name: str
    value: str = ""
    written: Callable[[str], str] = str


def _text(value: str) -> str:
    return f'"{value}"'


def _columns(value: str) -> str:
    pairs = (pair.split("=", 1) for pair in value.split(","))
    return "{" + ", ".join(f'"{role}": "{column}"' for role, column in pairs) + "}"


ARGUMENTS: Final = {
    "--stamp": Argument("stamp", "open|close", _text),
    "--interval": Argument("interval", r"\d+"),
    "--tz": Argument("tz", r"[A-Z][\w/+-]*|[+-]\d\d:\d\d", _text),
    "--dates": Argument("dates", "dmy|mdy", _text),
    "--decimal": Argument("decimal", "[.,]", _text),
    "--integers": Argument("integers", "whole|e8", _text),
    "--columns": Argument("columns", r"\w+=[\w-]+(?:,\w+=[\w-]+)*", _columns),
    "--spread-bps": Argument("spread_bps"),
    "--depth-try": Argument("depth_try"),
    "--exchangeinfo": Argument("exchangeinfo", "FILE", _text),
    "--db": Argument("db"),
    "--run": Argument("run"),
    "--start": Argument("start"),
    "--end": Argument("end"),
    "--step": Argument("step"),
    "--strategy": Argument("strategy"),
}
"""The options that a call has an argument for."""
FLAGS: Final = {"--drop-bad": "drop_bad=True", "--round": "round_cells=True", "--fresh": "fresh=True"}
PHRASES: Final = {
    "--debug shows the traceback": "the traceback shows where",
    "say the pair with --symbol": "name its frame by the pair, such as",
    "say it with --symbol": "name its frame by the pair, such as",
    "as --symbol says": "as its frame is named",
    "with --as": "by the name of its frame",
    "--as renames it": "the name of its frame renames it",
}
"""What no argument says, in other words."""
_COMMANDS: Final = re.compile(r"`[^`]*`|\bmeva [a-z].*?(?=;|$)", re.MULTILINE)
_OPTION: Final = re.compile(r"(--[a-z]+(?:-[a-z]+)*)(?:[ =]((?!--)\S+))?")
_SIDE_BY_SIDE: Final = re.compile(r"(=(?:\"[^\"]*\"|\{[^}]*\}|\w+)) (?=\w+=[\"{\w])")
_ENDS: Final = ".,;:)"
"""What ends a clause, and belongs to no value."""


def as_called(text: str) -> str:
    """Return what an error says in the words of a call."""
    found, at = list[str](), 0
    for command in _COMMANDS.finditer(text):
        found += [_reworded(text[at : command.start()]), command[0]]
        at = command.end()
    return "".join([*found, _reworded(text[at:])])


def _reworded(text: str) -> str:
    for phrase, instead in PHRASES.items():
        text = text.replace(phrase, instead)
    return _SIDE_BY_SIDE.sub(r"\1, ", _OPTION.sub(_argument, text))


def _argument(found: re.Match[str]) -> str:
    option, behind = found[1], found[2] or ""
    rest = found[0].removeprefix(option)
    if option in FLAGS:
        return f"{FLAGS[option]}{rest}"
    one = ARGUMENTS.get(option)
    if one is None:
        return found[0]
    for value in (behind, behind.rstrip(_ENDS)):
        if one.value and re.fullmatch(one.value, value):
            return f"{one.name}={one.written(value)}{behind.removeprefix(value)}"
    named = found.string[found.end(1) :].startswith(":")
    return f"{one.name}{'' if named else '='}{rest}"
