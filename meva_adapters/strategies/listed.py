"""The strategies that Stages 3 and 4 list by id: those that come with Meva for them, and all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from meva_adapters.strategies.available import available, ids_of
from meva_adapters.strategies.files import places_of
from meva_adapters.strategies.loading import Chosen, load
from meva_core.errors import BadInput, Problem
from meva_core.operational.asking import bars_wanted
from meva_core.operational.inputs import Listed
from meva_core.settings import Settings
from meva_core.settings.variables import refuse_all
from meva_core.strategy import Strategy
from meva_core.strategy.built_in import OF_LIVE_STAGES


@frozen
class AtHand:
    """The strategies that a stage lists, each loaded once: as inputs name them, and as they are, by id."""

    listed: tuple[Listed, ...]
    chosen: Mapping[str, Chosen]

    @property
    def strategies(self) -> dict[str, Strategy]:
        """Return them by id, as `decide` takes them."""
        return {name: one.strategy for name, one in self.chosen.items()}

    @property
    def bars(self) -> dict[int, int]:
        """Return the bars that they have to see together: by seconds, the newest so many."""
        found: dict[int, int] = {}
        for wanted in map(bars_wanted, self.strategies.values()):
            if wanted is not None and wanted[1]:
                seconds, count = wanted
                found[seconds] = max(count, found.get(seconds, 0))
        return dict(sorted(found.items()))


class NotAtHand(BadInput):
    """There is no strategy with an id, neither of those that come with Meva nor in any folder."""


NUMBERS: Final = {"stage3": 3, "stage4": 4}
"""The stages that list strategies, by their names."""


def named_by(stage: int, settings: Settings) -> tuple[tuple[str, int], ...]:
    """Return the ids that a stage lists, each with its weight."""
    return settings.live.stage3_strategies if stage == 3 else settings.live.stage4_strategies


def of_stage(stage: int, settings: Settings) -> AtHand:
    """Return the strategies that `STAGE3_STRATEGIES` or `STAGE4_STRATEGIES` lists, with the parameters of
    `[strategies.<id>]`, found by their ids also in the folders of `MEVA_STRATEGY_PATH`. Their code is run.

    Raises BadInput that lists every fault: what `load_listed` refuses, and bars that cannot be seen.
    """
    named, places = named_by(stage, settings), places_of(settings.strategy.path)
    chosen: dict[str, Chosen] = {}
    problems: list[Problem] = []
    for name, _ in named:
        try:
            one = load_listed(name, tables=settings.strategy.tables, places=places)
            bars_wanted(one.strategy)
        except BadInput as error:
            where = f"STAGE{stage}_STRATEGIES"
            problems.append(Problem("bad_strategy", where, name, str(error), error.action))
            continue
        chosen[name] = one
    refuse_all(problems)
    return AtHand(tuple(Listed(name, weight, chosen[name].identity) for name, weight in named), chosen)


def and_named(found: AtHand, specs: Sequence[str], settings: Settings) -> AtHand:
    """Return what is at hand and, beside it, the strategies that specs name as `strategies.load` takes them,
    each under the id that it says it has, with the weight of one that is listed without any.

    Raises BadInput that lists every fault: what `load` refuses, an id that is at hand already, and bars that
    cannot be seen.
    """
    places, listed, chosen = places_of(settings.strategy.path), list(found.listed), dict(found.chosen)
    problems: list[Problem] = []
    for spec in specs:
        try:
            one = load(spec, tables=settings.strategy.tables, places=places)
            bars_wanted(one.strategy)
            if (own := one.strategy.name()) in chosen:
                raise BadInput(f"there are two strategies {own!r}", action="leave one of them out")
        except BadInput as error:
            problems.append(Problem("bad_strategy", "--strategy", spec, str(error), error.action))
            continue
        chosen[own] = one
        listed.append(Listed(own, identity=one.identity))
    refuse_all(problems)
    return AtHand(tuple(listed), chosen)


def load_listed(
    name: str,
    values: Mapping[str, Any] | None = None,
    *,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    places: Sequence[str | Path] = (),
) -> Chosen:
    """Return the strategy with an id; arguments are those of `strategies.load`, which raises what this does.

    Raises BadInput, too, for one of a trader's own that has the id of another one, and for one that names
    itself otherwise than it was found by: orders, memory and stored cycles know it by its id.
    """
    folders, kind = tuple(map(Path, places)), OF_LIVE_STAGES.get(name)
    others = [one.where for one in available(folders, only=name)]
    if kind is not None and others:
        raise BadInput(
            f"strategy {name!r} of {others[0]} has the id of one that comes with Meva",
            action="give it another id",
        )
    if len(others) > 1:
        raise BadInput(
            f"there are {len(others)} strategies {name!r}: {' and '.join(others)}",
            action="give one of them another id, or leave its folder out of MEVA_STRATEGY_PATH",
        )
    if kind is None and not others:
        raise _unknown(name, folders)
    spec = name if kind is None else f"{kind.__module__}:{kind.__name__}"
    found = load(spec, values=values, tables=tables, places=folders)
    if (own := found.strategy.name()) != name:
        raise BadInput(
            f"strategy {name!r} of {others[0]} says that its id is {own!r}",
            action=f'write id = "{name}" in its class, or name its entry point {own}',
        )
    return found


def _unknown(name: str, folders: Sequence[Path]) -> NotAtHand:
    there = ", ".join(sorted({*OF_LIVE_STAGES, *ids_of(folders)}))
    if name == "equal_weight":
        return NotAtHand(
            f"{name} is what Stage 7 does without a strategy, which these stages do not; there are {there}",
            action="list one of them: fixed_weights holds given shares, buy_and_hold equal parts",
        )
    where = ", ".join(map(str, folders)) or "is not set"
    return NotAtHand(
        f"there is no strategy {name!r}; there are {there}",
        action=f"list one of them, or put its file into a folder of MEVA_STRATEGY_PATH ({where})",
    )
