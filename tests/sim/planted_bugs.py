"""Bugs that are planted in what is sent and asked: each a small change of one function."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from planting import bug

from meva_adapters.rehearsal.faults import Fault
from meva_adapters.rehearsal.shown import Shown
from meva_core.errors import OutcomeUnknown
from meva_core.live import desk as desk_module
from meva_core.live import inquiry
from meva_core.live.desk import Desk
from meva_core.live.inquiry import Inquiry
from meva_core.live.live_orders import Record
from meva_core.live.standing import Standing
from meva_core.live.watch import Watch
from meva_core.live_book import adoption
from meva_core.operating import adopting
from meva_core.operating.guards import permit
from meva_core.operating.guards.permit import Canary, Permit
from meva_core.operating.records import decided_rows
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.whose import Whose
from meva_core.operating.steps import filling, reading
from meva_core.operating.steps.executing import Executor
from meva_core.operating.steps.replacing import Replacer
from meva_core.operational import scene
from meva_core.venue import NewOrder

BUSY = {"MAX_ORDERS_PER_CYCLE": "20", "UNIVERSE_MAX_SPREAD_BPS": "2000"}
"""Settings under which a cycle sends much."""
_WAITS = inquiry.Grace(pause_ms=45_000)


# -- Orders -------------------------------------------------------------------------------------------


@bug("resend after silence", "I1", rates={Fault.UNHEARD: 0.5})
def _(patch: pytest.MonkeyPatch) -> None:
    def sent(desk: Desk, order: NewOrder) -> Any:
        try:
            return desk.venue.submit(order)
        except OutcomeUnknown:
            return desk.venue.submit(order)

    patch.setattr(Desk, "_sent", sent)


@bug("an order without an answer is taken for a person's", "I2", rates={Fault.LATE: 0.5})
def _(patch: pytest.MonkeyPatch) -> None:
    place = Desk.place

    def given_up(desk: Desk, order: NewOrder, note: Any = None) -> Any:
        settled = place(desk, order, note)
        if settled.record is not None and settled.record.standing is Standing.UNKNOWN:
            with desk.store.unit() as work:
                work.update("stage4_orders", "id", ("mode",), [(settled.record.row, "external")])
                work.commit()
        return settled

    patch.setattr(Desk, "place", given_up)


@bug("fills are asked for minute by minute", "I29")
def _(patch: pytest.MonkeyPatch) -> None:
    of_window, minute = filling.FillReader._list, 60 * 10**6

    def of_minutes(reader: filling.FillReader, symbol: str, start: int, now: int) -> Any:
        found = [of_window(reader, symbol, at, min(at + minute, now)) for at in range(start, now, minute)]
        return [fill for fills, _ in found for fill in fills], None

    patch.setattr(filling.FillReader, "_list", of_minutes)


@bug("funds that are tied up are waited for, however long", "I16", rates={Fault.REFUSED_FUNDS: 0.5})
def _(patch: pytest.MonkeyPatch) -> None:
    sent = Desk._sent
    patch.setattr(Desk, "_sent", lambda desk, order: sent(evolve(desk, grace=_WAITS), order))


@bug("send before recording", "I10")
def _(patch: pytest.MonkeyPatch) -> None:
    recorded = Desk._recorded

    def first_sent(desk: Desk, order: NewOrder, note: Any) -> Record:
        desk.venue.submit(order)
        return recorded(desk, order, note)

    patch.setattr(Desk, "_recorded", first_sent)


@bug("give up the look-up at once", "I8", rates={Fault.LATE: 0.5})
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk_module, "Grace", lambda: inquiry.Grace(grace_seconds=0, looks=1))
    missed = Inquiry._missed

    def at_once(self: Inquiry, *given: Any) -> Any:
        return missed(evolve(self, grace=inquiry.Grace(grace_seconds=0, looks=1)), *given)

    patch.setattr(Inquiry, "_missed", at_once)


@bug("an order that is not shown stays open for ever", "I17", rates={Fault.FORGOTTEN: 0.1}, first=2)
def _(patch: pytest.MonkeyPatch) -> None:
    missed = Inquiry._missed

    def stays(self: Inquiry, record: Record, watch: Watch, look: Any) -> Any:
        return (record, watch, []) if record.standing is Standing.OPEN else missed(self, record, watch, look)

    patch.setattr(Inquiry, "_missed", stays)


@bug(
    "a refusal that proves nothing is believed", "I17", "I3", "I5",
    rates={Fault.REFUSED_429: 0.6, Fault.REFUSED_YET_TAKEN: 0.9}, steps=30,
)  # fmt: skip
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk_module, "_IN_DOUBT", frozenset())


@bug("a second order of a name is not kept", "I17", "I18", "I3", rates={Fault.TWICE: 0.4}, first=8)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Inquiry, "_add_twins", lambda *_: False)


@bug("a replacement does not wait for the cancel", "I26", rates={Fault.CANCEL_SLOW: 0.9}, interval=300)
def _(patch: pytest.MonkeyPatch) -> None:
    def confirmed(replacer: Replacer, number: str) -> Any:
        [order] = [one for one in replacer.file.own_orders({number}) if one.order_id == number]
        return order, order

    patch.setattr(Replacer, "_confirmed", confirmed)


@bug("what is free is sold, whosever it is", "I18", steps=40, first=1)
def _(patch: pytest.MonkeyPatch) -> None:
    def all_free(inputs: Any, symbol: Any, positions: Any, orders: Any) -> int:
        return inputs.balances.free.get(symbol.base, 0) if symbol.name in positions else 0

    patch.setattr(scene, "_to_sell", all_free)


@bug("all that rests is canceled, whosever it is", "I27", rates={Fault.RESTS_BY_HAND: 1.0}, hand=60)
def _(patch: pytest.MonkeyPatch) -> None:
    execute = Executor.execute

    def all_of_it(executor: Executor, actions: Any) -> Any:
        desk = executor.replacer.sender.desk
        for order in desk.account.open_orders():
            desk.venue.cancel(order.order_id)
        return execute(executor, actions)

    patch.setattr(Executor, "execute", all_of_it)


# -- Permits ------------------------------------------------------------------------------------------


@bug("the kill switch is read once a cycle", "I25", rates={Fault.KILLED_BETWEEN: 0.7}, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    ask = Permit._ask_doors

    def without(self: Permit, kind: Any, what: str) -> None:
        class Open:
            def __getattr__(_, name: str) -> Any:
                return getattr(self.doors, name)

            def kill(_) -> None:
                return None

        ask(evolve(self, doors=Open()), kind, what)

    patch.setattr(Permit, "_ask_doors", without)


@bug("the mode keeps nobody from sending", "I24: is sent in ", rates={Fault.STRAY: 0.5}, hand=3000, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_core.operational import decide

    why_not = decide.why_not
    patch.setattr(Permit, "_ask_mode", lambda *_: None)
    patch.setattr(
        decide, "why_not", lambda scene, mode, *more: why_not(scene, evolve(mode, mode=mode.mode * 0), *more)
    )


@bug(
    "a plan is good however old it is", "I24: after all was read",
    rates={Fault.SLOW: 0.7}, settings={**BUSY, "STALE_MARKET_DATA_SECONDS": "600"}, steps=40,
)  # fmt: skip
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(permit, "PLAN_SECONDS", 10**6)


@bug(
    "a mark is good however old it is", "I24: by a book that was told",
    rates={Fault.SLOW: 0.2}, settings=BUSY, steps=40, first=1,
)  # fmt: skip
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Permit, "_ask_marks", lambda *_: None)


@bug("what rests need not be known", "I24: had no answer", rates={Fault.NO_ANSWER: 0.2}, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reading, "ORDERS_UNREAD", "")


@bug("the lease is not asked", "I24: another process holds the book", rates={Fault.STALLED: 0.9}, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal.process_there import Heart

    patch.setattr(Heart, "lost", lambda _: "")
    patch.setattr(permit, "PLAN_SECONDS", 10**6)
    patch.setattr(Permit, "_ask_marks", lambda *_: None)


@bug("orders of the earlier system are not asked for", "I17", "I3", "I5", adopted=True, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "settle", lambda *_: None)
    due = Desk.due

    def ours(desk: Desk) -> Any:
        found = due(desk)
        return evolve(
            found, orders=[one for one in found.orders if not (one.record.name or "").startswith("older")]
        )

    patch.setattr(Desk, "due", ours)


@bug(
    "what an account has is taken for what the earlier system bought", "I18", adopted=True, steps=40, first=2
)
def _(patch: pytest.MonkeyPatch) -> None:
    def all_of_it(old: Any, asked: Any, stage4: Any, stage3: Any, balances: Any) -> Any:
        found = adoption.plan(old, asked, stage4, stage3, balances)
        more = {
            symbol: evolve(one, lots=(*one.lots[:-1], evolve(one.lots[-1], qty=one.lots[-1].qty * 2)))
            for symbol, one in found.positions.items()
        }
        return evolve(found, positions=more)

    patch.setattr(adopting, "plan", all_of_it)


@bug("a book that was taken over trades at once", "I31", adopted=True)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(adopting, "Carried", lambda valuations, **_: Carried(valuations=valuations))


@bug("the gates are asked as a process begins", "I24: a gate is shut", rates={Fault.GATE_SHUT: 0.3})
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal.process_there import Doors

    patch.setattr(Doors, "gates", lambda _: ())


@bug("a canary counts what has filled", "I24: of a day", canary=Canary(2, Decimal(20_000)))
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal.process_there import Doors

    patch.setattr(Doors, "bought", lambda *_: (1, Decimal(0)))


@bug(
    "rows of a dry run name no book", "bug: CycleNotStored in runner.py",
    rates={Fault.DRY_BESIDE: 0.7, Fault.PARTIAL: 0.5}, steps=40,
)  # fmt: skip
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Whose, "column", None)
    patch.setattr(Whose, "key", lambda _, name: name)


@bug("what a dry run risks is what live does", "I31", rates={Fault.DRY_BESIDE: 0.7})
def _(patch: pytest.MonkeyPatch) -> None:
    write = decided_rows.write

    def with_risk(work: Any, whose: Whose, cycle: Any, texts: Any) -> None:
        write(work, whose, cycle, texts)
        decided_rows._risk_state(work, cycle)

    patch.setattr(decided_rows, "write", with_risk)


@bug("a dry run asks for the account", "I15", rates={Fault.DRY_BESIDE: 0.7})
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal import dry_there

    asked: list[Shown] = []

    def kept(*given: Any) -> Shown:
        asked.append(Shown(*given))
        return asked[-1]

    def desk(venue: Any, account: Any, *given: Any, **more: Any) -> Desk:
        return Desk(venue, asked[-1], *given, **more)

    patch.setattr(dry_there, "Shown", kept)
    patch.setattr(dry_there, "Desk", desk)


@bug(
    "a dry run takes live orders for its own", "bug: ValueError in book_file.py",
    rates={Fault.DRY_BESIDE: 0.7}, steps=40,
)  # fmt: skip
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal import dry_there

    patch.setattr(dry_there, "Desk", lambda *given, owner, **more: Desk(*given, **more))
