"""Every block, alarm and mode is entered by what it is of, stands in the next process, and is left once that
has ended, for the process after that as well. The table has a row for each that the code knows, and for each
mode, or setting, that one of them has.

Kills, and the alarms that end a process, have a table of their own (`test_kills`); a key of another account
is found before the first cycle (`test_alarms`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import takewhile
from typing import Any, Final

import pytest
from attrs import define, evolve, field
from run_by_hand import AT, DAY, by_ourselves, cycle, restarted, see_to
from running import NAME, STRATEGIES, Running, running

from meva_adapters.sql.store import SqlStore
from meva_core.errors import VenueReason
from meva_core.ids import client_id
from meva_core.live_book.alarms import INTEGRITY, AlarmCode
from meva_core.live_history.block_words import BLOCKS
from meva_core.modes import Mode
from meva_core.operating.guards.kill import Level, Stored, store_kill
from meva_core.operating.records import recording
from meva_core.operating.records.stored import stored_book
from meva_core.operational.because import Cause
from meva_core.orders import Side
from meva_core.venue import NewOrder, VenueOrder

Act = Callable[["Scene"], None]


@define
class Scene:
    """A book under a runner, and what the entering leaves for the leaving."""

    book: Running
    kept: Any = None

    @property
    def exchange(self) -> Any:
        return self.book.account.exchange

    def bought(self, symbol: str, qty: str, **shown: Any) -> str:
        """Buy so much by an order of ours, and run a cycle; its fill is `shown` as told."""
        price = self.exchange.prices[symbol] - 10
        number = by_ourselves(self.book, symbol, Side.BUY, qty, f"{price}")
        self.exchange.trade(number, qty, **shown)
        cycle(self.book, 31)
        return number

    def resting(self, symbol: str = "BTCTRY") -> str:
        number = by_ourselves(self.book, symbol, Side.BUY, "0.1", f"{self.exchange.prices[symbol] - 10}")
        cycle(self.book, 31)
        return number

    def silence(self, *calls: tuple[str, str]) -> None:
        self.exchange.silent |= set(calls)

    def speak(self) -> None:
        self.exchange.silent.clear()


@define(kw_only=True)
class Turn:
    """What enters some codes, and what leaves them: nothing, where they end by themselves.

    `before` is done before the first cycle; cycles run every `seconds`, at most `most` until it is so. What
    is told `once` does not stand. `over` ends the cause before the process does: what stands in the next one
    is what the book remembers.
    """

    enter: Act
    leave: Act = lambda scene: None
    over: Act = lambda scene: None
    before: Act = lambda scene: None
    settings: Mapping[str, str] = field(factory=dict)
    run: Mapping[str, Any] = field(factory=dict)
    seconds: float = 61
    most: int = 6
    once: bool = False


def gone(scene: Scene) -> None:
    scene.kept = scene.exchange.orders.pop(scene.resting())


def alike(scene: Scene) -> None:
    order: VenueOrder = scene.exchange.orders[scene.resting()]
    gone_order = scene.exchange.orders.pop(order.order_id)
    for _ in range(4):
        cycle(scene.book)
    assert gone_order.price is not None
    again = NewOrder("", order.symbol, order.side, gone_order.price, order.qty)
    scene.kept = scene.exchange._add(again, None)


def ends(scene: Scene) -> None:
    """The order at hand is canceled by whoever made it."""
    scene.exchange.permit, permit = None, scene.exchange.permit
    scene.exchange.cancel(scene.kept)
    scene.exchange.permit = permit


def listed_no_more(scene: Scene) -> None:
    scene.bought("ETHTRY", "2")
    scene.kept = scene.exchange.prices.pop("ETHTRY")


def listed(scene: Scene) -> None:
    scene.exchange.prices["ETHTRY"] = scene.kept


def fee_in_coins(scene: Scene) -> None:
    number = scene.resting()
    scene.exchange.trade(number, "0.1")
    shown, fill = scene.exchange.fills_shown[-1]
    scene.exchange.fills_shown[-1] = shown, evolve(fill, fee=Decimal("0.001"), fee_asset="BTC")
    scene.exchange.there["TRY"] += fill.fee
    scene.exchange.there["BTC"] -= Decimal("0.001")


def coins_gone(scene: Scene) -> None:
    scene.bought("BTCTRY", "0.1")
    scene.exchange.transfer("BTC", "-0.05")


def unheard(scene: Scene) -> None:
    scene.exchange.unheard = True
    scene.silence(("find", ""), ("open_orders", ""))
    for _ in range(3):
        by_ourselves(scene.book, "BTCTRY", Side.BUY, "0.1", "2990")
    scene.exchange.unheard = False


def behind(scene: Scene) -> None:
    name = client_id(scene.book.account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    scene.exchange._add(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal("0.1")), name)


def not_asked(scene: Scene) -> None:
    scene.resting()
    scene.silence(("open_orders", ""), ("find", ""), ("all_orders", "BTCTRY"), ("order", "10001"))


def not_as_thought(scene: Scene) -> None:
    number = scene.resting()
    scene.kept = scene.exchange.orders[number]
    scene.exchange.orders[number] = evolve(scene.kept, qty=Decimal(7))


def as_thought(scene: Scene) -> None:
    scene.exchange.orders[scene.kept.order_id] = scene.kept


def unreadable(scene: Scene) -> None:
    scene.kept = scene.exchange.orders[scene.resting()]
    priced(scene, "NaN")


def priced(scene: Scene, price: str) -> None:
    with scene.book.account.store.unit() as work:
        work.update("stage4_orders", "client_order_id", ("price",), [(scene.kept.client_id, price)])
        work.commit()


def sold_before_bought(scene: Scene) -> None:
    """The sale of what a fill brought is shown before that fill is."""
    bought = by_ourselves(scene.book, "BTCTRY", Side.BUY, "0.1", "2990")
    sold = by_ourselves(scene.book, "BTCTRY", Side.SELL, "0.1", "3010")
    scene.exchange.trade(bought, "0.1", late=100)
    scene.exchange.trade(sold, "0.1")


def unlisted(scene: Scene) -> None:
    scene.exchange.transfer("TRY", "-100", listed_after=None)


def flows_unread(scene: Scene) -> None:
    unlisted(scene)
    scene.silence(("flows", ""))


def loud(scene: Scene) -> None:
    """Something is sent right before each look, for half an hour."""
    for _ in range(30):
        written(scene)
        cycle(scene.book, 61)
    written(scene)


def written(scene: Scene) -> None:
    runner, now = scene.book.runner, scene.exchange.now
    runner.process = evolve(runner.process, last_write=now + 60 * 10**6)


def refused(scene: Scene) -> None:
    scene.exchange.refuse = VenueReason.BELOW_MINIMUM


def taken(scene: Scene) -> None:
    scene.exchange.refuse = None


def thrown(scene: Scene) -> None:
    with scene.book.account.store.unit() as work:
        store_kill(work, Stored(Level.CANCELS, "a person"), AT)
        work.commit()


def fallen(scene: Scene) -> None:
    scene.bought("BTCTRY", "0.1")
    for _ in range(2):
        cycle(scene.book, 31)
    scene.kept = scene.exchange.prices["BTCTRY"]
    scene.exchange.prices["BTCTRY"] = scene.kept / 2


def risen(scene: Scene) -> None:
    scene.exchange.prices["BTCTRY"] = scene.kept


def sold(scene: Scene) -> None:
    scene.exchange.trade(by_ourselves(scene.book, "BTCTRY", Side.SELL, "0.1", "3010"), "0.1")


def unmarked(scene: Scene) -> None:
    scene.silence(("book", "ETHTRY"), ("tickers", ""))


def leaking(scene: Scene) -> None:
    """TRY and coins go on leaving by turns: what stands as missing is booked in time, but never all of it."""
    scene.bought("BTCTRY", "1")
    scene.exchange.transfer("TRY", "-250", listed_after=None)
    for _ in range(5):
        cycle(scene.book, 210)
        scene.exchange.transfer("TRY", "-250", listed_after=None)
        scene.exchange.transfer("BTC", "-0.1", listed_after=None)


def leaks_no_more(scene: Scene) -> None:
    for _ in range(4):  # until what left is booked
        cycle(scene.book)
    assert scene.book.account.off() == {}


class Failing:
    def decide(self, view: Any, memory: Any) -> Any:
        raise ValueError("no idea")


def failing(scene: Scene) -> None:
    scene.book.runner.strategies = {NAME: Failing()}


def answering(scene: Scene) -> None:
    scene.book.runner.strategies = STRATEGIES


def observing(scene: Scene, observes: bool = True) -> None:
    scene.book.runner.run = evolve(scene.book.runner.run, observe=observes)


def taken_over(scene: Scene) -> None:
    """The book stands as when it was opened over an earlier system's, and the process that did so is gone."""
    with scene.book.account.store.unit() as work:
        found = stored_book(work, "live")
        assert found is not None
        book, carried = found
        recording.saved(work, book, evolve(carried, adopted=True))
        work.commit()
    scene.book = restarted(scene.book)


