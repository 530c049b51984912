"""Python's clock moved in this process: for what must not depend on it.

Compiled modules get the types of `datetime` as they are: they lay their own out upon them, byte by byte, and
would crash with others. So what reads the clock in compiled code (`pandas.Timestamp.now`) reads the true one.
"""

from __future__ import annotations

import datetime as module
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, tzinfo
from importlib.machinery import ExtensionFileLoader
from typing import Any


def move_clock(seconds: int) -> None:
    """Let `time` and `datetime` say in this process that it is so much later."""
    _move_time(seconds)
    later = timedelta(seconds=seconds)

    class LikeDate(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, date)

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, date)

    class LikeDatetime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, datetime)

    class MovedDate(date, metaclass=LikeDate):
        @classmethod
        def today(cls) -> Any:
            return (datetime.now() + later).date()

    class MovedDatetime(datetime, metaclass=LikeDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + later

        @classmethod
        def utcnow(cls) -> Any:
            return datetime.now(UTC).replace(tzinfo=None) + later

        @classmethod
        def today(cls) -> Any:
            return datetime.now() + later

    # For what is imported from now on.
    _set({"date": MovedDate, "datetime": MovedDatetime})
    for step in ("create_module", "exec_module"):
        setattr(ExtensionFileLoader, step, _with_true_types(getattr(ExtensionFileLoader, step)))


def _set(types: Mapping[str, type]) -> None:
    for name, kind in types.items():
        setattr(module, name, kind)


@contextmanager
def _true_types() -> Iterator[None]:
    there = {"date": module.date, "datetime": module.datetime}
    _set({"date": date, "datetime": datetime})
    try:
        yield
    finally:
        _set(there)


def _with_true_types(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step of loading a compiled module in which `datetime` has its own types."""

    def taken(*args: Any) -> Any:
        with _true_types():
            return step(*args)

    return taken


def _move_time(seconds: int) -> None:
    def moved(clock: Callable[[], float]) -> Callable[[], float]:
        return lambda: clock() + seconds

    def moved_whole(clock: Callable[[], int]) -> Callable[[], int]:
        return lambda: clock() + seconds * 10**9

    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, moved(getattr(time, name)))
        setattr(time, f"{name}_ns", moved_whole(getattr(time, f"{name}_ns")))
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, _of_now(getattr(time, name)))


def _of_now(shown: Callable[..., Any]) -> Callable[..., Any]:
    return lambda second=None: shown(time.time() if second is None else second)
