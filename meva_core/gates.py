"""The gates: which settings stand between a command and an exchange, and which line opens each.

What blocks first is what a write is refused with. The gates are asked on every write, whatever its caller
checked before.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from attrs import frozen

from meva_core.errors import Problem
from meva_core.settings import LIVE_ACKNOWLEDGEMENT, Exchange, Gates, Settings
from meva_core.settings.variables import refuse_all


class BlockCode(Enum):
    """Which gate is shut."""

    KILL_SWITCH = "kill_switch"
    DRY_RUN = "dry_run"
    LIVE_NOT_ARMED = "live_not_armed"
    STAGE7_DISABLED = "stage7_disabled"
    STAGE7_NOT_DRY_RUN = "stage7_not_dry_run"


@frozen
class Change:
    """A setting that must change for a gate to open; what is `wanted` in words stands in <>."""

    name: str
    now: str
    wanted: str

    def __str__(self) -> str:
        is_text = self.in_words == self.wanted
        wanted = f"={self.wanted}" if is_text else f" to {self.in_words}"
        return f"set {self.name}{wanted} (it is {self.now or 'empty'})"

    @property
    def in_words(self) -> str:
        """What is wanted, as a sentence says it."""
        return self.wanted.removeprefix("<").removesuffix(">")


@frozen
class Block:
    """A shut gate and every change that opens it."""

    code: BlockCode
    changes: tuple[Change, ...]


def live_blocks(gates: Gates, exchange: Exchange) -> Iterator[Block]:
    """Yield every gate that blocks a write to an exchange, in the order of the codes."""
    if gates.kill_switch:
        yield Block(BlockCode.KILL_SWITCH, (Change("KILL_SWITCH", "true", "false"),))
    if gates.dry_run:
        yield Block(BlockCode.DRY_RUN, (Change("DRY_RUN", "true", "false"),))
    if missing := tuple(_unarmed(gates, exchange)):
        yield Block(BlockCode.LIVE_NOT_ARMED, missing)


def _unarmed(gates: Gates, exchange: Exchange) -> Iterator[Change]:
    if not gates.live_trading:
        yield Change("LIVE_TRADING", "false", "true")
    if gates.live_trading_ack != LIVE_ACKNOWLEDGEMENT:
        yield Change("LIVE_TRADING_ACK", gates.live_trading_ack, LIVE_ACKNOWLEDGEMENT)
    if exchange.api_key is None:
        yield Change("BTCTURK_API_KEY", "", "<the account's key>")
    if exchange.api_secret is None:
        yield Change("BTCTURK_API_SECRET", "", "<the account's secret>")


def stage7_block(gates: Gates) -> Block | None:
    """Return what keeps Stage 7 from running, or None. It runs dry only: it never writes to an exchange."""
    if not gates.stage7_enabled:
        return Block(BlockCode.STAGE7_DISABLED, (Change("STAGE7_ENABLED", "false", "true"),))
    if changes := tuple(_not_dry(gates)):
        return Block(BlockCode.STAGE7_NOT_DRY_RUN, changes)
    return None


def _not_dry(gates: Gates) -> Iterator[Change]:
    if not gates.dry_run:
        yield Change("DRY_RUN", "false", "true")
    if gates.live_trading:
        yield Change("LIVE_TRADING", "true", "false")


def check_gates(settings: Settings) -> None:
    """Raise BadInput with every combination of gates that contradicts itself.

    For the commands that load the gates to run something; others do not care.
    """
    refuse_all(contradictions(settings))


def contradictions(settings: Settings) -> list[Problem]:
    """Return every combination of gates that contradicts itself.

    Stage 7 excludes live; live excludes the dry run and the kill switch, and needs the acknowledgement and
    both credentials.
    """
    gates = settings.gates
    changes: list[tuple[str, Change]] = []
    if gates.stage7_enabled:
        changes += [("STAGE7_ENABLED=true", change) for change in _not_dry(gates)]
    if gates.live_trading:
        blocks = live_blocks(gates, settings.exchange)
        changes += [("LIVE_TRADING=true", change) for block in blocks for change in block.changes]
    return [_contradiction(asked, change) for asked, change in changes]


def _contradiction(asked: str, change: Change) -> Problem:
    name, _, _ = asked.partition("=")
    return Problem(
        code="gates_contradict",
        where=change.name,
        value=change.now,
        message=f"is {change.now or 'empty'}, but {asked} needs {change.in_words}",
        action=f"{change}, or set {name}=false",
    )
