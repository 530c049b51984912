"""Why a recorded cycle did, or did not, trade: the mode and its parts, every reason, every symbol's fate, and
what was traded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen

from meva_core.chains import refuse_lost
from meva_core.errors import BadInput
from meva_core.history.limits import Limits, limits_of
from meva_core.history.recorded import (
    LEGACY_COLUMNS,
    OK,
    ON_TARGET,
    ModeParts,
    main_reason,
    mode_parts,
    reasons_of,
    told_code,
)
from meva_core.history.window import (
    LEGACY,
    RUN_METRICS,
    TRACE,
    Decode,
    StoredRow,
    Window,
    choose_window,
    cycles,
    document,
    find_cycle,
)
from meva_core.ids import run_and_time
from meva_core.ports import Reads
from meva_core.reasons import Reason

BACKTEST: Final = "backtest"
_TRACE: Final = (*LEGACY_COLUMNS, "reasons_json", "portfolio_plan_json")
_METRICS: Final = ("mode_base", "mode_final", "oms_submitted_count")


@frozen
class Input:
    """A part of the mode that came from outside the cycle: when it was decided, and how old it then was.

    `note` says what it is when there is no age.
    """

    name: str
    note: str
    age_seconds: int | None = None


@frozen
class Fate:
    """What became of a symbol: its reason, the code it is told by, and the plan's figures (texts in TRY, None
    where the trace was brief); with a strategy also the weight that it gave, None where it went on as
    decided, and what is wished for."""

    reason: Reason
    told: str
    target_try: str | None = None
    value_try: str | None = None
    delta_try: str | None = None
    weight: str | None = None
    wish_try: str | None = None

    @property
    def ordered(self) -> bool:
        """Whether an order was placed."""
        return self.reason.code == OK

    @property
    def on_target(self) -> bool:
        """Whether what is held and on order is what the plan wants, within one least order."""
        return self.told == ON_TARGET


@frozen
class Placed:
    """An order that the cycle placed, and how it stands now."""

    symbol: str
    side: str
    qty: Any
    price_try: Any
    notional_try: Any
    status: str
    filled_qty: Any
    avg_fill_price_try: Any
    end_reason: str | None
    client_order_id: str


@frozen
class Filled:
    """A fill in the cycle, of its own order or of one that was open before."""

    symbol: str
    side: str | None
    qty: Any
    price_try: Any
    notional_try: Any
    fee_try: Any
    slippage_try: Any
    liquidity: str | None
    client_order_id: str | None


@frozen
class Ended:
    """An order that was canceled or rejected in the cycle."""

    client_order_id: str
    event: str
    reason: str | None


@frozen
class Explained:
    """All that can be said about a cycle. `trace` is `full`, `changes` (a quiet cycle, kept briefly) or
    `legacy`; `main` is the code that says most about why no order was placed."""

    run_id: str
    kind: str
    limits: Limits
    cycle_id: str
    ts: Any
    trace: str
    mode: ModeParts
    inputs: Sequence[Input]
    reasons: Sequence[Reason]
    fates: Sequence[Fate]
    main: str
    placed: Sequence[Placed]
    filled: Sequence[Filled]
    ended: Sequence[Ended]


def cycle_named(reads: Reads, cycle: str, run_id: str | None) -> Window:
    """Return the window of the one cycle of that id. Raises BadInput if there is none, or not in that run,
    StoreCorrupt if it is of a run that lost cycles."""
    found, named = find_cycle(reads, cycle), run_and_time(cycle)
    if found is None and named is not None:
        refuse_lost(reads, named[0])
    if found is None:
        raise BadInput(
            f"there is no cycle {cycle!r}",
            action="name a cycle as `meva report` shows it, or a time such as 2026-01-31T12:00:00Z",
        )
    of, ts = found
    if run_id is not None and run_id != of:
        raise BadInput(f"cycle {cycle} is of run {of}, not of {run_id}", action=f"leave out --run {run_id}")
    moment = ts if isinstance(ts, datetime) else None
    return Window(of, cycle, ts, ts, moment, moment)


def cycle_at(reads: Reads, run_id: str, moment: datetime) -> Window:
    """Return the window of a run's newest cycle at or before a time. Raises BadInput if there is none."""
    window = choose_window(reads, run_id, end=moment, last=1)
    return cycle_named(reads, window.first_cycle, run_id)


