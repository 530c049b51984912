"""When calls were made, by quota, and keys that were refused: kept by one process, or in a file that all
processes of a host share.

The exchange counts by address, whoever asks from it. The file is held by a lock while a call is counted.
Times are those of the monotonic clock, which is one for all processes of a host since it was started.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import monotonic as system_monotonic
from time import sleep as system_sleep
from typing import Any, Final, Protocol

from attrs import define, field

from meva_adapters.btcturk.clock import Monotonic
from meva_adapters.system import events
from meva_adapters.system.own_folders import NotOurs, own_folder

LONGEST_SECONDS: Final = 600.0
"""Of any budget and of any block: what is older counts nowhere."""
REFUSED_SECONDS: Final = 86_400.0
"""So long refusals of a key are remembered, unless it is taken again before."""
_BUSY_SECONDS: Final = 0.5
"""So long a lock is waited for: a call is counted in a thousandth of that."""
_LOOK_SECONDS: Final = 0.002
_MOST_BYTES: Final = 2**20
_LOG: Final = logging.getLogger(__name__)


@define
class CallTimes:
    """Calls in the order in which they were made, and until when no call is to be made, by quota; and of
    keys, by their marks, how often in a row they were refused, and when last.

    Seconds on the monotonic clock.
    """

    made: dict[str, list[float]] = field(factory=dict)
    blocked: dict[str, float] = field(factory=dict)
    refused: dict[str, tuple[int, float]] = field(factory=dict)
    changed: bool = False

    def add(self, quota: str, now: float, lasts: float) -> None:
        """Count a call, and forget those that count no more after so many seconds: all that are kept are read
        and written with each call of any process."""
        kept = [at for at in self.made.get(quota, ()) if at > now - lasts]
        self.made[quota] = [*kept, now]
        self.changed = True

    def block(self, quota: str, until: float) -> None:
        """Have no call made until then."""
        self.blocked[quota] = max(until, self.blocked.get(quota, 0.0))
        self.changed = True

    def refuse(self, mark: str, now: float) -> None:
        """Count a refusal of a key."""
        self.refused[mark] = (self.refused.get(mark, (0, now))[0] + 1, now)
        self.changed = True

    def admit(self, mark: str) -> None:
        """Forget refusals of a key: it was taken."""
        if self.refused.pop(mark, None) is not None:
            self.changed = True


class Calls(Protocol):
    """Where calls are counted. Held by one thread at a time."""

    def held(self) -> AbstractContextManager[CallTimes]:
        """Hold the calls; what is changed of them is kept."""


class OwnCalls:
    """The calls of this process."""

    def __init__(self) -> None:
        self._times = CallTimes()

    @contextmanager
    def held(self) -> Iterator[CallTimes]:
        """Hold the calls."""
        yield self._times


class SharedCalls:
    """The calls of all processes to one address, in a file; where it cannot be used, those of this process.

    `make` says whether a file that is not there is made.
    """

    def __init__(
        self, path: Path, address: str, *, make: bool = True, monotonic: Monotonic = system_monotonic
    ) -> None:
        self._path = path
        self._address = address
        self._make = make
        self._monotonic = monotonic
        self._own = CallTimes()
        self._said = ""

    @contextmanager
    def held(self) -> Iterator[CallTimes]:
        """Hold the file, and the calls in it."""
        descriptor = self._locked()
        if descriptor is None:
            yield self._own
            return
        try:
            tree = _read(descriptor)
            times = self._own if tree is None else _times_in(tree.get(self._address), self._monotonic())
            times.changed = False
            self._own = times
            yield times
            if times.changed:
                self._write(descriptor, tree or {})
        finally:
            os.close(descriptor)

    def _write(self, descriptor: int, tree: dict[str, Any]) -> None:
        """Write the calls; those to addresses that nobody called for long are left out."""
        now = self._monotonic()
        others = {address: _times_in(said, now) for address, said in tree.items() if address != self._address}
        kept = {
            address: times
            for address, times in others.items()
            if times.made or times.blocked or times.refused
        }
        kept[self._address] = self._own
        document = {
            address: {"made": one.made, "blocked": one.blocked, "refused": one.refused}
            for address, one in kept.items()
        }
        data = json.dumps(document, separators=(",", ":")).encode()
        try:
            os.ftruncate(descriptor, os.pwrite(descriptor, data, 0))
        except OSError as error:
            self._alone(error.strerror or str(error))

    def _locked(self) -> int | None:
        """Return the file, opened and locked; None where that cannot be."""
        try:
            descriptor = self._opened()
        except FileNotFoundError:
            return None  # nobody shares any, and none is to be made
        except (NotOurs, OSError) as error:
            self._alone(str(error))
            return None
        if _lock(descriptor):
            self._said = ""
            return descriptor
        os.close(descriptor)
        self._alone(f"{self._path} is held by another process")
        return None

    def _opened(self) -> int:
        folder = own_folder(self._path.parent, make=self._make)
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        return os.open(folder / self._path.name, flags | (os.O_CREAT if self._make else 0), 0o600)

    def _alone(self, why: str) -> None:
        if why != self._said:
            self._said = why
            said = f"the calls of other processes to {self._address} are not counted: {why}"
            events.CALLS_NOT_SHARED.log(_LOG, said, address=self._address)


def _lock(descriptor: int) -> bool:
    """Lock a file, waiting for a moment; False where another process does not let go of it."""
    try:
        import fcntl
    except ImportError:  # not POSIX: a lock of another kind is not worth its code
        return False
    until = system_monotonic() + _BUSY_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if system_monotonic() >= until:
                return False
            system_sleep(_LOOK_SECONDS)
        else:
            return True


def _read(descriptor: int) -> dict[str, Any] | None:
    """Return the document in a file, an empty one for a new file; None for what is none."""
    data = os.pread(descriptor, _MOST_BYTES, 0)
    if not data:
        return {}
    try:
        tree = json.loads(data)
    except ValueError:  # whoever wrote it was killed
        return None
    return tree if isinstance(tree, dict) else None


def _times_in(said: Any, now: float) -> CallTimes:
    """Return the calls in a part of the document. Those after now are of before the host was started."""
    said = said if isinstance(said, dict) else {}
    made: dict[str, list[float]] = {}
    for quota, times in _items(said.get("made")):
        if kept := [at for at in times if _is_time(at) and now - LONGEST_SECONDS < at <= now]:
            made[quota] = sorted(kept)
    blocked = {
        quota: until
        for quota, until in _items(said.get("blocked"), float)
        if _is_time(until) and now < until <= now + LONGEST_SECONDS
    }
    refused = {
        mark: (one[0], one[1])
        for mark, one in _items(said.get("refused"))
        if len(one) == 2 and type(one[0]) is int and _is_time(one[1])
        if now - REFUSED_SECONDS < one[1] <= now
    }
    return CallTimes(made, blocked, refused)


def _items(tree: Any, kind: type = list) -> list[tuple[str, Any]]:
    found = tree.items() if isinstance(tree, dict) else ()
    return [(name, value) for name, value in found if isinstance(value, kind)]


def _is_time(value: Any) -> bool:
    return isinstance(value, float) and value == value
