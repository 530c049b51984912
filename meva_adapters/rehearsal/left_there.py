"""What an earlier system left when a world begins: a position, fills, orders, some of which never were there;
and the opening of a book over it, which may be cut off and begun again.

I31  taken over twice is taken over once
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, NoReturn

from attrs import define

from meva_adapters.rehearsal.calls import Calls
from meva_adapters.rehearsal.faults import Faults, Killed
from meva_adapters.rehearsal.pairs import Pair, amount
from meva_adapters.rehearsal.process_there import BOOK
from meva_adapters.rehearsal.shown import Shown
from meva_adapters.rehearsal.stored_there import Fails, FaultyStore
from meva_adapters.rehearsal.time_there import SECOND, MachineClock
from meva_adapters.rehearsal.truth import Truth, decimal_of
from meva_adapters.rehearsal.violations import Violated
from meva_adapters.rehearsal.worlds import World, stream
from meva_adapters.sql.store import writer
from meva_core.errors import IdTaken
from meva_core.live.desk import Desk
from meva_core.operating.adopting import open_account
from meva_core.operating.records.stored import stored_book
from meva_core.orders import Side

_BEFORE: Final = 3600 * SECOND
"""How long ago all of it was written."""
_E8: Final = 100
"""What a quantity of e10 is a multiple of that the earlier system could write."""
_CUTS: Final = 40
"""At one of so many places the opening is cut off, if it comes by it."""
_OF_BOOK: Final = ("live_books", "ledger_events", "positions", "stage4_positions", "live_flows", "cursors")


# -- Left -------------------------------------------------------------------------------------------------


def leave(world: World, truth: Truth, path: Path) -> bool:
    """Put an earlier system's rows into a database, and its orders to the exchange; return whether there are
    any."""
    random = stream(world.seed, "left")
    with closing(sqlite3.connect(path, isolation_level="IMMEDIATE")) as there, there:
        rows = _Rows(there, datetime.fromtimestamp((truth.time.now - _BEFORE) / SECOND, UTC).isoformat())
        for name in world.symbols:
            _position(rows, truth, truth.pairs[name], random)
            for number in range(random.randint(0, 3)):
                _order(rows, truth, truth.pairs[name], random, f"older-{name}-{number}")
        return there.total_changes > 0


@define
class _Rows:
    """Writes rows of the earlier system, all of one time."""

    there: sqlite3.Connection
    stamp: str

    def add(self, table: str, **row: Any) -> None:
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        self.there.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", (*row.values(),))  # noqa: S608


def _position(rows: _Rows, truth: Truth, pair: Pair, random: Random) -> None:
    """Leave some of the coins that are there as bought by the earlier system; the rest is a person's."""
    qty = truth.there.get(pair.asset, 0) * random.choice((0, 50, 100)) // 100
    qty -= qty % _E8
    if not qty:
        return
    truth.begun[pair.name] = qty
    price = amount(pair.price - pair.price % pair.tick)
    rows.add(
        "stage4_fills", fill_id=f"f-{pair.name}", order_id="77", symbol=pair.name, side="BUY",
        price=str(price), qty=str(decimal_of(qty, 10)), fee="0", fee_asset="TRY", ts=rows.stamp,
    )  # fmt: skip
    rows.add(
        "stage4_positions", symbol=pair.name, qty=str(decimal_of(qty, 10)), avg_cost_try=str(price),
        realized_pnl_try="0", last_update_ts=rows.stamp,
    )  # fmt: skip


def _order(rows: _Rows, truth: Truth, pair: Pair, random: Random, name: str) -> None:
    """Leave an order: one that rests at the exchange, known by its number or by its name alone, or one that
    never arrived."""
    side = random.choice((Side.BUY, Side.SELL))
    price = pair.price * (random.randint(105, 130) if side is Side.SELL else random.randint(75, 95)) // 100
    price -= price % pair.tick
    qty = random.randint(150, 400) * 10**18 // price
    qty -= qty % (_E8 * pair.lot)
    number: str | None = None
    kind = random.choice(("by number", "by name", "never"))
    if kind != "never" and truth.affords(pair, side, price, qty) and _is_ours(truth, pair, side, qty):
        order = truth.takes(name, pair, side, price, qty)
        order.created -= _BEFORE
        truth.left.add(name)
        number = str(order.number) if kind == "by number" else None
    what = {
        "symbol": pair.name, "client_order_id": name, "price": str(amount(price)),
        "qty": str(decimal_of(qty, 10)), "created_at": rows.stamp, "updated_at": rows.stamp,
    }  # fmt: skip
    if number is not None and random.random() < 0.3:  # Stage 3 knew its orders by their numbers
        rows.add("orders", order_id=number, side=side.name.lower(), status="new", **what)
        return
    status = "open" if number is not None else random.choice(("submitted", "error"))
    rows.add("stage4_orders", exchange_order_id=number, side=side.name, status=status, mode="live", **what)


def _is_ours(truth: Truth, pair: Pair, side: Side, qty: int) -> bool:
    """Whether an order sells nothing but what the earlier system had bought."""
    resting = sum(one.left for one in truth.open() if one.pair is pair and one.side is Side.SELL)
    return side is Side.BUY or resting + qty <= truth.begun[pair.name]


# -- Taken over -------------------------------------------------------------------------------------------


def take_over(world: World, shown: Shown, path: Path, account: str) -> str:
    """Open the book over what was left, cut off at first; return its run. Raises Violated."""
    random = stream(world.seed, "taken over")
    for cut in (random.randint(1, _CUTS), random.randint(1, _CUTS), None):
        if _of_book(path)["live_books"]:
            break  # stored, and then cut off
        try:
            _open(world, shown, path, account, cut)
        except Killed:
            continue
    before = _of_book(path)
    try:
        _open(world, shown, path, account, None)
    except IdTaken:
        pass
    else:
        raise Violated("I31", "a book that is there was opened again")
    if before != _of_book(path):
        raise Violated("I31", "opening a book that is there has changed it")
    with writer(path, durable=False) as store, store.read() as view:
        found = stored_book(view, BOOK)
    if found is None:
        raise Violated("I31", "a book that was opened is not there")
    return found[0].run


def _open(world: World, shown: Shown, path: Path, account: str, cut: int | None) -> None:
    """Open the book in a process of its own, to which nothing else happens."""
    time, truth = shown.truth.time, shown.truth
    random = stream(world.seed, f"opening {cut}")
    faults = Faults(random, {})
    calls = Calls(time, random, faults, dies_at=cut)
    quiet = Shown(truth, calls, faults, random)
    with writer(path, durable=False) as real:
        store = FaultyStore(real, calls, faults, Fails())
        desk = Desk(_NoVenue(quiet), quiet, store, MachineClock(time, -time.off), time.pause)
        open_account(
            desk, BOOK, account, world.symbols, lambda names: {one: truth.pairs[one].price for one in names}
        )


@define
class _NoVenue:
    """The port `Venue` of a process that sends nothing."""

    shown: Shown

    def submit(self, order: object) -> NoReturn:
        raise Violated("I24", f"opening a book sends {order}")

    def cancel(self, order_id: str) -> NoReturn:
        raise Violated("I24", f"opening a book cancels {order_id}")

    def find(self, symbol: str, client_id: str, since: int) -> Any:
        return self.shown.find(symbol, client_id, since)


def _of_book(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as there:
        return {name: set(there.execute(f"SELECT * FROM {name}")) for name in _OF_BOOK}  # noqa: S608
