"""Strategies by name: built in, out of a file, a module or an installed distribution; and what they are."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import frozen

from meva_adapters.strategies.available import available, checked, ids_of, is_strategy
from meva_adapters.strategies.files import file_module, loading
from meva_adapters.strategies.parameters import known, of_table, value_of
from meva_adapters.strategies.sources import source_sha256
from meva_core.errors import BadInput
from meva_core.strategy.base import Strategy, identity_of
from meva_core.strategy.built_in import OF_LIVE_STAGES


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
    given = of_table(kind, (tables or {}).get(kind.name(), {}))
    given |= {name: known(kind, name) and value for name, value in (values or {}).items()}
    given |= {name: value_of(kind, name, text) for name, text in (texts or {}).items()}
    with loading(spec):  # a class may have more to say where it is made
        made = kind(**given)
        identity = identity_of(made, source_sha256(kind), **origin)
    return Chosen(made, identity, folders)


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


def _named(module: ModuleType, name: str, spec: str) -> type[Strategy]:
    found = getattr(module, name, None)
    if found is None:
        there = [n for n, one in vars(module).items() if is_strategy(one) and one is not Strategy]
        has = f"it has {', '.join(there)}" if there else "it has no strategy"
        raise BadInput(
            f"strategy {spec}: there is no {name!r} in it; {has}", action="name one of its classes"
        )
    return checked(found, spec)
