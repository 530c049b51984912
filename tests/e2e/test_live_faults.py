"""Faults of an exchange, kind by kind, against a live loop over real sockets.

A row is a plan of faults and what must be so beside the rest, which is the same for all: once it is over, the
exchange's books and ours agree to the last digit, no order is there twice, none is unknown, and every cycle
decides again as it did. The rows are those of the fault matrix, N1 to N19.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from attrs import field, frozen
from live_account import LiveAccount, called, differences, live_account, staged
from nightly import every
from stage7_runs import rows_of

ORDER, CANCEL = "POST /api/v1/order", "DELETE /api/v1/order*"
ORDERS, OPEN = "GET /api/v1/allOrders*", "GET /api/v1/openOrders*"
FILLS, BALANCES = "GET /api/v1/users/transactions/trade*", "GET /api/v1/users/balances*"
TIME = "GET /api/v2/server/time*"
BOOK, RULES, ANYTHING = "GET /api/v2/orderbook*", "GET /api/v2/server/exchangeinfo*", "GET /api/v1/*"
MANY = '{"message":"TOO_MANY_REQUESTS","success":false,"code":429}'
NO_KEY = '{"message":"Unauthorized","success":true,"code":1037}'
SPARED = {ANYTHING: 16, BALANCES: 3, FILLS: 8, BOOK: 3, ORDERS: 1}


@frozen
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

    def told(self, words: str) -> bool:
        """Whether people were told so."""
        return re.search(words, self.ended.stderr) is not None


Check = Callable[[Ran], bool]


@frozen
class Row:
    """Rules and switches, and what is true afterwards: `must`, the exit `code`, whether something `trades`.

    `apart` are differences that stay, `cycles` how many it takes until all is quiet.
    """

    name: str
    rules: tuple[dict[str, Any], ...] = ()
    policy: dict[str, Any] = field(factory=dict)
    must: Check = lambda ran: ran.modes["NORMAL"] > 0
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


def garbled(how: str) -> Row:
    return Row(f"n11_{how}", (fault("garble", ANYTHING, 3, how=how), fault("garble", BOOK, how=how)))


def edited(name: str, on: str, path: str, value: Any = None, *, remove: bool = False) -> Row:
    return Row(f"n12_{name}", (fault("edit", on, 2, path=path, value=value, remove=remove),))


def throttled(name: str, headers: dict[str, str], *, long: bool = False) -> Row:
    """Too many requests; where it is to last for `long`, nothing more is sent in this test."""
    return Row(
        f"n7_{name}",
        (
            fault("answer", ORDER, status=429, body=MANY, headers=headers),
            fault("answer", FILLS, status=429, body=MANY, headers=headers),
        ),
        must=lambda ran: ran.standing("rejected") == 1,
        trades=not long,
    )


ROWS = [
    Row("n2_unheard_and_not_taken", (fault("lose_request", ORDER, 2, end="reset"),),
        must=lambda ran: ran.standing("unknown_closed") == 2),
    *(Row(f"n3_taken_and_answered_by_{end}", (fault("lose_reply", ORDER, 2, end=end),),
          must=lambda ran: ran.standing("unknown_closed") == 0) for end in ("504", "empty", "reset")),
    Row("n5_shown_late", (fault("lose_reply", ORDER, 2, end="504"),), {"orders_delay_ms": 100_000}),
    Row("n6_taken_twice", (fault("twice", ORDER),), code=1, apart=r": 2 orders at the exchange$",
        must=lambda ran: ran.told("the kill switch was pulled .*: K4: ") and ran.modes["OBSERVE_ONLY"] == 1),
    throttled("seconds", {"Retry-After": "2"}),
    throttled("no_hint", {}),
    throttled("negative", {"Retry-After": "-7"}),
    throttled("long", {"Retry-After": "1000000000"}, long=True),
    throttled("text", {"Retry-After": "soon"}),
    throttled("date", {"Retry-After": "Thu, 01 Jan 2026 00:00:02 GMT"}),
    Row("n7_nothing_in_it", (fault("answer", ORDER, status=429),),
        must=lambda ran: ran.standing("unknown_closed") == 1),
    *(Row(f"n8_{status}", (fault("answer", ORDER, status=status, html=True),
                           fault("answer", ANYTHING, 4, status=status, html=True)))
      for status in (500, 502, 503, 403)),
    Row("n9_unauthorized", (fault("answer", ANYTHING, 3, status=401, body=NO_KEY),), cycles=20),
    *(Row(f"n10_ahead_by_{ahead}_ms", policy={"clock_skew_ms": ahead})
      for ahead in (4_900, -4_900, 5_100, -5_100)),
    *(Row(f"n11_cut_at_{at}", (fault("cut", ANYTHING, 4, at=at, whole_length=False),
                               fault("cut", ORDER, at=at, whole_length=False))) for at in (0, 1, 60)),
    Row("n11_cut_short_of_its_length", (fault("cut", ANYTHING, 3, at=20, whole_length=True),)),
    *map(garbled, ("html", "bom", "utf16", "bad_gzip")),
    edited("no_price_in_a_fill", FILLS, "data.0.price", remove=True),
    edited("fill_of_nothing", FILLS, "data.0.amount", "NaN"),
    edited("endless_fee", FILLS, "data.0.fee", "1e400"),
    edited("no_status", ORDERS, "data.0.status", remove=True),
    edited("status_of_tomorrow", ORDERS, "data.0.status", "Pondering"),
    *(edited(f"no_{what}_in_an_open_order", OPEN, f"data.bids.0.{what}", "x")
      for what in ("amount", "id", "pairSymbol")),
    Row("n12_no_list_of_open_orders", (fault("answer", OPEN, 3, status=500, html=True),)),
    edited("no_balance", BALANCES, "data.0", remove=True),
    edited("text_for_a_balance", BALANCES, "data.0.balance", "a lot"),
    edited("more_than_is_known", BALANCES, "data.0.novelty", {"a": [1]}),
    Row("n12_deep", (fault("garble", ANYTHING, 2, how="deep"),)),
    *(Row(f"n13_{how}", tuple(fault("rows", on, 6, how=how) for on in (ORDERS, FILLS, OPEN)))
      for how in ("shuffle", "repeat", "halve", "empty")),
    Row("n14_fills_late", policy={"fills_delay_ms": 90_000}),
    Row("n15_filled_before_its_cancel", (fault("fill_first", CANCEL, 2),)),
    Row("n15_filled_after_its_cancel", (fault("fill_after", CANCEL, 2),), {"cancel_ms": 500}),
    Row("n15_cancel_unheard", (fault("lose_reply", CANCEL, 2, end="reset"),)),
    Row("n15_cancel_lost", (fault("lose_request", CANCEL, 2, end="504"),), cycles=16),
    Row("n16_funds_tied_up_for_a_moment", (fault("reject", ORDER),),
        must=lambda ran: ran.standing("rejected") == 0),
    Row("n17_drip", (fault("drip", BALANCES, bytes=40, seconds=0.001),)),
    *map(garbled, ("oversize", "bomb")),
    Row("n17_redirect", (fault("answer", ORDER, status=307, headers={"Location": "http://127.0.0.1:9/"}),
                         fault("answer", BALANCES, status=302, headers={"Location": "/api/v1/openOrders"}))),
    Row("n18_no_rules_for_a_pair", (fault("edit", RULES, 99, path="data.symbols.0.filters", value=[]),),
        must=lambda ran: not any(order.pair == "BTCTRY" for order in ran.account.ours())),
    Row("n18_a_tick_of_zero",
        (fault("edit", RULES, 99, path="data.symbols.0.filters.0.tickSize", value="0"),),
        must=lambda ran: not any(order.pair == "BTCTRY" for order in ran.account.ours())),
    Row("n18_a_pair_is_delisted", (fault("edit", RULES, 99, path="data.symbols.1", remove=True),),
        must=lambda ran: not any(order.pair == "ETHTRY" for order in ran.account.ours())),
    Row("n19_balances_lag", policy={"balances_delay_ms": 90_000}),
]  # fmt: skip


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAccount]:
    with live_account(tmp_path_factory.mktemp("exchange")) as served:
        yield served


@pytest.fixture
def account(exchange: LiveAccount, tmp_path: Path) -> Iterator[LiveAccount]:
    yield exchange.another(tmp_path, tmp_path.name)
    exchange.quiet()


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
    assert {rule["fault"] for rule in row.rules} <= set(happened), happened
    found = [one for one in differences(account, ran.db) if not (row.apart and re.search(row.apart, one))]
    assert found == [], ended.stderr
    assert ended.stdout.splitlines()[-1].split("unknown ")[1].startswith("0 "), ended.stdout
    assert row.must(ran), ended.stdout + ended.stderr
    assert bool(account.ours()) == row.trades
    again = called(account, "recheck", "--db", "a.db")
    assert again.returncode == 0, again.stdout


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
