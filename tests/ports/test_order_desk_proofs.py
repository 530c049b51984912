"""What the desk takes for proof, over real sockets and a real database: one answer is none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

import pytest
from attrs import define, evolve
from desk_parts import CANCEL, ORDER, at_the_exchange, desk, desk_over, order, pass_time, store, stored
from exchange_contract import new_order, wait_for_fills
from local_exchange import LocalExchange

from meva_adapters.btcturk import Btcturk
from meva_adapters.sql.store import SqlStore
from meva_core.errors import (
    OrderNotRecorded,
    OutcomeNotRecorded,
    Refused,
    StoreError,
    Unavailable,
    VenueReason,
)
from meva_core.live.desk import Desk, Settled
from meva_core.live.live_orders import Record, records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.settings import Secret
from meva_core.venue import NewOrder, VenueOrder

__all__ = ["desk", "order", "store"]

YEAR_AND_MORE = 400 * 86_400
REFUSALS: Final = {
    401: {"message": "Unauthorized - Invalid X-Signature", "success": True, "code": 0},
    429: {"message": "TOO_MANY_REQUESTS", "success": False, "code": 429},
}
"""What the exchange itself says with a status that others answer with, too."""


def refusal(status: int) -> dict[str, Any]:
    """The settings of a fault that answers with the exchange's own words."""
    return {"status": status, "body": json.dumps(REFUSALS[status]), "headers": {"Retry-After": "0"}}


def standings(settled: list[Settled]) -> list[Standing]:
    return [one.record.standing for one in settled if one.record]


def watched(desk: Desk) -> dict[str, Any]:
    """What the desk keeps in mind, by row."""
    with desk.store.read() as view:
        ((text,),) = view.rows("op_state", ("text_value",), where={"key": "live_orders"})
    return dict(json.loads(text)["orders"])


def rests(desk: Desk, order: NewOrder) -> bool:
    """Whether anything of this name rests at the exchange."""
    return any(one.client_id == order.client_id for one in desk.account.open_orders(order.symbol))


def booked(desk: Desk, order_id: str | None, qty: Decimal, *, complete: bool = False) -> None:
    with desk.store.unit() as work:
        (record,) = records(work, ACCOUNT, exchange_order_id=order_id)
        desk.book(work, record, qty, complete=complete)
        work.commit()


def shut(desk: Desk) -> Desk:
    """The desk while no pair is there to look into."""

    class Shut:
        submit = staticmethod(desk.venue.submit)
        cancel = staticmethod(desk.venue.cancel)

        def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
            raise Refused(f"there is no pair {symbol}", reason=VenueReason.UNKNOWN_SYMBOL)

    return evolve(desk, venue=Shut())


# -- Twins --------------------------------------------------------------------------------------------


