"""Where settings come from: the command line, the environment, `.env`, `meva.toml`, in this order.

Every value keeps a word on where it stood, so that a message can name the line to change. A name that is
probably a misspelt setting is refused in a file, and warned of in the environment, which is not ours alone.
"""

from __future__ import annotations

import io
import json
import os
import stat
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from attrs import evolve

from meva_cli.context import Invocation
from meva_cli.named import ALONE, FALLBACK, SET
from meva_cli.names import ENVIRONMENT_ONLY, known_names, near_name
from meva_core.errors import BadInput, Problem
from meva_core.settings import GROUPS, VARIABLES, Settings, build_settings, variables_of
from meva_core.settings.variables import refuse_all

DOTENV: Final = ".env"
TOML: Final = "meva.toml"
STRATEGIES: Final = "strategies"
"""The heading whose own headings are the ids of strategies, with their parameters."""
_LARGEST: Final = 10**60
COMMAND_LINE: Final = "the command line"
_WARNED: Final = "meva.warned"


class Given(NamedTuple):
    """A raw text and where it stood."""

    text: str
    origin: str


class Loaded(NamedTuple):
    """Settings, and where each that is not a default was given, by the name of its variable.

    `unused` are the other places that name a variable; `warnings` are what a user should know of the sources,
    `exposed` those of them that are about who may read or write a file.
    """

    settings: Settings
    origin: Mapping[str, str]
    unused: Mapping[str, Sequence[str]] = {}
    warnings: Sequence[str] = ()
    exposed: Sequence[str] = ()


def settings_for(*groups: str, options: Mapping[str, str | None] | None = None, warn: bool = True) -> Loaded:
    """Load the settings that the running command uses, and tell the root command of them.

    `options` are raw texts by variable from the command line, None where an option was not given. They are
    checked like any other source, and so is what `--set` named. Warnings go to stderr, each once; `warn`:
    unless the command tells them itself.
    """
    context = click.get_current_context()
    chosen = _command_line(options or {}, context.meta.get(SET, {}))
    fallback = context.meta.get(FALLBACK, {})
    alone = context.meta.get(ALONE, False)
    environment = {} if alone else os.environ
    loaded = load_settings(chosen, environment, None if alone else Path.cwd(), {*groups, "state"}, fallback)
    invocation = context.find_object(Invocation)
    if invocation:
        invocation.settled(loaded.settings)
    said: set[str] = context.meta.setdefault(_WARNED, set())
    for warning in loaded.warnings if warn else ():
        if warning not in said:
            _warn(warning)
            said.add(warning)
    return loaded


def _warn(warning: str) -> None:
    from meva_adapters.system.events import SETTING_WARNED
    from meva_cli.notes import say

    say(SETTING_WARNED, warning, before="warning: ")


def _command_line(options: Mapping[str, str | None], named: Mapping[str, str]) -> dict[str, str | None]:
    """Return what options and `--set` say together; raise BadInput for a setting that both name."""
    both = [name for name, text in options.items() if text is not None and name in named]
    if both:
        raise BadInput(
            f"{both[0]} is named by --set and by an option of its own", action="leave one of them out"
        )
    return {**options, **named}


def load_settings(
    options: Mapping[str, str | None],
    environment: Mapping[str, str],
    folder: Path | None,
    groups: Collection[str] = tuple(GROUPS),
    fallback: Mapping[str, str] | None = None,
) -> Loaded:
    """Return the settings of all sources, the first that names a variable winning.

    Files are read in `folder`, None for none; `fallback` counts where no source names one. Raises BadInput
    that lists every fault of every source that could be read.
    """
    problems: list[Problem] = []
    files, tables = {}, dict[str, dict[str, Any]]()
    if folder is not None:
        toml = read_toml(folder / TOML, problems, tables)
        files = {DOTENV: read_dotenv(folder / DOTENV, problems), TOML: toml}
    sources = sources_of(options, environment, files.values(), fallback)
    given = {name: value for source in reversed(sources) for name, value in source.items()}
    texts = {name: value.text for name, value in given.items()}
    origin = {name: value.origin for name, value in given.items()}
    try:
        settings = build_settings(texts, origin, groups)
    except BadInput as error:
        problems += error.problems
    refuse_all(problems)
    settings = evolve(settings, strategy=evolve(settings.strategy, tables=tables))
    unused = {
        name: places for name in given if (places := [s[name].origin for s in sources if name in s][1:])
    }
    exposed = (*filter(None, (_exposed(folder / f, files[f]) for f in files if folder)),)
    return Loaded(settings, origin, unused, [*_misspelt(environment), *exposed], exposed)


