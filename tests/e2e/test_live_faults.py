"""Faults of an exchange, kind by kind, against a live loop over real sockets.

A row is a plan of faults, what people are told of it, what rests for it, and what must be so beside the rest,
which is the same for all: once it is over, the exchange's books and ours agree to the last digit, no order is
there twice, none is unknown, and every cycle decides again as it did. What a row does not name went on as if
nothing had been. The rows are those of the fault matrix, N1 to N19.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Set
from datetime import datetime
from functools import cached_property
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from attrs import define, field, frozen
from live_account import PAIRS, LiveAccount, differences, live_account, staged
from nightly import every
from stage7_runs import rows_of

from meva_adapters.sql.store import reader
from meva_adapters.text_codec import ZstdTexts
from meva_core.operating.records.stored_cycles import StoredCycle, stored_cycles

ORDER, CANCEL = "POST /api/v1/order", "DELETE /api/v1/order*"
ORDERS, OPEN = "GET /api/v1/allOrders*", "GET /api/v1/openOrders*"
FILLS, BALANCES = "GET /api/v1/users/transactions/trade*", "GET /api/v1/users/balances*"
TIME = "GET /api/v2/server/time*"
BOOK, RULES, ANYTHING = "GET /api/v2/orderbook*", "GET /api/v2/server/exchangeinfo*", "GET /api/v1/*"
MANY = '{"message":"TOO_MANY_REQUESTS","success":false,"code":429}'
NO_KEY = '{"message":"Unauthorized","success":true,"code":1037}'
PAGE = "<!DOCTYPE html><title>Attention Required! | Cloudflare</title>"
SPARED = {ANYTHING: 16, BALANCES: 3, FILLS: 8, BOOK: 3, ORDERS: 6}
ALWAYS = 99
TROUBLE = r"^(alarm|blocked:|rejected:|unknown:)|nothing is submitted|cannot be (read|asked)|not be canceled"
"""How people are told of what is not as always."""


@define
class Ran:
    """How a row ended: the account, its database, and what was told."""

    account: LiveAccount
    db: Path
    ended: CompletedProcess[str]

    @property
    def modes(self) -> Counter[str]:
        """The modes of the cycles, by how often."""
        return Counter(line.split()[2] for line in self.ended.stdout.splitlines())

    def standing(self, *words: str) -> int:
        """How many orders of ours stand as one of these words in the file."""
        marks = ", ".join("?" * len(words))
        query = f"SELECT id FROM stage4_orders WHERE status IN ({marks})"
        return len(rows_of(self.db, query, *words))

    @cached_property
    def cycles(self) -> list[StoredCycle]:
        """The cycles, oldest first."""
        with reader(self.db) as store, store.read() as view:
            return [*stored_cycles(view, "live", ZstdTexts(), last=1_000)]

    @property
    def rested(self) -> set[tuple[str, str]]:
        """In which symbols nothing was submitted in a cycle, and why."""
        return {found for cycle in self.cycles for found in cycle.inputs["blocked"].items()}

    @property
    def dropped(self) -> set[tuple[str, str]]:
        """Which symbols were not in the universe of every cycle, and why."""
        told = [cycle.decisions["universe"]["dropped"] for cycle in self.cycles]
        return set.intersection(*({(one["scope"], one["code"]) for one in some} for some in told))

    def told(self, words: str) -> bool:
        """Whether people were told so."""
        return re.search(words, self.ended.stderr, re.MULTILINE) is not None


Check = Callable[[Ran], bool]


@frozen
class Row:
    """Rules and switches, and what is true afterwards: `must`, the exit `code`, whether something `trades`.

    `tells` is what people were told; without it, of no trouble. `rests` are the only symbols in which nothing
    was submitted for a while, and why; `modes` those that cycles had. `apart` are differences that stay,
    `cycles` how many it takes until all is quiet.
    """

    name: str
    rules: tuple[dict[str, Any], ...] = ()
    policy: dict[str, Any] = field(factory=dict)
    must: Check = lambda ran: True
    tells: tuple[str, ...] = ()
    rests: Set[tuple[str, str]] = frozenset()
    modes: tuple[str, ...] = ("NORMAL",)
    code: int = 0
    apart: str = ""
    cycles: int = 9
    trades: bool = True

    def __str__(self) -> str:
        """Return its name, which is that of its test."""
        return self.name


def fault(kind: str, on: str, times: int = 1, **more: Any) -> dict[str, Any]:
    """Return a rule that spares the calls by which a book is opened, and its first cycle."""
    return {"fault": kind, "on": on, "times": times, "after": SPARED.get(on, 0), **more}


def resting(why: str, *symbols: str) -> Set[tuple[str, str]]:
    return {(symbol, why) for symbol in symbols or PAIRS}


def garbled(how: str, words: str = "not a JSON document") -> Row:
    rules = fault("garble", ANYTHING, 3, how=how), fault("garble", BOOK, how=how)
    return unlisted(f"n11_{how}", *rules, words=words)


def unlisted(name: str, *rules: dict[str, Any], words: str) -> Row:
    """The open orders are not read in one cycle, however often they are asked for."""
    tells = f"the open orders cannot be read: .*{words}", "XRPTRY: orders may be submitted again"
    return Row(name, rules, tells=tells, rests=resting("orders_unread"))


def edited(
    name: str, on: str, path: str, value: Any = None, *, remove: bool = False, tells: str = "",
    rests: Set[tuple[str, str]] = frozenset(),
) -> Row:  # fmt: skip
    """A member of a reply is not as it should be: what is told names it, and it alone is not used."""
    rules = (fault("edit", on, 2, path=path, value=value, remove=remove),)
    return Row(f"n12_{name}", rules, tells=(tells,) if tells else (), rests=rests)


def edited_fill(name: str, words: str, member: str, value: Any = None, *, remove: bool = False) -> Row:
    tells = rf"ETHTRY: its fills cannot be read: {words} @ fill '\d+'\.{member}$"
    rests = resting("fills_unread", "ETHTRY")
    return edited(name, FILLS, f"data.0.{member}", value, remove=remove, tells=tells, rests=rests)


def standing_as(name: str, word: str, **edit: Any) -> Row:
    """Nobody knows how an order stands of which the exchange says this."""
    return Row(
        f"n12_{name}",
        (fault("edit", ORDERS, 2, path="data.0.status", **edit),),
        tells=(f"BTCTRY:B:0 is '{word}' at the exchange, a word that is not known",),
        rests=resting("order_not_as_thought", "BTCTRY"),
        modes=("NORMAL", "REDUCE_RISK_ONLY"),
    )


def throttled(name: str, headers: dict[str, str], *, long: bool = False) -> Row:
    """Too many requests; where it is to last for `long`, nothing more is sent in this test."""
    rules = [
        fault("answer", ORDER, status=429, body=MANY, headers=headers),
        fault("answer", FILLS, status=429, body=MANY, headers=headers),
    ]
    return Row(
        f"n7_{name}",
        tuple(rules[:1] if long else rules),
        must=lambda ran: ran.standing("rejected") == 1 and not ran.told("fills cannot be read"),
        tells=("no submit is sent any more: rate_limited",),
        trades=not long,
    )


def answered(status: int) -> Row:
    """A page in the exchange's place: of a write it says nothing, of a read that it failed."""
    rules = (
        fault("answer", ORDER, status=status, html=True, body=PAGE),
        fault("answer", ANYTHING, 4, status=status, html=True, body=PAGE),
    )
    tells = rf"unknown: POST /api/v1/order: answered HTTP {status}"
    return Row(f"n8_{status}", rules, tells=(tells,), must=lambda ran: ran.standing("unknown_closed") == 1)


