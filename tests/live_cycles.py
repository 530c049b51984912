"""Books, fills and decided cycles of Stages 3 and 4 as tests of what is stored write them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import evolve

from meva_core.amounts import mul_e8, parse_e8
from meva_core.ids import DAY, cycle_id
from meva_core.live.standing import Standing
from meva_core.live_book.attribution import Ours
from meva_core.live_book.batch import Batch, BatchBooked, book_batch
from meva_core.live_book.book import LiveBook
from meva_core.live_book.opening import Read, opened
from meva_core.live_book.own_orders import OwnOrder
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.decided_rows import Cycle
from meva_core.operational.decide import decide
from meva_core.operational.inputs import (
    Alarm,
    Balances,
    BookView,
    Inputs,
    Listed,
    Position,
    RiskState,
    SymbolView,
)
from meva_core.operational.limits import limits_from
from meva_core.orders import Side
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.settings import build_settings
from meva_core.strategy import Strategy
from meva_core.venue import Balance, VenueFill

SECOND = 10**6
OPENED = 1_800_000_000
"""When the books of these tests are opened, seconds."""
ACCOUNT = "0123456789abcdef"
MARKS = {"BTCTRY": parse_e8("3000000"), "ETHTRY": parse_e8("100000")}
SETTINGS = {
    "SYMBOLS": "BTCTRY,ETHTRY",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "5000",
    "RISK_MAX_GROSS_EXPOSURE_TRY": "1000000",
    "RISK_MAX_POSITION_PCT": "1",
}


def a_book(name: str = "live", cash: str = "100000") -> LiveBook:
    """Return a book that was just opened with cash alone."""
    read = Read(OPENED * SECOND, {"TRY": Balance("TRY", Decimal(cash), Decimal(0))})
    return opened(name, ACCOUNT, read, MARKS)


def an_order(side: Side = Side.BUY, order_id: str = "77", mark: str = "2999000", **more: Any) -> OwnOrder:
    """Return an own order of one BTC."""
    return OwnOrder(
        "BTCTRY", side, Decimal(3_000_000), Decimal(1), Standing.OPEN, order_id=order_id, mark=parse_e8(mark),
        client_id=f"s4:aaaaaaa-20270115080000:BTCTRY:{side.name[0]}:{order_id}",
        created=OPENED * SECOND, **more,
    )  # fmt: skip


def a_fill(
    fill_id: str, qty: str, price: str, fee: str = "0", order: OwnOrder | None = None, **more: Any
) -> VenueFill:
    """Return a fill ten seconds after the opening; of nobody's order that we know unless one is given."""
    given: dict[str, Any] = {
        "fill_id": fill_id,
        "order_id": "9" if order is None else order.order_id,
        "client_id": None if order is None else order.client_id,
        "symbol": "BTCTRY",
        "side": Side.BUY if order is None else order.side,
        "price": Decimal(price),
        "qty": Decimal(qty),
        "fee": Decimal(fee),
        "fee_asset": "TRY",
        "ts": (OPENED + 10) * SECOND,
    }
    return VenueFill(**(given | more))


def book_fills(
    book: LiveBook,
    *fills: VenueFill,
    orders: tuple[OwnOrder, ...] = (),
    known: Mapping[str, Any] | None = None,
) -> BatchBooked:
    """Book fills of BTCTRY as one read brought them."""
    batch = Batch("BTCTRY", fills, known or {}, True, (OPENED + 20) * SECOND)
    found = book_batch(book, batch, Ours(orders), MARKS)
    moved = {**found.booked.book.cursors, "BTCTRY": (OPENED - 100) * 1000}
    return evolve(found, booked=found.booked.changed(cursors=moved))


def a_symbol(name: str) -> SymbolView:
    """Return a symbol with a fresh book around its mark."""
    rules = SymbolRules(
        symbol=name, status=RuleStatus.OK, tick_size=Decimal(1), lot_size=Decimal("0.00000001"),
        min_notional_try=Decimal("99.91"), quote="TRY",
    )  # fmt: skip
    mark = MARKS[name]
    return SymbolView(
        name=name, rules=rules, bid=mark, ask=mark, mark=mark, valuation=mark, last=mark, age=1,
        quote_volume=parse_e8("1000000"),
    )  # fmt: skip


def a_cycle(
    book: LiveBook,
    strategies: Mapping[str, Strategy],
    *,
    after: int = 60,
    stage: int = 4,
    identities: Mapping[str, Mapping[str, Any]] | None = None,
    carried: Carried | None = None,
    **changes: Any,
) -> Cycle:
    """Return a cycle of a book so many seconds after its opening, decided by these strategies."""
    time = OPENED + after
    held = tuple(
        Position(symbol, holding.qty, holding.paid, mul_e8(holding.qty, MARKS[symbol]))
        for symbol, holding in book.ledger.holdings.items()
    )
    free = {"TRY": book.ledger.cash} | {one.symbol.removesuffix("TRY"): one.qty for one in held}
    today = book.ledger.day(time // DAY)
    risk = RiskState(
        peak=book.figures.peak, percent_peak=book.figures.peak_percent, day=time // DAY,
        day_open=book.figures.day_open, fees_today=today.fees, realized_today=today.realized,
    )  # fmt: skip
    given: dict[str, Any] = {
        "book": book.name,
        "stage": stage,
        "cycle": cycle_id(book.run, time),
        "time": time,
        "dry": book.name != "live",
        "limits": limits_from(build_settings(SETTINGS)),
        "effective_fee": parse_e8("24"),
        "symbols": tuple(map(a_symbol, sorted(MARKS))),
        "positions": BookView(book.ledger.cash, held),
        "balances": Balances(free),
        "risk": risk,
        "degrade": (carried or Carried()).degrade,
        "strategies": tuple(Listed(name, identity=(identities or {}).get(name, {})) for name in strategies),
        "memories": book.memories,
        "wanted": book.wanted,
        "alarms": tuple(Alarm(str(one.code), one.about, one.mode) for one in book.alarms),
    }
    return Cycle(
        decided=decide(Inputs(**(given | changes)), strategies), settings=SETTINGS, code_version="1.2.3"
    )
