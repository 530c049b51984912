"""All checks together: those of `meva doctor`, and those that come before a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve

from meva_adapters.system.events import CHECK_WARNED
from meva_cli.checks.check import BACKTEST, STAGE3, STAGE4, STAGE7, Check, Look, Status, World
from meva_cli.checks.data import data_checks
from meva_cli.checks.database import database_checks
from meva_cli.checks.exchange import exchange_checks
from meva_cli.checks.gates import gates_checks
from meva_cli.checks.keys import keys_checks
from meva_cli.checks.rules import rules_checks
from meva_cli.checks.settings import SAID_WHEN_LOADED, settings_checks
from meva_cli.checks.strategy import strategy_checks
from meva_cli.checks.system import system_checks
from meva_cli.database import address_of, named_by
from meva_cli.load import Loaded, settings_for
from meva_cli.notes import say
from meva_core.errors import BadInput
from meva_core.settings import Settings

CHECKS: Final[Mapping[str, Callable[[World], Iterator[Check]]]] = {
    "settings": settings_checks,
    "gates": gates_checks,
    "database": database_checks,
    "data": data_checks,
    "exchange": exchange_checks,
    "rules": rules_checks,
    "strategy": strategy_checks,
    "keys": keys_checks,
    "system": system_checks,
}
"""The checks by their category, in the order in which they are made."""
BEFORE_A_RUN: Final = ("settings", "gates", "database", "data", "strategy")
"""What has to be right before a run begins; whether the exchange answers, its first measure tells."""
BEFORE_A_LIVE_RUN: Final = ("settings", "database")
"""The same for Stages 3 and 4."""
STATE_ONLY: Final = ("database", "data")
"""Categories that need no other settings than where things are kept."""
WITHOUT_SETTINGS: Final = ("settings", "system")
"""Those that say what can be said where the settings cannot be read."""
LIVE_GROUPS: Final = ("risk", "degrade", "universe")
"""Groups of settings that Stages 3 and 4 use alone."""
QUICK_BYTES: Final = 256 * 10**6
BEFORE_A_RUN_BYTES: Final = 16 * 10**6


class NotReady(BadInput):
    """What has to be right before a run is not. The code is that of the first thing that is not right."""

    def __init__(self, failed: Sequence[Check]) -> None:
        super().__init__(
            "\n".join(f"{check.category}: {check.message}" for check in failed),
            action="; ".join(dict.fromkeys(check.action for check in failed if check.action)),
        )
        self.code = failed[0].code or BadInput.code


def look_around(
    load: Callable[..., Loaded],
    db: str | None,
    purpose: str | None,
    interval: int,
    *,
    offline: bool = False,
    deep: bool = False,
    stream: bool = False,
    parameters: Sequence[str] = (),
    loads_strategy: bool = True,
) -> tuple[World, list[Check]]:
    """Return what all checks see; `load` loads the settings, and the groups besides that it is given. They
    choose the purpose where it is None."""
    loaded, unread = _loaded(load)
    purpose = purpose or _asked_for(loaded)
    if purpose in (STAGE3, STAGE4):
        loaded, unread = _loaded(lambda: load(*LIVE_GROUPS))
    size = 2**62 if deep else QUICK_BYTES
    world = World(purpose, interval, loaded, unread, integrity_bytes=size, offline=offline, stream=stream)
    world = evolve(world, parameters=parameters, loads_strategy=loads_strategy, proves_strategy=deep)
    return _made(world, db, tuple(CHECKS))


def preflight(
    load: Callable[[], Loaded],
    db: str | None,
    interval: int,
    parameters: Sequence[str] = (),
    purpose: str = STAGE7,
) -> Settings:
    """Make the checks that come before a run of a stage, say what is worth a look, and return its settings.

    `load` loads them, and warns of their sources; `parameters` are those of a strategy on the command line.
    What gates block and which strategies there are, a run of Stages 3 and 4 says itself. Raises NotReady with
    all that is not right.
    """
    loaded, unread = _loaded(load)
    world = World(purpose, interval, loaded, unread, integrity_bytes=BEFORE_A_RUN_BYTES, quick=True)
    world = evolve(world, parameters=parameters)
    _, found = _made(world, db, BEFORE_A_RUN if purpose == STAGE7 else BEFORE_A_LIVE_RUN)
    for check in found:
        if check.status is Status.WARN and check.name != SAID_WHEN_LOADED:
            about = {"category": check.category, "check": check.name, "action": check.action}
            say(CHECK_WARNED, f"{check.category}: {check.message}", before="warning: ", **about)
    if failed := [check for check in found if check.status is Status.FAIL]:
        raise NotReady(failed)
    return world.settings


def _asked_for(loaded: Loaded | None) -> str:
    """Return what the settings ask for: what is armed for live is Stages 3 and 4."""
    if loaded is None or loaded.settings.gates.stage7_enabled:
        return STAGE7
    return STAGE4 if loaded.settings.gates.live_trading else BACKTEST


def _loaded(load: Callable[[], Loaded]) -> tuple[Loaded | None, BadInput | None]:
    try:
        return load(), None
    except BadInput as error:
        return None, error


def _made(world: World, db: str | None, categories: Sequence[str]) -> tuple[World, list[Check]]:
    state, found = world.loaded or _state_only(), list[Check]()
    if state is not None:
        try:
            world = evolve(world, url=address_of(db or named_by(state.settings.state)))
        except BadInput as error:
            found += Look("database").refused("address", error)
    for category in categories:
        if world.loaded is not None or category in WITHOUT_SETTINGS:
            found += CHECKS[category](world)
        elif category in STATE_ONLY and state is not None:
            found += CHECKS[category](evolve(world, loaded=state))
    return world, found


def _state_only() -> Loaded | None:
    """Return the settings of where things are kept, None where not even those can be read."""
    try:
        return settings_for("state", warn=False)
    except BadInput:
        return None
