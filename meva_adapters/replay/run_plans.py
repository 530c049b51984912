"""What a backtest over the market of a run that was written out is: by its own settings, or by others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from meva_adapters.replay.checking.manifest import manifest_tree
from meva_adapters.replay.checking.run_files import RunFiles
from meva_adapters.replay.dataset import Dataset
from meva_adapters.replay.plans import source_of
from meva_core.errors import BadInput
from meva_core.history.settings_apart import settings_apart
from meva_core.params import STRATEGY, Params, params_from, with_lists, with_strategy
from meva_core.rules import Rules, RuleStatus
from meva_core.settings import Settings, in_order, settings_recorded, with_later
from meva_core.stages.books import Terms, carried, genesis
from meva_core.stages.conditions import Beginning, described, inputs_at
from meva_core.stages.plan import BACKTEST, Pairs, RunPlan, choose_pairs, cycle_times
from meva_core.stages.remembered import with_memory
from meva_core.state import state_document
from meva_core.steps.inputs import Inputs
from meva_core.strategy.base import identity_text


@frozen(kw_only=True)
class Window:
    """Which cycles: those of the run within a window or, with a `step`, others, all in seconds; None for no
    bound. `cycles` is how many at most."""

    start: int | None = None
    end: int | None = None
    step: int | None = None
    cycles: int | None = None

    def times(self, recorded: Any) -> Any:
        """Return the times of the cycles. Raises BadInput as `cycle_times` does."""
        if self.step is not None:
            first = int(recorded[0]) if self.start is None else self.start
            last = int(recorded[-1]) if self.end is None else self.end
            return cycle_times(first, last, self.step, self.cycles)
        first = 0 if self.start is None else int(np.searchsorted(recorded, self.start))
        stop = None if self.end is None else int(np.searchsorted(recorded, self.end, side="right"))
        return recorded[first:stop][: self.cycles]


def plan_as_recorded(dataset: Dataset) -> RunPlan:
    """Return the run whose market a dataset is, to be decided again: with its settings, symbols, times,
    inputs and rules, from what it began with.

    Raises BadInput for a dataset that is the market of no run.
    """
    run = run_of(dataset)
    record = run.settings
    settings, written = settings_recorded(record), _written(run)
    seed, adapt = record["seed"], record["include_adaptation"]
    conditions = _Conditions(run)
    return RunPlan(
        kind=BACKTEST,
        settings=settings,
        pairs=conditions.pairs(),
        times=run.times,
        step_seconds=None,
        source=source_of(dataset),
        source_sha256=dataset.sha256,
        manifest=manifest_tree(dataset.manifest) if dataset.manifest else None,
        seed=seed,
        adapt=adapt,
        written=written,
        begins=run.begins,
        conditions=conditions,
        strategy=record.get(STRATEGY),
    )


def plan_otherwise(
    dataset: Dataset,
    settings: Settings,
    window: Window,
    *,
    configured: Sequence[str] | None,
    seed: int,
    adapt: bool,
    fresh: bool,
    strategy: Mapping[str, Any] | None = None,
) -> RunPlan:
    """Return a run over the market of another one, with settings and a strategy of one's own.

    Times, inputs, rules and what it begins with are the recorded ones; with `fresh` it begins with a new
    book. That the strategy failed counts only for the very one of which it is recorded. `configured` are the
    symbols that the user named, None for those that were recorded. Raises BadInput where none may be
    selected, and as `Window.times` does.
    """
    run = run_of(dataset)
    own = strategy == run.settings.get(STRATEGY)
    conditions = _Conditions(run, _may(run, settings), _watched(run, configured), has_failures=own)
    params = with_strategy(params_from(settings, seed=seed, adapt=adapt), strategy)
    begins = None if fresh else _carried(run, params)
    return RunPlan(
        kind=BACKTEST,
        settings=settings,
        pairs=conditions.pairs(),
        times=window.times(run.times),
        step_seconds=window.step,
        source=source_of(dataset),
        source_sha256=dataset.sha256,
        manifest=manifest_tree(dataset.manifest) if dataset.manifest else None,
        seed=seed,
        adapt=adapt,
        begins=begins,
        conditions=conditions,
        strategy=strategy,
    )


def run_of(dataset: Dataset) -> RunFiles:
    """Return what lies beside the market of a run. Raises BadInput for any other dataset."""
    if dataset.run is None:
        raise BadInput(
            f"{dataset.root}: holds no recorded run, only a market",
            action="`meva replay export` writes one that can be run as it was recorded",
        )
    return dataset.run


def settings_notes(run: RunFiles, plan: RunPlan) -> list[str]:
    """Return what of a plan's settings differs from those that its data were recorded with, one a line."""
    own, then = with_later(plan.settings_record()), with_later(run.settings)
    for record in (own, then):
        record.pop("step_seconds", None)
    return [
        f"{apart.name} is {_shown(apart.a)}, and the run was recorded with {_shown(apart.b)}"
        for apart in settings_apart(own, then)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and "source_sha256" in value:
        return f"{identity_text(value)} (source {value['source_sha256'][:8]})"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "(none)"
    return "(none)" if value is None else str(value)


def _written(run: RunFiles) -> dict[str, Any]:
    """Return the lists of names that an earlier version recorded unsorted."""
    return {name: value for name, value in run.settings.items() if in_order(value) != value}


def _carried(run: RunFiles, params: Params) -> Beginning | None:
    """Return what the run begins with under other parameters: as a book does that goes on with them."""
    if run.begins is None:
        return None
    record = run.settings
    before = params_from(settings_recorded(record), seed=record["seed"], adapt=record["include_adaptation"])
    before = with_strategy(with_lists(before, _written(run)), record.get(STRATEGY))
    if before == params:
        return run.begins
    state = carried(run.begins.state(run.symbols), Terms(run.symbols, before), Terms(run.symbols, params))
    document = with_memory(state_document(state, run.symbols), run.begins.memory)
    return Beginning(document, genesis(run.begins.link, document))


def _may(run: RunFiles, settings: Settings) -> Any:
    """Return for each symbol: whether one that trades may be selected by these settings, and whether it might
    by the recorded ones; bools [symbols, 2]."""
    found = []
    for one in (settings, settings_recorded(run.settings)):
        allowed = choose_pairs(run.symbols, None, one, None).candidates
        found.append([symbol in allowed for symbol in run.symbols])
    return np.array(found).T


def _watched(run: RunFiles, configured: Sequence[str] | None) -> Any:
    return None if configured is None else np.array([symbol in configured for symbol in run.symbols])


@frozen(eq=False)
class _Conditions:
    """Rules and inputs as recorded; with `may` and `watched` those flags of the rules as settings have them,
    and without `has_failures` no strategy has failed."""

    run: RunFiles
    may: Any = None
    watched: Any = None
    has_failures: bool = True

    def inputs(self, times: Any) -> Inputs:
        """Return the inputs at these times."""
        found = inputs_at(self.run.times, self.run.inputs, times)
        if not self.has_failures:
            found.strategy_failed[:] = 0
        return found

    def rules(self) -> Iterator[tuple[int, Rules]]:
        """Yield the rules, and from when on they hold."""
        for since, rules in self.run.rules():
            if self.may is not None:
                may, might = self.may.T
                usable = (rules.status == RuleStatus.OK) | (rules.status == RuleStatus.FALLBACK)
                # Of a pair that the recorded settings left out nobody noted whether it trades.
                rules.candidate[:] = may & np.where(might, rules.candidate != 0, usable)
            if self.watched is not None:
                rules.configured[:] = self.watched
            yield since, rules

    def pairs(self) -> Pairs:
        """Return the symbols with the rules of the first cycle."""
        symbols, (_, rules) = self.run.symbols, next(self.rules())
        named = dict(zip(symbols, zip(rules.candidate, rules.configured, strict=True), strict=True))
        return Pairs(
            symbols,
            described(rules, symbols),
            frozenset(symbol for symbol, (candidate, _) in named.items() if candidate),
            frozenset(symbol for symbol, (_, configured) in named.items() if configured),
        )
