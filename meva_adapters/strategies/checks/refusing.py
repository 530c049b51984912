"""A process in which a strategy opens no file, no socket and no process.

Python tells of each such call before it is made (`sys.addaudithook`). Modules may be imported, whatever files
that takes, what is installed may be looked up (numba does where it compiles), and time zones. Libraries that
open files without Python's knowledge are not seen.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

from attrs import define, field

from meva_adapters.strategies.files import is_of_file
from meva_adapters.strategies.imports import OF_MEVA
from meva_core.strategy.base import Strategy

_EXACTLY: Final = {
    "open",
    "ctypes.dlopen",
    "mmap.__new__",
    "pty.spawn",
    "sqlite3.connect",
    "subprocess.Popen",
    "urllib.Request",
    "webbrowser.open",
}
_BELOW: Final = ("ftplib.", "glob.", "http.client.", "imaplib.", "nntplib.", "os.", "poplib.", "shutil.")
_MORE_BELOW: Final = ("smtplib.", "socket.", "telnetlib.", "tempfile.")
_HARMLESS: Final = {"os.putenv", "os.unsetenv", "socket.__new__", "shutil.get_terminal_size"}
_SHOWN: Final = 60
_IMPORTING: Final = "<frozen importlib._bootstrap>"
_WHAT_IS_INSTALLED: Final = os.path.join(os.path.dirname(importlib.__file__), "metadata", "")
_INSTALLED: Final = {"site-packages", "dist-packages"}


class Refused(OSError):
    """A strategy did what it may not."""


@define
class Refusing:
    """Refuses what a strategy's own code does, from `begin` on; and, once `asking`, whatever any code does.

    `refused` are the calls, each with the file and line that made it, also where the strategy went on.
    """

    own: Path
    asking: bool = False
    done: bool = False
    refused: list[str] = field(factory=list)

    def begin(self) -> None:
        """Look at all calls of this process from now on; there is no way back."""
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.done or not _is_looked_at(event) or _may_be_read(event, arguments):
            return
        place = self._place(sys._getframe(1))
        if place is None:
            return
        said = f"{_call(event, arguments)}{place}"
        if said not in self.refused:
            self.refused.append(said)
        raise Refused(f"a strategy opens nothing: {said}")

    def _place(self, innermost: FrameType | None) -> str | None:
        """Return which line of the strategy's a call is due to, None for one that is no strategy's."""
        for frame in _outwards(innermost):
            file = frame.f_code.co_filename
            if file == _IMPORTING or file.startswith(_WHAT_IS_INSTALLED):
                return None
            if self._is_own(file):
                return f" at {Path(file).name}:{frame.f_lineno}"
        return "" if self.asking else None

    def _is_own(self, file: str) -> bool:
        path = Path(file)
        if path == self.own:
            return True
        if self.own not in path.parents:
            return False
        inside = path.relative_to(self.own).parts
        return inside[0] not in OF_MEVA and _INSTALLED.isdisjoint(inside)


def own_place(kind: type[Strategy]) -> Path:
    """Return where a strategy's own code lies: the folder of a file, the top package of a module, or the
    module's file."""
    module = sys.modules[kind.__module__]
    file = Path(getattr(module, "__file__", None) or kind.__module__)
    top, dot, _ = kind.__module__.partition(".")
    package = getattr(sys.modules.get(top), "__file__", None)
    if dot and package:
        return Path(package).parent
    return file.parent if is_of_file(module) else file


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_looked_at(event: str) -> bool:
    return event in _EXACTLY or (event.startswith(_BELOW + _MORE_BELOW) and event not in _HARMLESS)


def _may_be_read(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a call reads what is as good as imported: a module's source, as warnings show it, or a zone."""
    if event != "open" or not isinstance(arguments[0], str | bytes):
        return False
    name = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
    reads = arguments[1] in (None, "r", "rb", "rt") and not arguments[2] & 3
    return reads and (name.endswith(".py") or bool({"zoneinfo", "tzdata"} & set(Path(name).parts)))


def _call(event: str, arguments: tuple[Any, ...]) -> str:
    """Return a call as it is written, without long arguments."""
    shown = arguments[:1] if event == "open" else arguments[:2]
    return f"{event}({', '.join(map(_short, shown))})"


def _short(one: Any) -> str:
    """Return a value as it is written, of a long one its end: that is where a path says which file it is."""
    text = repr(one)
    return text if len(text) <= _SHOWN else f"'...{text[-_SHOWN:]}"
