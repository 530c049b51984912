"""Everything a next cycle needs: cash, totals, lots, open orders, the running risk state, the tuned
parameters.

The state is a group of int64 columns that the kernels change in place. `state_document` turns it into a
JSON-able document and `restore_state` back, so that a run continues in another process as if it had never
stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from meva_core.amounts import ABSENT, E8, format_e8, join_pair
from meva_core.blocks import axes, copied, names_by_axes, new_group
from meva_core.errors import BadInput
from meva_core.modes import Mode
from meva_core.orders import TERMINAL, Side, Status

VERSION: Final = 2
"""What `state_document` writes. `restore_state` reads version 1, too: what it lacks is neutral."""
LATEST: Final = 253_402_300_799
"""The last second that can be written as text."""
_SINCE_2: Final = ("paid", "wanted")

# Places in `money`; each total is a pair (whole TRY, rest in e8) in two cells.
CASH: Final = 0
FEES: Final = 2
SLIPPAGE: Final = 4
TURNOVER: Final = 6
REALIZED: Final = 8
STARTING: Final = 10
EQUITY: Final = 12  # at the moment: after settling in assess, after this cycle's fills in account
NET: Final = 14
PEAK: Final = 16  # since the last reset; drawdown counts from it
PEAK_EVER: Final = 18  # of the whole book; max_drawdown counts from it
LOW: Final = 20  # lowest equity since PEAK_EVER
DAY_OPEN: Final = 22  # equity after the last cycle before this UTC day
LAST_EQUITY: Final = 24  # equity after the last cycle
FLOWS: Final = 26  # deposits less withdrawals since the book began
MONEY_CELLS: Final = 28

# Places in `facts`.
TIME: Final = 0  # of the last cycle, seconds; ABSENT before the first
DAY: Final = 1  # of the last cycle, days since 1970
STREAK: Final = 2  # losing SELL orders in a row
LATCHED: Final = 3  # a drawdown breach nobody has reset
FLOOR: Final = 4  # mode that a running cooldown enforces
UNTIL: Final = 5  # when it ends, seconds
LOSS_IN_COOLDOWN: Final = 6  # the loss guardrail fired since the cooldown began
TOKENS: Final = 7  # level of the submit bucket, 1e-6 tokens
TOKENS_TIME: Final = 8
OPEN_ORDERS: Final = 9
MAX_DRAWDOWN: Final = 10  # e8 ratio, over all cycles
ERROR: Final = 11  # a broken identity, see engine.py
NEED: Final = 12  # what the engine lacks room for, see engine.py
# Adaptation
PARAM_VERSION: Final = 13  # in force
LAST_VERSION: Final = 14  # highest given
GOOD_VERSION: Final = 15  # last one that proved good
CLEAN_CYCLES: Final = 16  # of this version, without a trigger
HEALTHY_CYCLES: Final = 17
THROTTLED_CYCLES: Final = 18
LOSING_CYCLES: Final = 19
RESTORED: Final = 20  # cycles of a restored version still to run before another rollback
# Books
OUTDATED: Final = 21  # the open orders were reckoned with other parameters: the next settle cancels them
FACT_CELLS: Final = 22

# Places in `tuned`, the parameters that adaptation may change.
UNIVERSE_SIZE: Final = 0
ORDER_OFFSET: Final = 1  # bps in e8
TURNOVER_CAP: Final = 2
MAX_ORDERS: Final = 3
MAX_SPREAD: Final = 4  # bps in e8, 0 = off
MIN_VOLUME: Final = 5
TUNED: Final = (
    "universe_size",
    "order_offset_bps",
    "turnover_cap_try",
    "max_orders",
    "max_spread_bps",
    "min_volume_try",
)


@axes(
    "k",
    M=("money",),
    F=("facts",),
    T=("tuned", "good_tuned"),
    i=(
        "qty",
        "cost",
        "paid",
        "wanted",
        "valuation",
        "valuation_time",
        "book_ts",
        "bid_left",
        "ask_left",
        "rank",
        "lot_first",
        "lot_count",
    ),
    il=("lot_qty", "lot_cost"),
)
class State(NamedTuple):
    """The columns of the state. Shapes: money, facts and tuned are vectors; [symbols]; lots [symbols, room];
    orders [room], the first facts[OPEN_ORDERS] in use, oldest first."""

    money: Any
    facts: Any
    tuned: Any
    good_tuned: Any
    qty: Any
    cost: Any  # sum of the lots' costs
    paid: Any  # for what is held, at average cost: notional and fee of BUYs less the shares of SELLs
    wanted: Any  # quantity that the last wish for it made at its cycle's mark, ABSENT before any wish
    valuation: Any  # last valuation mark, ABSENT before the first
    valuation_time: Any  # seconds
    book_ts: Any  # stamp of the newest row seen, micros
    bid_left: Any  # size that is left of that row
    ask_left: Any
    rank: Any  # symbols in the order of the last ranking
    lot_first: Any  # lots of a symbol form a ring
    lot_count: Any
    lot_qty: Any
    lot_cost: Any
    order_time: Any  # submission, seconds
    order_n: Any  # place among its cycle's intents
    order_symbol: Any
    order_side: Any
    order_status: Any
    order_limit: Any
    order_qty: Any
    order_filled: Any
    order_gross: Any  # exact sum of price x qty: in e8 ...
    order_gross_rest: Any  # ... and the rest below, in 1e-16
    order_notional: Any
    order_fee: Any
    order_reserved: Any  # BUY: cash for the whole order
    order_met: Any  # stamp of the book row it met last, micros
    order_seq: Any  # events so far
    order_fills: Any  # fills so far
    order_result: Any  # SELL: proceeds after fee less the cost of what it sold


SYMBOL_COLUMNS: Final = names_by_axes(State)["i"]
ORDER_COLUMNS: Final = names_by_axes(State)["k"]
_PLAIN: Final = tuple(n for n in SYMBOL_COLUMNS if not n.startswith("lot_") and n not in _SINCE_2)
"""The columns by symbol that documents of every version have."""


def new_state(symbols: int, starting_cash: int, tuned: Sequence[int], tokens: int, room: int = 64) -> State:
    """Return the state of a book before its first cycle.

    `starting_cash` in e8, `tuned` in the order of TUNED, `tokens` the full submit bucket in 1e-6 tokens.
    """
    state = _empty(symbols, room, room)
    for place in (CASH, STARTING, EQUITY, PEAK, PEAK_EVER, LOW, DAY_OPEN, LAST_EQUITY):
        state.money[place : place + 2] = divmod(starting_cash, E8)
    state.facts[[TIME, DAY]] = ABSENT
    state.facts[TOKENS] = tokens
    state.tuned[:] = state.good_tuned[:] = tuned
    return state


def _empty(symbols: int, lots: int, orders: int) -> State:
    """Return a state whose symbols have nothing yet."""
    state = _zeros(symbols, lots, orders)
    for column in (state.wanted, state.valuation, state.valuation_time, state.book_ts):
        column[:] = ABSENT
    state.rank[:] = np.arange(symbols)
    return state


def _zeros(symbols: int, lots: int, orders: int) -> State:
    sizes = {"M": MONEY_CELLS, "F": FACT_CELLS, "T": len(TUNED)}
    state: State = new_group(State, i=symbols, l=lots, k=orders, **sizes)
    return state


def copy_state(state: State) -> State:
    """Return an independent copy."""
    copy: State = copied(state)
    return copy


def with_room(state: State, lots: int, orders: int) -> State:
    """Return the same state with room for so many lots per symbol and so many open orders."""
    symbols, before = state.lot_qty.shape
    grown = _zeros(symbols, lots, orders)
    for name in ("money", "facts", "tuned", "good_tuned", *SYMBOL_COLUMNS):
        getattr(grown, name)[:] = getattr(state, name)
    grown.lot_first[:] = 0
    for name in ("lot_qty", "lot_cost"):
        for i in range(symbols):
            places = (state.lot_first[i] + np.arange(state.lot_count[i])) % before
            getattr(grown, name)[i, : len(places)] = getattr(state, name)[i, places]
    count = min(len(state.order_time), orders)
    for name in ORDER_COLUMNS:
        getattr(grown, name)[:count] = getattr(state, name)[:count]
    return grown


def with_symbols(state: State, before: Sequence[str], after: Sequence[str]) -> State:
    """Return the state of a book of symbols `before` for a book of symbols `after`: each keeps what it had,
    by name, and a new one has nothing yet. Of the book itself everything stays.

    Raises BadInput for names that do not fit the state or are there twice, and for a symbol that is held or
    has an open order and would be left out: neither may be lost without a word.
    """
    for symbols in (before, after):
        if len(set(symbols)) < len(symbols):
            raise BadInput(f"state: a symbol is named twice in {list(symbols)}")
    if len(before) != len(state.qty):
        raise BadInput(f"state: it is for {len(state.qty)} symbols, not for {list(before)}")
    _refuse_to_lose(state, before, after)
    places = {symbol: i for i, symbol in enumerate(before)}
    to = [i for i, symbol in enumerate(after) if symbol in places]
    of = [places[after[i]] for i in to]
    moved = dict(zip(of, to, strict=True))
    carried = _empty(len(after), state.lot_qty.shape[1], len(state.order_time))
    for name in ("money", "facts", "tuned", "good_tuned", *ORDER_COLUMNS):
        getattr(carried, name)[:] = getattr(state, name)
    for name in (*SYMBOL_COLUMNS, "lot_qty", "lot_cost"):
        getattr(carried, name)[to] = getattr(state, name)[of]
    used = int(state.facts[OPEN_ORDERS])
    carried.order_symbol[:used] = [moved[i] for i in state.order_symbol[:used].tolist()]
    carried.order_symbol[used:] = 0
    ranked = [moved[i] for i in state.rank.tolist() if i in moved]
    carried.rank[:] = [*ranked, *sorted(set(range(len(after))) - set(ranked))]
    return carried


def _refuse_to_lose(state: State, before: Sequence[str], after: Sequence[str]) -> None:
    """Refuse to leave out symbols of which something is held or on order; raises BadInput that names them."""
    ordered = set(state.order_symbol[: int(state.facts[OPEN_ORDERS])].tolist())
    kept, lost = set(after), []
    for i, symbol in enumerate(before):
        held = bool(state.qty[i] or state.lot_count[i])
        if symbol not in kept and (held or i in ordered):
            parts = [f"{format_e8(int(state.qty[i]))} held"] * held + ["an open order"] * (i in ordered)
            lost.append(f"{symbol} ({', '.join(parts)})")
    if lost:
        raise BadInput(
            f"state: {', '.join(lost)} would be left out of the symbols, and lost",
            action="keep them among the symbols until they are sold and their orders have ended",
        )


def starting_cash(state: State) -> int:
    """Return the cash that the book began with, e8."""
    return join_pair(int(state.money[STARTING]), int(state.money[STARTING + 1]))


def open_gross(state: State) -> dict[tuple[int, int], int]:
    """Return what each open order has traded so far, the exact sum of price x quantity in 1e-16, by its
    submission time and `n`."""
    used = range(int(state.facts[OPEN_ORDERS]))
    return {
        (int(state.order_time[k]), int(state.order_n[k])): join_pair(
            int(state.order_gross[k]), int(state.order_gross_rest[k])
        )
        for k in used
        if state.order_filled[k]
    }


class OtherVersion(BadInput):
    """A state that another version of Meva wrote, which this one does not read."""


def state_document(state: State, symbols: Sequence[str]) -> dict[str, Any]:
    """Return the state as plain ints, lists and dicts: equal states give equal documents, whatever their
    room."""
    used = int(state.facts[OPEN_ORDERS])
    room = state.lot_qty.shape[1]
    lots = []
    for i in range(len(symbols)):
        places = (int(state.lot_first[i]) + np.arange(int(state.lot_count[i]))) % room
        lots.append([state.lot_qty[i, places].tolist(), state.lot_cost[i, places].tolist()])
    facts = state.facts.tolist()
    facts[NEED] = 0  # that is of this run's room
    return {
        "version": VERSION,
        "symbols": list(symbols),
        "facts": facts,
        **{
            name: getattr(state, name).tolist()
            for name in ("money", "tuned", "good_tuned", *_PLAIN, *_SINCE_2)
        },
        "lots": lots,
        "orders": {
            name.removeprefix("order_"): getattr(state, name)[:used].tolist() for name in ORDER_COLUMNS
        },
    }


def as_version_1(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state's document as version 1 had it: without wishes, what was paid, and flows."""
    kept = {name: value for name, value in document.items() if name not in _SINCE_2}
    return {**kept, "version": 1, "money": document["money"][:FLOWS]}


