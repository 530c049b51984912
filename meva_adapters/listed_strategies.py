"""The strategies that Stages 3 and 4 list by id: those that come with Meva for them, and all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meva_adapters.strategies import Chosen, available, load
from meva_core.errors import BadInput
from meva_core.strategy.built_in import OF_LIVE_STAGES


def load_listed(
    name: str,
    values: Mapping[str, Any] | None = None,
    *,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    places: Sequence[str | Path] = (),
) -> Chosen:
    """Return the strategy with an id; arguments are those of `strategies.load`, which raises what this does.

    Raises BadInput, too, for one of a trader's own that has the id of one that comes with these stages.
    """
    kind = OF_LIVE_STAGES.get(name)
    if kind is None:
        return load(name, values=values, tables=tables, places=places)
    others = [one.where for one in available(tuple(map(Path, places)), only=name)]
    if others:
        raise BadInput(
            f"strategy {name!r} of {others[0]} has the id of one that comes with Meva",
            action="give it another id",
        )
    return load(f"{kind.__module__}:{kind.__name__}", values=values, tables=tables, places=places)
