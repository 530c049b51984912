"""What is checked after every cycle, in the file alone and in the file against what is true.

I2   every order of ours is in the file         I12  a cycle is there with all its rows, or not at all
I4   no fill twice, no more than was ordered    I18  nothing held below zero
I7   the rows fold to the book                  I19  the identities of the ledger hold (I21 among them)
I8   orders go legal ways                       I20  roundings stay within a cent a fill
I9   the mode is that of the strictest part     I22  cursors never fall
I23  flows are neither profit nor drawdown
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import define, field, fields

from meva_adapters.rehearsal.file_there import FileThere
from meva_adapters.rehearsal.time_there import SECOND
from meva_adapters.rehearsal.truth import QUOTE, Truth, units
from meva_adapters.rehearsal.violations import Violated
from meva_core.errors import BrokenBooks
from meva_core.live.standing import STEPS, Standing
from meva_core.live_book.book import LiveBook, book_of
from meva_core.live_book.documents import restored
from meva_core.live_book.ledger import Ledger, faults, posted
from meva_core.live_book.postings import FILLS, Kind, Posting
from meva_core.modes import Mode

_CENT: Final = 10**6
_ABSENT: Final = str(Standing.ABSENT)
_GRACE_SECONDS: Final = 110
"""Less some seconds by which clocks may be off."""
_OF_CYCLE: Final = ("risk_decisions", "cycle_audit", "pnl_snapshots")
_KEYS: Final = {"risk_decisions": "decision_id"}


def _reach() -> dict[str, frozenset[str]]:
    """Return, for each standing, those that an order may come to from it, by however many steps."""
    reach = {word: {word, *after} for word, after in STEPS.items()}
    for _ in STEPS:
        for word in reach:
            reach[word] = reach[word].union(*(reach[after] for after in reach[word]))
    return {str(word): frozenset(map(str, after)) for word, after in reach.items()}


_LEGAL: Final = _reach()


@define
class Audit:
    """What was seen of a file by the last check, and what has come since."""

    truth: Truth
    file: FileThere
    opened: Ledger = field(init=False)
    folded: Ledger = field(init=False)
    seen: int = 0
    standings: dict[int, str] = field(factory=dict)
    cursors: dict[str, int] = field(factory=dict)
    fills: dict[str, str] = field(factory=dict)
    """The own fills that are in the file, and the orders that they are of."""
    filled: Counter[int] = field(factory=Counter)
    """How much of orders, by their numbers, is in the file, e10; of fills that give none, nothing."""
    moved: Counter[tuple[bool, str]] = field(factory=Counter)
    """What the rows moved of each asset, e8: those of own fills, and all else."""
    roundings: int = 0
    since: int = 0
    """When a backup was put back: orders of before may be unknown."""
    under_way: frozenset[str] = frozenset()
    """Names that had been sent then, and that the exchange took later."""

    def __attrs_post_init__(self) -> None:
        """Begin with what the file has."""
        self.begin()

    def put_back(self) -> None:
        """Begin anew with a backup: what was sent since it was made is not in it."""
        self.since = self.truth.time.now
        self.under_way = frozenset(name for _, name, *_ in self.truth.late if name is not None)
        self.begin()

    def begin(self) -> None:
        """Begin anew: another file is there."""
        self.file.reopen()
        [row] = self.file.all("SELECT opening_json FROM live_books WHERE book = 'live'")
        self.opened = self.folded = restored(json.loads(row[0]), Ledger, "$.opening")
        self.seen, self.roundings = 0, 0
        self.cursors, self.fills, self.filled, self.moved = {}, {}, Counter(), Counter()
        self.standings = {row["id"]: row["status"] for row in self.file.orders()}

    # -- After each cycle -------------------------------------------------------------------------------

    def check(self) -> LiveBook:
        """Check the file as it stands, and return its book."""
        book = self.book()
        self._orders()
        self._postings(book)
        self._cursors(book)
        self._cycles()
        return book

    def book(self) -> LiveBook:
        """Return the book as the file has it."""
        [row] = self.file.all("SELECT book_json FROM live_books WHERE book = 'live'")
        return book_of(json.loads(row[0]))

    def _orders(self) -> None:
        names = set()
        for row in self.file.orders():
            names.add(row["client_order_id"])
            before, now = self.standings.get(row["id"]), row["status"]
            if before in _LEGAL and now not in _LEGAL[before]:  # else it is a word of the earlier system's
                raise Violated("I8", f"{row['client_order_id']} was {before} and is {now}")
            if now == _ABSENT != before:
                self._absent(row)
            self.standings[row["id"]] = now
        for order in self.truth.ours():
            if order.created > self.since and order.name not in names | self.under_way:
                raise Violated("I2", f"order {order.number}, {order.name}, is not in the file")

    def _absent(self, row: sqlite3.Row) -> None:
        """An order is called absent after the time of grace, not before."""
        created = datetime.fromisoformat(row["created_at"]).timestamp()
        waited = self.truth.time.now // SECOND - created
        if waited < _GRACE_SECONDS:
            raise Violated("I8", f"{row['client_order_id']} is called absent after {waited:.0f} s")

    def _postings(self, book: LiveBook) -> None:
        """Fold what was booked since the last check onto what it came to then."""
        rows = self.file.all(
            "SELECT rowid, event_id, type, exchange_trade_id, meta_json FROM ledger_events "
            "WHERE rowid > ? AND run_id = ? AND type != 'FEE' ORDER BY rowid",
            self.seen, book.run,
        )  # fmt: skip
        made = []
        for row in rows:
            self.seen = max(self.seen, row["rowid"])
            document = json.loads(row["meta_json"])
            posting = restored(document["posting"], Posting, "$.posting")
            made.append(posting)
            if row["type"] == "FILL":
                self._own_fill(row["event_id"], document.get("fill") or {})
        for posting in sorted(made, key=lambda one: one.seq):
            self._rounding(posting)
            own = posting.kind in FILLS
            self.moved[own, QUOTE] += posting.cash
            if posting.symbol is not None or posting.foreign:
                self.moved[own, posting.asset] += posting.qty + posting.foreign
            try:
                self.folded = posted(self.folded, posting)
            except BrokenBooks as error:
                raise Violated("I7", str(error)) from error
        if self.folded != book.ledger:
            raise Violated("I7", f"the rows fold to another ledger: {_first(self.folded, book.ledger)}")
        if wrong := faults(book.ledger, {pair.name: pair.price for pair in self.truth.pairs.values()}):
            raise Violated("I19", "; ".join(wrong))
        negative = [name for name, one in book.ledger.holdings.items() if one.qty < 0]
        if negative:
            raise Violated("I18", f"{negative} are held below zero")

    def _own_fill(self, event: str, fill: Mapping[str, Any]) -> None:
        name = event.split("fill:", 1)[1]
        if name in self.fills:
            raise Violated("I22", f"fill {name} is in two FILL rows")
        self.fills[name] = str(fill.get("order_id") or "")
        if not self.fills[name]:
            return
        number = int(self.fills[name])
        order = self.truth.orders.get(number)
        self.filled[number] += units(Decimal(fill["qty"]), 10)
        if order is None or self.filled[number] > order.filled:
            there = "it is not at the exchange" if order is None else f"{order.filled} e10 of it have filled"
            raise Violated("I4", f"order {number} has {self.filled[number]} e10 in FILL rows, and {there}")

    def _rounding(self, posting: Posting) -> None:
        if posting.kind is Kind.ROUNDING and posting.asset == "TRY":
            self.roundings += abs(posting.money)
            most = _CENT * (len(self.truth.fills) + self.file_cycles())
            if self.roundings > most:
                raise Violated(
                    "I20", f"roundings come to {self.roundings} e8 after {len(self.truth.fills)} fills"
                )

    def file_cycles(self) -> int:
        """Return how many cycles the file has: each comparison may bring one rounding of its own."""
        row = self.file.one("SELECT count(*) AS n FROM live_cycles WHERE book = 'live'")
        return 0 if row is None else int(row["n"])

    def _cursors(self, book: LiveBook) -> None:
        stored = {
            row["key"].removeprefix("fills_cursor:"): int(row["value"])
            for row in self.file.all("SELECT key, value FROM cursors WHERE key LIKE 'fills_cursor:%'")
        }
        if stored != dict(book.cursors):
            raise Violated("I22", f"the cursors of the book are not those of the table: {stored}")
        for symbol, at in self.cursors.items():
            if stored.get(symbol, 0) < at:
                raise Violated("I22", f"the cursor of {symbol} fell from {at} to {stored.get(symbol)}")
        self.cursors = stored

    def _cycles(self) -> None:
        """The newest cycles have all of their rows, and their mode is that of their strictest part."""
        rows = self.file.all(
            "SELECT cycle_id, status FROM live_cycles WHERE book = 'live' ORDER BY ts DESC LIMIT 2"
        )
        for row in rows:
            for table in _OF_CYCLE:
                key = _KEYS.get(table, "cycle_id")
                there = self.file.one(f"SELECT 1 FROM {table} WHERE {key} = ?", row["cycle_id"])  # noqa: S608
                wanted = table == "risk_decisions" or row["status"] == "done"
                if (there is not None) != wanted:
                    word = "lacks" if wanted else "has"
                    raise Violated(
                        "I12", f"cycle {row['cycle_id']} is {row['status']} and {word} its {table}"
                    )
        if rows:
            self._mode(rows[0]["cycle_id"])

    def _mode(self, cycle: str) -> None:
        [row] = self.file.all("SELECT decision_json FROM risk_decisions WHERE decision_id = ?", cycle)
        decision = json.loads(row[0])
        strictest = max((Mode[one["mode"]] for one in decision["parts"]), default=Mode.NORMAL)
        if Mode[decision["final_mode"]] is not strictest:
            raise Violated(
                "I9", f"cycle {cycle}: {decision['final_mode']}, its strictest part {strictest.name}"
            )


def _first(one: Ledger, other: Ledger) -> str:
    """Return the first field in which two ledgers differ."""
    for each in fields(Ledger):
        a, b = getattr(one, each.name), getattr(other, each.name)
        if a != b:
            return f"{each.name} {str(a)[:200]} there, {str(b)[:200]} in the book"
    return "nowhere"
