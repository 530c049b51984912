"""The permit: every rule of the table, alone and together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from typing import TypeVar

import pytest
from attrs import define, evolve, field

from meva_core.errors import StoreBusy
from meva_core.gates import Block, live_blocks
from meva_core.market import MICROS
from meva_core.modes import Mode
from meva_core.operating.guards.kill import Kill, Level
from meva_core.operating.guards.permit import Canary, Current, NotPermitted, Permit, Plan, Write
from meva_core.orders import Side
from meva_core.settings import LIVE_ACKNOWLEDGEMENT, Exchange, Gates, Secret
from meva_core.venue import NewOrder

T = TypeVar("T")
NOW = 1_767_225_600 * MICROS
MARK = Decimal(3_000_000)
BUY = NewOrder("s4:x1yi6vf-20260101000000:BTCTRY:B:1", "BTCTRY", Side.BUY, MARK, Decimal("0.001"))
SELL = evolve(BUY, client_id="s4:x1yi6vf-20260101000000:BTCTRY:S:1", side=Side.SELL)


@define
class World:
    """Everything that a permit looks at, all of it open."""

    switch: Kill | None = None
    shut: Sequence[Block] = ()
    lacking: str = ""
    time: int = NOW
    monotonic: int = 0
    sent: tuple[int, Decimal] = (0, Decimal(0))
    unreadable: set[str] = field(factory=set)

    def kill(self) -> Kill | None:
        return self._seen("kill", self.switch)

    def gates(self) -> Sequence[Block]:
        return self._seen("gates", self.shut)

    def lease(self) -> str:
        return self._seen("lease", self.lacking)

    def now(self) -> tuple[int, int]:
        return self._seen("now", (self.time, self.monotonic))

    def bought(self, since: int) -> tuple[int, Decimal]:
        assert since == self.time - 86_400 * MICROS
        return self._seen("bought", self.sent)

    def _seen(self, name: str, found: T) -> T:
        if name in self.unreadable:
            raise StoreBusy("another process holds the database")
        return found


PLAN = Plan(NOW, 0, Mode.NORMAL, {"BTCTRY": MARK})


def refusal(world: World, kind: Write, plan: Plan = PLAN, price: Decimal = MARK) -> str | None:
    """Return the rule that forbids a write, None where it may be sent."""
    permit = Permit(world, plan)
    try:
        if kind is Write.CANCEL:
            permit.cancel("25338000001")
        else:
            permit.submit(evolve(BUY if kind is Write.BUY else SELL, price=price))
    except NotPermitted as error:
        return error.why
    return None


def refused(world: World, plan: Plan = PLAN, price: Decimal = MARK) -> list[str | None]:
    """Return what forbids a BUY, a SELL and a cancel."""
    return [refusal(world, kind, plan, price) for kind in Write]


def test_with_all_doors_open_all_is_sent() -> None:
    assert refused(World()) == [None, None, None]


def test_the_kill_switch_stops_all_or_all_but_cancels() -> None:
    assert refused(World(Kill(Level.ALL, "KILL_SWITCH"))) == ["kill_switch"] * 3
    assert refused(World(Kill(Level.CANCELS, "op_state"))) == ["kill_switch", "kill_switch", None]


def test_a_lease_that_is_not_surely_ours_stops_all() -> None:
    assert refused(World(lacking="its heartbeat is 15 s old")) == ["lease"] * 3


def test_a_plan_gets_too_old_by_either_clock_and_cancels_never_do() -> None:
    at_the_edge = World(time=NOW + 30 * MICROS, monotonic=30 * MICROS)
    assert refused(at_the_edge) == [None, None, None]
    too_old = ["plan_too_old", "plan_too_old", None]
    assert refused(World(time=NOW + 30 * MICROS + 1)) == too_old
    # The exchange's clock was set back: the plan is old all the same.
    assert refused(World(time=NOW - MICROS, monotonic=30 * MICROS + 1)) == too_old


def test_a_mark_gets_stale_between_measure_and_send_however_young_the_plan_is() -> None:
    """The market was read 25 s before the plan was made: it is good for 5 s more."""
    seen = {"BTCTRY": NOW - 25 * MICROS}
    plan = evolve(PLAN, current=Current(seen, 30))
    assert refused(World(time=NOW + 5 * MICROS, monotonic=5 * MICROS), plan) == [None, None, None]
    stale = ["stale_market_data", "stale_market_data", None]
    assert refused(World(time=NOW + 5 * MICROS + 1), plan) == stale
    assert refused(World(time=NOW - MICROS, monotonic=5 * MICROS + 1), plan) == stale
    assert refused(World(), evolve(plan, current=Current(seen, 24))) == stale
    assert refused(World(), evolve(plan, current=Current({}, 30))) == stale


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode.NORMAL, [None, None, None]),
        (Mode.REDUCE_RISK_ONLY, ["mode", None, None]),
        (Mode.OBSERVE_ONLY, ["mode", "mode", None]),
    ],
)
def test_a_mode_lets_through_what_it_is_for(mode: Mode, expected: list[str | None]) -> None:
    assert refused(World(), evolve(PLAN, mode=mode)) == expected


def test_a_limit_far_on_the_wrong_side_of_the_mark_is_not_sent() -> None:
    highest, lowest = MARK * Decimal("1.05"), MARK * Decimal("0.95")
    one = Decimal(1)
    assert refused(World(), price=highest) == [None, None, None]
    assert refused(World(), price=highest + one) == ["price_collar", None, None]
    assert refused(World(), price=lowest) == [None, None, None]
    assert refused(World(), price=lowest - one) == [None, "price_collar", None]


def test_without_a_mark_nothing_is_submitted() -> None:
    assert refused(World(), evolve(PLAN, marks={})) == ["price_collar", "price_collar", None]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ((3, Decimal(300)), None),
        ((4, Decimal(300)), "canary"),
        ((3, Decimal("300.01")), "canary"),
    ],
)
def test_a_canary_buys_so_often_and_so_much_in_a_day(sent: tuple[int, Decimal], expected: str | None) -> None:
    canary = evolve(PLAN, canary=Canary(3, Decimal(300)))
    assert refused(World(sent=sent), canary) == [expected, None, None]
    assert refused(World(sent=sent)) == [None, None, None]


def test_what_a_canary_refuses_is_not_said_to_have_been_sent() -> None:
    plan = evolve(PLAN, canary=Canary(2, Decimal(300)))
    with pytest.raises(NotPermitted, match=r"with it 3 BUYs of 329\.97 TRY would have been sent in 24 hours"):
        Permit(World(sent=(3, Decimal("329.97"))), plan).submit(BUY)


def test_what_cannot_be_read_is_shut() -> None:
    plan = evolve(PLAN, canary=Canary(3, Decimal(300)))
    assert refused(World(unreadable={"kill"}), plan) == ["kill_switch"] * 3
    assert refused(World(unreadable={"gates"}), plan) == ["gates"] * 3
    assert refused(World(unreadable={"lease"}), plan) == ["lease"] * 3
    assert refused(World(unreadable={"now"}), plan) == ["clock", "clock", None]
    assert refused(World(unreadable={"bought"}), plan) == ["canary", None, None]


def all_gates() -> Iterator[tuple[bool, World]]:
    """Yield every state of the six gates, and whether it is the armed one."""
    for killed, dry, live, said, key, secret in product((False, True), repeat=6):
        exchange = Exchange(
            api_key=Secret("a-key") if key else None, api_secret=Secret("c2VjcmV0") if secret else None
        )
        gates = Gates(
            kill_switch=False, dry_run=dry, live_trading=live,
            live_trading_ack=LIVE_ACKNOWLEDGEMENT if said else "",
        )  # fmt: skip
        world = World(Kill(Level.ALL, "KILL_SWITCH") if killed else None, list(live_blocks(gates, exchange)))
        yield (killed, dry, live, said, key, secret) == (False, False, True, True, True, True), world


def test_i24_of_all_gates_modes_and_kinds_the_armed_ones_alone_send() -> None:
    seen = 0
    for (is_armed, world), mode, kind in product(list(all_gates()), Mode, Write):
        seen += 1
        allows = {Write.BUY: Mode.NORMAL, Write.SELL: Mode.REDUCE_RISK_ONLY, Write.CANCEL: Mode.OBSERVE_ONLY}
        may = is_armed and mode <= allows[kind]
        assert (refusal(world, kind, evolve(PLAN, mode=mode)) is None) == may
    assert seen == 2**6 * 3 * 3


def test_a_gate_that_shuts_between_plan_and_send_stops_the_send() -> None:
    world = World()
    permit = Permit(world, PLAN)
    permit.submit(BUY)
    for _, shut in all_gates():
        world.switch, world.shut = shut.switch, shut.shut
        if shut.switch or shut.shut:
            with pytest.raises(NotPermitted):
                permit.submit(BUY)
        else:
            permit.submit(BUY)