def sources_of(
    options: Mapping[str, str | None],
    environment: Mapping[str, str],
    files: Iterable[Mapping[str, Given]],
    fallback: Mapping[str, str] | None = None,
) -> list[dict[str, Given]]:
    """Return what each source says about our variables, the one that wins first."""
    return [
        own_of({name: Given(text, COMMAND_LINE) for name, text in options.items() if text is not None}),
        own_of({name: Given(text, "the environment") for name, text in environment.items()}),
        *map(own_of, files),
        own_of({name: Given(text, "the earlier system") for name, text in (fallback or {}).items()}),
    ]


def _misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for every name that is probably a misspelt setting."""
    for name in sorted(environment):
        if near := near_name(name):
            yield f"{name} in the environment is no setting and changes nothing; did you mean {near}?"


def _exposed(path: Path, given: Mapping[str, Given]) -> str | None:
    """Return what is wrong with the permissions of a file of settings, if anything is.

    Others must not read a secret, and not write what opens a gate.
    """
    if os.name != "posix" or not path.is_file():
        return None
    mode = stat.S_IMODE(path.stat().st_mode)
    secret = any(value.text and VARIABLES[name].secret for name, value in own_of(given).items())
    others = stat.S_IRWXG | stat.S_IRWXO if secret else stat.S_IWOTH
    if not mode & others:
        return None
    what = "holds a secret, and others can read or write it" if secret else "can be written by others"
    return f"{path.name} {what} (mode {mode:04o}); run `chmod 600 {path.name}`"


def own_of(source: Mapping[str, Given]) -> dict[str, Given]:
    """Return what a source says about our variables; in one source a name of today wins over its old one."""
    found = {}
    for name, variable in VARIABLES.items():
        given = source.get(name) or source.get(variable.old_name)
        if given:
            found[name] = given
    return found


def _read(path: Path) -> str | None:
    """Return the text of a file, None if there is none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path.name}: not UTF-8 text ({error.reason} at byte {error.start})",
            action=f"save {path.name} as UTF-8, or move it away",
        ) from None


def read_dotenv(path: Path, problems: list[Problem]) -> dict[str, Given]:
    """Return the assignments of a `.env` file, {} if there is none. Values are taken as they stand.

    What may not be skipped goes to `problems`, since it could be a gate: a line that is no assignment, a
    name that is probably a misspelt setting, a setting that no file may hold.
    """
    text = _read(path)
    return {} if text is None else dotenv_in(text, path.name, problems)


def dotenv_in(text: str, file: str, problems: list[Problem]) -> dict[str, Given]:
    """Return the assignments in the text of a `.env`, as `read_dotenv` does of a file."""
    from dotenv.parser import parse_stream  # here, since most folders have no such file

    given: dict[str, Given] = {}
    for binding in parse_stream(io.StringIO(text)):
        # The parser counts from the blank lines before a statement.
        blank = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:blank].count("\n")
        origin = f"{file} line {line}"
        if binding.error or (binding.key in VARIABLES and binding.value is None):
            problems.append(_fault(origin, "is no assignment; expected NAME=value"))
        elif binding.key and (wrong := _wrong_name(binding.key)):
            problems.append(_fault(origin, wrong, binding.key))
        elif binding.key and binding.value is not None:
            if said_before := _otherwise(given, binding.key, binding.value):
                problems.append(_fault(origin, said_before, binding.key))
            given[binding.key] = Given(binding.value, origin)
    return given


def _otherwise(given: Mapping[str, Given], name: str, text: str) -> str:
    """Return how a setting was given another value before in the same file, or nothing: which of two lines
    is meant cannot be known, and one of them may be a kill switch."""
    before = given.get(name)
    if before is None or before.text == text or name not in known_names():
        return ""
    return f"gives {name} another value than {before.origin}; leave one of them out"


