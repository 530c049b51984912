"""Inputs of cycles of Stages 3 and 4, drawn at random, with much in the way of everything; and what a
strategy might answer."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from operational_cases import TIME, Says, e8, inputs, order, saying, symbol

from meva_core.modes import Mode
from meva_core.operational.inputs import Alarm, Inputs, Sent, Signals
from meva_core.orders import Side
from meva_core.strategy import Intent, Target
from meva_core.strategy.intents import Purpose

NAMES = ("AAATRY", "BTCTRY", "ETHTRY", "SOLTRY", "XRPTRY")
MARKS = ("0.01234567", "4.5", "5000", "100000", "3000000")
STANDINGS = (*["open"] * 12, *["partially_filled"] * 4, "cancel_requested", "unknown", "sending", "filled")


def drawn(random: Random) -> tuple[Inputs, Says]:
    """Return inputs and a strategy."""
    market, held, orders = [], {}, []
    for name, mark in zip(NAMES, MARKS, strict=True):
        price = Decimal(mark) * random.choice((1, 1, 1, 1, Decimal("1.013")))
        text = f"{price:.8f}"
        rules = {"tick_size": Decimal(random.choice(("0.00000001", "0.00000001", "0.01", "1")))}
        age = random.choice((0, 1, 2, 3, 5, 8, 29, 30, 31, None))
        whole = random.choice((*[text] * 9, None))
        market.append(symbol(name, whole, "0", rules=rules, age=age, valuation=e8(text)))
        if random.random() < 0.6:
            qty = Decimal(random.choice((0, 5, 60, 700, 900, 1500))) / Decimal(mark)
            if qty > Decimal("0.00000001"):
                paid = qty * Decimal(mark) * random.choice((1, 1, Decimal("0.9")))
                held[name] = (f"{qty:.8f}", f"{paid:.8f}")
        for n in range(random.choice((*[0] * 7, 1, 1, 2))):
            qty = Decimal(random.choice((100, 150, 400))) / Decimal(mark)
            orders.append(
                order(
                    name, random.choice(tuple(Side)), text, f"{qty:.8f}",
                    age=random.choice((1, 60, 120, 900)),
                    standing=random.choice(STANDINGS), client_id=f"s4:{name}:{n}",
                    decision_mark=random.choice((e8(text), None, e8(text) * 99 // 100 or 1)),
                )
            )  # fmt: skip
    settings = {
        "SYMBOLS": ",".join(random.sample(NAMES, random.randint(3, 5))),
        "NOTIONAL_CAP_TRY_PER_CYCLE": random.choice(("0", "300", "1000", "5000", "5000")),
        "MAX_ORDERS_PER_CYCLE": random.choice(("1", "3", "20", "20")),
        "MAX_OPEN_ORDERS": random.choice(("0", "4", "20", "20")),
        "MAX_POSITION_NOTIONAL_TRY": random.choice(("200", "5000")),
        "RISK_MAX_GROSS_EXPOSURE_TRY": random.choice(("3000", "50000", "50000")),
        "RISK_MAX_POSITION_PCT": random.choice(("0.30", "1", "1", "1")),
        "RISK_MAX_ORDER_NOTIONAL_TRY": random.choice(("250", "3000")),
        "MAX_DRAWDOWN_PCT": random.choice(("10", "100")),
        "TRY_CASH_TARGET": random.choice(("0", "300")),
    }
    made = inputs(
        stage=random.choice((3, 4, 4)),
        cash=random.choice(("0", "150.5", "900", "2500", "10000", "10000")),
        held=held,
        market=market,
        orders=orders,
        settings=settings,
        fee=random.choice(("0", "12.5", "24")),
        peak=random.choice((*[None] * 9, "50000")),
        kill=random.choice((*[""] * 12, "cancels", "all")),
        dry=random.random() < 0.2,
        alarms=random.choice(
            (*[()] * 9, (Alarm("absent", "7", Mode.REDUCE_RISK_ONLY),), (Alarm("K1", "7"),))
        ),
        blocked=random.choice(({}, {}, {"BTCTRY": "looks_like_ours"})),
        wanted=random.choice(({}, {"ETHTRY": e8("0.01")})),
        last_sent=[Sent("ETHTRY", Side.BUY, (TIME - 30) * 10**6)],
        signals=Signals(refusals=random.choice((0, 0, 9)), stalls={"ETHTRY": random.choice((0, 7))}),
        memories={"says": '{"asked":7}'},
    )
    return made, saying(an_answer(random))


def an_answer(random: Random) -> Any:
    if random.random() < 0.3:
        return {name: random.choice((0.0, 0.1, 0.19, float("nan"))) for name in random.sample(NAMES, 4)}
    return [_asked(random, random.choice(NAMES)) for _ in range(random.randint(0, 7))]


def _asked(random: Random, name: str) -> Intent | Target:
    amount, mark = (
        random.choice(("0", "60", "120", "150", "300", "400", "2500")),
        Decimal(MARKS[NAMES.index(name)]),
    )
    kind = random.random()
    if kind < 0.2:
        return Target(name, value_try=amount)
    limit = random.choice((None, None, None, mark, mark * Decimal("1.01"), mark * Decimal("0.99")))
    if kind < 0.6:
        return Intent(name, Side.BUY, amount, limit=limit)
    purpose = random.choice((Purpose.PROFIT, Purpose.REDUCE))
    if kind < 0.8:
        return Intent(name, Side.SELL, amount, limit=limit, purpose=purpose)
    return Intent(name, Side.SELL, qty=Decimal(amount) / mark, limit=limit, purpose=purpose)
