"""Laws of reading an account over many cycles: orders fill late, a person trades by hand, money and coins
come and go, answers are missing, the process starts anew. Once things are quiet the book agrees with the
exchange to the last digit, whatever happened in whatever order."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from cycles import Lived, lived
from fresh_database import fresh_file
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from meva_adapters.sql.store import writer
from meva_core.errors import Unavailable
from meva_core.operating.steps.settling import BY_NAME
from meva_core.orders import Side
from meva_core.venue import OrderState

CALLS = (
    "book",
    "tickers",
    "rules",
    "balances",
    "open_orders",
    "fills",
    "order",
    "find",
    "flows",
    "order_fills",
)
ACTS = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(("BTCTRY", "ETHTRY")), st.integers(1, 40), st.booleans()),
    st.tuples(st.just("sell"), st.sampled_from(("BTCTRY", "ETHTRY")), st.integers(1, 100)),
    st.tuples(st.just("trade"), st.integers(0, 9), st.integers(1, 100), st.integers(0, 110), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(
        st.just("hand"),
        st.sampled_from(("BTCTRY", "ETHTRY", "SOLTRY")),
        st.sampled_from(Side),
        st.integers(1, 30),
    ),
    st.tuples(
        st.just("transfer"),
        st.sampled_from(("TRY", "BTC")),
        st.integers(-300, 300).filter(bool),
        st.sampled_from((0, 200, None)),
    ),
    st.tuples(st.just("silent"), st.sampled_from(CALLS)),
    st.tuples(st.just("restart")),
)


def act(account: Lived, what: tuple[object, ...]) -> Lived:
    exchange = account.exchange
    match what:
        case ("place", str(symbol), int(size), bool(unheard)):
            if symbol not in account.last.inputs.blocked:
                exchange.unheard = unheard
                price = exchange.prices[symbol]
                account.place(symbol, Side.BUY, f"{Decimal(size).scaleb(-3)}", f"{price - 10}")
                exchange.unheard = False
        case ("sell", str(symbol), int(part)):
            held = account.book.ledger.holding(symbol).qty * part // 100
            resting = any(one.symbol == symbol for one in account.last.inputs.orders)
            there = exchange.there.get(symbol.removesuffix("TRY"), Decimal(0))
            if held and not resting and Decimal(held).scaleb(-8) <= there:
                account.place(symbol, Side.SELL, f"{Decimal(held).scaleb(-8):f}", "90")
        case ("trade", int(which), int(part), int(late), bool(told)):
            mine = [o for o in exchange.orders.values() if not o.state.ended and o.client_id]
            if mine:
                order = mine[which % len(mine)]
                assert order.left is not None
                qty = (order.left * part / 100).quantize(Decimal("1e-10"))
                if order.side is Side.BUY or qty <= exchange.there.get(order.symbol[:3], Decimal(0)):
                    exchange.trade(order.order_id, f"{qty:f}", late=late, told=told)
        case ("cancel", int(which)):
            open_now = [
                o for o in exchange.orders.values() if o.state in (OrderState.OPEN, OrderState.PARTIAL)
            ]
            if open_now:
                exchange.cancel(open_now[which % len(open_now)].order_id)
        case ("hand", str(symbol), Side() as side, int(size)):
            qty = Decimal(size).scaleb(-2)
            if side is Side.BUY or qty <= exchange.there.get(symbol[:3], Decimal(0)):
                exchange.by_hand(symbol, side, f"{qty:f}", late=size)
        case ("transfer", str(asset), int(amount), listed):
            moved = Decimal(amount) * (10 if asset == "TRY" else Decimal("0.001"))
            if exchange.there.get(asset, Decimal(0)) + moved >= 0:
                exchange.transfer(asset, f"{moved:f}", listed_after=listed)  # type: ignore[arg-type]
        case ("silent", str(call)):
            exchange.silent.add((call, ""))
        case _:
            account = account.restarted()
    return account


def cycled(account: Lived) -> None:
    """Let a cycle pass, in which nothing may be asked for more than it may."""
    try:
        account.cycle(60)
    except Unavailable:
        return
    read = account.last
    symbols = {one.name for one in read.inputs.symbols} | {"SOLTRY"}
    assert account.exchange.requests() <= 6 + 4 * len(symbols) + 40
    assert account.exchange.calls["find"] <= BY_NAME
    account.check()
    assert read.ends == ()


@seed(20261130)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(ACTS, max_size=4), min_size=1, max_size=12))
def test_the_book_agrees_to_the_last_digit_once_it_is_quiet(script: list[list[tuple[object, ...]]]) -> None:
    with TemporaryDirectory() as folder, writer(fresh_file(Path(folder) / "live.db"), durable=False) as store:
        account = lived(store, {"TRY": "100000", "SOL": "10", "BTC": "0.5"})
        account.cycle()
        for acts in script:
            for what in acts:
                account = act(account, what)
            cycled(account)
            account.exchange.silent.clear()
        for order in list(account.exchange.orders.values()):
            if not order.state.ended:
                account.exchange.cancel(order.order_id)
        for _ in range(14):
            cycled(account)
        assert account.off() == {}
        inputs = account.last.inputs
        assert (inputs.orders, dict(inputs.blocked), inputs.recovery) == ((), {}, ())
        assert all(order.standing != "unknown" for order in inputs.orders)
        assert (
            account.book.figures.day_pnl
            == account.book.ledger.equity({one.name: one.valuation or 0 for one in inputs.symbols})
            - account.book.ledger.opening_cash
            - account.book.ledger.flows
        )
