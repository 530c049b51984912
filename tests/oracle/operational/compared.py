"""What the program decides, in the words of the model, and where the two differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import asdict, frozen
from operational_cases import saying

from meva_core.operational.asked import Asked
from meva_core.operational.asking import plain_call
from meva_core.operational.because import Because
from meva_core.operational.decide import decide
from meva_core.operational.decisions import Decisions
from meva_core.operational.inputs import Inputs
from meva_core.strategy import LiveSymbol, LiveView, Strategy
from meva_core.strategy.said import Said
from oracle.operational.cycle import FAILED, Decided
from oracle.operational.sums import Why, text
from oracle.world import e8


@frozen
class Found:
    """What the program decided, and what it showed the first strategy that it asked."""

    decisions: Decisions
    view: LiveView | None


def by_the_program(given: Inputs, answers: Mapping[str, Any]) -> Found:
    """Return what the program decides when the strategies answer so."""

    def fails(view: Any, memory: Any) -> Any:
        raise ArithmeticError("it fails")

    says = {name: saying(fails if answer is FAILED else answer) for name, answer in answers.items()}
    return asked_of(given, says)


def asked_of(given: Inputs, strategies: Mapping[str, Strategy]) -> Found:
    """Return what the program decides when it asks these strategies."""
    views: list[LiveView] = []

    def call(strategy: Strategy, view: LiveView, memory: dict[str, Any]) -> Said:
        views.append(view)
        return plain_call(strategy, view, memory)

    return Found(decide(given, strategies, call).decisions, views[0] if views else None)


def differences(model: Decided, found: Found) -> list[str]:
    """Return where the two differ, each as one line."""
    lines: list[str] = []
    compare("", of_model(model), of_program(found), lines)
    return lines


def compare(path: str, ours: Any, theirs: Any, lines: list[str]) -> int:
    """Add where two documents differ to `lines`; return how many fields were looked at."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = [*ours, *(key for key in theirs if key not in ours)]
        return sum(compare(f"{path}.{key}", ours.get(key), theirs.get(key), lines) for key in keys)
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = zip(ours, theirs, strict=True)
        return sum(compare(f"{path}[{n}]", *pair, lines) for n, pair in enumerate(pairs))
    if ours != theirs:
        lines.append(f"{path}: the model has {ours!r}, the program {theirs!r}")
    return 1


def of_model(model: Decided) -> dict[str, Any]:
    """Return what the model decided as one document."""
    return {
        "assessed": asdict(model.assessed),
        "universe": model.universe,
        "why_not": {name: _why(model.why_not[name]) for name in sorted(model.why_not)},
        "budget": [*model.budget],
        "anomalies": [[*one] for one in model.anomalies],
        "view": model.view,
        "override": model.degrade[0],
        "degrade": asdict(model.degrade[1]),
        "mode": model.mode,
        "bound": model.bound,
        "parts": [[one.part, one.mode, one.code] for one in model.parts],
        "asked": [asdict(one) for one in model.asked],
        "allocation": [{**asdict(one), "why": _why(one.why)} for one in model.allocation],
        "dropped": _in_order((one.n, one.strategy, one.symbol, _why(one.why)) for one in model.dropped),
        "cancels": {name: _why(why) for name, why in sorted(model.cancels.items())},
        "held_back": [model.held_back] * len(model.cancels),
        "sweep": [asdict(one) for one in model.sweep],
        "actions": [asdict(one) for one in model.actions],
        "kill": model.kill,
        "risk": asdict(model.risk),
        "failed": model.failed,
        "wanted": model.wanted,
    }


def of_program(seen: Found) -> dict[str, Any]:
    """Return what the program decided as the same document."""
    found = seen.decisions
    return {
        "assessed": asdict(found.assessed),
        "universe": [*found.universe.names],
        "why_not": {one.scope: _reason(one) for one in found.universe.dropped},
        "budget": [found.budget.mode, found.budget.reason.code],
        "anomalies": [[one.reason.code, str(one.severity)] for one in found.anomalies],
        "view": _view(seen.view),
        "override": found.degraded.mode,
        "degrade": asdict(found.degraded.state),
        "mode": found.mode.mode,
        "bound": found.mode.bound.reason.code if found.mode.bound else "",
        "parts": [[one.part, one.mode, one.reason.code] for one in found.mode.parts],
        "asked": [_asked(one) for one in found.asked],
        "allocation": [
            {
                "n": one.n,
                "requested": one.requested,
                "allocated": one.allocated,
                "status": str(one.status),
                "why": _reason(one.reason),
            }
            for one in found.allocation
        ],
        "dropped": _in_order((one.n, one.strategy, one.symbol, _reason(one.reason)) for one in found.dropped),
        "cancels": dict(sorted((one.order.client_id, _reason(one.reason)) for one in found.cancels)),
        "held_back": [one.held_back.code if one.held_back else "" for one in found.cancels],
        "sweep": [asdict(one) for one in found.sweep],
        "actions": [{**asdict(one), "kind": str(one.kind)} for one in found.actions],
        "kill": found.kill is not None,
        "risk": asdict(found.risk),
        "failed": dict(found.failed),
        "wanted": dict(found.wanted),
    }


def _view(view: LiveView | None) -> dict[str, Any]:
    assert view is not None, "each cycle asks a strategy"
    return {
        "time": int(view.time.timestamp()),
        "stage": view.stage,
        "modes": [view.budget_mode, view.degrade_mode],
        "equity": e8(view.equity),
        "cash_free": e8(view.cash_free),
        "cash_target": e8(view.cash_target),
        "day_pnl": e8(view.day_pnl),
        "drawdown": e8(view.drawdown),
        "fee_bps": e8(view.fee_bps),
        "min_profit_bps": e8(view.min_profit_bps),
        "may_bootstrap": view.may_bootstrap,
        "symbols": [_symbol(symbol) for symbol in view.symbols],
    }


def _symbol(seen: LiveSymbol) -> dict[str, Any]:
    book = (seen.bid, seen.ask, seen.bid_size, seen.ask_size, seen.mark, seen.last)
    return {
        "name": seen.name,
        "book": [*map(_maybe, book), seen.age],
        "in_universe": seen.in_universe,
        "qty": e8(seen.qty),
        "avg_cost": _maybe(seen.avg_cost),
        "paid": e8(seen.paid),
        "to_sell": e8(seen.to_sell),
        "least": e8(seen.least_try),
        "orders": [
            [int(order.time.timestamp() * 10**6), order.side, *map(e8, (order.limit, order.qty, order.left))]
            for order in seen.orders
        ],
    }


def _maybe(amount: Decimal | None) -> int | None:
    return None if amount is None else e8(amount)


def _why(given: Why) -> dict[str, Any]:
    value, limit = given.value, given.limit
    distance = abs(value - limit) if isinstance(value, int) and isinstance(limit, int) else None
    return {"code": given.code, "value": text(value), "limit": text(limit), "distance": text(distance)}


def _reason(given: Because) -> dict[str, Any]:
    return {name: getattr(given, name) for name in ("code", "value", "limit", "distance")}


def _in_order(dropped: Iterable[tuple[int, str, str, dict[str, Any]]]) -> list[list[Any]]:
    return sorted(([*one] for one in dropped), key=lambda one: (*one[:3], str(one[3])))


def _asked(one: Asked) -> dict[str, Any]:
    found = asdict(one)
    del found["confidence"]
    found["target"] = found.pop("by_target")
    return {**found, "purpose": str(one.purpose)}