def passes(seconds: float) -> Act:
    return lambda scene: scene.exchange.pass_time(seconds)


REFUSALS_COUNT: Final = {
    "STAGE4_BOOTSTRAP_INTENTS": "1",
    "REJECT_SPIKE_THRESHOLD": "1",
    "DEGRADE_WARN_THRESHOLD": "1",
}
BLIND: Final = Turn(enter=lambda scene: scene.silence(("book", "BTCTRY")), leave=Scene.speak)
TURNS: Final[Mapping[tuple[str, ...], Turn]] = {
    ("absent", "order_not_as_thought"): Turn(enter=gone, leave=passes(DAY)),
    ("looks_like_ours",): Turn(enter=alike, leave=ends),
    ("delisted",): Turn(enter=listed_no_more, leave=listed),
    ("fee_asset",): Turn(enter=fee_in_coins, leave=lambda scene: see_to(scene.book)),
    ("transfer_out",): Turn(enter=coins_gone, once=True),
    ("balance_unexplained",): Turn(enter=unlisted, seconds=31),
    ("fills_incomplete",): Turn(
        enter=lambda scene: scene.bought("BTCTRY", "0.1", late=500) and None, leave=passes(500)
    ),
    ("fills_missing",): Turn(
        enter=lambda scene: scene.bought("BTCTRY", "0.1", late=2000) and None, leave=passes(2000), most=12
    ),
    ("unknown_orders", "unknown_order"): Turn(enter=unheard, leave=Scene.speak),
    ("file_behind_exchange",): Turn(enter=behind, leave=lambda scene: see_to(scene.book)),
    ("no_mark",): BLIND,
    ("no_bars",): Turn(
        enter=lambda scene: scene.silence(("candles", "BTCTRY")), leave=Scene.speak, run={"bars": {60: 2}}
    ),
    ("order_not_asked",): Turn(enter=not_asked, leave=Scene.speak),
    ("orders_unread",): Turn(enter=lambda scene: scene.silence(("open_orders", "")), leave=Scene.speak),
    ("order_not_as_thought",): Turn(enter=not_as_thought, leave=as_thought),
    ("order_unreadable",): Turn(enter=unreadable, leave=lambda scene: priced(scene, "2990")),
    ("fills_unread",): Turn(
        enter=lambda scene: (scene.resting(), scene.silence(("fills", "BTCTRY")))[1], leave=Scene.speak
    ),
    ("fills_wait",): Turn(enter=sold_before_bought, leave=passes(60), seconds=31),
    ("balances_unread",): Turn(enter=lambda scene: scene.silence(("balances", "")), leave=Scene.speak),
    ("flows_unread",): Turn(enter=flows_unread, leave=Scene.speak),
    ("balances_wait",): Turn(enter=loud, once=True, most=1),
    ("just_adopted",): Turn(enter=taken_over, once=True),
    ("min_notional_violation",): Turn(
        enter=refused, leave=taken, settings={"STAGE4_BOOTSTRAP_INTENTS": "1"}, most=14
    ),
    ("KILL_SWITCH",): Turn(enter=thrown, leave=lambda scene: see_to(scene.book)),
    ("DRAWDOWN_LIMIT:RISK_MAX_DRAWDOWN_TRY",): Turn(
        enter=fallen, leave=risen,
        settings={"RISK_MAX_DRAWDOWN_TRY": "50", "ENABLE_AUTO_KILL_SWITCH": "0"},
    ),
    ("DRAWDOWN_LIMIT:RISK_MAX_DAILY_DRAWDOWN_TRY",): Turn(
        enter=fallen, leave=passes(DAY),
        settings={"RISK_MAX_DAILY_DRAWDOWN_TRY": "50", "ENABLE_AUTO_KILL_SWITCH": "0"},
    ),
    ("EXPOSURE_LIMIT:RISK_MAX_GROSS_EXPOSURE_TRY",): Turn(
        enter=lambda scene: scene.bought("BTCTRY", "0.1") and None, leave=sold,
        settings={"RISK_MAX_GROSS_EXPOSURE_TRY": "50"},
    ),
    ("EXPOSURE_LIMIT:RISK_MAX_POSITION_PCT",): Turn(
        enter=lambda scene: scene.bought("BTCTRY", "0.1") and None, leave=sold,
        settings={"RISK_MAX_POSITION_PCT": "0.002"},
    ),
    ("FEE_BUDGET",): Turn(
        enter=lambda scene: scene.bought("BTCTRY", "0.1") and None, leave=passes(DAY),
        settings={"RISK_MAX_FEE_TRY_PER_DAY": "0.1"},
    ),
    ("MARK_UNKNOWN",): Turn(
        before=unmarked, enter=lambda scene: scene.bought("ETHTRY", "1") and None, leave=Scene.speak
    ),
    ("degrade_override:REDUCE_RISK_ONLY",): Turn(
        enter=refused, over=taken, leave=passes(15 * 60), settings=REFUSALS_COUNT
    ),
    ("degrade_override:OBSERVE_ONLY",): Turn(enter=leaking, over=leaks_no_more, leave=passes(30 * 60)),
    ("strategy_failed:REDUCE_RISK_ONLY",): Turn(enter=failing, leave=answering),
    ("strategy_failed:OBSERVE_ONLY",): Turn(enter=failing, leave=answering),
    ("observe",): Turn(enter=observing, leave=lambda scene: observing(scene, observes=False)),
}  # fmt: skip


