"""Step 7 of a cycle: a plan is carried out action by action, and each one that fails costs itself alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, evolve, field
from cycles import Lived
from scripted_account import Killed

from meva_adapters.sql.store import SqlStore
from meva_core.amounts import parse_e8
from meva_core.errors import Refused, StoreError, VenueReason
from meva_core.ids import client_id
from meva_core.live.live_orders import records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.operating.guards.permit import NotPermitted
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.outcomes import Executed, Verdict
from meva_core.operating.records.whose import whose
from meva_core.operating.starting import taken_up
from meva_core.operating.steps.executing import INTERRUPTED, RESTS_CYCLES, Executor, carried_on
from meva_core.operating.steps.replacing import BY_FILL, LOOKS, NOT_CONFIRMED, PAUSE_MS, Replacer, abandon
from meva_core.operating.steps.sending import BELOW_MINIMUM, NO_RULES, Sender
from meva_core.operational.actions import Action, Kind
from meva_core.orders import Side
from meva_core.ports import UnitOfWork
from tests.permits import Gate


def executor(account: Lived, **changes: Any) -> Executor:
    inputs = account.last.inputs
    rules = {one.name: one.rules for one in inputs.symbols}
    file = BookFile(account.desk, whose(account.book), inputs.cycle, {})
    replacer = Replacer(Sender(account.desk, account.book, rules), file)
    return Executor(replacer, account.exchange, **changes)


def submit(account: Lived, n: int, symbol: str = "BTCTRY", side: Side = Side.BUY, **changes: Any) -> Action:
    given: dict[str, Any] = {
        "kind": Kind.SUBMIT,
        "price": parse_e8("2990"),
        "qty": parse_e8("1"),
        "client_id": client_id(account.last.inputs.cycle, symbol, side, n, stage=4),
        "mark": parse_e8("3000"),
        "least": parse_e8("99.91"),
        "purpose": "entry",
        "strategy": "trial",
    }
    return Action(symbol=symbol, side=side, **(given | changes))


def cancel(account: Lived, number: str) -> Action:
    with account.store.read() as view:
        (record,) = records(view, ACCOUNT, exchange_order_id=number)
    return submit(account, 0, record.symbol, kind=Kind.CANCEL, client_id=None, cancels=record.label,
                  exchange_id=number)  # fmt: skip


def replace(account: Lived, n: int, number: str, **changes: Any) -> Action:
    old = cancel(account, number)
    return submit(
        account, n, old.symbol, kind=Kind.REPLACE, cancels=old.cancels, exchange_id=number, **changes
    )


def verdicts(executed: Executed) -> list[tuple[Verdict, str]]:
    return [(one.verdict, one.code) for one in executed.outcomes]


def state_of(account: Lived, action: Action) -> str:
    with account.store.read() as view:
        where = {"replace_tx_id": action.client_id}
        return str(next(view.rows("stage4_replace_transactions", ("state",), where=where))[0])


def test_actions_are_sent_one_by_one_in_their_order_each_recorded_before_the_next(account: Lived) -> None:
    number = account.place("ETHTRY", Side.BUY, "2", "99")
    account.cycle()
    account.exchange.sent.clear()
    first, second = submit(account, 1), submit(account, 2, price=parse_e8("2980"))
    executed = executor(account).execute([cancel(account, number), first, second])
    assert verdicts(executed) == [(Verdict.CANCELED, ""), (Verdict.SUBMITTED, ""), (Verdict.SUBMITTED, "")]
    assert account.exchange.sent == [f"cancel {number}", first.client_id, second.client_id]
    assert executed.last_write == account.exchange.now
    order = next(one for one in account.cycle().inputs.orders if one.client_id == first.client_id)
    assert (order.decision_mark, order.purpose, order.strategy) == (parse_e8("3000"), "entry", "trial")


def test_a_refused_order_costs_itself_alone(account: Lived) -> None:
    account.exchange.refuse = VenueReason.PRICE_OUT_OF_RANGE
    refused = executor(account).execute([submit(account, 1)])
    account.exchange.refuse = None
    assert verdicts(refused) == [(Verdict.REJECTED, "price_out_of_range")]
    assert refused.refusals == 1
    assert verdicts(executor(account).execute([submit(account, 2)])) == [(Verdict.SUBMITTED, "")]


def test_one_refused_for_funds_is_sent_once_more_under_the_same_name(account: Lived) -> None:
    account.exchange.refuse = VenueReason.INSUFFICIENT_FUNDS
    action = submit(account, 1)
    assert verdicts(executor(account).execute([action])) == [(Verdict.REJECTED, "insufficient_funds")]
    assert account.exchange.sent == [action.client_id, action.client_id]


def test_one_below_the_minimum_lets_its_symbol_rest_and_rules_are_read_anew(account: Lived) -> None:
    account.exchange.refuse = VenueReason.BELOW_MINIMUM
    executed = executor(account).execute([submit(account, 1)])
    assert executed.rests == ("BTCTRY",)
    assert account.exchange.calls["metadata"] == 1
    carried = carried_on(account.last.carried, executed)
    assert (carried.refusals, carried.resting) == (1, {"BTCTRY": RESTS_CYCLES})
    with account.exchange.failing("metadata"):
        assert executor(account).execute([submit(account, 2)]).notes != ()


def test_the_first_word_of_too_many_requests_ends_submits_and_no_cancels(account: Lived) -> None:
    number = account.place("ETHTRY", Side.BUY, "2", "99")
    account.cycle()
    account.exchange.refuse = VenueReason.RATE_LIMITED
    plan = [submit(account, 1), cancel(account, number), submit(account, 2)]
    executed = executor(account).execute(plan)
    assert verdicts(executed) == [
        (Verdict.REJECTED, "rate_limited"), (Verdict.CANCELED, ""), (Verdict.BLOCKED, "rate_limited"),
    ]  # fmt: skip
    assert plan[2].client_id not in account.exchange.sent


def test_too_many_requests_end_submits_though_that_proves_nothing_of_the_order(account: Lived) -> None:
    account.exchange.unheard, account.exchange.unheard_of = True, VenueReason.RATE_LIMITED
    plan = [submit(account, 1), submit(account, 2)]
    with account.exchange.failing("find"):
        executed = executor(account).execute(plan)
    assert verdicts(executed) == [
        (Verdict.UNKNOWN, "outcome_unknown"), (Verdict.BLOCKED, "rate_limited"),
    ]  # fmt: skip
    assert account.exchange.sent == [plan[0].client_id]


def test_what_is_not_permitted_is_blocked_with_its_rule_and_never_sent(account: Lived) -> None:
    account.exchange.permit = Gate(NotPermitted("the kill switch is on", why="kill_switch"))
    executed = executor(account).execute([submit(account, 1)])
    assert verdicts(executed) == [(Verdict.BLOCKED, "kill_switch")]
    assert account.exchange.sent == []
    with account.store.read() as view:
        assert [one.standing for one in records(view, ACCOUNT)] == [Standing.UNSENT]


def test_what_breaks_a_rule_is_rejected_without_a_call(account: Lived) -> None:
    small, strange = submit(account, 1, qty=parse_e8("0.01")), submit(account, 2, "SOLTRY")
    executed = executor(account).execute([small, strange])
    assert verdicts(executed) == [(Verdict.REJECTED, BELOW_MINIMUM), (Verdict.REJECTED, NO_RULES)]
    assert executed.refusals == 0
    assert account.exchange.sent == []


def test_an_order_that_nothing_was_heard_of_is_unknown(account: Lived) -> None:
    account.exchange.unheard = True
    with account.exchange.failing("find"):
        executed = executor(account).execute([submit(account, 1)])
    assert verdicts(executed) == [(Verdict.UNKNOWN, "outcome_unknown")]


def test_a_store_that_fails_ends_all_of_it(account: Lived, store: SqlStore) -> None:
    class Full:
        def read(self) -> Any:
            return store.read()

        def unit(self) -> UnitOfWork:
            raise StoreError("the disk is full")

    account.desk = evolve(account.desk, store=Full())  # type: ignore[arg-type]
    executed = executor(account).execute([submit(account, 1), submit(account, 2)])
    assert executed.outcomes == ()
    assert "the disk is full" in str(executed.broken)
    assert account.exchange.sent == []


def test_a_process_that_is_to_end_sends_no_further_submit(account: Lived) -> None:
    number = account.place("ETHTRY", Side.BUY, "2", "99")
    account.cycle()
    answers = iter((False, True, True))
    plan = [submit(account, 1), submit(account, 2), cancel(account, number)]
    executed = executor(account, stops=lambda: next(answers)).execute(plan)
    assert verdicts(executed) == [
        (Verdict.SUBMITTED, ""), (Verdict.BLOCKED, INTERRUPTED), (Verdict.CANCELED, ""),
    ]  # fmt: skip


# -- Replacements -------------------------------------------------------------------------------------


def test_a_replacement_is_sent_less_what_the_old_order_filled_since_the_plan(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "0.25")
    account.cycle()
    account.exchange.trade(number, "0.5")
    action = replace(account, 2, number, qty=parse_e8("0.75"), price=parse_e8("2995"))
    executed = executor(account).execute([action])
    assert verdicts(executed) == [(Verdict.CANCELED, ""), (Verdict.SUBMITTED, "")]
    assert state_of(account, action) == "SUBMIT_CONFIRMED"
    (new,) = [one for one in account.exchange.orders.values() if one.client_id == action.client_id]
    assert f"{new.qty:f}" == "0.25"
    account.cycle()
    account.check()
    assert account.off() == {}


@pytest.mark.parametrize("late", [0, 100])
def test_nothing_is_sent_before_the_cancel_is_confirmed_with_its_fills(account: Lived, late: int) -> None:
    waits: list[int] = []
    account.desk = evolve(account.desk, pause=waits.append)
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.cycle()
    account.exchange.rests_on = not late
    if late:
        account.exchange.trade(number, "0.5", late=late)
    action = replace(account, 2, number)
    executed = executor(account).execute([action])
    assert verdicts(executed) == [(Verdict.CANCELED, ""), (Verdict.BLOCKED, NOT_CONFIRMED)]
    assert state_of(account, action) == "BLOCKED_RECONCILE"
    assert waits == [PAUSE_MS] * (LOOKS - 1)
    assert action.client_id not in account.exchange.sent


def test_what_the_old_order_has_filled_by_itself_is_not_ordered_again(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.cycle()
    account.exchange.trade(number, "1")
    action = replace(account, 2, number)
    executed = executor(account).execute([action])
    assert executed.outcomes[-1].code == BY_FILL
    assert state_of(account, action) == "FAILED"
    assert action.client_id not in account.exchange.sent


@define
class Watched(Gate):
    """A permit that keeps how far a replacement had come when it was asked, and may end the process there."""

    state: Callable[[], str] = str
    dies_at: str = ""
    seen: list[str] = field(factory=list)

    def _answer(self) -> None:
        self.seen.append(self.state())
        if self.seen[-1] == self.dies_at:
            raise Killed


def test_each_state_is_stored_before_what_it_names_is_done(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.cycle()
    action = replace(account, 2, number)
    account.exchange.permit = gate = Watched(state=lambda: state_of(account, action))
    executor(account).execute([action])
    assert gate.seen == ["CANCEL_SENT", "SUBMIT_SENT"]
    columns = (
        "state", "symbol", "side", "old_client_order_ids_json", "new_client_order_id", "last_error", "book",
        "run_id",
    )  # fmt: skip
    with account.store.read() as view:
        (row,) = view.rows("stage4_replace_transactions", columns)
    olds = json.dumps([action.cancels])
    run = account.book.run
    assert row == ("SUBMIT_CONFIRMED", "BTCTRY", "BUY", olds, action.client_id, None, None, run)


@pytest.mark.parametrize("dies_at", ["CANCEL_SENT", "SUBMIT_SENT"])
def test_a_replacement_that_was_under_way_is_never_resumed(account: Lived, dies_at: str) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.cycle()
    action = replace(account, 2, number)
    account.exchange.permit = Watched(state=lambda: state_of(account, action), dies_at=dies_at)
    with pytest.raises(Killed):
        executor(account).execute([action])
    account.exchange.permit = None
    assert taken_up(account.store, "live", account.exchange.now).abandoned == 1
    assert state_of(account, action) == "FAILED"
    assert abandon(account.store, whose(account.book), account.exchange.now) == 0
    account.process = account.restarted().process
    for _ in range(6):
        account.cycle()
    assert action.client_id not in account.exchange.sent
    left = [order.exchange_id for order in account.last.inputs.orders]
    assert left == ([number] if dies_at == "CANCEL_SENT" else [])


def test_a_replacement_submits_nothing_once_the_process_is_to_end(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.cycle()
    action = replace(account, 2, number)
    answers = iter((False, True))
    executed = executor(account, stops=lambda: next(answers)).execute([action])
    assert verdicts(executed) == [(Verdict.CANCELED, ""), (Verdict.BLOCKED, INTERRUPTED)]
    assert state_of(account, action) == "FAILED"
    assert action.client_id not in account.exchange.sent


def test_too_many_requests_end_the_submits_after_a_cancel_too(account: Lived) -> None:
    number = account.place("ETHTRY", Side.BUY, "2", "99")
    account.cycle()
    account.exchange.permit = Gate(Refused("too many requests", reason=VenueReason.RATE_LIMITED))
    executed = executor(account).execute([cancel(account, number), submit(account, 1)])
    assert verdicts(executed) == [(Verdict.REJECTED, "rate_limited"), (Verdict.BLOCKED, "rate_limited")]


def test_an_unheard_replacement_is_unknown(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.cycle()
    account.exchange.unheard = True
    action = replace(account, 2, number)
    with account.exchange.failing("find"):
        executed = executor(account).execute([action])
    assert verdicts(executed) == [(Verdict.CANCELED, ""), (Verdict.UNKNOWN, "outcome_unknown")]
    assert state_of(account, action) == "BLOCKED_UNKNOWN"
