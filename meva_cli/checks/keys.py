"""Keys: there where they are needed, absent where not, good for what they do, and read by nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from meva_cli.checks.answers import BALANCES, FILLS, ORDERS, Answered
from meva_cli.checks.check import Check, Look, Status, World
from meva_core.errors import MevaError, Refused

LOOK: Final = Look("keys")
_KEY: Final = ("BTCTURK_API_KEY", "BTCTURK_API_SECRET")
_PERMISSIONS: Final = {
    BALANCES: ("read balances", "Total funds"),
    ORDERS: ("read, place and cancel orders", "Trade"),
    FILLS: ("read fills", "Account"),
}
"""What each right is for, and what the exchange calls its permission."""


def keys_checks(world: World) -> Iterator[Check]:
    """Look at the credentials, and at who may read the files that settings stand in."""
    loaded = world.loaded
    if loaded is None:
        return  # that is said already
    yield _credentials(world, loaded.origin)
    if world.has_account and not world.offline and loaded.settings.exchange.has_credentials:
        yield from _rights(world.answers, needed=world.sends_orders)
    for fault in loaded.exposed:
        said, _, command = fault.partition("; ")
        yield LOOK.warned("files", said, command)
    if not loaded.exposed:
        yield LOOK.passed("files", "nobody else can write .env or meva.toml, or read a secret there")


def _credentials(world: World, origin: Mapping[str, str]) -> Check:
    exchange = world.settings.exchange
    keys = dict(zip(_KEY, (exchange.api_key, exchange.api_secret), strict=True))
    given = [name for name, key in keys.items() if key is not None]
    missing = [name for name in _KEY if name not in given]
    places = ", ".join(f"{name} from {origin[name]}" for name in given)
    if world.sends_orders and missing:
        action = "create a key at the exchange and set both, in the environment or in .env"
        return LOOK.failed("credentials", f"{' and '.join(missing)} not set: orders are signed", action)
    if world.sends_orders:
        return LOOK.passed("credentials", f"{places}: needed")
    if not given:
        return LOOK.passed("credentials", "none is set, and none is needed")
    if world.has_account:
        why, action = "not needed while DRY_RUN is true", "take them out until DRY_RUN=false"
    else:
        why = "not needed, nothing private is asked"
        action = "take them out until a stage that trades with money needs them"
    return LOOK.warned("credentials", f"{places}: {why}", action)


def _rights(found: Answered, *, needed: bool) -> Iterator[Check]:
    """Yield what the exchange lets a key do, as far as it tells."""
    status = Status.FAIL if needed else Status.WARN
    if found.key_error is not None:
        yield Check("keys", "account", status, str(found.key_error), found.key_error.action)
        return
    for right in found.rights:
        what, permission = _PERMISSIONS[right]
        error = found.errors.get(right)
        if error is None:
            yield LOOK.passed(right, f"the key may {what}")
        else:
            yield _without(right, what, permission, error, status)
    if found.rights:
        yield LOOK.passed(
            "limits",
            "whether a key may withdraw, and from where it is taken, the exchange does not tell: let it "
            "withdraw nothing, and list this machine's address with it",
        )


def _without(right: str, what: str, permission: str, error: MevaError, status: Status) -> Check:
    if isinstance(error, Refused):
        action = f"{error.action}; it needs {permission}" if error.action else f"it needs {permission}"
        return Check("keys", right, status, f"the key may not {what}: {error}", action)
    return Check("keys", right, status, f"whether the key may {what} cannot be told: {error}", error.action)
