"""The same limit orders on the same market fill as Stage 7's engine fills them: when, price, quantity,
notional and fee."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from golden_worlds import KINDS, world_of
from hypothesis import event, given
from oracle import World
from oracle.engine_view import engine_of, market_of, params_of, records_of
from oracle.world import e8
from simulated_exchange import Moved
from strategies import examples, worlds

from meva_core.amounts import to_decimal
from meva_core.orders import Event, Side
from meva_core.rules import SymbolRules
from meva_core.settings import FillModel
from meva_core.simulated.books import opened
from meva_core.simulated.orders import Fill
from meva_core.simulated.terms import Terms, terms_of
from meva_core.simulated.touches import touches_of
from meva_core.simulated.venue import SimulatedVenue
from meva_core.venue import NewOrder

MICROS = 10**6
What = tuple[str, int, int, int, int, int]


def terms_like(world: World) -> Terms:
    """Return the terms of Stage 7, which has one fee."""
    params = params_of(world)
    return evolve(terms_of(world.settings, seed=world.seed), maker=params.fee, taker=params.fee)


def engines(fills: Sequence[dict[str, Any]]) -> list[What]:
    return [
        (f"{f['time']}.{f['n']}", *(f[name] for name in ("price", "qty", "notional", "fee", "resting")))
        for f in fills
    ]


def venues(fills: Sequence[Fill]) -> list[What]:
    return [(f.client_id, f.price, f.qty, f.notional, f.fee, int(f.resting)) for f in fills]


def orders_of(world: World, time: int, record: dict[str, Any]) -> Iterator[NewOrder]:
    """Yield the orders that the engine's venue accepted in a cycle, in its order."""
    for happened in record["execute_events"]:
        if happened["kind"] is Event.ACKED and happened["time"] == time:
            intent = record["intents"][happened["n"]]
            yield NewOrder(
                f"{time}.{happened['n']}", world.symbols[intent["symbol"]], intent["side"],
                to_decimal(intent["price"]), to_decimal(intent["qty"]),
            )  # fmt: skip


def rules_like(world: World) -> list[SymbolRules]:
    """Return the world's rules, for pairs that all may be traded.

    The engine's limit of an order that fills at once is the worst price that it may fill at, on no grid.
    """
    rules = [evolve(rule, tradable=True) for rule in world.rules]
    if world.settings.stage7.fill_model is FillModel.TOUCH:
        return rules
    return [
        evolve(rule, tick_size=Decimal("0.00000001"), min_price=None, max_price=None) if rule.usable else rule
        for rule in rules
    ]


def check(world: World) -> set[str]:
    """Give each cycle's orders and cancels of the engine to the venue, and compare all fills. Return what
    kinds of fills there were."""
    clock = Moved()
    cash = e8(Decimal(world.settings.live.dry_run_try_balance))
    venue = SimulatedVenue(opened("stage4-dry", cash), terms_like(world), clock)
    market, rules = market_of(world), rules_like(world)
    numbers: dict[str, str] = {}
    for c, (inputs, record) in enumerate(zip(world.cycles, records_of(world, engine_of(world)), strict=True)):
        clock.now, seen = inputs.time * MICROS, len(venue.books.fills)
        venue.meet(inputs.time, touches_of(market, c, world.symbols), rules)
        assert venues(venue.books.fills[seen:]) == engines(record["settle_fills"])
        for happened in [*record["settle_events"], *record["plan_events"]]:
            if happened["kind"] is Event.CANCELED:
                venue.cancel(numbers[f"{happened['time']}.{happened['n']}"])
        seen = len(venue.books.fills)
        for order in orders_of(world, inputs.time, record):
            numbers[order.client_id] = venue.submit(order).order_id
        assert venues(venue.books.fills[seen:]) == engines(record["execute_fills"])
        assert venue.books.totals["TRY"] == record["account"]["cash"]
    assert all(amount >= 0 for amount in venue.books.totals.values())
    whole = {order.order_id for order in venue.books.orders if order.fills == 1 and not order.left}
    return {
        f"{fill.side.name} {'resting' if fill.resting else 'taking'}"
        f"{'' if fill.order_id in whole else ' in part'}"
        for fill in venue.books.fills
    }


@examples(3)
@given(world=worlds())
def test_orders_fill_as_in_stage_7(world: World) -> None:
    for kind in check(world):
        event(kind)


@pytest.mark.parametrize("name", KINDS)
def test_so_they_do_in_the_worlds_of_the_golden_fingerprints(name: str) -> None:
    assert check(world_of(name, KINDS[name]))


def test_there_every_kind_of_fill_happens() -> None:
    found = {kind for name in ("ordinary", "thin") for kind in check(world_of(name, KINDS[name]))}
    kinds = {f"{side.name} {how}" for side in Side for how in ("resting", "taking")}
    assert found == kinds | {f"{kind} in part" for kind in kinds}
