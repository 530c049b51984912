"""What a user may not expect of a planned run, each said once before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meva_core.rules import RuleStatus
from meva_core.stages.plan import RunPlan
from meva_core.stages.written_lists import order_note


def plan_notes(plan: RunPlan, configured: Sequence[str] | None) -> Iterator[str]:
    """Yield what is to be said of a plan; `configured` are the symbols that the user named, None where nobody
    did."""
    if plan.written:
        yield order_note(plan)
    step, ttl = plan.step_seconds, plan.settings.live.ttl_seconds
    if step is not None and step > ttl:
        yield f"the step of {step} s is longer than TTL_SECONDS={ttl}: a resting order meets one later book"
    fallen = [rule.symbol for rule in plan.pairs.rules if rule.status is RuleStatus.FALLBACK]
    if fallen:
        yield f"the configured fallback rules stand in for {', '.join(fallen)}"
    absent = [name for name in configured or () if name not in plan.pairs.symbols]
    if absent:
        yield f"SYMBOLS names {', '.join(absent)}, of which the dataset has nothing"
