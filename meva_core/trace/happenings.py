"""Rows out of the journal: intents, orders, order events, fills, idempotency keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any, NamedTuple

from attrs import frozen

from meva_core.amounts import format_e8, half_even
from meva_core.ids import client_id, cycle_id, event_id, fill_id, order_id, stamp_text
from meva_core.journal import Events, Fills, Intents
from meva_core.orders import TERMINAL, Event, Side, Status
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.trace.columns import Names, Row
from meva_core.trace.texts import maybe_text

SIDES = tuple(side.name for side in Side)
STATUSES = tuple(status.name for status in Status)
EVENT_NAMES = tuple(event.name for event in Event)
CODE_TEXTS = {int(code): code.text for code in Code}
BOOK = "stage7"
_PLANNED, _BUY, _SELL = int(Status.PLANNED), int(Side.BUY), int(Side.SELL)
_TERMINAL = frozenset(int(status) for status in TERMINAL)


class Listed(NamedTuple):
    """Rows of a journal, its columns as lists: Python reads those several times as fast as arrays."""

    intents: Intents
    events: Events
    fills: Fills


@frozen
class Intent:
    """One intent as documents and rows need it; `n` is its place among its cycle's intents."""

    n: int
    symbol: int
    planned: bool
    client: str
    document: dict[str, Any]
    text: str
    """The document as stored JSON; its hash is the intent's hash."""

    @property
    def hash(self) -> str:
        """The SHA-256 of the intent's content, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def intents_of(
    intents: Intents, rows: range, cycle: str, names: Names, encode: Callable[[Any], str]
) -> list[Intent]:
    """Return the intents in these rows of columns that are lists, all of one cycle."""
    found = []
    for n, row in enumerate(rows):
        values = [column[row] for column in intents]
        _, i, side, status, code, amount, mark, price, qty, notional, reserved = values
        planned = status == _PLANNED
        client = client_id(cycle, names.symbols[i], SIDES[side], n)
        document = {
            "client_order_id": client,
            "cycle_id": cycle,
            "symbol": names.symbols[i],
            "side": SIDES[side],
            "order_type": "LIMIT",
            "amount_try": format_e8(amount),
            "mark_price_try": format_e8(mark),
            "price_try": maybe_text(price),
            "qty": format_e8(qty),
            "notional_try": format_e8(notional),
            "reserved_try": format_e8(reserved),
            "skipped": not planned,
            "skip_reason": None if planned else CODE_TEXTS[code],
        }
        found.append(Intent(n, i, planned, client, document, encode(document)))
    return found


def intent_rows(intents: Sequence[Intent], cycle: str, ts: str, names: Names) -> Iterator[Row]:
    """Yield rows of stage7_order_intents."""
    for intent in intents:
        d = intent.document
        yield (
            intent.client,
            cycle,
            ts,
            names.run_id,
            d["symbol"],
            d["side"],
            "LIMIT",
            d["price_try"] or "0",
            d["qty"],
            d["notional_try"],
            "PLANNED" if intent.planned else "SKIPPED",
            d["skip_reason"],
            intent.text,
        )


def key_rows(intents: Sequence[Intent], ts: str, params: Params) -> Iterator[Row]:
    """Yield rows of stage7_idempotency_keys for what was submitted.

    The payload is the intent, whose content has notional and reservation, and the time to live.
    """
    for intent in intents:
        if intent.planned:
            payload = f"{intent.text}\nttl_seconds={params.ttl}"
            yield (f"submit:{intent.client}", ts, hashlib.sha256(payload.encode()).hexdigest())


def event_rows(
    journal: Listed, rows: range, cycle: str, ts: str, names: Names, encode: Callable[[Any], str]
) -> Iterator[Row]:
    """Yield rows of stage7_order_events."""
    e = journal.events
    for row in rows:
        origin, n, seq = names.origin(e.time[row]), e.n[row], e.seq[row]
        payload: dict[str, Any] = {"status": STATUSES[e.status[row]]}
        if e.code[row]:
            payload["reason"] = CODE_TEXTS[e.code[row]]
        if e.qty[row]:
            payload["price_try"] = format_e8(e.price[row])
            payload["qty"] = format_e8(e.qty[row])
        if e.attempt[row]:
            payload["attempt"] = e.attempt[row]
        yield (
            event_id(origin, n, seq),
            ts,
            cycle,
            names.run_id,
            order_id(origin, n),
            client_id(origin, names.symbols[e.symbol[row]], SIDES[e.side[row]], n),
            EVENT_NAMES[e.kind[row]],
            seq,
            encode(payload),
        )


def fill_rows(journal: Listed, rows: range, cycle: str, ts: str, names: Names) -> Iterator[Row]:
    """Yield rows of ledger_events, one per fill."""
    f = journal.fills
    for row in rows:
        origin, n, seq = names.origin(f.time[row]), f.n[row], f.seq[row]
        side, symbol = f.side[row], names.symbols[f.symbol[row]]
        notional, reference = f.notional[row], f.reference[row]
        slippage = notional - reference if side == _BUY else reference - notional
        fill = fill_id(origin, n, seq)
        yield (
            f"fill:{fill}",
            ts,
            symbol,
            "FILL",
            SIDES[side],
            format_e8(f.qty[row]),
            format_e8(f.price[row]),
            format_e8(f.fee[row]),
            names.quote,
            fill,
            order_id(origin, n),
            client_id(origin, symbol, SIDES[side], n),
            "{}",
            ts,
            BOOK,
            names.run_id,
            cycle,
            format_e8(notional),
            format_e8(reference),
            format_e8(slippage),
            format_e8(f.cost[row]) if side == _SELL else None,
            "resting" if f.resting[row] else "taking",
        )


class Orders:
    """The orders of one stretch: rows for those it submitted, changes for older ones.

    `gross` holds the exact sum of price x quantity of each order's fills, in 1e-16, by time and `n`. It comes
    with what open orders traded before the stretch, and is left with what those still open have traded.
    """

    def __init__(self, names: Names, gross: MutableMapping[tuple[int, int], int]) -> None:
        self.names = names
        self.gross = gross
        self.submitted: dict[tuple[int, int], Intent] = {}
        self.last: dict[tuple[int, int], tuple[Listed, int, str]] = {}

    def submit(self, time: int, intents: Sequence[Intent]) -> None:
        """Take note of the orders that a cycle submitted."""
        for intent in intents:
            if intent.planned:
                self.submitted[time, intent.n] = intent

    def happened(self, journal: Listed, rows: range, ts: str) -> None:
        """Take note of events: the last one of an order says how it stands."""
        for row in rows:
            self.last[journal.events.time[row], journal.events.n[row]] = (journal, row, ts)

    def filled(self, journal: Listed, rows: range) -> None:
        """Take note of fills."""
        f = journal.fills
        for row in rows:
            order = f.time[row], f.n[row]
            self.gross[order] = self.gross.get(order, 0) + f.price[row] * f.qty[row]

    def drop_ended(self) -> None:
        """Forget what ended orders traded: nothing is asked of them any more."""
        for order, (journal, row, _) in self.last.items():
            if journal.events.status[row] in _TERMINAL:
                self.gross.pop(order, None)

    def rows(self) -> Iterator[Row]:
        """Yield rows of stage7_orders for what this stretch submitted."""
        for (time, n), intent in self.submitted.items():
            filled, average, status, update, notional, fee, end = self._outcome(time, n)
            document = intent.document
            cycle = cycle_id(self.names.run_id, time)
            yield (
                order_id(cycle, n),
                document["client_order_id"],
                cycle,
                self.names.run_id,
                document["symbol"],
                document["side"],
                "LIMIT",
                document["price_try"],
                document["qty"],
                filled,
                average,
                status,
                intent.hash,
                update,
                notional,
                fee,
                stamp_text(time),
                end,
            )

    def changes(self) -> Iterator[Row]:
        """Yield changes to orders that earlier stretches submitted, or earlier runs of the book."""
        for time, n in self.last:
            if (time, n) not in self.submitted:
                yield (order_id(self.names.origin(time), n), *self._outcome(time, n))

    def _outcome(self, time: int, n: int) -> Row:
        journal, row, ts = self.last[time, n]
        e = journal.events
        status, filled, notional, code = e.status[row], e.filled[row], e.notional[row], e.code[row]
        # Not the notional over the quantity: that was rounded, and could look worse than the limit.
        average = average_price(self.gross[time, n], filled) if filled else None
        end = CODE_TEXTS[code] if status in _TERMINAL and code else None
        return (
            format_e8(filled),
            average,
            STATUSES[status],
            ts,
            format_e8(notional),
            format_e8(e.fee[row]),
            end,
        )


def average_price(gross: int, qty: int) -> str:
    """Return the average price of fills as text: the sum of price x quantity, in 1e-16, over their quantity
    in e8, rounded once, HALF_EVEN. It lies between the lowest and the highest of their prices."""
    whole, rest = divmod(gross, qty)
    return format_e8(half_even(whole, rest, qty))