def restore_state(document: Mapping[str, Any], symbols: Sequence[str]) -> State:
    """Return the state that `state_document` described, today or in version 1.

    Version 1 had no wishes, no flows and no outdated orders, and of what was paid only what the lots cost.
    Raises OtherVersion for a document of another version, BadInput for one of other symbols or with what no
    state holds; what else reading a damaged one may raise is `UNREADABLE` of `stretches.recorded`.
    """
    version = document.get("version")
    if version not in (1, VERSION):
        raise OtherVersion(
            f"state: version {version!r}, but this program reads versions 1 and {VERSION}",
            action="go on with the version of Meva that wrote it",
        )
    if list(document["symbols"]) != list(symbols):
        raise BadInput(f"state: it is for {document['symbols']}, not for {list(symbols)}")
    used = len(document["orders"]["time"])
    most = max((len(lots[0]) for lots in document["lots"]), default=0)
    state = _zeros(len(symbols), max(64, 2 * most, 2 * used), max(64, 2 * most, 2 * used))
    lacking = [0, 0] if version == 1 else []
    _fill(state.money, [*document["money"], *lacking], "money")
    _fill(state.facts, [*document["facts"], *lacking[:1]], "facts")
    state.wanted[:] = ABSENT
    since = () if version == 1 else _SINCE_2
    for name in ("tuned", "good_tuned", *_PLAIN, *since):
        _fill(getattr(state, name), document[name], name)
    for i, (quantities, costs) in enumerate(document["lots"]):
        state.lot_count[i] = len(quantities)
        _fill(state.lot_qty[i, : len(quantities)], quantities, f"lots of {symbols[i]}")
        _fill(state.lot_cost[i, : len(quantities)], costs, f"lots of {symbols[i]}")
        if version == 1:
            state.paid[i] = sum(costs)
    for name in ORDER_COLUMNS:
        short = name.removeprefix("order_")
        _fill(getattr(state, name)[:used], document["orders"][short], f"orders.{short}")
    _refuse_impossible(state, used)
    return state


