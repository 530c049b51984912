"""`meva gates`: what the settings allow, what blocks, and which line to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from meva_cli.database import database
from meva_cli.load import Loaded, settings_for
from meva_cli.operating.kill_switch import thrown_beside
from meva_cli.options import json_option
from meva_cli.render import print_json, print_line, print_table
from meva_core.errors import BadInput
from meva_core.gates import Block, BlockCode, contradictions, live_blocks, stage7_block
from meva_core.settings import Exchange, Gates, Settings, settings_texts, variables_of

if TYPE_CHECKING:
    from meva_core.operating.guards.kill import Kill


@click.command()
@json_option
@click.pass_context
def gates(ctx: click.Context, as_json: bool) -> None:
    """Show what the settings allow: live writes to the exchange, Stage 7, simulated orders.

    For each thing that is blocked it names every setting to change and where that setting stands, and where
    the kill switch is on beside the settings: in its file, or in the database that they name. Gates that
    contradict each other are shown as well, with each way out; no run but one that observes begins with them
    (exit 2).
    """
    loaded = settings_for("gates", "exchange", "live")
    report = gates_report(loaded)
    print_json(report) if as_json else _print(report)
    ctx.exit(2 if report["contradictions"] else 0)


def _print(report: Mapping[str, Any]) -> None:
    print_table(["gate", "value", "where"], [list(gate.values()) for gate in report["gates"]])
    for title, name in (("Live writes to the exchange", "live"), ("Stage 7", "stage7")):
        _print_permission(title, report[name], report["kill_switch"] if name == "live" else ())
    if report["contradictions"]:
        print_line("Contradictions: no run begins with them, but one that observes")
    for one in report["contradictions"]:
        print_line(f"  {_place(one['origin'])}, {one['message']}: {one['action']}")
    for note in report["notes"]:
        print_line(f"Note: {note}")


def gates_report(loaded: Loaded) -> dict[str, Any]:
    """Return the effect of the gates as JSON holds it."""
    settings, origin = loaded.settings, loaded.origin
    live = _permission(list(live_blocks(settings.gates, settings.exchange)), origin)
    block = stage7_block(settings.gates)
    kills, unread = _thrown(settings.gates)
    if kills and BlockCode.KILL_SWITCH.value not in live["blocks"]:
        live = {**live, "allowed": False, "blocks": [BlockCode.KILL_SWITCH.value, *live["blocks"]]}
    said = [f"whether the database has the kill switch on is not known: {unread}"] if unread else []
    return {
        "live": live,
        "kill_switch": [str(kill) for kill in kills],
        "stage7": _permission([block] if block else [], origin),
        "gates": list(_gate_rows(settings, origin)),
        "contradictions": list(_contradictions(loaded)),
        "notes": [*_notes(settings), *said],
    }


def _contradictions(loaded: Loaded) -> Iterator[dict[str, str]]:
    for problem in contradictions(loaded.settings):
        where = loaded.origin.get(problem.where, "default")
        yield {"name": problem.where, "message": str(problem), "origin": where, "action": problem.action}


def _thrown(gates: Gates) -> tuple[list[Kill], str]:
    """Return where the kill switch is on beside the settings, and why the database could not be looked at."""
    try:
        return thrown_beside(gates, database(None))
    except BadInput as error:
        return thrown_beside(gates, None)[0], str(error)


def _gate_rows(settings: Settings, origin: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    texts = settings_texts(settings)
    for variable in variables_of(Gates).values():
        where = origin.get(variable.name, "default")
        yield {"name": variable.name, "value": texts[variable.name], "origin": where}
    yield {"name": "credentials", "value": settings.exchange.has_credentials, "origin": ""}


def _notes(settings: Settings) -> Iterator[str]:
    if settings.live.notional_cap_try_per_cycle == 0:
        yield "NOTIONAL_CAP_TRY_PER_CYCLE is 0: no new orders are placed, live or simulated"
    if settings.exchange.base_url != Exchange().base_url:
        yield from _where_the_key_goes(settings.exchange)
    if settings.gates.kill_switch:
        yield "KILL_SWITCH blocks writes to an exchange only: planning and simulated orders go on"


def _where_the_key_goes(exchange: Exchange) -> Iterator[str]:
    # Imported here: it costs more than all the rest of this command.
    from meva_adapters.btcturk.hosts import foreign_host, may_have_key

    if (host := foreign_host(exchange)) is not None:
        sent = "is sent there" if may_have_key(exchange) else "is not sent there, and nothing private works"
        yield f"BTCTURK_BASE_URL leads to {host}, which is not the exchange's: the key {sent}"


def _permission(blocks: list[Block], origin: Mapping[str, str]) -> dict[str, Any]:
    changes = [
        {
            "name": change.name,
            "now": change.now,
            "wanted": change.wanted,
            "origin": origin.get(change.name, "default"),
            "block": block.code.value,
        }
        for block in blocks
        for change in block.changes
    ]
    return {"allowed": not blocks, "blocks": [block.code.value for block in blocks], "changes": changes}


def _print_permission(title: str, permission: Mapping[str, Any], kills: Iterable[str]) -> None:
    if permission["allowed"]:
        print_line(f"{title}: allowed")
        return
    print_line(f"{title}: blocked by {', '.join(permission['blocks'])}")
    for kill in kills:
        print_line(f"  {kill}: `meva arm --reason TEXT` takes it back")
    for change in permission["changes"]:
        now = change["now"] or "empty"
        print_line(f"  set {change['name']}={change['wanted']}  (now {now}, {_where(change['origin'])})")


def _where(origin: str) -> str:
    return "the default: add the line to .env" if origin == "default" else f"from {origin}"


def _place(origin: str) -> str:
    return "by default" if origin == "default" else origin