def codes(told: Any) -> set[str]:
    """Return what is alarming, blocked, or restricts the mode: that also with its mode and its setting."""
    parts = told.cycle.decisions.mode.parts
    found = {str(alarm.code) for alarm in told.book.alarms} | set(told.inputs.blocked.values())
    found |= {"unknown_order" for order in told.inputs.orders if not order.known}
    for part in (part for part in parts if part.mode > Mode.NORMAL):
        code = part.reason.code
        found |= {code, f"{code}:{part.mode.name}", f"{code}:{part.reason.setting}"}
    return found


def test_every_block_alarm_and_mode_has_a_row() -> None:
    modes = [*takewhile(lambda cause: cause is not Cause.DENIED, Cause)][1:]
    known = {*map(str, AlarmCode), *BLOCKS, *map(str, modes)}
    elsewhere = {*map(str, INTEGRITY), str(AlarmCode.LOSS), str(AlarmCode.OTHER_ACCOUNT)}
    assert {code.partition(":")[0] for row in TURNS for code in row} == known - elsewhere


@pytest.mark.parametrize("row", TURNS, ids="+".join)
def test_each_is_entered_stands_in_the_next_process_and_is_left_for_good(
    store: SqlStore, row: tuple[str, ...]
) -> None:
    turn, wanted = TURNS[row], set(row)
    book = running(store, settings={"STAGE4_BOOTSTRAP_INTENTS": "0", **turn.settings}, **turn.run)
    scene = Scene(book)
    turn.before(scene)
    assert not wanted & codes(cycle(book))

    turn.enter(scene)
    found = codes(cycle(scene.book, turn.seconds))
    for _ in range(turn.most):
        if wanted <= found:
            break
        found = codes(cycle(scene.book, turn.seconds))
    assert wanted <= found
    turn.over(scene)
    scene.book = restarted(scene.book)
    assert (wanted <= codes(cycle(scene.book, turn.seconds))) != turn.once

    turn.leave(scene)
    for _ in range(turn.most):
        found = codes(cycle(scene.book, turn.seconds))
        if not wanted & found:
            break
    assert not wanted & found
    scene.book = restarted(scene.book)
    assert not wanted & codes(cycle(scene.book, turn.seconds))
    scene.book.account.check()
