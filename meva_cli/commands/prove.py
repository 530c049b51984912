"""`meva prove`: a recorded run, decided again out of what is stored of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

import click

from meva_cli.database import DB, database, reading
from meva_cli.load import settings_for
from meva_cli.options import COUNT, ENGINE, json_option
from meva_cli.progress import make_progress
from meva_cli.render import as_text, counted, print_json, print_line, print_pairs
from meva_cli.runs import pick_run, run_option
from meva_cli.strategies.options import hosting, strategy_of, strategy_options, watch_of
from meva_core.errors import StoreUnready

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.stages.prove import Proof
    from meva_core.strategy.base import Strategy
    from meva_core.strategy.watching import Watch


@click.command()
@DB
@run_option
@click.option(
    "--last", type=COUNT, help="Only so many of the last cycles, or some more: from a stored state on."
)
@click.option("--book", metavar="NAME", help="All runs of a book, and what each began with.")
@strategy_options
@ENGINE
@json_option
@click.pass_context
def prove(
    ctx: click.Context,
    db: str | None,
    run_id: str | None,
    last: int | None,
    book: str | None,
    strategy: str | None,
    parameters: tuple[str, ...],
    engine: str,
    as_json: bool,
) -> None:
    """Decide the cycles of a run again out of what is stored of them, and compare everything.

    What its cycles saw is stored with what they decided. The engine runs over it from the state before them,
    and columns, orders, fills, digests, links and states are compared with what is stored. No dataset, no
    network and no key are needed. With --book that is done for all runs of the book, with --last, too, for
    those that its last cycles lie in, and what each began with is reckoned out of what the one before left.
    Of a run with a strategy the stored weights count; with --strategy they are computed again, too, from the
    stored bars, and so is what it has in mind: of a book those of the runs with that very strategy, with
    --last those of the last cycles. Exit code 0: all is equal. 1: something differs; the first cycle, step
    and field are named with both values, or what is damaged. 2: something lacks, such as the columns of a run
    that has rows only.
    """
    from meva_core.errors import StoreCorrupt

    asked = _asked(strategy, parameters)
    if book is not None and run_id is not None:
        raise click.UsageError("--book does not take --run: it proves the runs of the book, in order")
    try:
        url = database(db)
        with hosting():
            report = (
                _of_run(url, run_id, last, engine, asked)
                if book is None
                else _of_book(url, book, last, engine, asked)
            )
    except StoreCorrupt as error:
        name = {"run_id": run_id} if book is None else {"book": book}
        report = {**name, "proved": False, "damage": str(error), "action": error.action}
    print_json(report) if as_json else _print(report)
    ctx.exit(0 if report["proved"] else 1)


class _Asked(TypedDict, total=False):
    """A strategy that is asked again, with what it is, and who watches that; nothing for none."""

    strategy: tuple[Strategy, Mapping[str, Any]]
    watch: Watch


def _asked(strategy: str | None, parameters: tuple[str, ...]) -> _Asked:
    """Return the strategy that the command line names."""
    if strategy is None:
        if parameters:
            raise click.UsageError("-p goes with --strategy")
        return {}
    settings = settings_for("strategy", options={"STRATEGY": strategy}).settings
    chosen = strategy_of(settings, parameters)
    if chosen is None:
        return {}
    return {"strategy": (chosen.strategy, chosen.identity), "watch": watch_of(chosen, settings)}


def _of_run(db: URL, run_id: str | None, last: int | None, engine: str, asked: _Asked) -> dict[str, Any]:
    from meva_adapters.codec import CODEC
    from meva_adapters.system.compiled import choose
    from meva_core.stages.prove import prove as decide

    with reading(db) as reads:
        run = pick_run(reads, run_id)
        cycles = (reads.run(run) or {}).get("cycles")
        speed = choose(engine, last or (cycles if isinstance(cycles, int) else 0))
        progress = make_progress(speed.doing)
        return document_of(decide(reads, run, CODEC, speed.loop, progress, last=last, **asked))


def _of_book(db: URL, name: str, last: int | None, engine: str, asked: _Asked) -> dict[str, Any]:
    from meva_adapters.codec import CODEC
    from meva_adapters.system.compiled import choose
    from meva_core.stages.book_runs import pick_book, runs_of
    from meva_core.stages.prove_book import prove_book

    with reading(db) as reads:
        book = pick_book(reads, name)
        speed = choose(engine, last or sum(row["cycles"] for row in runs_of(reads, book)))
        progress = make_progress(speed.doing)
        found = prove_book(reads, book, CODEC, speed.loop, progress, **asked, last=last)
        proofs = [document_of(proof) for proof in found]
    if not proofs:
        raise StoreUnready(f"book {name} has no cycle yet", action="`meva books` shows the books there are")
    newest = proofs[-1]
    return {
        "book": name,
        "proved": newest["proved"],
        "cycles": sum(proof["cycles"] for proof in proofs),
        "fingerprint": newest["fingerprint"],
        "runs": proofs,
    }


def document_of(proof: Proof) -> dict[str, Any]:
    """Return a proof as `--json` shows it."""
    found = proof.difference
    return {
        "run_id": proof.run_id,
        "proved": found is None,
        "cycles": proof.cycles,
        "since": datetime.fromtimestamp(proof.since, UTC),
        "fingerprint": proof.fingerprint,
        "left_out": list(proof.left_out),
        "recorded_by": proof.code_versions,
        "difference": None
        if found is None
        else {
            "cycle_ts": datetime.fromtimestamp(found.time, UTC),
            "step": found.step,
            "field": found.field,
            "stored": found.stored,
            "decided": found.decided,
            **({} if found.by is None else {"by": found.by}),
        },
    }


def _print(report: dict[str, Any]) -> None:
    if "damage" in report:
        click.echo(f"Error: {report['damage']}\nTo do: {report['action']}", err=True)
        return
    proofs = report.get("runs", [report])
    for proof in proofs:
        for left_out in proof["left_out"]:
            click.echo(f"warning: not proved: run {proof['run_id']}: {left_out}", err=True)
    if report["proved"]:
        counts = f"{counted(report['cycles'], 'cycle')}, {counted(len(proofs), 'run')}"
        print_line(f"proved: {counts}, fingerprint {report['fingerprint']}")
        return
    last = proofs[-1]
    print_pairs({name: last[name] for name in ("run_id", "proved", "cycles", "recorded_by")})
    print_pairs({f"difference.{name}": as_text(value) for name, value in last["difference"].items()})
