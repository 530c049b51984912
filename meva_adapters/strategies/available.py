"""What strategies there are: built in, of installed distributions, in files; and the classes they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from meva_adapters.strategies.files import classes_in, file_module, loading
from meva_core.errors import BadInput
from meva_core.strategy.base import Strategy
from meva_core.strategy.built_in import BUILT_IN, OF_LIVE_STAGES

GROUP: Final = "meva.strategies"
"""The group of entry points that installed strategies stand under."""


def installed() -> Mapping[str, EntryPoint]:
    """Return the strategies of installed distributions by id."""
    return _installed(tuple((place, _seen(place)) for place in sys.path))


@lru_cache(maxsize=4)
def _installed(places: tuple[Any, ...]) -> Mapping[str, EntryPoint]:
    """Return those of places in a state that they were seen in: all their distributions are read."""
    return {point.name: point for point in entry_points(group=GROUP)}


def _seen(place: str) -> tuple[int, ...]:
    """Return what is another once something is installed or removed in a place."""
    try:
        found = os.stat(place or os.curdir)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns


def ids_of(places: Sequence[Path]) -> set[str]:
    """Return the ids that there are: built in, installed, in the files of some folders, which are run."""
    return {*BUILT_IN, *installed(), *(one.id for one in _in_files(places, None))}


def unknown_headings(
    tables: Mapping[str, Mapping[str, Any]], places: Sequence[Path], loaded: Collection[str] = ()
) -> list[str]:
    """Return a sentence for each heading `[strategies.<id>]` that is the id of no strategy: neither of one
    that is `loaded`, nor of any that an id names, as far as sources show. Nothing is run.

    What stands below such a heading counts for nothing: it is mistyped, or of a file that is not at hand.
    """
    if not tables.keys() - loaded:
        return []
    written = (name for name, _, _ in classes_in(places))
    known = {*loaded, "equal_weight", *BUILT_IN, *OF_LIVE_STAGES, *installed(), *written}
    return [_unknown_heading(name, known) for name in sorted(tables.keys() - known)]


def _unknown_heading(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    meant = f"; did you mean [strategies.{near[0]}]?" if near else ""
    return f"meva.toml [strategies.{name}]: no id here is {name}, so nothing goes by what stands there{meant}"


@frozen
class Available:
    """A strategy that an id names: where it comes from, and how it is loaded."""

    id: str
    where: str
    _load: Callable[[], Any]
    distribution: dict[str, str] = field(factory=dict)

    def loaded(self) -> type[Strategy]:
        """Return its class; runs its code. Raises BadInput for what is no strategy or cannot be loaded."""
        with loading(self.where):
            found = self._load()
        return checked(found, self.id)


def available(places: Sequence[Path], only: str | None = None) -> Iterator[Available]:
    """Yield what ids name: built in, installed, in the files of some folders; of one id if it is given.

    Of files those classes count that are strategies, for which the files of the id are run.
    """
    for name, kind in BUILT_IN.items():
        if only in (None, name):
            yield Available(name, "built in", partial(_same, kind))
    for name, point in installed().items():
        if only in (None, name):
            dist = point.dist
            origin = {} if dist is None else {"distribution": dist.name, "distribution_version": dist.version}
            yield Available(name, " ".join(origin.values()) or point.value, point.load, origin)
    yield from _in_files(places, only)


def _in_files(places: Sequence[Path], only: str | None) -> Iterator[Available]:
    for name, file, class_name in classes_in(places):
        if only in (None, name):
            try:
                is_one = is_strategy(vars(file_module(file)).get(class_name))
            except BadInput:
                is_one = True  # who names it is to be told why it cannot be loaded
            if is_one:
                where = f"{file}:{class_name}" if class_name else str(file)
                yield Available(name, where, partial(_class_in, file, class_name))


def _same(kind: type[Strategy]) -> type[Strategy]:
    return kind


def _class_in(file: Path, name: str) -> Any:
    return getattr(file_module(file), name)


def is_strategy(found: Any) -> bool:
    """Whether it is the class of a strategy."""
    return isinstance(found, type) and issubclass(found, Strategy)


def checked(found: Any, spec: str) -> type[Strategy]:
    """Return what a name named as the class it is. Raises BadInput if it is none."""
    if not is_strategy(found) or found is Strategy:
        raise BadInput(
            f"strategy {spec} is no subclass of Strategy",
            action="derive it: class Mine(Strategy), from meva_core.strategy import Strategy",
        )
    kind: type[Strategy] = found
    return kind
