"""Why a cycle of Stages 3 and 4 did, or did not, trade: the fate of all that was asked for, and of each
symbol of which nothing was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import to_decimal
from meva_core.live_history.cycles import Opened
from meva_core.live_history.words import explain
from meva_core.live_history.worked_out import worked_out
from meva_core.operating.records.done_rows import NotDone
from meva_core.operating.records.outcomes import Verdict
from meva_core.operating.steps.comparing import BALANCES_UNREAD
from meva_core.operational.actions import Action, Kind
from meva_core.operational.allocation import Allocated, Status
from meva_core.operational.asked import Asked
from meva_core.operational.because import Because, Cause
from meva_core.operational.draft import blocked_symbols
from meva_core.operational.scene import Scene, scene_of

NOTHING_ASKED: Final = "nothing_asked"
"""Of a symbol that no strategy asked for anything of."""


@frozen
class Fate:
    """What became of what was asked for, or would have been: `action` is what was decided on for it, `reason`
    why it was not, or not all of it, with numbers that are not stored as well (`worked_out`), `bound` which
    cap had left too little of it for that, if one had, `not_done` why that was not sent, or not taken. Of a
    symbol that nothing was asked of, there is none of them."""

    symbol: str
    strategy: str = ""
    asked: Asked | None = None
    allocated: int | None = None
    action: Action | None = None
    reason: Because | None = None
    standing: str | None = None
    filled: str | None = None
    not_done: NotDone | None = None
    bound: Because | None = None

    @property
    def code(self) -> str:
        """The code of what stopped it, `ok` for what went out whole."""
        if self.not_done is not None:
            return self.not_done.code or self.not_done.verdict
        if self.reason is None:
            return str(Cause.OK) if self.action is not None else NOTHING_ASKED
        return self.reason.code

    def document(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as JSON holds it."""
        asked, action = self.asked, self.action
        return {
            "symbol": self.symbol,
            "strategy": self.strategy or None,
            "side": None if asked is None else asked.side.name,
            "purpose": None if asked is None else str(asked.purpose),
            "asked_try": None if asked is None else to_decimal(asked.request),
            "asked_reason": None if asked is None else asked.reason or None,
            "allocated_try": None if self.allocated is None else to_decimal(self.allocated),
            "ordered": action is not None,
            "order": None if action is None else _action_document(action),
            "standing": self.standing,
            "filled_qty": self.filled,
            "not_done": not_done_document(self.not_done),
            "code": self.code,
            **reason_document(self.reason, settings),
            "bound_by": None if self.bound is None else reason_document(self.bound, settings),
        }

    def why(self, settings: Mapping[str, Any]) -> str:
        """Return in words what stopped it, and which cap had left too little; nothing where nothing did."""
        return "; ".join(explain(one, settings) for one in (self.reason, self.bound) if one is not None)


@frozen
class Explained:
    """A cycle, explained."""

    cycle: Opened
    fates: tuple[Fate, ...]
    blocked: Mapping[str, str]

    @property
    def ordered(self) -> int:
        """How many orders it decided to send."""
        return sum(one.kind is not Kind.CANCEL for one in self.cycle.decisions.actions)

    @property
    def canceled(self) -> int:
        """How many orders it decided to cancel, replacements aside."""
        return sum(one.kind is Kind.CANCEL for one in self.cycle.decisions.actions)

    @property
    def refused(self) -> tuple[NotDone, ...]:
        """The orders that it decided on and that were not sent, or not taken."""
        return refused(self.cycle.not_done.values())

    @property
    def main(self) -> str:
        """The code that says most about a cycle that sent no order."""
        mode, dropped = self.cycle.decisions.mode, self.cycle.decisions.dropped
        return main_code(
            tuple(self.cycle.not_done.values()),
            None if mode.bound is None else mode.bound.reason.code,
            (one.reason.code for one in dropped),
            account_read=not self.cycle.account_unread,
        )


def main_code(
    not_done: Collection[NotDone], bound: str | None, dropped: Iterable[str], *, account_read: bool
) -> str:
    """Return the code that says most about a cycle that sent no order: of what kept those from going out that
    it decided on, else of what bound its mode, else of what stopped most of what was asked for, else of
    cancels that came to nothing. Where there is none of these, nothing was asked for; but what could have
    been is not known without balances."""
    if unsent := refused(not_done):
        return mostly(one.code or one.verdict for one in unsent)
    found = bound or mostly(dropped) or mostly(one.code or one.verdict for one in not_done)
    return found or (NOTHING_ASKED if account_read else BALANCES_UNREAD)


def mostly(codes: Iterable[str]) -> str:
    """Return the most frequent of some codes, the first by name of equals; nothing for none."""
    counted = Counter(codes)
    return min(counted, key=lambda code: (-counted[code], code), default="")


def refused(not_done: Iterable[NotDone]) -> tuple[NotDone, ...]:
    """Return the orders among what was not done that were not sent, or not taken; nothing of cancels, nor of
    what may be there."""
    none = (Verdict.BLOCKED, Verdict.REJECTED)
    return tuple(one for one in not_done if one.kind != Kind.CANCEL and one.verdict in none)


def explained(cycle: Opened) -> Explained:
    """Return why a cycle did, or did not, trade."""
    scene = scene_of(cycle.inputs)
    return Explained(cycle, tuple(_fates(cycle, scene)), blocked_symbols(scene))


