"""The kill switch, wherever it stands: in the settings, their files as they are now, a file, rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import define, evolve, field, frozen

from meva_adapters.system.kill_file import read_kill_file
from meva_cli.load import Given
from meva_cli.operating.gate_files import READERS, Mark, mark_of
from meva_core.errors import BadInput, MevaError, Problem
from meva_core.operating.guards.kill import Kill, Level, stored_kills, strictest
from meva_core.settings import Gates
from meva_core.settings.variables import variables_of

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.ports import Reads

SWITCH: Final = "KILL_SWITCH"


def kill_path(gates: Gates) -> Path | None:
    """Return where the kill file is, as the settings have it."""
    return None if gates.kill_file is None else Path(gates.kill_file).expanduser()


def thrown_beside(gates: Gates, url: URL | None) -> tuple[list[Kill], str]:
    """Return where the switch is thrown beside the settings, in its file and in the rows of a database, which
    is looked at without a trace of it; and why that could not be looked at, if it could not."""
    path = kill_path(gates)
    in_file = None if path is None else read_kill_file(path)
    found = [] if in_file is None else [in_file]
    try:
        return [*found, *_rows(url)], ""
    except MevaError as error:
        return found, str(error)


def _rows(url: URL | None) -> list[Kill]:
    """Return what the rows of a database say; nothing of one that is not there yet."""
    from meva_adapters.sql.addresses import shown
    from meva_adapters.sql.engine import file_of
    from meva_adapters.sql.glance import glancing_at
    from meva_adapters.sql.reads import SqlReads
    from meva_adapters.sql.revisions import identify, require_head

    if url is None or ((file := file_of(url)) is not None and not file.exists()):
        return []
    with glancing_at(url) as connection:
        if identify(connection).state == "empty":
            return []
        require_head(connection, shown(url))
    with glancing_at(url) as connection:
        return stored_kills(SqlReads(connection, shown(url)))


@frozen
class _Said:
    """What a file of settings says of the switch, by its mark: whether anything, and whether it closes it."""

    mark: Mark
    is_there: bool = False
    kill: Kill | None = None


@define
class KillSwitch:
    """All places of the switch, looked at anew each time; `folder` is where the files of settings are, None
    where none are read.

    A file of settings that changes can close it, and open again what that file closed; what stood in the
    settings when the program began is opened by beginning anew.
    """

    gates: Gates
    folder: Path | None
    views: Callable[[], AbstractContextManager[Reads]]
    """Opens a view of the database as it is now."""
    origin: str = ""
    """Where the setting was given, if that is to be told."""
    _seen: dict[str, _Said] = field(factory=dict, init=False)
    _is_of_files: bool = field(default=False, init=False)
    """Whether a file, and nothing that wins over it, said how it stands when the program began."""

    def __attrs_post_init__(self) -> None:
        # What the files say now is in the settings already, as far as nothing else won over it.
        if self.folder is not None:
            self._seen = {name: evolve(_said_in(self.folder / name), kill=None) for name in READERS}
            self._is_of_files = self._is_said() and SWITCH not in os.environ

    def strictest(self) -> Kill | None:
        """Return what wants writes to end, the strictest. Raises StoreError where rows cannot be read."""
        return strictest(self.kills())

    def kills(self) -> Iterator[Kill]:
        """Yield all that want writes to end."""
        if self.gates.kill_switch:
            where = f": {self.origin}" if self.origin else ""
            yield Kill(Level.ALL, SWITCH, f"the settings say so{where}")
        elif self.folder is not None:
            yield from filter(None, (self._of_settings(self.folder / name) for name in READERS))
            if self._is_of_files and not self._is_said():
                why = "it is on where nothing says otherwise, and no file does any more"
                yield Kill(Level.ALL, SWITCH, why)
        path = kill_path(self.gates)
        if path is not None and (found := read_kill_file(path)) is not None:
            yield found
        with self.views() as view:
            yield from stored_kills(view)

    def _of_settings(self, path: Path) -> Kill | None:
        """Return what a file of settings says by now; it is read when it has changed."""
        if self._seen[path.name].mark != mark_of(path):
            self._seen[path.name] = _said_in(path)
        return self._seen[path.name].kill

    def _is_said(self) -> bool:
        return any(said.is_there for said in self._seen.values())


def _said_in(path: Path) -> _Said:
    """Return what a file of settings says of the switch; one that cannot be read has closed it."""
    mark, problems = mark_of(path), list[Problem]()
    try:
        given = READERS[path.name](path, problems).get(SWITCH)
        is_on = given is not None and _is_on(given)
    except BadInput as error:
        return _Said(mark, True, Kill(Level.ALL, path.name, str(error)))
    except OSError as error:
        return _Said(mark, True, Kill(Level.ALL, path.name, f"it cannot be read: {error.strerror}"))
    if problems:
        return _Said(mark, True, Kill(Level.ALL, path.name, str(problems[0])))
    if given is None:
        return _Said(mark)
    return _Said(mark, True, Kill(Level.ALL, given.origin, f"{SWITCH} is true there") if is_on else None)


def _is_on(given: Given) -> bool:
    variable = next(v for v in variables_of(Gates).values() if v.name == SWITCH)
    return bool(variable.parse(given.text, given.origin))