def _wrong_name(name: str) -> str:
    """Return why a name may not stand in a `.env`, or nothing: names of other programs may."""
    if name in ENVIRONMENT_ONLY:
        return f"{name} is taken from the environment alone: a file in this folder may be another's"
    if not _in_files(name):
        return f"{name} is not taken from a file, which may be another's; use the environment or --set"
    near = near_name(name)
    return f"unknown setting {name}; did you mean {near}?" if near else ""


def _in_files(name: str) -> bool:
    return name not in ENVIRONMENT_ONLY and (name not in VARIABLES or VARIABLES[name].in_files)


def read_toml(
    path: Path, problems: list[Problem], tables: dict[str, dict[str, Any]] | None = None
) -> dict[str, Given]:
    """Return the settings of a `meva.toml`, {} if there is none; what is no setting goes to `problems`, and
    the parameters of strategies (`[strategies.<id>]`) to `tables`.

    Numbers keep the digits they were written with. Raises BadInput for a file that is not TOML.
    """
    text = _read(path)
    if text is None:
        return {}
    mend = f"mend {path.name}, or move it away: the defaults hold without it"
    try:
        tree = tomllib.loads(text, parse_float=_digits)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path.name}: not TOML: {error}", action=mend) from None
    except RecursionError:
        raise BadInput(f"{path.name}: not TOML that is read: nested too deeply", action=mend) from None
    except ValueError:  # Python's own limit, which the parser hands on
        raise BadInput(f"{path.name}: a whole number in it has thousands of digits", action=mend) from None
    given: dict[str, Given] = {}
    for heading, table in tree.items():
        if heading == STRATEGIES and isinstance(table, dict):
            (tables if tables is not None else {}).update(_tables(path.name, table, problems))
            continue
        if heading not in GROUPS or not isinstance(table, dict):
            problems.append(_unknown_heading(path.name, heading))
            continue
        names = toml_names(heading)
        for key, value in table.items():
            if key in names and not _in_files(names[key]):
                problems.append(_fault(f"{path.name} [{heading}]", _wrong_name(names[key]), key))
            elif key in names:
                given[names[key]] = Given(_as_text(value), f"{path.name} [{heading}]")
            else:
                problems.append(_unknown_key(f"{path.name} [{heading}]", key))
    return given


def _tables(name: str, found: dict[str, Any], problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """Return the parameters of strategies by their ids; what cannot be any goes to `problems`."""
    tables = {}
    for strategy, table in found.items():
        where = f"{name} [{STRATEGIES}.{strategy}]"
        if not isinstance(table, dict):
            problems.append(_fault(where, f"is no heading; write [{STRATEGIES}.{strategy}]", strategy))
            continue
        tables[strategy] = {key: value for key, value in table.items() if type(value) in (bool, int, str)}
        problems += [
            _fault(where, f"{key} is neither a number, a text, true nor false", key)
            for key in table
            if key not in tables[strategy]
        ]
    return tables


def _digits(number: str) -> str:
    """Return a number with a point or an exponent as it was written: no float, no notation of Decimal's."""
    return number.replace("_", "")


def toml_names(heading: str) -> dict[str, str]:
    """Return the names of variables by the keys of a heading."""
    found = {}
    for variable in variables_of(GROUPS[heading]).values():
        for name in filter(None, (variable.name, variable.old_name)):
            found[name.lower()] = name
    return found


def _unknown_heading(where: str, heading: str) -> Problem:
    near = get_close_matches(heading, GROUPS, n=1, cutoff=0)[0]
    return _fault(where, f"unknown heading [{heading}]; the nearest known one is [{near}]", heading)


def _unknown_key(where: str, key: str) -> Problem:
    homes = {name: group for group in GROUPS for name in toml_names(group)}
    near = get_close_matches(key, homes, n=1, cutoff=0)[0]
    return _fault(where, f"unknown key {key!r}; the nearest known one is {near!r} under [{homes[near]}]", key)


def _fault(where: str, message: str, value: str = "") -> Problem:
    return Problem(
        code="bad_settings_file", where=where, value=value, message=message, action=f"mend {where}"
    )


def _as_text(value: Any) -> str:
    """Return a TOML value as the environment would hold it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return json.dumps([_as_text(item) for item in value])
    if isinstance(value, dict):
        return json.dumps({key: _as_text(item) for key, item in value.items()})
    # In sixteens or in bits a number may be longer than Python writes in tens: then no setting takes it.
    return hex(value) if isinstance(value, int) and abs(value) > _LARGEST else str(value)
