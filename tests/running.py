"""A runner over a scripted exchange and a real database, and what looks at the outside for its permits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import define, evolve, field
from cycles import Lived, lived

from meva_adapters.sql.store import SqlStore
from meva_adapters.text_codec import ZstdTexts
from meva_core.gates import Block
from meva_core.operating.guards.kill import Kill, stored_kills, strictest
from meva_core.operating.guards.permit import Permits
from meva_core.operating.runner import About, Runner
from meva_core.operational.inputs import Listed
from meva_core.strategy.built_in import BaselineMeanReversionV1

NAME = "baseline_mean_reversion_v1"
BUYS: Mapping[str, str] = {
    "STAGE4_BOOTSTRAP_INTENTS": "1",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "5000",
    "RISK_MAX_POSITION_PCT": "1",
    "RISK_MAX_GROSS_EXPOSURE_TRY": "1000000",
}
"""Settings with which the strategy buys at once."""
STRATEGIES = {NAME: BaselineMeanReversionV1()}
TEXTS = ZstdTexts()


@define
class Doors:
    """All that a permit looks at; the kill switch is the database's rows."""

    account: Lived
    shut: Sequence[Block] = ()
    lacking: str = ""
    looked: Callable[[], None] = lambda: None
    """Called at each look, right before something is sent."""

    def kill(self) -> Kill | None:
        with self.account.store.read() as view:
            return strictest(stored_kills(view))

    def gates(self) -> Sequence[Block]:
        self.looked()
        return self.shut

    def lease(self) -> str:
        return self.lacking

    def now(self) -> tuple[int, int]:
        return self.account.exchange.now, self.account.exchange.now

    def bought(self, since: int) -> tuple[int, Decimal]:
        return 0, Decimal(0)


@define
class Running:
    """A book whose cycles a runner runs."""

    account: Lived
    runner: Runner
    doors: Doors = field()

    def cycle(self, seconds: float = 60) -> Any:
        self.account.exchange.pass_time(seconds)
        return self.runner.cycle()

    def restarted(self, process: Any) -> Running:
        """Return it in another process."""
        runner = evolve(self.runner, process=process)
        return evolve(self, runner=runner)


def running(store: SqlStore, there: Mapping[str, str] | None = None, **changes: Any) -> Running:
    """Return a book that was just opened, and its runner; `changes` are of the run."""
    settings = {**BUYS, **changes.pop("settings", {})}
    return run_over(lived(store, there, settings=settings, strategies=(Listed(NAME),), **changes))


def run_over(account: Lived) -> Running:
    """Return a book with a runner that runs its cycles."""
    doors = Doors(account)
    permits = Permits(doors)
    account.exchange.permit = permits
    runner = Runner(
        name="live",
        world=account.world,
        run=account.run,
        store=account.store,
        texts=TEXTS,
        about=About(settings={"SYMBOLS": "BTCTRY,ETHTRY"}, code_version="0"),
        process=account.process,
        strategies=STRATEGIES,
        permits=permits,
        kill=doors.kill,
        ticks=account.exchange.micros,
    )
    return Running(account, runner, doors)
