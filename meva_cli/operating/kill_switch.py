"""The kill switch, wherever it stands: in the settings, their files as they are now, a file, rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import define, field

from meva_adapters.system.kill_file import read_kill_file
from meva_cli.load import Given
from meva_cli.operating.gate_files import READERS, Mark, mark_of
from meva_core.errors import BadInput, Problem
from meva_core.operating.kill import Kill, Level, stored_kills, strictest
from meva_core.settings import Gates
from meva_core.settings.variables import variables_of

if TYPE_CHECKING:
    from meva_core.ports import Reads

_SWITCH: Final = "KILL_SWITCH"


def kill_path(gates: Gates) -> Path | None:
    """Return where the kill file is, as the settings have it."""
    return None if gates.kill_file is None else Path(gates.kill_file).expanduser()


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
    _seen: dict[str, tuple[Mark, Kill | None]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        # What the files say now is in the settings already, as far as nothing else won over it.
        if self.folder is not None:
            self._seen = {name: (mark_of(self.folder / name), None) for name in READERS}

    def strictest(self) -> Kill | None:
        """Return what wants writes to end, the strictest. Raises StoreError where rows cannot be read."""
        return strictest(self.kills())

    def kills(self) -> Iterator[Kill]:
        """Yield all that want writes to end."""
        if self.gates.kill_switch:
            yield Kill(Level.ALL, _SWITCH, "the settings say so")
        elif self.folder is not None:
            yield from filter(None, (self._of_settings(self.folder / name) for name in READERS))
        path = kill_path(self.gates)
        if path is not None and (found := read_kill_file(path)) is not None:
            yield found
        with self.views() as view:
            yield from stored_kills(view)

    def _of_settings(self, path: Path) -> Kill | None:
        """Return what a file of settings says by now; it is read when it has changed."""
        mark = mark_of(path)
        if self._seen[path.name][0] != mark:
            self._seen[path.name] = mark, _kill_in(path)
        return self._seen[path.name][1]


def _kill_in(path: Path) -> Kill | None:
    """Return what a file of settings says of the switch; one that cannot be read has said it."""
    problems: list[Problem] = []
    try:
        given = READERS[path.name](path, problems).get(_SWITCH)
        is_on = given is not None and _is_on(given)
    except BadInput as error:
        return Kill(Level.ALL, path.name, str(error))
    except OSError as error:
        return Kill(Level.ALL, path.name, f"it cannot be read: {error.strerror}")
    if problems:
        return Kill(Level.ALL, path.name, str(problems[0]))
    return Kill(Level.ALL, given.origin, f"{_SWITCH} is true there") if is_on and given else None


def _is_on(given: Given) -> bool:
    variable = next(v for v in variables_of(Gates).values() if v.name == _SWITCH)
    return bool(variable.parse(given.text, given.origin))