def test_an_order_that_was_taken_twice_is_noticed_though_its_reply_was_heard(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("twice", ORDER, times=1)
    assert desk.place(order).alarm == ""
    desk.cancel(order.client_id)
    (settled,) = desk.settle()
    assert settled.record.standing is Standing.CANCELED
    assert settled.mode is Mode.OBSERVE_ONLY
    assert f"2 orders at the exchange share the name {order.client_id}" in settled.alarm
    with desk.store.read() as view:
        _, twin = records(view, ACCOUNT)
    assert (twin.standing, twin.client_id, twin.content) == (Standing.OPEN, None, settled.record.content)
    assert desk.cancel(order_id=twin.order_id).record.standing is Standing.CANCEL_REQUESTED
    assert Standing.OPEN not in standings(desk.settle())
    assert not rests(desk, order)


def test_a_twin_that_shows_late_is_noticed_after_the_grace_period(
    local: LocalExchange, btcturk: Btcturk, desk: Desk, order: NewOrder
) -> None:
    placed = desk.place(order).record
    assert desk.settle() == [Settled(placed)]
    assert desk.venue.submit(order).order_id != placed.order_id  # shows after the first look
    assert desk.settle() == [Settled(placed)]
    pass_time(desk, 121)
    (settled,) = desk.settle()
    assert "2 orders at the exchange share the name" in settled.alarm
    assert standings(desk.settle()) == [Standing.OPEN, Standing.OPEN]


def test_what_ended_is_asked_for_twice_more_and_no_longer(desk: Desk, order: NewOrder) -> None:
    desk.place(order)
    desk.cancel(order.client_id)
    assert standings(desk.settle()) == [Standing.CANCELED]
    assert standings(desk.settle()) == [Standing.CANCELED]
    assert desk.settle() == []
    pass_time(desk, 121)
    assert standings(desk.settle()) == [Standing.CANCELED]
    assert desk.settle() == []
    assert watched(desk) == {}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_that_anyone_may_have_spoken_is_looked_into(
    local: LocalExchange, desk: Desk, order: NewOrder, status: int
) -> None:
    local.fault("answer", ORDER, times=1, **refusal(status))
    assert desk.place(order).record.standing is Standing.REJECTED
    desk.venue.submit(order)  # it had come through after all
    (settled,) = desk.settle()
    assert settled.record.standing is Standing.OPEN
    assert (settled.mode, "was taken for refused" in settled.alarm) == (Mode.REDUCE_RISK_ONLY, True)


# -- What is there to sell ----------------------------------------------------------------------------


def test_what_was_sold_stays_sold_until_its_fills_are_booked(local: LocalExchange, store: SqlStore) -> None:
    local.control("POST", "accounts", key="b2", secret="YjI=", balances={"BTC": "2"})
    opened = local.connect(api_key=Secret("b2"), api_secret=Secret("YjI="))
    desk, held = desk_over(opened, store), Decimal(2)
    local.control("POST", "policy", balances_delay_ms=600_000, fills_delay_ms=600_000)
    sell = new_order(opened.market, opened.rules, "0.99", Side.SELL)
    placed = desk.place(sell).record
    while standings(desk.settle()) != [Standing.FILLED]:
        pass
    balance = desk.account.balances()["BTC"]
    assert balance.free == held
    assert desk.sellable("BTCTRY", held, balance) == held - sell.qty
    pass_time(desk, YEAR_AND_MORE)
    desk.settle()
    assert desk.sellable("BTCTRY", held, balance) == held - sell.qty
    booked(desk, placed.order_id, sell.qty)
    assert desk.sellable("BTCTRY", held - sell.qty, balance) == held - sell.qty
    opened.close()


def test_of_a_sell_that_filled_in_part_only_what_is_left_is_reserved(desk: Desk, order: NewOrder) -> None:
    held, qty = Decimal(2), Decimal("0.5")
    balance = evolve(desk.account.balances()["BTC"], free=held)
    sell = NewOrder(order.client_id, order.symbol, Side.SELL, 2 * order.price, qty)
    placed = desk.place(sell).record
    assert desk.sellable("BTCTRY", held, balance) == held - qty
    part = Decimal("0.2")
    booked(desk, placed.order_id, part)  # 0.2 of it has filled, and is in the ledger
    assert desk.unbooked("BTCTRY") == [(placed, qty - part)]
    assert desk.sellable("BTCTRY", held - part, balance) == held - qty
    desk.cancel(order.client_id)
    desk.settle()
    assert desk.unbooked() == []
    assert desk.sellable("BTCTRY", held - part, balance) == held - part


def test_a_booking_that_is_not_committed_releases_nothing(desk: Desk, order: NewOrder) -> None:
    placed = desk.place(order).record
    with desk.store.unit() as work:
        desk.book(work, placed, order.qty)
    assert desk.unbooked() == [(placed, order.qty)]


def test_an_order_of_which_more_came_than_the_exchange_says_is_kept_in_mind_until_that_is_all(
    desk: Desk, order: NewOrder
) -> None:
    number = desk.place(order).record.order_id
    desk.cancel(order.client_id)
    booked(desk, number, order.qty / 2)
    for _ in range(3):
        desk.settle()
        pass_time(desk, 121)
    assert len(watched(desk)) == 1
    booked(desk, number, order.qty / 2, complete=True)
    desk.settle()
    assert watched(desk) == {}


def test_a_filled_order_is_kept_in_mind_until_it_is_booked(btcturk: Btcturk, desk: Desk) -> None:
    order = new_order(btcturk.market, btcturk.rules, "1.01")
    placed = desk.place(order).record
    wait_for_fills(desk.account, str(placed.order_id), order.qty)
    for _ in range(3):
        desk.settle()
        pass_time(desk, 121)
    assert [qty for _, qty in desk.unbooked()] == [order.qty]
    booked(desk, placed.order_id, order.qty)
    assert watched(desk) == {}


# -- Orders that the exchange does not know -----------------------------------------------------------


def test_an_order_with_a_number_that_the_exchange_does_not_know_is_found_by_its_name(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("edit", ORDER, times=1, path="data.id", value=99_999_999)
    assert desk.place(order).record.order_id == "99999999"
    (settled,) = desk.settle()
    assert settled.mode is Mode.REDUCE_RISK_ONLY
    assert f"has the number {settled.record.order_id} at the exchange, not 99999999" in settled.alarm
    assert desk.settle() == [Settled(settled.record)]
    assert desk.cancel(order.client_id).record.standing is Standing.CANCEL_REQUESTED
    assert not rests(desk, order)


def test_an_order_that_the_exchange_forgot_is_absent_after_three_looks_over_the_grace_period(
    desk: Desk, order: NewOrder
) -> None:
    placed = desk.place(order).record
    forgotten = evolve(placed, order_id="99999999", client_id="forgotten", row=None)
    add_row(desk, forgotten)
    desk.settle()
    desk.settle()
    desk.settle()
    assert stored(desk)["forgotten"] is Standing.OPEN
    pass_time(desk, 121)
    _, settled = desk.settle()
    assert settled.record.standing is Standing.ABSENT
    assert settled.mode is Mode.REDUCE_RISK_ONLY
    assert "forgotten is not at the exchange, and was OPEN" in settled.alarm
    pass_time(desk, 3_600)
    assert "forgotten is not at the exchange" in desk.settle()[1].alarm
    pass_time(desk, 86_400)
    assert standings(desk.settle()) == [Standing.OPEN]


def test_three_looks_in_a_row_are_no_proof_before_the_grace_period_and_time_is_none_without_looks(
    desk: Desk, order: NewOrder
) -> None:
    add_row(desk, evolve(desk.place(order).record, order_id="99999999", client_id="x", row=None))
    desk.settle()
    pass_time(desk, YEAR_AND_MORE)
    assert standings(desk.settle())[1:] == [Standing.OPEN]
    assert standings(desk.settle())[1:] == [Standing.ABSENT]


# -- One by one ---------------------------------------------------------------------------------------


def test_a_pair_that_is_listed_no_more_costs_its_own_order_alone(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("lose_request", ORDER, times=1)
    desk.place(evolve(order, client_id="gone", symbol="ZZZTRY"))
    placed = desk.place(order).record
    gone, other = desk.settle()
    assert "gone cannot be asked for" in gone.alarm
    assert "Pair ZZZTRY does not exists" in gone.alarm
    assert (gone.record.standing, other) == (Standing.UNKNOWN, Settled(placed))


def test_an_order_whose_pair_is_refused_is_given_up_only_after_the_watch_of_a_day(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("lose_request", ORDER, times=1)
    desk.place(evolve(order, client_id="gone", symbol="ZZZTRY"))
    for waited in (121, 121, 80_000, 6_000):
        pass_time(desk, waited)
        assert standings(desk.settle()) == [Standing.UNKNOWN]
    pass_time(desk, 200)
    assert standings(desk.settle()) == [Standing.ABSENT]


def test_a_refusal_of_the_pair_is_no_look_among_looks_in_vain(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("lose_request", ORDER, times=1)
    desk.place(order)
    desk.settle()
    pass_time(desk, 121)
    for _ in range(3):
        assert standings(shut(desk).settle()) == [Standing.UNKNOWN]
    assert standings(desk.settle()) == [Standing.ABSENT]


def test_an_order_whose_pair_was_refused_for_a_while_is_found_when_it_is_back(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("lose_reply", ORDER, times=1)
    shut(desk).place(order)
    for _ in range(3):
        pass_time(desk, 121)
        assert standings(shut(desk).settle()) == [Standing.UNKNOWN]
    (found,) = desk.settle()
    assert (found.record.standing, found.alarm) == (Standing.OPEN, "")


def test_a_refused_order_is_looked_for_still_when_its_pair_is_back(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("answer", ORDER, times=1, **refusal(429))
    desk.place(order)
    desk.venue.submit(order)  # it had come through after all
    for _ in range(3):
        pass_time(desk, 121)
        assert standings(shut(desk).settle()) == [Standing.REJECTED]
    assert standings(desk.settle()) == [Standing.OPEN]


def test_a_pair_that_does_not_answer_costs_its_own_orders_alone(desk: Desk, order: NewOrder) -> None:
    first = desk.place(order).record
    second = desk.place(evolve(order, client_id="second")).record

    class Deaf:
        def find(self, symbol: str, client_id: str, since: int) -> object:
            if client_id == order.client_id:
                raise Unavailable("nobody answers", reason=VenueReason.UNREACHABLE)
            return desk.venue.find(symbol, client_id, since)

    one, other = evolve(desk, venue=Deaf()).settle()
    assert (one.record, other) == (first, Settled(second))
    assert "cannot be asked for: nobody answers" in one.alarm
    assert one.mode is Mode.REDUCE_RISK_ONLY


# -- Strangers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"side": Side.SELL}, {"qty": Decimal("0.0005")}, {"price": Decimal(2_000_000)}]
)
def test_anothers_order_under_our_name_is_not_taken_for_ours(
    local: LocalExchange, desk: Desk, order: NewOrder, change: dict[str, Any]
) -> None:
    foreign = evolve(order, **({"price": 2 * order.price} if "side" in change else {}), **change)
    desk.venue.submit(foreign)
    local.fault("lose_request", ORDER, times=1)
    placed = desk.place(order)
    assert (placed.record.standing, placed.record.order_id) == (Standing.UNKNOWN, None)
    assert placed.record.content == (order.symbol, order.side, order.price, order.qty)
    assert placed.mode is Mode.OBSERVE_ONLY
    assert f"is another: {foreign.symbol} {foreign.side.name} {foreign.qty}" in placed.alarm
    pass_time(desk, 121)
    desk.settle()
    assert standings(desk.settle()) == [Standing.ABSENT]


# -- Cancels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", REFUSALS)
def test_a_cancel_that_was_not_taken_is_on_record_and_alarming(
    local: LocalExchange, desk: Desk, order: NewOrder, status: int
) -> None:
    desk.place(order)
    local.fault("answer", CANCEL, times=1, **refusal(status))
    canceled = desk.cancel(order.client_id)
    assert canceled.record.standing is Standing.OPEN
    assert f"HTTP {status}" in canceled.record.error
    assert f"{order.client_id} was not canceled" in canceled.alarm
    assert canceled.mode is Mode.REDUCE_RISK_ONLY
    with desk.store.read() as view:
        assert records(view, ACCOUNT) == [canceled.record]


@pytest.mark.parametrize("status", [401, 403, 429, 502])
def test_a_cancel_that_a_page_answered_is_on_record_and_alarming_until_it_is_known(
    local: LocalExchange, desk: Desk, order: NewOrder, status: int
) -> None:
    desk.place(order)
    page = {"html": True, "body": "<html>blocked</html>", "headers": {"Retry-After": "0"}}
    local.fault("answer", CANCEL, status=status, times=1, **page)
    canceled = desk.cancel(order.client_id)
    assert canceled.record.standing is Standing.CANCEL_REQUESTED
    assert f"HTTP {status}" in canceled.record.error
    assert f"whether {order.client_id} was canceled is not known" in canceled.alarm
    assert canceled.mode is Mode.REDUCE_RISK_ONLY
    pass_time(desk, 121)
    (rests,) = desk.settle()
    assert rests.record.standing is Standing.OPEN
    assert f"{order.client_id} was to be canceled, and rests" in rests.alarm
    assert rests.mode is Mode.REDUCE_RISK_ONLY


def test_a_clocks_refusal_of_a_cancel_is_on_record_too(desk: Desk, order: NewOrder) -> None:
    desk.place(order)

    class Ahead:
        def cancel(self, order_id: str) -> None:
            raise Unavailable("Invalid Nonce", reason=VenueReason.CLOCK)

    canceled = evolve(desk, venue=Ahead()).cancel(order.client_id)
    assert (canceled.record.standing, canceled.record.error) == (Standing.OPEN, "Invalid Nonce")
    assert "was not canceled" in canceled.alarm
    assert desk.cancel(order.client_id).record.standing is Standing.CANCEL_REQUESTED


# -- A database that does not write -------------------------------------------------------------------


@define
class Failing:
    """A store of which the n-th unit of work from now on cannot be committed."""

    inner: SqlStore
    fails_at: int

    def read(self) -> Any:
        return self.inner.read()

    @contextmanager
    def unit(self) -> Iterator[Any]:
        self.fails_at -= 1
        with self.inner.unit() as work:
            yield work if self.fails_at else Uncommittable(work)


@define
class Uncommittable:
    inner: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def commit(self) -> None:
        raise StoreError("the disk is full", action="make room")


def test_an_order_that_cannot_be_recorded_is_not_sent(desk: Desk, order: NewOrder) -> None:
    with pytest.raises(OrderNotRecorded, match=r"nothing was sent.*the disk is full") as caught:
        evolve(desk, store=Failing(desk.store, 1)).place(order)
    assert caught.value.action == "make room"
    assert (stored(desk), at_the_exchange(desk, order)) == ({}, 0)


def test_an_acceptance_that_cannot_be_recorded_has_another_name_and_is_found_later(
    desk: Desk, order: NewOrder
) -> None:
    with pytest.raises(OutcomeNotRecorded, match=rf"{order.client_id} is OPEN, number .* the disk is full"):
        evolve(desk, store=Failing(desk.store, 2)).place(order)
    assert stored(desk) == {order.client_id: Standing.SENDING}
    assert standings(desk.settle()) == [Standing.OPEN]
    assert at_the_exchange(desk, order) == 1
    with pytest.raises(OutcomeNotRecorded, match="is CANCEL_REQUESTED"):
        evolve(desk, store=Failing(desk.store, 1)).cancel(order.client_id)
    assert standings(desk.settle()) == [Standing.CANCELED]


def test_a_look_up_after_sending_that_cannot_be_recorded_is_no_order_that_was_not_sent(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("lose_reply", ORDER, times=1)
    with pytest.raises(OutcomeNotRecorded):
        evolve(desk, store=Failing(desk.store, 3)).place(order)
    assert stored(desk) == {order.client_id: Standing.UNKNOWN}


# -- What the earlier system left ---------------------------------------------------------------------


def add_row(desk: Desk, record: Record, status: str | None = None, mode: str = "live") -> None:
    """Write an order into `stage4_orders` as another program would."""
    moment = "2025-10-20T08:00:00+03:00"
    row = {
        "symbol": record.symbol, "client_order_id": record.client_id, "exchange_order_id": record.order_id,
        "exchange_client_id": record.exchange_name, "side": record.side.name.lower(),
        "price": f"{record.price:f}", "qty": f"{record.qty:f}", "status": status or str(record.standing),
        "mode": mode, "created_at": moment, "updated_at": moment,
    }  # fmt: skip
    with desk.store.unit() as work:
        work.insert("stage4_orders", tuple(row), [tuple(row.values())])
        work.commit()


def add_stage3_row(desk: Desk, order_id: str, order: NewOrder, status: str, side: str = "buy") -> None:
    moment = "2025-10-20T08:00:00"
    row = {
        "order_id": order_id, "symbol": order.symbol, "side": side, "price": f"{order.price:f}",
        "qty": f"{order.qty:f}", "status": status, "created_at": moment, "updated_at": moment,
        "client_order_id": order.client_id,
    }  # fmt: skip
    with desk.store.unit() as work:
        work.insert("orders", tuple(row), [tuple(row.values())])
        work.commit()


def left_behind(order: NewOrder, name: str | None, order_id: str | None, **more: Any) -> Record:
    return Record(
        name, order.symbol, order.side, order.price, order.qty, Standing.OPEN, order_id, None, 0, 0, **more
    )


@pytest.mark.parametrize("status", ["submitted", "open", "partial", "new", "error", "unknown_closed"])
@pytest.mark.parametrize("by", ["number", "name", "name at the exchange"])
def test_what_the_earlier_system_left_is_asked_for_whatever_its_word(
    desk: Desk, order: NewOrder, status: str, by: str
) -> None:
    accepted = desk.venue.submit(order)
    name = "older" if by == "name at the exchange" else order.client_id
    number = accepted.order_id if by == "number" else None
    exchange_name = order.client_id if by == "name at the exchange" else None
    add_row(desk, left_behind(order, name, number, exchange_name=exchange_name), status)
    add_row(desk, left_behind(order, "rehearsal", "5"), status, mode="dry_run")
    (settled,) = desk.settle()
    assert (settled.record.standing, settled.record.order_id) == (Standing.OPEN, accepted.order_id)
    assert bool(settled.alarm) == (status == "unknown_closed")  # it had been taken for ended
    assert desk.cancel(name).record.standing is Standing.CANCEL_REQUESTED


@pytest.mark.parametrize("by", ["number", "name"])
@pytest.mark.parametrize("spelt", ["{base}_TRY", "{base}-try", "{base}try"])
def test_an_old_row_that_spells_its_pair_otherwise_is_found_and_stays_as_it_is(
    desk: Desk, order: NewOrder, by: str, spelt: str
) -> None:
    accepted = desk.venue.submit(order)
    symbol = spelt.format(base=order.symbol.removesuffix("TRY").lower())
    number, name = (accepted.order_id, "older") if by == "number" else (None, order.client_id)
    add_row(desk, left_behind(evolve(order, symbol=symbol), name, number), "open")
    (settled,) = desk.settle()
    assert (settled.record.standing, settled.alarm) == (Standing.OPEN, "")
    assert settled.record.content == (order.symbol, order.side, order.price, order.qty)
    assert desk.cancel(name).record.standing is Standing.CANCEL_REQUESTED
    with desk.store.read() as view:
        assert list(view.rows("stage4_orders", ("symbol", "status"))) == [(symbol, "cancel_requested")]


def test_of_a_failed_submit_the_name_alone_is_on_record_and_finds_it(desk: Desk, order: NewOrder) -> None:
    accepted = desk.venue.submit(order)
    nothing = evolve(order, price=Decimal(0), qty=Decimal(0))
    add_row(desk, left_behind(nothing, order.client_id, None), "error")
    add_row(desk, left_behind(nothing, "never-taken", None), "error")
    found, vain = desk.settle()
    assert (found.record.standing, found.record.order_id) == (Standing.OPEN, accepted.order_id)
    assert found.record.content == (order.symbol, order.side, order.price, order.qty)
    assert found.alarm == ""
    assert (vain.record.standing, standings(desk.settle())[1]) == (Standing.UNKNOWN, Standing.UNKNOWN)
    pass_time(desk, 61)
    settled = desk.settle()
    assert standings(settled) == [Standing.OPEN, Standing.ABSENT]
    assert [one.alarm for one in settled] == ["", ""], "nobody has seen it there"
    assert desk.cancel(order.client_id).record.standing is Standing.CANCEL_REQUESTED


def test_an_order_stamped_by_a_clock_that_was_ahead_is_given_up_after_a_while_all_the_same(
    desk: Desk, order: NewOrder
) -> None:
    add_row(desk, left_behind(order, "ahead", None), "error")
    with desk.store.unit() as work:
        columns = ("created_at", "updated_at")
        work.update("stage4_orders", "client_order_id", columns, [("ahead", *["2199-01-01T00:00:00Z"] * 2)])
        work.commit()
    for _ in range(3):
        assert standings(desk.settle()) == [Standing.UNKNOWN]
        pass_time(desk, 59)
    assert standings(desk.settle()) == [Standing.ABSENT]


def test_what_had_left_the_list_of_open_orders_is_asked_for_once_and_had_mostly_filled(
    btcturk: Btcturk, desk: Desk
) -> None:
    order = new_order(btcturk.market, btcturk.rules, "1.01")
    accepted = desk.venue.submit(order)
    wait_for_fills(desk.account, accepted.order_id, order.qty)
    add_row(desk, left_behind(order, order.client_id, accepted.order_id), "unknown_closed")
    add_row(desk, left_behind(order, "vain", "99999999"), "unknown_closed")
    filled, vain = desk.settle()
    assert (filled.record.standing, filled.alarm) == (Standing.FILLED, "")
    assert (vain.record.standing, vain.alarm) == (Standing.ABSENT, "")
    assert [record.client_id for record, _ in desk.unbooked()] == [order.client_id]
    assert standings(desk.settle()) == [Standing.FILLED]


def test_an_adopted_order_without_a_number_that_nobody_knows_does_not_stay_open_without_a_word(
    desk: Desk, order: NewOrder
) -> None:
    add_row(desk, left_behind(order, "lost", None), "open")
    add_row(desk, left_behind(order, None, None), "submitted")
    for _ in range(3):
        assert standings(desk.settle()) == [Standing.UNKNOWN] * 2
        pass_time(desk, 59)
    assert standings(settled := desk.settle()) == [Standing.ABSENT] * 2
    assert all("is not at the exchange" in one.alarm for one in settled)


def test_open_orders_of_stage_3_are_taken_over_and_asked_for(desk: Desk, order: NewOrder) -> None:
    accepted = desk.venue.submit(order)
    add_stage3_row(desk, accepted.order_id, order, "partial")
    add_stage3_row(desk, "oid-1", evolve(order, client_id="x"), "unknown")
    add_stage3_row(desk, "oid-2", evolve(order, client_id="y"), "filled")
    taken, odd = desk.settle()
    assert (taken.record.standing, taken.record.client_id) == (Standing.OPEN, order.client_id)
    assert "x cannot be asked for: 'oid-1' is not the number of an order" in odd.alarm
    assert stored(desk) == {order.client_id: Standing.OPEN, "x": Standing.ABSENT}
    assert [one.alarm for one in desk.settle()] == [""], "said once"
    assert len(stored(desk)) == 2
    assert desk.cancel(order.client_id).record.standing is Standing.CANCEL_REQUESTED


def test_an_order_that_was_at_the_exchange_is_no_rehearsals_whatever_its_number_says(
    desk: Desk, order: NewOrder
) -> None:
    desk.place(order)
    with desk.store.unit() as work:
        columns = ("exchange_order_id", "client_order_id")
        work.update("stage4_orders", "id", columns, [(1, "-7", "unseen")])
        work.commit()
    for _ in range(3):
        (settled,) = desk.settle()
        assert settled.record.standing is Standing.OPEN
        assert "'-7' is not the number of an order" in settled.alarm
        pass_time(desk, 61)


@pytest.mark.parametrize("column", ["price", "qty"])
@pytest.mark.parametrize("amount", ["1E+999999", "1E-999999", "NaN", "sNaN"])
def test_a_row_with_an_amount_that_nothing_can_be_added_to_is_named_and_costs_no_other(
    desk: Desk, order: NewOrder, column: str, amount: str
) -> None:
    add_row(desk, left_behind(order, "odd", "1"), "open")
    with desk.store.unit() as work:
        work.update("stage4_orders", "client_order_id", (column,), [("odd", amount)])
        work.commit()
    desk.place(order)
    mine, odd = desk.settle()
    assert (mine.record.client_id, mine.alarm) == (order.client_id, "")
    assert f"'{amount}' is not one" in odd.alarm
    assert [record.client_id for record, _ in desk.unbooked()] == [order.client_id]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_row_with_a_time_outside_of_the_calendar_is_named_and_costs_no_other(
    desk: Desk, order: NewOrder, moment: str
) -> None:
    add_row(desk, left_behind(order, "odd", "1"), "open")
    with desk.store.unit() as work:
        work.update("stage4_orders", "client_order_id", ("created_at",), [("odd", moment)])
        work.commit()
    (odd,) = desk.settle()
    assert f"its time of creation '{moment}' is not one" in odd.alarm


def test_rows_that_cannot_be_read_are_named_each_time_and_never_left_out(desk: Desk, order: NewOrder) -> None:
    add_row(desk, left_behind(order, "a", "1"), "half_open")
    add_row(desk, left_behind(order, "b", "2"), "filled")
    add_row(desk, left_behind(evolve(order, symbol="lınk_try"), "c", "3"), "open")
    add_stage3_row(desk, "oid-3", order, "open", side="both")
    with desk.store.unit() as work:
        work.update("stage4_orders", "client_order_id", ("status",), [("b", "open")])
        work.update("stage4_orders", "client_order_id", ("created_at",), [("b", "yesterday")])
        work.commit()
    for _ in range(2):
        settled = desk.settle()
        assert [(one.record, one.mode) for one in settled] == [(None, Mode.OBSERVE_ONLY)] * 4
        alarms = " ".join(one.alarm for one in settled)
        for part in (
            "stage4_orders, row 1 cannot be read, and not be asked for: its status 'half_open' is not one",
            "stage4_orders, row 2 cannot be read, and not be asked for: its time of creation 'yesterday'",
            "stage4_orders, row 3 cannot be read, and not be asked for: its symbol 'lınk_try' is not one",
            "orders, row oid-3 cannot be read, and not be asked for: its side 'both' is not one",
        ):
            assert part in alarms
    with desk.store.unit() as work:
        work.update("stage4_orders", "id", ("status",), [(row, "canceled") for row in (1, 2, 3)])
        work.commit()
    assert len(desk.settle()) == 1


def test_a_look_up_reads_a_day_and_not_the_years_since(
    local: LocalExchange, btcturk: Btcturk, desk: Desk, order: NewOrder
) -> None:
    spans: list[tuple[int, int]] = []
    account = btcturk.account
    assert account is not None
    inner = type(account)._all_orders

    class Counting(type(account)):  # type: ignore[misc]
        def _all_orders(self, symbol: str, start: int, end: int) -> Any:
            spans.append((start, end))
            return inner(self, symbol, start, end)

    account.__class__ = Counting
    since = desk.clock.micros() // 1_000_000 - YEAR_AND_MORE
    assert desk.venue.find(order.symbol, order.client_id, since) == []
    assert spans == [(since, since + 86_400), (since + 86_401, since + 86_460)]
    desk.venue.submit(order)
    assert (
        len(desk.venue.find(order.symbol, order.client_id, since)) == 1
    )  # what is open is found all the same


def test_a_refused_cancel_of_what_the_exchange_does_not_know_is_looked_into(
    desk: Desk, order: NewOrder
) -> None:
    add_row(desk, left_behind(order, "gone", "99999999"), "open")
    with pytest.raises(Refused):
        desk.venue.cancel("99999999")
    canceled = desk.cancel("gone")
    assert canceled.record.standing is Standing.OPEN
    assert "gone was not canceled" in canceled.alarm