def _fill(cells: Any, values: Sequence[int], name: str) -> None:
    """Put numbers into cells; raises BadInput where they are not as many whole numbers of 64 bits."""
    found = np.asarray(values) if len(values) else np.empty(0, dtype=np.int64)
    if found.dtype != np.int64 or found.shape != cells.shape:
        raise BadInput(f"state: {name} is not {cells.size} whole numbers")
    cells[:] = found


def _refuse_impossible(state: State, used: int) -> None:
    """Raise BadInput where a number of a state is the place or the name of nothing: it would be looked up."""
    symbols, facts = len(state.qty), state.facts.tolist()
    if facts[OPEN_ORDERS] != used:
        raise BadInput(f"state: it has {used} open orders and says {facts[OPEN_ORDERS]}")
    if sorted(state.rank.tolist()) != list(range(symbols)):
        raise BadInput(f"state: rank is not an order of its {symbols} symbols")
    most = {
        "a symbol of an order": (state.order_symbol[:used], symbols - 1),
        "a side of an order": (state.order_side[:used], max(Side)),
        "a status of an order": (state.order_status[:used], max(Status)),
        "a time": (state.facts[[TIME, UNTIL]], LATEST),
        "the floor": (state.facts[[FLOOR]], max(Mode)),
        "the latch": (state.facts[[LATCHED]], 1),
    }
    for name, (found, last) in most.items():
        for number in found.tolist():
            if not (0 <= number <= last or (name == "a time" and number == ABSENT)):
                raise BadInput(f"state: {name} is {number}, which is not 0 to {last}")
    if TERMINAL.intersection(state.order_status[:used].tolist()):
        raise BadInput("state: an open order has ended")
