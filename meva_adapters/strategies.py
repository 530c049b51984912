"""Strategies by name: built in, out of a file, a module or an installed distribution; and what they are."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from attrs import field, frozen

from meva_adapters.strategy_files import classes_in, file_module, loading
from meva_adapters.strategy_sources import source_sha256
from meva_adapters.texts.numerals import number_of, whole_of
from meva_core.errors import BadInput
from meva_core.settings.kinds import each_once, lower
from meva_core.strategy.base import Strategy, expected, fields_of, identity_of
from meva_core.strategy.built_in import BUILT_IN, OF_LIVE_STAGES

GROUP: Final = "meva.strategies"
"""The group of entry points that installed strategies stand under."""
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_READS: Final[Mapping[type, Callable[[str], Any]]] = {
    bool: lambda text: _FLAGS[lower(text)],
    int: whole_of,
    float: number_of,
}
"""What reads a parameter of a kind out of the text that it is written as."""


@frozen
class Chosen:
    """A strategy to run, and what it is, as a run records it."""

    strategy: Strategy
    identity: Mapping[str, Any]
    places: tuple[Path, ...] = ()
    """The folders that its id was looked for in."""


def chosen(strategy: Strategy) -> Chosen:
    """Return a strategy that was made, with what it is. Raises BadInput where its source is not at hand."""
    return Chosen(strategy, identity_of(strategy, source_sha256(type(strategy))))


def load(
    spec: str,
    texts: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    places: Sequence[str | Path] = (),
) -> Chosen:
    """Return the strategy of a name: an id, `FILE.py:Class` or `package.module:Class`.

    `texts` are parameters as they are written on the command line, `values` as JSON holds them, `tables` by
    id as `meva.toml` has them: texts win, then values. `places` are the folders whose files' ids are known.
    The code of a file or module is run. Raises BadInput for what is not there, is no strategy, or cannot be
    loaded, for an id that two have, and for parameters that it does not have.
    """
    folders = tuple(map(Path, places))
    kind, origin = _class_of(spec, folders)
    given = _of_table(kind, (tables or {}).get(kind.name(), {}))
    given |= {name: _known(kind, name) and value for name, value in (values or {}).items()}
    given |= {name: _value(kind, name, text) for name, text in (texts or {}).items()}
    with loading(spec):  # a class may have more to say where it is made
        made = kind(**given)
        identity = identity_of(made, source_sha256(kind), **origin)
    return Chosen(made, identity, folders)


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


def json_values(text: str) -> dict[str, Any]:
    """Return the parameters of a JSON object. Raises BadInput for another text, and for a name that stands
    there twice."""
    try:
        found = json.loads(text, object_pairs_hook=each_once)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"STRATEGY_PARAMS: {text[:60]!r} is no JSON object", action='write {"closes": 90}')
    return found


# -- Classes ----------------------------------------------------------------------------------------------


def _class_of(spec: str, places: Sequence[Path]) -> tuple[type[Strategy], dict[str, str]]:
    place, sign, name = spec.rpartition(":")
    if sign and place.endswith(".py"):
        return _named(file_module(Path(place)), name, spec), {}
    if sign:
        with loading(spec):
            module = importlib.import_module(place)
        return _named(module, name, spec), {}
    if spec.endswith(".py"):
        raise BadInput(f"{spec} is a file, and may hold several strategies", action=f"name one: {spec}:Class")
    found = list(available(places, only=spec))
    if len(found) == 1:
        return found[0].loaded(), found[0].distribution
    if found:
        where = " and ".join(one.where for one in found)
        raise BadInput(
            f"there are {len(found)} strategies {spec!r}: {where}",
            action="name the one that is meant as FILE.py:Class, or as package.module:Class",
        )
    if spec in OF_LIVE_STAGES:
        raise BadInput(
            f"strategy {spec} answers with orders, which Stages 3 and 4 take; backtests and Stage 7 take "
            "weights",
            action="list it in STAGE3_STRATEGIES or STAGE4_STRATEGIES, and name another one here",
        )
    raise BadInput(
        f"there is no strategy {spec!r}; there are {', '.join(sorted(ids_of(places)))}",
        action="name one of them, or FILE.py:Class, or package.module:Class",
    )


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
        return _checked(found, self.id)


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
                is_one = _is_strategy(vars(file_module(file)).get(class_name))
            except BadInput:
                is_one = True  # who names it is to be told why it cannot be loaded
            if is_one:
                where = f"{file}:{class_name}" if class_name else str(file)
                yield Available(name, where, partial(_class_in, file, class_name))


def _same(kind: type[Strategy]) -> type[Strategy]:
    return kind


def _class_in(file: Path, name: str) -> Any:
    return getattr(file_module(file), name)


def _named(module: ModuleType, name: str, spec: str) -> type[Strategy]:
    found = getattr(module, name, None)
    if found is None:
        there = [n for n, one in vars(module).items() if _is_strategy(one) and one is not Strategy]
        has = f"it has {', '.join(there)}" if there else "it has no strategy"
        raise BadInput(
            f"strategy {spec}: there is no {name!r} in it; {has}", action="name one of its classes"
        )
    return _checked(found, spec)


def _is_strategy(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Strategy)


def _checked(found: Any, spec: str) -> type[Strategy]:
    if not _is_strategy(found) or found is Strategy:
        raise BadInput(
            f"strategy {spec} is no subclass of Strategy",
            action="derive it: class Mine(Strategy), from meva_core.strategy import Strategy",
        )
    kind: type[Strategy] = found
    return kind


# -- Parameters -------------------------------------------------------------------------------------------


def _known(kind: type[Strategy], name: str) -> bool:
    """Raise BadInput for a parameter that a strategy does not have."""
    there = fields_of(kind)
    if name in there:
        return True
    near = get_close_matches(name, there, n=1)
    said = f"; did you mean {near[0]}?" if near else ""
    raise BadInput(
        f"strategy {kind.name()} has no parameter {name!r}{said}",
        action=f"name one that it has: {', '.join(there)}" if there else "leave it out: it has none",
    )


def _of_table(kind: type[Strategy], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a heading of `meva.toml`. Raises BadInput that names it."""
    given = {}
    for name, value in table.items():
        try:
            given[name] = _value(kind, name, value) if isinstance(value, str) else value
            _known(kind, name)
            kind(**{name: given[name]})
        except BadInput as error:
            raise BadInput(f"meva.toml [strategies.{kind.name()}]: {error}", action=error.action) from None
    return given


def _value(kind: type[Strategy], name: str, text: str) -> Any:
    """Return the value of a parameter that is written as a text."""
    _known(kind, name)
    attribute = fields_of(kind)[name]
    wanted = attribute.metadata["kind"]
    try:
        return text if wanted is str else _READS[wanted](text.strip(" \t"))
    except (ValueError, KeyError):
        raise BadInput(
            f"strategy {kind.name()}: parameter {name}: {text[:60]!r}; expected {expected(attribute)}"
        ) from None
