"""Every command by name: where it is, and one line of what it does.

This is data, so that `meva --help` imports no command. To add a command, add its line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Command(NamedTuple):
    """A command: its words, `module:attribute` of its click command, and its one line.

    `settings` are the groups that it reads besides `state`; None for one that reads no setting at all.
    """

    path: str
    target: str
    help: str
    settings: tuple[str, ...] | None = ()


class Alias(NamedTuple):
    """A name of the earlier system: the command it means, and what its options are called there.

    An option that maps to a number is the positional argument of that place, one that maps to None is taken
    with its value and changes nothing. `defaults` are what the earlier system took where an option, by its
    name of today or its place, was not given; `settings` likewise where no source names them. `differs` says
    where it does something else than the earlier system did.
    """

    path: str
    options: Mapping[str, str | int | None] = {}
    defaults: Mapping[str | int, str] = {}
    settings: Mapping[str, str] = {}
    differs: str = ""


ALL_GROUPS: Final = (
    "gates",
    "exchange",
    "live",
    "risk",
    "degrade",
    "universe",
    "stage7",
    "alerts",
    "strategy",
)
_OF_EXCHANGE: Final = ("exchange", "stage7")
DATASET: Final = "data/replay"
"""Where the earlier system looked for its dataset."""


GROUPS: Final[Mapping[str, str]] = {
    "db": "The database: its revision, its soundness, its backups.",
    "engine": "The engine's machine code.",
    "emulator": "A local exchange to rehearse on.",
    "replay": "Datasets of recorded markets.",
    "risk": "The rules of risk of a book.",
    "run": "A stage on the live market.",
    "strategy": "A trader's own strategy.",
}
"""Commands of two words: what the first one stands for."""

COMMANDS: Final = (
    Command("demo", "meva_cli.commands.demo:demo", "A first backtest, out of what comes with Meva.", None),
    Command("init", "meva_cli.commands.init:init", "Make a folder to work in.", None),
    Command(
        "gates",
        "meva_cli.commands.gates:gates",
        "What the settings allow, what blocks, and which line to change.",
        ("gates", "exchange", "live"),
    ),
    Command(
        "config",
        "meva_cli.commands.config:config",
        "Show every setting that is not its default, and where it came from.",
        ALL_GROUPS,
    ),
    Command(
        "backtest",
        "meva_cli.commands.backtest:backtest",
        "Run Stage 7 over recorded markets and record every cycle.",
        ("exchange", "live", "stage7", "strategy"),
    ),
    Command(
        "strategy new",
        "meva_cli.commands.strategy:new",
        "Write a strategy that runs, to begin with.",
        None,
    ),
    Command(
        "strategy list",
        "meva_cli.commands.strategy:list_",
        "Show which strategies there are, with their parameters.",
        ("strategy",),
    ),
    Command(
        "strategy check",
        "meva_cli.commands.strategy:check",
        "Check that a strategy knows nothing that it cannot know yet.",
        ("exchange", "live", "stage7", "strategy"),
    ),
    Command(
        "engine warm",
        "meva_cli.commands.engine:warm",
        "Compile the engine, so that runs find it compiled.",
        None,
    ),
    Command(
        "run stage7",
        "meva_cli.commands.run_stage7:stage7",
        "Stage 7 on the live market with simulated money: one cycle, or a loop.",
        ("gates", "exchange", "live", "stage7", "alerts", "strategy"),
    ),
    Command(
        "run stage3",
        "meva_cli.commands.run_live:stage3",
        "Stage 3, dry or live behind gates: one cycle, or a loop.",
        ALL_GROUPS,
    ),
    Command(
        "run stage4",
        "meva_cli.commands.run_live:stage4",
        "Stage 4, dry or live behind gates: one cycle, or a loop.",
        ALL_GROUPS,
    ),
    Command(
        "rehearse",
        "meva_cli.commands.rehearse:rehearse",
        "Run your settings and strategies where all goes wrong that may.",
        ("exchange", "live", "risk", "degrade", "universe", "strategy"),
    ),
    Command(
        "prove",
        "meva_cli.commands.prove:prove",
        "Decide a recorded run again, and compare everything.",
        ("strategy",),
    ),
    Command(
        "recheck",
        "meva_cli.commands.recheck:recheck",
        "Decide cycles of Stages 3 and 4 again, and compare.",
        ("strategy",),
    ),
    Command("parity", "meva_cli.commands.parity:parity", "Compare the recorded runs of two databases.", None),
    Command("report", "meva_cli.commands.report:report", "Show recent cycles and what they add up to."),
    Command(
        "alerts",
        "meva_cli.commands.alerts:alerts",
        "Show which cycles raised an alert or a flag, and what people were told.",
        ("alerts",),
    ),
    Command(
        "why",
        "meva_cli.commands.why:why",
        "Say why a cycle did, or did not, trade.",
        ("gates", "exchange", "live", "stage7"),
    ),
    Command("trades", "meva_cli.commands.trades:trades", "Show every fill, or round trips."),
    Command("positions", "meva_cli.commands.positions:positions", "Show what a run or a book holds."),
    Command(
        "export",
        "meva_cli.commands.export:export",
        "Write cycles, fills, orders, trades or equity for other programs.",
    ),
    Command("runs", "meva_cli.commands.runs:runs", "Show the runs of a database."),
    Command(
        "books",
        "meva_cli.commands.books:books",
        "Show, make or close books of simulated money.",
        ("live",),
    ),
    Command(
        "doctor",
        "meva_cli.commands.doctor:doctor",
        "Say whether what is needed is there and right, and what to do.",
        ("gates", "exchange", "live", "stage7", "alerts", "strategy"),
    ),
    Command(
        "status",
        "meva_cli.commands.status:status",
        "Show what every book is doing now.",
        ("gates", "exchange"),
    ),
    Command(
        "kill",
        "meva_cli.commands.kill:kill",
        "Keep everything from being sent to the exchange, from now on.",
        ("gates", "exchange", "live"),
    ),
    Command("arm", "meva_cli.commands.arm:arm", "Take back what a kill has ended.", ("gates",)),
    Command("orders", "meva_cli.commands.orders:orders", "Show the orders of a book as they stand."),
    Command("fills", "meva_cli.commands.fills:fills", "Show every fill of a book, or its flows."),
    Command("pnl", "meva_cli.commands.pnl:pnl", "Show what a live book made, by day and symbol; it adds up."),
    Command("risk show", "meva_cli.commands.risk:show", "Show how a book stands with the rules of risk."),
    Command("risk reset", "meva_cli.commands.risk:reset", "Let a book trade again after a drawdown breach."),
    Command("count", "meva_cli.commands.count:count", "Show how many rows every table has."),
    Command("db upgrade", "meva_cli.commands.db:upgrade", "Bring a database to this program's revision."),
    Command("db downgrade", "meva_cli.commands.db:downgrade", "Bring a database back to a revision."),
    Command("db current", "meva_cli.commands.db:current", "Show the revision of a database."),
    Command("db check", "meva_cli.commands.db:check", "Show whether a database is sound, and what it needs."),
    Command("db fill", "meva_cli.commands.columns:fill", "Make the rows of cycles that have columns only."),
    Command("db slim", "meva_cli.commands.columns:slim", "Take rows away that the columns give as well."),
    Command("db backup", "meva_cli.commands.db:backup", "Write a checked copy of an SQLite database."),
    Command("db copy", "meva_cli.commands.db:copy", "Copy a history between SQLite and PostgreSQL.", None),
    Command(
        "replay init",
        "meva_cli.commands.replay:make",
        "Make a dataset folder, with made-up markets to try things on.",
        None,
    ),
    Command("replay validate", "meva_cli.commands.replay:validate", "List every problem of a dataset."),
    Command(
        "replay info", "meva_cli.commands.replay:info", "Show symbols, rows, span, step, gaps and checksums."
    ),
    Command(
        "replay import",
        "meva_cli.commands.import_:import_",
        "Make a dataset of candles as people have them.",
        None,
    ),
    Command(
        "replay convert", "meva_cli.commands.replay:convert", "Write a dataset as Parquet, or as CSV.", None
    ),
    Command(
        "replay export",
        "meva_cli.commands.replay:export",
        "Write what a live run saw, to be decided again.",
        ("strategy",),
    ),
    Command(
        "emulator serve",
        "meva_cli.commands.emulator:serve",
        "Serve a local exchange that speaks BTCTurk's API.",
        None,
    ),
    Command("health", "meva_cli.commands.health:health", "Say whether the exchange answers.", _OF_EXCHANGE),
    Command("replay capture", "meva_cli.commands.capture:capture", "Record the live market.", _OF_EXCHANGE),
    Command(
        "replay fetch", "meva_cli.commands.fetch:fetch", "Bring candle history of a period.", _OF_EXCHANGE
    ),
)

BY_PATH: Final[Mapping[str, Command]] = {command.path: command for command in COMMANDS}

_EXPORTED: Final = (
    "all cycles of the run, not the last 50; without --out to stdout; other fields, and the version of "
    "their schema; Parquet, too"
)

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
        settings={"MEVA_REPLAY_DATASET": DATASET},
        differs="--start and --end may be left out; the step is the dataset's, not 60 s, the seed 0, not "
        "123; a database may hold many runs; cycles, orders, ids and the fingerprint are Meva's own",
    ),
    "stage7-parity": Alias(
        "parity",
        {"--db-a": 0, "--out-a": 0, "--db-b": 1, "--out-b": 1, "--dataset": None, "--data": None},
        differs="--start and --end may be left out; --dataset changes nothing; fingerprints are Meva's own",
    ),
    "stage7-report": Alias("report", differs="the last 20 cycles, not 10; other columns, and totals"),
    "stage7-alerts": Alias("alerts", differs="all cycles of the run, not the last 50; counted by flag"),
    "stage7-export": Alias("export", differs=_EXPORTED),
    "stage7-backtest-export": Alias("export", {"--out-db": "--db"}, differs=_EXPORTED),
    "stage7-backtest-report": Alias("export", {"--out-db": "--db"}, differs=_EXPORTED),
    "stage7-db-count": Alias(
        "count", differs="every table, also those that are not Stage 7's; a tab, not a colon, before the rows"
    ),
    "replay-init": Alias(
        "replay init",
        {"--dataset": 0, "--data": 0, "--out": 0, "--no-synthetic": "--empty"},
        {0: DATASET},
        differs="the seed is 1, not 123, and makes other markets; a folder that holds something is refused",
    ),
    "replay-capture": Alias(
        "replay capture",
        {"--dataset": 0, "--data": 0, "--out": 0, "--interval-seconds": "--interval"},
        {0: DATASET, "--seconds": "300"},
        differs="a poll every 5 s, not every second; without --symbols those of SYMBOLS",
    ),
}
"""Names of the earlier system; one works as soon as the command it means is there."""