def ahead(by: int) -> Row:
    """Cycles are stamped with the exchange's time, in whole seconds, rounded up."""
    return Row(
        f"n10_ahead_by_{by}_ms",
        policy={"clock_skew_ms": by},
        must=lambda ran: {cycle.ts.second for cycle in ran.cycles} == {-(-by // 1000) % 60},
    )


def ruleless(name: str, symbol: str, why: str, path: str, **edit: Any) -> Row:
    return Row(
        f"n18_{name}",
        (fault("edit", RULES, ALWAYS, path=f"data.symbols.{path}", **edit),),
        must=lambda ran: (
            ran.dropped == {(symbol, f"rules_unavailable:{why}")}
            and not any(order.pair == symbol for order in ran.account.ours())
        ),
    )


UNHEARD = "unknown: POST /api/v1/order: .*; whether it was done is not known"
CUT = "unknown: POST /api/v1/order: answered HTTP 200.*; whether it was done is not known"
LATE = "alarm fills_incomplete:.*, booked 0,", "alarm fills_incomplete:.* has ended"
MAY_BE_OURS = "an open order cannot be read, and may be ours: "
ROWS = [
    Row("n2_unheard_and_not_taken", (fault("lose_request", ORDER, 2, end="reset"),), tells=(UNHEARD,),
        must=lambda ran: ran.standing("unknown_closed") == 2),
    *(Row(f"n3_taken_and_answered_by_{end}", (fault("lose_reply", ORDER, 2, end=end),),
          must=lambda ran: ran.standing("unknown_closed") == 0) for end in ("504", "empty", "reset")),
    Row("n5_shown_late", (fault("lose_reply", ORDER, 2, end="504"),), {"orders_delay_ms": 100_000},
        tells=(UNHEARD,),
        must=lambda ran: ran.standing("unknown_closed") == 0 and "unknown 2" in ran.ended.stdout),
    Row("n6_taken_twice", (fault("twice", ORDER),), code=1, apart=r": 2 orders at the exchange$",
        modes=("NORMAL", "OBSERVE_ONLY"), tells=("the kill switch was pulled .*: K4: ",),
        rests=resting("order_not_as_thought", "BTCTRY"),
        must=lambda ran: ran.modes["OBSERVE_ONLY"] == 1),
    throttled("seconds", {"Retry-After": "2"}),
    throttled("no_hint", {}),
    throttled("negative", {"Retry-After": "-7"}),
    throttled("long", {"Retry-After": "1000000000"}, long=True),
    throttled("text", {"Retry-After": "soon"}),
    throttled("date", {"Retry-After": "Thu, 01 Jan 2026 00:00:02 GMT"}),
    Row("n7_nothing_in_it", (fault("answer", ORDER, status=429),),
        tells=("unknown: POST .* answered HTTP 429 with nothing in it", "sent any more: rate_limited"),
        must=lambda ran: ran.standing("unknown_closed") == 1),
    *map(answered, (500, 502, 503, 403)),
    Row("n9_unauthorized", (fault("answer", ANYTHING, 3, status=401, body=NO_KEY),), cycles=20,
        tells=("refused the key of 3 private calls in a row: no private call is made for another 600 s, then",
               "ETHTRY: orders may be submitted again"),
        rests=resting("order_not_asked", "BTCTRY", "XRPTRY") | resting("orders_unread", "ETHTRY")
        | resting("fills_unread", "ETHTRY")),
    *map(ahead, (4_900, -4_900, 5_100, -5_100)),
    *(Row(f"n11_cut_at_{at}", (fault("cut", ANYTHING, 4, at=at, whole_length=False),
                               fault("cut", ORDER, at=at, whole_length=False)), tells=(CUT,),
          must=lambda ran: ran.standing("unknown_closed") == 0) for at in (0, 1, 60)),
    unlisted("n11_cut_short_of_its_length", fault("cut", ANYTHING, 3, at=20, whole_length=True),
             words="the answer broke off"),
    *map(garbled, ("html", "bom", "utf16", "bad_gzip")),
    edited_fill("no_price_in_a_fill", "a required field is missing", "price", remove=True),
    edited_fill("fill_of_nothing", "'NaN' is not a decimal number", "amount", "NaN"),
    edited_fill("endless_fee", "'1e400' is not a decimal number", "fee", "1e400"),
    standing_as("no_status", "", remove=True),
    standing_as("status_of_tomorrow", "Pondering", value="Pondering"),
    edited("no_amount_in_an_open_order", OPEN, "data.bids.0.amount", "x",
           tells=MAY_BE_OURS + r"'x' is not a decimal number @ order '\d+'\.amount",
           rests=resting("orders_unread", "BTCTRY")),
    edited("no_id_in_an_open_order", OPEN, "data.bids.0.id", "x",
           tells=MAY_BE_OURS + r"expected a whole number, was 'x' @ order 'x'\.id",
           rests=resting("orders_unread", "BTCTRY")),
    edited("no_pairSymbol_in_an_open_order", OPEN, "data.bids.0.pairSymbol", "x",
           tells=MAY_BE_OURS + "'x' is not a pair symbol", rests=resting("orders_unread")),
    unlisted("n12_no_list_of_open_orders", fault("answer", OPEN, 3, status=500, html=True),
             words="answered HTTP 500"),
    edited("no_balance", BALANCES, "data.0", remove=True, tells="the balances do not show TRY",
           rests=resting("balances_unread")),
    edited("text_for_a_balance", BALANCES, "data.0.balance", "a lot", rests=resting("balances_unread"),
           tells=r"'a lot' is not a decimal number @ balance of TRY\.balance"),
    edited("more_than_is_known", BALANCES, "data.0.novelty", {"a": [1]}),
    unlisted("n12_deep", fault("garble", ANYTHING, 3, how="deep"), words="not a JSON document"),
    *(Row(f"n13_{how}", tuple(fault("rows", on, 6, how=how) for on in (ORDERS, FILLS)))
      for how in ("shuffle", "repeat")),
    *(Row(f"n13_{how}", tuple(fault("rows", on, 6, how=how) for on in (ORDERS, FILLS)), tells=LATE,
          rests=resting("fills_incomplete")) for how in ("halve", "empty")),
    Row("n14_fills_late", policy={"fills_delay_ms": 90_000}, tells=LATE, rests=resting("fills_incomplete")),
    Row("n15_filled_before_its_cancel", (fault("fill_first", CANCEL),),
        tells=("rejected: s4:.*:B:0 stands as filled",), must=lambda ran: "fills 3" in ran.ended.stdout),
    Row("n15_filled_after_its_cancel", (fault("fill_after", CANCEL),), {"cancel_ms": 500},
        must=lambda ran: "fills 3" in ran.ended.stdout),
    Row("n15_cancel_unheard", (fault("lose_reply", CANCEL, end="reset"),),
        tells=("unknown: BTCTRY: whether s4:.* was canceled is not known",),
        must=lambda ran: ran.standing("canceled") == 1),
    Row("n15_cancel_lost", (fault("lose_request", CANCEL, 2, end="504"),), cycles=16,
        modes=("NORMAL", "REDUCE_RISK_ONLY"), rests=resting("order_not_as_thought", "BTCTRY"),
        tells=("was to be canceled, and rests at the exchange: cancel it again",),
        must=lambda ran: ran.standing("canceled") == 1),
    Row("n16_funds_tied_up_for_a_moment", (fault("reject", ORDER),),
        must=lambda ran: ran.standing("rejected") == 0 and "sent 2" in ran.ended.stdout.splitlines()[0]),
    Row("n17_drip", (fault("drip", BALANCES, bytes=40, seconds=0.001),)),
    *(garbled(how, "the answer is larger than 4194304 bytes") for how in ("oversize", "bomb")),
    Row("n17_redirect", (fault("answer", ORDER, status=307, headers={"Location": "http://127.0.0.1:9/"}),
                         fault("answer", BALANCES, 3, status=302, headers={"Location": "/api/v1/order"})),
        tells=("unknown: POST .* HTTP 307, a redirect, which is not followed",
               "the balances cannot be read: .* HTTP 302, a redirect, which is not followed"),
        rests=resting("balances_unread")),
    ruleless("no_rules_for_a_pair", "BTCTRY", "invalid", "0.filters", value=[]),
    ruleless("a_tick_of_zero", "BTCTRY", "invalid", "0.filters.0.tickSize", value="0"),
    ruleless("a_pair_is_delisted", "ETHTRY", "missing", "1", remove=True),
    Row("n19_balances_lag", policy={"balances_delay_ms": 90_000},
        must=lambda ran: ran.standing("rejected") == 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAccount]:
    with live_account(tmp_path_factory.mktemp("exchange")) as served:
        yield served


@pytest.fixture
def account(exchange: LiveAccount, tmp_path: Path) -> Iterator[LiveAccount]:
    yield exchange.another(tmp_path, tmp_path.name)
    exchange.quiet()


def due(row: Row) -> Counter[str]:
    """Return the faults of a row, by kind: how often each is to happen."""
    return sum((Counter({rule["fault"]: rule["times"]}) for rule in row.rules), Counter[str]())


@pytest.mark.parametrize("row", every(4, ROWS), ids=str)
def test_books_agree_after(account: LiveAccount, row: Row) -> None:
    before = account.happened()
    account.faults(list(row.rules), **row.policy)
    ended = staged(account, cycles=row.cycles, STAGE4_STRATEGIES="brief", TTL_SECONDS="15")
    ran = Ran(account, account.folder / "a.db", ended)
    assert ended.returncode == row.code, ended.stderr
    if row.code:
        account.forward(180)
        staged(account, "--observe", STAGE4_STRATEGIES="brief")
    happened = account.happened() - before
    assert happened == due(row) or (happened and row.rules[0]["times"] == ALWAYS)
    found = [one for one in differences(account, ran.db) if not (row.apart and re.search(row.apart, one))]
    assert found == [], ended.stderr
    assert ended.stdout.splitlines()[-1].split("unknown ")[1].startswith("0 "), ended.stdout
    assert row.must(ran), ended.stdout + ended.stderr
    assert [words for words in row.tells if not ran.told(words)] == [], ended.stderr
    assert bool(row.tells) == ran.told(TROUBLE), ended.stderr
    assert (ran.rested <= row.rests, bool(ran.rested)) == (True, bool(row.rests)), ran.rested
    assert {*ran.modes} == {*row.modes}, ended.stdout
    assert bool(account.ours()) == row.trades


def test_nonsense_while_a_book_is_opened_is_a_fault_of_the_moment_and_no_input_of_the_user_s(
    account: LiveAccount,
) -> None:
    """Whoever supervises the program begins it again after exit code 1, and not after 2."""
    account.fault("garble", BALANCES, how="html", times=9)
    ended = staged(account, cycles=1)
    assert ended.returncode == 1, ended.stderr
    assert "balances: not a JSON document" in ended.stderr
    assert account.ours() == []


@pytest.mark.parametrize(("before", "why"), [(0, "learnt anew since"), (1, "do not agree")])
def test_n10_a_time_by_which_the_exchange_refuses_our_stamps_is_that_of_no_cycle(
    account: LiveAccount, before: int, why: str
) -> None:
    """A process for each cycle; that of the book's first one has no offset to compare with."""
    if before:
        assert staged(account, STAGE4_STRATEGIES="brief").returncode == 0
    wrong = account.looked(lambda world: world.venue.clock()) + 7_200_000
    account.fault("edit", TIME, path="serverTime", value=wrong, times=4, after=1 - before)
    ended = staged(account, STAGE4_STRATEGIES="brief")
    assert ended.returncode == 0, ended.stderr
    assert why in ended.stderr
    [row] = rows_of(account.folder / "a.db", "SELECT max(ts) AS newest FROM live_cycles")
    assert datetime.fromisoformat(row["newest"]).timestamp() * 1000 < wrong - 6_000_000


def test_n7_what_was_waited_for_in_one_cycle_leaves_the_next_its_own_patience(account: LiveAccount) -> None:
    before, waits = account.happened(), {"status": 429, "body": MANY, "headers": {"Retry-After": "8"}}
    account.faults([fault("answer", BALANCES, after=3 + 2 * n, **waits) for n in range(5)])
    ended = staged(account, cycles=6, STAGE4_STRATEGIES="brief")
    assert ended.returncode == 0, ended.stderr
    assert "balances cannot be read" not in ended.stderr
    assert account.happened()["answer"] - before["answer"] == 5


@pytest.mark.parametrize(("interval", "is_read"), [(10, False), (60, True)])
def test_no_cycle_waits_for_the_budgets_longer_than_until_the_next_one(
    account: LiveAccount, interval: int, is_read: bool
) -> None:
    assert staged(account, interval=interval, STAGE4_STRATEGIES="brief").returncode == 0  # opens the book
    waits = {"status": 429, "body": MANY, "headers": {"Retry-After": "15"}}
    account.faults([fault("answer", BALANCES, after=0, **waits)])
    ended = staged(account, interval=interval, STAGE4_STRATEGIES="brief")
    assert ("balances cannot be read" not in ended.stderr) == is_read, ended.stderr
