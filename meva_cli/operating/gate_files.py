"""Gates as the files of settings have them by now.

What changes there while a program runs can shut a gate, and open again what it shut. What stood in the
settings when the program began is opened by beginning anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, evolve, field

from meva_cli.load import DOTENV, TOML, Given, own_of, read_dotenv, read_toml
from meva_core.errors import BadInput, Problem
from meva_core.gates import Block, BlockCode, Change, live_blocks
from meva_core.settings import VARIABLES, Settings
from meva_core.settings.variables import refuse_all

READERS: Final = {DOTENV: read_dotenv, TOML: read_toml}
_OF_GATES: Final[Mapping[str, str]] = {
    "DRY_RUN": "dry_run",
    "LIVE_TRADING": "live_trading",
    "LIVE_TRADING_ACK": "live_trading_ack",
}
_OF_EXCHANGE: Final[Mapping[str, str]] = {
    "BTCTURK_API_KEY": "api_key",
    "BTCTURK_API_SECRET": "api_secret",
}
"""The gates beside the kill switch, by their variables: the fields that hold them."""

Mark = tuple[int, ...] | None
Said = Mapping[str, Given]


def mark_of(path: Path) -> Mark:
    """Return what changes when a file does; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@define
class GateFiles:
    """The five gates beside the kill switch in the files of a `folder`, None where none are read. `settings`
    are those with which the program began."""

    settings: Settings
    folder: Path | None
    _first: dict[str, Said] = field(factory=dict, init=False)
    _seen: dict[str, tuple[Mark, Said]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Look at the files as they are when the program begins. Raises BadInput for one that cannot be
        read."""
        for path in self._paths():
            self._first[path.name] = self._said(path)

    def blocks(self) -> list[Block]:
        """Return the gates that are shut: as they were at the beginning, or by what has changed since. Raises
        BadInput for a file that cannot be read."""
        open_once = evolve(self.settings.gates, kill_switch=False)
        if began := list(live_blocks(open_once, self.settings.exchange)):
            return began
        values: dict[str, Any] = {}
        places: dict[str, str] = {}
        for name, given in self._changed():
            variable = VARIABLES[name]
            values[name] = variable.default if given is None else variable.parse(given.text, given.origin)
            places[name] = "in no file any more" if given is None else f"in {given.origin}"
        keys = self.settings.exchange
        gates = evolve(open_once, **_fields(_OF_GATES, values))
        blocks = live_blocks(gates, evolve(keys, **_fields(_OF_EXCHANGE, values)))
        shut = [evolve(block, changes=(*(_at(one, places) for one in block.changes),)) for block in blocks]
        others = [
            Change(name, f"another {places[name]}", "what it was when this run began")
            for name, one in _OF_EXCHANGE.items()
            if values.get(name) not in (None, getattr(keys, one))
        ]
        return [*shut, Block(BlockCode.LIVE_NOT_ARMED, tuple(others))] if others else shut

    def _paths(self) -> Iterator[Path]:
        if self.folder is not None:
            yield from (self.folder / name for name in READERS)

    def _changed(self) -> Iterator[tuple[str, Given | None]]:
        """Yield what files say otherwise than at the beginning, the one that wins last; None for what no
        source says any more."""
        now = {path.name: self._said(path) for path in self._paths()}
        for file, said in reversed(now.items()):
            first = self._first[file]
            for name, given in said.items():
                if name not in first or first[name].text != given.text:
                    yield name, given
            for name in first.keys() - said.keys():
                if not any(name in other for other in now.values()) and not _in_environment(name):
                    yield name, None

    def _said(self, path: Path) -> Said:
        """Return what a file says of these gates; it is read when it has changed."""
        mark = mark_of(path)
        if path.name not in self._seen or self._seen[path.name][0] != mark:
            self._seen[path.name] = mark, _read(path)
        return self._seen[path.name][1]


def _read(path: Path) -> Said:
    problems: list[Problem] = []
    try:
        said = own_of(READERS[path.name](path, problems))
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}") from error
    refuse_all(problems)
    return {name: given for name, given in said.items() if name in _OF_GATES or name in _OF_EXCHANGE}


def _in_environment(name: str) -> bool:
    variable = VARIABLES[name]
    return name in os.environ or (bool(variable.old_name) and variable.old_name in os.environ)


def _fields(names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {one: values[name] for name, one in names.items() if name in values}


def _at(change: Change, places: Mapping[str, str]) -> Change:
    return evolve(change, now=f"{change.now or 'empty'} {places.get(change.name, '')}".strip())
