"""Every command by name: where it is, and one line of what it does.

This is data, so that `meva --help` imports no command. To add a command, add its line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Command(NamedTuple):
    """A command: its words, `module:attribute` of its click command, and its one line."""

    path: str
    target: str
    help: str


class Alias(NamedTuple):
    """A name of the earlier system: the command it means, and what its options are called there.

    An option that maps to a number is the positional argument of that place.
    """

    path: str
    options: Mapping[str, str | int] = {}


GROUPS: Final[Mapping[str, str]] = {
    "db": "The database: its revision, its soundness, its backups.",
    "emulator": "A local exchange to rehearse on.",
    "replay": "Datasets of recorded markets.",
}
"""Commands of two words: what the first one stands for."""

COMMANDS: Final = (
    Command(
        "gates",
        "meva_cli.commands.gates:gates",
        "What the settings allow, what blocks, and which line to change.",
    ),
    Command(
        "backtest",
        "meva_cli.commands.backtest:backtest",
        "Run Stage 7 over recorded markets and record every cycle.",
    ),
    Command("parity", "meva_cli.commands.parity:parity", "Compare the recorded runs of two databases."),
    Command("report", "meva_cli.commands.report:report", "Show recent cycles and what they add up to."),
    Command("alerts", "meva_cli.commands.alerts:alerts", "Show which cycles raised an alert or a flag."),
    Command("why", "meva_cli.commands.why:why", "Say why a cycle did, or did not, trade."),
    Command("export", "meva_cli.commands.export:export", "Write cycles as JSON lines, CSV or Parquet."),
    Command("runs", "meva_cli.commands.runs:runs", "Show the runs of a database."),
    Command("count", "meva_cli.commands.count:count", "Show how many rows every table has."),
    Command("db upgrade", "meva_cli.commands.db:upgrade", "Bring a database to this program's revision."),
    Command("db downgrade", "meva_cli.commands.db:downgrade", "Bring a database back to a revision."),
    Command("db current", "meva_cli.commands.db:current", "Show the revision of a database."),
    Command("db check", "meva_cli.commands.db:check", "Show whether a database is sound, and what it needs."),
    Command("db backup", "meva_cli.commands.db:backup", "Write a checked copy of an SQLite database."),
    Command("db copy", "meva_cli.commands.db:copy", "Copy a history between SQLite and PostgreSQL."),
    Command(
        "replay init",
        "meva_cli.commands.replay:make",
        "Make a dataset folder, with made-up markets to try things on.",
    ),
    Command("replay validate", "meva_cli.commands.replay:validate", "List every problem of a dataset."),
    Command(
        "replay info", "meva_cli.commands.replay:info", "Show symbols, rows, span, step, gaps and checksums."
    ),
    Command(
        "emulator serve",
        "meva_cli.commands.emulator:serve",
        "Serve a local exchange that speaks BTCTurk's API.",
    ),
    Command("health", "meva_cli.commands.health:health", "Say whether the exchange answers."),
    Command("replay capture", "meva_cli.commands.capture:capture", "Record the live market."),
    Command("replay fetch", "meva_cli.commands.fetch:fetch", "Bring candle history of a period."),
)

BY_PATH: Final[Mapping[str, Command]] = {command.path: command for command in COMMANDS}

ALIASES: Final[Mapping[str, Alias]] = {
    "stage4-run": Alias("run stage4"),
    "stage7-run": Alias("run stage7"),
    "stage7-backtest": Alias(
        "backtest",
        {
            "--dataset": "--data",
            "--out": "--db",
            "--out-db": "--db",
            "--step-seconds": "--step",
            "--pair-info-json": "--pair-info",
        },
    ),
    "stage7-parity": Alias("parity", {"--db-a": 0, "--db-b": 1}),
    "stage7-report": Alias("report"),
    "stage7-alerts": Alias("alerts"),
    "stage7-export": Alias("export"),
    "stage7-backtest-export": Alias("export", {"--out-db": "--db"}),
    "stage7-db-count": Alias("count"),
    "replay-init": Alias("replay init", {"--dataset": 0, "--data": 0, "--out": 0}),
    "replay-capture": Alias("replay capture", {"--dataset": 0, "--data": 0, "--out": 0}),
}
"""Names of the earlier system; one works as soon as the command it means is there."""