def explain_cycle(reads: Reads, window: Window, decode: Decode) -> Explained:
    """Return what is recorded about the first cycle of a window."""
    row = next(cycles(reads, window, {TRACE: _TRACE, RUN_METRICS: _METRICS}))
    run = reads.run(window.run_id) or {}
    limits = limits_of(window.run_id, run, decode)
    reasons = reasons_of(window.run_id, row, decode)
    kind = str(run.get("kind", LEGACY))
    return Explained(
        run_id=window.run_id,
        kind=kind,
        limits=limits,
        cycle_id=row["cycle_id"],
        ts=row["ts"],
        trace=_level(window.run_id, row),
        mode=mode_parts(row, reasons, limits.settings, decode),
        inputs=tuple(_inputs(reads, kind, row["ts"])),
        reasons=[reason for reason in reasons if not reason.scope],
        fates=list(_fates(reasons, document(decode, row["portfolio_plan_json"], {}), limits)),
        main=main_reason(reasons, limits.largest_position),
        placed=list(_placed(reads, window, row)),
        filled=list(_filled(reads, window, row)),
        ended=list(_ended(reads, window, row, decode)),
    )


def _level(run_id: str, row: StoredRow) -> str:
    if run_id == LEGACY:
        return LEGACY
    return "full" if row["mode_json"] not in (None, "{}") else "changes"


def _fates(reasons: Sequence[Reason], plan: Mapping[str, Any], limits: Limits) -> Iterator[Fate]:
    symbols = plan.get("symbols", [])
    columns = [plan.get(name, []) for name in ("target_try", "value_try", "delta_try")]
    wished = [plan[name] for name in ("weight", "wish_try") if name in plan]
    figures = {symbol: values for symbol, *values in zip(symbols, *columns, *wished, strict=False)}
    for reason in reasons:
        if reason.scope:
            told = told_code(reason, limits.largest_position)
            yield Fate(reason, told, *figures.get(reason.scope, ()))


# -- Parts of the mode from outside -----------------------------------------------------------------------


def _inputs(reads: Reads, kind: str, ts: Any) -> Iterator[Input]:
    """Yield base mode and degrade override with their age at the time of the cycle."""
    if kind == BACKTEST:
        yield Input("base", "a backtest reads no risk decisions of Stage 4")
        yield Input("override", "a backtest reads no degrade state")
        return
    moment = ts if isinstance(ts, datetime) else None
    live = {"book": None}
    decisions = reads.rows("risk_decisions", ("ts",), end=moment, where=live, newest_first=True, limit=1)
    yield _input("base", "risk decision", next(decisions, None), moment)
    states = reads.rows("degrade_state_current", ("updated_at",), limit=1)
    yield _input("override", "degrade state", next(states, None), moment)


def _input(name: str, what: str, row: tuple[Any, ...] | None, moment: datetime | None) -> Input:
    """Return an input by the row that held it; one that changed after the cycle says nothing about it."""
    decided = row[0] if row else None
    if moment is None or not isinstance(decided, datetime) or decided > moment:
        return Input(name, f"no {what} from before the cycle")
    return Input(name, f"Stage 4's {what}", (moment - decided) // timedelta(seconds=1))


# -- What was traded --------------------------------------------------------------------------------------

_PLACED: Final = (
    "symbol",
    "side",
    "qty",
    "price_try",
    "notional_try",
    "status",
    "filled_qty",
    "avg_fill_price_try",
    "end_reason",
    "client_order_id",
)
_FILLED: Final = (
    "symbol",
    "side",
    "qty",
    "price",
    "notional_try",
    "fee",
    "slippage_try",
    "liquidity",
    "client_order_id",
)


def _of_cycle(
    reads: Reads, table: str, columns: Sequence[str], window: Window, row: StoredRow
) -> Iterator[Any]:
    """Yield a cycle's rows of a table; the time spares our own tables a search for the id."""
    moment = None if window.run_id == LEGACY else row["ts"]
    where = {"cycle_id": row["cycle_id"]}
    yield from reads.rows(table, columns, run_id=window.run_id, start=moment, end=moment, where=where)


def _placed(reads: Reads, window: Window, row: StoredRow) -> Iterator[Placed]:
    found = (Placed(*values) for values in _of_cycle(reads, "stage7_orders", _PLACED, window, row))
    return iter(sorted(found, key=_place))


def _place(order: Placed) -> tuple[int, str]:
    """Return what sorts orders by the number at the end of their ids."""
    number = order.client_order_id.rpartition(":")[2]
    return len(number), number


def _filled(reads: Reads, window: Window, row: StoredRow) -> Iterator[Filled]:
    if window.run_id != LEGACY:
        yield from (Filled(*values) for values in _of_cycle(reads, "ledger_events", _FILLED, window, row))
        return
    # Its fills name their orders, not their cycle.
    for order in _placed(reads, window, row):
        where = {"client_order_id": order.client_order_id, "type": "FILL"}
        found = reads.rows("ledger_events", _FILLED, run_id=LEGACY, where=where)
        yield from (Filled(*values) for values in found)


def _ended(reads: Reads, window: Window, row: StoredRow, decode: Decode) -> Iterator[Ended]:
    columns = ("client_order_id", "event_type", "payload_json")
    for client, event, payload in _of_cycle(reads, "stage7_order_events", columns, window, row):
        if event in ("CANCELED", "REJECTED"):
            yield Ended(client, event, document(decode, payload, {}).get("reason"))
