"""Why cycles of Stages 3 and 4 did, or did not, trade."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from told_books import TEXTS, live_file

from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import BadInput, StoreCorrupt
from meva_core.live_history.books import Listed, pick, standing
from meva_core.live_history.cycles import cycle_named, cycles_in, each_opened, opened
from meva_core.live_history.explain import NOTHING_ASKED, Explained, document, explained, reasons_of
from meva_core.live_history.lines import FIELDS, Totals, lines_of
from meva_core.live_history.many import many_of
from meva_core.live_history.words import explain
from meva_core.operating.records.done_rows import NotDone
from meva_core.ports import Reads


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(live_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def all_of(view: Reads) -> list[Explained]:
    listed = pick(view, "live")
    return [explained(one) for one in each_opened(view, listed, TEXTS, cycles_in(view, listed))]


def test_every_symbol_of_every_cycle_has_a_fate_and_every_non_trade_a_sentence(store: SqlStore):
    with store.read() as view:
        found = all_of(view)
    assert len(found) > 20
    for one in found:
        assert {fate.symbol for fate in one.fates} >= {seen.name for seen in one.cycle.inputs.symbols}
        for reason in reasons_of(one):
            assert explain(reason, one.cycle.settings)
        told = document(one)
        for fate in told["symbols"]:
            assert fate["ordered"] or fate["code"] == NOTHING_ASKED or fate["text"]
        for part in told["mode"]["parts"]:
            assert part["text"]


def test_all_that_was_asked_for_is_sent_or_says_what_stopped_it(store: SqlStore):
    with store.read() as view:
        found = all_of(view)
    codes = set()
    for one in found:
        for fate in one.fates:
            if fate.asked is not None:
                assert (fate.action is not None) or (fate.reason is not None)
                codes.add(fate.code)
        sent = [action for action in one.cycle.decisions.actions if action.client_id is not None]
        assert len(sent) == one.ordered == sum(fate.action is not None for fate in one.fates)
    assert codes >= {
        "ok", "min_notional", "cycle_notional_cap", "deduped", "observe_only",
        "symbol_blocked:order_not_asked",
    }  # fmt: skip


def test_what_was_scaled_says_by_which_cap_though_it_was_sent(store: SqlStore):
    with store.read() as view:
        fates = [fate for one in all_of(view) for fate in one.fates]
    [fate] = [fate for fate in fates if fate.action is not None and fate.reason is not None]
    told = fate.document({"NOTIONAL_CAP_TRY_PER_CYCLE": "250"})
    assert (told["asked_try"], told["allocated_try"], told["ordered"]) == (Decimal(5000), Decimal(250), True)
    assert told["reason"]["setting"] == "NOTIONAL_CAP_TRY_PER_CYCLE"
    assert told["text"].endswith("your NOTIONAL_CAP_TRY_PER_CYCLE=250")


def test_what_a_cap_left_too_little_of_names_the_cap_too(store: SqlStore):
    with store.read() as view:
        cycles = all_of(view)
    [(one, fate)] = [(one, fate) for one in cycles for fate in one.fates if fate.bound is not None]
    told = fate.document(one.cycle.settings)
    assert (told["code"], told["reason"]["value"], told["reason"]["limit"]) == ("min_notional", "30", "99.91")
    cap = told["bound_by"]
    assert (cap["reason"]["code"], cap["reason"]["setting"]) == (
        "cycle_notional_cap",
        "NOTIONAL_CAP_TRY_PER_CYCLE",
    )
    assert fate.why(one.cycle.settings) == f"{told['text']}; {cap['text']}"
    assert (
        cap["text"] == "110 TRY was asked for, the cycle has 30 TRY left; your NOTIONAL_CAP_TRY_PER_CYCLE=250"
    )
    assert {"min_notional", "cycle_notional_cap"} <= {reason.code for reason in reasons_of(one)}


def test_the_part_that_bound_the_mode_is_named(store: SqlStore):
    with store.read() as view:
        bound = {
            (one.cycle.decisions.mode.bound.part, one.main)
            for one in all_of(view)
            if one.cycle.decisions.mode.bound is not None
        }
    assert bound == {
        ("alarms", "balance_unexplained"),
        ("budget", "KILL_SWITCH"),
        ("observe", "observe"),
        ("recovery", "unknown_orders"),
    }


def test_a_symbol_that_nothing_may_be_submitted_in_says_why(store: SqlStore):
    with store.read() as view:
        blocked = {code for one in all_of(view) for code in one.blocked.values()}
    assert blocked >= {"no_mark", "order_not_asked"}


def test_a_cycle_is_found_by_its_id_and_windows_by_time(store: SqlStore):
    with store.read() as view:
        listed = pick(view, "live")
        cycles = cycles_in(view, listed)
        ts, name = cycles[5]
        assert cycle_named(view, name) == ("live", ts)
        assert cycle_named(view, "none") is None
        assert cycles_in(view, listed, end=ts, last=1) == [cycles[5]]
        assert cycles_in(view, listed, start=ts) == cycles[5:]
        with pytest.raises(BadInput, match="has no cycle of that time"):
            cycles_in(view, listed, start=cycles[-1][0] + timedelta(days=1))
        with pytest.raises(BadInput, match="book live has no cycle 'x'"):
            opened(view, listed, TEXTS, "x")


def test_damage_and_other_forms_are_named(store: SqlStore):
    with store.unit() as work:
        listed = pick(work, "live")
        [first, second, *_] = cycles_in(work, listed)
        work.update("live_cycles", "cycle_id", ("inputs",), [(first[1], b"junk")])
        work.update("live_cycles", "cycle_id", ("inputs",), [(second[1], TEXTS.pack('{"book":"live"}'))])
        work.commit()
    with store.read() as view:
        with pytest.raises(StoreCorrupt, match=f"live_cycles, {first[1]}: cannot be read"):
            opened(view, listed, TEXTS, first[1])
        with pytest.raises(BadInput, match=f"cycle {second[1]} is not in the form of this version") as error:
            opened(view, listed, TEXTS, second[1])
    assert "meva 1.2.3" in error.value.action


def lines(view: Reads, listed: Listed, totals: Totals) -> list[dict[str, object]]:
    book = standing(view, listed)
    found = totals.counted(lines_of(view, book, cycles_in(view, listed)))
    return [dict(zip([field.name for field in FIELDS], one.record(book), strict=True)) for one in found]


def test_lines_tell_money_orders_and_the_main_reason(store: SqlStore):
    totals = Totals()
    with store.read() as view:
        listed = pick(view, "live")
        found = lines(view, listed, totals)
        book = standing(view, listed)
        explanations = {one.cycle.cycle: one for one in all_of(view)}
    ledger, marks = book.book.ledger, book.marks
    assert found[-1]["net_pnl_try"] == Decimal(ledger.net(marks)).scaleb(-8)
    assert found[-1]["equity_try"] == Decimal(ledger.equity(marks)).scaleb(-8)
    for one in found:
        known = explanations[str(one["cycle_id"])]
        assert one["mode"] == known.cycle.decisions.mode.mode.name
        assert one["orders"] == known.ordered
        assert (one["reason"] == "ok") == (known.ordered > 0)
        if not known.ordered:
            assert one["reason"] == known.main
    assert totals.document()["cycles"] == len(found)
    assert sum(totals.document()["modes"].values()) == len(found)


def test_what_was_decided_and_not_sent_has_a_row_by_its_symbol(store: SqlStore):
    with store.read() as view:
        one, two, *_ = all_of(view)

    def unsent(found: Explained, *names: str) -> Explained:
        late = [NotDone("submit", "SOLTRY", name, "blocked", "canary", f"{name}: not sent") for name in names]
        return evolve(found, cycle=evolve(found.cycle, not_done={each.order: each for each in late}))

    many = many_of([unsent(one, "a", "b"), unsent(two, "c")])
    assert many.not_done == {"canary": 3}
    assert [row for row in many.rows() if "canary" in row] == [["SOLTRY", "canary", "send", 2, "c: not sent"]]
