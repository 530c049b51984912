"""Databases with books of Stages 3 and 4, recorded by cycles that really ran: over a scripted account for the
live book, over the simulated exchange for the dry ones. Made once by each worker, then copied."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, evolve, field
from cycles import a_run
from fresh_database import fresh_file
from scripted_account import START, Scripted

from meva_adapters.sql.store import SqlStore, writer
from meva_adapters.strategies.listed import load_listed
from meva_adapters.text_codec import ZstdTexts
from meva_core.live.desk import Desk
from meva_core.live_book.book import LiveBook
from meva_core.live_book.opening import Read as Balances
from meva_core.live_book.opening import opened
from meva_core.operating.dry import meets
from meva_core.operating.guards.kill import Kill, Level
from meva_core.operating.records import recording, stored
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.whose import whose
from meva_core.operating.runner import About, Runner, Told
from meva_core.operating.steps.reading import Process, World
from meva_core.operational.inputs import Listed
from meva_core.orders import Side
from meva_core.settings import build_settings, operating_document
from meva_core.simulated.books import opened as simulated
from meva_core.simulated.terms import Terms
from meva_core.simulated.venue import SimulatedVenue
from meva_core.strategy import Intent, LiveView, Strategy

TEXTS = ZstdTexts()
PRICES = {"BTCTRY": Decimal(3000), "ETHTRY": Decimal(100), "SOLTRY": Decimal(7)}
ACCOUNT = "0123456789abcdef"
STAGES = {3: "profit_aware_v1", 4: "baseline_mean_reversion_v1"}
SETTINGS = {
    "SYMBOLS": "BTCTRY,ETHTRY,SOLTRY",
    "STAGE4_BOOTSTRAP_INTENTS": "1",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "250",
    "TTL_SECONDS": "150",
    "RISK_MAX_POSITION_PCT": "1",
    "UNIVERSE_MAX_SPREAD_BPS": "3000",
}


class Asks(Strategy):
    """Asks in each cycle for what the next row of a script says, and in the rows beyond it for nothing."""

    id = "asks"
    version = 1
    script: tuple[tuple[Intent, ...], ...] = (
        # too small; nothing is held of it that way; more than the cycle may spend
        (
            Intent("BTCTRY", Side.BUY, 50, reason="a little"),
            Intent("SOLTRY", Side.SELL, 100, limit=3, reason="at any price"),
            Intent("ETHTRY", Side.BUY, 5000, limit=90, reason="a lot"),
        ),
        # as good as the one that rests; beside it; what the universe does not hold
        (Intent("ETHTRY", Side.BUY, 250, limit=90), Intent("SOLTRY", Side.BUY, 120)),
        (Intent("ETHTRY", Side.BUY, 120, limit=80), Intent("BTCTRY", Side.SELL, 110, limit=2000)),
        # three that nothing is heard of
        (
            Intent("BTCTRY", Side.BUY, 101, limit=2500),
            Intent("ETHTRY", Side.SELL, 102, limit=200, purpose="reduce"),
        ),
        (Intent("SOLTRY", Side.SELL, 105, limit=20),),
        (Intent("BTCTRY", Side.BUY, 101), Intent("ETHTRY", Side.BUY, 101)),
        (Intent("BTCTRY", Side.BUY, 101), Intent("ETHTRY", Side.BUY, 101)),
    )

    def decide(self, view: LiveView, memory: dict[str, Any]) -> list[Intent]:  # type: ignore[override]
        n = memory.get("n", 0)
        memory["n"] = n + 1
        return list(self.script[n]) if n < len(self.script) else []


@define
class Recorded:
    """A book, and what runs its cycles over an exchange that a test moves."""

    exchange: Scripted
    runner: Runner
    ids: list[str] = field(factory=list)

    @property
    def book(self) -> LiveBook:
        with self.runner.store.read() as view:
            found = stored.stored_book(view, self.runner.name)
        assert found is not None
        return found[0]

    def go_on(self, seconds: float = 60, kill: Kill | None = None) -> Told:
        """Run a cycle after so many seconds: read, decide, send, record."""
        self.exchange.pass_time(seconds)
        self.runner.kill = lambda: kill
        told = self.runner.cycle()
        self.ids.append(told.inputs.cycle)
        return told

    def under(self, **changes: Any) -> None:
        """Let it go on under another stage, or only look on."""
        self.runner.run = evolve(self.runner.run, **changes)


def recorded(
    store: SqlStore,
    name: str = "live",
    stage: int = 4,
    funds: Mapping[str, str] | None = None,
    now: int = START,
    **settings: str,
) -> Recorded:
    """Return a book that was just opened, before its first cycle; dry unless it is the live one."""
    is_dry = name != "live"
    there = {asset: Decimal(total) for asset, total in (funds or {"TRY": "10000", "SOL": "10"}).items()}
    exchange = Scripted(dict(PRICES), there, now)
    given = {**SETTINGS, **settings}
    texts = operating_document(build_settings(given))
    venue: Any = exchange
    if is_dry:
        terms = Terms(maker=12 * 10**8, taker=24 * 10**8)
        venue = SimulatedVenue(simulated(name, int(there["TRY"] * 10**8)), terms, exchange)
    read = Balances(exchange.now, venue.balances())
    book = opened(name, "simulated" if is_dry else ACCOUNT, read, {})
    with store.unit() as work:
        recording.opened(work, book, Carried())
        work.commit()
    desk = Desk(venue, venue, store, exchange, lambda _: None, owner=whose(book).owner)
    shown = meets(venue) if is_dry else lambda _: None
    runner = Runner(
        name=name,
        world=World(market=exchange, rules=exchange, desk=desk, shown=shown),
        run=evolve(a_run(settings=given), dry=is_dry),
        store=store,
        texts=TEXTS,
        about=About(settings=texts, code_version="1.2.3"),
        process=Process(runs=frozenset({book.run})),
        strategies={},
        ticks=exchange.micros,
    )
    account = Recorded(exchange, runner)
    at_stage(account, stage)
    return account


def at_stage(account: Recorded, stage: int) -> None:
    """Let a book go on under a stage, with the strategy that comes with it."""
    name = STAGES[stage]
    chosen = load_listed(name)
    account.under(stage=stage, strategies=(Listed(name, identity=chosen.identity),))
    account.runner.strategies = {name: chosen.strategy}


def asking(account: Recorded) -> None:
    """Let a book go on under Stage 4 with the strategy of this module."""
    account.under(stage=4, strategies=(Listed(Asks.id),))
    account.runner.strategies = {Asks.id: Asks()}


def fill_open(account: Recorded, share: str = "1", late: float = 0, side: Side | None = None) -> None:
    """Let the orders that rest at the scripted exchange fill, by this share of what is left."""
    for order in list(account.exchange.orders.values()):
        if order.state.ended or not order.left or side not in (None, order.side):
            continue
        qty = (order.left * Decimal(share)).quantize(Decimal("1e-8"))
        if qty:
            account.exchange.trade(order.order_id, f"{qty:f}", late=late)


def live_days(store: SqlStore) -> Recorded:
    """Record the live book over two days: Stage 4, then Stage 3, with all that comes between."""
    account = recorded(store)
    exchange = account.exchange
    account.go_on()
    for n in range(10):
        fill_open(account, "0.5" if n % 3 else "1", late=30 * (n % 2))
        exchange.prices["BTCTRY"] += Decimal(4 if n % 2 else -2)
        if n == 4:
            exchange.by_hand("ETHTRY", Side.BUY, "0.5")
            exchange.transfer("TRY", "1000")
        if n == 6:
            exchange.transfer("TRY", "-250", listed_after=None)
        account.go_on()
    account.go_on(kill=Kill(Level.CANCELS, "MEVA_KILL_FILE", "looked at"))
    account.under(observe=True)
    account.go_on()
    account.under(observe=False)
    exchange.pass_time(86_400 - 1_800)
    with exchange.failing("book", "SOLTRY"):
        account.go_on()
    exchange.prices["SOLTRY"] = Decimal(8)
    exchange.prices["BTCTRY"] = Decimal(3300)
    at_stage(account, 3)
    for _ in range(6):
        account.go_on()
        fill_open(account)
    asking(account)
    for _ in range(3):
        account.go_on()
    exchange.unheard = True
    exchange.hides = True
    with exchange.failing("find"):
        for _ in range(4):
            account.go_on()
    exchange.hides = False
    return account


def dry_days(store: SqlStore, name: str = "stage4-dry", stage: int = 4) -> Recorded:
    """Record a dry book over an afternoon."""
    account = recorded(store, name, stage, {"TRY": "100000"})
    exchange = account.exchange
    for n in range(24):
        exchange.prices["BTCTRY"] += Decimal(40 if n % 5 else -130)
        exchange.prices["ETHTRY"] += Decimal(-1 if n % 3 else 2)
        account.go_on(300)
    return account


def live_file(path: Path) -> Path:
    """Make a file with the live book, and return its path."""
    return _copied("live.db", path)


def dry_file(path: Path) -> Path:
    """Make a file with the dry book of Stage 4, and return its path."""
    return _copied("stage4-dry.db", path)


def dry_file_of_stage3(path: Path) -> Path:
    """Make a file with the dry book of Stage 3, and return its path."""
    return _copied("stage3-dry.db", path)


def _copied(name: str, path: Path) -> Path:
    folder = Path(_folder().name)
    if not (folder / name).exists():
        _make(folder / name, name.removesuffix(".db"))
    return Path(shutil.copy(folder / name, path))


def _make(path: Path, name: str) -> None:
    with writer(fresh_file(path), durable=False) as store:
        if name == "live":
            live_days(store)
        else:
            dry_days(store, name, int(name[len("stage")]))


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="meva-told-")
