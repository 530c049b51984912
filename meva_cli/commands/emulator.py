"""`meva emulator serve`: a local exchange that speaks BTCTurk's API."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.exchange import now_seconds
from meva_cli.options import AMOUNT, TIME, WHOLE, WholeRange, json_option
from meva_cli.render import counted, print_json, print_line
from meva_cli.signals import INTERRUPTED
from meva_core.amounts import parse_e8
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.emulator.manual_clock import ManualClock
    from meva_adapters.emulator.server.serving import Doors
    from meva_adapters.emulator.world import Options, World

_KEY: Final = "b7e1c0de-0000-4000-8000-000000000001"
_SECRET: Final = "ZW11bGF0b3Itc2VjcmV0LWtleS0zMi1ieXRlcy14eXo="  # noqa: S105 - opens nothing but the emulator
_BALANCES: Final = (("TRY", Decimal(1_000_000)),)
_PORT: Final = 8765
_EARLIEST: Final = 1_577_836_800
_LATEST: Final = 4_102_444_800
"""Between these times a market may begin, in seconds: 2020 and 2100. The adapter takes no others from it."""
_FILE = click.Path(path_type=Path)


class BalanceParam(click.ParamType[tuple[str, Decimal]]):
    """An asset and an amount, as `TRY=1000`."""

    name = "asset=amount"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Decimal]:
        """Read both, or fail with what was expected."""
        if isinstance(value, tuple):
            return value
        asset, equals, amount = value.partition("=")
        if not equals:
            self.fail(f"{value!r} is no ASSET=AMOUNT; expected one such as TRY=1000", param, ctx)
        if not (asset.isascii() and asset.isalnum() and asset.isupper()):
            self.fail(f"{value!r} does not start with an asset in capitals; expected TRY=1000", param, ctx)
        number = AMOUNT.convert(amount, param, ctx)
        if number < 0:
            self.fail(f"{value!r} is negative", param, ctx)
        return asset, number


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=WholeRange(0, 65535),
    default=_PORT,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@click.option("--graph-port", type=WholeRange(0, 65535), help="Port of the candle host.  [default: --port]")
@click.option("--exchangeinfo", type=_FILE, help="Pairs, in the exchange's own shape.  [default: built in]")
@click.option("--data", type=_FILE, help="A dataset whose rows move books and trades.")
@click.option(
    "--speed",
    type=AMOUNT,
    default=Decimal(1),
    show_default=True,
    help="Recorded seconds in one; 0: on command.",
)
@click.option(
    "--clock",
    type=click.Choice(["system", "manual"]),
    default="system",
    show_default=True,
    help="manual: time passes on command only, and the markets with it.",
)
@click.option("--begin", type=TIME, help="The time that a manual clock begins with.  [default: now]")
@click.option("--key", default=_KEY, help="The user's API key.  [default: a fixed one]")
@click.option("--secret", default=_SECRET, help="Its secret, in Base64.  [default: a fixed one]")
@click.option(
    "--balance", type=BalanceParam(), multiple=True, help="Funds, repeatable.  [default: TRY=1000000]"
)
@click.option(
    "--seed", type=WHOLE, default=0, show_default=True, help="The same seed makes the same markets."
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Another name it is reached by, whose web pages may call it; repeatable.",
)
@click.option("--faults", type=_FILE, help="A plan of faults and switches (docs/emulator.md).")
@json_option
def serve(
    host: str,
    port: int,
    graph_port: int | None,
    exchangeinfo: Path | None,
    data: Path | None,
    speed: Decimal,
    clock: str,
    begin: int | None,
    key: str,
    secret: str,
    balance: Sequence[tuple[str, Decimal]],
    seed: int,
    allow_host: tuple[str, ...],
    faults: Path | None,
    as_json: bool,
) -> None:
    """Serve a local exchange that speaks BTCTurk's API, until Ctrl-C.

    REST, candles and the stream are on one port. Without --data, seeded makers keep a book on every pair;
    with it, the dataset's rows move its pairs. It prints its addresses, and the environment to paste, once it
    is ready. It ends with exit code 130, as everything does that is interrupted. With --clock manual time
    stands still until a control call moves it. It answers by the names of loopback and by the address it
    listens on, and turns web pages away; --allow-host NAME adds a name.
    """
    if begin is not None and clock != "manual":
        raise click.UsageError("--begin goes with --clock manual")
    if begin is not None and not _EARLIEST <= begin < _LATEST:
        raise click.BadParameter("expected a time in the years 2020 to 2099", param_hint="--begin")
    if speed < 0:
        raise click.BadParameter(f"{speed} is negative", param_hint="--speed")
    options = _options(
        key=key,
        secret=secret,
        balances=_funds(balance),
        exchangeinfo=exchangeinfo,
        data=data,
        speed=Fraction(speed),
        seed=seed,
        faults=faults,
    )
    _serve(options, host, port, graph_port, allow_host, _clock(begin) if clock == "manual" else None, as_json)


def _clock(begin: int | None) -> ManualClock:
    from meva_adapters.emulator.manual_clock import ManualClock

    return ManualClock((now_seconds() if begin is None else begin) * 1000)


def _options(**given: Any) -> Options:
    from meva_adapters.emulator.world import Options

    return Options(**given)


def _funds(balance: Sequence[tuple[str, Decimal]]) -> dict[str, int]:
    """Return the balances in e8; an asset that is named twice is added up."""
    funds: dict[str, int] = {}
    for asset, amount in balance or _BALANCES:
        funds[asset] = funds.get(asset, 0) + parse_e8(amount, asset)
    return funds


def _serve(
    options: Options,
    host: str,
    port: int,
    graph_port: int | None,
    allow_host: Sequence[str],
    clock: ManualClock | None,
    as_json: bool,
) -> None:
    try:
        from meva_adapters.emulator.server.running import run_until_stopped
    except ModuleNotFoundError as e:
        raise BadInput(
            f"the emulator needs {e.name}, which is not installed", action="pip install 'meva[emulator]'"
        ) from e
    run_until_stopped(
        options,
        host,
        port,
        graph_port,
        lambda doors, world: _announce(options, doors, world, as_json),
        allow_host,
        clock,
    )
    if not as_json:
        print_line("stopped")
    click.get_current_context().exit(INTERRUPTED)


def _announce(options: Options, doors: Doors, world: World, as_json: bool) -> None:
    """Print where it is reached, and what a client's environment needs."""
    variables = {
        "BTCTURK_BASE_URL": doors.base_url,
        "BTCTURK_GRAPH_URL": doors.graph_url,
        "BTCTURK_WS_URL": doors.stream_url,
        "BTCTURK_API_KEY": options.key,
        "BTCTURK_API_SECRET": options.secret,
    }
    if as_json:
        print_json({"ready": True, "pairs": len(world.venue.exchange.pairs), "environment": variables})
    else:
        print_line(
            f"ready: {counted(len(world.venue.exchange.pairs), 'pair')} on {doors.base_url}, stop with Ctrl-C"
        )
        for name, value in variables.items():
            print_line(f"export {name}={value}")
    sys.stdout.flush()
