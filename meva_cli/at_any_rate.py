"""Settings as far as they can be read: for what must be done whatever else is wrong with them.

Each file is taken line by line where it cannot be read as a whole, and a setting that has no good value is at
its default, which shuts a gate. Nothing that opens one may come from here.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from attrs import evolve

from meva_cli.context import Invocation
from meva_cli.load import DOTENV, TOML, Given, dotenv_in, read_dotenv, read_toml, sources_of, toml_names
from meva_cli.named import ALONE, SET
from meva_core.errors import BadInput, Problem
from meva_core.settings import GROUPS, Settings
from meva_core.settings.variables import variables_of

_FILES: Final = {DOTENV: read_dotenv, TOML: read_toml}


class Readable(NamedTuple):
    """What could be read, and what could not: the variables without a good value, each with what is wrong;
    the lines and files that were passed over, in words; and the files of which nothing is known, by name.

    `origin` says where each variable that is not at its default was given, `named` are those that the command
    line or the environment says, which no file can change.
    """

    settings: Settings
    origin: Mapping[str, str]
    faults: Mapping[str, str]
    passed_over: tuple[str, ...]
    unread: tuple[str, ...]
    named: frozenset[str]


def readable_settings(*groups: str) -> Readable:
    """Return what can be read of these groups of settings and `state`, and tell the root command of them."""
    context = click.get_current_context()
    alone = context.meta.get(ALONE, False)
    passed_over: list[str] = []
    unread: list[str] = []
    files = [] if alone else [_said_in(name, passed_over, unread) for name in _FILES]
    sources = sources_of(context.meta.get(SET, {}), {} if alone else os.environ, files)
    given = {name: value for source in reversed(sources) for name, value in source.items()}
    faults: dict[str, str] = {}
    built = {name: _group(GROUPS[name], given, faults) for name in dict.fromkeys((*groups, "state"))}
    settings = evolve(Settings(), **built)
    if invocation := context.find_object(Invocation):
        invocation.settled(settings)
    named = frozenset(name for source in sources[:2] for name in source)
    origin = {name: value.origin for name, value in given.items()}
    return Readable(settings, origin, faults, (*passed_over, *faults.values()), tuple(unread), named)


def _group(group: type, given: Mapping[str, Given], faults: dict[str, str]) -> Any:
    """Return a group with what has a good value; what has none goes to `faults`."""
    good: dict[str, Any] = {}
    for attribute, variable in variables_of(group).items():
        if variable.name not in given:
            continue
        try:
            good[attribute] = variable.parse(*given[variable.name])
        except BadInput as error:
            faults[variable.name] = str(error)
    return group(**good)


def _said_in(name: str, passed_over: list[str], unread: list[str]) -> dict[str, Given]:
    """Return what a file of settings says, as far as it can be read."""
    problems: list[Problem] = []
    path = Path(name)  # of this folder, which may be gone
    try:
        return _FILES[name](path, problems)
    except BadInput as error:
        passed_over.append(str(error))
        return _lines_of(path, problems, passed_over, unread)
    except OSError as error:
        passed_over.append(f"{name} cannot be read: {error.strerror}")
        unread.append(name)
        return {}
    finally:
        passed_over += map(str, problems)


def _lines_of(
    path: Path, problems: list[Problem], passed_over: list[str], unread: list[str]
) -> dict[str, Given]:
    """Return what the lines of a file say, each by itself."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        passed_over.append(f"{path.name} cannot be read: {error.strerror}")
        unread.append(path.name)
        return {}
    return dotenv_in(text, path.name, problems) if path.name == DOTENV else dict(_toml_lines(text))


def _toml_lines(text: str) -> Iterator[tuple[str, Given]]:
    """Yield the settings that lines of a broken `meva.toml` name, whatever their headings."""
    names = {key: name for group in GROUPS for key, name in toml_names(group).items()}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            table = tomllib.loads(line)
        except (ValueError, RecursionError):  # also what is no TOML
            continue
        for key, value in table.items():
            if key in names and isinstance(value, str):
                yield names[key], Given(value, f"{TOML} line {number}")
