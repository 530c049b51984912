"""`meva rehearse`: a user's own settings and strategies, at an exchange where all goes wrong that may."""

from __future__ import annotations

import shlex
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.load import settings_for
from meva_cli.options import COUNT, WholeRange, json_option
from meva_cli.render import counted, print_json, print_line, print_pairs
from meva_cli.strategies.options import hosting, say_unknown_headings
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.rehearsal.ending import Ended
    from meva_adapters.rehearsal.rehearsing import Report
    from meva_core.settings import Settings

_SHOWN: Final = ("cycles", "starts", "actions", "fills_booked", "ended_by_alarm")
_TAIL: Final = 12


@click.command()
@click.option(
    "--stage",
    type=click.Choice(["stage3", "stage4"]),
    default="stage4",
    show_default=True,
    help="Whose cycles.",
)
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="SPEC",
    help="Instead of those that the settings list: an id, FILE.py:Class or package.module:Class; may be "
    "given more than once.",
)
@click.option("--seeds", type=COUNT, default=5, show_default=True, help="How many worlds.")
@click.option("--first", type=WholeRange(min=0), default=0, show_default=True, help="The first one's seed.")
@click.option("--steps", type=COUNT, default=100, show_default=True, help="Cycles of each, before its end.")
@click.option("--minutes", type=COUNT, help="Begin no world after so many minutes.")
@click.option("--interval", type=COUNT, default=60, show_default=True, help="Seconds between cycles.")
@click.option(
    "--by-hand", type=WholeRange(min=0), default=5400, show_default=True,
    help="Seconds between two acts of a person on the same account, on average; 0: nobody acts.",
)  # fmt: skip
@json_option
@click.pass_context
def rehearse(
    ctx: click.Context,
    stage: str,
    strategies: tuple[str, ...],
    seeds: int,
    first: int,
    steps: int,
    minutes: int | None,
    interval: int,
    by_hand: int,
    as_json: bool,
) -> None:
    """Run your settings and strategies at an exchange that exists in this process alone.

    Each seed is a world: prices walk, orders are lost, taken twice or late, fills come late, lists lack some,
    balances freeze, processes die at any call, the disk fails, backups are put back, a person trades beside.
    The core and the database are the real ones; nothing is sent anywhere, and no time is waited. After every
    cycle it is checked that no order is there twice, none unknown and no fill lost, that the books are the
    exchange's to the last digit, that nothing was sent that may not be, and that every cycle is decided again
    as it was. The same seed comes to the same end.

    Exit code 0: everything held. 1: something did not; the seed and the steps repeat it. 2: the settings or a
    strategy cannot be used.
    """
    number = int(stage.removeprefix("stage"))
    specs = tuple(filter(_is_class, strategies))
    ids = ",".join(one for one in strategies if one not in specs)
    listed = {f"STAGE{number}_STRATEGIES": ids if strategies else None}
    settings = settings_for(
        "exchange", "live", "risk", "degrade", "universe", "strategy", options=listed, warn=False
    ).settings
    given = {"seeds": seeds, "first": first, "steps": steps, "interval": interval, "by_hand": by_hand}
    report = _rehearsed(number, settings, specs, minutes, as_json=as_json, **given)
    chosen = "".join(f" --strategy {shlex.quote(one)}" for one in strategies)
    options = f"--stage {stage} --interval {interval} --by-hand {by_hand}{chosen}"
    print_json(_document(report)) if as_json else _print(report, options)
    ctx.exit(0 if report.broken is None else 1)


def _is_class(spec: str) -> bool:
    """Whether a strategy is named by its class: what follows the colon of an id is a weight."""
    _, colon, last = spec.rpartition(":")
    return bool(colon) and last.isidentifier()


def _rehearsed(
    stage: int,
    settings: Settings,
    specs: tuple[str, ...],
    minutes: int | None,
    *,
    seeds: int,
    first: int,
    steps: int,
    interval: int,
    by_hand: int,
    as_json: bool,
) -> Report:
    from meva_adapters.rehearsal.faults import Fault
    from meva_adapters.rehearsal.process_there import Trader
    from meva_adapters.rehearsal.rehearsing import rehearse as run
    from meva_adapters.rehearsal.rehearsing import texts_of
    from meva_adapters.rehearsal.worlds import Shape
    from meva_adapters.strategies.listed import and_named, of_stage

    with hosting():
        at_hand = and_named(of_stage(stage, settings), specs, settings)
    say_unknown_headings(settings, at_hand.chosen)
    trader = Trader(at_hand.strategies, at_hand.listed, at_hand.bars)
    shape = Shape(
        stage=stage,
        settings=texts_of(settings),
        interval=interval,
        hand_every=by_hand,
        pairs=_pairs(settings),
        without=frozenset({Fault.SETTINGS}),  # it is these that are rehearsed
    )
    until = None if minutes is None else time.monotonic() + 60 * minutes

    def is_time_left() -> bool:
        return until is None or time.monotonic() < until

    with hosting() as answers:

        def told(ended: Ended) -> None:
            if as_json:
                return
            word = ended.broken or "holds"
            with redirect_stdout(answers):
                print_line(f"seed {ended.seed}  {counted(ended.seen['cycles'], 'cycle')}  {word}")

        return run(shape, trader, range(first, first + seeds), steps, told, is_time_left)


def _pairs(settings: Settings) -> tuple[str, ...]:
    from meva_core.operational.limits import limits_from

    found = limits_from(settings).symbols
    if others := [name for name in found if not name.endswith("TRY")]:
        raise BadInput(
            f"SYMBOLS: {others[0]} is no pair with TRY, which alone can be rehearsed", action="leave it out"
        )
    return found


def _document(report: Report) -> dict[str, Any]:
    from meva_adapters.rehearsal.rehearsing import named

    broken = report.broken
    return {
        "holds": broken is None,
        "worlds": report.worlds,
        "cycles": report.cycles,
        "seconds": round(report.seconds, 1),
        "cycles_per_second": round(report.cycles / report.seconds, 1) if report.seconds else None,
        "faults": named(report.faults),
        "seen": named(report.seen),
        "broken": None
        if broken is None
        else {"seed": broken.seed, "step": broken.at, "steps": broken.steps, "what": broken.broken,
              "last": list(broken.tail)},
    }  # fmt: skip


def _print(report: Report, options: str) -> None:
    from meva_adapters.rehearsal.rehearsing import named

    pace = report.cycles / report.seconds if report.seconds else 0.0
    print_line("")
    print_pairs({"worlds": report.worlds, **{name: report.seen[name] for name in _SHOWN}})
    print_pairs({f"mode {mode}": report.seen[f"mode_{mode}"] for mode in _MODES})
    print_line("")
    print_line("what went wrong in them, and how often")
    print_pairs({name.replace("_", " "): count for name, count in named(report.faults).items()})
    print_line("")
    speed = f"{report.seconds:.1f} s, {pace:.1f} cycles a second"
    broken = report.broken
    if broken is None:
        print_line(
            f"everything held: {counted(report.worlds, 'world')}, {counted(report.cycles, 'cycle')}, {speed}"
        )
        return
    for line in broken.tail[-_TAIL:]:
        print_line(f"  {line}")
    print_line(f"seed {broken.seed}, step {broken.at}: {broken.broken}")
    print_line(f"again: meva rehearse --first {broken.seed} --seeds 1 --steps {broken.steps} {options}")


_MODES: Final = ("NORMAL", "REDUCE_RISK_ONLY", "OBSERVE_ONLY")
