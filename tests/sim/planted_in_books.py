"""Bugs that are planted in what is booked, decided and recorded: each a small change of one function."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from planting import bug

from meva_adapters.rehearsal.faults import Fault
from meva_core.live.inquiry import Inquiry
from meva_core.live_book import balances, book, figures, fills, readings
from meva_core.live_book.holdings import Holding
from meva_core.live_book.postings import Kind, Posting
from meva_core.modes import Mode
from meva_core.operating import starting
from meva_core.operating.records import recording, stored
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.steps import assessing, comparing, filling, measuring
from meva_core.operational.degrade import degrade
from meva_core.operational.final_mode import final_mode

# -- Books --------------------------------------------------------------------------------------------


@bug("a fill that is known is booked again", "I3", "I5", "I17", "I22", rates={Fault.PARTIAL: 0.5})
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stored, "known_fills", lambda *_: {})


@bug("a fill that is read by its order's number has another id", "I4", rates={Fault.PARTIAL: 0.9}, first=2)
def _(patch: pytest.MonkeyPatch) -> None:
    of_incomplete = filling.FillReader._of_incomplete

    def renamed(*given: Any) -> Any:
        return [evolve(fill, fill_id=f"{fill.fill_id}:{fill.order_id}") for fill in of_incomplete(*given)]

    patch.setattr(filling.FillReader, "_of_incomplete", renamed)


@bug("only money is compared with the exchange", "I6", hand=300, first=5)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(readings, "assets_of", lambda _: ["TRY"])
    patch.setattr(balances, "assets_of", lambda _: ["TRY"])


@bug("what is paid in fees is not counted", "I19", rates={Fault.PARTIAL: 0.3})
def _(patch: pytest.MonkeyPatch) -> None:
    bought = Holding.bought

    def uncounted(held: Holding, *given: Any) -> Holding:
        return evolve(bought(held, *given), fees=held.fees)

    patch.setattr(Holding, "bought", uncounted)


@bug("whatever money lacks is a rounding", "I20", hand=300)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(balances, "is_rounding", lambda *_: True)


@bug("a comparison is booked, also where it shows nothing", "I11")
def _(patch: pytest.MonkeyPatch) -> None:
    explained = comparing.explained

    def noted(before: Any, reading: Any, flows: Any, marks: Any, now: int) -> Any:
        posting = Posting(f"flow:rounding:{now}:nothing", Kind.ROUNDING, now, "TRY")
        return explained(before, reading, flows, marks, now).post(marks, posting)

    patch.setattr(comparing, "explained", noted)


@bug("an order is watched for ever", "I16")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Inquiry, "is_over", lambda *_: False)


@bug("what fills came to is kept for ever", "I16", rates={Fault.LOST: 0.3})
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(assessing, "kept", lambda one, _: one)


@bug("cash is a float", "bug: BrokenBooks in recording.py")
def _(patch: pytest.MonkeyPatch) -> None:
    posted = book.posted

    def floating(ledger: Any, posting: Posting) -> Any:
        after = posted(ledger, posting)
        return evolve(after, cash=int(ledger.cash / 1e8 * 1e8 + posting.cash / 3 * 3.0000001))

    patch.setattr(book, "posted", floating)


@bug("what is stored of a book leaves out its turnover", "I7")
def _(patch: pytest.MonkeyPatch) -> None:
    saved = recording.saved

    def without(work: Any, one: Any, *carried: Any) -> None:
        saved(work, evolve(one, ledger=evolve(one.ledger, turnover=0)), *carried)

    patch.setattr(recording, "saved", without)


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


# -- Modes --------------------------------------------------------------------------------------------


@bug("the mode is that of the budget", "I9", rates={Fault.FORGOTTEN: 0.1})
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_core.operational import decide

    def of_budget(inputs: Any, budget: Any, *more: Any) -> Any:
        return evolve(final_mode(inputs, budget, *more), mode=budget.mode, bound=None)

    patch.setattr(decide, "final_mode", of_budget)


@bug("what was odd restricts for ever", "I17: degrade", rates={Fault.NO_BOOK: 0.6}, steps=30, first=2)
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_core.operational import decide

    def kept(inputs: Any, state: Any, found: Any) -> Any:
        return degrade(inputs, evolve(state, until=max(state.until, inputs.time + 1)), found)

    patch.setattr(decide, "degrade", kept)


@bug("a balance that lacked something is believed to", "I17: balance_unexplained", hand=300, first=3)
def _(patch: pytest.MonkeyPatch) -> None:
    raised = book.raised

    def kept(one: Any, found: Any, now: int) -> Any:
        return raised(one, [*one.alarms, *found], now)

    patch.setattr(assessing, "raised", kept)


@bug(
    "more may be held than the limit", "I17: the budget of cycle",
    settings={"RISK_MAX_GROSS_EXPOSURE_TRY": "50"}, adopted=True, steps=5, first=2,
)  # fmt: skip
def _(patch: pytest.MonkeyPatch) -> None:
    from meva_core.operational import decide

    budget = decide.risk_budget
    patch.setattr(decide, "risk_budget", lambda *given: evolve(budget(*given), mode=Mode.NORMAL))


@bug("what could not be read once is not read again", "I17: failed", rates={Fault.NO_BOOK: 0.3})
def _(patch: pytest.MonkeyPatch) -> None:
    books, lost = measuring._books, set[str]()

    def given_up(market: Any, clock: Any, symbols: Any, *more: Any) -> Any:
        found = books(market, clock, [one for one in symbols if one not in lost], *more)
        lost.update(one for one in symbols if one not in found)
        return found

    patch.setattr(measuring, "_books", given_up)


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
