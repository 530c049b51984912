"""Settings: that they can be read, that every name is known, and that no value makes another one void."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meva_cli.checks.check import Check, Look, World
from meva_cli.render import as_text
from meva_core.settings import Settings

LOOK: Final = Look("settings")
SAID_WHEN_LOADED: Final = "names"
"""The check of which loading warns, too."""


def settings_checks(world: World) -> Iterator[Check]:
    """Look at the settings."""
    if world.loaded is None:
        if world.unread is not None:
            yield from LOOK.refused("read", world.unread)
        return
    loaded = world.loaded
    yield LOOK.passed("read", f"{len(loaded.origin)} are set, all others are at their defaults")
    for warning in loaded.warnings:
        if warning not in loaded.exposed:
            yield LOOK.warned(SAID_WHEN_LOADED, warning, "mend the name, or take it out of the environment")
    yield from _void(loaded.settings)
    if world.is_live:
        yield from _against_interval(loaded.settings, world.interval)


def _void(settings: Settings) -> Iterator[Check]:
    """Yield values that leave nothing to trade, each against the other."""
    live, chosen = settings.live, settings.stage7.universe_whitelist
    cap, least = live.notional_cap_try_per_cycle, live.min_order_notional_try
    most, cash = live.max_position_notional_try, live.dry_run_try_balance
    if cap == 0:
        yield _values("turnover", "NOTIONAL_CAP_TRY_PER_CYCLE is 0: no new order is placed", "raise it")
    elif least > cap:
        yield _values(
            "turnover",
            f"MIN_ORDER_NOTIONAL_TRY={as_text(least)} is above NOTIONAL_CAP_TRY_PER_CYCLE={as_text(cap)}: "
            "no order fits into a cycle",
            "lower the one or raise the other",
        )
    if least > most:
        yield _values(
            "position",
            f"MIN_ORDER_NOTIONAL_TRY={as_text(least)} is above MAX_POSITION_NOTIONAL_TRY={as_text(most)}: "
            "nothing is ever bought",
            "lower the one or raise the other",
        )
    if live.try_cash_target >= cash:
        yield _values(
            "cash",
            f"TRY_CASH_TARGET={as_text(live.try_cash_target)} is not below "
            f"DRY_RUN_TRY_BALANCE={as_text(cash)}: a new book has nothing to invest",
            "lower the one or raise the other",
        )
    if live.try_cash_target > live.try_cash_max:
        yield _values(
            "cash",
            f"TRY_CASH_TARGET={as_text(live.try_cash_target)} is above "
            f"TRY_CASH_MAX={as_text(live.try_cash_max)}, which is what counts",
            "lower TRY_CASH_TARGET or raise TRY_CASH_MAX",
        )
    if chosen and settings.stage7.universe_size > len(chosen):
        yield _values(
            "universe",
            f"STAGE7_UNIVERSE_SIZE={settings.stage7.universe_size} is above the {len(chosen)} pairs of "
            "STAGE7_UNIVERSE_WHITELIST: all of them may be selected",
            f"set it to {len(chosen)}, or name more pairs",
        )
    if barred := sorted({*chosen} & {*settings.stage7.universe_blacklist}):
        yield _values(
            "universe",
            f"{', '.join(barred)}: on STAGE7_UNIVERSE_WHITELIST and on STAGE7_UNIVERSE_BLACKLIST, so no "
            "candidate",
            "take it off one of them",
        )


def _against_interval(settings: Settings, interval: int) -> Iterator[Check]:
    ttl, cooldown = settings.live.ttl_seconds, settings.stage7.risk_cooldown_sec
    if ttl < interval:
        yield _values(
            "interval",
            f"TTL_SECONDS={ttl} is below the interval of {interval} s: an order ends before the next cycle "
            "can fill it",
            f"set TTL_SECONDS to {2 * interval} or more, or run more often",
        )
    if 0 < cooldown < interval:
        yield _values(
            "interval",
            f"STAGE7_RISK_COOLDOWN_SEC={cooldown} is below the interval of {interval} s: a cooldown is over "
            "before the next cycle",
            "raise it, or run more often",
        )


def _values(name: str, message: str, action: str) -> Check:
    return LOOK.warned(name, message, action)
