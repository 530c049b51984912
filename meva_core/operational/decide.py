"""One cycle of Stage 3 or 4, decided: a pure function of its inputs and of the strategies that are listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from meva_core.ids import content_hash
from meva_core.operational.actions import actions_of
from meva_core.operational.allocation import Allocated, Status, allocate
from meva_core.operational.anomalies import anomalies_of
from meva_core.operational.asked import Asked, Dropped
from meva_core.operational.asking import Caller, ask_all, completed, plain_call
from meva_core.operational.assess import Assessed, assess
from meva_core.operational.budget import auto_kill, risk_budget
from meva_core.operational.decisions import Decisions
from meva_core.operational.degrade import degrade
from meva_core.operational.draft import Draft, draft_of, why_not
from meva_core.operational.filters import Filtered
from meva_core.operational.filters_stage3 import filter_stage3
from meva_core.operational.filters_stage4 import filter_stage4
from meva_core.operational.final_mode import Combined, final_mode
from meva_core.operational.inputs import Inputs
from meva_core.operational.intents import gather
from meva_core.operational.lifecycle import Canceling, Lived, canceling, live_on, superseded, why_stale
from meva_core.operational.scene import Scene, scene_of
from meva_core.operational.sweep import sweep_plan
from meva_core.operational.universe import Universe, universe_of
from meva_core.operational.view import view_document, view_of
from meva_core.strategy import Strategy


@frozen
class Decided:
    """The inputs with the strategies' failures of this cycle in them, as they are stored, and the
    decisions."""

    inputs: Inputs
    decisions: Decisions


def decide(inputs: Inputs, strategies: Mapping[str, Strategy], call: Caller = plain_call) -> Decided:
    """Decide a cycle.

    `strategies` has those that are listed by their ids; `call` asks one, with a time limit if need be.
    Whatever a strategy raises is its failure; it becomes an input, so deciding again from what is stored asks
    it no more and comes to the same. Raises BadInput for a strategy that is not at hand.
    """
    scene = scene_of(inputs)
    assessed, universe = assess(inputs), universe_of(scene)
    budget = risk_budget(scene, assessed)
    anomalies, counted = anomalies_of(scene, universe.names)
    degraded = degrade(inputs, counted, anomalies)
    view = view_of(scene, assessed, budget.mode, degraded.mode, frozenset(universe.names))
    answers = ask_all(inputs, strategies, view, call)
    gathered = gather(scene, assessed, answers.given)
    mode = final_mode(inputs, budget, degraded, answers.failed)
    allocation, lived, filtered, dropped = _orders(scene, assessed, universe, mode, gathered.asked)
    cancels = (*lived.cancels, *_without_replacement(scene, lived, filtered))
    kill, risk = auto_kill(scene, assessed)
    decisions = Decisions(
        assessed=assessed,
        universe=universe,
        budget=budget,
        anomalies=anomalies,
        degraded=degraded,
        view=content_hash(view_document(view(None))),
        asked=gathered.asked,
        mode=mode,
        allocation=allocation,
        dropped=(*gathered.dropped, *dropped),
        cancels=cancels,
        sweep=sweep_plan(scene, universe.names) if inputs.stage == 3 else (),
        actions=actions_of(scene, cancels, filtered.drafts),
        kill=kill,
        risk=risk,
        memories=answers.memories,
        failed=answers.failed,
        wanted=gathered.wanted,
    )
    return Decided(completed(inputs, answers), decisions)


def _orders(
    scene: Scene, assessed: Assessed, universe: Universe, mode: Combined, asked: Sequence[Asked]
) -> tuple[tuple[Allocated, ...], Lived, Filtered, tuple[Dropped, ...]]:
    """Take what was asked for through the steps to orders."""
    requests, dropped = [], []
    for one in asked:
        reason = why_not(scene, mode, universe, one)
        if reason is None:
            requests.append(one)
        else:
            dropped.append(Dropped(one.n, one.strategy, one.symbol, reason))
    requests, waiting, ends = superseded(scene, requests)
    allocation: tuple[Allocated, ...] = ()
    drafts: Sequence[Draft]
    if scene.inputs.stage == 4:
        allocation, drafts = allocate(scene, assessed.equity, requests)
        names = {one.n: one.strategy for one in requests}
        dropped += [
            Dropped(one.n, names[one.n], one.symbol, one.reason)
            for one in allocation
            if one.status is Status.REJECTED
        ]
    else:
        drafts = [_as_asked(scene, one) for one in requests]
    lived = live_on(scene, mode, drafts, ends)
    if scene.inputs.stage == 4:
        filtered = filter_stage4(scene, assessed, lived.drafts)
    else:
        filtered = filter_stage3(scene, lived.drafts)
    return allocation, lived, filtered, (*dropped, *waiting, *lived.dropped, *filtered.dropped)


def _as_asked(scene: Scene, asked: Asked) -> Draft:
    """Return the order of Stage 3 for all of what is asked for: it has no allocation."""
    qty = scene.to_sell[asked.symbol] if asked.whole else asked.qty
    return draft_of(scene, asked, asked.request, qty)


def _without_replacement(scene: Scene, lived: Lived, filtered: Filtered) -> list[Canceling]:
    """Return the cancels of stale orders whose replacement a filter dropped: stale alone."""
    going = {draft.asked.n for draft in filtered.drafts}
    found = []
    for draft in lived.drafts:
        if draft.replaces is not None and draft.asked.n not in going:
            reason = why_stale(scene, draft.replaces)
            assert reason is not None, "only a stale order is replaced"
            found.append(canceling(scene.inputs, draft.replaces, reason))
    return found
