"""Bugs that are planted to see them caught: each a small change of one function of what is rehearsed.

A checker that has never failed is unproven. `rates` are those of the faults that a bug takes to show, `hand`
how often a person acts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, field, frozen

from meva_adapters.rehearsal.faults import Fault
from meva_adapters.rehearsal.worlds import Shape
from meva_core.errors import OutcomeUnknown
from meva_core.live import desk as desk_module
from meva_core.live import inquiry
from meva_core.live.desk import Desk
from meva_core.live.inquiry import Inquiry
from meva_core.live.live_orders import Record
from meva_core.live.standing import Standing
from meva_core.live.watch import Watch
from meva_core.live_book import adoption, book, figures, fills
from meva_core.live_book.postings import Posting
from meva_core.operating import adopting, starting
from meva_core.operating.guards import permit
from meva_core.operating.guards.permit import Canary, Permit
from meva_core.operating.records import recording, stored
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.whose import Whose
from meva_core.operating.steps import filling
from meva_core.operating.steps.executing import Executor
from meva_core.operating.steps.replacing import Replacer
from meva_core.operational import scene
from meva_core.venue import NewOrder

Plant = Callable[[pytest.MonkeyPatch], None]


@frozen(kw_only=True)
class Bug:
    """A bug: what it does, the worlds in which it shows, and the invariants of which one fails then."""

    name: str
    plant: Plant
    caught: Sequence[str]
    rates: Mapping[Fault, float] = field(factory=dict)
    hand: int = 0
    interval: int = 60
    steps: int = 25
    canary: Canary | None = None
    adopted: bool = False

    @property
    def shape(self) -> Shape:
        """How its worlds are drawn."""
        return Shape(
            stage=4, rates=self.rates, hand_every=self.hand, interval=self.interval, canary=self.canary,
            adopted=self.adopted,
        )  # fmt: skip


BUGS: list[Bug] = []


def bug(name: str, *caught: str, **more: Any) -> Callable[[Plant], Plant]:
    def listed(plant: Plant) -> Plant:
        BUGS.append(Bug(name=name, plant=plant, caught=caught, **more))
        return plant

    return listed


# -- Orders -------------------------------------------------------------------------------------------


@bug("resend after silence", "I1", rates={Fault.UNHEARD: 0.5})
def _(patch: pytest.MonkeyPatch) -> None:
    def sent(desk: Desk, order: NewOrder) -> Any:
        try:
            return desk.venue.submit(order)
        except OutcomeUnknown:
            return desk.venue.submit(order)

    patch.setattr(Desk, "_sent", sent)


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

    def at_once(self: Inquiry, record: Record, watch: Watch) -> Any:
        impatient = evolve(self, grace=inquiry.Grace(grace_seconds=0, looks=1))
        return missed(impatient, record, watch)

    patch.setattr(Inquiry, "_missed", at_once)


@bug("an order that is not shown stays open for ever", "I17", rates={Fault.FORGOTTEN: 0.1})
def _(patch: pytest.MonkeyPatch) -> None:
    missed = Inquiry._missed

    def stays(self: Inquiry, record: Record, watch: Watch) -> Any:
        return (record, watch, []) if record.standing is Standing.OPEN else missed(self, record, watch)

    patch.setattr(Inquiry, "_missed", stays)


@bug(
    "a refusal that proves nothing is believed", "I17", "I3", "I5",
    rates={Fault.REFUSED_429: 0.6, Fault.REFUSED_YET_TAKEN: 0.9}, steps=30,
)  # fmt: skip
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk_module, "_IN_DOUBT", frozenset())


@bug("a second order of a name is not kept", "I17", "I18", "I3", rates={Fault.TWICE: 0.4})
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Inquiry, "_add_twins", lambda *_: False)


@bug("a replacement does not wait for the cancel", "I26", rates={Fault.CANCEL_SLOW: 0.9}, interval=300)
def _(patch: pytest.MonkeyPatch) -> None:
    def confirmed(replacer: Replacer, number: str) -> Any:
        [order] = [one for one in replacer.file.own_orders({number}) if one.order_id == number]
        return order, order

    patch.setattr(Replacer, "_confirmed", confirmed)


@bug("what is free is sold, whosever it is", "I18", steps=40)
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


@bug("the mode keeps nobody from sending", "I24", rates={Fault.STRAY: 0.5}, hand=3000, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_core.operational import decide

    why_not = decide.why_not
    patch.setattr(Permit, "_ask_mode", lambda *_: None)
    patch.setattr(
        decide, "why_not", lambda scene, mode, *more: why_not(scene, evolve(mode, mode=mode.mode * 0), *more)
    )


@bug("the lease is not asked", "I24", rates={Fault.STALLED: 0.9}, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal.process_there import Heart
    from meva_core.operating import held_store

    patch.setattr(Heart, "lost", lambda _: "")
    patch.setattr(held_store.HeldStore, "unit", lambda self: self.store.unit())
    patch.setattr(permit, "PLAN_SECONDS", 10**6)


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


@bug("what an account has is taken for what the earlier system bought", "bug", "I18", adopted=True, steps=40)
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


@bug("the gates are asked as a process begins", "I24", rates={Fault.GATE_SHUT: 0.3})
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal.process_there import Doors

    patch.setattr(Doors, "gates", lambda _: ())


@bug("a canary counts what has filled", "I24", canary=Canary(2, Decimal(20_000)))
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal.process_there import Doors

    patch.setattr(Doors, "bought", lambda *_: (1, Decimal(0)))


@bug(
    "rows of a dry run name no book",
    "bug",
    "I7",
    "I31",
    rates={Fault.DRY_BESIDE: 0.7, Fault.PARTIAL: 0.5},
    steps=40,
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Whose, "column", None)
    patch.setattr(Whose, "key", lambda _, name: name)


@bug("a dry run takes live orders for its own", "bug", "I31", rates={Fault.DRY_BESIDE: 0.7}, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_adapters.rehearsal import dry_there

    patch.setattr(dry_there, "Desk", lambda *given, owner, **more: Desk(*given, **more))


# -- Books --------------------------------------------------------------------------------------------


@bug("a fill that is known is booked again", "I3", "I5", "I17", "I22", rates={Fault.PARTIAL: 0.5})
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stored, "known_fills", lambda *_: {})


@bug("cash is a float", "I7", "bug")
def _(patch: pytest.MonkeyPatch) -> None:
    posted = book.posted

    def floating(ledger: Any, posting: Posting) -> Any:
        after = posted(ledger, posting)
        return evolve(after, cash=int(ledger.cash / 1e8 * 1e8 + posting.cash / 3 * 3.0000001))

    patch.setattr(book, "posted", floating)


@bug("a fee is not paid", "I5", rates={Fault.PARTIAL: 0.3})
def _(patch: pytest.MonkeyPatch) -> None:
    trade = fills._trade
    patch.setattr(fills, "_trade", lambda *given: evolve(trade(*given), fee=0))


@bug(
    "a book is stored before its rows", "I7", "I22", rates={Fault.IO_AFTER: 0.9, Fault.PARTIAL: 0.5}, steps=40
)
def _(patch: pytest.MonkeyPatch) -> None:
    store_fills = BookFile.store_fills

    def book_first(file: BookFile, booked: Any) -> None:
        with file.desk.store.unit() as work:
            recording.saved(work, booked.book)
            work.commit()
        store_fills(file, booked)

    patch.setattr(BookFile, "store_fills", book_first)


@bug("only the newest fills are read", "I3", "I5", "I17", rates={Fault.PARTIAL: 0.9}, interval=900)
def _(patch: pytest.MonkeyPatch) -> None:
    of_incomplete = filling.FillReader._of_incomplete
    patch.setattr(filling.FillReader, "_of_incomplete", lambda *given: of_incomplete(*given)[-1:])
    window = filling.window
    patch.setattr(
        filling, "window", lambda cursor, minutes, now: (now - 60 * 10**6, window(cursor, 0, now)[1])
    )
    patch.setattr(filling, "looked_at", lambda one, order, *_, **__: (one, evolve(order, complete=True)))


@bug("a cursor goes where the clock says", "I22", rates={Fault.NO_BOOK: 0.0}, interval=60, steps=30)
def _(patch: pytest.MonkeyPatch) -> None:
    read, falls = filling.read, iter(range(10**6))

    def back(one: Any, symbol: str, cursor: int, now: int, balance: Any, *, whole: bool) -> Any:
        moved = read(one, symbol, cursor, now, balance, whole=whole)
        return evolve(moved, cursors={**moved.cursors, symbol: now // 1000 - 120_000 - next(falls) * 70_000})

    patch.setattr(filling, "read", back)


@bug("a deposit is profit", "I23", hand=600)
def _(patch: pytest.MonkeyPatch) -> None:
    moved = figures.moved
    patch.setattr(figures, "moved", lambda one, flow, equity: moved(one, min(flow, 0), equity))


# -- Records ------------------------------------------------------------------------------------------


@bug("what was decided is not what is stored", "I28")
def _(patch: pytest.MonkeyPatch) -> None:
    decided = recording.decided

    def trimmed(work: Any, one: Any, cycle: Any, *more: Any) -> Any:
        made = cycle.decided
        found = evolve(made.decisions, actions=made.decisions.actions[:-1])
        return decided(work, one, evolve(cycle, decided=evolve(made, decisions=found)), *more)

    patch.setattr(recording, "decided", trimmed)


@bug("an interrupted cycle stays as it was", "I12", rates={Fault.CRASH_CALL: 0.6}, steps=40)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(starting.recording, "interrupted", lambda *_: [])


@bug("the link starts anew with each process", "I28", rates={Fault.RESTART: 0.3})
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recording, "last_link", lambda *_: "")
