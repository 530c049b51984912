"""One cycle of Stage 3 or 4, decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from meva_core.modes import Mode
from meva_core.operational.inputs import DegradeState, Inputs, OwnOrder, RiskState
from meva_core.orders import Side
from oracle.operational import filters
from oracle.operational.allocation import Given, allocate
from oracle.operational.funds import Funds
from oracle.operational.hurdles import hurdle
from oracle.operational.lifecycle import Lived, live, stale, superseded
from oracle.operational.modes import Part, final_mode
from oracle.operational.orders import Action, Order
from oracle.operational.risk import Assessed, assess, auto_kill, budget
from oracle.operational.shown import shown
from oracle.operational.sums import Why, coins
from oracle.operational.sweep import Swept, sweep
from oracle.operational.trouble import anomalies, degrade
from oracle.operational.universe import universe
from oracle.operational.wishes import Drop, Wish, Wishes

FAILED: Final = object()
"""Stands as the answer of a strategy that failed."""


@frozen(kw_only=True)
class Decided:
    """What a cycle decides, step by step."""

    assessed: Assessed
    universe: list[str]
    why_not: dict[str, Why]
    budget: tuple[Mode, str]
    anomalies: list[tuple[str, str]]
    degrade: tuple[Mode, DegradeState]
    view: dict[str, Any]
    mode: Mode
    bound: str
    parts: list[Part]
    asked: list[Wish]
    allocation: list[Given]
    dropped: list[Drop]
    cancels: dict[str, Why]
    held_back: str
    sweep: list[Swept]
    actions: list[Action]
    kill: bool
    risk: RiskState
    failed: dict[str, int]
    wanted: dict[str, int]


def decided(given: Inputs, answers: Mapping[str, Any]) -> Decided:
    """Return what is decided of these inputs when the strategies answer so."""
    funds = Funds(given)
    found = assess(given)
    names, why_not = universe(funds)
    verdict = budget(funds, found)
    pulled, risk = auto_kill(given, found)
    odd, state = anomalies(funds, names)
    override, state = degrade(funds, state, odd)
    gone = [one.id for one in given.strategies if has_failed(funds, answers.get(one.id))]
    failed = {name: given.failed.get(name, 0) + 1 for name in gone}
    mode, bound, parts = final_mode(given, verdict, override, failed)

    wishes = Wishes(funds, found.equity, dict(given.wanted))
    wishes.hear({name: answer for name, answer in answers.items() if name not in failed})
    lived, dropped, asked = Lived(), list(wishes.dropped), []
    for wish in wishes.found:
        why = hurdle(funds, mode, bound, names, why_not, wish)
        if why is None:
            asked.append(wish)
        else:
            dropped.append(wish.drop(why))
    asked = superseded(funds, asked, lived)

    shares: list[Given] = []
    if given.stage == 4:
        shares, orders = allocate(funds, found.equity, asked)
        got = {one.n: one for one in shares}
        dropped += [wish.drop(got[wish.n].why) for wish in asked if got[wish.n].status == "rejected"]
    else:
        orders = [_as_asked(funds, wish) for wish in asked]
    live(funds, mode, bound, orders, lived)
    passed = _filtered(funds, found.equity, lived)
    held_back = _held_back(given)
    return Decided(
        assessed=found,
        universe=names,
        why_not=why_not,
        budget=verdict,
        anomalies=odd,
        degrade=(override, state),
        view=shown(funds, found, verdict[0], override, names),
        mode=mode,
        bound=bound,
        parts=parts,
        asked=wishes.found,
        allocation=shares,
        dropped=dropped + lived.dropped,
        cancels=lived.cancels,
        held_back=held_back,
        sweep=sweep(funds, names) if given.stage == 3 else [],
        actions=_actions(funds, {} if held_back else lived.cancels, passed, lived.replaces),
        kill=pulled,
        risk=risk,
        failed=failed,
        wanted=wishes.wanted,
    )


def has_failed(funds: Funds, answer: Any) -> bool:
    """Whether a strategy failed, or answered what is none: it asks for a symbol that is not there."""
    if answer is FAILED or answer is None:
        return answer is FAILED
    names = answer if isinstance(answer, Mapping) else [asked.symbol for asked in answer]
    return any(name not in funds.market for name in names)


def _as_asked(funds: Funds, wish: Wish) -> Order:
    """Return the order of Stage 3 for all of what is asked for: it has no allocation."""
    name, mark = wish.symbol, funds.market[wish.symbol].mark
    assert mark is not None
    price = funds.price(name, wish.side, wish.limit)
    if wish.side is Side.BUY:
        qty = coins(wish.request, max(price, mark))
    elif wish.whole:
        qty = funds.to_sell(name)
    else:
        qty = coins(wish.request, mark) if wish.qty is None else wish.qty
    return Order(wish, price, funds.on_lot(name, qty), mark)


def _filtered(funds: Funds, equity: int, lived: Lived) -> list[Order]:
    """Return the orders that pass the filters; what they would have replaced is canceled alone if they do
    not."""
    if funds.given.stage == 4:
        passed, stopped = filters.stage4(funds, equity, lived.orders, lived.replaces)
    else:
        passed, stopped = filters.stage3(funds, lived.orders)
    for order, why in stopped:
        lived.dropped.append(order.wish.drop(why))
        left = lived.replaces.pop(order.wish.n, None)
        if left is not None and (reason := stale(funds, left)) is not None:
            lived.cancels[left.client_id] = reason
    return passed


def _held_back(given: Inputs) -> str:
    """Return what keeps even cancels back: the kill switch at `all`, and a look that has nothing to write
    with."""
    if given.kill == "all" and not given.dry:
        return "KILL_SWITCH"
    return "observe" if given.observe else ""


def _actions(
    funds: Funds, cancels: Mapping[str, Why], passed: list[Order], replaces: Mapping[int, OwnOrder]
) -> list[Action]:
    """Return what is done, in order: cancels by symbol, then SELLs, then BUYs."""
    given = funds.given
    ends = [one for one in given.orders if one.client_id in cancels]
    ends.sort(key=lambda one: (one.symbol, one.side, one.client_id))
    submits = [_submit(funds, order, replaces.get(order.wish.n)) for order in passed]
    return [*(_cancel(one, cancels[one.client_id]) for one in ends), *submits]


def _cancel(order: OwnOrder, why: Why) -> Action:
    return Action(
        kind="cancel",
        symbol=order.symbol,
        side=order.side,
        price=order.price,
        qty=order.left,
        cancels=order.client_id,
        exchange_id=order.exchange_id,
        reason=why.code,
    )


def _submit(funds: Funds, order: Order, old: OwnOrder | None) -> Action:
    wish, given = order.wish, funds.given
    return Action(
        kind="submit" if old is None else "replace",
        symbol=wish.symbol,
        side=wish.side,
        price=order.price,
        qty=order.qty,
        client_id=f"s{given.stage}:{given.cycle}:{wish.symbol[:14]}:{wish.side.name[0]}:{wish.n}",
        cancels=None if old is None else old.client_id,
        exchange_id=None if old is None else old.exchange_id,
        mark=order.mark,
        least=funds.least(wish.symbol),
        purpose=wish.purpose,
        strategy=wish.strategy,
        reason=wish.reason,
    )
