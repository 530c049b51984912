"""Keys: there where they are needed, absent where not, and readable for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meva_cli.checks.check import Check, Look, World

LOOK: Final = Look("keys")


def keys_checks(world: World) -> Iterator[Check]:
    """Look at the credentials, and at who may read the files that settings stand in."""
    loaded = world.loaded
    if loaded is None:
        return  # that is said already
    exchange = loaded.settings.exchange
    given = [
        name
        for name, key in (("BTCTURK_API_KEY", exchange.api_key), ("BTCTURK_API_SECRET", exchange.api_secret))
        if key is not None
    ]
    if given:
        places = ", ".join(f"{name} from {loaded.origin[name]}" for name in given)
        yield LOOK.warned(
            "credentials",
            f"{places}: not needed, nothing private is asked",
            "take them out until a stage that trades with money needs them",
        )
    else:
        yield LOOK.passed("credentials", "none is set, and none is needed")
    for fault in loaded.exposed:
        said, _, command = fault.partition("; ")
        yield LOOK.warned("files", said, command)
    if not loaded.exposed:
        yield LOOK.passed("files", "nobody else can write .env or meva.toml, or read a secret there")