def _fates(cycle: Opened, scene: Scene) -> Iterator[Fate]:
    found = cycle.decisions
    sent = {one.symbol: one for one in found.actions if one.kind is not Kind.CANCEL}
    stopped = {one.n: one.reason for one in found.dropped if one.n >= 0}
    granted = {one.n: one for one in found.allocation}
    named: set[str] = set()
    for asked in found.asked:
        named.add(asked.symbol)
        allocated, reason = granted.get(asked.n), stopped.get(asked.n)
        action = sent.get(asked.symbol) if reason is None else None
        if reason is None and allocated is not None and allocated.status is Status.SCALED:
            reason = allocated.reason
        standing, filled = (
            cycle.outcomes.get(action.client_id or "", (None, None)) if action else (None, None)
        )
        amount = None if allocated is None else allocated.allocated
        not_done = cycle.not_done.get(action.client_id or "") if action else None
        why = None if reason is None else worked_out(scene, reason, asked, allocated)
        yield Fate(
            asked.symbol, asked.strategy, asked, amount, action, why, standing, filled, not_done,
            bound=_bound(allocated, reason),
        )  # fmt: skip
    for one in found.dropped:
        if one.n < 0:
            named.add(one.symbol)
            yield Fate(one.symbol, one.strategy, reason=worked_out(scene, one.reason, None, None))
    for symbol in cycle.inputs.symbols:
        if symbol.name not in named:
            yield Fate(symbol.name)


def _bound(allocated: Allocated | None, reason: Because | None) -> Because | None:
    """Return the cap that left a request so little that it was rejected as too small."""
    if reason is None or allocated is None or allocated.bound is None or allocated.reason != reason:
        return None
    return allocated.bound if allocated.bound.limit == reason.value else None


# -- As JSON ----------------------------------------------------------------------------------------------


def document(found: Explained) -> dict[str, Any]:
    """Return an explained cycle as JSON holds it; the keys that Stage 7's has as well mean the same."""
    cycle, settings = found.cycle, found.cycle.settings
    decisions, inputs = cycle.decisions, cycle.inputs
    mode = decisions.mode
    return {
        "book": cycle.book,
        "run_id": cycle.run,
        "stage": cycle.stage,
        "dry": cycle.is_dry,
        "cycle_id": cycle.cycle,
        "ts": cycle.ts,
        "status": cycle.status,
        "code_version": cycle.code_version,
        "ordered": found.ordered > 0,
        "orders": found.ordered,
        "cancels": found.canceled,
        "main_reason": found.main,
        "mode": {
            "final": mode.mode.name,
            "bound_by": None if mode.bound is None else mode.bound.part,
            "parts": [
                {"part": one.part, "mode": one.mode.name, **reason_document(one.reason, settings)}
                for one in mode.parts
            ],
        },
        "account_read": not cycle.account_unread,
        "notes": list(cycle.notes),
        "kill_switch": inputs.kill_switch or None,
        "kill": None
        if decisions.kill is None
        else {"code": decisions.kill.code, **reason_document(decisions.kill.reason, settings)},
        "alarms": [{"code": one.code, "about": one.about, "mode": one.mode.name} for one in inputs.alarms],
        "anomalies": [
            {"severity": str(one.severity), **reason_document(one.reason, settings)}
            for one in decisions.anomalies
        ],
        "failures": [
            {"strategy": one.strategy, "code": one.code, "text": one.text} for one in inputs.failures
        ],
        "universe": list(decisions.universe.names),
        "not_in_universe": [reason_document(one, settings) for one in decisions.universe.dropped],
        "blocked": dict(sorted(found.blocked.items())),
        "symbols": [fate.document(settings) for fate in found.fates],
        "canceling": [
            {
                "client_order_id": one.order.client_id,
                "symbol": one.order.symbol,
                "side": one.order.side.name,
                **reason_document(one.reason, settings),
                "held_back": None if one.held_back is None else reason_document(one.held_back, settings),
                "not_done": not_done_document(cycle.not_done.get(one.order.client_id)),
            }
            for one in decisions.cancels
        ],
        "sweep_plan": [
            {"symbol": one.symbol, "price_try": to_decimal(one.price), "qty": to_decimal(one.qty)}
            for one in decisions.sweep
        ],
    }


def not_done_document(one: NotDone | None) -> dict[str, str] | None:
    """Return why an action was not sent, or not taken, as JSON holds it; null where it was."""
    return None if one is None else {"verdict": one.verdict, "code": one.code, "text": one.text}


def reason_document(reason: Because | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reason as JSON holds it: what was measured, its limit, whose that is, and in words."""
    if reason is None:
        return {"reason": None, "text": None}
    return {
        "reason": {
            "code": reason.code,
            "step": reason.step,
            "scope": reason.scope,
            "value": reason.value,
            "limit": reason.limit,
            "distance": reason.distance,
            "unit": reason.unit,
            "setting": reason.setting or None,
            "setting_value": settings.get(reason.setting),
        },
        "text": explain(reason, settings),
    }


def _action_document(action: Action) -> dict[str, Any]:
    return {
        "kind": str(action.kind),
        "client_order_id": action.client_id,
        "replaces": action.cancels,
        "price_try": to_decimal(action.price),
        "qty": to_decimal(action.qty),
    }


def reasons_of(found: Explained) -> list[Because]:
    """Return all that stood in the way in a cycle: of the whole of it first, then by symbol."""
    mode = found.cycle.decisions.mode
    whole = [one.reason for one in mode.parts if one.mode is mode.mode and mode.bound is not None]
    return [
        *whole,
        *(one.reason for one in found.cycle.decisions.anomalies),
        *(one for fate in found.fates for one in (fate.reason, fate.bound) if one is not None),
    ]
