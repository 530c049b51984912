"""`meva strategy`: a trader's own strategy, begun, listed and checked."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from meva_cli.dataset import dataset_folder
from meva_cli.load import settings_for
from meva_cli.options import FOLDER, WholeRange, json_option
from meva_cli.render import print_json, print_line, print_table
from meva_cli.strategies.options import PARAMETERS, say_unknown_headings, strategy_of
from meva_cli.strategies.told import check_document, listed, print_check
from meva_core.errors import BadInput


@click.command()
@click.argument("spec")
@click.option("--data", "folder", type=FOLDER, help="The dataset.  [default: MEVA_REPLAY_DATASET]")
@PARAMETERS
@click.option("--seed", type=WholeRange(0, 2**31), default=0, show_default=True, help="Of the cuts.")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    spec: str,
    folder: Path | None,
    parameters: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Check that a strategy knows nothing that it cannot know yet, and answers alike wherever it is asked.

    SPEC is an id, FILE.py:Class or package.module:Class. It is asked about the data in processes of its own,
    in which opening a file, a socket or a process is an error: with what lies behind each of 64 cycles taken
    away or made another, with more history, in other windows, processes and orders. It is asked as Stage 7
    asks: one that decides has to answer with weights, orders are for Stages 3 and 4 alone. Exit code 0:
    nothing speaks against it. 1: something does; the first cycle and symbol that differ are named.
    """
    from meva_adapters.replay import open_dataset
    from meva_cli.strategies.checking import checked

    given = {"STRATEGY": spec}
    loaded = settings_for("exchange", "live", "stage7", "strategy", options=given)
    chosen = strategy_of(loaded.settings, parameters)
    if chosen is None:
        raise BadInput(
            f"{spec} is what Stage 7 does without a strategy: the engine's own, proved by `meva prove`",
            action="name another strategy; `meva strategy list` shows what there is",
        )
    dataset = open_dataset(dataset_folder(folder))
    tape, report = checked(loaded, dataset, spec, chosen, seed=seed)
    document = check_document(chosen, tape, report, loaded.settings.stage7.universe_size, str(dataset.root))
    print_json(document) if as_json else print_check(document)
    ctx.exit(0 if report.ok else 1)


@click.command()
@click.argument("file", type=FOLDER)
def new(file: Path) -> None:
    """Write a strategy that runs and says what each part of it is for, to begin with.

    FILE ends in .py and gives the class its name. A file that is there stays as it is.
    """
    from meva_cli.strategies.template import class_name_of, template_of
    from meva_core.strategy.base import snake_case

    name = class_name_of(file)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(template_of(name, file))
    except FileExistsError:
        raise BadInput(f"{file} is there already, and stays as it is", action="choose another name") from None
    except FileNotFoundError:
        raise BadInput(f"there is no folder {file.parent}", action="make it first") from None
    print_line(f"{file}: class {name}")
    print_line("Next:")
    print_line(f"  meva strategy check {file}:{name} --data DIR")
    print_line(f"  meva backtest --data DIR --strategy {file}:{name}")
    print_line("In Stages 3 and 4, where strategies are found by their ids:")
    folder = shlex.quote(str(file.parent.resolve()))
    print_line(f"  export MEVA_STRATEGY_PATH={folder} STAGE4_STRATEGIES={snake_case(name)}")
    print_line("  meva run stage4 --dry-run")


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show which strategies ids name: built in, installed, and those of the files under MEVA_STRATEGY_PATH.

    Their code is run to see their parameters. One that cannot be loaded is named on stderr. How each answers:
    weights, for many cycles at once, in every stage; decide, cycle by cycle with the book before its eyes, in
    every stage where that gives a dict of weights, in Stages 3 and 4 alone where it gives orders.
    """
    from meva_adapters.strategies.files import places_of

    settings = settings_for("strategy").settings
    rows = list(listed(places_of(settings.strategy.path), settings.strategy.tables))
    for row in rows:
        if row["problem"]:
            click.echo(f"warning: {row['problem']}", err=True)
    say_unknown_headings(settings, {row["id"] for row in rows})
    if as_json:
        print_json({"strategies": rows})
        return
    print_table(["id", "version", "bars", "parameters", "answers", "from"], [_shown(row) for row in rows])


def _shown(row: dict[str, Any]) -> list[Any]:
    parameters = "; ".join(
        f"{one['name']}={one['default']!r} ({one['expected']})" for one in row["parameters"]
    )
    return [row["id"], row["version"], row["bars"], parameters, row["answers"], row["from"]]
