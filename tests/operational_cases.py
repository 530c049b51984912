"""Inputs of a cycle, as tests of a decision write them: amounts as text in TRY and coins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from meva_core.amounts import mul_e8, parse_e8
from meva_core.live_history.cycles import Opened
from meva_core.operational.decide import Decided, decide
from meva_core.operational.inputs import (
    Balances,
    BookView,
    Inputs,
    Listed,
    OwnOrder,
    Position,
    RiskState,
    SymbolView,
)
from meva_core.operational.limits import limits_from
from meva_core.orders import Side
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.settings import build_settings
from meva_core.strategy import Intent, Strategy

TIME = 1_800_000_000
DAY = TIME // 86_400
CYCLE = "aaaaaaa-20270115080000"
UNHURRIED = {
    "SYMBOLS": "BTCTRY,ETHTRY,SOLTRY",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "5000",
    "MAX_ORDERS_PER_CYCLE": "20",
    "MAX_OPEN_ORDERS": "20",
    "MAX_OPEN_ORDERS_PER_SYMBOL": "20",
}
"""Settings that leave a case to the limit that it is about."""


def e8(text: str | int) -> int:
    return parse_e8(str(text))


def maybe(text: str | int | None) -> int | None:
    return None if text is None else e8(text)


def rules(name: str, **changes: Any) -> SymbolRules:
    given: dict[str, Any] = {
        "symbol": name,
        "status": RuleStatus.OK,
        "tick_size": Decimal(1),
        "lot_size": Decimal("0.00000001"),
        "min_notional_try": Decimal("99.91"),
        "quote": "TRY",
    }
    return SymbolRules(**(given | changes))


def symbol(name: str, mark: str | None, spread: str = "0", /, **changes: Any) -> SymbolView:
    """Return a symbol with a fresh book around its mark; `rules` changes single ones."""
    made = rules(name, **changes.pop("rules", {}))
    middle, half = maybe(mark), e8(spread) // 2
    given: dict[str, Any] = {
        "name": name,
        "rules": made,
        "bid": None if middle is None else middle - half,
        "ask": None if middle is None else middle + half,
        "mark": middle,
        "valuation": middle,
        "last": middle,
        "age": 1,
        "quote_volume": e8(1_000_000),
    }
    return SymbolView(**(given | changes))


MARKET = (symbol("BTCTRY", "3000000"), symbol("ETHTRY", "100000"), symbol("SOLTRY", "5000"))


def order(
    name: str, side: Side, price: str, qty: str, *, age: int = 10, client_id: str = "", **changes: Any
) -> OwnOrder:
    """Return an own order that rests, of so many seconds ago, decided at its price."""
    given: dict[str, Any] = {
        "client_id": client_id or f"s4:aaaaaaa-20270115075950:{name}:{side.name[0]}:0",
        "exchange_id": "1",
        "symbol": name,
        "side": side,
        "price": e8(price),
        "qty": e8(qty),
        "left": e8(qty),
        "standing": "open",
        "created": (TIME - age) * 10**6,
        "decision_mark": e8(price),
    }
    return OwnOrder(**(given | changes))


def holding(name: str, qty: str, paid: str, market: Iterable[SymbolView] = MARKET) -> Position:
    """Return a position valued at the market's mark."""
    valuation = next((seen.valuation for seen in market if seen.name == name), None)
    return Position(name, e8(qty), e8(paid), mul_e8(e8(qty), valuation) if valuation else 0)


def inputs(
    *,
    stage: int = 4,
    cash: str = "10000",
    held: Mapping[str, tuple[str, str]] | None = None,
    market: Iterable[SymbolView] = MARKET,
    settings: Mapping[str, str] | None = None,
    free: Mapping[str, str] | None = None,
    fee: str = "24",
    peak: str | None = None,
    day_open: str | None = None,
    **changes: Any,
) -> Inputs:
    """Return the inputs of a cycle. `held` is (quantity, cost) by symbol; all of it is free, so is cash."""
    market = tuple(market)
    positions = tuple(holding(name, qty, paid, market) for name, (qty, paid) in (held or {}).items())
    book = BookView(e8(cash), positions)
    balances = {"TRY": cash} | {name.removesuffix("TRY"): qty for name, (qty, _) in (held or {}).items()}
    top = book.equity if peak is None else e8(peak)
    risk = changes.pop("risk", {})
    given: dict[str, Any] = {
        "book": "live",
        "stage": stage,
        "cycle": CYCLE,
        "time": TIME,
        "limits": limits_from(build_settings(UNHURRIED | dict(settings or {}))),
        "effective_fee": e8(fee),
        "symbols": market,
        "positions": book,
        "balances": Balances({asset: e8(amount) for asset, amount in (balances | dict(free or {})).items()}),
        "risk": RiskState(
            **{
                "peak": top,
                "percent_peak": top,
                "day": DAY,
                "day_open": book.equity if day_open is None else e8(day_open),
                **risk,
            }
        ),
        "strategies": (Listed("says"),),
    }
    return Inputs(**(given | changes))


class Says(Strategy):
    """Answers with what a test says; not pure, and so for tests alone."""

    answer: Any = None

    def decide(self, view: Any, memory: dict[str, Any]) -> Any:
        memory["asked"] = memory.get("asked", 0) + 1
        answer = self.answer
        return answer(view, memory) if callable(answer) else answer


def saying(answer: Any) -> Says:
    """Return a strategy that answers with this, or with what this function of view and memory gives."""
    made = Says()
    object.__setattr__(made, "answer", answer)
    return made


def decided(answer: Any = (), **given: Any) -> Decided:
    """Return what is decided of these inputs when the one strategy answers so."""
    return decide(inputs(**given), {"says": saying(answer)})


def opened(found: Decided) -> Opened:
    """Return a cycle as it is read back, after it was decided so."""
    made = found.inputs
    return Opened(
        book=made.book,
        run="aaaaaaa",
        cycle=made.cycle,
        ts=datetime.fromtimestamp(made.time, UTC),
        stage=made.stage,
        is_dry=made.dry,
        status="done",
        code_version="0",
        settings={},
        inputs=made,
        decisions=found.decisions,
        outcomes={},
        not_done={},
    )


def buy(name: str, amount: str, **given: Any) -> Intent:
    return Intent(name, Side.BUY, amount, **given)


def sell(name: str, qty: str, **given: Any) -> Intent:
    return Intent(name, Side.SELL, qty=qty, **given)


def why(found: Decided, name: str) -> str:
    """Return the code by which something that was asked for of a symbol was dropped; `sent` if it was not."""
    if any(action.client_id and action.symbol == name for action in found.decisions.actions):
        return "sent"
    return next(one.reason.code for one in found.decisions.dropped if one.symbol == name)


def sent(found: Decided) -> list[tuple[str, str, str]]:
    """Return the actions as (kind, symbol, side)."""
    return [(str(action.kind), action.symbol, action.side.name) for action in found.decisions.actions]
