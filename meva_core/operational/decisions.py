"""What a cycle decided, step by step: the document that `why`, `recheck` and the runner read."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from meva_core.operational.actions import Action
from meva_core.operational.allocation import Allocated
from meva_core.operational.anomalies import Anomaly
from meva_core.operational.asked import Asked, Dropped
from meva_core.operational.assess import Assessed
from meva_core.operational.budget import AutoKill, Budget
from meva_core.operational.degrade import Degraded
from meva_core.operational.documents import Amount
from meva_core.operational.final_mode import Combined
from meva_core.operational.inputs import RiskState
from meva_core.operational.lifecycle import Canceling
from meva_core.operational.sweep import Swept
from meva_core.operational.universe import Universe


@frozen(kw_only=True)
class Decisions:
    """The steps of a decision in their order; the last fields are what the next cycle begins with.

    `view` is the digest of what strategies saw, its bars aside. `dropped` are all non-trades, of whatever
    step; an order that was asked for is among them or among the `actions`.
    """

    assessed: Assessed
    universe: Universe
    budget: Budget
    anomalies: tuple[Anomaly, ...]
    degraded: Degraded
    view: str
    asked: tuple[Asked, ...]
    mode: Combined
    allocation: tuple[Allocated, ...]
    dropped: tuple[Dropped, ...]
    cancels: tuple[Canceling, ...]
    sweep: tuple[Swept, ...]
    actions: tuple[Action, ...]
    kill: AutoKill | None
    risk: RiskState
    memories: Mapping[str, str]
    failed: Mapping[str, int]
    wanted: Mapping[str, Amount]
