"""How a book begins, whose account it is, and that its document is the book."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from attrs import evolve
from live_books import ACCOUNT, OPENED, SECOND, a_book, balances, e8

from meva_core.errors import BadInput
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import (
    LiveBook,
    Look,
    Sum,
    Unproven,
    Wait,
    accepted,
    book_of,
    proved,
    raised,
    refolded,
    text_of,
)
from meva_core.live_book.holdings import Lot
from meva_core.live_book.opening import Position, Read, account_of, admitted, agree, opened


def test_an_account_is_named_by_its_key_and_the_name_gives_nothing_away() -> None:
    assert account_of("b7e1c0de-0000-4000-8000-000000000001") == "b65f98dd4bb05b86"


def test_try_is_counted_whole_and_coins_beyond_the_books_are_foreign() -> None:
    taken = {"BTCTRY": Position((Lot(e8("0.4"), e8("900")),), e8("900"))}
    read = Read(OPENED, balances(TRY="1000.123456789", BTC="1", ETH="2", XRP="0"))
    book = opened("live", ACCOUNT, read, {"BTCTRY": e8("2000")}, taken)
    assert book.ledger.cash == book.ledger.opening_cash == e8("1000.12345678")
    assert book.ledger.opening_cost == e8("900")
    assert book.ledger.foreign == {"BTC": e8("0.6"), "ETH": e8("2")}
    assert book.figures.peak == book.figures.equity == e8("1800.12345678")
    assert len(book.run) == 7


def test_its_run_is_of_book_account_and_opening() -> None:
    read = Read(OPENED, balances(TRY="1"))
    runs = {
        opened(name, account, evolve(read, ts=ts), {}).run
        for name, account, ts in (
            ("live", ACCOUNT, OPENED),
            ("live", ACCOUNT, OPENED + SECOND),
            ("stage4-dry", ACCOUNT, OPENED),
            ("live", "f" * 16, OPENED),
        )
    }
    assert len(runs) == 4
    assert opened("live", ACCOUNT, read, {}).run == a_book().run


def test_it_is_opened_with_two_equal_reads_30_s_apart_and_no_fill_between() -> None:
    first = Read(OPENED, balances(TRY="1000", BTC="1"))
    second = Read(OPENED + 30 * SECOND, balances(TRY="1000.0", BTC="1", ETH="0"))
    assert agree(first, second, filled=False)
    assert not agree(first, second, filled=True)
    assert not agree(first, evolve(second, ts=second.ts - 1), filled=False)
    assert not agree(first, evolve(second, balances=balances(TRY="1000", BTC="1.1")), filled=False)
    assert not agree(evolve(first, balances={}), evolve(second, balances={}), filled=False)


def test_another_key_is_admitted_if_it_knows_an_order_of_ours_or_was_accepted() -> None:
    book, other = a_book(), "f" * 16
    assert admitted(book, ACCOUNT) == book
    assert admitted(book, other) is None
    known = admitted(book, other, knows_an_order=True)
    assert known is not None
    assert known.accounts == (ACCOUNT, other)
    asked = raised(book, [Alarm(AlarmCode.OTHER_ACCOUNT, other)], OPENED)
    assert admitted(accepted(asked, f"other_account:{other}"), other) is not None


def full_book() -> LiveBook:
    return evolve(
        a_book(BTC="1"),
        cursors={"BTCTRY": 1},
        bases={"BTCTRY": Decimal("1.5000")},
        waits={"5": Wait("BTCTRY", 7)},
        sums={"s4:x": Sum(Decimal("0.10"), 8)},
        looks={"TRY": Look(gap=-5, part=-5, reads=1)},
        unproven=(Unproven("flow:u", "BTC", 9, -3, 2, 1),),
        listed={"fiat:1": 10},
        loud=11,
        wanted={"BTCTRY": 3},
        memories={"profit_aware_v1": "{}"},
        alarms=(Alarm(AlarmCode.FEE_ASSET, "BTCTRY", "BTCTRY", {"fee": "1"}, 12),),
        accepted=("K1:5",),
        cycles=13,
    )


def test_its_document_is_the_book_and_is_written_one_way() -> None:
    book = full_book()
    text = text_of(book)
    assert book_of(json.loads(text)) == book
    assert text_of(book_of(json.loads(text))) == text
    document = json.loads(text)["book"]
    assert document["ledger"]["cash"] == "100000"
    assert document["looks"]["TRY"]["gap"] == "-0.00000005"
    assert document["bases"]["BTCTRY"] == "1.5000"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("cycles",), "many"),
        (("ledger", "cash"), 5),
        (("ledger", "cash"), "1e3"),
        (("ledger", "cash"), "01"),
        (("ledger", "more"), "1"),
        (("alarms",), [{"code": "K99", "about": "x"}]),
    ],
)
def test_a_document_of_another_shape_is_bad_input_that_names_the_place(
    path: tuple[str, ...], value: object
) -> None:
    document = json.loads(text_of(full_book()))
    inner = document["book"]
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    with pytest.raises(BadInput, match=path[0]):
        book_of(document)


def test_a_document_of_another_format_is_no_book() -> None:
    for document in ({**json.loads(text_of(a_book())), "format": 2}, {}, None, []):
        with pytest.raises(BadInput):
            book_of(document)


def test_an_alarm_of_what_has_happened_stays_and_others_end_with_their_condition() -> None:
    fee = Alarm(AlarmCode.FEE_ASSET, "BTCTRY", "BTCTRY")
    gone = Alarm(AlarmCode.BALANCE_UNEXPLAINED, "TRY")
    book = raised(raised(a_book(), [fee, gone], 5), [], 9)
    assert [(alarm.code, alarm.since) for alarm in book.alarms] == [(AlarmCode.FEE_ASSET, 5)]
    assert raised(book, [fee], 20).alarms == book.alarms
    twin = Alarm(AlarmCode.LOOKS_LIKE_OURS, "9", "BTCTRY")
    assert raised(raised(book, [twin], 6), [], 7) == book
    assert accepted(raised(book, [twin], 6), "looks_like_ours:9").alarms == book.alarms
    after = accepted(book, "fee_asset:BTCTRY")
    assert raised(after, [fee], 30).alarms == ()
    assert accepted(after, "fee_asset:BTCTRY") == after
    with pytest.raises(ValueError, match="ends by itself"):
        accepted(raised(after, [gone], 40), "balance_unexplained:TRY")


def test_a_stored_book_that_its_rows_do_not_fold_to_is_k2() -> None:
    book = a_book()
    assert proved(book, book.ledger, [], {}) == ()
    forged = evolve(book, ledger=evolve(book.ledger, cash=book.ledger.cash + 1))
    (alarm,) = proved(forged, book.ledger, [], {})
    assert (alarm.code, alarm.kills) == (AlarmCode.FOLD, True)
    assert "fold to another book" in alarm.numbers["faults"]
    assert "cash and values" in alarm.numbers["faults"]
    assert refolded(forged, book.ledger, []) == book
