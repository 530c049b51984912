"""Python's clock moved in this process: for what must not depend on it."""

from __future__ import annotations

import datetime as module
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any


def move_clock(seconds: int) -> None:
    """Let `time` and `datetime` say in this process that it is so much later."""
    _move_time(seconds)
    later = timedelta(seconds=seconds)

    class LikeDate(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, date)

    class LikeDatetime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

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
    setattr(module, "date", MovedDate)  # noqa: B010 - a type may not be assigned to
    setattr(module, "datetime", MovedDatetime)  # noqa: B010


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
